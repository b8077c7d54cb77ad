"""Where the net's maps say a face is, it is found: on a sheet of any size, at any place, size and turn."""

import numpy as np
import pytest

from models.helpers.face_points_net import CELL
from pipeline.weights import face_finder
from pipeline.weights.face_finder import (
    FIND,
    LOOK,
    LOOK_PX,
    NET,
    FoundFace,
    OnnxFinder,
    find_faces,
    middle_of,
    torch_finder,
)
from pipeline.weights.graphs import graphs_of
from pipeline.weights.registry import weight_file

FACE = np.array([[-0.5, 0.0], [0.5, 0.0], [0.0, 0.6], [-0.4, 1.1], [0.4, 1.1]])  # about the middle of the eyes
GRAYS = (0.15, 0.35, 0.55, 0.7, 0.85)  # of the five points' blots, each of its own


class Blots:
    """Stands in for the net: knows a face by five blots of five grays, wherever they are."""

    def find(self, sheet: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        h, w = (-(-side // CELL) for side in sheet.shape)
        logits, found = np.full((h, w), -9.0), np.zeros((h, w, 5, 2))
        points = self.points(sheet)
        if points is not None:
            x, y = ((middle_of(points[:2]) + 0.5) // CELL).astype(int)
            if 0 <= x < w and 0 <= y < h:
                logits[y, x], found[y, x] = 9.0, points
        return logits, found

    def look(self, face: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        points = self.points(face)
        return np.array(-9.0 if points is None else 9.0), np.zeros((5, 2)) if points is None else points

    @staticmethod
    def points(picture: np.ndarray) -> np.ndarray | None:
        at = [np.argwhere(np.abs(picture - level) < 0.04)[:, ::-1] for level in GRAYS]
        return np.array([np.median(places, axis=0) for places in at]) if all(map(len, at)) else None


@pytest.fixture(autouse=True)
def _blots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(face_finder, "_net", Blots)


def sheet(
    shape: tuple[int, int], at: tuple[float, float], span: float, degrees: float
) -> tuple[np.ndarray, np.ndarray]:
    """White paper with a face, and its points."""
    turn = span * np.exp(1j * np.radians(degrees))
    points = np.array([[(turn * complex(*p)).real + at[0], (turn * complex(*p)).imag + at[1]] for p in FACE])
    gray = np.ones(shape, np.float32)
    y, x = np.mgrid[: shape[0], : shape[1]]
    for (px, py), level in zip(points, GRAYS, strict=True):
        gray[np.hypot(x - px, y - py) < 0.17 * span] = level
    return gray, points


@pytest.mark.parametrize(
    ("shape", "at", "span", "degrees"),
    [
        ((640, 640), (320, 250), 170, 0),
        ((300, 900), (700, 120), 80, 25),
        ((1400, 1000), (300, 900), 250, -28),
        ((90, 120), (60, 40), 30, 10),
    ],
)
def test_a_face_is_found_where_it_is(
    shape: tuple[int, int], at: tuple[float, float], span: float, degrees: float
) -> None:
    gray, points = sheet(shape, at, span, degrees)
    (face,) = find_faces(gray)
    assert np.abs(face.points - points).max() < 0.08 * span
    assert face.score > 0.9


def test_nothing_is_found_on_bare_paper() -> None:
    assert find_faces(np.ones((200, 300), np.float32)) == []


def test_one_face_is_told_once_and_two_are_two() -> None:
    def face(x: float, score: float) -> FoundFace:
        return FoundFace(FACE * 50 + (x, 100), score)

    kept = face_finder._unlike([face(100, 0.8), face(110, 0.9), face(250, 0.7)])
    assert [round(float(found.points[2, 0])) for found in kept] == [110, 250]


def test_graphs_that_ship_are_the_net() -> None:
    rng = np.random.default_rng(0)
    graphs = graphs_of(weight_file(NET), (FIND, LOOK))
    assert graphs is not None
    ours, theirs = OnnxFinder(*graphs), torch_finder()
    for shape in ((224, 224), (112, 80), (16, 56), (61, 43)):
        gray = rng.random(shape, np.float32)
        for a, b in zip(ours.find(gray), theirs.find(gray), strict=True):
            assert a.shape == b.shape
            np.testing.assert_allclose(a, b, atol=1e-4)
    face = rng.random((LOOK_PX, LOOK_PX), np.float32)
    for a, b in zip(ours.look(face), theirs.look(face), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)
