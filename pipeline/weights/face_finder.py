"""Faces anywhere on a sheet, and five points of each: the project's own net, on photos and on drawings.

Faces are looked for on the whole sheet, reduced to three sizes; then each is looked at closer, upright and at one size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.polarity import Gray
from pipeline.weights import loaders
from pipeline.weights.graphs import graphs_of
from pipeline.weights.registry import weight_file

Array = NDArray[np.float64]
Points = Array  # (5, 2): left eye, right eye, nose, left and right corner of the mouth, px
NET, FIND, LOOK = "face_points", "find", "look"  # the net, its graphs
LOOK_PX, LOOK_EYES_PX = 112, 36.0  # of the second look: side, distance of the eyes
BELOW_EYES = 0.55  # a face's middle below the eyes', in their distances
SIDES_PX = (224, 112, 56)  # longer side of the sheet as it is searched
CANDIDATES = 8  # faces that are looked at again
LOOKS = 2  # so often: the second time by the points of the first
LEAST_FIRST = 0.15  # ours: of a place worth a second look
LEAST_LOOK = 0.3  # ours: of a face that is looked at once more
LEAST = 0.5  # of a face
NEAR = 1.5  # ours: faces nearer than this, in distances of the eyes of the larger, are one; a face is 2.2 wide


@dataclass(frozen=True)
class FoundFace:
    """One face of a sheet."""

    points: Points
    score: float  # how sure the net is, in [0, 1]

    @property
    def span(self) -> float:
        """Distance of the eyes, px."""
        return float(np.hypot(*(self.points[1] - self.points[0])))


def middle_of(eyes: NDArray[Any]) -> Array:
    """Eyes (2, 2) -> the face's middle (2,)."""
    (lx, ly), (rx, ry) = eyes
    across = complex(rx - lx, ry - ly)
    down = across * 1j * BELOW_EYES
    return np.array([(lx + rx) / 2 + down.real, (ly + ry) / 2 + down.imag])


def find_faces(gray: Gray, least: float = LEAST) -> list[FoundFace]:
    """Gray (H, W) in [0, 1], dark on light where it is drawn -> its faces, the surest first.

    Raises WeightsError where the net's file is missing.
    """
    places: list[FoundFace] = []
    seen = gray
    for side in SIDES_PX:
        seen = _sized(seen, side)
        places += _places(seen, np.array(gray.shape[::-1]) / np.array(seen.shape[::-1]))
    looked = _unlike(places)[:CANDIDATES]
    for _ in range(LOOKS):
        looked = [face for face in (_looked_at(gray, face) for face in looked) if face.score >= LEAST_LOOK]
    return _unlike([face for face in looked if face.score >= least])


def _sized(gray: Gray, side: int) -> Gray:
    """Reduced by area, or enlarged, to a longer side of `side` px and a shorter one of 16 or more."""
    scale = side / max(gray.shape)
    size = [max(16, round(length * scale)) for length in gray.shape[::-1]]
    return np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR))


def _places(gray: Gray, grow: Array) -> list[FoundFace]:
    """Faces as they are seen on the whole sheet at once; `grow`: px of the sheet a px of it, x and y."""
    logits, points = _net().find(gray)
    peaks = (cv2.dilate(logits, np.ones((3, 3), np.uint8)) == logits) & (_share(logits) > LEAST_FIRST)
    cells = np.argwhere(peaks).tolist()
    return [FoundFace((points[y, x] + 0.5) * grow - 0.5, float(_share(logits[y, x]))) for y, x in cells]


def _looked_at(gray: Gray, face: FoundFace) -> FoundFace:
    """The same face, upright and at one size: its points by heat maps, its logit the mean of this look and before."""
    matrix = _upright(face.points)
    logit, points = _net().look(_warped(gray, matrix))
    first = float(np.log(face.score / max(1 - face.score, 1e-6)))
    back = np.linalg.inv(matrix[:, :2])
    return FoundFace((points - matrix[:, 2]) @ back.T, float(_share((logit + first) / 2)))


def _share(logits: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-logits)))


def _upright(points: Points) -> Array:
    """Sheet px -> px of the second look, (2, 3)."""
    left, right = complex(*points[0]), complex(*points[1])
    turn = LOOK_EYES_PX / (right - left) if right != left else complex(1)
    linear = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    return np.column_stack([linear, np.full(2, LOOK_PX / 2) - linear @ middle_of(points[:2])])


def _warped(gray: Gray, matrix: Array) -> Gray:
    """The second look: what it shows is cut out, reduced by area where the face is large; the border is repeated."""
    shrink = float(np.hypot(*matrix[:, 0]))
    middle = np.linalg.inv(matrix[:, :2]) @ (LOOK_PX / 2 - matrix[:, 2])
    reach = 0.75 * LOOK_PX / shrink  # its corners, and what the resampling asks for
    low = np.clip(np.floor(middle - reach), 0, np.array(gray.shape[::-1]) - 1).astype(int)
    high = np.clip(np.ceil(middle + reach), low + 1, gray.shape[::-1]).astype(int)
    part = gray[low[1] : high[1], low[0] : high[0]]
    matrix = np.column_stack([matrix[:, :2], matrix[:, 2] + matrix[:, :2] @ low])
    if shrink < 0.7:
        size = [max(8, round(length * shrink * 1.2)) for length in part.shape[::-1]]
        grow = np.array(part.shape[::-1]) / np.array(size)
        part = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.float32)
        matrix = np.column_stack([matrix[:, :2] * grow, matrix[:, 2] + matrix[:, :2] @ ((grow - 1) / 2)])
    moved = cv2.warpAffine(part, matrix, (LOOK_PX, LOOK_PX), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.float32)


def _unlike(faces: Sequence[FoundFace]) -> list[FoundFace]:
    """Faces of different places, the surest first."""
    kept: list[FoundFace] = []
    for face in sorted(faces, key=lambda face: -face.score):
        middle = middle_of(face.points[:2])
        apart = [np.hypot(*(middle - middle_of(k.points[:2]))) / max(face.span, k.span, 1e-6) for k in kept]
        if min(apart, default=np.inf) > NEAR:
            kept.append(face)
    return kept


class Finder(Protocol):
    """The net's two looks, as `models.helpers.face_points_net.FacePointsNet` tells."""

    def find(self, gray: Gray) -> tuple[Array, Array]:
        """Sheet (H, W) -> logits (h, w) of a face there, and its points (h, w, 5, 2), px."""

    def look(self, gray: Gray) -> tuple[Array, Array]:
        """A face in the middle of (LOOK_PX, LOOK_PX) -> how sure it is, a logit, and its points (5, 2), px."""


@dataclass(frozen=True)
class OnnxFinder:
    """The net as ONNX Runtime runs it, which starts faster than torch."""

    sheet: Any
    face: Any

    def find(self, gray: Gray) -> tuple[Array, Array]:
        return _both(self.sheet.run(None, {"sheet": gray[None, None]}))

    def look(self, gray: Gray) -> tuple[Array, Array]:
        return _both(self.face.run(None, {"face": gray[None, None]}))


@dataclass(frozen=True)
class TorchFinder:
    """The net as torch runs it: of a file without graphs, as training leaves it."""

    net: Any

    def find(self, gray: Gray) -> tuple[Array, Array]:
        return self._asked(self.net.find, gray)

    def look(self, gray: Gray) -> tuple[Array, Array]:
        return self._asked(self.net.look, gray)

    @staticmethod
    def _asked(method: Any, gray: Gray) -> tuple[Array, Array]:
        import torch

        with torch.inference_mode():
            sheet = torch.from_numpy(np.ascontiguousarray(gray))[None, None]
            return _both([part.numpy() for part in method(sheet.contiguous(memory_format=torch.channels_last))])


def _both(made: Sequence[NDArray[np.float32]]) -> tuple[Array, Array]:
    sure, points = (part.astype(np.float64) for part in made)
    return sure, points


@cache
def _net() -> Finder:
    """Raises WeightsError where its file is missing."""
    graphs = graphs_of(weight_file(NET), (FIND, LOOK))
    return OnnxFinder(*graphs) if graphs else torch_finder()


def torch_finder() -> TorchFinder:
    """The net as torch runs it. Raises WeightsError."""
    import torch

    net: Any = loaders.net(NET)
    return TorchFinder(net.to(memory_format=torch.channels_last))
