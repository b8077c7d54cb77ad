"""Ink from paper: one drawing on many sheets is one drawing."""

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.apps.model import SHIPPED_SYSTEM, open_model
from pipeline.apps.understand import fit_square
from pipeline.core.image_io import Picture
from pipeline.core.outcome import Refused
from pipeline.core.params import load
from pipeline.core.polarity import Gray, to_uint8
from pipeline.drawing.ink import Inked, ink_from_paper
from pipeline.stages.crop.align import crop_matrix, crop_photo
from pipeline.stages.crop.settings import CropParams
from pipeline.stages.demo.renderer import render_face
from pipeline.styles import STYLES
from pipeline.weights.registry import shipped

SIDE = 400
Y, X = np.mgrid[0 : 1 : SIDE * 1j, 0 : 1 : SIDE * 1j]


def drawn(pressure: float = 1.0) -> Gray:
    """A face of strokes, its hair filled, (SIDE, SIDE), 1 = paper; the right half of the head in lighter strokes."""
    sheet = np.full((SIDE, SIDE), 255, np.uint8)
    light = int(255 * (1 - 0.4 * pressure))
    cv2.ellipse(sheet, (200, 190), (160, 165), 0, 190, 350, 40, -1, cv2.LINE_AA)
    cv2.ellipse(sheet, (200, 220), (120, 150), 0, 0, 360, 255, -1, cv2.LINE_AA)
    cv2.ellipse(sheet, (200, 220), (120, 150), 0, 90, 270, 0, 3, cv2.LINE_AA)
    cv2.ellipse(sheet, (200, 220), (120, 150), 0, -90, 90, light, 3, cv2.LINE_AA)
    for x in (150, 250):
        cv2.ellipse(sheet, (x, 210), (22, 10), 0, 0, 360, 0, 2, cv2.LINE_AA)
        cv2.circle(sheet, (x, 210), 6, 0, -1, cv2.LINE_AA)
    cv2.polylines(sheet, [np.array([[200, 220], [190, 265], [208, 268]])], False, 90, 2, cv2.LINE_AA)
    cv2.line(sheet, (165, 310), (235, 310), 30, 3, cv2.LINE_AA)
    return sheet.astype(np.float32) / 255


def on(sheet: NDArray[np.floating], alpha: NDArray[np.uint8] | None = None) -> Inked:
    rgb = sheet if sheet.ndim == 3 else np.repeat(sheet[..., None], 3, 2)
    return ink_from_paper(Picture((np.clip(rgb, 0, 1) * 255 + 0.5).astype(np.uint8), alpha, ()))


def shadow(x: NDArray[np.floating], y: NDArray[np.floating]) -> NDArray[np.floating]:
    """Soft-edged, over the lower right."""
    return 1 - 0.55 / (1 + np.exp(-(x + y - 1.2) * 18))


PAPERS: dict[str, Callable[[Gray], NDArray[np.floating]]] = {
    "gray": lambda face: face * 0.7,
    "yellow": lambda face: face[..., None] * [0.93, 0.88, 0.6],
    "darker to the right": lambda face: face * (1 - 0.4 * X),
    "in a shadow": lambda face: (face * shadow(X, Y))[..., None] * [0.95, 0.9, 0.75],
    "noisy": lambda face: face * 0.9 + np.random.default_rng(0).normal(0, 0.012, face.shape),
    "light on dark": lambda face: 1 - face,
}


@pytest.mark.parametrize("name", PAPERS)
def test_one_drawing_on_any_paper(name: str) -> None:
    face = drawn()
    off = np.abs(on(PAPERS[name](face)).sketch - face)
    assert off.mean() * 255 < 2.5
    assert off[face > 0.99].mean() * 255 < 1  # bare paper is white
    assert np.percentile(off, 99) < 0.25


def test_clean_drawings_stay_and_pressure_survives() -> None:
    for pressure in (0.4, 1.0, 1.6):
        face = drawn(pressure)
        found = on(face)
        assert not found.notes
        assert np.abs(found.sketch - face).max() < 1.5 / 255


def test_a_shadow_is_told_and_filled_hair_is_none() -> None:
    assert on(PAPERS["in a shadow"](drawn())).notes == ("uneven light was evened out",)
    hair = np.s_[50:60, 180:220]
    assert on(PAPERS["in a shadow"](drawn())).sketch[hair].mean() < 0.3
    assert on(PAPERS["light on dark"](drawn())).notes == ("light on dark: inverted",)


def test_tones_of_a_clean_drawing_are_no_shadow() -> None:
    """Hair in soft tones that reach the edge, on paper of one value."""
    crop, face = replace(load(CropParams, "crop"), size=128), render_face(256, 1, 18)
    photo = crop_photo(face.photo, crop_matrix(*face.eyes, crop), crop)
    drawing = STYLES["photocopy"].draw(photo, load(STYLES["photocopy"].params, "styles.photocopy"))
    found = on(drawing)
    assert not found.notes
    assert np.abs(found.sketch - drawing).max() < 12 / 255  # pale tones count as the paper's noise


@pytest.mark.parametrize("width", [0.25, 0.4])
def test_a_shadow_in_a_corner_of_white_paper_is_evened_out(width: float) -> None:
    face = drawn()
    found = on(face * (1 - 0.4 * np.clip((width - np.hypot(1 - X, 1 - Y)) / 0.1, 0, 1)))
    assert np.abs(found.sketch - face).mean() * 255 < 2.5
    assert found.notes == ("uneven light was evened out",)


def test_chalk_on_a_green_board() -> None:
    board = 0.25 + 0.7 * (1 - drawn())[..., None] * [1, 0.98, 0.95] - [0.15, 0.02, 0.12]
    found = on(board)
    assert found.notes == ("light on dark: inverted",)
    assert np.abs(found.sketch - drawn()).mean() * 255 < 6  # chalk is not as white as ink is black


@pytest.mark.parametrize("colour", [255, 0, 200])
def test_ink_on_transparency_of_any_colour(colour: int) -> None:
    face = drawn()
    alpha = to_uint8(1 - face)
    found = on(np.full((SIDE, SIDE, 3), colour / 255), alpha)
    shape = (found.sketch < 0.5) == (face < 0.5)
    assert shape.mean() > 0.97


def test_a_sticker_with_its_own_paper_is_no_white_ink() -> None:
    alpha = np.where(np.hypot(X - 0.5, Y - 0.5) < 0.49, 255, 0).astype(np.uint8)
    assert np.abs(on(drawn(), alpha).sketch - drawn())[alpha > 0].mean() < 0.01


def test_a_dark_border_is_left_out_and_hair_at_the_edge_is_not() -> None:
    face = drawn()
    for side in (np.s_[:9], np.s_[:, -20:]):
        framed = face.copy()
        framed[side] = 0.02
        found = on(framed)
        assert found.notes == ("a dark border was left out",)
        assert (found.sketch[side] > 0.99).all()
    framed = np.pad(face, 15)[..., None].repeat(3, 2)
    assert on(framed).sketch[:12].min() > 0.99
    raised = np.roll(face, -24, 0)  # the hair reaches the edge
    raised[-24:] = 1
    assert np.abs(on(raised).sketch - raised).max() < 0.02


def test_ruled_paper() -> None:
    face = drawn()
    sheet = np.ones((SIDE, SIDE, 3)) * [0.93, 0.88, 0.6]
    sheet[10::22] *= [0.75, 0.8, 0.95]
    sheet[:, 60] *= [1, 0.7, 0.7]
    found = on(sheet * face[..., None])
    assert "ruled lines were left out" in found.notes
    off = found.sketch - face
    assert np.abs(off).mean() * 255 < 3
    assert np.percentile(off[face > 0.99], 0.5) > -0.12  # but for dots where rules cross


def test_faint_pencil_is_darkened() -> None:
    faint = 1 - 0.25 * (1 - drawn())
    found = on(faint)
    assert found.notes == ("faint strokes were darkened",)
    assert found.sketch.min() < 0.55


@pytest.mark.parametrize("level", [1.0, 0.8, 0.0])
def test_blank_paper_is_refused(level: float) -> None:
    noise = np.random.default_rng(0).normal(0, 0.01 if level == 0.8 else 0, (SIDE, SIDE))
    with pytest.raises(Refused, match="blank paper"):
        on(level + noise)
    with pytest.raises(Refused, match="blank paper"):
        on(np.ones((SIDE, SIDE, 3)), np.zeros((SIDE, SIDE), np.uint8))


def test_a_small_drawing_is_cut_to_its_ink_and_a_large_one_is_not() -> None:
    face = drawn()
    large = np.ones((900, 1300), np.float32)
    large[300:700, 800:1200] = face
    large[20:24, 20:60] = 0  # a date in the corner
    found = on(large)
    assert len(found.notes) == 1
    assert "of the sheet: cut to its ink" in found.notes[0]
    ys, xs = np.nonzero(found.sketch < 0.5)
    assert max(np.ptp(ys), np.ptp(xs)) > 0.9 * found.sketch.shape[0]
    assert found.sketch.shape[0] == found.sketch.shape[1]
    assert on(face).sketch.shape == face.shape


@pytest.mark.parametrize("shape", [(20, 20), (16, 200), (1, 1), (3000, 2000)])
def test_any_size(shape: tuple[int, int]) -> None:
    sheet = np.ones(shape, np.float32)
    sheet[shape[0] // 3 : shape[0] // 2 + 1, shape[1] // 3 : shape[1] // 2 + 1] = 0
    try:
        on(sheet)
    except Refused:
        assert min(shape) < 16


def test_the_photo_is_the_same_on_any_paper() -> None:
    """The bar: photos that differ by at most 2 of 255 in the mean."""
    system = open_model(shipped(SHIPPED_SYSTEM), "cpu")

    def photo(sheet: NDArray[np.floating]) -> NDArray[np.floating]:
        return system.photo(to_uint8(fit_square(on(sheet).sketch, system.size)))[1].astype(float)

    white = photo(drawn())
    for name in ("gray", "yellow", "darker to the right", "in a shadow"):
        assert np.abs(photo(PAPERS[name](drawn())) - white).mean() <= 2, name
