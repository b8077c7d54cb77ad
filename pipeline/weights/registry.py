"""Weight files by name: what they are, where to get them, where they lie, whether they are whole."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

from pipeline.core.errors import UserError
from pipeline.core.workspace import SHIPPED

if TYPE_CHECKING:  # torch is imported where tensors are read: stages that only name files start without it
    from torch import Tensor, nn

    Tensors = dict[str, Tensor]


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
    url: str = ""  # where a plain download exists
    convert: "Callable[..., nn.Module] | None" = None  # its tensors -> the net; None: an ONNX file, run as it is


def _vgg19(tensors: "Tensors", last: str | None = None) -> "nn.Module":
    from models.perceptual import vgg19_torchvision

    return vgg19_torchvision(tensors, last)


def _vgg19_normalised(tensors: "Tensors", last: str | None = None) -> "nn.Module":
    from models.perceptual import vgg19_normalised

    return vgg19_normalised(tensors, last)


def _vgg19_compressed(tensors: "Tensors", last: str | None = None) -> "nn.Module":
    from models.perceptual import vgg19_compressed

    return vgg19_compressed(tensors, last)


def _hed(tensors: "Tensors") -> "nn.Module":
    from models.helpers.hed import hed_caffe

    return hed_caffe(tensors)


def _hed_port(tensors: "Tensors") -> "nn.Module":
    from models.helpers.hed import hed_port

    return hed_port(tensors)


def _photosketch(tensors: "Tensors") -> "nn.Module":
    from models.helpers.photosketch import photosketch_published

    return photosketch_published(tensors)


def _simplifier(tensors: "Tensors") -> "nn.Module":
    from models.helpers.simplification import simplifier_published

    return simplifier_published(tensors)


def _inception(tensors: "Tensors") -> "nn.Module":
    import torch
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    with NamedTemporaryFile(suffix=".pth") as file:  # it reads files only, and would fetch one where none is named
        torch.save(dict(tensors), file.name)
        return FeatureExtractorInceptionV3("inception-v3-compat", ["2048"], feature_extractor_weights_path=file.name)


def _edges(tensors: "Tensors") -> "nn.Module":
    from models.helpers.edge_net import edge_detector

    return edge_detector(tensors)


def _contours(tensors: "Tensors") -> "nn.Module":
    from models.helpers.line_net import drawer

    return drawer(tensors, 3)


def _own_simplifier(tensors: "Tensors") -> "nn.Module":
    from models.helpers.line_net import drawer

    return drawer(tensors, 1)


def _own(name: str, used_by: str, convert: "Callable[..., nn.Module]") -> WeightFile:
    """A net that this project trained and ships."""
    source = f"cali-sketch train {name}"
    return WeightFile(f"{name}.safetensors", "", used_by, "MIT (this project)", source, convert=convert)


WEIGHTS = {
    "edges": _own("edges", "edges hed (method: own), evaluate-sketches", _edges),
    "contours": _own("contours", "style photosketch (method: own)", _contours),
    "simplifier": _own("simplifier", "simplify (method: own)", _own_simplifier),
    "vgg19": WeightFile(
        "vgg19-dcbb9e9d.pth",
        "dcbb9e9d",
        "train_isn, train_joint",
        "BSD-3 (torchvision)",
        "torchvision, VGG19 IMAGENET1K_V1",
        "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
        _vgg19,
    ),
    "vgg19_normalised": WeightFile(
        "vgg19_to_conv3_1.safetensors",
        "",
        "train_isn, train_joint",
        "the original's (Gatys et al.)",
        "jkbehne/GOTStyleTranfer",
        convert=_vgg19_normalised,
    ),
    "vgg19_compressed": WeightFile(
        "vgg19_compressed16x_to_conv5_1.safetensors",
        "",
        "train_isn, train_joint",
        "MIT",
        "MingSun-Tse/Collaborative-Distillation",
        convert=_vgg19_compressed,
    ),
    "hed": WeightFile(
        "hed_pretrained_bsds.caffemodel",
        "",
        "edges hed (method: hed)",
        "the authors' (research)",
        "s9xie/hed, README",
        "https://vcl.ucsd.edu/hed/hed_pretrained_bsds.caffemodel",
        _hed,
    ),
    "hed_port": WeightFile(
        "network-bsds500.pytorch",
        "",
        "edges hed (method: hed_port)",
        "the authors' (research)",
        "sniklaus/pytorch-hed, README",
        "http://content.sniklaus.com/github/pytorch-hed/network-bsds500.pytorch",
        _hed_port,
    ),
    "photosketch": WeightFile(
        "latest_net_G.pth",
        "",
        "style photosketch (method: published)",
        "the authors' (non-commercial)",
        "mtli/PhotoSketch, README",
        convert=_photosketch,
    ),
    "simplify_gan": WeightFile(
        "model_gan.pth",
        "",
        "simplify (method: gan)",
        "the authors' (non-commercial)",
        "bobbens/sketch_simplification, README",
        convert=_simplifier,
    ),
    "simplify_mse": WeightFile(
        "model_mse.pth",
        "",
        "simplify (method: mse)",
        "the authors' (non-commercial)",
        "bobbens/sketch_simplification, README",
        convert=_simplifier,
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
        "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth",
        _inception,
    ),
}


def folders() -> list[Path]:
    """Where weight files are looked for, in order."""
    own = os.environ.get("CALI_SKETCH_WEIGHTS")
    return [*([Path(own)] if own else []), Path("data/weights"), SHIPPED / "data" / "weights"]


def find(name: str) -> Path | None:
    """The file of this name, as published or as `import_file` wrote it, where it is present; unchecked."""
    files = (WEIGHTS[name].file, f"{name}.safetensors")
    return next((folder / file for folder in folders() for file in files if (folder / file).is_file()), None)


def weight_file(name: str) -> Path:
    """Path of a weight file, its hash checked where it is known.

    Raises WeightsError that says what to get, where, and where to put it.
    """
    entry, path = WEIGHTS[name], find(name)
    if path is None:
        how = f"run: cali-sketch weights get {name}, or " if entry.url else ""
        raise WeightsError(
            f"weights '{name}' are missing: {how}get {entry.file} ({entry.source}) and put it into data/weights/ "
            "or the folder that CALI_SKETCH_WEIGHTS names"
        )
    if path.name == entry.file:
        _check_hash(path, entry)
    return path


def _check_hash(path: Path, entry: WeightFile) -> None:
    if entry.sha256 and not sha256(path).startswith(entry.sha256):
        raise WeightsError(f"{path}: not the published {entry.file} (its sha256 differs): cut short or another net's")


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
