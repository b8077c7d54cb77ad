"""`python -m benchmarks`: what is fast, measured on this machine, in one table. Leave the machine idle meanwhile."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
import torch
from lightning.fabric import Fabric
from rich.console import Console
from rich.table import Table

from pipeline.apps.system import System
from pipeline.core.dataset import read_split
from pipeline.core.image_io import read_photo, write_gray, write_photo
from pipeline.core.layout import Layout
from pipeline.core.params import load
from pipeline.core.polarity import luminance
from pipeline.core.workspace import SHIPPED
from pipeline.drawing.rasterize import render
from pipeline.stages import canny, equalize, hed, pack, simplify
from pipeline.stages import style as style_stage
from pipeline.stages.crop import align, settings, stage
from pipeline.stages.demo import renderer
from pipeline.styles import STYLES, Style
from pipeline.training import isn, joint, scn
from pipeline.training.adversarial import make_generator
from pipeline.training.data import Batches
from pipeline.training.run import sketch_layers

SIZE, FACES, CHAIN_FACES = 256, 8, 48
BARS_MS = {"xdog": 2.0, "photocopy": 4.0, "canny": 1.0, "fdog": 60.0, "hed (own)": 45.0, "simplify (classical)": 40.0}
PARAMS = SHIPPED / "params.yaml"


def milliseconds(function: Callable[[Any], Any], items: list[Any], repeats: int = 5) -> float:
    """Median time a call, after one to warm up."""
    function(items[0])
    times = []
    for _ in range(repeats):
        for item in items:
            start = time.perf_counter()
            function(item)
            times.append(time.perf_counter() - start)
    return 1000 * median(times)


def section(cls: Any, name: str) -> Any:
    return load(cls, name, PARAMS)


def faces() -> list[np.ndarray]:
    """Rendered faces at SIZE; rendered once for all rows."""
    params = replace(section(settings.CropParams, "crop"), size=SIZE)
    photos = [renderer.render_face(512, 1, index).photo for index in range(FACES)]
    return [align.crop_photo(photo, align.align(Path("demo"), photo, params)[0], params) for photo in photos]


def drawers() -> list[tuple[str, Style, Any]]:
    """Name, style, params; of photo-sketch by both its methods."""
    rows = [(name, row, section(row.params, f"styles.{name}")) for name, row in STYLES.items()]
    own, params = STYLES["photosketch"], section(STYLES["photosketch"].params, "styles.photosketch")
    methods = [(f"photosketch ({m})", own, replace(params, method=m)) for m in ("contour", "own")]
    return [row for row in rows if row[0] != "photosketch"] + methods


def image_rows(photos: list[np.ndarray], folder: Path) -> list[tuple[str, str, float]]:
    """Milliseconds an image on one thread."""
    cv2.setNumThreads(1)
    rows = []
    canny_params, hed_params = section(canny.CannyParams, "edges.canny"), section(hed.HedParams, "edges.hed")
    grays = [luminance(photo) for photo in photos]
    rows.append(("canny", "ms", milliseconds(lambda gray: canny.canny(gray, canny_params), grays)))
    for method in ("soft", "own"):
        by = replace(hed_params, method=method)
        rows.append((f"hed ({method})", "ms", milliseconds(lambda photo, p=by: hed.holistic(photo, p), photos)))  # type: ignore[misc]
    even = section(equalize.EqualizeParams, "equalize")
    rows.append(("equalize", "ms", milliseconds(lambda photo: equalize.equalize(photo, even), photos)))
    simple = section(simplify.SimplifyParams, "simplify")
    drawn: dict[str, list[np.ndarray]] = {}
    for name, style, params in drawers():
        rows.append((name, "ms", milliseconds(lambda photo, d=style.draw, p=params: d(photo, p), photos)))  # type: ignore[misc]
        drawn[name] = [style.draw(photo, params) for photo in photos]
    for method in ("classical", "own"):
        by = replace(simple, method=method)
        for name, sketches in drawn.items():
            line = milliseconds(lambda sketch, p=by: render(simplify.simplify(sketch, p), sketch.shape), sketches)  # type: ignore[misc]
            rows.append((f"simplify ({method}) {name}", "ms", line))
    cropped = section(settings.CropParams, "crop")
    large = [renderer.render_face(512, 1, 0).photo]
    locate = milliseconds(lambda photo: align.align(Path("x"), photo, replace(cropped, size=SIZE)), large)
    rows.append(("crop: find and align, 512 px", "ms", locate))
    rows.append(("PNG write, photo", "ms", milliseconds(lambda photo: write_photo(folder / "p.png", photo), photos)))
    rows.append(("PNG read, photo", "ms", milliseconds(lambda _: read_photo(folder / "p.png"), photos)))
    rows.append(("PNG write, sketch", "ms", milliseconds(lambda s: write_gray(folder / "s.png", s), drawn["fdog"])))
    return rows


def chain(source: Path, data: Path, jobs: int) -> float:
    """Images a second from crop to pack."""
    params = replace(section(settings.CropParams, "crop"), photos=str(source), size=SIZE, max_rejected=1.0)
    start = time.perf_counter()
    stage.run(params, data, jobs)
    equalize.run(section(equalize.EqualizeParams, "equalize"), data, jobs)
    canny.run(section(canny.CannyParams, "edges.canny"), data, jobs)
    hed.run(section(hed.HedParams, "edges.hed"), data, jobs)
    for name, chosen in STYLES.items():
        style_stage.run(name, section(chosen.params, f"styles.{name}"), data, jobs)
        simplify.run(name, section(simplify.SimplifyParams, "simplify"), data, jobs)
    pack.run(section(pack.PackParams, "pack"), data, jobs)
    return CHAIN_FACES / (time.perf_counter() - start)


def chain_rows(folder: Path) -> list[tuple[str, str, float]]:
    source = folder / "photos"
    kinds = [renderer.render_face(256, 1, index).photo for index in range(FACES)]
    rng = np.random.default_rng(0)
    for index in range(CHAIN_FACES):
        photo = cv2.resize(kinds[index % FACES], (512, 512), interpolation=cv2.INTER_CUBIC)
        noisy = np.clip(photo + rng.normal(0, 1, photo.shape), 0, 255).astype(np.uint8)
        write_photo(source / f"{index:03d}.png", noisy)
    rates = {jobs: chain(source, folder / f"jobs{jobs}", jobs) for jobs in (1, 2, 1, 2)}
    rows = [(f"crop ... pack, --jobs {jobs}", "images/s", rate) for jobs, rate in rates.items()]
    return [*rows, ("second core", "x", rates[2] / rates[1])]


def train_rows(data: Path) -> list[tuple[str, str, float]]:
    """Steps of the params in force, on what the chain packed (256 px)."""
    split = read_split(Layout(data), "train")
    fabric = Fabric(accelerator="auto", devices=1)
    scn_params, isn_params = section(scn.ScnParams, "train_scn"), section(isn.IsnParams, "train_isn")
    joint_params = section(joint.JointParams, "train_joint")
    trainers: dict[str, Any] = {
        "scn": scn.Scn(fabric, scn_params),
        "isn": isn.Isn(fabric, isn_params),
        "joint": joint.Joint(fabric, scn_params, isn_params, joint_params),
    }
    batches = Batches(split, sketch_layers(scn_params), scn_params.batch, scn_params.augment, 0)
    rows = []
    for name, trainer in trainers.items():
        trainer.set_progress(0.0)
        took = milliseconds(lambda step, t=trainer: t.step(fabric.to_device(batches(step))), [0, 1, 2], 1)  # type: ignore[misc]
        rows.append((f"train {name}, batch {scn_params.batch}, 256 px", "images/s", 1000 * scn_params.batch / took))
    return rows


def generate_row(photos: list[np.ndarray]) -> tuple[str, str, float]:
    nets = {}
    for name, cls, channels in (("scn", scn.ScnParams, (1, 1)), ("isn", isn.IsnParams, (1, 3))):
        nets[name] = make_generator(section(cls, f"train_{name}").net.generator, channels).eval()
    system = System(nets["scn"], nets["isn"], torch.device("cpu"), SIZE)
    sketches = [photo[..., 0] for photo in photos]
    return "generate, one drawing, 256 px", "ms", milliseconds(system.photo, sketches, 2)


def nothing_to_do() -> tuple[str, str, float] | None:
    """`dvc repro` where everything is up to date; None where this checkout is not."""
    status = subprocess.run(["dvc", "status", "-q"], cwd=SHIPPED, capture_output=True)
    if status.returncode != 0:
        return None
    start = time.perf_counter()
    subprocess.run(["dvc", "repro", "-q"], cwd=SHIPPED, check=True)
    return "dvc repro, nothing to do", "s", time.perf_counter() - start


def main() -> None:
    """Measure everything and print the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photos = faces()
        rows = image_rows(photos, folder)
        rows += chain_rows(folder)
        rows += train_rows(folder / "jobs2")
        rows.append(generate_row(photos))
        idle = nothing_to_do()
        rows += [idle] if idle else []
    table = Table("what", "measured", "unit", "at most", title=f"{SIZE}x{SIZE} px; {torch.get_num_threads()} threads")
    for what, unit, value in rows:
        bar = next((most for key, most in BARS_MS.items() if unit == "ms" and what.startswith(key)), None)
        table.add_row(what, f"{value:.2f}", unit, f"{bar:g}" if bar else "")
    Console().print(table)
    if idle is None:
        sys.stderr.write("dvc repro with nothing to do: not measured, this checkout is not up to date\n")


if __name__ == "__main__":
    main()
