"""Command evaluate-edge-detector: an edge detector against people's boundaries: ODS, OIS, AP (see bsds500)."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import UserError
from pipeline.core.files import write_bytes
from pipeline.core.parallel import map_images
from pipeline.core.params import load
from pipeline.core.polarity import Edges, Photo, luminance
from pipeline.drawing.face_prior import Eyes
from pipeline.helpers.edge_detector.bsds500 import (
    Annotated,
    annotated_ids,
    counts,
    counts_by_threshold,
    read_annotated,
    ridges,
    summary,
)
from pipeline.stages.canny import CannyParams, canny
from pipeline.stages.hed import DETECTORS, HedParams, holistic

CANNY_LEVELS = 24  # ours: thresholds of Canny's own, from which its map is stacked
NO_FACE = Eyes(0.5, 0.5)  # method plain does not ask


def canny_map(photo: Photo) -> Edges:
    """The strongest threshold at which Canny still draws a pixel, as a share of the strongest of all, (H, W)."""
    gray, edges = luminance(photo), np.zeros(photo.shape[:2], np.float32)
    for level in range(1, CANNY_LEVELS + 1):
        high = 600 * (level / CANNY_LEVELS) ** 2
        params = CannyParams("plain", 1.6, 0.4 * high, high)  # Matlab's ratio and, at 321 px, its sigma 2
        drawn = canny(gray, params, NO_FACE)
        edges[drawn > 0.5] = level / (CANNY_LEVELS + 1)
    return Edges(edges)


def humans(face: Annotated) -> NDArray[np.int64]:
    """Every annotator against the others, summed, as one threshold: (1, 4)."""
    pairs = [(mask, face.boundaries[:i] + face.boundaries[i + 1 :]) for i, mask in enumerate(face.boundaries)]
    return np.asarray(np.stack([counts(mask, others) for mask, others in pairs]).sum(0, keepdims=True))


def detector(name: str) -> Callable[[Annotated, int], NDArray[np.int64]]:
    """Counts by threshold of a detector of params.yaml's `edges.hed.method`, of Canny, or of the annotators."""
    if name == "humans":
        return lambda image, thresholds: humans(image)
    if name == "canny":
        return lambda image, thresholds: counts_by_threshold(canny_map(image.photo), image.boundaries, thresholds)
    if name not in DETECTORS:
        raise UserError(
            f"evaluate-edge-detector: no detector '{name}'; there are {', '.join([*DETECTORS, 'canny', 'humans'])}"
        )
    base = load(HedParams, "edges.hed")
    params = replace(base, method=name)  # type: ignore[arg-type]
    return lambda image, thresholds: counts_by_threshold(
        ridges(holistic(image.photo, params)), image.boundaries, thresholds
    )


def run(name: str, images: Path, split: str, thresholds: int, out: Path | None, jobs: int) -> None:
    """Print the scores of one detector on one split of BSDS500; write them to `out` where given."""
    detector(name)
    ids = annotated_ids(images, split)
    rows = map_images(partial(_one, name, images, split, thresholds), ids, jobs, f"evaluate-edge-detector {name}")
    scores = summary(np.stack(rows))
    print(f"{name} on {split}: " + ", ".join(f"{key} {value:.4g}" for key, value in scores.items()))
    if out:
        write_bytes(out, json.dumps({"detector": name, "split": split} | scores, indent=1).encode())


def _one(name: str, images: Path, split: str, thresholds: int, face: str) -> NDArray[np.int64]:
    return detector(name)(read_annotated(images, split, face), thresholds)
