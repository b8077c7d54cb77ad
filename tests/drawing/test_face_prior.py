"""Where a crop has its face: known from where its eyes are put."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.core.params import ParamsError
from pipeline.drawing.face_prior import CENTRE_Y, CONTRAST, FLAT, RADII, Eyes, eyes_of_crops, face_prior, local_gain


@pytest.mark.parametrize("eyes", [Eyes(0.35, 0.24), Eyes(0.4, 0.2)])
@pytest.mark.parametrize("size", [64, 257])
def test_the_face_is_an_ellipse_below_the_eyes(size: int, eyes: Eyes) -> None:
    prior = face_prior((size, size), eyes)
    assert prior.shape == (size, size)
    assert prior.min() == 0
    assert prior.max() == 1
    np.testing.assert_allclose(prior, prior[:, ::-1], atol=1e-6)
    distance, middle = eyes.eye_distance * size, (size - 1) / 2
    row = eyes.eye_y * size + CENTRE_Y * distance
    inside = prior > 0.5
    half_width, half_height = (inside.any(axis).sum() / 2 for axis in (0, 1))
    assert abs(half_width - RADII[0] * distance) <= 1
    assert abs(half_height - RADII[1] * distance) <= 1
    assert abs(np.nonzero(inside)[0].mean() - row) < 0.6
    for x in (middle - distance / 2, middle + distance / 2):
        assert prior[round(eyes.eye_y * size), round(x)] > 0.95


def test_a_tall_picture_has_the_same_face_as_its_square() -> None:
    tall = face_prior((300, 200), Eyes(0.5, 0.3))
    assert abs(np.nonzero(tall > 0.5)[1].size - np.nonzero(face_prior((200, 200), Eyes(0.3, 0.3)) > 0.5)[0].size) < 60


def test_contrast_is_made_alike_where_there_is_some_and_flat_stays_flat() -> None:
    """A grating of deviation s is raised by CONTRAST / (s + FLAT), a strong one not at all, at any size of the face."""
    for size in (128, 256):
        x = np.arange(size) * 256 / size
        wave = np.sqrt(2) * np.sin(2 * np.pi * x / 8)  # deviation 1, far below the window
        for deviation in (0.05, 0.1, 0.3):
            gray = np.tile((0.5 + deviation * wave).astype(np.float32), (size, 1))
            inner = local_gain(gray)[size // 4 : -size // 4, size // 4 : -size // 4]
            np.testing.assert_allclose(inner, max(1, CONTRAST / (deviation + FLAT)), rtol=0.05)
    np.testing.assert_allclose(local_gain(np.full((64, 64), 0.3, np.float32)), CONTRAST / FLAT, rtol=1e-3)


def test_the_eyes_are_those_of_the_crops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text("crop: {eye_y: 0.4, eye_distance: 0.3, size: 128}")
    assert eyes_of_crops() == Eyes(0.4, 0.3)
    for text, fault in (
        ("crop: {eye_y: 0.4}", "crop.eye_distance: missing"),
        ("crop: {eye_y: 4, eye_distance: 0.3}", "crop.eye_y: 4; allowed: a number from 0.1 to 0.9"),
        ("pack: {}", "crop: null"),
    ):
        Path("params.yaml").write_text(text)
        with pytest.raises(ParamsError, match=fault):
            eyes_of_crops()
