"""What is measured of one face without any net, in processes side by side."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import cv2
import joblib
import numpy as np
from numpy.typing import NDArray

from pipeline.core.polarity import Photo
from pipeline.drawing.face_prior import Eyes
from pipeline.evaluation.metrics import image
from pipeline.evaluation.metrics.edges import edge_scores
from pipeline.evaluation.metrics.faithfulness import faithfulness, strokes_kept
from pipeline.evaluation.metrics.skin import skin_scores


class Face(NamedTuple):
    """One face, its size S alike in all."""

    photo: Photo  # (S, S, 3)
    canny: NDArray[np.uint8]  # (S, S), of the photo, 255 = edge
    made: Photo  # the generated photo (S, S, 3)
    refined: NDArray[np.float32] | None  # calibrated strokes (S, S), 1 = ink, where there are any
    drawing: NDArray[np.uint8]  # what the system read (S, S), 255 = paper
    eyes: Eyes  # where the crops have them


Scorer = Callable[[Sequence[Face]], list[dict[str, float]]]


def image_scores(face: Face, threshold: float, tolerance_px: float) -> dict[str, float]:
    """Metrics of one face.

    precision, recall, f: exact; `_near`: within `tolerance_px`. None of them, nor kept_*, where nothing was refined.
    """
    measures = (image.psnr, image.ssim, image.psnr_gray, image.ssim_51, image.sharpness)
    scores = {measure.__name__: measure(face.photo, face.made) for measure in measures}
    scores |= skin_scores(face.photo, face.made, face.eyes) | faithfulness(face.drawing, face.made, tolerance_px)
    if face.refined is None:
        return scores
    edges, truth = face.refined > threshold, face.canny > 127
    scores |= strokes_kept(face.drawing, edges, tolerance_px)
    near = edge_scores(edges, truth, tolerance_px)
    return scores | edge_scores(edges, truth, 0) | {f"{key}_near": value for key, value in near.items()}


def _scored(face: Face, threshold: float, tolerance_px: float) -> dict[str, float]:
    cv2.setNumThreads(1)
    return image_scores(face, threshold, tolerance_px)


@contextmanager
def scorer(threshold: float, tolerance_px: float, jobs: int) -> Iterator[Scorer]:
    """The metrics of a batch of faces, in `jobs` processes that stay."""
    with joblib.Parallel(n_jobs=jobs) as pool:
        one = joblib.delayed(_scored)
        yield lambda faces: list(pool(one(face, threshold, tolerance_px) for face in faces))
