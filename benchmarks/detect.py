"""`python -m benchmarks.detect [PHOTO…]`: how long each `crop.detector` looks for the pupils, in turns, on one core.

Photos have a longer side of 640 px; without names they are rendered faces. Time of the processor, so that it tells
something on a machine that others use too; there the share of `haar`'s time tells more.
"""

import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from statistics import median

import cv2

from pipeline.core import params
from pipeline.core.image_io import import_photo
from pipeline.core.polarity import Photo
from pipeline.drawing.scale import resized
from pipeline.stages.crop.locate import LOCATORS
from pipeline.stages.crop.settings import CropParams, Unusable
from pipeline.stages.demo.renderer import render_face

DETECTORS = ("haar", "own")  # those that need no weights from elsewhere
SIDE, RENDERED, ROUNDS = 640, 10, 3


def photos(names: list[str]) -> list[Photo]:
    """Those of the files, else rendered ones."""
    if not names:
        return [render_face(SIDE, 1, face).photo for face in range(RENDERED)]
    found = [import_photo(Path(name)) for name in names]
    scales = [SIDE / max(photo.shape) for photo in found]
    return [resized(p, (round(p.shape[1] * s), round(p.shape[0] * s))) for p, s in zip(found, scales, strict=True)]


def spent(asked: list[Photo]) -> dict[str, float]:
    """Detector -> ms of the processor a photo."""
    crop = params.load(CropParams, "crop")
    times: dict[str, list[float]] = {name: [] for name in DETECTORS}
    for _ in range(ROUNDS):
        for photo in asked:
            for name, some in times.items():
                start = time.process_time()
                with suppress(Unusable):
                    LOCATORS[name](Path("photo"), photo, crop)
                some.append(1000 * (time.process_time() - start))
    return {name: median(some[len(asked) :]) for name, some in times.items()}


def main() -> None:
    found = spent(photos(sys.argv[1:]))
    for name, ms in found.items():
        print(f"{name:8} {ms:6.1f} ms  {ms / found['haar']:.2f} of haar's")


if __name__ == "__main__":
    cv2.setNumThreads(1)
    os.environ["OMP_NUM_THREADS"] = "1"  # ONNX Runtime reads it when the first face is looked for
    main()
