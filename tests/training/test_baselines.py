"""The baselines' trainers: each learns, resumes to the byte, and is opened as it was trained."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))
from baseline_params import CYCLEGAN, PIX2PIX, ROWS, with_steps, write_pairs

from pipeline.core.dataset import read_split
from pipeline.core.errors import UserError
from pipeline.core.layout import Layout
from pipeline.evaluation.metrics.image import psnr
from pipeline.training.baselines import pix2pix
from pipeline.training.device import Device
from pipeline.training.halves import halves
from pipeline.training.image_pool import ImagePool
from pipeline.training.sides import share_of_rate
from pipeline.training.trainers import train_stage
from pipeline.training.translation import drawings

CPU = Device("cpu", "32-true")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CALI_SKETCH_CACHE", str(tmp_path / "cache"))
    return write_pairs(tmp_path / "data")


def train(name: str, data: Path, params: Any = None) -> bytes:
    """The weights file of a baseline after its training."""
    module, tiny, _ = ROWS[name]
    train_stage(name, module.TRAINER, {f"baselines.{name}": params or tiny}, data, CPU)
    return (Layout(data).trained(name) / "weights.safetensors").read_bytes()


@pytest.mark.parametrize("name", ROWS)
def test_a_killed_run_ends_with_the_same_bytes(name: str, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, trainer = ROWS[name]
    whole, real = train(name, data), trainer.step
    history = (Layout(data).trained(name) / "history.csv").read_bytes()
    for stop in (1, 3, 5):
        calls = iter(range(100))

        def dying(self: Any, batch: Any, calls: Any = calls, stop: int = stop) -> Any:
            if next(calls) == stop:
                raise KeyboardInterrupt
            return real(self, batch)

        with monkeypatch.context() as patch:
            patch.setattr(trainer, "step", dying)
            with pytest.raises(KeyboardInterrupt):
                train(name, data)
        assert train(name, data) == whole, stop
        assert (Layout(data).trained(name) / "history.csv").read_bytes() == history


@pytest.mark.parametrize("name", ROWS)
def test_what_is_opened_is_what_was_trained(name: str, data: Path) -> None:
    """Photos do not depend on what they are made beside, and blank paper gives one."""
    train(name, data)
    system = ROWS[name][0].open_system(Layout(data), torch.device("cpu"))
    sketches = np.array(read_split(Layout(data), "val").layers["sketch/xdog"])
    made, strokes = system(sketches)
    assert strokes is None
    assert made.shape == (*sketches.shape, 3)
    assert made.dtype == np.uint8
    assert np.abs(system(sketches[3:4])[0].astype(int) - made[3:4]).max() <= 1
    assert system(np.full_like(sketches[:1], 255))[0].shape == (1, 64, 64, 3)


def test_drawings_are_dark_on_white_for_published_nets() -> None:
    strokes = torch.tensor([0.0, 1.0]).view(1, 1, 1, 2)
    assert drawings(strokes).tolist() == [[[[1.0, -1.0]]] * 3]


def test_pix2pix_overfits_eight_pairs(data: Path) -> None:
    """PSNR above 30 dB on the pairs it saw, of still faces, without what noise takes away."""
    still = {"flip": False, "shift_px": 0, "angle_deg": 0, "zoom": 0}
    net = {"width": 32, "downs": 6, "norm": "batch", "dropout": 0.0}
    params = with_steps(PIX2PIX, 500)
    params = pix2pix.Pix2PixParams(
        **vars(params)
        | {
            "net": pix2pix.Pix2PixNet(**net),
            "augment": type(params.augment)(**still),
            "optimizer": type(params.optimizer)(1e-3, (0.5, 0.999), 0.0, "linear"),
        }
    )
    train("pix2pix", data, params)
    split = read_split(Layout(data), "train")
    made, _ = pix2pix.open_system(Layout(data), torch.device("cpu"))(np.array(split.layers["sketch/xdog"]))
    found = [psnr(photo, of) for photo, of in zip(split.layers["photo"], made, strict=True)]
    assert min(found) > 30, found


def test_pix2pix_is_measured_as_in_training_and_its_statistics_stay(data: Path) -> None:
    trainer = pix2pix.Pix2Pix(CPU.fabric(), PIX2PIX)
    strokes = torch.rand(2, 1, 64, 64)
    before = {key: value.clone() for key, value in trainer.state().items()}
    a, b = trainer.made(strokes), trainer.made(strokes)
    assert torch.equal(a, b), "the dropout of a measured photo is always the same"
    after = trainer.state()
    assert all(torch.equal(after[key], value) for key, value in before.items())
    net = trainer.sides["g"].nets["generator"]
    net.eval()
    plain = net(drawings(strokes))
    assert not torch.allclose((plain + 1) / 2, a, atol=1e-3)


def test_without_pairs_no_person_is_on_both_sides(data: Path) -> None:
    photos, drawn = halves(Layout(data), read_split(Layout(data), "train"))
    assert set(photos.ids) | set(drawn.ids) == {f"train{i}" for i in range(8)}
    assert not set(photos.ids) & set(drawn.ids)
    assert len(photos.layers["photo"]) == len(photos.ids) == 4
    whole = read_split(Layout(data), "train")
    np.testing.assert_array_equal(drawn.layers["photo"][1], whole.layers["photo"][whole.ids.index(drawn.ids[1])])
    with pytest.raises(UserError, match="two people"):
        halves(Layout(data), type(whole)(["one"], {"photo": whole.layers["photo"][:1]}, ""))


def test_the_pool_gives_old_images_back_in_half_of_the_cases() -> None:
    torch.manual_seed(0)
    pool = ImagePool(50)
    given = [torch.full((1, 1, 1, 1), float(i)) for i in range(2050)]
    got = [pool(image).item() for image in given]
    assert got[:50] == [float(i) for i in range(50)]
    new = sum(a == b for a, b in enumerate(got[50:], 50))
    assert 0.45 < new / 2000 < 0.55
    assert len(pool.images) == 50
    again = ImagePool(50)
    again.load_state(pool.state(), torch.device("cpu"))
    assert [image.item() for image in again.images] == [image.item() for image in pool.images]


def test_rates_fall_as_published() -> None:
    assert [share_of_rate("linear", p) for p in (0, 0.5, 0.75)] == [1, 1, 0.5]
    assert [share_of_rate("halved", p) for p in (0, 0.099, 0.1, 0.95)] == [1, 1, 0.5, 0.5**9]
    assert share_of_rate("constant", 0.99) == 1


def test_cyclegan_learns_from_drawings_to_photos_without_pairs(data: Path) -> None:
    """Its photos of drawings come nearer to photos than they were, by the direction that is looked at."""
    before = ROWS["cyclegan"][2](CPU.fabric(), CYCLEGAN)
    split = read_split(Layout(data), "val")
    strokes = 1 - torch.from_numpy(np.array(split.layers["sketch/xdog"])).float()[:, None] / 255
    photo = torch.from_numpy(np.array(split.layers["photo"])).float().permute(0, 3, 1, 2) / 255
    optimizer = type(CYCLEGAN.optimizer)(1e-3, (0.5, 0.999), 0.0, "linear")
    train("cyclegan", data, with_steps(CYCLEGAN, 60, optimizer=optimizer))
    made, _ = ROWS["cyclegan"][0].open_system(Layout(data), torch.device("cpu"))(split.layers["sketch/xdog"])
    tone = np.abs(made.mean((0, 1, 2)) / 255 - photo.mean((0, 2, 3)).numpy()).max()
    untrained = (before.made(strokes).mean((0, 2, 3)) - photo.mean((0, 2, 3))).abs().max()
    assert tone < 0.15
    assert tone < untrained
