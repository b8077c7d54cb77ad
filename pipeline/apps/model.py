"""Which trained system a command on pictures uses: the one that ships, the user's own, or a file."""

from pathlib import Path

import torch

from pipeline.apps.system import CHANNELS, WEIGHTS_FILE, System, read_system
from pipeline.core.errors import UserError
from pipeline.core.layout import Layout
from pipeline.core.printable import printable
from pipeline.training.checkpoint import CheckpointError, load_tensors
from pipeline.weights.intake import identify
from pipeline.weights.registry import WeightsError, shipped

SHIPPED_SYSTEM = "cali-sketch-faces"
SHIPPED = {  # --model -> the system; their cards: data/weights/README.md
    "shipped": SHIPPED_SYSTEM,
    "faces": SHIPPED_SYSTEM,  # the likest
    "photo": "cali-sketch-photo",  # the most like photos, and told a level and tones
    "lite": "cali-sketch-lite",  # the smallest
}


def model_file(model: str, data: Path) -> Path:
    """The weights file that `--model` means: one of SHIPPED, mine (DATA/trained/joint), a path. Raises UserError."""
    if model in SHIPPED:
        return shipped(SHIPPED[model])
    if model == "mine":
        path = Layout(data).trained("joint") / WEIGHTS_FILE
        if not path.exists():
            raise UserError(
                f"--model mine: {path} is missing; train one (dvc repro train_joint) or use --model shipped"
            )
        return path
    path = Path(model)
    if not path.is_file():
        raise UserError(
            f"--model {printable(model)}: no such file; there are {', '.join(SHIPPED)}, mine and paths of weights files"
        )
    return path


def open_model(path: Path, device: torch.device) -> System:
    """The joint system of a weights file. Raises UserError that tells what a wrong file holds."""
    try:
        keys = load_tensors(path)[0].keys()
    except CheckpointError as error:
        held = _held(path)
        raise UserError(f"{printable(path)}: holds {held}; needs a joint system") if held else error from None
    if not all(any(key.startswith(f"{name}/g/") for key in keys) for name in CHANNELS):
        alone = any(key.startswith("g/") for key in keys)
        held = "one net, trained alone" if alone else _held(path) or "no net that is known here"
        raise UserError(f"{printable(path)}: holds {held}; needs a joint system (data/trained/joint, or an export)")
    return read_system(path, device)


def _held(path: Path) -> str:
    """The net of a file ("the edge detector"); "" where it is none that is known."""
    try:
        return f"the {identify(path).replace('_', ' ')}"
    except WeightsError:
        return ""
