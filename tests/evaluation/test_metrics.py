"""Metrics against values known without the code."""

import numpy as np
import pytest
from scipy.linalg import sqrtm

from pipeline.core.dataset import Split
from pipeline.drawing.face_prior import Eyes
from pipeline.evaluation.metrics import edges, faithfulness, features, identity, image, places, skin
from pipeline.evaluation.summaries import Columns, fifths, mean_of

EYES = places.USUAL
RNG = np.random.default_rng(0)
PHOTO = RNG.integers(20, 230, (40, 50, 3), dtype=np.uint8)


def test_psnr_of_a_constant_offset() -> None:
    assert image.psnr(PHOTO, PHOTO + 10) == pytest.approx(20 * np.log10(255 / 10))
    assert image.psnr(PHOTO, PHOTO) == float("inf")


def test_psnr_gray_sees_no_change_of_colour_alone() -> None:
    gray = np.full((8, 8, 3), 100, np.uint8)
    tinted = gray + np.array([0, 0, 18], np.uint8)  # blue weighs .114: gray by 2
    assert image.psnr_gray(gray, tinted) == pytest.approx(20 * np.log10(255 / 2))
    assert image.psnr_gray(gray, gray + 10) == pytest.approx(image.psnr(gray, gray + 10))


def slow_ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Wang et al. 2004, window by window, one channel."""
    x = np.arange(11) - 5
    window = np.exp(-(x[:, None] ** 2 + x[None] ** 2) / (2 * 1.5**2))
    window /= window.sum()
    c1, c2, values = (0.01 * 255) ** 2, (0.03 * 255) ** 2, []
    for i in range(a.shape[0] - 10):
        for j in range(a.shape[1] - 10):
            p, q = a[i : i + 11, j : j + 11].astype(float), b[i : i + 11, j : j + 11].astype(float)
            mp, mq = (window * p).sum(), (window * q).sum()
            vp, vq = (window * (p - mp) ** 2).sum(), (window * (q - mq) ** 2).sum()
            cov = (window * (p - mp) * (q - mq)).sum()
            values.append((2 * mp * mq + c1) * (2 * cov + c2) / ((mp**2 + mq**2 + c1) * (vp + vq + c2)))
    return float(np.mean(values))


def test_ssim_is_wang_et_al() -> None:
    other = np.clip(PHOTO + RNG.normal(0, 20, PHOTO.shape), 0, 255).astype(np.uint8)
    expected = np.mean([slow_ssim(PHOTO[..., c], other[..., c]) for c in range(3)])
    assert image.ssim(PHOTO, other) == pytest.approx(expected, abs=1e-4)
    assert image.ssim(PHOTO, PHOTO) == pytest.approx(1)


def test_ssim_51_is_a_flat_window_on_gray() -> None:
    rng = np.random.default_rng(0)
    a = np.repeat(rng.integers(0, 256, (60, 60, 1), np.uint8), 3, 2)
    b = np.clip(a.astype(int) + rng.integers(-40, 41, (60, 60, 1)), 0, 255).astype(np.uint8)
    scores = []
    for y in range(10):
        for x in range(10):
            p, q = (image[y : y + 51, x : x + 51, 0].astype(float) for image in (a, b))
            covariance = np.cov(p.ravel(), q.ravel())
            means = 2 * p.mean() * q.mean() + 2.55**2, p.mean() ** 2 + q.mean() ** 2 + 2.55**2
            spreads = 2 * covariance[0, 1] + 7.65**2, np.trace(covariance) + 7.65**2
            scores.append(means[0] * spreads[0] / means[1] / spreads[1])
    assert image.ssim_51(a, b) == pytest.approx(np.mean(scores), abs=1e-6)


def test_edges_shifted_by_a_pixel() -> None:
    truth = np.zeros((32, 32), bool)
    truth[10, 4:28] = True
    assert edges.edge_scores(truth, truth, 0) == pytest.approx({"precision": 1, "recall": 1, "f": 1})
    shifted = np.roll(truth, 1, 0)
    assert edges.edge_scores(shifted, truth, 0)["precision"] == 0
    assert edges.edge_scores(shifted, truth, 2)["f"] == pytest.approx(1)
    half = truth & (np.arange(32) < 16)
    assert edges.edge_scores(half, truth, 0) == pytest.approx({"precision": 1, "recall": 0.5, "f": 2 / 3})
    none = np.zeros_like(truth)
    assert edges.edge_scores(none, truth, 0)["precision"] == 0
    assert edges.edge_scores(none, none, 0)["f"] == 1


def test_frechet_against_the_matrix_root_and_a_shift() -> None:
    a, b = RNG.normal(0, 1, (200, 6)), RNG.normal(0.5, 2, (150, 6))
    ca, cb = np.cov(a.T), np.cov(b.T)
    expected = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(ca + cb - 2 * sqrtm(ca @ cb).real)
    assert features.frechet(a, b) == pytest.approx(expected, rel=1e-6)
    assert features.frechet(a, a + 3) == pytest.approx(6 * 9)
    assert min(features.frechet(part, part) for part in np.split(a, 20)) >= 0
    few = RNG.normal(0, 1, (5, 50))
    assert features.frechet(few, few) == pytest.approx(0, abs=1e-9), "singular covariances"


def test_kid_is_the_unbiased_estimator() -> None:
    a, b = RNG.normal(0, 1, (12, 4)), RNG.normal(1, 1, (9, 4))

    def kernel(x: np.ndarray, y: np.ndarray) -> float:
        return float((x @ y / 4 + 1) ** 3)

    aa = np.mean([kernel(a[i], a[j]) for i in range(12) for j in range(12) if i != j])
    bb = np.mean([kernel(b[i], b[j]) for i in range(9) for j in range(9) if i != j])
    ab = np.mean([kernel(x, y) for x in a for y in b])
    assert features.kid(a, b) == pytest.approx(aa + bb - 2 * ab)
    many = RNG.normal(0, 1, (2000, 4))
    assert abs(features.kid(many[:1000], many[1000:])) < 0.1


def test_identity_scores() -> None:
    eye = np.eye(4)
    assert identity.likeness(eye, eye) == (1, 1)
    assert identity.likeness(eye, np.roll(eye, 1, 0)) == (0, 0)
    found = identity.identity_scores(eye, eye)
    assert found == {"identity": 1, "identity_rank1": 1, "fd_identity": pytest.approx(0, abs=1e-9)}
    assert identity.identity_face_scores(eye, eye) == {"identity_face": 1, "identity_face_rank1": 1}


def test_faces_are_cut_from_hair_before_they_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another hair and background change what the net sees of a crop, and nothing of what it sees of the face."""
    monkeypatch.setattr(identity, "weight_file", lambda name: None)
    monkeypatch.setattr(identity, "identity_vector", lambda crop: crop.astype(np.float32).reshape(-1))
    photos = RNG.integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    other = np.where(places.face_mask(64, EYES)[..., None], photos, 255 - photos)
    whole, face = identity.Identity(None), identity.IdentityFace(None)
    assert (whole(photos) != whole(other)).any()
    np.testing.assert_array_equal(face(photos), face(other))
    assert (face(photos) != face(photos[::-1])).any()
    seen = face(photos).reshape(photos.shape)
    assert (seen[:, 30:40, 30:34] == photos[:, 30:40, 30:34]).all(), "nose"
    assert (seen[:, :12] == identity.GRAY).all(), "hair"
    assert (seen[:, :, :14] == identity.GRAY).all(), "ears"


def test_sharpness_is_the_generated_energy_by_the_true() -> None:
    """The Laplacian of a checkerboard of amplitude a is 8a everywhere but at the border."""
    board = (np.indices((32, 32)).sum(0) % 2).astype(np.uint8)
    strong, weak = (np.repeat((100 + amplitude * board)[..., None], 3, 2) for amplitude in (40, 10))
    assert image.laplacian_energy(weak) == pytest.approx((4 * 10) ** 2)
    assert image.sharpness(strong, weak) == pytest.approx(1 / 16)
    assert image.sharpness(weak, strong) == pytest.approx(16)
    flat = np.full_like(strong, 9)
    assert (image.sharpness(flat, flat), image.sharpness(flat, weak)) == (1, float("inf"))


def test_skin_is_of_cheeks_and_forehead() -> None:
    """Known L*a*b*: middle gray (119) is L* 50.03; the rest of the face may be of any colour."""
    crop = np.full((256, 256, 3), 119, np.uint8)
    np.testing.assert_allclose(skin.skin_colour(crop, EYES), [50.03, 0, 0], atol=0.02)
    eyes, mouth = (slice(118, 128), slice(70, 190)), (slice(195, 215), slice(100, 156))
    other = crop.copy()
    other[eyes], other[mouth], other[:60], other[:, :50] = (0, 0, 255), (255, 0, 0), 0, 0
    np.testing.assert_allclose(skin.skin_colour(other, EYES), skin.skin_colour(crop, EYES), atol=1e-9)
    red = np.broadcast_to(np.array([255, 0, 0], np.uint8), crop.shape)  # L* 53.24, a* 80.09, b* 67.20
    found = skin.skin_scores(crop, red, EYES)
    assert found["skin_de"] == pytest.approx(np.hypot(np.hypot(53.24 - 50.03, 80.09), 67.20), abs=0.05)
    assert found["skin_light"] == pytest.approx(50.03, abs=0.02)
    assert found["skin_lighter"] == pytest.approx(53.24 - 50.03, abs=0.02)
    for u, v in places.SKIN:
        x, y, spotted = 0.5 + 0.27 * u, 0.48 + 0.27 * v, crop.copy()
        spotted[round(y * 256) - 3 : round(y * 256) + 3, round(x * 256) - 3 : round(x * 256) + 3] = 255
        assert skin.skin_scores(crop, spotted, EYES)["skin_lighter"] > 1


def test_places_go_with_the_eyes() -> None:
    """Eyes higher by 8 px and half as far apart: what lay at (u, v) lies there, half as large."""
    usual, other = places.skin_mask(200, Eyes(0.5, 0.3)), places.skin_mask(200, Eyes(0.46, 0.15))
    assert other.sum() == pytest.approx(usual.sum() / 4, rel=0.1)
    middle = [np.argwhere(mask).mean(0) for mask in (usual, other)]
    v = np.mean([v for _, v in places.SKIN])
    np.testing.assert_allclose(middle[0], [100 + 60 * v - 0.5, 99.5], atol=1)
    np.testing.assert_allclose(middle[1], [92 + 30 * v - 0.5, 99.5], atol=1)
    split = Split(["a", "b"], {}, "", {"photo": {"eye_y": 0.4, "eye_distance": 0.2}}, {"b": (0.45, 0.15)})
    assert (places.eyes_of(split, "a"), places.eyes_of(split, "b")) == (Eyes(0.4, 0.2), Eyes(0.45, 0.15))
    assert places.eyes_of(Split(["a"], {}, ""), "a") == places.USUAL


def test_a_photo_is_faithful_to_the_strokes_it_has_edges_for() -> None:
    """Two vertical steps, three strokes, two of them on the steps: all edges have a stroke, a third of strokes none."""
    photo, drawing = np.full((256, 256, 3), 60, np.uint8), np.full((256, 256), 255, np.uint8)
    photo[:, 80:160] = 200
    drawing[:, [80, 160, 220]] = 0
    found = faithfulness.faithfulness(drawing, photo, 2)
    assert found == {"faithful_precision": 1, "faithful_recall": pytest.approx(2 / 3, abs=0.01)}
    drawing[:, [80, 220]] = 128  # paler than half: no strokes
    found = faithfulness.faithfulness(drawing, photo, 2)
    assert found == {"faithful_precision": pytest.approx(1 / 2, abs=0.01), "faithful_recall": 1}
    drawing[:], drawing[:, [83, 163]] = 255, 0
    assert set(faithfulness.faithfulness(drawing, photo, 1).values()) == {0}
    assert set(faithfulness.faithfulness(drawing, photo, 4).values()) == {1}


def test_calibrated_strokes_keep_the_drawing_as_far_as_they_lie_on_it() -> None:
    drawing, refined = np.full((64, 64), 255, np.uint8), np.zeros((64, 64), bool)
    drawing[:, [10, 30]] = 0
    drawing[:, 50] = 128  # paler than half: no stroke
    refined[:, [11, 50, 60]] = True
    found = faithfulness.strokes_kept(drawing, refined, 2)
    assert found == {"kept_precision": pytest.approx(1 / 3), "kept_recall": pytest.approx(1 / 2)}
    assert set(faithfulness.strokes_kept(drawing, refined, 0).values()) == {0}


def test_figures_of_all_faces_are_means_but_for_the_named_medians() -> None:
    columns = Columns()
    values = np.array([1.0, 2.0, 3.0, 4.0, 100.0, 6.0, 7.0, 8.0, 9.0, 10.0])
    keys = ("psnr", "sharpness", "skin_de", "skin_light", "skin_lighter")
    columns.add(dict.fromkeys(keys, value) for value in values[:4])
    columns.add(dict.fromkeys(keys, value) for value in values[4:])
    found = columns.summary()
    assert (found["n"], found["psnr"], found["skin_lighter"]) == (10, 15, 15)
    assert found["sharpness"] == found["skin_de"] == 6.5
    assert (found["skin_de_darkest"], found["skin_lighter_darkest"], found["skin_de_lightest"]) == (1.5, 1.5, 55)
    assert [list(values[part]) for part in fifths(values)] == [[1, 2], [3, 4], [6, 7], [8, 9], [10, 100]]
    darker, *_, lighter = fifths(np.array([3.0, 1.0]))
    assert (list(darker), list(lighter)) == ([1], [0])
    assert mean_of([{"n": 3, "a": 1.0, "b": None}, {"n": 3, "a": 2.0, "b": 5.0}]) == {"n": 3, "a": 1.5, "b": 5}
