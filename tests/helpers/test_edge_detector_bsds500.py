"""The protocol for edge detectors on cases with known answers, and on BSDS500 where it is here."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching

from pipeline.core.errors import UserError
from pipeline.core.image_io import write_photo
from pipeline.helpers.edge_detector import evaluate
from pipeline.helpers.edge_detector.bsds500 import (
    annotated_ids,
    average_precision,
    counts,
    counts_by_threshold,
    read_annotated,
    ridges,
    summary,
)
from pipeline.helpers.line_matching import f_measure, line_counts, matched, thinned

BSDS = Path(__file__).parents[3] / "shared" / "data" / "bsds500"
RNG = np.random.default_rng(0)


def line(row: int, start: int = 10, end: int = 90, shape: tuple[int, int] = (100, 100)) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[row, start:end] = True
    return mask


@pytest.mark.parametrize(("shift", "expected"), [(0, 80), (3, 80), (4, 0)])
def test_a_shifted_line_matches_within_reach_only(shift: int, expected: int) -> None:
    detected, truth = matched(line(40 + shift), line(40), 3.5)
    assert (detected.sum(), truth.sum()) == (expected, expected)


def test_each_true_pixel_pays_for_one_detection_only() -> None:
    double = line(40) | line(42)
    detected, truth = matched(double, line(41), 3.0)
    assert (detected.sum(), truth.sum()) == (80, 80)


@pytest.mark.parametrize("density", [0.02, 0.1, 0.4])
def test_the_matching_is_the_largest(density: float) -> None:
    a, b = (RNG.random((24, 31)) < density for _ in range(2))
    reach = 2.3
    points, others = np.argwhere(a), np.argwhere(b)
    near = np.linalg.norm(points[:, None] - others[None], axis=2) <= reach
    best = (maximum_bipartite_matching(csr_matrix(near), perm_type="column") >= 0).sum()
    detected, truth = matched(a, b, reach)
    assert detected.sum() == truth.sum() == best
    assert not (detected & ~a).any()
    assert not (truth & ~b).any()


def test_counts_of_lines_are_of_both_sides() -> None:
    detected, truth = line(40, 10, 70) | line(80, 0, 20), line(42)
    assert line_counts(detected, truth, 2.0).tolist() == [60, 80, 60, 80]
    assert line_counts(truth, detected, 2.0).tolist() == [60, 80, 60, 80]
    assert line_counts(detected, truth, 1.0).tolist() == [0, 80, 0, 80]


def test_nothing_detected_and_nothing_true() -> None:
    none = np.zeros((20, 20), bool)
    assert counts(none, (line(3, 2, 18, (20, 20)),)).tolist() == [0, 0, 0, 16]
    assert f_measure(np.array([0, 0, 0, 0])) == 0


def test_a_blurred_line_has_one_ridge_at_its_middle() -> None:
    ys = np.arange(100)[:, None]
    soft = np.exp(-((ys - 40.0) ** 2) / (2 * 4**2)).repeat(100, 1).astype(np.float32)
    rows = np.argwhere(ridges(soft)[:, 20:80] > 0.5)[:, 0]
    assert set(rows) <= {39, 40, 41}
    assert 40 in rows
    assert thinned(ridges(soft) > 0.5)[:, 20:80].sum(0).max() == 1


def test_perfect_and_half_wrong_detectors() -> None:
    truth = line(30)
    perfect = counts_by_threshold(0.9 * truth.astype(np.float32), (truth, truth), 9)
    assert summary(np.stack([perfect, perfect]))["ods"] == pytest.approx(1)
    half = np.maximum(0.9 * line(30), 0.9 * line(70)).astype(np.float32)
    scores = summary(counts_by_threshold(half, (truth,), 9)[None])
    assert scores["precision"] == pytest.approx(0.5)
    assert scores["recall"] == pytest.approx(1)


def test_ods_uses_one_threshold_and_ois_each_its_own() -> None:
    """Image 1 is perfect at the low threshold only, image 2 at the high one only."""
    low_only = np.array([[10, 10, 10, 10], [0, 0, 0, 10]])
    high_only = np.array([[10, 40, 10, 10], [10, 10, 10, 10]])
    scores = summary(np.stack([low_only, high_only]))
    assert scores["ois"] == pytest.approx(1)
    assert scores["ods"] == pytest.approx(max(2 * 0.4 * 1 / 1.4, 2 * 1 * 0.5 / 1.5))


def test_average_precision_of_a_straight_line() -> None:
    recall = np.linspace(0, 1, 50)
    assert average_precision(1 - recall, recall) == pytest.approx(0.5, abs=0.01)


def test_bad_folders_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no groundTruth/val"):
        annotated_ids(tmp_path, "val")
    (tmp_path / "groundTruth" / "val").mkdir(parents=True)
    savemat(tmp_path / "groundTruth" / "val" / "1.mat", {"other": 1})
    with pytest.raises(UserError, match="not a ground truth"):
        read_annotated(tmp_path, "val", "1")
    with pytest.raises(UserError, match="no detector 'x'; there are soft"):
        evaluate.run("x", tmp_path, "val", 9, None, 1)


def small_bsds(folder: Path) -> None:
    """One photo of a dark square with two annotators that agree, as BSDS500 lays it out."""
    photo = np.full((96, 120, 3), 220, np.uint8)
    photo[30:70, 40:90] = 40
    border = np.zeros((96, 120), np.uint8)
    border[30:70, 40:90] = 1
    border[31:69, 41:89] = 0
    cells = np.empty((1, 2), object)
    for i in range(2):
        cells[0, i] = {"Boundaries": border, "Segmentation": border}
    for split in ("train", "val"):
        (folder / "groundTruth" / split).mkdir(parents=True)
        savemat(folder / "groundTruth" / split / "1.mat", {"groundTruth": cells})
        write_photo(folder / "images" / split / "1.png", photo)
        (folder / "images" / split / "1.png").rename(folder / "images" / split / "1.jpg")


@pytest.mark.parametrize("detector", ["soft", "canny", "humans"])
def test_the_outline_of_a_square_is_found(tmp_path: Path, detector: str, capsys: pytest.CaptureFixture[str]) -> None:
    small_bsds(tmp_path)
    evaluate.run(detector, tmp_path, "val", 9, tmp_path / "scores.json", 1)
    assert float(capsys.readouterr().out.split("ods ")[1].split(",")[0]) > 0.95
    written = json.loads((tmp_path / "scores.json").read_text())
    assert (written["detector"], written["split"], written["n"]) == (detector, "val", 1)
    assert written["ods"] > 0.95


@pytest.mark.skipif(not BSDS.is_dir(), reason="needs ../shared/data/bsds500")
def test_people_agree_with_each_other_far_better_than_canny_with_them() -> None:
    images = [read_annotated(BSDS, "val", name) for name in annotated_ids(BSDS, "val")[::12]]
    people = summary(np.stack([evaluate.humans(image) for image in images]))["ods"]
    rows = [counts_by_threshold(evaluate.canny_map(i.photo), i.boundaries, 9) for i in images]
    assert 0.72 < people < 0.87
    assert 0.5 < summary(np.stack(rows))["ods"] < 0.68
