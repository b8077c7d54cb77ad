"""Who a face is, as a vector: MobileFaceNet, on the CPU."""

from functools import cache
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.polarity import Photo, unit
from pipeline.weights.registry import weight_file

if TYPE_CHECKING:  # imported where a net is asked for: stages that may do without start without it
    import onnxruntime

SPAN = (0.19, 0.81, 0.24, 0.86)  # ours: left, right, top, bottom of the face in our crops
MEAN, DEVIATION = np.array((0.485, 0.456, 0.406), np.float32), np.array((0.229, 0.224, 0.225), np.float32)
SIDE = 112


@cache
def _session() -> "onnxruntime.InferenceSession":
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(weight_file("mobilefacenet")), options, providers=["CPUExecutionProvider"])


def identity_vector(crop: Photo) -> NDArray[np.float32]:
    """Crop (S, S, 3) -> unit vector (128,). Raises WeightsError where the net's file is missing."""
    left, right, top, bottom = (round(share * len(crop)) for share in SPAN)
    face = cv2.resize(crop[top:bottom, left:right], (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    batch = ((unit(np.asarray(face, np.uint8)) - MEAN) / DEVIATION).transpose(2, 0, 1)[None]
    session = _session()
    vector = np.asarray(session.run(None, {session.get_inputs()[0].name: batch})[0][0], np.float32)
    return np.asarray(vector / np.linalg.norm(vector), np.float32)
