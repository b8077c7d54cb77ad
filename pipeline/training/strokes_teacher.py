"""A trained system whose SCN says what is to be learnt of drawings.

What runs it is imported when a run asks for one, so that no other run is made anew when that changes.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.core.polarity import sketch_of, to_uint8
from pipeline.training.data import Calibrate


@dataclass(frozen=True)
class StrokesTeacher:
    """By its name, as --model; ONNX Runtime runs it on a CPU, where it can."""

    model: str

    def file(self, data: Path) -> Path:
        """Raises UserError where there is none."""
        from pipeline.apps.model import model_file

        return model_file(self.model, data, "teacher")

    def open(self, file: Path, device: str) -> Calibrate:
        """Of one that is told a level, at the usual one."""
        from pipeline.apps.model import open_model
        from pipeline.apps.system import refined

        scn = open_model(file, device).scn

        def calibrate(strokes: NDArray[np.float32]) -> NDArray[np.float32]:
            return refined(scn, to_uint8(sketch_of(strokes)))

        return calibrate
