"""What amateurs do to a drawing: each thing where it should be, by its own number; levels; what is completed."""

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from models.losses.strokes import filled_dice, tolerant_dice
from pipeline.core.dataset import Split, read_split
from pipeline.core.errors import UserError
from pipeline.core.layout import Layout
from pipeline.core.params import ParamsError
from pipeline.core.polarity import turned_tensor
from pipeline.drawing.face_prior import Eyes
from pipeline.training import isn, joint, scn
from pipeline.training.completion import completed
from pipeline.training.data import AugmentParams, Batches, HandParams
from pipeline.training.human_hand import DRAWS, Hand, Hands, eyes_of, named, random_numbers, watched
from pipeline.training.nets import ModulatedParams
from pipeline.training.trainers import TRAINERS, validation
from tests.training.test_training import CPU, ISN, JOINT, LAYERS, NO_HAND, SCN, STILL, weights, write_data

SIDE, COUNT = 128, 32
PLACE = Eyes(0.48, 0.27)
CPU_DEVICE = torch.device("cpu")
ALL = HandParams(
    level=0.0, symbols=0.5, left_out=0.5, proportions=0.15, wander_px=8, pens=0.5, hatching=0.5, erased=0.5, stays=0
)
ALWAYS = HandParams(
    level=0.0, symbols=1, left_out=1, proportions=0.15, wander_px=8, pens=1, hatching=1, erased=1, stays=0
)
SWITCHES = [field.name for field in fields(HandParams) if field.name not in ("level", "stays")]
MADE = {"photo": {"eye_y": PLACE.eye_y, "eye_distance": PLACE.eye_distance}}


def only(name: str, of: HandParams = ALWAYS) -> HandParams:
    return replace(NO_HAND, **{name: getattr(of, name)})


def grid() -> Tensor:
    """Thin soft lines every 8 px: a drawing with ink everywhere."""
    line = torch.zeros(SIDE)
    line[4::8] = 1
    line[3::8] = line[5::8] = 0.4
    return torch.maximum(line[None], line[:, None]).expand(COUNT, 1, SIDE, SIDE)


def numbers(step: int = 0, count: int = COUNT) -> dict[str, Tensor]:
    return named(torch.from_numpy(random_numbers(0, step, count)))


def drawn(params: HandParams, draws: dict[str, Tensor] | None = None) -> Tensor:
    return Hand(params, PLACE, SIDE, CPU_DEVICE)(grid(), numbers() if draws is None else draws)


def pixel(u: float, v: float) -> tuple[int, int]:
    """Row and column of a place in distances of the pupils."""
    return round((PLACE.eye_y + v * PLACE.eye_distance) * SIDE), round((0.5 + u * PLACE.eye_distance) * SIDE)


def around(image: Tensor, u: float, v: float, reach: int = 4) -> Tensor:
    row, column = pixel(u, v)
    return image[:, :, row - reach : row + reach + 1, column - reach : column + reach + 1]


@pytest.fixture
def split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Split:
    monkeypatch.setenv("CALI_SKETCH_CACHE", str(tmp_path / "cache"))
    return replace(read_split(Layout(write_data(tmp_path / "data")), "train"), made_with=MADE)


@pytest.mark.parametrize("name", SWITCHES)
def test_each_switch_alone_changes_drawings_and_stays_ink(name: str) -> None:
    made = drawn(only(name))
    assert made.shape == (COUNT, 1, SIDE, SIDE)
    assert made.min() >= 0
    assert made.max() <= 1
    assert (made != grid()).flatten(1).any(1).sum() >= 0.6 * COUNT, "left_out has features with a chance of .3"
    assert torch.equal(made, drawn(only(name)))
    assert not torch.equal(made, drawn(only(name), numbers(1)))


@pytest.mark.parametrize("name", ["pens", "hatching", "erased"])
def test_a_chance_of_a_half_is_taken_in_about_half(name: str) -> None:
    draws = numbers(count=400)
    hand = Hand(only(name, ALL), PLACE, SIDE, CPU_DEVICE)
    changed = (hand(grid()[:1].expand(400, -1, -1, -1), draws) != grid()[:1]).flatten(1).any(1)
    assert 0.4 < changed.float().mean() < 0.6


def test_erased_parts_are_empty_and_the_rest_is_as_it_was() -> None:
    hand, draws = Hand(only("erased"), PLACE, SIDE, CPU_DEVICE), numbers()
    mask = hand.erased(draws, torch.ones(COUNT, 1))
    made = hand(grid(), draws)
    assert (made[mask == 1] == 0).all()
    assert torch.equal(made[mask == 0], grid()[mask == 0])
    share = (mask > 0.5).float().mean((1, 2, 3))
    assert share.min() >= 0.9 / 64, "one patch of an eighth of the side, with round corners"
    assert share.max() <= 3 / 16
    count = [len(np.unique(np.sign(row))) for row in mask.numpy()]
    assert set(count) == {2}


def test_pupils_alone_are_left_out_where_only_their_number_is_low() -> None:
    draws = numbers() | {"left_out": torch.ones(COUNT, DRAWS["left_out"])}
    draws["left_out"][:, 0] = 0
    made = drawn(only("left_out"), draws)
    for u in (-0.5, 0.5):
        assert around(made, u, 0).max() == 0
    changed = (made != grid()).any(0)[0].nonzero()
    rows, columns = pixel(-0.5, -0.2)[0], pixel(-0.75, 0)[1]
    assert changed[:, 0].min() >= rows
    assert changed[:, 0].max() <= SIDE - 1 - rows + (2 * pixel(0, 0)[0] - SIDE)
    assert changed[:, 1].min() >= columns


def test_symbols_stand_where_the_features_stood() -> None:
    made = drawn(only("symbols"))
    assert (around(made, 0, 1.6) == around(grid(), 0, 1.6)).all(), "the chin is none of them"
    for u, v in ((-0.5, 0), (0.5, 0), (0, 0.45), (0, 1.05)):
        there = around(made, u, v, 6)
        assert (there.amax((1, 2, 3)) > 0.5).float().mean() > 0.5, "a symbol's own lines"
        assert (there.mean((1, 2, 3)) < 0.8 * around(grid(), u, v, 6).mean()).float().mean() > 0.5, "no grid beneath"
    left, right = (around(made, u, 0, 14).sum((1, 2, 3)) for u in (-0.5, 0.5))
    assert np.corrcoef(left, right)[0, 1] > 0.9, "both eyes of a face are of one kind"


def test_lines_wander_no_further_than_told() -> None:
    """A dot's centre of mass, of many dots far apart."""
    dots = torch.zeros(COUNT, 1, SIDE, SIDE)
    dots[:, :, 16::32, 16::32] = 1
    dots = torch.nn.functional.avg_pool2d(dots, 3, 1, 1)
    moved = Hand(replace(NO_HAND, wander_px=12), PLACE, SIDE, CPU_DEVICE)(dots, numbers())
    cells = moved[:, 0].unfold(1, 32, 32).unfold(2, 32, 32)
    along = torch.arange(32.0)
    mass = cells.sum((-1, -2)).clamp_min(1e-6)
    off = torch.stack([(cells.sum(-1) * along).sum(-1) / mass - 16, (cells.sum(-2) * along).sum(-1) / mass - 16])
    furthest = off[:, mass > 0.5].abs().max()
    assert 2 < furthest < 6.5, "12 px at 256, 6 here"


def test_switches_do_not_change_each_others_draws() -> None:
    """Erased with others on: still empty where it is empty alone."""
    gone = drawn(only("erased")) == 0
    alone = Hand(only("erased"), PLACE, SIDE, CPU_DEVICE).erased(numbers(), torch.ones(COUNT, 1)) == 1
    assert gone[alone].all()
    assert (drawn(ALWAYS)[alone] == 0).all()


def test_level_0_keeps_the_drawing_and_more_changes_more() -> None:
    hand, draws = Hand(replace(ALWAYS, level=1.0), PLACE, SIDE, CPU_DEVICE), numbers()
    off = []
    for level in (0.0, 0.25, 1.0):
        made = hand(grid(), draws | {"level": torch.full((COUNT, 1), level)})
        off.append((made - grid()).abs().mean().item())
    assert off[0] < 1e-4
    assert 2 * off[0] < off[1] < off[2]


def test_batches_without_a_hand_are_as_they_were(split: Split) -> None:
    """Byte for byte, and with a hand everything but the sketch."""
    plain = Batches(split, LAYERS, ("sketch/xdog",), 4, STILL, 7)(2)
    off = Batches(split, LAYERS, ("sketch/xdog",), 4, STILL, 7, hand=NO_HAND)(2)
    on = Batches(split, LAYERS, ("sketch/xdog",), 4, STILL, 7, hand=ALWAYS)(2)
    assert plain.keys() == off.keys() == on.keys()
    for key, value in plain.items():
        assert torch.equal(value, off[key])
        assert torch.equal(value, on[key]) == (key != "sketch")


def test_the_hand_draws_before_a_face_is_displaced(split: Split) -> None:
    """What it erases lies on the same features, whatever the shift and the mirror."""
    still = Batches(split, LAYERS, ("sketch/xdog",), 3, AugmentParams(False, 0, 0, 0), 7, hand=only("erased"))(2)
    both = Batches(split, LAYERS, ("sketch/xdog",), 3, AugmentParams(True, 12, 0, 0), 7, hand=only("erased"))(2)
    assert not torch.equal(still["sketch"], both["sketch"])
    for i in range(3):
        values = (set(batch["sketch"][i].flatten().tolist()) for batch in (still, both))
        assert len(set.intersection(*values)) > 100


def test_levels_are_told_and_parts_of_a_batch_agree(split: Split) -> None:
    hand, names = replace(ALL, level=0.8), ("sketch/xdog", "clean/xdog")
    whole = Batches(split, LAYERS, names, 4, STILL, 7, hand=hand)(2)
    parts = [Batches(split, LAYERS, names, 4, STILL, 7, None, (i, 2), hand)(2) for i in range(2)]
    assert whole["level"].shape == (4, 1)
    assert 0 <= whole["level"].min() < whole["level"].max() <= 0.8
    for key, value in whole.items():
        assert torch.equal(torch.stack([part[key] for part in parts], 1).flatten(0, 1), value), key


def test_low_levels_are_drawn_as_traced_and_high_ones_deformed(split: Split) -> None:
    layers = dict(split.layers) | {"sketch/xdog": np.zeros_like(split.layers["hed"])}
    layers["clean/xdog"] = np.full_like(split.layers["hed"], 255)
    batches = Batches(
        replace(split, layers=layers),
        LAYERS,
        ("sketch/xdog", "clean/xdog"),
        64,
        STILL,
        7,
        hand=replace(NO_HAND, level=1),
    )
    batch = batches(0)
    deformed = batch["sketch"].amax((1, 2, 3)) > 0
    assert batch["level"][deformed].mean() > 0.2 + batch["level"][~deformed].mean()


STAYING = replace(NO_HAND, level=1.0, proportions=0.15, wander_px=8, stays=1.0)


def test_what_is_learnt_is_where_the_drawing_has_it_up_to_the_usual_level_and_true_at_1() -> None:
    """In between it is nearer to the drawing the lower the level; the drawing is as wrong at every level."""
    hand, draws, fine = Hand(STAYING, PLACE, SIDE, CPU_DEVICE), numbers(), 0.9 / 4096
    known, off, wrong = grid(), list[list[float]](), list[float]()
    for level in (0.0, 0.5, 0.75, 0.875):
        at = draws | {"level": torch.full((COUNT, 1), level + fine)}
        drawing, target = hand(known, at), hand.stay(known, at)
        off.append([(target - of).abs()[..., 8:-8, 8:-8].mean().item() for of in (drawing, known)])
        wrong.append((drawing - known).abs().mean().item())
    assert wrong == pytest.approx([wrong[0]] * 4, rel=0.01)
    assert max(a for a, _ in off[:2]) < 0.01
    assert [a for a, _ in off] == sorted(a for a, _ in off)
    assert [b for _, b in off] == sorted((b for _, b in off), reverse=True)
    true = draws | {"level": torch.ones(COUNT, 1)}
    torch.testing.assert_close(hand.stay(known, true), known, atol=1e-3, rtol=0)


def test_all_layers_of_a_face_stay_alike_and_are_displaced_after(split: Split) -> None:
    """Where product and sketch are one picture, they stay one at level 0, shifts and mirrors and all."""
    layers = dict.fromkeys(("hed", "product"), split.layers["hed"]) | {"sketch/xdog": 255 - split.layers["hed"]}
    same = replace(split, layers=layers)
    batches = Batches(same, ("hed", "product"), ("sketch/xdog",), 64, STILL, 7, hand=STAYING)
    batch = batches(0)
    assert torch.equal(batch["hed"], batch["product"])
    off = (batch["sketch"] - batch["product"]).abs()[..., 8:-8, 8:-8].mean((1, 2, 3))
    low, high = batch["level"][:, 0] < 0.2, batch["level"][:, 0] > 0.6
    assert off[low].mean() < 0.5 * off[high].mean()


def test_at_level_0_lines_are_those_that_are_drawn_and_from_the_usual_level_on_all_true_ones() -> None:
    """One line is true and drawn 2 px beside, one is true alone, one drawn alone, as dark as a light pencil."""
    hand = Hand(STAYING, PLACE, SIDE, CPU_DEVICE)
    true, drawing = torch.zeros(2, 1, 1, SIDE, SIDE)
    true[..., 20], true[..., 60], drawing[..., 22], drawing[..., 100] = 1, 0.8, 0.6, 0.5
    drawing[..., 30:50, :] = drawing[..., 30:50, :].clamp_min(0.1)  # the paper of a scan

    def held(level: float) -> Tensor:
        return hand.hold(true, drawing, {"level": torch.full((1, 1), level)})

    columns = [held(level)[0, 0, 0, [20, 60, 100]].tolist() for level in (0, 0.25, 0.5, 1)]
    assert columns[0] == pytest.approx([1, 0, 0.84])
    assert columns[1] == pytest.approx([1, 0.4, 0.42])
    assert columns[2:] == [pytest.approx([1, 0.8, 0])] * 2
    assert not held(0)[..., 30:50, :][..., 70:90].any()
    half = Hand(replace(STAYING, stays=0.5), PLACE, SIDE, CPU_DEVICE)
    assert half.hold(true, drawing, {"level": torch.zeros(1, 1)})[0, 0, 0, 60] == pytest.approx(0.4)


def test_where_the_target_stays_no_drawing_tells_its_level(split: Split) -> None:
    hand = Hand(replace(ALWAYS, level=1.0, stays=1.0), PLACE, SIDE, CPU_DEVICE)
    draws = numbers()
    finer = (256 * draws["level"]).round() / 2**20  # to be exact
    made = [hand(grid(), draws | {"level": level + finer}) for level in (0.0, 0.5)]
    assert torch.equal(*made)
    assert (made[0] - grid()).abs().mean() > 0.01


def test_a_target_that_stays_needs_levels() -> None:
    with pytest.raises(ParamsError, match="level above 0 where stays is"):
        replace(NO_HAND, stays=0.5)


def test_data_that_tells_no_eyes_is_refused_with_a_remedy(split: Split) -> None:
    with pytest.raises(UserError, match="repro pack"):
        Batches(replace(split, made_with={}), LAYERS, ("sketch/xdog",), 2, STILL, 0, hand=ALWAYS)
    assert eyes_of(MADE) == PLACE


def test_each_face_is_drawn_on_by_where_its_own_eyes_are(split: Split) -> None:
    tight = Eyes(0.42, 0.34)
    framed = replace(split, eyes={split.ids[1]: (tight.eye_y, tight.eye_distance)})
    hands, draws = Hands(only("left_out"), framed, CPU_DEVICE), numbers(count=3)
    strokes = grid()[:3, :, : split.size, : split.size]
    made = hands(strokes, draws, [2, 1, 0])
    for i, eyes in enumerate((PLACE, tight, PLACE)):
        alone = Hand(only("left_out"), eyes, split.size, CPU_DEVICE)(strokes, draws)[i]
        assert torch.equal(made[i], alone)


def test_val_is_watched_complete_and_with_parts_erased(split: Split) -> None:
    assert watched(NO_HAND, split, 0, 8) == {}
    assert watched(None, split, 0, 8) == {}
    found = watched(ALWAYS, split, 0, 8)
    assert list(found) == ["erased"]
    assert (found["erased"].amax((1, 2, 3)) == 1).all()
    again = watched(replace(ALWAYS, level=1.0), split, 0, 8)
    assert torch.equal(again["erased"], found["erased"])
    assert (again["level"] == 0.5).all()


def told(data: Path) -> None:
    """Where the eyes are, in the index of the data."""
    import json

    for path in (data / "packed").glob("*/index.json"):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"made_with": MADE}))


def test_a_net_that_is_told_the_level_trains_and_resumes_to_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALI_SKETCH_CACHE", str(tmp_path / "cache"))
    data = write_data(tmp_path / "data")
    told(data)
    hand = replace(ALL, level=1.0)
    generator = ModulatedParams(**(vars(SCN.net.generator) | {"kind": "modulated", "code": 1}))
    loss = replace(SCN.loss, weights=replace(SCN.loss.weights, dice=1.0))
    params = replace(SCN, net=replace(SCN.net, generator=generator), hand=hand, loss=loss)
    scn.run(params, data, CPU)
    whole = weights(data, "scn")
    rows = (Layout(data).trained("scn") / "history.csv").read_text().splitlines()
    assert {"dice", "val_completion", "val_completion_precision"} <= set(rows[0].split(","))
    real = scn.Scn.step

    def failing(left: list[int]) -> Callable[..., dict[str, Tensor]]:
        def step(self: scn.Scn, batch: dict[str, Tensor]) -> dict[str, Tensor]:
            if not left:
                raise KeyboardInterrupt
            left.pop()
            return real(self, batch)

        return step

    with monkeypatch.context() as patch:
        patch.setattr(scn.Scn, "step", failing([1, 2, 3]))
        with pytest.raises(KeyboardInterrupt):
            scn.run(params, data, CPU)
    scn.run(params, data, CPU)
    assert weights(data, "scn") == whole
    isn.run(ISN, data, CPU)
    joint.run(params, ISN, replace(JOINT, hand=hand), data, CPU)
    assert "val_scn_completion" in (Layout(data).trained("joint") / "history.csv").read_text()


def test_the_level_reaches_the_net(split: Split) -> None:
    generator = ModulatedParams(**(vars(SCN.net.generator) | {"kind": "modulated", "code": 1}))
    params = replace(SCN, net=replace(SCN.net, generator=generator), hand=replace(ALL, level=1.0))
    trainer = scn.Scn(CPU.fabric(), params)
    batch = Batches(split, LAYERS, ("sketch/xdog",), 2, STILL, 7, hand=params.hand)(0)
    for modulation in trainer.gan.generator.by_code.values():  # at first it changes nothing
        torch.nn.init.ones_(modulation.linear.weight)
    shown = [trainer.shown(batch | {"level": torch.full((2, 1), level)}) for level in (0.0, 1.0)]
    assert (shown[0] - shown[1]).abs().max() > 1e-3
    untold = {key: value for key, value in batch.items() if key != "level"}
    torch.testing.assert_close(trainer.shown(untold), shown[0])


def test_a_code_without_levels_is_refused() -> None:
    generator = ModulatedParams(**(vars(SCN.net.generator) | {"kind": "modulated", "code": 1}))
    with pytest.raises(ParamsError, match=r"hand\.level"):
        replace(SCN, net=replace(SCN.net, generator=generator))


def test_both_stages_ask_for_their_hand() -> None:
    sections = {"train_scn": SCN, "train_joint": replace(JOINT, hand=ALL), "train_isn": None}
    assert TRAINERS["scn"].needs(sections).hand == NO_HAND
    assert TRAINERS["joint"].needs(sections).hand == ALL


def test_validation_has_parts_to_erase_where_there_is_a_hand(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data")
    told(data)
    plain, with_hand = (
        validation(Layout(data), TRAINERS["scn"].needs({"train_scn": replace(SCN, hand=hand)}))
        for hand in (NO_HAND, ALL)
    )
    assert "erased" not in plain[0]
    assert with_hand[0]["erased"].shape == with_hand[0]["sketch"].shape
    assert torch.equal(plain[0]["sketch"], with_hand[0]["sketch"]), "the drawing itself is complete"


def test_completion_counts_what_comes_back_within_2_px() -> None:
    """Three lines, one of them drawn; of the two erased one is found, 2 px off, and a false one is drawn."""
    truth, sketch, refined = (torch.zeros(1, 1, 64, 64) for _ in range(3))
    truth[..., 10, 5:35] = truth[..., 20, 5:35] = truth[..., 30, 5:35] = 1
    sketch[..., 10, 5:35] = 1
    refined[..., 10, 5:35] = refined[..., 22, 5:35] = refined[..., 50, 5:35] = 1
    erased = torch.zeros(1, 1, 64, 64)
    erased[..., 15:, :] = 1
    assert completed(refined, sketch, truth, erased) == {"completion": 0.5, "completion_precision": 0.5}
    nothing = completed(torch.zeros_like(truth), sketch, truth, erased)
    assert nothing == {"completion": 0.0, "completion_precision": 0.0}
    off = torch.zeros_like(truth)
    off[..., 23, 5:35] = 1
    assert completed(off, sketch, truth, erased)["completion"] == 0, "3 px is too far"


def test_dice_asks_for_whole_lines_a_pixel_off_at_most() -> None:
    ink, dashes = torch.zeros(1, 1, 32, 32), torch.zeros(1, 1, 32, 32)
    ink[..., 10, 2:29] = 1
    dashes[..., 10, 3:29:3] = 1
    assert filled_dice(ink, ink, 1) < 1e-6
    assert filled_dice(dashes, ink, 1) > 0.4
    assert tolerant_dice(20 * (2 * dashes - 1), ink, 1) < 0.01, "for which dashes will do"
    thick = torch.nn.functional.max_pool2d(ink, (3, 1), 1, (1, 0))
    assert filled_dice(thick, ink, 1) < 1e-6
    assert filled_dice(torch.ones_like(ink), ink, 1) > 0.5
    assert filled_dice(turned_tensor(ink), ink, 0) > 0.9
