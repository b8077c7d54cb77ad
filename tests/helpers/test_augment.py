"""How pictures are varied: places, angles, scales and mirror images as declared, and light that changes."""

import numpy as np
import pytest

from pipeline.helpers.augment import CropAugment, crop_matrix, cropped, relit

SHAPE = (90, 120, 3)


def matrices(augment: CropAugment, count: int = 400) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.stack([crop_matrix(rng, SHAPE, augment) for _ in range(count)])


def test_half_are_mirrored_and_angles_and_scales_fill_their_ranges() -> None:
    found = matrices(CropAugment(48, 20, (0.7, 1.4), 0.0))
    determinants = np.linalg.det(found[:, :, :2])
    assert np.mean(determinants < 0) == pytest.approx(0.5, abs=0.08)
    scales = np.sqrt(np.abs(determinants))
    assert (scales.min(), scales.max()) == pytest.approx((0.7, 1.4), rel=0.03)
    assert np.median(scales) == pytest.approx(1.0, abs=0.05)  # as often halved as doubled
    angles = np.degrees(np.arctan2(found[:, 1, 0], found[:, 1, 1]))
    assert (angles.min(), angles.max()) == pytest.approx((-20, 20), abs=1)


def test_a_crop_that_is_not_turned_lies_within_the_picture_and_reaches_every_border() -> None:
    found = matrices(CropAugment(48, 0, (1.0, 1.0), 0.0))
    corners = np.array([[0, 0, 1], [47, 47, 1]], np.float64)
    back = np.stack([corners[:, :2] - m[:, 2] for m in found]) @ np.eye(2)
    xs = np.where(found[:, :1, 0] > 0, back[..., 0], -back[..., 0])
    assert xs.min() == pytest.approx(0, abs=2)
    assert xs.max() == pytest.approx(119, abs=2)
    assert back[..., 1].min() == pytest.approx(0, abs=2)
    assert back[..., 1].max() == pytest.approx(89, abs=2)


def test_a_picture_is_moved_as_its_matrix_says() -> None:
    picture = np.zeros(SHAPE, np.uint8)
    picture[40:43, 70:73] = 255
    for matrix in matrices(CropAugment(48, 30, (0.8, 1.2), 0.0), 40):
        x, y = matrix @ (71, 41, 1)
        if 5 < x < 42 and 5 < y < 42:
            rows, columns = np.nonzero(cropped(picture, matrix, 48)[..., 0] > 60)
            assert (columns.mean(), rows.mean()) == pytest.approx((x, y), abs=0.7)


def test_light_changes_tones_and_seldom_takes_the_colours() -> None:
    photo = np.random.default_rng(1).integers(30, 220, (8, 8, 3)).astype(np.uint8)
    rng = np.random.default_rng(0)
    still = [relit(photo, 0.0, rng) for _ in range(400)]
    gray = [bool((made == made[..., :1]).all()) for made in still]
    assert np.mean(gray) == pytest.approx(1 / 8, abs=0.05)
    assert all(np.abs(made.astype(int) - photo).max() <= 1 for made, g in zip(still, gray, strict=True) if not g)
    means = [relit(photo, 0.2, rng).mean() for _ in range(200)]
    assert np.std(means) > 5
