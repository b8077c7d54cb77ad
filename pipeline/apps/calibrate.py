"""Command calibrate: drawings of faces -> calibrated sketches, the SCN alone, for other tools (Section 5.2)."""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from pipeline.apps.faces import Asked, calibrated, numbered, told
from pipeline.apps.pictures import work
from pipeline.apps.system import System
from pipeline.apps.understand import Intake
from pipeline.core import params
from pipeline.core.errors import UserError
from pipeline.core.files import write_bytes
from pipeline.core.image_io import import_bytes, import_picture, png, write_gray
from pipeline.core.outcome import Refused, Task
from pipeline.core.polarity import Sketch, sketch_of
from pipeline.drawing.svg import to_svg
from pipeline.stages.simplify import SimplifyParams, simplify

REFINED, SVG = ".refined.png", ".refined.svg"
STDIN = Path("-")


def run(drawings: Sequence[Path], out: Path | None, asked: Asked, refine: float, intake: Intake, svg: bool) -> int:
    """Write OUT/NAME.refined.png, with `svg` .refined.svg too, of every drawing; returns the exit code.

    With "-" alone the picture comes from stdin and the sketch of its first face goes to stdout: PNG, with `svg` SVG.
    """
    system = asked.opened(refine)
    if list(drawings) == [STDIN]:
        return _piped(system, intake, svg)
    endings = (REFINED, SVG) if svg else (REFINED,)
    settings = asked.told(system) | {"refine": refine} | vars(intake)
    return work("calibrate", drawings, out, endings, partial(_one, system, intake, endings), settings=settings)


def _one(system: System, intake: Intake, endings: Sequence[str], task: Task) -> tuple[list[Path], list[str]]:
    found, strokes = calibrated(system, import_picture(task.path), intake)
    tasks = numbered(task, len(found))
    for lines, part in zip(strokes, tasks, strict=True):
        write_gray(part.file(REFINED), sketch_of(lines))
        if SVG in endings:
            write_bytes(part.file(SVG), _svg(sketch_of(lines)))
    return [part.file(ending) for part in tasks for ending in endings], told([face.notes for face in found])


def _svg(sketch: Sketch) -> bytes:
    return to_svg(simplify(sketch, params.load(SimplifyParams, "simplify")), sketch.shape).encode()


def _piped(system: System, intake: Intake, svg: bool) -> int:
    try:
        strokes = calibrated(system, import_bytes(sys.stdin.buffer.read(), Path("stdin")), intake)[1]
    except Refused as error:
        raise UserError(f"stdin: {'; '.join(part for part in (error.reason, error.remedy) if part)}") from error
    sketch = sketch_of(strokes[0])
    sys.stdout.buffer.write(_svg(sketch) if svg else png(sketch))
    return 0
