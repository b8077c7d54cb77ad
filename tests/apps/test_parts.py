"""Nets of one system in another: what an export takes along, and what it tells of it."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from models.pairs import Completed
from pipeline.apps import export
from pipeline.apps.torch_nets import open_weights
from pipeline.core.errors import UserError
from pipeline.training.checkpoint import load_tensors, save_tensors
from pipeline.training.nets import make_generator
from tests.tiny_system import COMPLETER, SIZE, write_system

CPU = torch.device("cpu")


def write_scn(data: Path, seed: int) -> None:
    """As `train scn` leaves one that completes."""
    torch.manual_seed(seed)
    net = make_generator(COMPLETER, (1, 1))
    torch.nn.init.normal_(net.head.weight, 0, 0.5)
    about = {"stage": "scn", "size": SIZE, "params": {"scn": {"net": {"generator": vars(COMPLETER)}}}}
    tensors = {f"g/{key}": value for key, value in net.state_dict().items()}
    save_tensors(data / "trained/scn/weights.safetensors", tensors, about)


@pytest.fixture
def system(tmp_path: Path) -> Path:
    path = tmp_path / "system.safetensors"
    write_system(path, metrics={"val": {}}, tones={})
    return path


def strokes(seed: int = 0) -> np.ndarray:
    drawn = np.zeros((2, SIZE, SIZE), np.float32)
    drawn[:, 10:50, 20 + seed] = 1
    return drawn


def told(path: Path, level: float) -> np.ndarray:
    return open_weights(path, CPU).scn(strokes(), np.full((2, 1), level, np.float32))


def test_an_scn_becomes_the_completer_of_a_system(system: Path, tmp_path: Path) -> None:
    """As trained alone, of a system that has one, and of one that has none its SCN; figures of before are left out."""
    write_scn(tmp_path, 1)
    mine, again, other = (tmp_path / f"{name}.safetensors" for name in ("mine", "again", "other"))
    export.weights(str(system), tmp_path, mine, {"completer": "mine"})
    assert not np.allclose(told(mine, 0.5), told(system, 0.5), atol=0.01)
    np.testing.assert_allclose(told(mine, 0), told(system, 0), atol=5e-3)
    scn = open_weights(mine, CPU).scn
    assert isinstance(scn.whole, Completed)  # type: ignore[attr-defined]
    export.weights(str(system), tmp_path, again, {"completer": str(mine)})
    np.testing.assert_array_equal(told(again, 1), told(mine, 1))
    export.weights(str(mine), tmp_path, other, {"completer": str(system)})
    tensors, about = load_tensors(other)
    assert about["params"]["completer"] == about["params"]["scn"]
    own = {key.removeprefix("scn/"): value for key, value in tensors.items() if key.startswith("scn/")}
    for key, value in own.items():
        assert torch.equal(tensors[f"completer/{key}"], value)
    card = json.loads(mine.with_suffix(".json").read_text())
    assert "metrics" not in card
    assert card["tones"] == {}
    assert "metrics" in load_tensors(system)[1]


def test_a_net_of_another_size_or_none_is_refused(system: Path, tmp_path: Path) -> None:
    write_scn(tmp_path, 1)
    path = tmp_path / "trained/scn/weights.safetensors"
    tensors, about = load_tensors(path)
    save_tensors(path, tensors, about | {"size": 512})
    with pytest.raises(UserError, match=f"its completer is for 512 px, the system for {SIZE} px"):
        export.run(str(system), tmp_path, tmp_path / "no.safetensors", False, False, {"completer": "mine"})
    with pytest.raises(UserError, match="--completer makes a weights file; export that one with --onnx"):
        export.run(str(system), tmp_path, tmp_path / "no", True, False, {"completer": "mine", "restorer": None})
    with pytest.raises(UserError, match="--completer nobody: no such file"):
        export.weights(str(system), tmp_path, tmp_path / "no.safetensors", {"completer": "nobody"})
