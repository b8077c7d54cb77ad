"""The nets that ship, as the stages use them: what they draw of pictures whose answer is known."""

import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from pipeline.apps.model import SHIPPED_SYSTEM, model_file, open_model
from pipeline.apps.torch_nets import read_system
from pipeline.core import workspace
from pipeline.core.layout import Layout
from pipeline.core.params import load
from pipeline.core.polarity import Gray, Photo, Sketch
from pipeline.drawing.rasterize import render
from pipeline.drawing.rough import PEN_PX, lines
from pipeline.evaluation.metrics.edges import edge_scores
from pipeline.helpers.line_cleaner.evaluate import centrelines
from pipeline.helpers.line_cleaner.train import random_curves
from pipeline.stages import simplify
from pipeline.stages.hed import HedParams, holistic
from pipeline.styles.photosketch import PhotosketchParams, photosketch
from pipeline.styles.xdog import XdogParams, xdog
from pipeline.weights import drawing_nets, intake, registry

OWN = ("edge_detector", "contour_drawer", "line_cleaner", "face_points")


def disc(size: int) -> Photo:
    """A dark disc on light ground."""
    photo = np.full((size, size, 3), 210, np.uint8)
    return cv2.circle(photo, (size // 2, size // 2), size * 70 // 256, (60, 70, 80), -1, cv2.LINE_AA).astype(np.uint8)


def from_circle(size: int) -> np.ndarray:
    ys, xs = np.mgrid[:size, :size]
    return np.abs(np.hypot(xs - size // 2, ys - size // 2) - size * 70 / 256) * 256 / size


@pytest.mark.parametrize("name", OWN)
def test_they_are_here_small_and_have_a_card(name: str) -> None:
    path = registry.weight_file(name)
    assert path.parent.resolve() == (workspace.SHIPPED / "data" / "weights" / name).resolve()
    assert path.stat().st_size < 4e6
    assert f"## {name}\n" in (path.parents[1] / "README.md").read_text()
    assert intake.identify(path) == name


@pytest.mark.parametrize(("name", "channels"), [("contour_drawer", 3), ("line_cleaner", 1)])
def test_graphs_that_ship_are_the_nets_that_draw(name: str, channels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """By ONNX Runtime where torch is not loaded yet and the graph is of the file, at odd sizes, too; else by torch."""
    rng = np.random.default_rng(0)

    def picture(*size: int) -> np.ndarray:
        return rng.integers(0, 256, (*size, 3), np.uint8) if channels == 3 else rng.random(size, np.float32)

    by_torch = drawing_nets.runner.__wrapped__(name)
    monkeypatch.delitem(sys.modules, "torch")
    by_graph = drawing_nets.runner.__wrapped__(name)
    monkeypatch.undo()
    assert by_graph.args[0].func is drawing_nets._by_graph
    for size in ((64, 48), (61, 50), (40, 77)):
        given = picture(*size)
        drawn = by_graph(given)
        assert drawn.shape == size
        np.testing.assert_allclose(drawn, by_torch(given), atol=1e-4)


@pytest.mark.parametrize("size", [128, 256, 700])
def test_edges_of_a_disc_are_its_outline(size: int) -> None:
    drawn = holistic(disc(size), HedParams("own", "plain", 0.1, 2.0))
    off = from_circle(size)
    assert drawn[off < 1].min() > 0.6
    assert drawn[off > 20].mean() < 0.05


@pytest.mark.parametrize("size", [128, 256, 700])
def test_the_contour_of_a_disc_is_a_ring_of_ink_on_white_paper(size: int) -> None:
    drawn = photosketch(disc(size), replace(load(PhotosketchParams, "styles.photosketch"), method="own"))
    off = from_circle(size)
    assert drawn[off > 12].mean() > 0.95
    near = np.where(off < 6, drawn, 1)
    assert np.mean([near[row].min() < 0.5 for row in range(size // 3, size * 2 // 3)]) > 0.8


def wavy(rng: np.random.Generator, repeats: int, jitter: float) -> tuple[Sketch, np.ndarray]:
    """A wavy line drawn again and again on gray paper in uneven light, and where it runs."""
    x = np.linspace(30, 225, 60)
    y = 128 + 50 * np.sin(x / 40)
    paper = np.linspace(0.95, 0.75, 256, dtype=np.float32)[None].repeat(256, 0)
    ink = np.full((256, 256), 255, np.uint8)
    for _ in range(repeats):
        shifted = np.stack([x, y + rng.normal(0, jitter)], 1)
        cv2.polylines(ink, [np.round(shifted * 16).astype(np.int32)], False, 60, 2, cv2.LINE_AA, 4)
    truth = np.zeros((256, 256), np.uint8)
    cv2.polylines(truth, [np.round(np.stack([x, y], 1)).astype(np.int32)], False, 1)
    return paper * (ink / np.float32(255)), truth > 0


@pytest.mark.parametrize("repeats", [1, 5])
def test_a_line_drawn_again_and_again_becomes_one(repeats: int) -> None:
    sketch, truth = wavy(np.random.default_rng(0), repeats, 1.5)
    params = replace(load(simplify.SimplifyParams, "simplify"), method="own")
    drawn = render(simplify.simplify(sketch, params), sketch.shape)
    thin = cv2.ximgproc.thinning(((drawn < 0.5) * 255).astype(np.uint8)) > 0  # type: ignore[attr-defined]
    scores = edge_scores(thin, truth, 3)
    assert min(scores["precision"], scores["recall"]) > 0.9


def hair(rng: np.random.Generator) -> Gray:
    """A disc of dark strands, as XDoG draws in dots and short lines."""
    strands = cv2.GaussianBlur(rng.standard_normal((256, 256)).astype(np.float32), (0, 0), 1.0, sigmaY=6.0)
    ys, xs = np.mgrid[:256, :256]
    inside = np.hypot(xs - 128, ys - 128) < 90
    return np.where(inside, 0.35 + 0.05 * strands / strands.std(), 0.82).astype(np.float32)


def test_hair_that_a_style_draws_is_no_dirt() -> None:
    raw = xdog(hair(np.random.default_rng(0)), load(XdogParams, "styles.xdog"))
    params = load(simplify.SimplifyParams, "simplify")
    own, classical = (
        centrelines(simplify.simplify(raw, replace(params, method=method)), raw.shape)  # type: ignore[arg-type]
        for method in ("own", "classical")
    )
    scores = edge_scores(own, classical, 2)
    assert min(scores["precision"], scores["recall"]) > 0.88


def test_clean_lines_stay_as_they_are() -> None:
    strokes = random_curves(np.random.default_rng(3))
    params = replace(load(simplify.SimplifyParams, "simplify"), method="own")
    found = simplify.simplify(lines(strokes, (256, 256), PEN_PX), params)
    scores = edge_scores(centrelines(found, (256, 256)), centrelines(strokes, (256, 256)), 2)
    assert min(scores["precision"], scores["recall"]) > 0.97


def test_the_same_picture_gives_the_same_bytes() -> None:
    photo = disc(200)
    params = HedParams("own", "plain", 0.1, 2.0)
    first = holistic(photo, params)
    drawing_nets.runner.cache_clear()
    assert holistic(photo, params).tobytes() == first.tobytes()


def drawn_face() -> Sketch:
    """Head, hair line, brows, eyes, nose and mouth by a few strokes, (256, 256), 1 = paper."""
    sketch = np.full((256, 256), 255, np.uint8)
    cv2.ellipse(sketch, (128, 130), (62, 84), 0, 0, 360, 0, 2, cv2.LINE_AA)
    cv2.ellipse(sketch, (128, 118), (74, 92), 0, 150, 390, 0, 2, cv2.LINE_AA)
    cv2.ellipse(sketch, (128, 112), (56, 40), 0, 190, 350, 0, 2, cv2.LINE_AA)
    for x in (100, 156):
        cv2.ellipse(sketch, (x, 122), (12, 6), 0, 0, 360, 0, 2, cv2.LINE_AA)
        cv2.ellipse(sketch, (x, 110), (16, 5), 0, 190, 350, 0, 2, cv2.LINE_AA)
    cv2.ellipse(sketch, (128, 152), (10, 5), 0, 0, 180, 0, 2, cv2.LINE_AA)
    cv2.ellipse(sketch, (128, 180), (20, 6), 0, 0, 180, 0, 2, cv2.LINE_AA)
    cv2.line(sketch, (108, 180), (148, 180), 0, 2, cv2.LINE_AA)
    return sketch.astype(np.float32) / 255


SIZES = {"cali-sketch-faces": 15, "cali-sketch-photo": 24, "cali-sketch-lite": 8}  # MB


@pytest.mark.parametrize(("name", "megabytes"), SIZES.items())
def test_the_shipped_systems_make_a_face_of_a_drawing(tmp_path: Path, name: str, megabytes: int) -> None:
    used = registry.shipped(name)
    assert used.stat().st_size < megabytes * 1e6
    assert f"## {name}\n" in (used.parents[1] / "README.md").read_text()
    drawing = drawn_face()
    pixels = (drawing * 255).astype(np.uint8)
    system, by_torch = open_model(used, "auto"), read_system(used, torch.device("cpu"))
    assert system.runtime == "onnx"
    refined, photo = system.photo(pixels)
    grainy = pixels[None] - np.minimum(pixels[None], np.random.default_rng(0).integers(0, 60, (1, 256, 256), np.uint8))
    np.testing.assert_allclose(system.refine(grainy), by_torch.refine(grainy), atol=1e-4)
    np.testing.assert_allclose(system.isn(refined[None]), by_torch.isn(refined[None]), atol=1e-4)
    scores = edge_scores(refined > 0.5, drawing < 0.5, 4)
    assert min(scores["precision"], scores["recall"]) > 0.6
    red, _, blue = np.moveaxis(photo.astype(float), 2, 0)
    skin, ground, hair = np.s_[140:170, 90:110], np.s_[100:140, 4:30], np.s_[36:60, 110:146]
    assert (red - blue)[skin].mean() > 15
    assert (red - blue)[ground].mean() < 0
    assert photo[hair].mean() < photo[skin].mean() - 40


def test_what_ships_is_used_until_ones_own_is_asked_for(tmp_path: Path) -> None:
    own = Layout(tmp_path).trained("joint") / "weights.safetensors"
    own.parent.mkdir(parents=True)
    own.touch()
    assert model_file("shipped", tmp_path) == registry.shipped(SHIPPED_SYSTEM)
    assert model_file("mine", tmp_path) == own
    assert model_file(str(own), tmp_path) == own
