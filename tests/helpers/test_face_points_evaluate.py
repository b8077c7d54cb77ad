"""People's drawings are laid with their eyes, which two truths know: the photo's pupils, and marks on the drawings."""

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.core.params import load
from pipeline.core.polarity import Sketch
from pipeline.helpers.contour_drawer import fs2k
from pipeline.helpers.face_points import evaluate
from pipeline.helpers.face_points.evaluate import DRAWN, FACE_EYES, MARKS, PHOTO, SHEET_PX, VAL_SHARE, Laid, Score
from pipeline.stages.crop.settings import CropParams
from pipeline.weights.face_finder import FoundFace

EYES = {PHOTO: np.array([[90.0, 110.0], [160.0, 110.0]]), DRAWN: np.array([[97.0, 118.0], [150.0, 104.0]])}


def face_at(eyes: np.ndarray) -> FoundFace:
    return FoundFace(np.concatenate([eyes, np.zeros((3, 2))]), 0.9)


@pytest.mark.parametrize("seed", range(4))
def test_eyes_of_both_truths_go_where_the_drawing_goes(seed: int) -> None:
    drawing = np.ones((300, 256), np.float32)
    for x, y in np.concatenate(list(EYES.values())).round().astype(int).tolist():
        cv2.circle(drawing, (x, y), 3, 0, -1)
    one = evaluate.laid(Sketch(drawing), EYES, np.random.default_rng(seed))
    assert one.sheet.shape == (SHEET_PX, SHEET_PX)
    for eyes in one.eyes.values():
        for x, y in eyes:
            assert one.sheet[round(y), round(x)] < 0.5
    apart = {truth: np.hypot(*(eyes[1] - eyes[0])) for truth, eyes in one.eyes.items()}
    assert 0.1 * SHEET_PX <= apart[PHOTO] * FACE_EYES <= SHEET_PX
    assert apart[DRAWN] / apart[PHOTO] == pytest.approx(np.hypot(53, 14) / 70)


def test_each_truth_counts_the_worse_eye_in_its_own_faces_widths(monkeypatch: pytest.MonkeyPatch) -> None:
    blank = Sketch(np.ones((8, 8), np.float32))
    monkeypatch.setattr(evaluate, "find_faces", lambda sheet: [face_at(EYES[DRAWN])])
    scored = evaluate.score(Laid(blank, EYES))
    assert scored.errors[DRAWN] == 0
    assert scored.errors[PHOTO] == pytest.approx(np.hypot(10, 6) / (70 * FACE_EYES))
    monkeypatch.setattr(evaluate, "find_faces", lambda sheet: [face_at(EYES[PHOTO])])
    assert evaluate.score(Laid(blank, EYES)).errors[DRAWN] == pytest.approx(
        np.hypot(10, 6) / (np.hypot(53, 14) * FACE_EYES)
    )
    monkeypatch.setattr(evaluate, "find_faces", lambda sheet: [])
    assert evaluate.score(Laid(blank, EYES)).errors == {PHOTO: np.inf, DRAWN: np.inf}


def test_both_figures_are_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scores = {
        "a": Score({PHOTO: 0.07, DRAWN: 0.01}, 0.15, 1),
        "b": Score({PHOTO: 0.02, DRAWN: 0.03}, 0.5, 1),
        "c": Score({PHOTO: np.inf}, 0.5, 0),  # nothing marked
        "d": None,  # no eyes in the photo
    }
    monkeypatch.setattr(evaluate, "split_ids", lambda *_: {"val": list(scores), "test": ["c"]})
    monkeypatch.setattr(evaluate, "_one", lambda folder, crop, seed, name: scores[name])
    for split in ("val", "test"):
        evaluate.run(tmp_path, split, load(CropParams, "crop"), 0, tmp_path / f"{split}.json", None, 1)
    made = json.loads((tmp_path / "val.json").read_text())
    assert made[PHOTO]["n"] == 3
    assert made[PHOTO]["both_eyes"] == pytest.approx(1 / 3)
    assert made[PHOTO]["small"] == 0
    assert made[PHOTO]["large"] == 0.5
    assert made[DRAWN] == {
        "n": 2,
        "both_eyes": 1,
        "small": 1,
        "large": 1,
        "median": 0.02,
        "p95": 0.01,
        "one": 1,
    }
    assert DRAWN not in json.loads((tmp_path / "test.json").read_text())
    said = capsys.readouterr().out
    assert "val, eyes as photo: n 3" in said
    assert "val, eyes as drawn: n 2, both_eyes 1" in said


def test_marks_are_of_val_alone_and_lie_left_and_right() -> None:
    with MARKS.open(encoding="utf-8") as file:
        names = [row["name"] for row in csv.DictReader(file)]
    assert len(set(names)) == len(names) == 108
    marks = evaluate.marks()
    places = [fs2k._place(name) for name in marks]
    assert min(places) >= evaluate.TEST_SHARE
    assert max(places) < evaluate.TEST_SHARE + VAL_SHARE
    eyes = np.stack(list(marks.values()))
    across = eyes[:, 1] - eyes[:, 0]
    assert across[:, 0].min() > 25
    assert np.abs(across[:, 1] / across[:, 0]).max() < 0.3
    assert eyes.min() > 30
