"""Weight files of every format -> tensors by name; nothing in a file is ever run as code."""

import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile, ZipFile

import cv2
import numpy as np

from pipeline.weights.registry import WeightsError

if TYPE_CHECKING:  # torch is imported where tensors are read: stages that only name files start without it
    from torch import Tensor

    Tensors = dict[str, Tensor]

HDF5, ZIP = b"\x89HDF\r\n\x1a\n", b"PK\x03\x04"


def load_tensors(path: Path) -> "Tensors":
    """Tensors of a safetensors, Caffe, Keras or PyTorch file; the last is read as data only, never run as code.

    What a file is its first bytes tell, whatever its name; where they do not, its suffix. Raises WeightsError.
    """
    return _reader(path)(path)


def _reader(path: Path) -> "Callable[[Path], Tensors]":
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except OSError as error:
        raise _cut(path, error) from error
    if head.lstrip()[:1] == b"<":
        raise WeightsError(f"{path}: a web page, not weights; open its address in a browser and take the file there")
    if head.startswith(HDF5):
        return _load_keras
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < path.stat().st_size:
        return _load_safetensors
    if head.startswith(ZIP):
        if not _is_of_torch(path):
            raise WeightsError(f"{path}: an archive; unpack it and give the weight file in it")
        return _load_torch
    return READERS.get(path.suffix, _load_torch)


def _is_of_torch(path: Path) -> bool:
    """Whether a ZIP archive is a PyTorch file, or cut."""
    try:
        with ZipFile(path) as archive:
            return any(name.endswith("data.pkl") for name in archive.namelist())
    except (BadZipFile, OSError):
        return True


def _load_safetensors(path: Path) -> "Tensors":
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise _cut(path, error) from error


def _load_torch(path: Path) -> "Tensors":
    import torch

    try:
        with path.open("rb") as file:  # not by name: of one that ends in .safetensors torch expects just that
            loaded: Any = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(f"{path}: not a whole weight file (no PyTorch file, or more than tensors)") from error
    except (OSError, RuntimeError, EOFError, ValueError) as error:
        raise _cut(path, error) from error
    for holder in ("model", "state_dict"):  # where training scripts put the net beside its settings
        loaded = loaded[holder] if isinstance(loaded, dict) and isinstance(loaded.get(holder), dict) else loaded
    if not isinstance(loaded, dict) or not all(isinstance(value, torch.Tensor) for value in loaded.values()):
        raise WeightsError(f"{path}: holds no plain state dict")
    return dict(loaded)


def _cut(path: Path, error: Exception) -> WeightsError:
    first = (str(error).splitlines() or [type(error).__name__])[0]
    return WeightsError(f"{path}: not a whole weight file ({first[:120]})")


def _load_keras(path: Path) -> "Tensors":
    """Every array of an HDF5 file by its path in it. Raises WeightsError where h5py is missing, too."""
    import torch

    try:
        import h5py
    except ImportError as error:
        raise WeightsError(f"{path}: reading a Keras file needs h5py; run: pip install h5py") from error
    tensors: Tensors = {}

    def keep(name: str, found: Any) -> None:
        if isinstance(found, h5py.Dataset):
            tensors[name] = torch.from_numpy(np.array(found))

    try:
        with h5py.File(path) as file:
            file.visititems(keep)
    except (OSError, RuntimeError, TypeError) as error:
        raise _cut(path, error) from error
    return tensors


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


READERS: Mapping[str, Callable[[Path], "Tensors"]] = {
    ".safetensors": _load_safetensors,
    ".caffemodel": _load_caffe,
    ".h5": _load_keras,
}
