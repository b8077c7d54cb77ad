"""Faces are found, set upright, and what is none is refused."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.core.image_io import import_photo
from pipeline.core.polarity import Photo
from pipeline.stages.crop.align import align
from pipeline.stages.crop.exposures import ExposureParams
from pipeline.stages.crop.haar import locate_haar
from pipeline.stages.crop.landmarks import template_points
from pipeline.stages.crop.locate import LOCATORS
from pipeline.stages.crop.settings import CropParams, Found, SplitParams, Unusable
from pipeline.stages.crop.turns import turned, turned_back
from pipeline.stages.demo.renderer import render_face

SHARED = Path(__file__).parents[3] / "shared"
DATA = SHARED / "data"
SPLITS = SplitParams("hash", {}, {}, "", "", 0.0, 0.0)
PARAMS = CropParams(
    "x", ("**/*",), None, "haar", 128, 0.48, 0.27, {}, "reflect", 8, 0.9, ExposureParams(0, 0.2), SPLITS
)
Detector = Literal["haar", "own", "yunet"]
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
detectors = pytest.mark.parametrize("detector", ["haar", "own", "yunet"])


def noise(seed: int) -> Photo:
    """Smooth noise of one to three scales, gray or coloured."""
    rng = np.random.default_rng(seed)
    side, channels = int(rng.choice([200, 256, 400])), int(rng.choice([1, 3]))
    total: NDArray[np.float64] = np.zeros((side, side, channels))
    for sigma in rng.choice([1, 2, 4, 8, 16, 32], size=int(rng.integers(1, 4)), replace=False):
        layer = cv2.GaussianBlur(rng.standard_normal((side, side, channels)), (0, 0), float(sigma))
        total += layer.reshape(total.shape) / layer.std()
    scaled = 255 * (total - total.min()) / (total.max() - total.min())
    return np.repeat(scaled.astype(np.uint8), 3 // channels, 2)


def located(photo: Photo, detector: Detector = "haar") -> Found | None:
    try:
        return LOCATORS[detector](Path("x"), photo, PARAMS)
    except Unusable:
        return None


def upright_by(found: Found, turn: int) -> bool:
    """Whether the eyes of a photo that was turned counterclockwise by `turn` quarters were found as they lie."""
    across = complex(found.right[0] - found.left[0], found.right[1] - found.left[1])
    return bool(abs(np.angle(across * 1j**turn)) < np.pi / 4)


def test_nothing_is_no_face() -> None:
    with pytest.raises(Unusable, match="no face"):
        align(Path("x"), np.full((200, 200, 3), 128, np.uint8), PARAMS)


def test_noise_is_no_face() -> None:
    assert [seed for seed in range(10) if located(noise(seed))] == []


@pytest.mark.parametrize("turn", range(4))
def test_points_of_a_turned_picture_lead_back(turn: int) -> None:
    image = np.zeros((5, 9), np.uint8)
    image[1, 6] = 1
    (y,), (x,) = np.nonzero(turned(image, turn))
    assert turned_back((float(x), float(y)), turn, image.shape) == (6, 1)


@pytest.mark.parametrize("turn", range(4))
def test_a_face_that_lies_is_set_upright_and_says_so(turn: int) -> None:
    face = render_face(256, 1, 3)
    photo = turned(face.photo, turn)
    matrix, alignment = align(Path("x"), photo, PARAMS)
    assert alignment == ("detected", "detected, turned 270", "detected, turned 180", "detected, turned 90")[turn]
    upright, _ = align(Path("x"), face.photo, PARAMS)
    for point in ((128.0, 60.0), (80.0, 150.0)):  # of the upright face
        x, y = turned_back(point, (4 - turn) % 4, photo.shape)
        np.testing.assert_allclose(matrix @ (x, y, 1), upright @ (*point, 1), atol=2.5)


def test_rendered_faces_are_accepted_and_their_eyes_found() -> None:
    errors = []
    for index in range(12):
        face = render_face(256, 1, index)
        found = located(face.photo)
        if found:
            pairs = zip((found.left, found.right), face.eyes, strict=True)
            errors.append(max(np.hypot(point[0] - true[0], point[1] - true[1]) for point, true in pairs))
    assert len(errors) == 12
    face_width = 256 * 1.5 / 3.9
    assert max(errors) < 0.04 * face_width


def test_two_people_side_by_side_are_several() -> None:
    both = np.concatenate([render_face(256, 1, index).photo for index in (3, 4)], axis=1)
    with pytest.raises(Unusable, match="several faces"):
        locate_haar(Path("x"), both, PARAMS)


@needs_data
@detectors
def test_london_faces(detector: Detector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALI_SKETCH_WEIGHTS", str(SHARED / "weights"))
    errors, params = [], replace(PARAMS, detector=detector, size=256)
    for path in sorted((DATA / "london").glob("*.jpg"))[::10]:
        matrix, _ = align(path, import_photo(path), params)
        points = np.array([[*point, 1] for point in template_points(path.with_suffix(".tem"))]) @ matrix.T
        aim = np.array([[127.5 - 0.135 * 256, 0.48 * 256], [127.5 + 0.135 * 256, 0.48 * 256]])
        errors.append(np.linalg.norm(points - aim, axis=1).max() / 256)
    assert np.median(errors) < 0.012
    assert np.percentile(errors, 95) < 0.05


@needs_data
@detectors
@pytest.mark.parametrize("turn", range(4))
def test_real_faces_are_set_upright_or_refused(detector: Detector, turn: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALI_SKETCH_WEIGHTS", str(SHARED / "weights"))
    paths = (
        sorted((DATA / "faces" / "ffhq").glob("*.jpg"))[:60:10] + sorted((DATA / "cufs").glob("*/photos/*.png"))[::52]
    )
    found = [located(turned(import_photo(path), turn), detector) for path in paths]
    assert all(upright_by(face, turn) for face in found if face)
    assert sum(face is not None for face in found) >= (0.95 if turn == 0 else 0.8) * len(paths)


@needs_data
@detectors
def test_landscapes_are_no_faces(detector: Detector, monkeypatch: pytest.MonkeyPatch) -> None:
    """Photos without people in which a cascade alone sees faces."""
    monkeypatch.setenv("CALI_SKETCH_WEIGHTS", str(SHARED / "weights"))
    train = "104022 130034 156079 163062 100075"
    paths = [DATA / "bsds500" / "images" / "train" / f"{name}.jpg" for name in train.split()]
    paths += [DATA / "bsds500" / "images" / "val" / f"{name}.jpg" for name in ("105025", "8023")]
    assert [path.name for path in paths if located(import_photo(path), detector)] == []
