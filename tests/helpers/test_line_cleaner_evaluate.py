"""Scores of a simplifier whose answers are known."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.core.errors import UserError
from pipeline.core.image_io import read_photo, write_gray
from pipeline.core.layout import Layout
from pipeline.core.manifest import Face, write_faces
from pipeline.core.params import load
from pipeline.core.polarity import to_uint8
from pipeline.drawing.rough import PEN_PX, lines
from pipeline.drawing.scale import resized
from pipeline.drawing.stroke import Stroke
from pipeline.helpers.line_cleaner import evaluate
from pipeline.helpers.line_cleaner.evaluate import KINDS, SHAPE, Pair, Traced, centrelines, pairs, read_drawings, scored
from pipeline.helpers.line_cleaner.train import SimplifierParams
from pipeline.stages.simplify import SimplifyParams

SIMPLIFY = load(SimplifyParams, "simplify")
ROUGH = load(SimplifierParams, "train_simplifier").rough


def ring(radius: float) -> Stroke:
    angles = np.linspace(0, 2 * np.pi, 200)
    points = 128 + radius * np.stack([np.cos(angles), np.sin(angles)], 1)
    return Stroke.even(points.astype(np.float32), np.ones(200, np.float32))


CLEAN = lines([ring(60)], SHAPE, PEN_PX)


def traced(radius: float) -> Traced:
    return Traced(to_uint8(lines([ring(radius)], SHAPE, PEN_PX)), [ring(radius)])


def test_centrelines_are_one_pixel_wide() -> None:
    assert centrelines([ring(60)], SHAPE).sum() == pytest.approx(2 * np.pi * 60, rel=0.15)
    assert not centrelines([], SHAPE).any()


def test_the_drawing_itself_scores_1_and_blank_paper_0() -> None:
    result = scored(Pair("pencil", [ring(60)], np.ones(SHAPE, np.float32), CLEAN), SIMPLIFY)
    assert result.clean["f"] > 0.99
    assert result.rough["f"] == 0


def test_a_second_ring_halves_precision() -> None:
    twice = lines([ring(60), ring(40)], SHAPE, PEN_PX)
    result = scored(Pair("pencil", [ring(60)], twice, CLEAN), SIMPLIFY)
    assert result.rough["recall"] > 0.99
    assert result.rough["precision"] == pytest.approx(0.6, abs=0.03)


def test_pairs_are_always_the_same_and_of_every_kind() -> None:
    first, second = (pairs([traced(60), traced(50)], ROUGH) for _ in range(2))
    assert all(a.rough.tobytes() == b.rough.tobytes() for a, b in zip(first, second, strict=True))
    assert [sum(p.kind == kind for p in first) for kind in KINDS] == [15] * 4


def test_a_table_and_a_sheet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr(evaluate, "PAIRS", 4)
    sheet = tmp_path / "sheet.png"
    still = replace(ROUGH, strength=0.0)
    evaluate.run([traced(60)], "classical", SIMPLIFY, still, sheet, 1)
    rows = [row.replace("│", " ").split() for row in capsys.readouterr().out.splitlines() if "│" in row]
    assert [row[0] for row in rows] == [*KINDS, "all"]
    assert all(float(value) > 0.95 for row in rows for value in row[2:])
    assert read_photo(sheet).shape[1] > 3 * 256
    with pytest.raises(UserError, match="no method 'best'; there are classical"):
        evaluate.run([traced(60)], "best", SIMPLIFY, still, None, 1)


def faces(folder: Path) -> Path:
    about = {"sha256": "", "alignment": "none", "transform": (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)}
    listed = [
        Face(id=f"f{i}", source=f"f{i}.png", subject="", split=s, **about) for i, s in enumerate(("train", "test"))
    ]
    write_faces(folder / "faces", listed, [])
    for face in listed:
        write_gray(
            Layout(folder).style("xdog") / f"{face.id}.png", resized(lines([ring(100)], SHAPE, PEN_PX), (128, 128))
        )
    return folder


def test_drawings_are_the_splits_and_in_px_of_a_256_px_face(tmp_path: Path) -> None:
    (found,) = read_drawings(faces(tmp_path), ("train",), SIMPLIFY)
    points = np.concatenate([stroke.points for stroke in found.strokes])
    assert points.max() > 200
    assert found.raw.shape == SHAPE
    at = np.round(points).astype(int)
    assert np.median(found.raw[at[:, 1], at[:, 0]]) < 128
    with pytest.raises(UserError, match="no sketches of the splits val"):
        read_drawings(tmp_path, ("val",), SIMPLIFY)
