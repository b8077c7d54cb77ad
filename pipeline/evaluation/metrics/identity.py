"""Whether a generated face is the person's."""

from array import array

import cv2
import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray

from pipeline.core.polarity import unit
from pipeline.evaluation.metrics.features import Features
from pipeline.weights.registry import weight_file

IDENTITY_SPAN = (0.19, 0.81, 0.24, 0.86)  # ours: left, right, top, bottom of the face in our crops
MEAN, DEVIATION = np.array((0.485, 0.456, 0.406), np.float32), np.array((0.229, 0.224, 0.225), np.float32)
AT_ONCE = 64  # faces compared with all others at once


class Identity:
    """MobileFaceNet, on the CPU. Raises WeightsError where its file is missing."""

    size = 128

    def __init__(self, device: torch.device) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        path = str(weight_file("mobilefacenet"))
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def __call__(self, photos: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Crops (N, S, S, 3) -> unit identity vectors (N, 128)."""
        left, right, top, bottom = (round(share * photos.shape[1]) for share in IDENTITY_SPAN)
        cut = photos[:, top:bottom, left:right]
        faces = [cv2.resize(photo, (112, 112), interpolation=cv2.INTER_AREA) for photo in cut]
        batch = ((unit(np.stack(faces)) - MEAN) / DEVIATION).transpose(0, 3, 1, 2)
        name = self.session.get_inputs()[0].name
        vectors = np.concatenate([self.session.run(None, {name: face[None]})[0] for face in batch])
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def identity_scores(real: Features, generated: Features) -> dict[str, float | None]:
    """Mean cosine between each photo and its generation, and how often its own photo is the nearest of all.

    Unit vectors (N, D) and (M, D), M a multiple of N: several sets of generations one after the other.
    """
    cosines, nearest = array("d"), array("b")
    for i in range(0, len(generated), AT_ONCE):
        part = generated[i : i + AT_ONCE]
        similarity, own = np.matmul(part, real.T), (np.arange(len(part)) + i) % len(real)
        cosines.extend(similarity[np.arange(len(part)), own].tolist())
        nearest.extend((similarity.argmax(1) == own).tolist())
    return {"identity": float(np.mean(cosines)), "identity_rank1": float(np.mean(nearest))}
