"""Stage demo: the embedded data set, distinct photo-like faces rendered from a seed.

A signed-distance head (Quilez's primitives and smooth unions) is sphere-traced, lit by a key light
with soft shadow, a fill light and ambient occlusion, painted in the face's own coordinates and
"photographed" with blur and sensor noise. Head coordinates: x right, y up, z to the camera, the
skull about 1.6 wide.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from pipeline.core.polarity import Photo

Numbers = NDArray[np.float64]
Point = tuple[float, float]


EYE_X, EYE_Y, EYE_Z = 0.30, 0.06, 0.70


VIEW = 1.95  # half the picture's height in head units


SKIN, HAIR, CLOTH = 0, 1, 2


SKINS = ((0.93, 0.76, 0.65), (0.88, 0.69, 0.57), (0.82, 0.62, 0.49), (0.74, 0.54, 0.41), (0.95, 0.80, 0.71))


HAIRS = ((0.07, 0.06, 0.06), (0.12, 0.08, 0.06), (0.20, 0.12, 0.07), (0.30, 0.19, 0.10), (0.09, 0.09, 0.11))


CLOTHES = ((0.22, 0.25, 0.34), (0.35, 0.36, 0.40), (0.45, 0.30, 0.30), (0.28, 0.38, 0.36), (0.55, 0.56, 0.60))


IRISES = ((0.16, 0.10, 0.06), (0.20, 0.14, 0.08), (0.16, 0.22, 0.26))


# Shape vector: what one person's head is made of.
SHAPE = (
    "width", "jaw", "chin", "cheek", "nose_length", "nose_width", "lip_width", "lip_full", "eye_open", "brow_y",
    "brow_thick", "brow_tilt", "smile", "mouth_open", "hair_volume", "hairline", "part", "hair_long", "bun", "fringe",
    "ear",
)  # fmt: skip


SLOT = {name: i for i, name in enumerate(SHAPE)}


WIDTH, JAW, CHIN, CHEEK, NOSE_L, NOSE_W, LIP_W, LIP_F, OPEN, BROW_Y, BROW_T, BROW_A = range(12)


SMILE, MOUTH, VOLUME, HAIRLINE, PART, LONG, BUN, FRINGE, EAR = range(12, 21)


@dataclass(frozen=True)
class RenderedFace:
    """A picture and where the renderer put the pupils, px (x, y), left in the image first."""

    photo: Photo
    eyes: tuple[Point, Point]


@njit(cache=True, fastmath=True)
def _ellipsoid(x: float, y: float, z: float, a: float, b: float, c: float) -> float:
    k0 = np.sqrt((x / a) ** 2 + (y / b) ** 2 + (z / c) ** 2)
    k1 = np.sqrt((x / (a * a)) ** 2 + (y / (b * b)) ** 2 + (z / (c * c)) ** 2)
    return float(k0 * (k0 - 1.0) / max(k1, 1e-6))


@njit(cache=True, fastmath=True)
def _union(a: float, b: float, k: float) -> float:
    h = max(k - abs(a - b), 0.0) / k
    return min(a, b) - h * h * k * 0.25


@njit(cache=True, fastmath=True)
def _carve(a: float, b: float, k: float) -> float:
    return -_union(-a, b, k)


@njit(cache=True, fastmath=True)
def _head(x: float, y: float, z: float, s: Numbers) -> float:
    """Distance to the skin."""
    m = abs(x) / s[WIDTH]
    d = _ellipsoid(m, y - 0.27, z + 0.12, 0.76, 0.84, 0.88)
    d = _union(d, _ellipsoid(m, y + 0.32, z - 0.10, 0.58 * s[JAW], 0.74, 0.66), 0.25)
    d = _union(d, _ellipsoid(m, y + 0.93, z - 0.42, 0.20 * s[CHIN], 0.15, 0.22), 0.22)
    d = _union(d, _ellipsoid(m - 0.34, y + 0.20, z - 0.50, 0.22, 0.20, 0.22 * s[CHEEK]), 0.20)
    d = _union(d, _ellipsoid(m - 0.25, y - 0.27, z - 0.66, 0.28, 0.10, 0.13), 0.16)
    d = _carve(d, _ellipsoid(m - EYE_X, y - EYE_Y, z - 0.93, 0.19, 0.12, 0.20), 0.12)
    d = _union(d, _ellipsoid(m - EYE_X, y - EYE_Y, z - 0.60, 0.165, 0.125, 0.145), 0.05)
    tip = -0.16 - 0.12 * s[NOSE_L]
    t = min(1.0, max(0.0, (0.16 - y) / (0.16 - tip)))
    bridge = np.sqrt(
        (m * s[WIDTH] / s[NOSE_W]) ** 2 + (y - (0.16 + t * (tip - 0.16))) ** 2 + (z - 0.70 - 0.23 * t) ** 2
    )
    d = _union(d, bridge - 0.065 - 0.055 * t, 0.12)
    d = _union(d, _ellipsoid(m - 0.11 * s[NOSE_W], y - tip + 0.02, z - 0.82, 0.075, 0.07, 0.09), 0.06)
    lift = 0.10 * s[SMILE] * (min(m, 0.3) / 0.25) ** 2
    lips = _lip_y(s) + lift
    d = _union(d, _ellipsoid(m, y - lips - 0.035, z - 0.71, 0.24 * s[LIP_W], 0.05 * s[LIP_F], 0.10), 0.05)
    d = _union(d, _ellipsoid(m, y - lips + 0.055, z - 0.70, 0.20 * s[LIP_W], 0.06 * s[LIP_F], 0.11), 0.05)
    d = _union(d, _ellipsoid(m - 0.76, y + 0.03, z + 0.08, 0.08 * s[EAR], 0.21, 0.13), 0.06)
    neck = max(np.sqrt((x * x) + (z + 0.20) ** 2) - 0.42 * (0.5 + 0.5 * s[JAW]), y + 0.6)
    return _union(d, neck, 0.10)


@njit(cache=True, fastmath=True)
def _lip_y(s: Numbers) -> float:
    return float(-0.56 - 0.05 * (s[NOSE_L] - 1.0))


@njit(cache=True, fastmath=True)
def _hair(x: float, y: float, z: float, s: Numbers) -> float:
    """Distance to the hair's surface."""
    m = abs(x) / s[WIDTH]
    v = s[VOLUME]
    d = _ellipsoid(m, y - 0.33, z + 0.16, 0.80 + 0.10 * v, 0.86 + 0.14 * v, 0.90 + 0.08 * v)
    lower = -0.15 - 0.25 * s[LONG] - y
    d = max(d, lower if z > -0.3 else -10.0)
    side = abs(x - 0.25 * s[PART]) * 0.55
    top = s[HAIRLINE] - 0.22 * s[FRINGE] - side * side * 0.9 * (1.0 - s[FRINGE]) + 0.05 * np.sin(9.0 * x) * s[FRINGE]
    face = _ellipsoid(m, y - top + 1.0, z - 0.75, 0.66, 1.0, 1.15)
    d = _carve(d, face, 0.07)
    if s[LONG] > 0:
        drop = -0.2 - 1.15 * s[LONG]
        t = min(1.0, max(0.0, (0.35 - y) / (0.35 - drop)))
        lock = _ellipsoid(
            m - 0.72 - 0.05 * np.sin(3.0 * t), (y - 0.35 * (1 - t) - drop * t), z + 0.18, 0.20, 0.25, 0.42
        )
        d = _union(d, lock, 0.12)
    if s[BUN] > 0:
        d = _union(d, np.sqrt(x * x + (y - 1.28) ** 2 + (z + 0.25) ** 2) - 0.30 * s[BUN], 0.06)
    return d


@njit(cache=True, fastmath=True)
def _cloth(x: float, y: float, z: float) -> float:
    """Distance to the shoulders."""
    body = _ellipsoid(abs(x), y + 2.30, z + 0.25, 1.55, 0.85, 0.62)
    collar = np.sqrt((np.sqrt(x * x + (z + 0.20) ** 2) - 0.50) ** 2 + ((y + 1.58 - 0.35 * z) * 0.7) ** 2) - 0.09
    return _union(body, collar, 0.22)


@njit(cache=True, fastmath=True)
def _scene(x: float, y: float, z: float, s: Numbers) -> float:
    return min(_head(x, y, z, s), min(_hair(x, y, z, s), _cloth(x, y, z)))


@njit(cache=True, fastmath=True)
def _noise(x: float, y: float, z: float) -> float:
    """Value noise in [0, 1]."""
    xi, yi, zi = np.floor(x), np.floor(y), np.floor(z)
    fx, fy, fz = x - xi, y - yi, z - zi
    fx, fy, fz = fx * fx * (3 - 2 * fx), fy * fy * (3 - 2 * fy), fz * fz * (3 - 2 * fz)
    total = 0.0
    for i in range(2):
        for j in range(2):
            for k in range(2):
                h = np.sin((xi + i) * 127.1 + (yi + j) * 311.7 + (zi + k) * 74.7) * 43758.5453
                weight = (fx if i else 1 - fx) * (fy if j else 1 - fy) * (fz if k else 1 - fz)
                total += weight * (h - np.floor(h))
    return total


@njit(cache=True, fastmath=True)
def _step(edge: float, width: float, value: float) -> float:
    """Smooth 0 -> 1 as value rises through `edge`."""
    t = min(1.0, max(0.0, (value - edge) / width + 0.5))
    return t * t * (3 - 2 * t)


@njit(cache=True, fastmath=True)
def _mix(colour: Numbers, other: Numbers, share: float) -> None:
    for c in range(3):
        colour[c] += (other[c] - colour[c]) * share


@njit(cache=True, fastmath=True)
def _paint_nose_and_mouth(m: float, y: float, s: Numbers, looks: Numbers, colour: Numbers) -> float:
    """Nostrils, lips, the line between; returns how much of a lip is there."""
    tip = -0.16 - 0.12 * s[NOSE_L]
    nostril = np.exp(-(((m - 0.075 * s[NOSE_W]) / 0.036) ** 2 + ((y - tip + 0.065) / 0.022) ** 2))
    _mix(colour, looks[0] * 0.15, 0.9 * nostril)
    lips = _lip_y(s) + 0.10 * s[SMILE] * (min(m, 0.3) / 0.25) ** 2
    across = max(0.0, 1 - (m / (0.26 * s[LIP_W])) ** 2)
    full = 0.075 * s[LIP_F] * np.sqrt(across)
    lip = _step(0, 0.03, full - abs(y - lips + 0.012)) * min(1.0, 4 * across)
    _mix(colour, np.array([0.62, 0.26, 0.25]), 0.62 * lip)
    gap = 0.010 + 0.04 * s[MOUTH] * across
    seam = _step(0, 0.018, gap - abs(y - lips)) * _step(0, 0.04, 0.27 * s[LIP_W] - m)
    _mix(colour, np.array([0.20, 0.07, 0.07]), 0.85 * seam)
    return float(lip)


@njit(cache=True, fastmath=True)
def _paint_skin(x: float, y: float, z: float, s: Numbers, looks: Numbers, colour: Numbers) -> float:
    """Skin, brows, eyes, lips, nostrils at a surface point; returns how much it shines. looks: skin, hair, iris."""
    black, white = np.array([0.03, 0.02, 0.02]), np.array([0.90, 0.88, 0.86])
    mottle = 0.94 + 0.08 * _noise(9 * x, 9 * y, 9 * z) + 0.04 * _noise(40 * x, 40 * y, 40 * z)
    for c in range(3):
        colour[c] = looks[0, c] * mottle
    if z < 0.2:
        return 0.12
    m = abs(x) / s[WIDTH]
    blush = np.exp(-(((m - 0.38) / 0.18) ** 2 + ((y + 0.22) / 0.16) ** 2))
    _mix(colour, np.array([0.85, 0.42, 0.36]), 0.16 * blush)
    socket = np.exp(-(((m - EYE_X) / 0.22) ** 2 + ((y - EYE_Y - 0.03) / 0.14) ** 2))
    _mix(colour, looks[0] * 0.45, 0.45 * socket)
    arch = EYE_Y + 0.22 + s[BROW_Y] - 1.1 * (m - 0.36) ** 2 + s[BROW_A] * (m - 0.30)
    thick = 0.036 * s[BROW_T] * (1.15 - 1.2 * max(0.0, m - 0.28))
    brow = _step(0, 0.03, thick - abs(y - arch)) * _step(0.10, 0.05, m) * _step(0, 0.06, 0.50 - m)
    _mix(colour, looks[1] * 0.9, brow * (0.70 + 0.3 * _noise(60 * x, 25 * y, 0)))
    ex, ey = m - EYE_X, y - EYE_Y
    upper = 0.078 * s[OPEN] * (1 - (ex / 0.148) ** 2)
    lower = -0.052 * s[OPEN] * (1 - (ex / 0.148) ** 2)
    inside = _step(0, 0.014, upper - ey) * _step(0, 0.014, ey - lower) * _step(0, 0.014, 0.148 - abs(ex))
    _mix(colour, white, inside)
    r = np.sqrt(ex * ex + ey * ey)
    _mix(colour, looks[2], inside * _step(0, 0.014, 0.072 - r))
    _mix(colour, black, inside * _step(0, 0.012, 0.034 - r))
    _mix(colour, black, inside * 0.5 * np.exp(-(((ey - upper) / 0.022) ** 2)))
    lash = np.exp(-(((ey - upper) / 0.014) ** 2)) * _step(0, 0.02, 0.158 - abs(ex))
    _mix(colour, black, 0.9 * lash)
    _mix(
        colour, looks[0] * 0.35, 0.55 * np.exp(-(((ey - upper - 0.045) / 0.012) ** 2)) * _step(0, 0.05, 0.15 - abs(ex))
    )
    _mix(colour, looks[0] * 0.4, 0.45 * np.exp(-(((ey - lower) / 0.012) ** 2)) * _step(0, 0.03, 0.14 - abs(ex)))
    lip = _paint_nose_and_mouth(m, y, s, looks, colour)
    glint = np.exp(-(((ex + 0.025) / 0.02) ** 2 + ((ey - 0.03) / 0.02) ** 2))
    return float(0.16 + 0.7 * inside * glint + 0.1 * lip)


@njit(cache=True, fastmath=True)
def _march(o: Numbers, d: Numbers, s: Numbers) -> float:
    """How far along the ray from `o` towards `d` the person is; -1 where it is not."""
    t, near = 4.2, 1e9
    for _ in range(70):
        near = _scene(o[0] + t * d[0], o[1] + t * d[1], o[2] + t * d[2], s)
        if near < 0.0015 or t > 7.6:
            break
        t += near * 0.9
    return -1.0 if near > 0.01 or t > 7.6 else t


@njit(cache=True, fastmath=True)
def _slope(x: float, y: float, z: float, s: Numbers, normal: Numbers) -> None:
    """The surface's normal at a point."""
    e = 0.004
    base = _scene(x, y, z, s)
    normal[0] = _scene(x + e, y, z, s) - base
    normal[1] = _scene(x, y + e, z, s) - base
    normal[2] = _scene(x, y, z + e, s) - base
    normal /= np.sqrt(normal[0] ** 2 + normal[1] ** 2 + normal[2] ** 2) + 1e-12


@njit(cache=True, fastmath=True)
def _paint(x: float, y: float, z: float, s: Numbers, looks: Numbers, colour: Numbers, normal: Numbers) -> float:
    """Colour of a surface point; hair bends the normal; returns how much it shines."""
    skin, hair, cloth = _head(x, y, z, s), _hair(x, y, z, s), _cloth(x, y, z)
    shine = 0.05
    if hair <= skin and hair <= cloth:
        flow = np.arctan2(x - 0.25 * s[PART], y + 0.9) * 26 + 3 * _noise(4 * x, 3 * y, 4 * z)
        strand = 0.55 * _noise(flow, 1.5 * y, 3 * z) + 0.45 * _noise(3.1 * flow, 3 * y, 7.0)
        for c in range(3):
            colour[c] = looks[1, c] * (0.45 + 1.3 * strand)
        normal[0] += 0.5 * (strand - 0.5)
        shine = 0.22 * strand
    elif cloth < skin:
        weave = 0.93 + 0.12 * _noise(30 * x, 30 * y, 30 * z)
        for c in range(3):
            colour[c] = looks[3, c] * weave
    else:
        shine = _paint_skin(x, y, z, s, looks, colour)
    return shine


@njit(cache=True, fastmath=True)
def _shadow(x: float, y: float, z: float, light: Numbers, s: Numbers) -> float:
    """How much of the light reaches a point, softly; 0 to 1."""
    shadow, reach = 1.0, 0.06
    for _ in range(14):
        h = _scene(x + light[0] * reach, y + light[1] * reach, z + light[2] * reach, s)
        shadow = min(shadow, max(0.0, 7.0 * h / reach))
        reach += max(0.04, h)
        if shadow <= 0 or reach > 1.8:
            break
    return shadow


@njit(cache=True, fastmath=True)
def _openness(x: float, y: float, z: float, normal: Numbers, s: Numbers) -> float:
    """How little of its surroundings is hidden from a point; at most 1."""
    free = 1.0
    for k in range(1, 4):
        r = 0.07 * k
        free -= max(0.0, r - _scene(x + normal[0] * r, y + normal[1] * r, z + normal[2] * r, s)) * 1.1 / k
    return free


@njit(cache=True, fastmath=True)
def _render(size: int, turn: Numbers, s: Numbers, looks: Numbers, wall: Numbers, key: Numbers) -> Numbers:
    """Linear RGB (size, size, 3). turn: camera -> head rotation; looks: skin, hair, iris, cloth colours; key: light."""
    out = np.zeros((size, size, 3))
    light = turn @ key
    fill = turn @ np.array([-0.6, 0.1, 0.8])
    colour, normal = np.zeros(3), np.zeros(3)
    for row in range(size):
        for column in range(size):
            u = ((column + 0.5) / size * 2 - 1) * VIEW
            v = (1 - (row + 0.5) / size * 2) * VIEW - 0.25
            glow = 0.88 + 0.16 * np.exp(-((u * u + (v - 0.3) ** 2) / 4.0))
            for c in range(3):
                out[row, column, c] = wall[c] * glow
            o = turn @ np.array([u * 0.7, v * 0.7, 6.0])
            d = turn @ np.array([u * 0.3 / 6, v * 0.3 / 6, -1.0])
            d /= np.sqrt(d[0] ** 2 + d[1] ** 2 + d[2] ** 2)
            t = _march(o, d, s)
            if t < 0:
                continue
            x, y, z = o[0] + t * d[0], o[1] + t * d[1], o[2] + t * d[2]
            _slope(x, y, z, s, normal)
            shine = _paint(x, y, z, s, looks, colour, normal)
            shadow, free = _shadow(x, y, z, light, s), _openness(x, y, z, normal, s)
            lit = max(0.0, normal[0] * light[0] + normal[1] * light[1] + normal[2] * light[2])
            soft = max(0.0, normal[0] * fill[0] + normal[1] * fill[1] + normal[2] * fill[2])
            half = light - d
            half /= np.sqrt(half[0] ** 2 + half[1] ** 2 + half[2] ** 2)
            gloss = max(0.0, normal[0] * half[0] + normal[1] * half[1] + normal[2] * half[2]) ** 24
            energy = 0.30 * max(0.15, free) + 0.62 * lit * (0.25 + 0.75 * shadow) + 0.24 * soft * max(0.2, free)
            for c in range(3):
                out[row, column, c] = colour[c] * energy + shine * gloss * (0.3 + 0.7 * shadow)
    return out


def _person(rng: np.random.Generator) -> tuple[Numbers, Numbers]:
    """One shape vector and the colours of skin, hair, iris and clothes, each (3,)."""
    s = np.ones(len(SHAPE))
    for name, spread in (("width", 0.04), ("jaw", 0.07), ("chin", 0.2), ("cheek", 0.15), ("nose_length", 0.25)):
        s[SLOT[name]] += spread * rng.uniform(-1, 1)
    for name, spread in (
        ("nose_width", 0.2),
        ("lip_width", 0.12),
        ("lip_full", 0.22),
        ("eye_open", 0.14),
        ("ear", 0.25),
    ):
        s[SLOT[name]] += spread * rng.uniform(-1, 1)
    s[BROW_Y], s[BROW_T], s[BROW_A] = rng.uniform(-0.02, 0.03), rng.uniform(0.7, 1.3), rng.uniform(-0.15, 0.12)
    s[SMILE], s[MOUTH] = rng.uniform(0, 1), max(0.0, rng.uniform(-0.6, 0.7))
    s[VOLUME], s[HAIRLINE], s[PART] = rng.uniform(0.1, 0.9), rng.uniform(0.62, 0.82), rng.uniform(-1, 1)
    s[LONG] = rng.choice([0.0, 0.0, 0.55, 0.9]) * rng.uniform(0.9, 1.1)
    s[BUN] = float(rng.random() < 0.15) * rng.uniform(0.8, 1.1)
    s[FRINGE] = float(rng.random() < 0.3) * rng.uniform(0.6, 1.1)
    tables = (SKINS, HAIRS, IRISES, CLOTHES)
    looks = np.array([np.array(t[rng.integers(len(t))]) * rng.uniform(0.93, 1.06) for t in tables])
    return s, looks


def _rotation(yaw: float, pitch: float, roll: float) -> Numbers:
    """Head -> camera, radians."""
    cy, sy, cp, sp, cr, sr = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch), np.cos(roll), np.sin(roll)
    around_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    around_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    around_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return np.asarray(around_z @ around_x @ around_y, np.float64)


def _project(point: Numbers, size: int) -> Point:
    """Camera coordinates -> px; the inverse of the rays of `_render`."""
    depth = 0.7 + 0.3 * (6.0 - point[2]) / 6
    u, v = point[0] / depth, point[1] / depth
    return float((u / VIEW + 1) / 2 * size - 0.5), float((1 - (v + 0.25) / VIEW) / 2 * size - 0.5)


def render_face(size: int, seed: int, index: int) -> RenderedFace:
    """Face number `index` of the set `seed`: a photo (size, size, 3) and its pupils. Pose within ±10°."""
    rng = np.random.default_rng([seed, index])
    s, looks = _person(rng)
    to_camera = _rotation(*np.radians(rng.uniform(-9, 9, 3) * (1, 0.6, 0.5)))
    key = np.array([rng.uniform(0.25, 0.6), rng.uniform(0.5, 0.8), 1.0])
    wall = np.array([0.50, 0.58, 0.68]) * rng.uniform(0.92, 1.06)
    linear = _render(size, np.ascontiguousarray(to_camera.T), s, looks, wall, key / np.linalg.norm(key))
    photo = _photograph(linear, size, rng)
    left, right = (_project(to_camera @ np.array([side * EYE_X * s[WIDTH], EYE_Y, EYE_Z]), size) for side in (-1, 1))
    return RenderedFace(photo, (left, right))


def _photograph(linear: Numbers, size: int, rng: np.random.Generator) -> Photo:
    """Lens blur, tone curve, exposure and sensor noise."""
    sharp = cv2.GaussianBlur(linear, (0, 0), max(0.3, 0.9 * size / 512))
    toned = np.clip(sharp * rng.uniform(0.98, 1.06), 0, 1) ** (1 / 1.25)
    noisy = toned + rng.normal(0, 0.010, toned.shape)
    return np.asarray(np.clip(noisy, 0, 1) * 255 + 0.5).astype(np.uint8)
