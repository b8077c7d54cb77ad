"""`python -m benchmarks.generate`: a drawing to a photo by torch, ONNX and ONNX of 8 bits, beside each other in turns.

"a drawing" is from file to file in a process that has made one before, with the face found, and beside it what of that
is neither net; "first" is the whole command as it is typed. On a machine that others use processor time tells more.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

from pipeline.apps import onnx_export
from pipeline.apps.faces import faces
from pipeline.apps.model import model_file, open_model
from pipeline.apps.system import System
from pipeline.apps.understand import Intake, understand
from pipeline.core import params
from pipeline.core.contact_sheet import to_rgb
from pipeline.core.image_io import import_picture, write_gray, write_photo
from pipeline.stages.demo.renderer import render_face
from pipeline.styles import STYLES

MODELS = ("lite", "faces", "photo")
ROUNDS, TYPED, SIDE = 5, 3, 256
FOUND = Intake.checked(False, "auto", "never")
Run = tuple[Path, str]  # what --model and --runtime take
Spent = tuple[float, float]  # ms by the clock, and of processors


def drawing(folder: Path) -> Path:
    """A rendered face in XDoG."""
    xdog = STYLES["xdog"]
    write_gray(folder / "d.png", xdog.draw(render_face(256, 1, 3).photo, params.load(xdog.params, "styles.xdog")))
    return folder / "d.png"


def runs(model: str, folder: Path) -> dict[str, Run]:
    """What is compared, by its name."""
    path, small = model_file(model, Path("data")), folder / f"{model}-int8"
    onnx_export.export(path, small, int8=True)
    return {"torch": (path, "torch"), "onnx": (path, "onnx"), "int8": (small, "onnx")}


def warm(asked: dict[str, Run], file: Path, folder: Path) -> dict[str, Spent]:
    """Of a drawing, from file to file, in turns; "beside": of all but the nets."""
    parts: dict[str, Callable[[], None]] = {
        name: partial(_made, open_model(path, "cpu", runtime), file, folder / "p.png")
        for name, (path, runtime) in asked.items()
    }
    parts["beside"] = partial(_read, file, folder / "p.png")
    spent: dict[str, list[Spent]] = {name: [] for name in parts}
    for _ in range(ROUNDS + 1):
        for name, part in parts.items():
            start, cpu = time.perf_counter(), time.process_time()
            part()
            spent[name].append((1000 * (time.perf_counter() - start), 1000 * (time.process_time() - cpu)))
    return {
        name: (median(ms for ms, _ in some[1:]), median(cpu for _, cpu in some[1:])) for name, some in spent.items()
    }


def _made(system: System, file: Path, photo: Path) -> None:
    write_photo(photo, faces(system, import_picture(file), FOUND)[0].photo)


def _read(file: Path, photo: Path) -> None:
    write_photo(photo, to_rgb(understand(import_picture(file), SIDE, FOUND)[0].sketch))


def typed(asked: dict[str, Run], file: Path, folder: Path) -> dict[str, float]:
    """Seconds from the typed command to its end, in turns."""
    times: dict[str, list[float]] = {name: [] for name in asked}
    for _ in range(TYPED):
        for name, (path, runtime) in asked.items():
            command = [sys.executable, "-m", "pipeline", "generate", str(file), "--out", str(folder / "out")]
            start = time.perf_counter()
            command += ["--model", str(path), "--runtime", runtime, "--device", "cpu"]
            subprocess.run(command, check=True, capture_output=True)
            times[name].append(time.perf_counter() - start)
    return {name: median(found) for name, found in times.items()}


def starting() -> dict[str, float]:
    """Seconds that Python takes to import the package, and to print the help; the best of TYPED."""
    commands = {"import pipeline": ["-c", "import pipeline"], "--help": ["-m", "pipeline", "--help"]}
    found = {}
    for name, command in commands.items():
        times = []
        for _ in range(TYPED):
            start = time.perf_counter()
            subprocess.run([sys.executable, *command], check=True, capture_output=True)
            times.append(time.perf_counter() - start)
        found[name] = min(times)
    return found


def main() -> None:
    """A line a model and runtime, as soon as it is known."""
    for name, seconds in starting().items():
        print(f"{name}: {seconds:.2f} s", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = drawing(folder)
        for model in MODELS:
            asked = runs(model, folder)
            each, first = warm(asked, file, folder), typed(asked, file, folder)
            for run in asked:
                ms, cpu = each[run]
                as_fast = f"{ms:.0f} ms a drawing, {cpu:.0f} of processors, {each['torch'][0] / ms:.2f} times torch"
                print(f"{model}, {run}: {as_fast}; first {first[run]:.1f} s", flush=True)
            print(
                f"{model}: all but the nets {each['beside'][0]:.0f} ms, {each['beside'][1]:.0f} of processors",
                flush=True,
            )


if __name__ == "__main__":
    main()
