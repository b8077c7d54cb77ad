"""Not a test: tiny params of each baseline, and pairs to train on."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pipeline.core.params import build
from pipeline.training.baselines import cyclegan, deepfacedrawing, drit, munit, pix2pix

SIZE = 64
ADAM = {"lr": 2e-4, "betas": [0.5, 0.999], "weight_decay": 0, "rate": "linear"}
COMMON = {
    "schedule": {
        "steps": 6,
        "plateau_patience_steps": 0,
        "plateau_measure": "l1",
        "log_every_steps": 2,
        "save_every_steps": 2,
        "validate_every_steps": 6,
    },
    "augment": {"flip": True, "shift_px": 8, "angle_deg": 0, "zoom": 0},
    "styles": ["xdog"],
    "drawn": ["deformed"],
    "batch": 1,
    "seed": 0,
}
PIX2PIX = build(
    pix2pix.Pix2PixParams,
    {
        "net": {"width": 4, "downs": 6, "norm": "batch", "dropout": 0.5},
        "loss": "cross_entropy",
        "discriminator_factor": 0.5,
        "weights": {"adversarial": 1, "l1": 100},
        "optimizer": ADAM,
        "at_test": "train",
    }
    | COMMON,
    "baselines.pix2pix",
)
CYCLEGAN = build(
    cyclegan.CycleGanParams,
    {
        "net": {"width": 4, "blocks": 1},
        "loss": "squared",
        "discriminator_factor": 0.5,
        "weights": {"adversarial": 1, "cycle": 10, "identity": 0.5},
        "pool": 2,
        "optimizer": ADAM,
    }
    | COMMON,
    "baselines.cyclegan",
)
MUNIT = build(
    munit.MunitParams,
    {
        "net": {"width": 4, "blocks": 1, "style": 8, "scales": 2},
        "loss": "squared",
        "discriminator_factor": 1,
        "weights": {"adversarial": 1, "images": 10, "styles": 1, "contents": 1, "cycle": 1},
        "optimizer": ADAM | {"weight_decay": 1e-4, "rate": "halved"},
        "test_seeds": [3, 4],
    }
    | COMMON,
    "baselines.munit",
)
DRIT = build(
    drit.DritParams,
    {
        "net": {"width": 4, "code": 8, "scales": 2, "content_layers": 1},
        "weights": {
            "adversarial": 1,
            "content": 1,
            "images": 10,
            "cross_cycle": 10,
            "divergence": 0.01,
            "content_size": 0.01,
            "attributes": 10,
            "modes": 1,
        },
        "optimizer": ADAM | {"weight_decay": 1e-4},
        "content_lr": 4e-5,
        "content_clip": 5,
        "every_steps": 2,
        "test_seeds": [3, 4],
    }
    | COMMON
    | {"batch": 2},
    "baselines.drit",
)
DEEPFACEDRAWING = build(
    deepfacedrawing.DeepFaceDrawingParams,
    {
        "net": {
            "code": 8,
            "halvings": 2,
            "maps": 4,
            "width": 2,
            "blocks": 1,
            "downs": 2,
            "discriminator_width": 2,
            "scales": 2,
        },
        "components_share": 0.5,
        "manifold": 20,
        "neighbours": 3,
        "refinement": dict.fromkeys(("remainder", "mouth", "nose", "left_eye", "right_eye"), 0.5),
        "perceptual": {"net": "random", "layers": ["conv1_1", "conv2_1"], "style_layers": [], "weighting": "deep"},
        "weights": {"adversarial": 1, "feature_matching": 10, "perceptual": 10, "l1": 1},
        "optimizer": ADAM,
    }
    | COMMON
    | {"batch": 2},
    "baselines.deepfacedrawing",
)
ROWS: dict[str, tuple[Any, Any, Callable[..., Any]]] = {  # name -> module, params, trainer
    "pix2pix": (pix2pix, PIX2PIX, pix2pix.Pix2Pix),
    "cyclegan": (cyclegan, CYCLEGAN, cyclegan.CycleGan),
    "munit": (munit, MUNIT, munit.Munit),
    "drit": (drit, DRIT, drit.Drit),
    "deepfacedrawing": (deepfacedrawing, DEEPFACEDRAWING, deepfacedrawing.DeepFaceDrawing),
}


def with_steps(params: Any, steps: int, **others: Any) -> Any:
    """The same for so many steps, measured at the end alone."""
    often = {"log_every_steps": steps, "save_every_steps": steps, "validate_every_steps": steps}
    return replace(params, schedule=replace(params.schedule, steps=steps, **often), **others)


def face(rng: np.random.Generator) -> np.ndarray:
    """A photo of nobody: smooth blobs of colour."""
    coarse = rng.integers(30, 226, (4, 4, 3), dtype=np.uint8)
    return np.clip(cv2.resize(coarse, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC), 0, 255)


def drawing(photo: np.ndarray) -> np.ndarray:
    """Its contours, 255 = paper."""
    gray = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    return 255 - cv2.Canny(gray, 10, 30)


def write_pairs(folder: Path, people: int = 8) -> Path:
    """As many people in train, in val and in test, packed: photos, and their contours as drawings and edges."""
    for seed, split in enumerate(("train", "val", "test")):
        rng = np.random.default_rng(seed)
        packed = folder / "packed" / split
        photos = np.stack([face(rng) for _ in range(people)])
        lines = np.stack([drawing(photo) for photo in photos])
        layers = {"photo": photos, "product": 255 - lines, "canny": 255 - lines, "hed": 255 - lines}
        layers |= {"sketch/xdog": lines, "clean/xdog": lines}
        for name, pixels in layers.items():
            (packed / name).parent.mkdir(parents=True, exist_ok=True)
            np.save(packed / f"{name}.npy", pixels)
        index = {"ids": [f"{split}{i}" for i in range(people)], "layers": dict.fromkeys(layers, split)}
        (packed / "index.json").write_text(json.dumps(index))
    return folder
