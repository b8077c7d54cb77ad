"""Table 1: every system that was measured beside the paper's figures, and what each costs; a sheet as Figure 2.

A figure is that of data/evaluation or, of several seeds, their mean ± standard deviation.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn
from torch.nn.modules.module import register_module_forward_hook
from torch.utils.flop_counter import FlopCounterMode

from pipeline.core.contact_sheet import contact_sheet
from pipeline.core.dataset import Split, read_split
from pipeline.core.devices import pick_device
from pipeline.core.image_io import write_photo
from pipeline.core.layout import Layout
from pipeline.core.tables import print_table
from pipeline.evaluation import figures, results
from pipeline.evaluation.completion import by_turns
from pipeline.evaluation.systems import LikeSystem, drawings, row
from pipeline.training.checkpoint import load_tensors

PAPER_TABLE_1 = (  # method, PSNR, SSIM, FID on CUHK at 256 px; the system of ours that goes with it
    ("pix2pix", 18.83, 0.7554, 76.90, "pix2pix"),
    ("CycleGAN", 24.21, 0.8508, 80.17, "cyclegan"),
    ("MUNIT", 17.23, 0.7515, 78.57, "munit"),
    ("DRIT", 16.14, 0.7047, 109.83, "drit"),
    ("DeepFaceDrawing", 13.21, 0.3751, 97.36, "deepfacedrawing"),
    ("Cali-Sketch", 20.25, 0.8006, 58.43, "joint"),
    ("Cali-Sketch, Improved-1", 20.34, 0.8092, 57.09, ""),
    ("Cali-Sketch, Improved-2", 21.09, 0.8137, 55.12, ""),
)
PAPER: dict[str, tuple[float, ...]] = {
    system: (psnr, ssim, fid) for _, psnr, ssim, fid, system in PAPER_TABLE_1 if system
}
OURS = {  # column -> score
    "PSNR": "psnr",
    "SSIM": "ssim",
    "FID": "fid",
    "FD\nEfficientNet": "fd_efficientnet",
    "LPIPS-like": "lpips_like",
    "identity": "identity_face",
    "faithful": "faithful_recall",
}
Measured = Mapping[str, results.Details]  # system -> what one seed of it gave
STAGES = {"joint": ("scn", "isn", "joint"), "joint_like": ("scn", "isn", "joint"), "apart": ("scn", "isn")}
TIMED = 8  # drawings at once, three times
TRAINED_STEPS = 6  # that training is timed by: two whole turns of DRIT's three
FACES = 6  # of the sheet


@dataclass(frozen=True)
class Cost:
    """What one photo takes."""

    parameters: int  # of all modules that ran
    gmacs: float  # multiplications of convolutions and matrix products, 10^9
    images_per_second: float


@contextmanager
def _running() -> Iterator[dict[int, int]]:
    """Collects the parameters of every module that runs: id -> how many numbers."""
    found: dict[int, int] = {}

    def note(module: nn.Module, *_: Any) -> None:
        found.update({id(p): p.numel() for p in module._parameters.values() if p is not None})

    handle = register_module_forward_hook(note)
    try:
        yield found
    finally:
        handle.remove()


def cost(system: LikeSystem, sketches: NDArray[np.uint8], photos: NDArray[np.uint8]) -> Cost:
    """Of sketches (N, S, S) and their photos, which only some systems see: counted on one, timed on all."""
    with _running() as found, FlopCounterMode(display=False) as counter:
        system(sketches[:1], photos[:1])
    times = []
    for _ in range(3):
        started = time.perf_counter()
        system(sketches, photos)
        times.append(time.perf_counter() - started)
    return Cost(sum(found.values()), counter.get_total_flops() / 2e9, len(sketches) / min(times))


def trained_on(layout: Layout, system: str) -> dict[str, int]:
    """Stage of its training -> images that it was given, steps times batch."""
    found = {}
    for stage in STAGES.get(system, row(system).needs):
        params = next(iter(load_tensors(layout.trained(stage) / "weights.safetensors")[1]["params"].values()))
        found[stage] = params["schedule"]["steps"] * params["batch"]
    return found


def training_speed(images: Mapping[str, int], layout: Layout, device: str) -> float:
    """Images a second over all stages, each timed by a few steps with the params at hand; nothing is written."""
    from pipeline.core.params import load  # not at the top: no score depends on how long a training takes
    from pipeline.training.device import Device
    from pipeline.training.trainers import TRAINERS, run_of

    seconds, fabric = 0.0, Device(device, "auto").fabric()
    for name, count in images.items():
        stage = TRAINERS[name]
        run = run_of(name, stage, {key: load(cls, key) for key, cls in stage.sections.items()}, layout.root)
        trainer, batches = run.build(fabric), run.batches(fabric)
        trainer.step(batches(0))
        started, seen = time.perf_counter(), 0
        for step in range(1, 1 + TRAINED_STEPS):
            trainer.set_progress((step - 1) / TRAINED_STEPS)
            batch = batches(step)
            trainer.step(batch)
            seen += len(next(iter(batch.values())))
        seconds += count * (time.perf_counter() - started) / seen
    return sum(images.values()) / seconds


def measured(layout: Layout, split_name: str) -> Measured:
    """What data/evaluation has of a split."""
    known = [name for name in figures.systems(layout) if split_name in figures.splits(layout, name)]
    return {name: figures.read(layout, name, split_name) for name in known}


def table(
    layout: Layout, split_name: str, device: str, seeds: Sequence[Measured] = ()
) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of what was measured on a split, the paper's systems first.

    `seeds`: what each gave; none: what data/evaluation has. Costs are of the nets in data/trained.
    """
    seeds = seeds or [measured(layout, split_name)]
    split, names = read_split(layout, split_name), list(dict.fromkeys(name for seed in seeds for name in seed))
    rows = []
    for name in sorted(names, key=lambda name: (name not in PAPER, [*PAPER, name].index(name))):
        known = [seed[name][row(name).reads[0]] for seed in seeds if name in seed]
        paper = [figures.number(value) for value in PAPER.get(name, (None,) * 3)]
        scores = [[results.best_of(styles, score) for styles in known] for score in OURS.values()]
        ours = [figures.spread(of) or figures.number(None) for of in scores]
        about = [str(known[0][results.MEAN]["n"]), str(len(known))]
        rows.append([name, *paper, *ours, *about, *costs(layout, name, split, device)])
    heads = ["system", "paper\nPSNR", "paper\nSSIM", "paper\nFID", *OURS, "N", "seeds", *COSTS]
    return figures.filled(heads, rows)


COSTS = ("images\ngiven", "million\nparameters", "GMACs", "images/s,\ntraining", "images/s")


def costs(layout: Layout, name: str, split: Split, device: str) -> list[str]:
    """Of one system, as COSTS names them."""
    images = trained_on(layout, name)
    took = cost(row(name).system(layout, pick_device(device)), *_sample(split, row(name).reads[0], TIMED))
    speeds = training_speed(images, layout, device), took.images_per_second
    return [str(sum(images.values())), *(f"{v:.3g}" for v in (took.parameters / 1e6, took.gmacs, *speeds))]


def _sample(split: Split, kind: str, count: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Sketches and photos of the first faces."""
    count = min(count, len(split.ids))
    styles = drawings(split, kind)
    sketches = styles["product"][0:count] if kind == "product" else by_turns(styles, 0, count)
    return sketches, np.asarray(split.layers["photo"][:count])


def sheet(layout: Layout, split_name: str, names: Sequence[str], device: Any) -> NDArray[np.uint8]:
    """A row a face: the drawing as an unpractised hand makes it, each system's photo, the true one."""
    split = read_split(layout, split_name)
    sketches, photos = _sample(split, "deformed", FACES)
    made = [row(name).system(layout, device)(sketches, photos)[0] for name in names]
    rows = [list(part) for part in zip(sketches, *made, photos, strict=True)]
    return contact_sheet(rows, ["sketch", *names, "photo"], [""] * len(rows), max(96, split.size))


def show(data: Path, split_name: str, to: Path | None, device: str, seeds: Sequence[Measured]) -> bool:
    """Print the table, and write the sheet `to` a PNG file; whether there was anything to show."""
    layout = Layout(data)
    if not list(layout.evaluation.glob(f"[!.]*/{split_name}/metrics.json")):
        return False
    heads, rows = table(layout, split_name, device, seeds)
    print_table(heads, rows, f"Table 1 ({split_name})")
    if to:
        names = [line[0] for line in rows if row(line[0]).reads[0] != "product"]
        write_photo(to, sheet(layout, split_name, names, pick_device(device)))
    return True
