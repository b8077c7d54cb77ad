"""Which trained system a command on pictures uses, the one that ships, the user's own, or a file; and what runs it."""

from collections.abc import Callable
from pathlib import Path

from pipeline.apps.system import System
from pipeline.core.console import console
from pipeline.core.devices import pick_device
from pipeline.core.errors import UserError
from pipeline.core.layout import Layout
from pipeline.core.printable import printable
from pipeline.core.state import state_folder
from pipeline.weights.registry import sha256, shipped

SHIPPED_SYSTEM = "cali-sketch-faces"
SHIPPED = {  # --model -> the system; their cards: data/weights/README.md
    "shipped": SHIPPED_SYSTEM,
    "faces": SHIPPED_SYSTEM,  # the likest
    "photo": "cali-sketch-photo",  # the most like photos, and told a level and tones
    "lite": "cali-sketch-lite",  # the smallest
}
ON_CPU = ("auto", "cpu")  # devices that ONNX Runtime can be
ONNX_CARD = "card.json"  # in a folder that export --onnx wrote


def model_file(model: str, data: Path, option: str = "--model") -> Path:
    """What `option` means: the weights file of one of SHIPPED or of mine (DATA/trained/joint), or a path.

    Raises UserError.
    """
    if model in SHIPPED:
        return shipped(SHIPPED[model])
    if model == "mine":
        path = Layout(data).trained("joint") / "weights.safetensors"
        if not path.exists():
            raise UserError(
                f"{option} mine: {path} is missing; train one (dvc repro train_joint) or use {option} shipped"
            )
        return path
    path = Path(model)
    if not (path.is_file() or (path / ONNX_CARD).is_file()):
        raise UserError(
            f"{option} {printable(model)}: no such file; there are {', '.join(SHIPPED)}, mine, paths of weights files "
            "and of folders that export --onnx wrote"
        )
    return path


def open_model(path: Path, device: str, runtime: str = "auto") -> System:
    """The system of a weights file or ONNX folder, run by a row of RUNTIMES. Raises UserError."""
    if runtime not in RUNTIMES:
        raise UserError(f"--runtime {printable(runtime)}: there are {', '.join(RUNTIMES)}")
    return RUNTIMES[runtime](path, device)


def _torch(path: Path, device: str) -> System:
    if path.is_dir():
        raise UserError(f"{printable(path)}: an ONNX system, which --runtime torch cannot run; leave the option out")
    from pipeline.apps.torch_nets import open_weights

    return open_weights(path, pick_device(device))


def _onnx(path: Path, device: str) -> System:
    if device not in ON_CPU:
        raise UserError(f"--device {printable(device)}: ONNX Runtime runs on the CPU here; --runtime torch takes it")
    from pipeline.apps.onnx_nets import read_beside, read_onnx

    if path.is_dir():
        return read_onnx(path)
    return read_beside(path) or read_onnx(_exported(path))


def _exported(path: Path) -> Path:
    """The ONNX folder of a weights file, made at the first call and kept in the cache."""
    folder = state_folder() / "onnx" / sha256(path)[:32]
    if not (folder / ONNX_CARD).is_file():
        console.print(f"{printable(path.name)}: exported to ONNX, once")
        from pipeline.apps.onnx_export import export

        export(path, folder, int8=False)
    return folder


def _auto(path: Path, device: str) -> System:
    """By ONNX Runtime where it can be at once, which is 2 to 5 s before torch can; on the CPU."""
    if path.is_dir():
        return _onnx(path, device)
    if device in ON_CPU:
        from pipeline.apps.onnx_nets import read_beside

        system = read_beside(path)
        if system is not None:
            return system
    return _torch(path, device)


RUNTIMES: dict[str, Callable[[Path, str], System]] = {"auto": _auto, "torch": _torch, "onnx": _onnx}
