"""Weight files: where they are looked for, and what is refused."""

import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from pipeline import weights
from pipeline.weights import WeightsError, load_tensors, weight_file


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CALI_SKETCH_WEIGHTS", str(tmp_path))
    return tmp_path


def test_missing_says_what_to_get_and_where_to_put_it(folder: Path) -> None:
    with pytest.raises(WeightsError, match=r"yunet.*get face_detection.*data/weights/"):
        weight_file("yunet")


def test_own_folder_comes_first(folder: Path) -> None:
    path = folder / weights.WEIGHTS["yunet"].file
    path.write_bytes(b"x")
    assert weight_file("yunet") == path


def test_wrong_hash_is_refused(folder: Path) -> None:
    (folder / weights.WEIGHTS["vgg19"].file).write_bytes(b"cut")
    with pytest.raises(WeightsError, match="sha256 differs"):
        weight_file("vgg19")


def test_cut_and_foreign_files_are_refused(tmp_path: Path) -> None:
    save_file({"a": torch.ones(9)}, tmp_path / "w.safetensors")
    torch.save({"a": torch.ones(9)}, tmp_path / "w.pth")
    for name in ("w.safetensors", "w.pth"):
        path = tmp_path / name
        assert torch.equal(load_tensors(path)["a"], torch.ones(9))
        path.write_bytes(path.read_bytes()[:-20])
        with pytest.raises(WeightsError, match="not a whole weight file"):
            load_tensors(path)


class Evil:
    def __reduce__(self) -> tuple:
        return (Path("/tmp/cali-sketch-evil").touch, ())


def test_code_in_a_pickle_is_never_run(tmp_path: Path) -> None:
    torch.save({"a": Evil()}, tmp_path / "evil.pth")
    (tmp_path / "plain.pth").write_bytes(pickle.dumps(Evil()))
    for name in ("evil.pth", "plain.pth"):
        with pytest.raises(WeightsError):
            load_tensors(tmp_path / name)
    assert not Path("/tmp/cali-sketch-evil").exists()
