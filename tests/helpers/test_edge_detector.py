"""The edge net: shapes, its loss against a slow version, its data, and that it learns and ships."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models.helpers.edge_net import EdgeNet, balanced_cross_entropy, edge_detector
from pipeline.core.params import load
from pipeline.helpers.augment import CropAugment
from pipeline.helpers.edge_detector import train
from pipeline.helpers.supervised import NetParams, OptimizerParams, Supervised
from pipeline.stages.hed import HedParams, holistic
from pipeline.training.run import Device
from pipeline.weights import loaders

PARAMS = load(train.EdgesParams, "train_edges")


@pytest.mark.parametrize("size", [(16, 16), (37, 50)])
def test_every_output_has_the_photos_size(size: tuple[int, int]) -> None:
    outputs = EdgeNet((4, 6, 8, 8), 4).eval()(torch.rand(2, 3, *size))
    assert [tuple(o.shape) for o in outputs] == [(2, 1, *size)] * 5


def test_loss_equals_the_sum_pixel_by_pixel() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 1, 5, 6, generator=generator)
    agreement = (torch.randint(0, 6, (2, 1, 5, 6), generator=generator) / 5).clamp_max(1)
    total = 0.0
    for n in range(2):
        a, p = agreement[n, 0], torch.sigmoid(logits[n, 0])
        edge, none = a >= 0.4, a == 0
        asked = int(edge.sum() + none.sum())
        on = -torch.log(p[edge]).sum() * (none.sum() / asked)
        off = -torch.log(1 - p[none]).sum() * (1.1 * edge.sum() / asked)
        total += float((on + off) / asked)
    assert float(balanced_cross_entropy(logits, agreement, 0.4, 1.1)) == pytest.approx(total / 2, rel=1e-5)


def boundaries(seed: int = 0) -> train.Boundaries:
    """A photo whose brightness is what people drew, so that both must move alike."""
    agreement = np.zeros((80, 100), np.uint8)
    agreement[20:60, 30:33] = agreement[20:23, 30:70] = 255
    augment = CropAugment(48, 180, (0.7, 1.4), 0.0)
    return train.Boundaries([np.repeat(agreement[..., None], 3, 2)], [agreement], augment, 3, seed)


def test_photo_and_boundaries_move_together_and_depend_on_seed_and_step() -> None:
    batch = boundaries()(4)
    assert batch["photo"].shape == (3, 3, 48, 48)
    torch.testing.assert_close(batch["photo"][:, :1], batch["agreement"], atol=0.02, rtol=0)
    assert batch["agreement"].max() > 0.9
    torch.testing.assert_close(boundaries()(4)["photo"], batch["photo"], rtol=0, atol=0)
    assert not torch.equal(boundaries()(5)["photo"], batch["photo"])
    assert not torch.equal(boundaries(1)(4)["photo"], batch["photo"])


def test_it_learns_resumes_and_ships(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALI_SKETCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CALI_SKETCH_WEIGHTS", str(tmp_path / "data/trained/edges"))
    monkeypatch.setattr(train, "read_boundaries", lambda params, splits, seed: (boundaries(seed), "digest"))
    schedule = replace(PARAMS.schedule, steps=30, log_every_steps=5, save_every_steps=10, sample_every_steps=30)
    params = replace(
        PARAMS, net=NetParams((4, 6, 8), 4), schedule=schedule, batch=3, optimizer=OptimizerParams(1e-2, 0.0)
    )
    folder = tmp_path / "data" / "trained" / "edges"
    train.run(params, tmp_path / "data", Device("cpu", "32-true"))
    whole = (folder / "weights.safetensors").read_bytes()
    rows = (folder / "history.csv").read_text().splitlines()
    assert float(rows[-1].split(",")[2]) < 0.7 * float(rows[1].split(",")[2])

    original, calls = Supervised.step, []

    def killed(self: Supervised, batch: dict) -> dict:
        calls.append(1)
        if len(calls) == 17:
            raise KeyboardInterrupt
        return original(self, batch)

    monkeypatch.setattr(Supervised, "step", killed)
    with pytest.raises(KeyboardInterrupt):
        train.run(params, tmp_path / "data", Device("cpu", "32-true"))
    train.run(params, tmp_path / "data", Device("cpu", "32-true"))
    assert len(calls) == 17 + 20
    assert (folder / "weights.safetensors").read_bytes() == whole

    (folder / "weights.safetensors").rename(folder / "edges.safetensors")
    loaders.runner.cache_clear()
    drawn = holistic(np.full((40, 50, 3), 99, np.uint8), HedParams("own", 0.1, 2.0))
    loaders.runner.cache_clear()
    assert drawn.shape == (40, 50)
    assert 0 <= drawn.min() <= drawn.max() <= 1
    assert loaders.identify(folder / "edges.safetensors") == "edges"


def test_other_tensors_are_refused() -> None:
    with pytest.raises(ValueError, match=r"no tensors of pyramid\.stem"):
        edge_detector({"a": torch.ones(1)})
