"""Scores of a simplifier whose answers are known, and drawings whose lines are."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.core.errors import UserError
from pipeline.core.image_io import read_photo, write_gray
from pipeline.core.layout import Layout
from pipeline.core.manifest import Face, write_faces
from pipeline.core.params import load
from pipeline.core.polarity import Sketch
from pipeline.drawing.rough import PEN_PX, lines
from pipeline.drawing.scale import resized
from pipeline.drawing.stroke import Stroke
from pipeline.helpers.contour_drawer.fs2k import read_pair, split_ids
from pipeline.helpers.contour_drawer.train import ContourDrawerParams
from pipeline.helpers.line_cleaner import evaluate, known
from pipeline.helpers.line_cleaner.evaluate import BLIND, KINDS, SHAPE, Pair, centrelines, scored, summary
from pipeline.helpers.line_cleaner.traced import read_drawings
from pipeline.helpers.line_cleaner.train import LineCleanerParams
from pipeline.helpers.line_matching import thinned
from pipeline.helpers.values import read_values
from pipeline.stages.simplify import SimplifyParams

SIMPLIFY = replace(load(SimplifyParams, "simplify"), method="classical")
ROUGH = read_values(LineCleanerParams, "line_cleaner").rough
PEOPLE = replace(read_values(ContourDrawerParams, "contour_drawer"), pairs="none")
FS2K = Path(__file__).parents[3] / "shared" / "data" / "fs2k"


def ring(radius: float) -> Stroke:
    angles = np.linspace(0, 2 * np.pi, 200)
    points = 128 + radius * np.stack([np.cos(angles), np.sin(angles)], 1)
    return Stroke.even(points.astype(np.float32), np.ones(200, np.float32))


CLEAN = lines([ring(60)], SHAPE, PEN_PX)
BLANK = Sketch(np.ones(SHAPE, np.float32))


def pair(strokes: list[Stroke], rough: Sketch, clean: Sketch) -> Pair:
    return Pair("rings", "pencil", strokes, rough, clean)


def f(counts: np.ndarray) -> list[float]:
    """Precision and recall."""
    return [counts[0] / max(counts[1], 1), counts[2] / max(counts[3], 1)]


def test_centrelines_are_one_pixel_wide() -> None:
    assert centrelines([ring(60)], SHAPE).sum() == pytest.approx(2 * np.pi * 60, rel=0.15)
    assert not centrelines([], SHAPE).any()


def test_the_drawing_itself_scores_1_and_blank_paper_0() -> None:
    found = summary([scored(pair([ring(60)], BLANK, CLEAN), pair([ring(90)], BLANK, CLEAN), SIMPLIFY)])
    assert found["clean F"] > 0.99
    assert found["rough F"] == found["rough P"] == found["rough R"] == 0


def test_a_second_ring_lowers_precision_even_where_it_is_near() -> None:
    """A line is matched once: a second one beside it is wrong, within reach or not."""
    for radius, expected in ((40, 0.6), (62, 0.5)):
        twice = [ring(60), ring(radius)]
        both = Pair("rings", "pencil", [ring(60)], BLANK, CLEAN)
        counts = scored(both, pair(twice, BLANK, CLEAN), None).rough
        assert f(counts)[1] > 0.98
        assert f(counts)[0] == pytest.approx(expected, abs=0.04)


def test_means_are_over_drawings() -> None:
    good = scored(pair([ring(60)], CLEAN, CLEAN), pair([ring(60)], CLEAN, CLEAN), None)
    empty = replace(good, rough=np.array([0, 1000, 0, 10]))
    assert summary([good, empty])["rough F"] == pytest.approx(0.5)
    assert summary([good, empty])["n"] == 2


def test_curves_and_faces_are_known_and_another_draw_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "OF_EACH", 2)
    made = evaluate.pairs("test", PEOPLE, replace(ROUGH, strength=0.0))
    assert [
        sum((p.source, p.kind) == (source, kind) for p in made) for source in ("curves", "faces") for kind in KINDS
    ] == [evaluate.OF_EACH] * 2 * len(KINDS)
    for one in made[:: len(made) // 8]:
        at = centrelines(one.strokes, SHAPE)
        assert np.mean(one.clean[at] < 0.6) > 0.95  # ink on every line
        far = cv2.distanceTransform((~at).astype(np.uint8), cv2.DIST_L2, 3) > 4
        assert one.clean[4:-4, 4:-4][far[4:-4, 4:-4]].min() > 0.95  # and nowhere else, but from lines beyond the border
    again, val = evaluate.pairs("test", PEOPLE, ROUGH), evaluate.pairs("val", PEOPLE, ROUGH)
    assert [p.rough.tobytes() for p in again] == [p.rough.tobytes() for p in evaluate.pairs("test", PEOPLE, ROUGH)]
    assert not {p.clean.tobytes() for p in again} & {p.clean.tobytes() for p in val}


def test_chains_are_the_pieces_between_junctions_in_their_order() -> None:
    mask = np.zeros((30, 30), bool)
    mask[15, 3:28] = mask[3:28, 15] = True
    pieces = known.chains(mask)
    assert len(pieces) == 4
    for piece in pieces:
        steps = np.abs(np.diff(piece, axis=0)).sum(1)
        assert (steps == 1).all()
    covered = np.zeros_like(mask)
    for piece in pieces:
        covered[piece[:, 1].astype(int), piece[:, 0].astype(int)] = True
    assert mask.sum() - covered.sum() <= 5  # all but the junction
    closed = thinned(CLEAN < 0.5)
    assert sum(len(piece) for piece in known.chains(closed)) > 0.95 * closed.sum()


@pytest.mark.skipif(not FS2K.is_dir(), reason="needs ../shared/data/fs2k")
def test_peoples_lines_lie_on_their_ink(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "OF_EACH", 1)
    made = evaluate.pairs("test", replace(PEOPLE, pairs=str(FS2K)), replace(ROUGH, strength=0.0))
    assert {p.source for p in made} == {"curves", "faces", "people"}
    name = split_ids(FS2K, PEOPLE.styles, PEOPLE.val_share, PEOPLE.test_share)["test"][0]
    strokes, drawing = known.person(FS2K, name, np.random.default_rng(0)), read_pair(FS2K, name).drawing
    at = centrelines(strokes, drawing.shape)
    assert at.sum() > 500
    assert drawing[at].mean() < drawing.mean() - 0.15


def test_blind_loses_and_a_table_a_file_and_a_sheet_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(evaluate, "OF_EACH", 1)
    made = evaluate.pairs("test", PEOPLE, replace(ROUGH, strength=0.0))
    assert "people's drawings are left out: no folder none" in capsys.readouterr().out
    scores = {}
    for method in ("classical", BLIND):
        evaluate.run(made, method, SIMPLIFY, tmp_path / "s.json", tmp_path / "sheet.png", 1)
        scores[method] = json.loads((tmp_path / "s.json").read_text())["scores"]
    rows = [row.replace("│", " ").split() for row in capsys.readouterr().out.splitlines() if "│" in row]
    assert [row[0] for row in rows[:7]] == ["curves", "faces", *KINDS, "all"]
    assert scores["classical"]["all"]["n"] == 8
    for label in ("curves", "faces", "all"):
        assert scores["classical"][label]["rough F"] > 0.85
        assert scores[BLIND][label]["rough F"] < 0.45
    sheet = read_photo(tmp_path / "sheet.png")
    assert sheet.shape[0] > 8 * 256
    assert sheet.shape[1] > 3 * 256
    with pytest.raises(UserError, match="no method 'best'; there are classical"):
        evaluate.run(made, "best", SIMPLIFY, None, None, 1)
    with pytest.raises(UserError, match="no split 'train'; there are val, test"):
        evaluate.pairs("train", PEOPLE, ROUGH)


def faces(folder: Path) -> Path:
    about = {"sha256": "", "alignment": "none", "transform": (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)}
    listed = [
        Face(id=f"f{i}", source=f"f{i}.png", subject="", split=s, **about) for i, s in enumerate(("train", "test"))
    ]
    write_faces(folder / "faces", listed, [])
    for face, radius in zip(listed, (100, 50), strict=True):
        drawn = resized(lines([ring(radius)], SHAPE, PEN_PX), (128, 128))
        write_gray(Layout(folder).style("xdog") / f"{face.id}.png", drawn)
    return folder


def test_drawings_are_the_splits_and_in_px_of_a_256_px_face(tmp_path: Path) -> None:
    (found,) = read_drawings(faces(tmp_path), ("train",), SIMPLIFY)
    points = np.concatenate([stroke.points for stroke in found.strokes])
    assert np.hypot(*(points - 128).T).mean() == pytest.approx(100, abs=2)
    assert found.raw.shape == SHAPE
    at = np.round(points).astype(int)
    assert np.median(found.raw[at[:, 1], at[:, 0]]) < 128
    with pytest.raises(UserError, match="no sketches of the splits val"):
        read_drawings(tmp_path, ("val",), SIMPLIFY)
