"""How many of a face's features have an edge, and how much ink lies where there are none.

A face point counts as drawn where an edge above LEVEL lies within NEAR_PX of it. Lengths are of a 256-px face.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.polarity import Edges, Photo, unit
from pipeline.drawing.scale import face_scale

Points = NDArray[np.float32]  # (98, 2) or (68, 2): x, y, px
Mask = NDArray[np.bool_]  # (H, W)
Parts = dict[str, tuple[tuple[int, ...], ...]]  # feature -> its parts, each the points of it

LEVEL = 0.25  # of an edge that counts
NEAR_PX = 3.0
POOR = 0.6  # a face with fewer of its points drawn has lost a feature
INNER_PX, CLEAR_PX = 6, 10  # ours: skin lies this far inside the outline, and this far from features
FIFTHS = 5
SCHEMES: dict[int, Parts] = {  # number of points -> brows, eyes, nose, mouth: in the order of WFLW, of iBUG 300-W
    98: {
        "brows": (tuple(range(33, 42)), tuple(range(42, 51))),
        "eyes": ((*range(60, 68), 96), (*range(68, 76), 97)),
        "nose": (tuple(range(51, 60)),),
        "mouth": (tuple(range(76, 96)),),
    },
    68: {
        "brows": (tuple(range(17, 22)), tuple(range(22, 27))),
        "eyes": (tuple(range(36, 42)), tuple(range(42, 48))),
        "nose": (tuple(range(27, 36)),),
        "mouth": (tuple(range(48, 68)),),
    },
}
FEATURES = ("brows", "eyes", "nose", "mouth")


@dataclass(frozen=True)
class Coverage:
    """Of one edge map."""

    points: float  # share of brows', eyes', nose's and mouth's points that are drawn
    features: dict[str, float]  # the same of each
    outside: float  # share of the pixels outside the face's outline that are inked
    skin: float  # share of the cheeks, the chin and what else has no feature


def coverage(edges: Edges, points: Points) -> Coverage:
    """Of edges (H, W) in [0, 1] and the face's points on the same grid."""
    drawn = _drawn(edges, points)
    chosen = {name: [i for part in parts for i in part] for name, parts in SCHEMES[len(points)].items()}
    ink, face = edges > LEVEL, outline(points, edges.shape)
    return Coverage(
        points=float(drawn[sorted(i for group in chosen.values() for i in group)].mean()),
        features={name: float(drawn[group].mean()) for name, group in chosen.items()},
        outside=_share(ink, ~face),
        skin=_share(ink, skin(points, edges.shape)),
    )


def _drawn(edges: Edges, points: Points) -> Mask:
    """Which points have an edge near by; a point beyond the border counts at the border."""
    reach = NEAR_PX * face_scale(edges.shape)
    y, x = np.mgrid[-int(reach) : int(reach) + 1, -int(reach) : int(reach) + 1]
    near = cv2.dilate(edges, (x * x + y * y <= reach * reach).astype(np.uint8)) > LEVEL
    column, row = np.clip(np.rint(points).astype(int), 0, [edges.shape[1] - 1, edges.shape[0] - 1]).T
    return np.asarray(near[row, column])


def _share(ink: Mask, where: Mask) -> float:
    return float(ink[where].mean()) if where.any() else 0.0


def outline(points: Points, shape: tuple[int, ...]) -> Mask:
    """Within the hull of all points, brows to chin: (H, W)."""
    return np.asarray(_hull(points, shape) > 0)


def skin(points: Points, shape: tuple[int, ...]) -> Mask:
    """Within the outline and clear of its rim and of every feature: (H, W)."""
    scale = face_scale(shape)
    inner, clear = (2 * round(px * scale) + 1 for px in (INNER_PX, CLEAR_PX))
    inside = cv2.erode(_hull(points, shape), np.ones((inner, inner), np.uint8))
    features = np.zeros(shape[:2], np.uint8)
    for part in (part for parts in SCHEMES[len(points)].values() for part in parts):
        features |= _hull(points[list(part)], shape)
    around = cv2.dilate(features, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (clear, clear)))
    return np.asarray((inside > 0) & (around == 0))


def _hull(points: Points, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    mask = np.zeros(shape[:2], np.uint8)
    return np.asarray(cv2.fillConvexPoly(mask, cv2.convexHull(np.rint(points).astype(np.int32)), 1), np.uint8)


def lightness(photo: Photo, points: Points) -> float:
    """Mean L* (0 to 100) within the outline."""
    lab = cv2.cvtColor(unit(photo), cv2.COLOR_RGB2LAB)
    return float(lab[outline(points, photo.shape), 0].mean())


def summary(faces: Sequence[Coverage], light: Sequence[float]) -> dict[str, float | list[float]]:
    """Means over faces; by fifths of lightness, the darkest first; how many faces have fewer than POOR of their points.

    `light`: of each face. Fewer than five faces have as many parts.
    """
    share = np.array([face.points for face in faces])
    parts = np.array_split(np.argsort(light, kind="stable"), min(FIFTHS, len(faces)))
    return {
        "points": float(share.mean()),
        **{name: float(np.mean([face.features[name] for face in faces])) for name in FEATURES},
        "by_lightness": [float(share[part].mean()) for part in parts],
        "poor_faces": float((share < POOR).mean()),
        "ink_outside": float(np.mean([face.outside for face in faces])),
        "ink_on_skin": float(np.mean([face.skin for face in faces])),
    }
