"""A photo's skin in another's colour: cheeks and forehead get it, what is no skin keeps its own."""

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.apps.look import Look, like, tone, tones
from pipeline.apps.skin import skin_of, with_skin
from pipeline.apps.system import System
from pipeline.drawing.face_prior import Eyes
from pipeline.evaluation.metrics.places import USUAL, face_mask, skin_mask
from pipeline.evaluation.metrics.skin import skin_scores
from pipeline.stages.demo.renderer import render_face

SIDE = 128
BLUE = (40, 80, 200)
COLOURS = [(92, 60, 44), (141, 98, 70), (198, 150, 120), (236, 200, 178)]  # of skin, dark to light


def face(colour: tuple[int, int, int], ground: tuple[int, int, int] = BLUE) -> NDArray[np.uint8]:
    """A face of one colour, shaded from left to right, with dark eyes and lips, before a ground."""
    shade = np.linspace(0.75, 1.1, SIDE)[None, :, None]
    photo = np.where(face_mask(SIDE, USUAL)[..., None], np.array(colour) * shade, ground)
    for x in (-0.5, 0.5):
        at = round((0.5 + x * USUAL.eye_distance) * SIDE)
        photo[round(USUAL.eye_y * SIDE) - 3 : round(USUAL.eye_y * SIDE) + 3, at - 4 : at + 4] = 20
    return np.clip(photo, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("before", COLOURS)
def test_cheeks_and_forehead_get_the_colour_and_nothing_else(
    before: tuple[int, int, int], colour: tuple[int, int, int]
) -> None:
    photo, true = face(before), face(colour)
    made = with_skin(photo, skin_of(true))
    assert skin_scores(true, made, USUAL)["skin_de"] < 1
    ground = ~face_mask(SIDE, USUAL)
    ground[SIDE // 2 :] = False  # below may be the neck
    far = np.abs(made.astype(int) - photo)
    assert far[ground].mean() < 3
    eye = np.s_[round(USUAL.eye_y * SIDE) - 1, round((0.5 + USUAL.eye_distance / 2) * SIDE)]
    assert far[eye].max() <= max(12, 0.35 * far[skin_mask(SIDE, USUAL)].max())


def test_shade_stays_shade() -> None:
    made = with_skin(face(COLOURS[2]), np.array(COLOURS[0], np.float32) / 255)
    row = made[round(USUAL.eye_y * SIDE) + 20]
    assert row[SIDE // 2 - 25].sum() < 0.9 * row[SIDE // 2 + 25].sum()


def test_the_photo_s_own_colour_changes_nothing() -> None:
    photo = render_face(SIDE, 1, 2).photo
    pixels = (photo * 255).astype(np.uint8) if photo.dtype != np.uint8 else photo
    assert np.abs(with_skin(pixels, skin_of(pixels)).astype(int) - pixels).max() <= 2


@pytest.mark.parametrize("extreme", [(0, 0, 0), (255, 255, 255)])
def test_black_and_white_are_no_error(extreme: tuple[int, int, int]) -> None:
    flat = np.full((SIDE, SIDE, 3), extreme, np.uint8)
    assert with_skin(flat, skin_of(face(COLOURS[1]))).shape == flat.shape
    assert with_skin(face(COLOURS[1]), skin_of(flat)).shape == flat.shape


def test_eyes_elsewhere_are_told() -> None:
    low = Eyes(0.6, 0.2)
    photo = np.full((SIDE, SIDE, 3), 250, np.uint8)
    photo[skin_mask(SIDE, low)] = COLOURS[0]
    np.testing.assert_allclose(skin_of(photo, low) * 255, COLOURS[0], atol=0.5)


class Plain:
    """An ISN that takes no style, and makes one face."""

    size, code, reads_styles = SIDE, 0, False

    def __call__(self, strokes: NDArray[np.float32], codes: object = None) -> NDArray[np.float32]:
        assert codes is None
        return np.repeat(face(COLOURS[1])[None].transpose(0, 3, 1, 2), len(strokes), 0).astype(np.float32) / 255


def test_a_system_without_tones_takes_the_skin_s_colour() -> None:
    system, true = System(Plain(), Plain()), face(COLOURS[3])
    strokes = np.zeros((2, SIDE, SIDE), np.float32)
    found = like(system, true, USUAL)
    assert found.code is None
    for made in found.photos(system, strokes):
        assert skin_scores(true, made, USUAL)["skin_de"] < 1
    dark, light = (skin_of(tone(system, name, USUAL).photos(system, strokes)[0]).sum() for name in ("dark", "light"))
    assert tones(system) == ("light", "medium", "dark")
    assert dark < 0.5 * light
    assert np.array_equal(Look().photos(system, strokes), system.photos(strokes))


def test_the_skin_is_where_a_system_s_photos_have_it() -> None:
    """Crops that are cut otherwise have their cheeks elsewhere."""
    low = Eyes(0.6, 0.2)
    system, strokes = System(Plain(), Plain()), np.zeros((1, SIDE, SIDE), np.float32)
    true = np.full((SIDE, SIDE, 3), 250, np.uint8)
    true[skin_mask(SIDE, low)] = COLOURS[0]
    made = like(system, true, low).photos(system, strokes)[0]
    assert np.abs(skin_of(made, low) * 255 - COLOURS[0]).max() < 4
