"""The net that places face points, on photos whose eyes are known."""

import csv
from pathlib import Path

import numpy as np
import pytest

from pipeline.core.image_io import import_photo
from pipeline.weights.face_points import face_points

SHARED = Path(__file__).parents[3] / "shared"
FACES = SHARED / "data" / "faces"
NET = SHARED / "weights" / "pfld_ghostone_112.onnx"
pytestmark = pytest.mark.skipif(not (NET.exists() and FACES.exists()), reason="no face net or no photos beside")


@pytest.mark.parametrize("moved", [(0, 0), (8, -6)])
def test_pupils_and_mouth_lie_where_they_were_marked(moved: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALI_SKETCH_WEIGHTS", str(NET.parent))
    with (FACES / "ffhq.csv").open() as file:
        rows = [row for row, _ in zip(csv.DictReader(file), range(12), strict=False)]
    errors = []
    for row in rows:
        marks = np.array(
            [[float(row[f"{name}_{axis}"]) for axis in "xy"] for name in ("eyeL", "eyeR", "mouthL", "mouthR")]
        )
        distance, middle = np.linalg.norm(marks[1] - marks[0]), marks[:2].mean(0) + moved
        box = (float(middle[0] - 1.16 * distance), float(middle[1] - 0.83 * distance), float(2.32 * distance))
        points = face_points(import_photo(FACES / "ffhq" / row["name"]), box)
        assert points.shape == (98, 2)
        errors.append(np.linalg.norm(points[[96, 97, 76, 82]] - marks, axis=1) / distance)
    assert np.median(errors) < 0.08
