"""Faces anywhere on a sheet, and five points of each: the project's own net, on photos and on drawings.

Faces are looked for on the whole sheet, reduced to three sizes; then each is looked at again, upright and at one size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.polarity import Gray
from pipeline.weights import loaders

if TYPE_CHECKING:  # imported where a net is asked for: stages that may do without start without it
    from models.helpers.face_points_net import FacePointsNet

Points = NDArray[np.float64]  # (5, 2): left eye, right eye, nose, left and right corner of the mouth, px
LOOK_PX, LOOK_EYES_PX = 112, 36.0  # of the second look: side, distance of the eyes
BELOW_EYES = 0.55  # a face's middle below the eyes', in their distances
SIDES_PX = (224, 112, 56)  # longer side of the sheet as it is searched
CANDIDATES = 8  # faces that are looked at again
LEAST_FIRST = 0.15  # ours: of a place worth a second look
LEAST = 0.5  # of a face
NEAR = 0.8  # ours: faces nearer than this, in distances of the eyes of the larger, are one


@dataclass(frozen=True)
class FoundFace:
    """One face of a sheet."""

    points: Points
    score: float  # how sure the net is, in [0, 1]

    @property
    def span(self) -> float:
        """Distance of the eyes, px."""
        return float(np.hypot(*(self.points[1] - self.points[0])))


def middle_of(eyes: NDArray[Any]) -> NDArray[np.float64]:
    """Eyes (2, 2) -> the face's middle (2,)."""
    (lx, ly), (rx, ry) = eyes
    across = complex(rx - lx, ry - ly)
    down = across * 1j * BELOW_EYES
    return np.array([(lx + rx) / 2 + down.real, (ly + ry) / 2 + down.imag])


def find_faces(gray: Gray, least: float = LEAST) -> list[FoundFace]:
    """Gray (H, W) in [0, 1], dark on light where it is drawn -> its faces, the surest first.

    Raises WeightsError where the net's file is missing.
    """
    places = _unlike([face for side in SIDES_PX for face in _places(gray, side)])[:CANDIDATES]
    looked = [_looked_at(gray, face) for face in places]
    return _unlike([face for face in looked if face.score >= least])


def _places(gray: Gray, side: int) -> list[FoundFace]:
    """Faces as they are seen on the sheet reduced, or enlarged, to `side`."""
    import torch

    scale = side / max(gray.shape)
    size = [max(16, round(length * scale)) for length in gray.shape[::-1]]
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = np.asarray(cv2.resize(gray, size, interpolation=method), np.float32)
    with torch.inference_mode():
        face, sizes, offsets = (part[0] for part in _net().places(_tensor(small)))
        peaks = torch.nn.functional.max_pool2d(face[None], 3, 1, 1)[0] == face
        chosen = torch.nonzero((peaks & (face.sigmoid() > LEAST_FIRST))[0]).tolist()
    grow = np.array(gray.shape[::-1]) / np.array(size)
    return [_place(face, sizes, offsets, (row, column), grow) for row, column in chosen]


def _place(face: Any, sizes: Any, offsets: Any, cell: tuple[int, int], grow: NDArray[np.float64]) -> FoundFace:
    """The face of one cell, in px of the sheet."""
    from models.helpers.face_points_net import CELL, SPAN_PX

    row, column = cell
    middle = (np.array([column, row]) + 0.5) * CELL - 0.5
    span = SPAN_PX * float(sizes[0, row, column].clamp(-3, 3).exp())
    points = middle + span * offsets[:, row, column].numpy().reshape(-1, 2).astype(np.float64)
    return FoundFace((points + 0.5) * grow - 0.5, float(face[0, row, column].sigmoid()))


def _looked_at(gray: Gray, face: FoundFace) -> FoundFace:
    """The same face, upright and at one size: its points by heat maps, its score the mean of both looks' logits."""
    import torch

    from models.helpers.face_points_net import points_of

    matrix = _upright(face.points)
    seen = _warped(gray, matrix)
    with torch.inference_mode():
        places, heat = _net()(_tensor(seen))
        points = points_of(heat)[0].numpy().astype(np.float64)
        middle = places.face[0, 0, 5:9, 5:9].amax()
        score = torch.sigmoid((middle + torch.logit(torch.tensor(face.score), 1e-6)) / 2)
    back = np.linalg.inv(matrix[:, :2])
    return FoundFace((points - matrix[:, 2]) @ back.T, float(score))


def _upright(points: Points) -> NDArray[np.float64]:
    """Sheet px -> px of the second look, (2, 3)."""
    left, right = complex(*points[0]), complex(*points[1])
    turn = LOOK_EYES_PX / (right - left) if right != left else complex(1)
    linear = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    return np.column_stack([linear, np.full(2, LOOK_PX / 2) - linear @ middle_of(points[:2])])


def _warped(gray: Gray, matrix: NDArray[np.float64]) -> Gray:
    """The second look: reduced by area first where the face is large, the border repeated."""
    shrink = float(np.hypot(*matrix[:, 0]))
    if shrink < 0.7:
        size = [max(8, round(length * shrink * 1.2)) for length in gray.shape[::-1]]
        grow = np.array(gray.shape[::-1]) / np.array(size)
        gray = np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), np.float32)
        matrix = np.column_stack([matrix[:, :2] * grow, matrix[:, 2] + matrix[:, :2] @ ((grow - 1) / 2)])
    moved = cv2.warpAffine(gray, matrix, (LOOK_PX, LOOK_PX), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
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


def _tensor(gray: Gray) -> Any:
    import torch

    return torch.from_numpy(np.ascontiguousarray(gray))[None, None].contiguous(memory_format=torch.channels_last)


@cache
def _net() -> "FacePointsNet":
    import torch

    net: Any = loaders.net("face_points")
    return net.to(memory_format=torch.channels_last)  # type: ignore[no-any-return]
