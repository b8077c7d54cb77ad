"""Training at a tiny size: resuming equals not stopping, plateaus, targets, bad numbers."""

import csv
import json
from collections import Counter
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from models.losses import photo
from models.losses.adversarial import feature_matching
from pipeline.apps import export
from pipeline.apps.torch_nets import load_system, read_system
from pipeline.core.dataset import read_split
from pipeline.core.errors import Stopped, UserError
from pipeline.core.layout import Layout
from pipeline.evaluation import results
from pipeline.training import isn, joint, scn
from pipeline.training.adversarial import AdversarialParams, NetParams, OptimizerParams
from pipeline.training.checkpoint import (
    CheckpointError,
    Resume,
    load_tensors,
    locked,
    resume_folder,
    save_tensors,
    workspace_lock,
)
from pipeline.training.data import Ahead, AugmentParams, Batches, Unpaired
from pipeline.training.device import Device
from pipeline.training.human_hand import HandParams
from pipeline.training.loop import ScheduleParams, plateaued
from pipeline.training.nets import PatchParams, ResnetParams, SnPatchParams, StyledParams, UnetParams, make_generator
from pipeline.training.trainers import sketch_layers, validation

CPU = Device("cpu", "32-true")
SIZE = 64
LAYERS = ("photo", "canny", "hed", "product")
PATCH = SnPatchParams("sn_patch", width=2, scales=1)
PLAIN_NET = ResnetParams(
    "resnet", width=2, blocks=1, dilation=2, norm="pixel", up="resize", padding="zeros", spectral=False
)
PAPERS_NET = replace(PLAIN_NET, norm="instance", up="transposed", padding="reflect", spectral=True)
OPTIMIZER = OptimizerParams(lr=1e-3, discriminator_lr_share=0.1, betas=(0.0, 0.9), final_lr_share=0.5, ema=0.0)
PLAIN = AdversarialParams("lsgan", r1=0.0, r1_every_steps=1, augment=(), conditional=False, from_share=0.0, chance=0.0)
SCHEDULE = ScheduleParams(
    steps=6,
    plateau_patience_steps=0,
    plateau_measure="lines",
    log_every_steps=2,
    save_every_steps=2,
    validate_every_steps=6,
)
STILL = AugmentParams(flip=True, shift_px=8, angle_deg=0, zoom=0)
NO_HAND = HandParams(0, 0, 0, 0, 0, 0, 0, 0, 0)
SCN = scn.ScnParams(
    net=NetParams(PAPERS_NET, PATCH),
    loss=scn.ScnLoss(("product", "hed"), PLAIN, scn.ScnWeights(adversarial=1.0, calibration=10.0, dice=0.0)),
    optimizer=OPTIMIZER,
    schedule=SCHEDULE,
    augment=STILL,
    styles=("xdog",),
    drawn=("deformed",),
    hand=NO_HAND,
    batch=2,
    seed=0,
)
ISN = isn.IsnParams(
    net=NetParams(PLAIN_NET, PATCH),
    loss=isn.IsnLoss(
        isn.PerceptualParams("random", layers=("conv1_1", "conv2_1"), style_layers=("conv2_2",), weighting="equal"),
        "paper",
        PLAIN,
        isn.IsnWeights(l1=1.0, adversarial=0.1, perceptual=0.1, style=200.0, tv=1.0, ssim=0.0, feature_matching=0.0),
    ),
    optimizer=OPTIMIZER,
    schedule=replace(SCHEDULE, plateau_measure="l1"),
    augment=STILL,
    batch=2,
    seed=0,
)
JOINT = joint.JointParams(
    optimizer=OPTIMIZER,
    schedule=replace(SCHEDULE, plateau_measure="isn_l1"),
    augment=STILL,
    styles=("xdog",),
    drawn=("deformed",),
    hand=NO_HAND,
    isn_to_scn=1.0,
    batch=2,
    seed=0,
)


def write_data(folder: Path) -> Path:
    """Three faces of noise in train, in val and in test, packed."""
    rng = np.random.default_rng(0)
    names = ("canny", "hed", "product", "sketch/xdog", "clean/xdog")
    for split in ("train", "val", "test"):
        packed = folder / "packed" / split
        (packed / "sketch").mkdir(parents=True)
        (packed / "clean").mkdir()
        np.save(packed / "photo.npy", rng.integers(0, 256, (3, SIZE, SIZE, 3), dtype=np.uint8))
        for name in names:
            np.save(packed / f"{name}.npy", rng.integers(0, 256, (3, SIZE, SIZE), dtype=np.uint8))
        index = {"ids": ["a", "b", "c"], "layers": dict.fromkeys(("photo", *names), split)}
        (packed / "index.json").write_text(json.dumps(index))
    return folder


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CALI_SKETCH_CACHE", str(tmp_path / "cache"))
    return write_data(tmp_path / "data")


def weights(data: Path, stage: str) -> bytes:
    return (Layout(data).trained(stage) / "weights.safetensors").read_bytes()


def train_all(data: Path) -> None:
    scn.run(SCN, data, CPU)
    isn.run(ISN, data, CPU)
    joint.run(SCN, ISN, JOINT, data, CPU)


def test_three_stages_train_and_the_system_runs(data: Path) -> None:
    train_all(data)
    for stage in ("scn", "isn", "joint"):
        rows = (Layout(data).trained(stage) / "history.csv").read_text().splitlines()
        assert len(rows) == 4
        assert list((Layout(data).trained(stage) / "samples").glob("*.png"))
    for stage in ("joint", "apart"):
        system = load_system(Layout(data), stage, "cpu")
        sketches = read_split(Layout(data), "test").layers["sketch/xdog"]
        refined = system.refine(sketches)
        assert refined.shape == (3, SIZE, SIZE)
        assert system.photos(refined).shape == (3, SIZE, SIZE, 3)


def test_refine_matches_the_training_net(data: Path) -> None:
    """Polarity and spectral norm survive: inference equals G1 in evaluation mode on strokes = 1."""
    scn.run(SCN, data, CPU)
    isn.run(ISN, data, CPU)
    system = load_system(Layout(data), "apart", "cpu")
    tensors, _ = load_tensors(Layout(data).trained("scn") / "weights.safetensors")
    net = make_generator(SCN.net.generator, (1, 1))
    net.load_state_dict({k.removeprefix("g/"): v for k, v in tensors.items() if k.startswith("g/")})
    sketch = read_split(Layout(data), "test").layers["sketch/xdog"]
    strokes = 1 - torch.from_numpy(np.array(sketch)).float()[:, None] / 255
    with torch.no_grad():
        expected = net.eval()(strokes)[:, 0].numpy()
    np.testing.assert_allclose(system.refine(sketch), expected, atol=3e-4)


def test_mirrored_systems_make_the_mirror_image_of_the_mirror_image(data: Path) -> None:
    scn.run(SCN, data, CPU)
    isn.run(ISN, data, CPU)
    plain = load_system(Layout(data), "apart", "cpu")
    system = plain.mirrored()
    sketches = read_split(Layout(data), "test").layers["sketch/xdog"]
    turned = np.ascontiguousarray(sketches[:, :, ::-1])
    refined = system.refine(sketches)
    np.testing.assert_allclose(refined[:, :, ::-1], system.refine(turned), atol=1e-4)
    np.testing.assert_allclose(refined, (plain.refine(sketches) + plain.refine(turned)[:, :, ::-1]) / 2, atol=1e-4)
    assert np.abs(plain.refine(sketches)[:, :, ::-1] - plain.refine(turned)).max() > 1e-3
    photos = [system.photos(strokes).astype(int) for strokes in (refined, np.ascontiguousarray(refined[:, :, ::-1]))]
    assert np.abs(photos[0][:, :, ::-1] - photos[1]).max() <= 1


def test_a_killed_run_ends_with_the_same_bytes(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train_all(data)
    whole = {stage: weights(data, stage) for stage in ("scn", "isn", "joint")}
    isn.run(REALISM, data, CPU)
    whole["isn of realism"] = weights(data, "isn")
    runs = {
        "scn": (scn.Scn, lambda: scn.run(SCN, data, CPU)),
        "isn": (isn.Isn, lambda: isn.run(ISN, data, CPU)),
        "joint": (joint.Joint, lambda: joint.run(SCN, ISN, JOINT, data, CPU)),
        "isn of realism": (isn.Isn, lambda: isn.run(REALISM, data, CPU)),
    }
    for stop, (stage, (trainer, run)) in product((1, 3, 5), runs.items()):
        real, calls = trainer.step, iter(range(100))

        def dying(self, batch, real=real, calls=calls, stop=stop):
            if next(calls) == stop:
                raise KeyboardInterrupt
            return real(self, batch)

        with monkeypatch.context() as patch:
            patch.setattr(trainer, "step", dying)
            with pytest.raises(KeyboardInterrupt):
                run()
        run()
        folder = stage.split()[0]
        assert weights(data, folder) == whole[stage], (stage, stop)
        history = (Layout(data).trained(folder) / "history.csv").read_text()
        assert len(history.splitlines()) == 4


def test_changed_params_start_afresh(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(scn.Scn, "step", lambda self, batch: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            scn.run(SCN, data, CPU)
    scn.run(replace(SCN, seed=1), data, CPU)
    assert "going on" not in capsys.readouterr().err


def test_a_term_that_is_not_finite_stops_the_run_by_name(data: Path) -> None:
    bad = replace(ISN, optimizer=replace(OPTIMIZER, lr=1e30))
    with pytest.raises(UserError, match="not finite"):
        isn.run(bad, data, CPU)


def test_after_a_term_that_is_not_finite_the_last_good_state_stays(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """Step 5 turns a weight into NaN; the state of step 4 is kept and the run ends as if nothing had been."""
    scn.run(SCN, data, CPU)
    whole, real, calls = weights(data, "scn"), scn.Scn.step, iter(range(100))

    def spoiling(self, batch):
        terms = real(self, batch)
        if next(calls) == 4:
            with torch.no_grad():
                next(self.gan.generator.parameters()).mul_(torch.nan)
        return terms

    with monkeypatch.context() as patch:
        patch.setattr(scn.Scn, "step", spoiling)
        with pytest.raises(UserError, match=r"(g/|adversarial|calibration).* not finite"):
            scn.run(SCN, data, CPU)
    scn.run(SCN, data, CPU)
    assert "going on from step 4" in capsys.readouterr().err
    assert weights(data, "scn") == whole


def test_a_state_from_elsewhere_goes_on_and_says_so(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    real, calls = scn.Scn.step, iter(range(100))

    def dying(self, batch):
        if next(calls) == 4:
            raise KeyboardInterrupt
        return real(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(scn.Scn, "step", dying)
        with pytest.raises(KeyboardInterrupt):
            scn.run(SCN, data, Device("cpu", "bf16-mixed"))
    scn.run(SCN, data, CPU)
    said = " ".join(capsys.readouterr().err.split())
    assert "going on from step 4, saved on cpu, bf16-mixed, processes: 1: not to the same bytes" in said


def test_two_runs_in_one_workspace_are_told(data: Path) -> None:
    """Another run than this one: other params, same folder."""
    lock = workspace_lock(Layout(data).trained("scn"))
    with locked(lock, "x"), pytest.raises(UserError, match="another run trains into this folder"):
        scn.run(SCN, data, CPU)


def test_a_batch_that_processes_cannot_share_is_refused(data: Path) -> None:
    with pytest.raises(UserError, match="batch of 3"):
        Batches(read_split(Layout(data), "train"), LAYERS, (), 3, STILL, 0, part=(0, 2))


def test_parts_of_a_batch_make_the_whole(data: Path) -> None:
    split, augment = read_split(Layout(data), "train"), AugmentParams(True, 8, 10, 0.1)
    whole = Batches(split, LAYERS, ("sketch/xdog",), 4, augment, 7)(2)
    parts = [Batches(split, LAYERS, ("sketch/xdog",), 4, augment, 7, part=(i, 2))(2) for i in range(2)]
    for key, value in whole.items():
        assert torch.equal(torch.stack([part[key] for part in parts], 1).flatten(0, 1), value), key


def test_batches_made_ahead_are_the_same(data: Path) -> None:
    made = Batches(read_split(Layout(data), "train"), LAYERS, ("sketch/xdog",), 2, STILL, 7)
    with Ahead(made, 3) as ahead:
        for step in (0, 1, 2, 9, 10):
            assert torch.equal(ahead(step)["photo"], made(step)["photo"])


def test_moving_average_is_what_is_handed_on(data: Path) -> None:
    """With a decay of 0.5: half of what was, half of what is, after every step; the first steps weigh more."""
    fabric = CPU.fabric()
    trainer = scn.Scn(fabric, replace(SCN, optimizer=replace(OPTIMIZER, ema=0.5)))
    expected = [p.clone() for p in trainer.gan.generator.parameters()]
    batches = Batches(read_split(Layout(data), "train"), LAYERS, ("sketch/xdog",), 2, STILL, 0)
    for step in range(3):
        trainer.step(batches(step))
        decay = min(0.5, (2 + step) / (11 + step))
        new = trainer.gan.generator.parameters()
        expected = [decay * a + (1 - decay) * b.detach() for a, b in zip(expected, new, strict=True)]
    kept = trainer.weights()
    for (name, _), value in zip(trainer.gan.generator.named_parameters(), expected, strict=True):
        torch.testing.assert_close(kept[f"g/{name}"], value)


@pytest.mark.parametrize(
    "adversarial",
    [
        replace(PLAIN, loss="hinge"),
        replace(PLAIN, r1=10.0),
        replace(PLAIN, augment=("color", "translation", "cutout")),
    ],
)
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_options_of_d_train(data: Path, adversarial: AdversarialParams, precision: str) -> None:
    net = replace(ISN.net, discriminator=replace(PATCH, scales=2))
    isn.run(replace(ISN, net=net, loss=replace(ISN.loss, adversarial=adversarial)), data, Device("cpu", precision))
    assert Layout(data).trained("isn").exists()


REALISM = replace(
    ISN,
    net=NetParams(
        StyledParams(**(vars(PLAIN_NET) | {"kind": "styled", "code": 3, "dropped": 0.5})),
        PatchParams("patch", width=2, scales=2, layers=2, norm="instance", spectral=True),
    ),
    loss=isn.IsnLoss(
        replace(ISN.loss.perceptual, weighting="deep"),
        "anisotropic",
        AdversarialParams(
            "hinge", r1=0.0, r1_every_steps=1, augment=("color",), conditional=True, from_share=0.5, chance=0.01
        ),
        isn.IsnWeights(l1=5, adversarial=1, perceptual=5, style=0, tv=0, ssim=10, feature_matching=10),
    ),
)


def test_d_rests_first_then_teaches_beside_the_strokes_and_the_style_is_of_the_photo(data: Path) -> None:
    isn.run(REALISM, data, CPU)
    with (Layout(data).trained("isn") / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["feature_matching"]) > 0 for row in rows] == [False, True, True]
    assert [float(row["discriminator"]) > 0 for row in rows] == [False, True, True]
    assert all(float(rows[-1][f"val_gradient_{term}"]) > 0 for term in ("l1", "adversarial", "perceptual", "ssim"))
    assert "val_l1_like" in rows[-1]


def test_a_u_net_d_noise_and_lazy_r1_train_together_and_resume_to_the_same_bytes(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = UnetParams("unet", width=2, layers=3, norm="instance", spectral=True)
    noisy = StyledParams(**(vars(REALISM.net.generator) | {"kind": "noisy"}))
    adversarial = replace(REALISM.loss.adversarial, r1=1.0, r1_every_steps=2, augment=("translation",), from_share=0.0)
    params = replace(REALISM, net=NetParams(noisy, judge), loss=replace(REALISM.loss, adversarial=adversarial))
    isn.run(params, data, CPU)
    whole = weights(data, "isn")
    real, left = isn.Isn.step, [1, 2, 3]

    def failing(self: isn.Isn, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        if not left:
            raise KeyboardInterrupt
        left.pop()
        return real(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(isn.Isn, "step", failing)
        with pytest.raises(KeyboardInterrupt):
            isn.run(params, data, CPU)
    isn.run(params, data, CPU)
    assert weights(data, "isn") == whole
    tensors = load_tensors(Layout(data).trained("isn") / "weights.safetensors")[0]
    assert any(tensors[f"g/noise.{name}.loudness"].abs().max() > 0 for name in ("at_middle", "at_half", "at_full"))


def test_a_d_at_chance_ends_the_run(data: Path) -> None:
    adversarial = replace(REALISM.loss.adversarial, from_share=0.0, chance=1.0)
    with pytest.raises(UserError, match=r"D is right in 0\.\d\d of its verdicts"):
        isn.run(replace(REALISM, loss=replace(REALISM.loss, adversarial=adversarial)), data, CPU)


def test_a_conditional_d_tells_a_photo_beside_other_strokes() -> None:
    """What D sees changes with the strokes, and the augmentation of colours leaves them alone."""
    trainer = isn.Isn(CPU.fabric(), REALISM)
    photo, noise = torch.rand(2, 3, SIZE, SIZE), torch.rand(2, 7)
    a, b = (trainer.gan.judge(photo, noise, torch.full((2, 1, SIZE, SIZE), ink)) for ink in (0.0, 1.0))
    assert not torch.equal(a[0][0], b[0][0])
    seen = trainer.gan._augmented(trainer.gan._beside(torch.full((2, 1, SIZE, SIZE), 0.3), photo), noise)
    assert (seen[:, 0] == 0.3).all()
    assert not torch.equal(seen[:, 1:], photo)


def test_feature_matching_leaves_the_verdicts_out_and_is_the_mean_over_scales() -> None:
    real = [[torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 1, 1)], [torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 1, 1)]]
    fake = [
        [torch.ones(1, 1, 2, 2), torch.full((1, 1, 1, 1), 9.0)],
        [3 * torch.ones(1, 1, 2, 2), torch.ones(1, 1, 1, 1)],
    ]
    assert feature_matching(real, fake).item() == pytest.approx(2)


class OnePixel(nn.Module):
    """A D that is three times the first pixel, everywhere."""

    def forward(self, images: Tensor) -> list[list[Tensor]]:
        return [[3 * images[:, :1, :1, :1].expand(-1, 5, 4, 4)]]


def test_r1_is_the_squared_slope_of_d() -> None:
    """On a D that is linear in one pixel the penalty is known."""
    trainer = scn.Scn(CPU.fabric(), SCN)
    trainer.gan.discriminator = OnePixel()  # type: ignore[assignment]
    assert trainer.gan._gradient_penalty(torch.rand(2, 1, 8, 8)).item() == pytest.approx(9)


def test_a_lazy_r1_comes_each_third_step_three_times_as_strong() -> None:
    adversarial = replace(SCN.loss.adversarial, r1=2.0, r1_every_steps=3)
    trainer = scn.Scn(CPU.fabric(), replace(SCN, loss=replace(SCN.loss, adversarial=adversarial)))
    asked = []

    def penalty(real: Tensor) -> Tensor:
        asked.append(trainer.gan.judged)
        return torch.tensor(1000.0)

    trainer.gan._gradient_penalty = penalty  # type: ignore[method-assign]
    images, noise = torch.rand(2, 1, SIZE, SIZE), torch.rand(2, 7)
    losses = [trainer.gan.update_discriminator([images], images, noise, images)["discriminator"] for _ in range(5)]
    assert asked == [0, 3]
    assert [float(loss) > 2999 for loss in losses] == [True, False, False, True, False]
    again = scn.Scn(CPU.fabric(), replace(SCN, loss=replace(SCN.loss, adversarial=adversarial)))
    again.gan.load_state(trainer.gan.state(""), "")
    assert again.gan.judged == 5


def test_diffaugment_moves_and_cuts_strokes_and_photo_alike() -> None:
    """Of a D that sees both: where the photo is cut out, the strokes are, and both are moved the same way."""
    loss = replace(REALISM.loss, adversarial=replace(REALISM.loss.adversarial, augment=("translation", "cutout")))
    gan = isn.Isn(CPU.fabric(), replace(REALISM, loss=loss)).gan
    same = 0.1 + torch.rand(2, 1, SIZE, SIZE)
    seen = gan._augmented(gan._beside(same, same.expand(-1, 3, -1, -1)), torch.rand(2, 7))
    assert (seen == 0).any()
    assert (seen == seen[:, :1]).all()
    assert not torch.equal(seen[:, :1], same)


def test_a_noisy_decoder_trains_at_other_places_of_its_noise_and_is_used_at_one(data: Path) -> None:
    batch = Batches(read_split(Layout(data), "train"), LAYERS, ("sketch/xdog",), 2, STILL, 0)(0)
    noisy = StyledParams(**(vars(REALISM.net.generator) | {"kind": "noisy"}))
    trainer = isn.Isn(CPU.fabric(), replace(REALISM, net=replace(REALISM.net, generator=noisy)))
    for noise in trainer.gan.generator.noise.values():  # type: ignore[union-attr]
        torch.nn.init.ones_(noise.loudness)
    elsewhere = batch | {"noise": batch["noise"].flip(1)}
    assert not torch.equal(trainer.made(batch["product"], batch), trainer.made(batch["product"], elsewhere))
    assert torch.equal(trainer.gan.shown(batch["product"]), trainer.gan.shown(batch["product"]))


@dataclass(frozen=True)
class NoWeights:
    """As ScnWeights, which refuses that nothing is asked of the SCN."""

    adversarial: float
    calibration: float
    dice: float


def test_the_photo_teaches_the_scn_as_much_as_asked(data: Path) -> None:
    """The photo's losses alone: their gradient in G1 is as large as its weight, and G1 keeps its weights at 0."""
    fabric, weights_of = CPU.fabric(), NoWeights(adversarial=0.0, calibration=0.0, dice=0.0)
    batch = Batches(read_split(Layout(data), "train"), LAYERS, ("sketch/xdog",), 2, STILL, 0)(0)
    slopes = []
    for weight in (1.0, 3.0, 0.0):
        torch.manual_seed(0)
        alone = replace(SCN, loss=replace(SCN.loss, weights=weights_of))
        trainer = joint.Joint(fabric, alone, ISN, replace(JOINT, isn_to_scn=weight))
        before = {name: value.clone() for name, value in trainer.scn.gan.generator.named_parameters()}
        trainer.step(batch)
        moved = [not torch.equal(before[n], p) for n, p in trainer.scn.gan.generator.named_parameters()]
        assert any(moved) is bool(weight)
        grads = [p.grad for p in trainer.scn.gan.generator.parameters()]
        slopes.append(torch.cat([g.flatten() for g in grads if g is not None]))
    assert slopes[0].norm() > 0
    assert slopes[2].norm() == 0
    assert (slopes[1] - 3 * slopes[0]).norm() < 1e-3 * slopes[1].norm()  # as a whole: biases before a norm have none


def test_terms_are_those_with_a_weight_and_their_sum_is_the_loss(data: Path) -> None:
    batch = Batches(read_split(Layout(data), "train"), LAYERS, ("sketch/xdog",), 2, STILL, 0)(0)
    weights = replace(ISN.loss.weights, l1=2.0, adversarial=0.0, perceptual=0.0, style=0.0, tv=0.0, ssim=3.0)
    trainer = isn.Isn(CPU.fabric(), replace(ISN, loss=replace(ISN.loss, weights=weights)))
    made = trainer.gan.g(batch["product"])
    terms = trainer.terms(made, batch, batch["product"])
    assert terms.keys() == {"l1", "ssim"}
    expected = 2 * photo.l1(batch["photo"], made) + 3 * photo.dissimilarity(batch["photo"], made)
    torch.testing.assert_close(trainer.total(terms), expected)


def test_kinds_and_styles_name_layers(data: Path) -> None:
    split = read_split(Layout(data), "train")
    people = replace(split, layers=dict(split.layers) | {"sketch/artist": split.layers["hed"]})
    both = replace(SCN, styles=(), drawn=("deformed", "simplified", "people"))
    assert sketch_layers(people, both) == ("sketch/xdog", "clean/xdog", "sketch/artist")
    assert sketch_layers(people, replace(both, styles=("fdog",))) == ("sketch/fdog", "clean/fdog", "sketch/artist")
    assert sketch_layers(split, ("sketch/fdog",)) == ("sketch/fdog",)
    with pytest.raises(UserError, match="people's drawings are asked for"):
        sketch_layers(split, both)


def test_drawings_that_some_faces_have_come_every_other_round_of_theirs_and_of_no_one_else(data: Path) -> None:
    """Face b has one by a person, black; the others have paper there, which no batch may show."""
    split = read_split(Layout(data), "train")
    drawn = np.full((3, SIZE, SIZE), 255, np.uint8)
    drawn[1] = 0
    flat = {"photo": np.stack([np.full((SIZE, SIZE, 3), 10 * i, np.uint8) for i in range(3)])}
    layers = dict(split.layers) | flat | {"sketch/artist": drawn}
    some = replace(split, layers=layers, only={"sketch/artist": ["b"]})
    still = AugmentParams(flip=False, shift_px=0, angle_deg=0, zoom=0)
    batches = Batches(some, ("photo",), ("sketch/xdog", "clean/xdog", "sketch/artist"), 3, still, 0)
    seen = Counter[tuple[int, int, str]]()
    for step in range(40):
        batch = batches(step)
        for photo_, sketch in zip(batch["photo"], batch["sketch"], strict=True):
            ink = float(sketch.mean())
            kind = "people" if ink == 1 else "paper" if ink == 0 else "style"
            seen[round(float(photo_.mean()) * 25.5), step % 2, kind] += 1
    assert seen[1, 1, "people"] == 20
    assert 0 < seen[1, 0, "people"] < 20
    assert {kind for face, _, kind in seen if face != 1} == {"style"}
    with pytest.raises(UserError, match="only some faces have sketch/artist; name another kind"):
        Batches(some, ("photo",), ("sketch/artist",), 3, still, 0)


def mark(data: Path, split: str, value: int) -> None:
    """Every photo of a split of one gray."""
    photos = data / "packed" / split / "photo.npy"
    np.save(photos, np.full_like(np.load(photos), value))


def test_what_is_measured_meanwhile_is_val_and_never_test(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for split, value in (("train", 10), ("val", 20), ("test", 30)):
        mark(data, split, value)
    needs = isn.TRAINER.needs({})
    assert {round(255 * b["photo"].mean().item()) for b in validation(Layout(data), needs)} == {20}
    (data / "packed" / "val").rename(data / "packed" / "ar")
    (data / "packed" / "ar" / "index.json").unlink()
    assert {round(255 * b["photo"].mean().item()) for b in validation(Layout(data), needs)} == {10}
    assert "no split 'val'" in capsys.readouterr().err


def test_unpaired_batches_show_another_persons_sketch(data: Path) -> None:
    split = read_split(Layout(data), "train")
    faces = np.arange(3, dtype=np.uint8)[:, None, None] * np.ones((1, SIZE, SIZE), np.uint8)
    layers = {"photo": np.repeat(faces[..., None], 3, 3), "sketch/xdog": 255 - faces}
    still = AugmentParams(False, 0, 0, 0)

    def made(names: tuple[str, ...], sketches: tuple[str, ...], seed: int) -> Batches:
        return Batches(replace(split, layers=layers), names, sketches, 3, still, seed)

    pairs = Unpaired(made(("photo",), (), 0), made((), ("sketch/xdog",), 1))
    shown = [pairs(step) for step in range(20)]
    same = torch.cat([b["photo"][:, 0, 0, 0] == b["sketch"][:, 0, 0, 0] for b in shown]).float().mean()
    assert 0 < same < 0.7  # by chance a third
    assert {round(255 * v) for b in shown for v in b["sketch"][:, 0, 0, 0].tolist()} == {0, 1, 2}


@pytest.mark.parametrize(
    ("asked", "able", "chosen"),
    [
        ("auto", {"avx512_bf16": True}, "bf16-mixed"),
        ("auto", {"avx512_f": True, "avx512_bf16": False}, "32-true"),
        ("32-true", {"amx_bf16": True}, "32-true"),
    ],
)
def test_a_cpu_computes_in_bf16_where_it_can(
    asked: str, able: dict[str, bool], chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able, raising=False)
    assert Device("cpu", asked).chosen_precision() == chosen


def test_sigterm_saves_and_says_so(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os
    import signal

    real = scn.Scn.step

    def asked(self, batch):
        os.kill(os.getpid(), signal.SIGTERM)
        return real(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(scn.Scn, "step", asked)
        with pytest.raises(Stopped, match="stopped at step 1 of 6"):
            scn.run(SCN, data, CPU)
    scn.run(SCN, data, CPU)
    stopped = weights(data, "scn")
    scn.run(SCN, data, CPU)
    assert weights(data, "scn") == stopped


def test_batches_are_a_function_of_seed_and_step(data: Path) -> None:
    split = read_split(Layout(data), "train")
    one, two = (Batches(split, LAYERS, ("sketch/xdog",), 3, STILL, 7) for _ in range(2))
    for key, value in one(5).items():
        assert torch.equal(value, two(5)[key])
        assert value.min() >= 0
        assert value.max() <= 1
    assert not torch.equal(one(5)["photo"], one(6)["photo"])
    still = Batches(split, LAYERS, ("sketch/xdog",), 3, AugmentParams(False, 0, 0, 0), 7)(0)
    seen = {tuple(image.flatten()[:9].tolist()) for image in still["photo"]}
    assert len(seen) == 3, "every face once before any twice"


def test_fewer_faces_than_a_batch_holds(data: Path) -> None:
    """Each comes as often as any other, give or take one, and training runs."""
    split = read_split(Layout(data), "train")
    batch = Batches(split, LAYERS, ("sketch/xdog",), 8, AugmentParams(False, 0, 0, 0), 7)(0)
    counts = Counter(tuple(image.flatten()[:9].tolist()) for image in batch["photo"])
    assert sorted(counts.values()) == [2, 3, 3]
    scn.run(replace(SCN, batch=8, schedule=replace(SCHEDULE, steps=2)), data, CPU)
    assert weights(data, "scn")


def test_layers_of_a_face_move_together(data: Path) -> None:
    split = read_split(Layout(data), "train")
    layers = dict(split.layers) | {"canny": split.layers["hed"], "sketch/xdog": 255 - np.array(split.layers["hed"])}
    batch = Batches(replace(split, layers=layers), LAYERS, ("sketch/xdog",), 4, AugmentParams(True, 40, 0, 0), 0)(3)
    assert torch.equal(batch["canny"], batch["hed"])
    torch.testing.assert_close(batch["sketch"], batch["hed"])


def test_unpacked_style_is_named(data: Path) -> None:
    with pytest.raises(UserError, match="fdog"):
        Batches(read_split(Layout(data), "train"), LAYERS, ("sketch/fdog",), 1, STILL, 0)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([5, 4, 3, 2, 1, 0.5, 0.4, 0.3], False),
        ([5, 4, 3, 3, 3, 3, 3, 3, 3], True),
        ([5, 4, 3, 3.2, 3.1, 3.3], False),
        ([5, 4, 3, 3.2, 3.1, 3.3, 3.2], True),
        ([1, 2, 3, 4, 5], True),
        ([5, 4], False),
    ],
)
def test_plateau(values: list[float], expected: bool) -> None:
    schedule = replace(SCHEDULE, steps=1000, plateau_patience_steps=40, plateau_measure="l1")
    rows = [{"step": 10.0 * i, "l1": -10.0 * i, "val_l1": float(v)} for i, v in enumerate(values)]
    assert plateaued(rows, schedule) is expected
    between = [row for r in rows for row in (r, {"step": r["step"] + 5, "l1": 0.0})]
    assert plateaued(between[:-1], schedule) is expected
    assert not plateaued(rows * 9, replace(schedule, plateau_patience_steps=0))
    with pytest.raises(UserError, match=r"no measure 'l2'.*'l1'"):
        plateaued(rows, replace(schedule, plateau_measure="l2"))


def test_weights_file_cut_short_or_missing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_tensors(path, {"a": torch.ones(100)}, {"x": 1})
    assert load_tensors(path)[1] == {"x": 1}
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(CheckpointError, match="not whole"):
        load_tensors(path)
    with pytest.raises(CheckpointError, match="missing"):
        load_tensors(tmp_path / "none")


def test_state_survives_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resume = Resume(tmp_path)
    resume.save({"a": torch.ones(3)}, {"step": 1})

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pipeline.core.files.open", full, raising=False)
    with pytest.raises(UserError, match=r"No space.*the state saved before stays"):
        resume.save({"a": torch.zeros(3)}, {"step": 2})
    monkeypatch.undo()
    tensors, about = resume.load()
    assert about == {"step": 1, "made_on": ""}
    assert torch.equal(tensors["a"], torch.ones(3))
    assert [path.name for path in tmp_path.iterdir()] == ["state.safetensors"]


def test_two_runs_of_the_same_training_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALI_SKETCH_CACHE", str(tmp_path))
    with resume_folder("k"), pytest.raises(UserError, match="another process"), resume_folder("k"):
        pass


def test_export_keeps_both_generators_in_half_precision_and_says_what_they_are(data: Path, tmp_path: Path) -> None:
    train_all(data)
    scores = {"deformed": {"mean": {"n": 3, "psnr": 20.0}}}
    results.write(results.folder(Layout(data), "joint", "test"), scores, {})
    export.run("mine", data, tmp_path / "mine.safetensors", False, False, {})
    tensors, _ = load_tensors(tmp_path / "mine.safetensors")
    assert {key.split("/")[1] for key in tensors} == {"g"}
    assert all(value.dtype == torch.half for value in tensors.values() if value.is_floating_point())
    card = json.loads((tmp_path / "mine.json").read_text())
    assert card["metrics"] == {"test": scores}
    assert card["data"]["faces"] == 3
    whole, small = (
        load_system(Layout(data), "joint", "cpu"),
        read_system(tmp_path / "mine.safetensors", torch.device("cpu")),
    )
    sketches = read_split(Layout(data), "test").layers["sketch/xdog"]
    np.testing.assert_allclose(small.refine(sketches), whole.refine(sketches), atol=5e-3)
    with pytest.raises(UserError, match=r"name a \.safetensors file"):
        export.run("mine", data, tmp_path / "mine.pt", False, False, {})
