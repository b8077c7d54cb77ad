"""A net that adds to a system's photos what they lack: what it is shown, that it learns it, and that it is used."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from models.losses.photo import dissimilarity
from pipeline.apps import export
from pipeline.apps.torch_nets import TorchNet, load_system, open_weights
from pipeline.core.dataset import read_split
from pipeline.core.errors import UserError
from pipeline.core.layout import Layout
from pipeline.core.params import ParamsError, load
from pipeline.core.polarity import unit
from pipeline.stages.demo.renderer import render_face
from pipeline.training.data import AugmentParams
from pipeline.training.device import Device
from pipeline.training.restorer import STRIDE, TRAINER, RestorerParams, off_grid, windowed
from pipeline.training.spoiling import SpoilingParams, spoilt
from pipeline.training.trainers import train_stage
from tests.tiny_system import SIZE, write_system

CPU = torch.device("cpu")
STILL = AugmentParams(flip=False, shift_px=0, angle_deg=0, zoom=0)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Rendered faces with some strokes, and a system."""
    monkeypatch.setenv("CALI_SKETCH_CACHE", str(tmp_path / "cache"))
    data = tmp_path / "data"
    for split, faces in (("train", range(6)), ("val", range(6, 8))):
        folder = data / "packed" / split
        (folder / "clean").mkdir(parents=True)
        photos = np.stack([render_face(SIZE, 1, face).photo for face in faces])
        np.save(folder / "photo.npy", photos)
        np.save(folder / "clean/xdog.npy", np.where(photos[..., 0] < 60, 0, 255).astype(np.uint8))
        index = {"ids": [str(face) for face in faces], "layers": {"photo": "1", "clean/xdog": "2"}}
        (folder / "index.json").write_text(json.dumps(index | {"made_with": {}}))
    write_system(data / "trained/joint/weights.safetensors")
    return data


def params(**changed: Any) -> RestorerParams:
    asked = load(RestorerParams, "train_restorer")
    schedule = replace(asked.schedule, steps=60, validate_every_steps=10, log_every_steps=1, save_every_steps=60)
    weights = replace(asked.loss.weights, l1=30.0, perceptual=1.0, adversarial=0.02, feature_matching=0.1)
    own = {
        "schedule": schedule,
        "optimizer": replace(asked.optimizer, lr=3e-3, ema=0.9),
        "spoiling": SpoilingParams(0.0, blur_px=(6.0, 6.0), ghosted=0.0, ghost=0.0),  # px at 256, and the faces have 64
        "loss": replace(asked.loss, weights=weights),
    }
    return replace(asked, augment=STILL, styles=(), drawn=("simplified",), window=1.0, **(own | changed))


def trained(data: Path, asked: RestorerParams) -> list[dict[str, str]]:
    train_stage("restorer", TRAINER, {"train_restorer": asked}, data, Device("cpu", "32-true"))
    with (data / "trained/restorer/history.csv").open() as file:
        return [row for row in csv.DictReader(file) if row["val_l1"]]


def test_it_learns_what_spoilt_photos_lack_and_goes_on_with_a_system_s(data: Path) -> None:
    rows = trained(data, params())
    assert float(rows[-1]["val_ssim"]) < 0.97 * float(rows[0]["val_ssim"])
    system, without = (load_system(Layout(data), stage, "cpu") for stage in ("restored", "joint"))
    assert system.takes_styles
    strokes = np.random.default_rng(1).random((2, SIZE, SIZE), np.float32)
    np.testing.assert_array_equal(system.scn(strokes), without.scn(strokes))
    isn = system.isn
    assert isinstance(isn, TorchNet)
    assert isn.restorer is not None
    soft = without.isn(strokes)
    np.testing.assert_allclose(isn(strokes), restored(isn, soft), atol=1e-6)
    assert np.abs(isn(strokes) - soft).max() > 0.01
    true = unit(read_split(Layout(data), "val").layers["photo"].transpose(0, 3, 1, 2))
    blurred = gaussian_filter(true, (0, 0, 1.5, 1.5))
    sharper = restored(isn, blurred)
    assert 1.2 * energy(blurred) < energy(sharper) < 1.5 * energy(true)
    assert 0 <= sharper.min() <= sharper.max() <= 1
    assert np.abs(sharper - true).mean() < np.abs(blurred - true).mean()
    unlike, before = (dissimilarity(*(torch.from_numpy(of) for of in (true, made))) for made in (sharper, blurred))
    assert unlike < 0.97 * before


def restored(isn: TorchNet, photos: np.ndarray) -> np.ndarray:
    assert isn.restorer is not None
    with torch.no_grad():
        made: np.ndarray = isn.restorer(torch.from_numpy(photos)).numpy()
    return made


def energy(photos: np.ndarray) -> float:
    """Of what is fine."""
    return float(np.square(photos - gaussian_filter(photos, (0, 0, 1, 1))).mean())


def test_an_export_takes_it_along_as_trained_or_from_another_system(data: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="missing"):
        export.weights("mine", data, tmp_path / "none.safetensors", {"restorer": "mine"})
    trained(data, params(schedule=replace(params().schedule, steps=2, validate_every_steps=1), batch=2))
    first, again, other = (tmp_path / name for name in ("first.safetensors", "again.safetensors", "other.safetensors"))
    write_system(other, seed=1)
    joint = str(data / "trained/joint/weights.safetensors")
    moved = tmp_path / "moved.safetensors"
    moved.write_bytes(Path(joint).read_bytes())
    export.weights(str(moved), data, first, {"restorer": "mine"})
    export.weights(str(other), data, again, {"restorer": str(first)})
    strokes = np.random.default_rng(1).random((1, SIZE, SIZE), np.float32)
    own = load_system(Layout(data), "restored", "cpu").isn
    np.testing.assert_allclose(open_weights(first, CPU).isn(strokes), own(strokes), atol=0.01)
    soft, whole = open_weights(other, CPU).isn(strokes), open_weights(again, CPU).isn(strokes)
    assert isinstance(own, TorchNet)
    np.testing.assert_allclose(whole, restored(own, soft), atol=0.01)
    with pytest.raises(UserError, match="holds no restorer"):
        export.weights(joint, data, tmp_path / "none.safetensors", {"restorer": str(other)})
    with pytest.raises(UserError, match="--restorer nobody: no such file"):
        export.weights(joint, data, tmp_path / "none.safetensors", {"restorer": "nobody"})


def test_a_photo_is_spoilt_by_its_numbers_alone() -> None:
    torch.manual_seed(0)
    photo, strokes, numbers = torch.rand(2, 3, 64, 64), torch.zeros(2, 1, 64, 64), torch.rand(2, 7)
    asked = SpoilingParams(0.5, blur_px=(1.0, 2.0), ghosted=1.0, ghost=0.8)
    one = spoilt(photo, strokes, numbers, asked, 1)
    assert torch.equal(one, spoilt(photo, strokes, numbers, asked, 1))
    assert not torch.equal(one, spoilt(photo, strokes, numbers.flip(0), asked, 1))
    torch.testing.assert_close(one[:1], spoilt(photo[:1], strokes[:1], numbers[:1], asked, 1))
    assert one.var() < photo.var() / 4


def test_smoothing_takes_texture_and_leaves_edges() -> None:
    photo = torch.zeros(1, 3, 64, 64)
    photo[..., 32:] = 1
    photo += 0.02 * torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    made = spoilt(photo, torch.zeros(1, 1, 64, 64), torch.rand(1, 7), SpoilingParams(1.0, (0.1, 0.1), 0.0, 0.0), 1)
    assert made[..., :28].std() < photo[..., :28].std() / 3
    assert (made[..., 33] - made[..., 30]).mean() > 0.95


def test_ghosts_darken_where_strokes_are() -> None:
    torch.manual_seed(0)
    photo, strokes = torch.ones(4, 3, 64, 64), torch.zeros(4, 1, 64, 64)
    strokes[..., 30:33, :] = 1
    made = spoilt(photo, strokes, torch.rand(4, 7), SpoilingParams(0.0, (0.5, 0.5), ghosted=1.0, ghost=1.0), 1)
    assert made[..., 31, :].mean() < 0.9
    torch.testing.assert_close(made[..., :16, :], photo[..., :16, :])
    without = spoilt(photo, strokes, torch.rand(4, 7), SpoilingParams(0.0, (0.5, 0.5), ghosted=0.0, ghost=1.0), 1)
    torch.testing.assert_close(without, photo)


def test_a_window_is_the_same_part_of_all_layers() -> None:
    place = torch.arange(64 * 64).reshape(1, 1, 64, 64).float()
    layers = torch.cat([place, place + 1, -place], 1).repeat(5, 1, 1, 1)
    seen = windowed(layers, torch.rand(5, 7), 0.5)
    assert seen.shape == (5, 3, 32, 32)
    torch.testing.assert_close(seen[:, 0] + 1, seen[:, 1])
    torch.testing.assert_close(seen[:, 0], -seen[:, 2])
    assert len({float(part[0, 0, 0]) for part in seen}) > 1
    assert torch.equal(windowed(layers, torch.rand(5, 7), 1), layers)


def test_what_is_judged_begins_at_any_px_of_a_stride_and_is_the_same_part_of_all() -> None:
    place = torch.arange(64 * 64).reshape(1, 1, 64, 64).float().repeat(3, 3, 1, 1)
    begins = set()
    for number in torch.rand(60, 3, 7):
        made, batch = off_grid(place, {"photo": place + 1, "noise": number})
        assert made.shape[-2:] == (64 - STRIDE,) * 2
        torch.testing.assert_close(made + 1, batch["photo"])
        assert torch.equal(batch["noise"], number)
        begins.add(int(made[0, 0, 0, 0]))
    assert {begin % 64 for begin in begins} == {begin // 64 for begin in begins} == set(range(STRIDE))


@pytest.mark.parametrize(
    ("section", "changed", "message"),
    [
        ("spoiling", {"blur_px": (3.0, 1.0)}, "not the greater"),
        ("schedule", {"plateau_measure": "lines"}, "plateau_measure one of l1, ssim"),
    ],
)
def test_what_cannot_be_learnt_is_said(section: str, changed: dict[str, Any], message: str) -> None:
    asked = load(RestorerParams, "train_restorer")
    with pytest.raises(ParamsError, match=message):
        replace(asked, **{section: replace(getattr(asked, section), **changed)})
