"""Photo-sketch: a sparse contour drawing, imperfectly aligned, as of Li et al. 2019.

`contour` is the classical stand-in for their network: soft contours, traced, the salient long lines
kept and drawn again by an unsteady hand. `published` is the network itself, with its published weights; `own` is
the project's, trained on people's line drawings of faces.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.allowed import Pixels, Range, Share
from pipeline.core.polarity import Edges, Photo, Sketch
from pipeline.drawing.deformation import DeformParams, deform
from pipeline.drawing.rasterize import render
from pipeline.drawing.scale import face_scale, on_canvas
from pipeline.drawing.soft_edges import soft_edges
from pipeline.drawing.stroke import Stroke, pressed, smooth
from pipeline.drawing.trace import trace
from pipeline.styles import Style
from pipeline.weights import drawing_nets

LARGEST_PX = 1024  # ours: a larger face is drawn at this size and enlarged
OWN_PX = 384  # ours: the own net draws at this size, near to what it was trained at
OWN_INK, OWN_SOLID_PX = 0.6, 9  # ours: darker is a line; wider is a mass, drawn as its outline (at 256 px)
BLACK, PAPER = 2.0, 90.0  # ours: percentiles of the photo's gray that are black and paper for a hand
FULL_DARKNESS = 0.8  # ours: of that range, drawn with full pressure
FLOOR, SPREAD_PX = 0.18, 1.5  # ours: of the soft contours the lines are taken from


@dataclass(frozen=True)
class PhotosketchParams:
    """Section `styles.photosketch`. Lengths are px at a 256-px face."""

    # own: the project's contour drawer, its lines drawn by hand; contour: classical; published: their network, as it is
    method: Literal["contour", "published", "own"]
    salience: Share  # contour: mean contour strength a line must have
    min_length_px: Annotated[float, Range(least=0, most=256)]  # shorter lines are left out
    smooth_px: Pixels  # standard deviation of the smoothing along a line
    hatch_px: Pixels  # own: masses (eyes, brows, hair) are filled with lines this far apart; 0: left white
    width_px: Pixels  # of the pen
    pressure_px: Pixels  # a line is as dark as the photo within this (standard deviation); 0: all are black
    lightest: Share  # darkness of the lightest line, where there is pressure
    misalignment_px: Pixels  # largest distance by which the hand misses the contour


def photosketch(photo: Photo, params: PhotosketchParams) -> Sketch:
    """Photo (H, W, 3) -> Sketch (H, W). The hand's error depends on the photo alone. Raises WeightsError."""
    return Sketch(on_canvas(photo, partial(METHODS[params.method], params=params), LARGEST_PX))


def _published(photo: Photo, params: PhotosketchParams) -> Sketch:
    return Sketch(drawing_nets.runner("photosketch")(photo))


def _own(photo: Photo, params: PhotosketchParams) -> Sketch:
    drawn, scale = Sketch(on_canvas(photo, drawing_nets.runner("contour_drawer"), OWN_PX)), face_scale(photo.shape)
    solid, gap, hatch = max(3.0, OWN_SOLID_PX * scale), max(2.0, 4 * scale), params.hatch_px * scale
    lines = trace(drawn, OWN_INK, solid, 1.0, gap, hatch)
    return _by_hand(smooth(lines, max(1.0, params.smooth_px * scale), params.min_length_px * scale, 2.0), photo, params)


def _contour(photo: Photo, params: PhotosketchParams) -> Sketch:
    scale = face_scale(photo.shape)
    edges = soft_edges(photo, FLOOR, SPREAD_PX)
    blurred = cv2.GaussianBlur(edges, (0, 0), max(0.6, scale))
    ridge = edges >= cv2.dilate(blurred, np.ones((3, 3), np.uint8)) * 0.97
    thin = Sketch(np.where(ridge & (edges > params.salience), 0, 1).astype(np.float32))
    lines = trace(thin, threshold=0.5, solid=1e3, close=2.0, gap=max(2.0, 5 * scale))
    strokes = [line for line in lines if _strength(line, edges) >= params.salience]
    strokes = smooth(strokes, max(1.0, params.smooth_px * scale), params.min_length_px * scale, 2.0)
    return _by_hand(strokes, photo, params)


def _by_hand(strokes: Sequence[Stroke], photo: Photo, params: PhotosketchParams) -> Sketch:
    """Strokes drawn with a tapering pen by a hand that misses; how it does depends on the photo alone."""
    scale = face_scale(photo.shape)
    if params.pressure_px > 0:
        strokes = pressed(strokes, _darkness(photo, params.pressure_px * scale), params.lightest)
    pen = [_tapered(stroke, params.width_px * scale) for stroke in strokes]
    digest = hashlib.sha256(photo.tobytes()).digest()
    hand = DeformParams(
        displacement_px=params.misalignment_px,
        wavelength_px=48,  # ours, as what follows: an even hand that neither breaks nor forgets a line
        overshoot_px=2,
        gaps=0,
        gap_px=1,
        missing=0,
        width_jitter=0.15,
        evenness=0,
    )
    return render(deform(pen, hand, np.random.default_rng(int.from_bytes(digest[:8], "big")), photo.shape), photo.shape)


def _darkness(photo: Photo, sigma: float) -> NDArray[np.float32]:
    """Photo (H, W, 3) -> how dark it is for its own range of grays, (H, W); up to 0 = as paper, from 1 on = black."""
    gray = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY).astype(np.float32)
    black, paper = np.percentile(gray, (BLACK, PAPER))
    soft = cv2.GaussianBlur(gray, (0, 0), max(0.3, sigma))
    return np.asarray((paper - soft) / np.float32(max(1.0, FULL_DARKNESS * (paper - black))), np.float32)


def _strength(stroke: Stroke, edges: Edges) -> float:
    x, y = stroke.points.T.astype(int)
    return float(edges[y, x].mean())


def _tapered(stroke: Stroke, width: float) -> Stroke:
    """Full width in the middle, thinner towards both ends."""
    along = np.linspace(-1, 1, len(stroke.points))
    return replace(stroke, widths=(width * (1 - 0.5 * along**4)).astype(np.float32))


METHODS: dict[str, Callable[..., Sketch]] = {"contour": _contour, "published": _published, "own": _own}


STYLE = Style(PhotosketchParams, photosketch, lambda params: params.method != "contour")
