"""Robustness: each change does to a drawing what its name says; systems are measured on all of them alike."""

import csv
import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.core.dataset import read_split
from pipeline.core.layout import Layout
from pipeline.drawing.face_prior import Eyes
from pipeline.evaluation import changes, feature_sets, figures, pair_nets, robustness, systems, table_1
from pipeline.evaluation.changes import CHANGES, Case
from pipeline.evaluation.robustness import RobustnessParams

sys.path.insert(0, str(Path(__file__).parent))
from hand_made import MADE_FEATURES, MADE_PAIRS, PARAMS, blurred, known, truth, write_data

SIDE = 256
EYES = Eyes(0.48, 0.27)


def drawing() -> np.ndarray:
    """Twelve lines 5 px thick, two rings where the eyes are."""
    canvas = np.full((SIDE, SIDE), 255, np.uint8)
    for i in range(12):
        cv2.line(canvas, (20 + 18 * i, 160), (20 + 18 * i, 240), 0, 3)
    for x in (93, 163):
        cv2.circle(canvas, (x, 123), 12, 0, 3)
    return canvas


def case(seed: int = 1, pixels: np.ndarray | None = None) -> Case:
    return Case((drawing() if pixels is None else pixels).astype(np.float32) / 255, EYES, seed)


def ink(sketch: np.ndarray) -> float:
    return float((1 - sketch).sum())


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_gives_a_sketch_and_blank_paper_stays_blank(name: str) -> None:
    made = CHANGES[name](case())
    assert made.shape == (SIDE, SIDE)
    assert made.dtype == np.float32
    assert made.min() >= 0
    assert made.max() <= 1
    assert not np.array_equal(made, case().sketch)
    np.testing.assert_array_equal(made, CHANGES[name](case()), "the same each time")
    blank = np.full((SIDE, SIDE), 255, np.uint8)
    assert ink(CHANGES[name](case(pixels=blank))) == 0


def test_sparse_leaves_out_whole_strokes_and_no_more_than_three_in_ten() -> None:
    left = [ink(changes.sparse(case(seed))) / ink(case().sketch) for seed in range(8)]
    assert all(0.65 < share < 0.95 for share in left), left
    assert len(set(left)) > 1, "other strokes in each face"


def test_eyes_are_left_out_and_nothing_else() -> None:
    made = changes.without_eyes(case())
    assert ink(made[:150]) == 0
    np.testing.assert_array_equal(made[150:], case().sketch[150:])


def test_thick_and_one_pixel() -> None:
    row = 200
    widths = {name: int((CHANGES[name](case())[row] < 0.5).sum()) / 12 for name in ("thick", "one_pixel")}
    assert int((case().sketch[row] < 0.5).sum()) / 12 == 5
    assert widths == {"thick": 9, "one_pixel": 1}


@pytest.mark.parametrize("px", [2, 4, 8])
def test_shifted_by_so_many_pixels_either_way(px: int) -> None:
    for seed, sign in ((1, 1), (2, -1)):
        made = CHANGES[f"shifted_{px}_px"](case(seed))
        np.testing.assert_allclose(made[:, 20:-20], np.roll(case().sketch, sign * px, 1)[:, 20:-20], atol=1e-6)


def test_turned_and_scaled_about_the_middle() -> None:
    dot = np.full((SIDE + 1, SIDE + 1), 255, np.uint8)
    cv2.circle(dot, (228, 128), 4, 0, -1)

    def where(made: np.ndarray) -> np.ndarray:
        weights = 1 - made
        return np.array([(weights.sum(0) @ np.arange(257)), (weights.sum(1) @ np.arange(257))]) / weights.sum()

    angle = np.deg2rad(10)
    turned = where(CHANGES["turned_10_degrees"](case(1, dot)))
    np.testing.assert_allclose(turned, [128 + 100 * np.cos(angle), 128 + 100 * np.sin(angle)], atol=0.3)
    np.testing.assert_allclose(where(CHANGES["scaled_0.8"](case(1, dot))), [208, 128], atol=0.3)


def test_deformed_no_farther_than_told() -> None:
    np.testing.assert_array_equal(changes.deformed(case(), 0), case().sketch)
    near = cv2.dilate((case().sketch < 0.5).astype(np.uint8), np.ones((19, 19), np.uint8)) > 0
    made = changes.deformed(case(), 8) < 0.5
    assert not (made & ~near).any()
    assert (made != (case().sketch < 0.5)).mean() > 0.01


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(feature_sets, "FEATURES", MADE_FEATURES)
    monkeypatch.setattr(pair_nets, "PAIRS", MADE_PAIRS)
    monkeypatch.setitem(systems.OWN, "truth", known(truth))
    monkeypatch.setitem(systems.OWN, "blurred", known(blurred))
    return write_data(tmp_path / "data", {"train": 3, "val": 5})


def test_every_system_is_measured_on_every_drawing(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    params = RobustnessParams("val", 4, (0.0, 8.0))
    robustness.run(params, PARAMS, ("truth", "blurred"), data, "cpu", 1)
    out = data / "robustness" / "val"
    with (out / "table.csv").open() as file:
        rows = list(csv.DictReader(file))
    kinds = ["clean", "unpractised", *CHANGES, "deformed_0_px", "deformed_8_px", "people"]
    assert [(row["system"], row["drawings"]) for row in rows] == [(s, k) for s in ("truth", "blurred") for k in kinds]
    of = {(row["system"], row["drawings"]): row for row in rows}
    assert of["truth", "clean"]["psnr"] == of["truth", "unpractised"]["psnr"] == of["truth", "people"]["psnr"] == "inf"
    assert of["truth", "clean"]["identity_face"] == "1"
    assert float(of["blurred", "clean"]["psnr"]) < 60
    details = json.loads((out / "details.json").read_text())
    assert details["n"] == 4
    assert "<svg" in (out / "curves.svg").read_text()
    assert (out / "sheet.png").stat().st_size > 1000
    assert "unpractised" in capsys.readouterr().out


def test_drawings_are_of_the_faces_by_turns(data: Path) -> None:
    split = read_split(Layout(data), "val")
    given = dict(robustness.spoilt(split, (0.0,)))
    np.testing.assert_array_equal(given["clean"][1], split.layers["clean/fdog"][1])
    np.testing.assert_array_equal(given["unpractised"][2], split.layers["sketch/xdog"][2])
    np.testing.assert_array_equal(given["people"], split.layers["sketch/artist"])
    np.testing.assert_array_equal(given["deformed_0_px"], given["clean"])


def test_cost_counts_what_ran() -> None:
    """A convolution of 3x3, 1 -> 3 channels: 30 numbers, 27 multiplications a pixel; another net's are not counted."""
    import torch
    from torch import nn

    net, other = nn.Conv2d(1, 3, 3, padding=1), nn.Conv2d(1, 3, 3, padding=1)

    def draw(sketches: np.ndarray, photos: np.ndarray) -> tuple[np.ndarray, None]:
        with torch.inference_mode():
            made = net(torch.from_numpy(sketches).float()[:, None])
        return made.byte().permute(0, 2, 3, 1).numpy(), None

    found = table_1.cost(draw, np.zeros((4, 16, 16), np.uint8), np.zeros((4, 16, 16, 3), np.uint8))
    assert found.parameters == 30
    assert found.gmacs == pytest.approx(27 * 256 / 1e9)
    assert found.images_per_second > 0
    assert sum(p.numel() for p in other.parameters()) == 30


def test_columns_that_were_computed_for_nobody_are_left_out() -> None:
    heads, rows = figures.filled(["system", "PSNR", "FID"], [["a", "1", "–"], ["b", "–", "–"]])
    assert (heads, rows) == (["system", "PSNR"], [["a", "1"], ["b", "–"]])
