"""Weight files from elsewhere, by name: what they are, where to get them, whether they are whole."""

import hashlib
import os
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from pipeline.errors import UserError
from pipeline.params import CHECKOUT

if TYPE_CHECKING:  # torch is imported where tensors are read: stages that only name files start without it
    from torch import Tensor


class WeightsError(UserError):
    """A weight file that is missing, cut short or another net's."""


@dataclass(frozen=True)
class WeightFile:
    """One published file that the project may not ship."""

    file: str
    sha256: str  # whole, or the prefix that the publisher puts into the name; "" where unknown
    used_by: str
    licence: str
    source: str


WEIGHTS = {
    "vgg19": WeightFile(
        "vgg19-dcbb9e9d.pth",
        "dcbb9e9d",
        "train_isn, train_joint",
        "BSD-3 (torchvision)",
        "torchvision, VGG19 IMAGENET1K_V1",
    ),
    "vgg19_normalised": WeightFile(
        "vgg19_to_conv3_1.safetensors",
        "",
        "train_isn, train_joint",
        "the original's (Gatys et al.)",
        "jkbehne/GOTStyleTranfer",
    ),
    "vgg19_compressed": WeightFile(
        "vgg19_compressed16x_to_conv5_1.safetensors",
        "",
        "train_isn, train_joint",
        "MIT",
        "MingSun-Tse/Collaborative-Distillation",
    ),
    "hed": WeightFile(
        "hed_pretrained_bsds.caffemodel",
        "",
        "edges hed (method: hed)",
        "the authors' (research)",
        "s9xie/hed, README",
    ),
    "hed_port": WeightFile(
        "network-bsds500.pytorch",
        "",
        "edges hed (method: hed_port)",
        "the authors' (research)",
        "sniklaus/pytorch-hed, README",
    ),
    "yunet": WeightFile(
        "face_detection_yunet_n_640.onnx", "", "crop (detector: yunet)", "BSD-like", "ShiqiYu/libfacedetection.train"
    ),
    "mobilefacenet": WeightFile(
        "face_identity_mobilefacenet.onnx", "", "evaluate (identity)", "Apache-2.0", "foamliu/MobileFaceNet"
    ),
    "inception_fid": WeightFile(
        "pt_inception-2015-12-05-6726825d.pth",
        "6726825d",
        "evaluate (FID, KID)",
        "Apache-2.0",
        "mseitzer/pytorch-fid, releases",
    ),
}


def folders() -> list[Path]:
    """Where weight files are looked for, in order."""
    own = os.environ.get("CALI_SKETCH_WEIGHTS")
    return [*([Path(own)] if own else []), Path("data/weights"), CHECKOUT / "data" / "weights"]


def find(name: str) -> Path | None:
    """The file of this name where it is present, unchecked."""
    return next((path for folder in folders() if (path := folder / WEIGHTS[name].file).is_file()), None)


def weight_file(name: str) -> Path:
    """Path of a weight file, its hash checked where it is known.

    Raises WeightsError that says what to get, where, and where to put it.
    """
    entry, path = WEIGHTS[name], find(name)
    if path is None:
        raise WeightsError(
            f"weights '{name}' are missing: get {entry.file} ({entry.source}) and put it into data/weights/ "
            "or the folder that CALI_SKETCH_WEIGHTS names"
        )
    if entry.sha256 and not _sha256(path).startswith(entry.sha256):
        raise WeightsError(f"{path}: not the published {entry.file} (its sha256 differs): cut short or another net's")
    return path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load_tensors(path: Path) -> "dict[str, Tensor]":
    """Tensors of a .safetensors file or of a PyTorch file, which is read as data only, never run as code."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise WeightsError(f"{path}: not a whole weight file ({first[:120]})") from error
    if not isinstance(loaded, dict) or not all(isinstance(value, torch.Tensor) for value in loaded.values()):
        raise WeightsError(f"{path}: holds no plain state dict")
    return loaded


def load_caffe(path: Path, layers: Sequence[str]) -> "dict[str, Tensor]":
    """ "LAYER.weight" and "LAYER.bias" of the convolutions named, from a .caffemodel, by OpenCV's reader.

    Raises WeightsError where the file is not whole or lacks a layer.
    """
    import torch

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


def show() -> None:
    """Print every weight file: what uses it, its licence, whether it is here, where to get it."""
    table = Table("name", "file", "used by", "licence", "present", "source")
    for name, entry in WEIGHTS.items():
        table.add_row(name, entry.file, entry.used_by, entry.licence, str(find(name) or "no"), entry.source)
    Console().print(table)
