"""98 points of a face, in the order of WFLW: PFLD, on the CPU."""

from functools import cache
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.polarity import Photo, unit
from pipeline.weights.registry import weight_file

if TYPE_CHECKING:  # imported where a net is asked for: stages that may do without start without it
    import onnxruntime

SIDE, COUNT = 112, 98
ROUNDS = 2  # ours: times that the net looks again, at a box about the points it found
MARGIN = 1.2  # ours: side of that box, in spans of the points
Box = tuple[float, float, float]  # left, top, side, px


@cache
def _session() -> "onnxruntime.InferenceSession":
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(weight_file("pfld")), options, providers=["CPUExecutionProvider"])


def face_points(photo: Photo, box: Box) -> NDArray[np.float32]:
    """Photo (H, W, 3) with a face in about that box -> x, y of the points, (98, 2), px, perhaps outside.

    Raises WeightsError where the net's file is missing.
    """
    points = _in_box(photo, box)
    for _ in range(ROUNDS):
        low, high = points.min(0), points.max(0)
        side = float((high - low).max()) * MARGIN
        left, top = (low + high) / 2 - side / 2
        points = _in_box(photo, (float(left), float(top), side))
    return points


def _in_box(photo: Photo, box: Box) -> NDArray[np.float32]:
    left, top, side = box
    scale = SIDE / side
    matrix = np.array([[scale, 0, -left * scale], [0, scale, -top * scale]], np.float32)
    face = cv2.warpAffine(photo, matrix, (SIDE, SIDE), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT_101)
    session = _session()
    batch = unit(np.asarray(face, np.uint8)).transpose(2, 0, 1)[None]
    outputs = session.run(None, {session.get_inputs()[0].name: batch})
    shares = next(np.asarray(output, np.float32) for output in outputs if np.size(output) == 2 * COUNT)
    return np.asarray(shares.reshape(COUNT, 2) * side + np.array((left, top)), np.float32)
