"""Edges, styles, strokes and simplification against drawings whose truth is known."""

from collections.abc import Callable
from dataclasses import replace
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest

from pipeline.core.params import load
from pipeline.core.polarity import Photo, Sketch, luminance
from pipeline.core.workspace import SHIPPED
from pipeline.drawing.deformation import deform, displacement_field
from pipeline.drawing.equalization import EqualizeParams, equalize
from pipeline.drawing.face_prior import Eyes, face_prior
from pipeline.drawing.rasterize import render
from pipeline.drawing.soft_edges import soft_edges
from pipeline.drawing.stroke import Stroke, pressed, resample, smooth
from pipeline.drawing.svg import to_svg
from pipeline.drawing.trace import trace
from pipeline.stages import hed
from pipeline.stages.canny import CannyParams, canny
from pipeline.stages.simplify import SimplifyParams, generator, simplify
from pipeline.styles import STYLES
from pipeline.styles.photosketch import PhotosketchParams, photosketch

PARAMS = SHIPPED / "params.yaml"
EYES = Eyes(0.48, 0.27)
SIMPLE = load(SimplifyParams, "simplify", PARAMS)


def draw_style(name: str) -> Callable[[Photo], Sketch]:
    style = STYLES[name]
    params = load(style.params, f"styles.{name}", PARAMS)
    return lambda photo: style.draw(photo, params)


def disc(size: int = 256, inside: int = 60, outside: int = 200) -> Photo:
    image = np.full((size, size), outside, np.uint8)
    cv2.circle(image, (size // 2, size // 2), size // 4, inside, -1, cv2.LINE_AA)
    return np.repeat(image[..., None], 3, 2)


def radii(mask: np.ndarray) -> np.ndarray:
    y, x = np.nonzero(mask)
    return np.hypot(y - mask.shape[0] / 2, x - mask.shape[1] / 2)


@pytest.mark.parametrize("name", STYLES)
@pytest.mark.parametrize("value", [0, 128, 255])
def test_blank_photos_give_blank_paper(name: str, value: int) -> None:
    sketch = draw_style(name)(np.full((64, 64, 3), value, np.uint8))
    assert sketch.dtype == np.float32
    assert (sketch[2:-2, 2:-2].max() - sketch[2:-2, 2:-2].min()) < 1e-3
    if value:
        assert sketch.mean() > 0.9


@pytest.mark.parametrize("name", STYLES)
@pytest.mark.parametrize("shape", [(16, 16), (48, 200), (200, 48), (700, 600)])
def test_any_size_is_drawn(name: str, shape: tuple[int, int]) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    sketch = draw_style(name)(photo)
    assert sketch.shape == shape
    assert np.isfinite(sketch).all()
    assert 0 <= sketch.min() <= sketch.max() <= 1


@pytest.mark.parametrize("name", STYLES)
def test_ink_lies_on_the_contour_and_paper_is_clean(name: str) -> None:
    sketch = draw_style(name)(disc())
    ink = radii(sketch < 0.5)
    assert len(ink) > 200
    assert np.mean(np.abs(ink - 64) < 12) > 0.95
    assert sketch[:40].mean() > 0.97, "no ink far from the disc"


@pytest.mark.parametrize("name", STYLES)
def test_styles_are_deterministic(name: str) -> None:
    np.testing.assert_array_equal(draw_style(name)(disc(96)), draw_style(name)(disc(96)))


def two_tone() -> Photo:
    """A disc on bright ground, its left half dark, its right half gray."""
    photo = disc(256, 20, 220)
    photo[:, 128:][photo[:, 128:] < 120] = 150
    return photo


@pytest.mark.parametrize("method", ["own", "contour"])
def test_photosketch_presses_harder_on_the_dark_side_and_not_at_all_without_pressure(method: str) -> None:
    params = replace(load(PhotosketchParams, "styles.photosketch", PARAMS), method=method, misalignment_px=0)
    ring = np.abs(np.hypot(*np.mgrid[-128:128, -128:128]) - 64) < 6
    pressed_ink, black = (1 - photosketch(two_tone(), replace(params, pressure_px=px)) for px in (1, 0))
    dark, gray = (np.where(ring, pressed_ink, 0)[64:192, half].max(1) for half in (slice(128), slice(140, 256)))
    assert np.median(dark) > 1.3 * np.median(gray) > 0
    for half in (slice(128), slice(140, 256)):
        assert np.median(np.where(ring, black, 0)[64:192, half].max(1)) > 0.9
    faint = 1 - photosketch(two_tone(), replace(params, lightest=0.9))
    assert np.median(np.where(ring, faint, 0)[64:192, 140:].max(1)) > np.median(gray)


def test_photosketch_fills_masses_with_lines_unless_told_not_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "pipeline.weights.drawing_nets.runner", lambda name: lambda photo: (photo[..., 0] > 128).astype(np.float32)
    )
    params = replace(load(PhotosketchParams, "styles.photosketch", PARAMS), method="own", misalignment_px=0)
    inside = np.hypot(*np.mgrid[-128:128, -128:128]) < 50
    filled, outlined = (1 - photosketch(disc(256, 0, 255), replace(params, hatch_px=px)) for px in (2, 0))
    assert 0.3 < filled[inside].mean() < 0.95
    assert outlined[inside].max() == 0
    assert outlined.max() > 0.5


def test_canny_finds_the_circle_thin_and_only_it() -> None:
    edges = canny(luminance(disc()), load(CannyParams, "edges.canny", PARAMS), EYES)
    assert set(np.unique(edges)) <= {0.0, 1.0}
    r = radii(edges > 0)
    assert np.abs(r - 64).max() < 3
    assert 0.7 < len(r) / (2 * np.pi * 64) < 1.5


def test_local_canny_finds_what_is_faint_in_the_face_and_not_beside_it() -> None:
    """Discs a few levels darker than their ground: one in the cheek, one in the corner, one strong in the corner."""
    gray = np.full((256, 256), 0.5, np.float32)
    for at, level in (((150, 190), 0.42), ((20, 20), 0.42), ((236, 20), 0.1)):
        cv2.circle(gray, at, 10, level, -1, cv2.LINE_AA)
    params = load(CannyParams, "edges.canny", PARAMS)
    found = {method: canny(gray, replace(params, method=method), EYES) for method in ("plain", "local")}
    drawn = {
        method: [bool(edges[y - 14 : y + 15, x - 14 : x + 15].any()) for x, y in ((150, 190), (20, 20), (236, 20))]
        for method, edges in found.items()
    }
    assert drawn == {"plain": [False, False, True], "local": [True, False, True]}
    r = np.hypot(*(np.argwhere(found["local"][150:230, 110:190]) - 40).T)
    assert np.abs(r - 10).max() < 3
    assert canny(np.full((256, 256), 0.5, np.float32), replace(params, method="local"), EYES).max() == 0


def test_local_hed_takes_the_stronger_contour_in_the_face_and_never_a_weaker(monkeypatch: pytest.MonkeyPatch) -> None:
    """A detector that tells how light its photo is at each pixel stands in for the net."""
    monkeypatch.setitem(hed.DETECTORS, "own", lambda photo, params: luminance(photo))
    params = hed.HedParams("own", "local", 0.15, 2.0)
    photo = np.random.default_rng(0).integers(0, 60, (256, 256, 3), dtype=np.uint8)
    dark, light = np.zeros_like(photo), np.full_like(photo, 255)
    tiles, prior = luminance(equalize(photo, hed.LOCAL)), face_prior(photo.shape, EYES)
    np.testing.assert_allclose(hed.holistic_local(photo, dark, params, EYES), prior * tiles, atol=1e-6)
    np.testing.assert_array_equal(hed.holistic_local(photo, light, params, EYES), luminance(light))


def test_soft_contours_peak_on_the_circle_whatever_the_polarity() -> None:
    dark, light = soft_edges(disc(), 0.15, 2), soft_edges(disc(256, 200, 60), 0.15, 2)
    np.testing.assert_allclose(dark, light, atol=0.02)
    y, x = np.mgrid[:256, :256] - 127.5
    r = np.hypot(y, x)
    assert dark[np.abs(r - 64) < 1].mean() > 0.8
    assert dark[r < 40].max() < 0.05
    np.testing.assert_allclose(np.rot90(dark), soft_edges(np.rot90(disc()).copy(), 0.15, 2), atol=0.02)
    assert soft_edges(np.full((40, 40, 3), 90, np.uint8), 0.15, 2).max() == 0


@pytest.mark.parametrize("method", ["global", "clahe"])
def test_equalize_spreads_the_luma_and_keeps_constants(method: str) -> None:
    params = EqualizeParams(method, 2.0, 4)
    ramp = np.repeat(np.linspace(100, 120, 64).astype(np.uint8)[None, :, None], 64, 0).repeat(3, 2)
    assert np.ptp(equalize(ramp, params)) > np.ptp(ramp)
    flat = np.full((32, 32, 3), 77, np.uint8)
    np.testing.assert_array_equal(equalize(flat, params), flat)


def paper(size: int = 128) -> np.ndarray:
    return np.full((size, size), 255, np.uint8)


def traced(image: np.ndarray, close: float = 2, gap: float = 3) -> list[Stroke]:
    strokes = trace((image / 255).astype(np.float32), 0.5, 9, close, gap)
    return smooth(strokes, 1.0, 6, 2.0)


def test_a_line_is_one_stroke_where_it_was_drawn() -> None:
    image = paper()
    cv2.line(image, (20, 30), (100, 70), 0, 3, cv2.LINE_AA)
    (stroke,) = traced(image)
    a, b = np.array([20, 30]), np.array([100, 70])
    normal = np.array([-(b - a)[1], (b - a)[0]]) / np.linalg.norm(b - a)
    assert np.abs((stroke.points - a) @ normal).max() < 1
    assert abs(stroke.length - np.linalg.norm(b - a)) < 6
    assert 2 <= stroke.widths.mean() <= 4.5


def test_a_circle_is_one_closed_stroke() -> None:
    image = paper()
    cv2.circle(image, (64, 64), 40, 0, 2, cv2.LINE_AA)
    (stroke,) = traced(image)
    assert np.abs(np.linalg.norm(stroke.points - 64, axis=1) - 40).max() < 1.5
    assert abs(stroke.length - 2 * np.pi * 40) < 15
    assert np.linalg.norm(stroke.points[0] - stroke.points[-1]) < 6


def test_crossing_lines_stay_straight() -> None:
    image = paper()
    cv2.line(image, (10, 64), (118, 64), 0, 2)
    cv2.line(image, (64, 10), (64, 118), 0, 2)
    strokes = sorted(traced(image), key=lambda s: -s.length)[:2]
    assert all(stroke.length > 95 for stroke in strokes)


def test_breaks_are_joined_parallels_merge_specks_vanish() -> None:
    image = paper()
    for x in range(20, 100, 14):
        cv2.line(image, (x, 64), (x + 10, 64), 0, 2)
    assert len(traced(image, gap=9)) == 1
    assert len(traced(image, gap=1)) > 3
    image = paper()
    for y in (60, 64):
        cv2.line(image, (20, y), (100, y), 0, 2)
    assert len(traced(image, close=6)) == 1
    assert len(traced(image, close=1)) == 2
    image = paper()
    image[30:32, 30:32] = 0
    assert traced(image) == []


def test_solid_regions_become_outlines() -> None:
    image = paper()
    image[30:90, 30:90] = 0
    sketch = render(traced(image), image.shape)
    assert sketch[45:75, 45:75].min() > 0.9
    assert sketch[28:34, 40:80].min() < 0.3


def test_solid_regions_are_hatched_where_asked() -> None:
    image = paper()
    image[30:90, 30:90] = 0
    ink = [1 - render(smooth(trace((image / 255).astype(np.float32), 0.5, 9, 1, 3, hatch), 1.0, 6, 2.0), image.shape)
           for hatch in (0, 8, 3)]  # fmt: skip
    inside = [float(picture[40:80, 40:80].mean()) for picture in ink]
    assert inside[0] < 0.01
    assert 0.05 < inside[1] < 0.7 * inside[2], "the nearer the lines, the darker"
    assert all(picture[:26].max() == picture[95:].max() == 0 for picture in ink)


def test_a_stroke_is_as_dark_as_the_ink_under_it() -> None:
    """A line from black to light gray, drawn beside a black one."""
    image = paper()
    for x in range(10, 110):
        image[39:42, x] = 2 * (x - 10)
    cv2.line(image, (10, 90), (110, 90), 0, 3)
    sketch = (image / 255).astype(np.float32)
    lines = sorted(smooth(trace(sketch, 0.9, 9, 1, 3), 1.0, 6, 2.0), key=lambda s: s.points[0, 1])
    fading, black = pressed(lines, 1 - sketch, 0.15)
    order = np.argsort(fading.points[:, 0])
    x, pressure = fading.points[order, 0], fading.pressures[order]
    np.testing.assert_allclose(pressure[3:-3], 0.15 + 0.85 * (1 - 2 * (x[3:-3] - 10) / 255), atol=0.03)
    np.testing.assert_allclose(black.pressures, 1, atol=1e-6)
    drawn = render([fading, black], image.shape)
    assert drawn[40, 20] < 0.2 < 0.4 < drawn[40, 90] < 0.8
    assert drawn[90, 20:100].max() < 0.1
    np.testing.assert_array_equal(pressed(lines, np.zeros_like(sketch), 0.15)[0].pressures, np.float32(0.15))


def test_where_strokes_cross_the_darker_shows_whatever_the_order() -> None:
    across = np.stack([np.linspace(10, 54, 23), np.full(23, 32)], 1).astype(np.float32)
    wide = np.full(23, 6, np.float32)
    dark, light = Stroke.even(across, wide), Stroke(across[:, ::-1].copy(), wide, np.full(23, 0.3, np.float32))
    drawn = render([dark, light], (64, 64))
    np.testing.assert_array_equal(drawn, render([light, dark], (64, 64)))
    assert drawn[32, 32] == 0
    assert 0.6 < drawn[15, 32] < 0.8


def test_pressure_is_an_option_and_no_length_of_it_depends_on_the_size() -> None:
    faint = 1 - 0.5 * (1 - draw_style("fdog")(disc()))
    faint[0, 0] = 0  # so that the contrast is not stretched
    faint[:3, :80] = 0
    pressures = [
        np.concatenate([s.pressures for s in simplify(faint, replace(SIMPLE, pressure_px=px))]) for px in (0, 2)
    ]
    assert (pressures[0] == 1).all()
    assert pressures[1].min() >= SIMPLE.lightest
    assert np.median(pressures[1]) < 0.8
    large = cv2.resize(faint, (512, 512), interpolation=cv2.INTER_CUBIC).clip(0, 1)
    assert (
        abs(np.median(np.concatenate([s.pressures for s in simplify(large, SIMPLE)])) - np.median(pressures[1])) < 0.1
    )


@pytest.mark.parametrize("shape", [(16, 16), (40, 200), (2000, 1500)])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_blank_and_black_sketches(shape: tuple[int, int], value: float) -> None:
    strokes = simplify(np.full(shape, value, np.float32), SIMPLE)
    if value:
        assert strokes == []
    assert render(strokes, shape).shape == shape


def test_simplify_hardly_changes_what_it_made() -> None:
    once = render(simplify(draw_style("fdog")(disc()), SIMPLE), (256, 256))
    twice = render(simplify(once, SIMPLE), (256, 256))
    assert np.abs(once - twice).mean() < 0.01


def test_render_is_antialiased_black_on_white_and_traces_back() -> None:
    points = np.stack([np.linspace(20, 100, 41), 60 + 20 * np.sin(np.linspace(0, 3, 41))], 1).astype(np.float32)
    sketch = render([Stroke.even(points, np.full(41, 2.0, np.float32))], (128, 128))
    assert sketch.max() == 1
    assert sketch.min() < 0.1
    assert len(np.unique(sketch)) > 4
    (back,) = smooth(trace(sketch, 0.6, 9, 1, 2), 1.0, 6, 2.0)
    ends = {tuple(np.round(p / 4)) for p in (back.points[0], back.points[-1])}
    assert ends == {tuple(np.round(p / 4)) for p in (points[0], points[-1])}


def test_displacement_is_smooth_and_bounded() -> None:
    for shape in ((256, 256), (128, 200)):
        field = displacement_field(shape, SIMPLE.deform, np.random.default_rng(0))
        length = np.linalg.norm(field, axis=2)
        assert 0.3 < length.max() <= SIMPLE.deform.displacement_px * min(shape) / 256 + 1e-4
        assert np.abs(np.diff(field, axis=0)).max() < 0.5


def test_deformation_belongs_to_the_face_and_style() -> None:
    strokes = simplify(draw_style("fdog")(disc()), SIMPLE)
    drawn = [render(deform(strokes, SIMPLE.deform, generator(*who, 0), (256, 256)), (256, 256)) for who in
             (("a", "fdog"), ("a", "fdog"), ("b", "fdog"), ("a", "xdog"))]  # fmt: skip
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert np.abs(drawn[0] - drawn[2]).max() > 0.5
    assert np.abs(drawn[0] - drawn[3]).max() > 0.5
    still = replace(SIMPLE.deform, displacement_px=0, overshoot_px=0, gaps=0, missing=0, width_jitter=0, evenness=0)
    same = render(deform(strokes, still, generator("a", "x", 0), (256, 256)), (256, 256))
    assert np.abs(same - render(strokes, (256, 256))).mean() < 0.01


def test_an_unpractised_hand_presses_more_evenly_by_a_share_of_its_own() -> None:
    points = np.stack([np.linspace(20, 200, 91), np.full(91, 50)], 1).astype(np.float32)
    light = Stroke(points, np.full(91, 2, np.float32), np.full(91, 0.2, np.float32))
    hand = replace(SIMPLE.deform, gaps=0, missing=0)
    pressed_by = [
        deform([light], replace(hand, evenness=evenness), np.random.default_rng(seed), (256, 256))[0].pressures
        for evenness in (0, 1) for seed in range(20)
    ]  # fmt: skip
    assert all((p == np.float32(0.2)).all() for p in pressed_by[:20])
    shares = np.array([(p[0] - 0.2) / 0.8 for p in pressed_by[20:]])
    assert (shares.min(), shares.max()) == (pytest.approx(0, abs=0.2), pytest.approx(1, abs=0.2))
    assert 0.3 < shares.mean() < 0.7


def test_svg_holds_every_stroke_in_its_gray_the_dark_ones_last() -> None:
    strokes = simplify(draw_style("fdog")(disc()), SIMPLE)
    points = np.array([[5, 5], [50, 5]], np.float32)
    light = Stroke(points, np.ones(2, np.float32), np.full(2, 0.2, np.float32))
    root = ElementTree.fromstring(to_svg([Stroke.even(points, np.ones(2, np.float32)), *strokes, light], (256, 256)))
    paths = root.findall(".//{*}path")
    assert len(paths) == len(strokes) + 2 > 2
    assert (paths[0].get("stroke"), paths[-1].get("stroke")) == ("#cccccc", "#000000")


def test_resample_keeps_ends_and_length() -> None:
    stroke = Stroke.even(np.array([[0, 0], [30, 0], [30, 40]], np.float32), np.ones(3, np.float32))
    fine = resample(stroke, 1.0)
    np.testing.assert_allclose(fine.points[[0, -1]], stroke.points[[0, -1]])
    assert abs(fine.length - 70) < 1
