"""The edge net: shapes, its loss against a slow version, its data, and that it learns and ships."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from models.helpers.edge_net import EdgeNet, balanced_cross_entropy, edge_detector
from pipeline.core.image_io import read_photo
from pipeline.core.params import ParamsError
from pipeline.drawing.scale import on_canvas
from pipeline.helpers.augment import CropAugment
from pipeline.helpers.edge_detector import train
from pipeline.helpers.edge_detector.bsds500 import Annotated
from pipeline.helpers.supervised import NetParams
from pipeline.helpers.values import read_values
from pipeline.stages.hed import LARGEST_PX, HedParams, holistic
from pipeline.training.device import Device
from pipeline.training.supervised import OptimizerParams, Supervised
from pipeline.weights import drawing_nets, intake
from pipeline.weights.tensors import load_tensors

PARAMS = read_values(train.EdgeDetectorParams, "edge_detector")


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


VAL_GRAY = 77


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


SPLITS = {
    "train": boundaries(),
    "val": replace(boundaries(), photos=[np.full((80, 100, 3), VAL_GRAY, np.uint8)]),
}


def test_it_learns_resumes_and_ships(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALI_SKETCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CALI_SKETCH_WEIGHTS", str(tmp_path / "data/trained/edge_detector"))
    monkeypatch.setattr(train, "read_boundaries", lambda params, split: SPLITS[split])
    schedule = replace(PARAMS.schedule, steps=30, log_every_steps=5, save_every_steps=10, validate_every_steps=30)
    params = replace(
        PARAMS, net=NetParams((4, 6, 8), 4), schedule=schedule, batch=3, optimizer=OptimizerParams(1e-2, 0.0)
    )
    folder = tmp_path / "data" / "trained" / "edge_detector"
    train.train_edge_detector(params, tmp_path / "data", Device("cpu", "32-true"))
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
        train.train_edge_detector(params, tmp_path / "data", Device("cpu", "32-true"))
    train.train_edge_detector(params, tmp_path / "data", Device("cpu", "32-true"))
    assert len(calls) == 17 + 20
    assert (folder / "weights.safetensors").read_bytes() == whole

    sheet = read_photo(folder / "samples" / "000030.png")
    assert set(np.unique(sheet[:48, :48])) == {VAL_GRAY}  # the photos of val, none of train

    (folder / "weights.safetensors").rename(folder / "edge_detector.safetensors")
    drawing_nets.runner.cache_clear()
    photo = boundaries().photos[0]
    drawn = holistic(photo, HedParams("own", "plain", 0.1, 2.0))
    drawing_nets.runner.cache_clear()
    net = EdgeNet((4, 6, 8), 4).eval()
    net.load_state_dict({k: v.float() for k, v in load_tensors(folder / "edge_detector.safetensors").items()})

    def slow(canvas: np.ndarray) -> np.ndarray:
        x = torch.from_numpy(canvas).permute(2, 0, 1)[None] / 255
        half = F.interpolate(net(F.avg_pool2d(x, 2))[-1], x.shape[-2:], mode="bilinear")
        return torch.sigmoid((net(x)[-1] + half) / 2)[0, 0].detach().numpy()

    np.testing.assert_allclose(drawn, on_canvas(photo, slow, LARGEST_PX), atol=1e-3)
    assert drawn[boundaries().agreements[0] > 0].mean() > drawn.mean() + 0.1
    assert intake.identify(folder / "edge_detector.safetensors") == "edge_detector"


def test_other_tensors_are_refused() -> None:
    with pytest.raises(ValueError, match=r"no tensors of pyramid\.stem"):
        edge_detector({"a": torch.ones(1)})


def test_val_is_another_split_than_train() -> None:
    with pytest.raises(ParamsError, match="val another split than train"):
        replace(PARAMS, val="train")


def test_a_split_is_read_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(train, "annotated_ids", lambda folder, split: [f"{split}{i}" for i in range(2)])

    def read(folder: Path, split: str, name: str) -> Annotated:
        seen.append((split, name))
        mask = np.zeros((40, 50), bool)
        mask[20, 10:30] = True
        return Annotated(name, np.zeros((40, 50, 3), np.uint8), (mask, mask, ~mask & False))

    monkeypatch.setattr(train, "read_annotated", read)
    made = train.read_boundaries(PARAMS, "val")
    assert seen == [("val", "val0"), ("val", "val1")]
    assert made.agreements[0][21, 20] == 255 * 2 // 3  # two of three annotators, within a pixel
    assert made.agreements[0][23, 20] == 0
