"""`python -m benchmarks`: what is fast, measured on this machine, a line each as it comes. Leave the machine idle."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
import torch
from lightning_fabric import Fabric

from pipeline.apps.system import System
from pipeline.apps.torch_nets import TorchNet
from pipeline.core.dataset import read_split
from pipeline.core.image_io import read_photo, write_gray, write_photo
from pipeline.core.layout import Layout
from pipeline.core.params import load
from pipeline.core.polarity import Photo, Sketch, luminance
from pipeline.core.workspace import SHIPPED
from pipeline.drawing import equalization, face_prior
from pipeline.drawing.rasterize import render
from pipeline.stages import canny, equalize, hed, pack, simplify
from pipeline.stages import style as style_stage
from pipeline.stages.crop import align, settings, stage
from pipeline.stages.demo import renderer
from pipeline.styles import STYLES, Style
from pipeline.training.data import Batches
from pipeline.training.isn import IsnParams
from pipeline.training.nets import make_generator
from pipeline.training.scn import ScnParams
from pipeline.training.trainers import TRAINERS, sketch_layers

SIZE, FACES, CHAIN_FACES = 256, 8, 48
BARS_MS = {"xdog": 2.0, "photocopy": 4.0, "canny": 1.0, "fdog": 60.0, "hed (own)": 45.0, "simplify (classical)": 40.0}
PARAMS = SHIPPED / "params.yaml"
DVC = (sys.executable, "-m", "dvc")

Row = tuple[str, str, float]  # what, unit, measured


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


def given(function: Callable[[Any, Any], Any], params: Any) -> Callable[[Any], Any]:
    """A function of an image and params, as one of the image alone."""
    return lambda image: function(image, params)


def section(cls: Any, name: str) -> Any:
    return load(cls, name, PARAMS)


def faces() -> list[Photo]:
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


def image_rows(photos: list[Photo], folder: Path) -> Iterator[Row]:
    """Milliseconds an image on one thread."""
    cv2.setNumThreads(1)
    eyes = face_prior.eyes_of_crops()
    canny_params, hed_params = section(canny.CannyParams, "edges.canny"), section(hed.HedParams, "edges.hed")
    grays = [luminance(photo) for photo in photos]
    yield "canny", "ms", milliseconds(lambda gray: canny.canny(gray, canny_params, eyes), grays)
    for method in ("soft", "own"):
        by = replace(hed_params, method=method)
        yield f"hed ({method})", "ms", milliseconds(given(hed.holistic, by), photos)
    even = section(equalization.EqualizeParams, "equalize")
    yield "equalize", "ms", milliseconds(given(equalization.equalize, even), photos)
    drawn: dict[str, list[Sketch]] = {}
    for name, style, params in drawers():
        draw = given(style.draw, params)
        yield name, "ms", milliseconds(draw, photos)
        drawn[name] = [draw(photo) for photo in photos]
    yield from simplify_rows(drawn)
    cropped = replace(section(settings.CropParams, "crop"), size=SIZE)
    large = [renderer.render_face(512, 1, 0).photo]
    yield "crop: find and align, 512 px", "ms", milliseconds(lambda p: align.align(Path("x"), p, cropped), large)
    yield "PNG write, photo", "ms", milliseconds(lambda photo: write_photo(folder / "p.png", photo), photos)
    yield "PNG read, photo", "ms", milliseconds(lambda _: read_photo(folder / "p.png"), photos)
    yield "PNG write, sketch", "ms", milliseconds(lambda s: write_gray(folder / "s.png", s), drawn["fdog"])


def simplify_rows(drawn: dict[str, list[Sketch]]) -> Iterator[Row]:
    """Style -> its sketches."""
    simple = section(simplify.SimplifyParams, "simplify")
    for method in ("classical", "own"):
        by = replace(simple, method=method)
        for name, sketches in drawn.items():
            yield f"simplify ({method}) {name}", "ms", milliseconds(given(simplified, by), sketches)


def simplified(sketch: Sketch, params: simplify.SimplifyParams) -> None:
    """Traced and drawn again."""
    render(simplify.simplify(sketch, params), sketch.shape)


def chain(source: Path, data: Path, jobs: int) -> float:
    """Images a second from crop to pack."""
    params = replace(section(settings.CropParams, "crop"), photos=str(source), size=SIZE, max_rejected=1.0)
    eyes, start = face_prior.eyes_of_crops(), time.perf_counter()
    stage.run(params, data, jobs)
    equalize.run(section(equalization.EqualizeParams, "equalize"), data, jobs)
    canny.run(section(canny.CannyParams, "edges.canny"), eyes, data, jobs)
    hed.run(section(hed.HedParams, "edges.hed"), eyes, data, jobs)
    for name, chosen in STYLES.items():
        style_stage.run(name, section(chosen.params, f"styles.{name}"), data, jobs)
        simplify.run(name, section(simplify.SimplifyParams, "simplify"), data, jobs)
    pack.run(section(pack.PackParams, "pack"), tuple(STYLES), eyes, data, jobs)
    return CHAIN_FACES / (time.perf_counter() - start)


def chain_rows(folder: Path) -> Iterator[Row]:
    """Images a second of all data stages, in one process and in two, each twice: the second has all code compiled."""
    source = folder / "photos"
    kinds = [renderer.render_face(256, 1, index).photo for index in range(FACES)]
    rng = np.random.default_rng(0)
    for index in range(CHAIN_FACES):
        photo = cv2.resize(kinds[index % FACES], (512, 512), interpolation=cv2.INTER_CUBIC)
        noisy = np.clip(photo + rng.normal(0, 1, photo.shape), 0, 255).astype(np.uint8)
        write_photo(source / f"{index:03d}.png", noisy)
    rates = {jobs: chain(source, folder / f"jobs{jobs}", jobs) for jobs in (1, 2, 1, 2)}
    for jobs, rate in rates.items():
        yield f"crop ... pack, --jobs {jobs}", "images/s", rate
    yield "second core", "x", rates[2] / rates[1]


def train_rows(data: Path) -> Iterator[Row]:
    """Steps of the params in force, on what the chain packed (256 px)."""
    split = read_split(Layout(data), "train")
    fabric = Fabric(accelerator="auto", devices=1)
    trained: dict[str, dict[str, torch.Tensor]] = {}
    for name in ("scn", "isn", "joint"):
        stage = TRAINERS[name]
        sections = {key: section(cls, key) for key, cls in stage.sections.items()}
        params, needs = sections[f"train_{name}"], stage.needs(sections)
        batches = Batches(
            split, needs.layers, sketch_layers(split, needs.sketches), params.batch, params.augment, params.seed
        )
        trainer = stage.build(fabric, sections, trained)
        trained[name] = trainer.weights()
        trainer.set_progress(0.0)
        took = milliseconds(partial(_step, trainer, batches, fabric), [0, 1, 2], 1)
        yield f"train {name}, batch {params.batch}, 256 px", "images/s", 1000 * params.batch / took


def _step(trainer: Any, batches: Batches, fabric: Fabric, step: int) -> None:
    trainer.step(fabric.to_device(batches(step)))


def generate_rows(photos: list[Photo]) -> Iterator[Row]:
    """The params' nets, untrained, on the CPU."""
    scn = make_generator(section(ScnParams, "train_scn").net.generator, (1, 1)).eval()
    isn = make_generator(section(IsnParams, "train_isn").net.generator, (1, 3)).eval()
    cpu = torch.device("cpu")
    system = System(TorchNet(scn, cpu, SIZE), TorchNet(isn, cpu, SIZE))
    sketches = [photo[..., 0] for photo in photos]
    yield "generate, one drawing, 256 px", "ms", milliseconds(system.photo, sketches, 2)


def nothing_to_do_rows() -> Iterator[Row]:
    """`dvc repro` where everything is up to date; elsewhere a remark."""
    if subprocess.run([*DVC, "status", "-q"], cwd=SHIPPED, capture_output=True).returncode != 0:
        sys.stderr.write("dvc repro with nothing to do: not measured, this checkout is not up to date\n")
        return
    start = time.perf_counter()
    subprocess.run([*DVC, "repro", "-q"], cwd=SHIPPED, check=True)
    yield "dvc repro, nothing to do", "s", time.perf_counter() - start


def main() -> None:
    """Measure everything; a line each, as soon as it is known."""
    print(f"{SIZE}x{SIZE} px; {torch.get_num_threads()} threads")
    with tempfile.TemporaryDirectory() as name:
        folder, photos = Path(name), faces()
        parts = (
            image_rows(photos, folder),
            chain_rows(folder),
            train_rows(folder / "jobs2"),
            generate_rows(photos),
            nothing_to_do_rows(),
        )
        for what, unit, value in (row for part in parts for row in part):
            bar = next((most for key, most in BARS_MS.items() if unit == "ms" and what.startswith(key)), None)
            print(f"{what:36}{value:10.2f} {unit}{f', at most {bar:g}' if bar else ''}", flush=True)


if __name__ == "__main__":
    main()
