"""Contact sheets: every picture lies where it should, in its own polarity, and bad grids are refused."""

import numpy as np
import pytest

from pipeline.core.contact_sheet import contact_sheet, fit, to_rgb


def test_to_rgb_keeps_polarity_and_values() -> None:
    assert np.array_equal(to_rgb(np.array([[0.0, 1.0]], np.float32)), [[[0, 0, 0], [255, 255, 255]]])
    gray = np.array([[3, 250]], np.uint8)
    assert np.array_equal(to_rgb(gray)[..., 1], gray)
    photo = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    assert to_rgb(photo) is photo


@pytest.mark.parametrize("shape", [(16, 16), (10, 40), (40, 10), (1, 1), (300, 3)])
def test_fit_keeps_the_aspect(shape: tuple[int, int]) -> None:
    fitted = fit(np.full(shape, 77, np.uint8), 20)
    assert max(fitted.shape[:2]) == 20
    assert fitted.shape[:2] == tuple(max(1, round(side * 20 / max(shape))) for side in shape)
    assert (fitted == 77).all()


def test_every_colour_lands_in_its_cell() -> None:
    colours = [[(255, 0, 0), (0, 255, 0)], [(0, 0, 255), None]]
    rows = [[None if c is None else np.full((32, 32, 3), c, np.uint8) for c in row] for row in colours]
    sheet = contact_sheet(rows, ["a", "b"], ["one", "two"], 32)
    where = {c: np.argwhere((sheet == c).all(axis=2)) for row in colours for c in row if c}
    assert {c: len(points) for c, points in where.items()} == dict.fromkeys(where, 32 * 32)
    red, green, blue = (where[c].mean(axis=0) for c in [(255, 0, 0), (0, 255, 0), (0, 0, 255)])
    assert red[0] == green[0]
    assert red[1] < green[1]
    assert red[1] == blue[1]
    assert red[0] < blue[0]


def test_labels_are_drawn_and_take_room() -> None:
    picture = np.full((64, 64), 255, np.uint8)
    bare = contact_sheet([[picture]], [""], [""], 64)
    labelled = contact_sheet([[picture]], ["sketch"], ["00017\n20.3 dB"], 64)
    assert labelled.shape[0] > bare.shape[0]
    assert labelled.shape[1] > bare.shape[1] + 20
    assert bare.min() > 200
    assert labelled.min() < 60


def test_same_bytes_and_ragged_rows_refused() -> None:
    rows = [[np.random.default_rng(0).random((9, 9), np.float32)]]
    assert contact_sheet(rows, ["x"], ["y"], 24).tobytes() == contact_sheet(rows, ["x"], ["y"], 24).tobytes()
    with pytest.raises(ValueError, match="rows of"):
        contact_sheet(rows, ["x", "z"], ["y"], 24)
    with pytest.raises(ValueError, match="labels"):
        contact_sheet(rows, ["x"], [], 24)
