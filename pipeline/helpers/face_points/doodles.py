"""Faces as people doodle them, whose points are known because they were drawn from them."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.polarity import WHITE
from pipeline.drawing.scale import FACE_PX
from pipeline.training.symbols import SYMBOLS

Curve = NDArray[np.float64]  # (n, 2): x, y
Points = NDArray[np.float32]  # (5, 2): left eye, right eye, nose, left and right corner of the mouth, px
OVER = 2  # drawn at twice the size
SHIFT = 4  # bits of cv2's fractions of a px
BOX = {"eye": 0.24, "nose": 0.36, "mouth": 0.5}  # half sides of the symbols' boxes, in half widths of the face
ELSEWHERE = 0.05  # ours: how far features lie from where they belong, standard deviation, in half widths


def doodle(rng: np.random.Generator) -> tuple[NDArray[np.uint8], Points]:
    """A face of FACE_PX, dark on white, its eyes somewhere near the middle, and its points."""
    half = rng.uniform(0.2, 0.3) * FACE_PX
    curves, points = _features(rng)
    curves += [*_outline(rng), *_hair(rng), *_around(rng)]
    middle = np.array([FACE_PX / 2, FACE_PX * rng.uniform(0.42, 0.5)])
    wander = rng.normal(0, 0.012, (8, 2))
    canvas = np.full((FACE_PX * OVER, FACE_PX * OVER), WHITE, np.uint8)
    pen = max(1, round(OVER * np.exp(rng.uniform(np.log(0.8), np.log(6)))))
    for curve in curves:
        shaken = curve + wander[rng.integers(8)] + 0.02 * np.cumsum(rng.normal(0, 0.15, curve.shape), 0)
        at = np.rint((shaken * half + middle + 0.5) * OVER * 2**SHIFT).astype(np.int32)
        ink = int(rng.integers(0, 90))
        cv2.polylines(canvas, [at[:, None]], False, ink, max(1, pen + int(rng.integers(-1, 2))), cv2.LINE_AA, SHIFT)
    small = cv2.resize(canvas, (FACE_PX, FACE_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8), np.asarray(points * half + middle, np.float32)


def _features(rng: np.random.Generator) -> tuple[list[Curve], Curve]:
    """Eyes, brows, nose and mouth about the middle of the eyes, in half widths of the face; and the five points."""
    apart, down, low = rng.uniform(0.34, 0.52), rng.uniform(0.42, 0.75), rng.uniform(0.85, 1.25)
    off = rng.normal(0, ELSEWHERE, (4, 2))
    eyes = np.array([[-apart, 0.0], [apart, 0.0]]) + off[:2]
    nose, mouth = np.array([0.0, down - 0.2]) + off[2], np.array([0.0, low]) + off[3]
    wide = rng.uniform(0.5, 1.1)
    eye = SYMBOLS["eye"][int(rng.integers(len(SYMBOLS["eye"])))] if rng.random() < 0.85 else _boxed()
    size = BOX["eye"] * rng.uniform(0.7, 1.35)
    curves = [curve * (way, 1) * size + at for way, at in zip((-1, 1), eyes, strict=True) for curve in eye]
    if rng.random() < 0.8:
        tilt, above = rng.normal(0, 0.12), rng.uniform(0.2, 0.36)
        brow = np.array([[-0.26, tilt], [0.0, -0.07], [0.26, -tilt]])
        curves += [brow * (way, 1) + at - (0, above) for way, at in zip((-1, 1), eyes, strict=True)]
    if rng.random() < 0.93:
        curves += [curve * BOX["nose"] + nose for curve in _one("nose", rng)]
    curves += [curve * (BOX["mouth"] * wide, BOX["mouth"]) + mouth for curve in _one("mouth", rng)]
    corners = mouth + np.array([[-0.75, 0.0], [0.75, 0.0]]) * BOX["mouth"] * wide
    return curves, np.array([*eyes, nose + np.array([0.0, 0.5 * BOX["nose"]]), *corners])


def _one(feature: str, rng: np.random.Generator) -> Sequence[Curve]:
    return SYMBOLS[feature][int(rng.integers(len(SYMBOLS[feature])))]


def _boxed() -> list[Curve]:
    """Eyes as lids and bars."""
    lids = [np.array([[-0.8, y], [0.8, 1.1 * y]]) for y in (-0.35, 0.35)]
    return [*lids, np.array([[-0.3, -0.35], [-0.35, 0.35]]), np.array([[0.35, -0.35], [0.3, 0.35]])]


def _outline(rng: np.random.Generator) -> list[Curve]:
    """The face: a superellipse, or jaw and cheeks alone; ears and a neck, perhaps."""
    power, high, low = rng.uniform(0.7, 1.1), rng.uniform(0.9, 1.3), rng.uniform(1.4, 1.8)
    turn = np.linspace(0, 2 * np.pi, 60) if rng.random() < 0.6 else np.linspace(-0.3, np.pi + 0.3, 40)
    x, y = np.cos(turn), np.sin(turn)
    face = np.stack([np.sign(x) * np.abs(x) ** power, np.where(y > 0, low, high) * np.sign(y) * np.abs(y) ** power], 1)
    curves = [face]
    if rng.random() < 0.6:
        bow = np.linspace(-np.pi / 2, np.pi / 2, 12)
        ear = np.stack([1 + 0.2 * np.cos(bow), 0.2 + 0.35 * np.sin(bow)], 1)
        curves += [ear, ear * (-1, 1)]
    if rng.random() < 0.5:
        neck = np.array([[0.45, low * 0.9], [0.47, low + 0.3], [1.2, low + 0.6]])
        curves += [neck, neck * (-1, 1)]
    return curves


def _hair(rng: np.random.Generator) -> list[Curve]:
    """Strands above the brows, a zigzag, long lines to the sides, or none."""
    kind, top = rng.integers(4), rng.uniform(0.8, 1.2)
    if kind == 0:
        at = np.linspace(-0.9, 0.9, int(rng.integers(6, 24)))
        return [np.array([[x, -top], [x * rng.uniform(1, 1.2), -top - rng.uniform(0.2, 0.6)]]) for x in at]
    if kind == 1:
        x = np.linspace(-1, 1, int(rng.integers(10, 40)))
        return [np.stack([x, -top - 0.25 + rng.normal(0, 0.15, len(x))], 1)]
    if kind == 2:
        length = rng.uniform(0.3, 1.8)
        turn = np.linspace(np.pi, 2 * np.pi, 30)
        cap = np.stack([1.2 * np.cos(turn), 1.5 * np.sin(turn)], 1)
        sides = [np.array([[way * 1.2, 0.0], [way * rng.uniform(1.1, 1.4), length]]) for way in (-1, 1)]
        return [cap, cap * (0.85, 0.75), *sides]
    return []


def _around(rng: np.random.Generator) -> list[Curve]:
    """Glasses, now and then."""
    if rng.random() > 0.12:
        return []
    turn = np.linspace(0, 2 * np.pi, 24)
    ring = np.stack([0.32 * np.cos(turn), 0.27 * np.sin(turn)], 1)
    return [ring - np.array([0.43, 0.0]), ring + np.array([0.43, 0.0]), np.array([[-0.11, 0.0], [0.11, 0.0]])]
