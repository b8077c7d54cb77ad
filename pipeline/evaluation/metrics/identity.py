"""Whether a generated face is the person's."""

from functools import cache

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from pipeline.evaluation.metrics.features import Features
from pipeline.weights.registry import weight_file


@cache
def _identity_net() -> onnxruntime.InferenceSession:

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(weight_file("mobilefacenet")), options, providers=["CPUExecutionProvider"])


IDENTITY_SPAN = (0.19, 0.81, 0.24, 0.86)  # ours: left, right, top, bottom of the face in our crops


def identity_features(photos: NDArray[np.uint8]) -> Features:
    """Crops (N, S, S, 3) -> unit identity vectors (N, 128) (MobileFaceNet). Raises WeightsError if missing."""
    session, size = _identity_net(), photos.shape[1]
    left, right, top, bottom = (round(share * size) for share in IDENTITY_SPAN)
    faces = [cv2.resize(photo[top:bottom, left:right], (112, 112), interpolation=cv2.INTER_AREA) for photo in photos]
    batch = ((np.stack(faces) / 255 - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)).astype(np.float32)
    name = session.get_inputs()[0].name
    vectors = np.concatenate([session.run(None, {name: face[None]})[0] for face in batch.transpose(0, 3, 1, 2)])
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def identity_scores(real: Features, generated: Features) -> dict[str, float]:
    """Mean cosine between each photo and its generation, and how often its own photo is the nearest of all."""
    similarity = generated @ real.T
    rank1 = float((similarity.argmax(1) == np.arange(len(real))).mean())
    return {"identity": float(np.diag(similarity).mean()), "identity_rank1": rank1}
