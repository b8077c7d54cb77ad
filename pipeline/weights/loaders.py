"""Weight files -> nets that run; which net a file holds."""

import pickle
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from pipeline.core.batching import ask
from pipeline.core.files import write_bytes

if TYPE_CHECKING:  # torch is imported where tensors are read: stages that only name files start without it
    from torch import Tensor, nn

    Tensors = dict[str, Tensor]
from pipeline.weights.registry import WEIGHTS, WeightsError, _check_hash, find, sha256, weight_file


def net(name: str, **options: str) -> "nn.Module":
    """The net of a weight file, ready to run; options are its converter's. Raises WeightsError."""
    return read_net(name, weight_file(name), **options)


def read_net(name: str, path: Path, **options: str) -> "nn.Module":
    """The same from a given file."""
    convert = WEIGHTS[name].convert
    assert convert is not None, name
    try:
        return convert(load_tensors(path), **options).eval()
    except (ValueError, KeyError, RuntimeError) as error:
        raise WeightsError(f"{path}: not the weights of {name}: {' '.join(str(error).split())[:200]}") from error


GPU_BATCH = 16  # pictures at once, on a GPU


def at_once(nets: bool) -> int:
    """How many pictures to work on side by side: more than one where `nets` draw them and there is a GPU."""
    if not nets:
        return 1
    import torch

    return GPU_BATCH if torch.cuda.is_available() else 1


@cache
def runner(name: str) -> Callable[[NDArray], NDArray[np.float32]]:
    """A net that draws, as a function of one picture, on the GPU where there is one. Raises WeightsError.

    Photo (H, W, 3) or Sketch (H, W) -> (H, W) in [0, 1].
    """
    import torch

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    found = net(name).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    @torch.inference_mode()
    def run(pictures: NDArray) -> NDArray[np.float32]:
        images = torch.from_numpy(np.array(pictures)).to(device)
        images = images.permute(0, 3, 1, 2).float() / 255 if pictures.ndim == 4 else images[:, None]
        drawn = found(images.contiguous(memory_format=torch.channels_last))
        return drawn[:, 0].float().cpu().numpy()

    return partial(ask, run)


def load_tensors(path: Path) -> "Tensors":
    """Tensors of a .safetensors, Caffe or PyTorch file; the last is read as data only, never run as code."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if path.suffix == ".caffemodel":
        return _load_caffe(path)
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise WeightsError(f"{path}: not a whole weight file ({first[:120]})") from error
    for holder in ("model", "state_dict"):  # where training scripts put the net beside its settings
        loaded = loaded[holder] if isinstance(loaded, dict) and isinstance(loaded.get(holder), dict) else loaded
    if not isinstance(loaded, dict) or not all(isinstance(value, torch.Tensor) for value in loaded.values()):
        raise WeightsError(f"{path}: holds no plain state dict")
    return dict(loaded)


def _load_caffe(path: Path) -> "Tensors":
    """ "LAYER.weight" and "LAYER.bias" of HED's layers, by OpenCV's reader. Raises WeightsError."""
    import torch

    from models.helpers.hed import caffe_layers

    layers = caffe_layers()
    head = 'input: "data" input_dim: 1 input_dim: 3 input_dim: 8 input_dim: 8 '
    convolution = 'type: "Convolution" bottom: "data" convolution_param { num_output: 1 kernel_size: 1 }'
    text = head + " ".join(f'layer {{ name: "{layer}" top: "{layer}" {convolution} }}' for layer in layers)
    tensors = {}
    try:
        net = cv2.dnn.readNetFromCaffe(np.frombuffer(text.encode(), np.uint8), np.fromfile(path, np.uint8))
        for layer in layers:
            tensors[f"{layer}.weight"] = torch.from_numpy(np.array(net.getParam(layer, 0)))
            tensors[f"{layer}.bias"] = torch.from_numpy(np.array(net.getParam(layer, 1)).ravel())
    except cv2.error as error:
        raise WeightsError(f"{path}: not a whole caffemodel with the layers {layers[0]} to {layers[-1]}") from error
    return tensors


def identify(path: Path) -> str:
    """Which net a file holds, whatever its name: it is read whole. Raises WeightsError for none."""
    if not path.is_file():
        raise WeightsError(f"{path}: no such file")
    if path.suffix == ".onnx":
        return _identify_onnx(path)
    tensors = load_tensors(path)
    named = [name for name, entry in WEIGHTS.items() if path.name in (entry.file, f"{name}.safetensors")]
    for name in [*named, *WEIGHTS]:
        convert = WEIGHTS[name].convert
        try:
            if convert is not None and convert(tensors):
                if path.name == WEIGHTS[name].file:
                    _check_hash(path, WEIGHTS[name])
                return name
        except (ValueError, KeyError, RuntimeError):
            continue
    raise WeightsError(f"{path}: the weights of no net known here; see: cali-sketch weights list")


def _identify_onnx(path: Path) -> str:
    """An ONNX file is known by its name alone; that it is whole shows when it is opened."""
    import onnxruntime

    try:
        onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own classes share no other base
        raise WeightsError(f"{path}: not a whole ONNX file ({str(error).splitlines()[0][:120]})") from error
    known = {entry.file: name for name, entry in WEIGHTS.items()}
    if path.name not in known:
        raise WeightsError(f"{path}: a whole ONNX file of an unknown name; known are {', '.join(known)}")
    return known[path.name]


def import_file(path: Path, folder: Path) -> Path:
    """Verify a file, then write its tensors as FOLDER/NAME.safetensors (ONNX: a copy); returns what it wrote."""
    from safetensors.torch import save

    name = identify(path)
    if WEIGHTS[name].convert is None:
        target, data = folder / WEIGHTS[name].file, path.read_bytes()
    else:
        plain = {key: tensor.contiguous() for key, tensor in load_tensors(path).items()}
        target, data = folder / f"{name}.safetensors", save(plain, {"source": path.name, "sha256": sha256(path)})
    write_bytes(target, data)
    return target


def show() -> None:
    """Print every weight file: what uses it, its licence, whether it is here, where to get it."""
    table = Table("name", "file", "used by", "licence", "present", "source")
    for name, entry in WEIGHTS.items():
        table.add_row(name, entry.file, entry.used_by, entry.licence, str(find(name) or "no"), entry.source)
    Console().print(table)
