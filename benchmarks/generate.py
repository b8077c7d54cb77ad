"""`python -m benchmarks.generate`: a drawing to a photo by torch, ONNX and ONNX of 8 bits, beside each other in turns.

"a drawing" is from file to file in a process that has made one before; "first" is the whole command as it is typed.
Leave the machine idle.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from pipeline.apps import onnx_export
from pipeline.apps.faces import faces
from pipeline.apps.model import model_file, open_model
from pipeline.apps.understand import Intake
from pipeline.core import params
from pipeline.core.image_io import import_picture, write_gray, write_photo
from pipeline.stages.demo.renderer import render_face
from pipeline.styles import STYLES

MODELS = ("lite", "faces", "photo")
ROUNDS, TYPED = 5, 3
AS_IS = Intake.checked(False, "as-is", "never")


def drawing(folder: Path) -> Path:
    """A rendered face in XDoG."""
    xdog = STYLES["xdog"]
    write_gray(folder / "d.png", xdog.draw(render_face(256, 1, 3).photo, params.load(xdog.params, "styles.xdog")))
    return folder / "d.png"


def systems(model: str, folder: Path) -> dict[str, Path]:
    """How it is run -> what --model takes."""
    path = model_file(model, Path("data"))
    found = {"torch": path}
    for name, int8 in (("onnx", False), ("int8", True)):
        found[name] = folder / f"{model}-{name}"
        onnx_export.export(path, found[name], int8)
    return found


def warm(opened: dict[str, Path], file: Path, folder: Path) -> dict[str, float]:
    """Milliseconds a drawing, from file to file, in turns."""
    ready = {name: open_model(path, "cpu") for name, path in opened.items()}
    times: dict[str, list[float]] = {name: [] for name in ready}
    for _ in range(ROUNDS + 1):
        for name, system in ready.items():
            start = time.perf_counter()
            face = faces(system, import_picture(file), AS_IS)[0]
            write_photo(folder / "p.png", face.photo)
            times[name].append(1000 * (time.perf_counter() - start))
    return {name: median(found[1:]) for name, found in times.items()}


def typed(opened: dict[str, Path], file: Path, folder: Path) -> dict[str, float]:
    """Seconds from the typed command to its end, in turns."""
    times: dict[str, list[float]] = {name: [] for name in opened}
    for _ in range(TYPED):
        for name, path in opened.items():
            command = [sys.executable, "-m", "pipeline", "generate", str(file), "--out", str(folder / "out")]
            start = time.perf_counter()
            subprocess.run([*command, "--model", str(path), "--device", "cpu"], check=True, capture_output=True)
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
            opened = systems(model, folder)
            each, first = warm(opened, file, folder), typed(opened, file, folder)
            for run in opened:
                as_fast = f"{each[run]:.0f} ms a drawing, {each['torch'] / each[run]:.2f} times torch"
                print(f"{model}, {run}: {as_fast}; first {first[run]:.1f} s", flush=True)


if __name__ == "__main__":
    main()
