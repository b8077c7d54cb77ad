"""The simplifier's training: its loss by hand, its pairs, and that it learns and ships."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models.helpers.line_net import LineNet, drawer
from models.losses.strokes import tolerant_dice
from pipeline.core.image_io import read_photo
from pipeline.core.polarity import to_uint8
from pipeline.drawing.rough import lines
from pipeline.drawing.stroke import Stroke
from pipeline.helpers.augment import CropAugment
from pipeline.helpers.line_cleaner import train
from pipeline.helpers.line_cleaner.traced import Traced
from pipeline.helpers.supervised import NetParams
from pipeline.helpers.values import read_values
from pipeline.training.device import Device
from pipeline.training.supervised import OptimizerParams
from pipeline.weights.tensors import load_tensors

PARAMS = replace(
    read_values(train.LineCleanerParams, "line_cleaner"),
    batch=3,
    augment=CropAugment(48, 30, (0.7, 1.4), 0.1),
)


def logits(ink: torch.Tensor) -> torch.Tensor:
    return 40 * ink - 20


def line(column: int) -> torch.Tensor:
    ink = torch.zeros(1, 1, 12, 12)
    ink[..., column] = 1
    return ink


@pytest.mark.parametrize(
    ("drawn", "slack", "expected"),
    [
        (line(5), 0, 0.0),
        (line(6), 1, 0.0),
        (line(7), 1, 1 - 1 / 13),
        (line(5) + line(9), 1, 1 - 2 * (13 / 25) / (13 / 25 + 1)),
        (torch.zeros(1, 1, 12, 12), 1, 1 - 2 * (1 / 13) / (1 / 13 + 1)),
    ],
)
def test_dice_counts_what_lies_beyond_the_slack(drawn: torch.Tensor, slack: int, expected: float) -> None:
    assert float(tolerant_dice(logits(drawn), line(5), slack)) == pytest.approx(expected, abs=1e-4)


def drawing() -> Traced:
    """A ring and a cross; the raw sketch has broader lines."""
    angles = np.linspace(0, 2 * np.pi, 200)
    ring = 128 + 60 * np.stack([np.cos(angles), np.sin(angles)], 1)
    cross = np.stack([np.linspace(10, 245, 120), np.linspace(30, 220, 120)], 1)
    strokes = [Stroke.even(p.astype(np.float32), np.ones(len(p), np.float32)) for p in (ring, cross)]
    return Traced(to_uint8(lines(strokes, train.FACE, 5.0)), strokes)


def blank() -> Traced:
    return Traced(np.full(train.FACE, 255, np.uint8), [])


def pairs(seed: int = 0, strength: float = 1.0, **samples: float) -> train.RoughPairs:
    params = replace(PARAMS, rough=replace(PARAMS.rough, strength=strength), samples=samples or PARAMS.samples)
    return train.RoughPairs([drawing()], params, seed)


@pytest.mark.parametrize(("kind", "off"), [("rough", 0.02), ("curves", 0.02), ("clean", 0.01)])
def test_what_is_shown_lies_on_what_is_to_be_drawn(kind: str, off: float) -> None:
    batch = pairs(strength=0.0, **{kind: 1.0})(4)
    assert batch["photo"].shape == batch["lines"].shape == (3, 1, 48, 48)
    assert 0 <= float(batch["lines"].min()) < 0.9 < float(batch["lines"].max()) <= 1
    assert float((batch["photo"] - (1 - batch["lines"])).abs().mean()) < off


def test_a_raw_sketch_is_moved_as_its_strokes_are() -> None:
    batch = pairs(sketches=1.0)(2)
    ink, line = 1 - batch["photo"], batch["lines"] > 0.9
    assert float(ink[line].mean()) > 0.9  # the line is the middle of the broad one
    assert 1.5 < float(ink.sum() / batch["lines"].sum()) < 4


def test_pairs_depend_on_seed_and_step_alone() -> None:
    batch = pairs()(4)
    for key in batch:
        torch.testing.assert_close(pairs()(4)[key], batch[key], rtol=0, atol=0)
        assert not torch.equal(pairs()(5)[key], batch[key])
        assert not torch.equal(pairs(1)(4)[key], batch[key])


def test_strokes_outside_are_left_out_and_the_rest_moved() -> None:
    matrix = np.array([[2.0, 0, -10], [0, 2.0, 0]])
    inside, outside = Stroke.even(np.array([[5, 5], [20, 9]], np.float32), np.ones(2, np.float32)), drawing().strokes[0]
    (kept,) = train.moved([inside, outside], matrix, (48, 48))
    np.testing.assert_allclose(kept.points, [[0, 10], [30, 18]])
    np.testing.assert_allclose(kept.widths, 2)


def history(folder: Path) -> list[float]:
    """The loss as it was logged."""
    with (folder / "history.csv").open() as file:
        return [float(row["entropy"]) + float(row["dice"]) for row in csv.DictReader(file)]


def test_it_learns_and_ships(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALI_SKETCH_CACHE", str(tmp_path / "cache"))
    schedule = replace(PARAMS.schedule, steps=40, log_every_steps=5, save_every_steps=20, validate_every_steps=40)
    net = NetParams((4, 6, 8), 4)
    params = replace(
        PARAMS, net=net, schedule=schedule, optimizer=OptimizerParams(1e-2, 0.0), samples={"rough": 0.5, "clean": 0.5}
    )
    train.train_on([drawing()], [blank()], params, tmp_path / "data", Device("cpu", "32-true"))
    folder = tmp_path / "data" / "trained" / "line_cleaner"
    losses = history(folder)
    assert losses[-1] < 0.75 * losses[0]
    sheet = read_photo(folder / "samples" / "000040.png")
    side = PARAMS.augment.crop_px
    assert (sheet[:, -side:] == 255).all()  # val's drawings have no lines
    start, once = str(folder / "weights.safetensors"), replace(schedule, steps=1, log_every_steps=1)
    params = replace(params, start=start, schedule=once)
    train.train_on([drawing()], [blank()], params, tmp_path / "on", Device("cpu", "32-true"))
    assert history(tmp_path / "on" / "trained" / "line_cleaner")[0] < 0.75 * losses[0]
    clean = lines(drawing().strokes, train.FACE, 2.0)
    drawn = drawer(load_tensors(folder / "weights.safetensors"), 1)(torch.from_numpy(clean)[None, None]).detach()[0, 0]
    assert drawn[clean < 0.5].mean() < drawn[clean > 0.9].mean() - 0.05  # ink where there is ink


def test_columns_are_paper_and_ink() -> None:
    shown = train.columns(LineNet(1, (4, 6), 4), pairs()(0))
    assert list(shown) == ["photo", "drawn", "clean"]
    assert float(shown["clean"].median()) == 1
