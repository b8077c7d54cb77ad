"""The baselines' trainers: each learns, resumes to the byte, and is opened as it was trained."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parent))
from baseline_params import CYCLEGAN, DEEPFACEDRAWING, DRIT, PIX2PIX, ROWS, drawing, face, write_pairs
from test_reliability import RUNNER, TWO, history, run

import pipeline.core.params
from pipeline.core.dataset import read_split
from pipeline.core.errors import UserError
from pipeline.core.layout import Layout
from pipeline.core.params import ParamsError
from pipeline.drawing.face_prior import Eyes
from pipeline.evaluation import table_1
from pipeline.training.baselines import deepfacedrawing, pix2pix
from pipeline.training.checkpoint import load_tensors
from pipeline.training.device import Device
from pipeline.training.halves import halves
from pipeline.training.image_pool import ImagePool
from pipeline.training.sides import share_of_rate
from pipeline.training.trainers import FRAMING, Framing, train_stage
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


@pytest.mark.slow
def test_two_processes_train_what_one_does(tmp_path: Path) -> None:
    """Of a batch that they share. DRIT's noise is of each process: it is trained, and that is all that is asked.

    DeepFaceDrawing's batch norm is of each one's share: about the same is asked.
    """
    for name, launcher in (("one", ()), ("two", TWO)):
        data = str(write_pairs(tmp_path / name))
        done = run(*launcher, str(RUNNER), "train", data, *ROWS, cache=tmp_path / f"cache_{name}")
        assert done.returncode == 0, done.stderr[-2000:]
    for name in ROWS:
        one, two = (Layout(tmp_path / folder).trained(name) for folder in ("one", "two"))
        a, b = (load_tensors(folder / "weights.safetensors")[0] for folder in (one, two))
        assert {key: value.shape for key, value in a.items()} == {key: value.shape for key, value in b.items()}
        assert all(value.isfinite().all() for value in b.values())
        if name == "deepfacedrawing":
            np.testing.assert_allclose(history(two), history(one), rtol=0.15, err_msg=name)
        elif name != "drit":
            np.testing.assert_allclose(history(two), history(one), rtol=1e-2, atol=1e-4, err_msg=name)
            off = torch.cat([(a[key].float() - b[key].float()).abs().flatten() for key in a])
            assert off.quantile(0.99) < 1e-4, name


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


def test_what_a_training_takes_is_timed_and_nothing_is_written(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train("pix2pix", data)
    monkeypatch.setattr(pipeline.core.params, "load", lambda *_: PIX2PIX)
    before = {path: path.stat().st_mtime_ns for path in data.rglob("*")}
    images = table_1.trained_on(Layout(data), "pix2pix")
    assert images == {"pix2pix": 6}
    assert table_1.training_speed(images, Layout(data), "cpu") > 0
    assert {path: path.stat().st_mtime_ns for path in data.rglob("*")} == before


def test_drawings_are_dark_on_white_for_published_nets() -> None:
    strokes = torch.tensor([0.0, 1.0]).view(1, 1, 1, 2)
    assert drawings(strokes).tolist() == [[[[1.0, -1.0]]] * 3]


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


def pairs() -> tuple[torch.Tensor, torch.Tensor]:
    """Strokes (8, 1, S, S), 1 = ink, and photos (8, 3, S, S)."""
    rng = np.random.default_rng(0)
    photos = np.stack([face(rng) for _ in range(8)])
    lines = np.stack([drawing(photo) for photo in photos])
    strokes = 1 - torch.from_numpy(lines).float()[:, None] / 255
    return strokes, torch.from_numpy(photos).float().permute(0, 3, 1, 2) / 255


class Laid(nn.Module):
    """Codes that are exact: the first three channels are what is shown, the others hold how it looks."""

    def content(self, images: torch.Tensor) -> torch.Tensor:
        return images[:, :3]

    def encode(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.content(images), images[:, 3:, 0, 0]

    def decode(self, content: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        return torch.cat([content, style[:, :, None, None].expand(-1, -1, *content.shape[2:])], 1)


class LaidContents(Laid):
    """The same as DRIT calls it."""

    def forward(self, images: torch.Tensor, domain: int) -> torch.Tensor:
        return self.content(images)


class LaidAttributes(Laid):
    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        mean = self.encode(images)[1]
        return mean, torch.full_like(mean, -100)


class LaidGenerators(Laid):
    def forward(self, content: torch.Tensor, attributes: torch.Tensor, domain: int) -> torch.Tensor:
        return self.decode(content, attributes)


def laid_images() -> tuple[torch.Tensor, torch.Tensor]:
    """Two pairs of a drawing and a photo that such nets take apart and put together again."""
    contents, styles = torch.randn(2, 2, 3, 8, 8), torch.randn(2, 2, 8)
    drawing, photo = (Laid().decode(*of) for of in zip(contents, styles, strict=True))
    return drawing, photo


def test_munit_puts_together_what_it_took_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """With codes that are exact every term but D's is 0: each code goes where it belongs, there and back."""
    trainer = built("munit")
    trainer.sides["g"].nets.update({"drawing": Laid(), "photo": Laid()})
    monkeypatch.setattr(trainer, "_verdicts", lambda *_: torch.ones(()))
    terms = trainer._terms(*laid_images())
    assert {name: float(value) for name, value in terms.items() if name != "adversarial"} == {
        "images": 0,
        "styles": 0,
        "contents": 0,
        "cycle": 0,
    }


def test_drit_puts_together_what_it_took_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Likewise: its own images, those exchanged twice, the attributes that it drew."""
    trainer = built("drit")
    nets = {"content": LaidContents(), "generators": LaidGenerators()}
    trainer.sides["g"].nets.update(nets | {f"attributes_{i}": LaidAttributes() for i in (0, 1)})
    monkeypatch.setattr(trainer, "_verdicts", lambda *_: torch.ones(()))
    monkeypatch.setattr(trainer.sides["content"].nets["content"], "forward", lambda content: content)
    images = laid_images()
    first = trainer._encoded_terms(trainer._encode(images))
    assert float(first["images"]) == pytest.approx(0, abs=1e-6)
    assert float(first["cross_cycle"]) == pytest.approx(0, abs=1e-6)
    told = trainer._told(images), trainer._told(images)
    second = trainer._drawn_terms(images, told)
    assert float(second["attributes"]) == 0
    share = 8 / 11  # of the channels that attributes change, all of them by as much
    assert float(second["modes"]) == pytest.approx(2 / share, rel=1e-3)


def test_drits_second_step_teaches_all_but_the_attribute_encoders() -> None:
    """With nothing asked in the first step."""
    nothing = dict.fromkeys(("content", "images", "cross_cycle", "divergence", "content_size", "adversarial"), 0.0)
    still = replace(DRIT.optimizer, weight_decay=0.0)
    params = replace(DRIT, weights=replace(DRIT.weights, **nothing), optimizer=still, every_steps=1)
    trainer = ROWS["drit"][2](CPU.fabric(), params)
    nets = trainer.sides["g"].nets
    before = {key: value.clone() for key, value in nets.state_dict().items()}
    strokes, photo = pairs()
    terms = trainer.step({"sketch": strokes[:2], "photo": photo[:2]})
    changed = {key.split(".")[0] for key, value in nets.state_dict().items() if not torch.equal(value, before[key])}
    assert changed == {"content", "generators"}
    assert all(terms[name] > 0 for name in ("attributes", "modes", "adversarial_drawn"))
    assert all(value.requires_grad for value in nets.parameters())


def test_cyclegan_makes_photos_of_drawings_without_pairs() -> None:
    """Looked at from the drawing: the mean colour of its photos comes to that of photos. Its cycle tells nothing."""
    params = replace(CYCLEGAN, optimizer=replace(CYCLEGAN.optimizer, lr=1e-3, rate="constant"))
    trainer = ROWS["cyclegan"][2](CPU.fabric(), params)
    strokes, photo = pairs()

    def off() -> float:
        return float((trainer.made(strokes[:4]).mean((0, 2, 3)) - photo.mean((0, 2, 3))).abs().max())

    before = off()
    for step in range(60):
        trainer.step({"sketch": strokes[step % 4][None], "photo": photo[4 + step % 4][None]})
    assert off() < min(0.15, before)


@pytest.mark.slow
def test_pix2pix_learns_eight_pairs_by_heart() -> None:
    """PSNR above 30 dB at 64 px, the mean of the eight, without chance and statistics of a batch."""
    net = replace(PIX2PIX.net, width=16, norm="instance", dropout=0.0)
    params = replace(PIX2PIX, net=net, optimizer=replace(PIX2PIX.optimizer, lr=2e-3))
    torch.manual_seed(0)
    trainer, (strokes, photo), steps = pix2pix.Pix2Pix(CPU.fabric(), params), pairs(), 200
    for step in range(steps):
        trainer.set_progress(step / steps)
        trainer.step({"sketch": strokes, "photo": photo})
    off = (trainer.made(strokes) - photo).square().mean((1, 2, 3))
    assert float((-10 * off.log10()).mean()) > 30


@pytest.mark.slow
def test_deepfacedrawing_learns_eight_pairs_by_heart() -> None:
    """Likewise, its L1 as strong as pix2pix's; each of the eight stands among the codes that it is projected onto."""
    smaller = {"code": 32, "halvings": 3, "maps": 16, "width": 8, "blocks": 2, "discriminator_width": 4, "scales": 1}
    params = replace(
        DEEPFACEDRAWING,
        net=replace(DEEPFACEDRAWING.net, **smaller),
        weights=replace(DEEPFACEDRAWING.weights, l1=100.0),
        perceptual=replace(DEEPFACEDRAWING.perceptual, layers=("conv1_1",)),
        optimizer=replace(DEEPFACEDRAWING.optimizer, lr=2e-3),
        components_share=0.1,
        neighbours=10,
    )
    torch.manual_seed(0)
    trainer = deepfacedrawing.DeepFaceDrawing(CPU.fabric(), params, Framing(64, Eyes(0.48, 0.27)))
    (strokes, photo), steps = pairs(), 400
    for step in range(steps):
        trainer.set_progress(step / steps)
        trainer.step({"sketch": strokes, "photo": photo})
    off = (trainer.made(strokes) - photo).square().mean((1, 2, 3))
    assert float((-10 * off.log10()).mean()) > 30


@pytest.mark.parametrize("name", ROWS)
def test_blank_drawings_spoil_no_weight(name: str) -> None:
    trainer = built(name)
    batch = {"sketch": torch.zeros(2, 1, 64, 64), "photo": pairs()[1][:2]}
    for share in (0.0, 0.2, 0.6, 0.9):
        trainer.set_progress(share)
        trainer.step(batch)
    assert all(value.isfinite().all() for value in trainer.state().values())
    assert trainer.made(batch["sketch"]).isfinite().all()


def built(name: str) -> Any:
    """An untrained trainer of a row."""
    module, params, _ = ROWS[name]
    sections = {f"baselines.{name}": params, FRAMING: Framing(64, Eyes(0.48, 0.27))}
    return module.TRAINER.build(CPU.fabric(), sections, {})


@pytest.mark.parametrize("name", ["munit", "drit"])
def test_each_seed_has_a_photo_of_its_own_and_the_first_is_measured(name: str) -> None:
    trainer = built(name)
    strokes, photo = pairs()
    shown = trainer.show({"sketch": strokes[:2], "photo": photo[:2]})
    assert list(shown) == ["sketch", "seed 3", "seed 4", "photo"]
    assert torch.equal(shown["seed 3"], trainer.made(strokes[:2]))
    assert not torch.equal(shown["seed 3"], shown["seed 4"])


def test_components_lie_where_the_crops_have_the_eyes() -> None:
    eyes, side = Eyes(0.48, 0.27), 256
    found = deepfacedrawing.boxes(side, eyes, 3)
    for name, x in (("left_eye", 0.5 - 0.27 / 2), ("right_eye", 0.5 + 0.27 / 2)):
        left, top, size = found[name]
        assert abs(left + size / 2 - x * side) <= 1
        assert abs(top + size / 2 - 0.48 * side) <= 1
    assert found["remainder"] == (0, 0, 256)
    for left, top, size in found.values():
        assert size % 8 == 0
        assert min(left, top) >= 0
        assert max(left, top) + size <= side
    published = deepfacedrawing.boxes(512, Eyes(220 / 512, 147 / 512), 5)
    assert published["left_eye"][1:] == (156, 128)
    assert [published[name][2] for name in ("nose", "mouth")] == [160, 192]


def test_the_remainder_is_without_the_other_components() -> None:
    places = deepfacedrawing.boxes(64, Eyes(0.48, 0.27), 2)
    black = torch.full((1, 1, 64, 64), -1.0)
    rest = deepfacedrawing.component(black, "remainder", places)
    for name in deepfacedrawing.WINDOWS:
        assert (deepfacedrawing.cut(rest, places[name]) == 1).all()
    assert (rest[..., 0, :] == -1).all()
    assert (black == -1).all(), "what was given stays"


def test_a_face_that_was_trained_on_is_its_own_projection() -> None:
    trainer = built("deepfacedrawing")
    strokes, photo = pairs()
    trainer.set_progress(0.9)
    for i in range(0, 8, 2):
        trainer.step({"sketch": strokes[i : i + 2], "photo": photo[i : i + 2]})
    codes = trainer._codes(drawings(strokes, 1).contiguous())
    whole = replace(trainer.params, refinement=deepfacedrawing.Refinement(1, 1, 1, 1, 1))
    for name, code in deepfacedrawing.refined(codes, trainer.manifold, whole).items():
        torch.testing.assert_close(code, codes[name], atol=1e-4, rtol=1e-4)
    own = replace(trainer.params, refinement=deepfacedrawing.Refinement(0, 0, 0, 0, 0))
    strange = {name: code + 1 for name, code in codes.items()}
    for name, code in deepfacedrawing.refined(strange, trainer.manifold, own).items():
        torch.testing.assert_close(code, strange[name])


def test_drits_batch_is_even() -> None:
    with pytest.raises(ParamsError, match="batch even"):
        replace(DRIT, batch=3)
