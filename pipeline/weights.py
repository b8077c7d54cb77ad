"""Weight files from elsewhere, by name: what they are, where to get them, whether they are whole."""

import hashlib
import os
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from pipeline.errors import UserError
from pipeline.images import write_bytes
from pipeline.params import CHECKOUT
from pipeline.together import ask

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
    from models.vgg import vgg19_torchvision

    return vgg19_torchvision(tensors, last)


def _vgg19_normalised(tensors: "Tensors", last: str | None = None) -> "nn.Module":
    from models.vgg import vgg19_normalised

    return vgg19_normalised(tensors, last)


def _vgg19_compressed(tensors: "Tensors", last: str | None = None) -> "nn.Module":
    from models.vgg import vgg19_compressed

    return vgg19_compressed(tensors, last)


def _hed(tensors: "Tensors") -> "nn.Module":
    from models.hed import hed_caffe

    return hed_caffe(tensors)


def _hed_port(tensors: "Tensors") -> "nn.Module":
    from models.hed import hed_port

    return hed_port(tensors)


def _photosketch(tensors: "Tensors") -> "nn.Module":
    from models.photosketch import photosketch_published

    return photosketch_published(tensors)


def _simplifier(tensors: "Tensors") -> "nn.Module":
    from models.simplification import simplifier_published

    return simplifier_published(tensors)


def _inception(tensors: "Tensors") -> "nn.Module":
    import torch
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    with NamedTemporaryFile(suffix=".pth") as file:  # it reads files only, and would fetch one where none is named
        torch.save(dict(tensors), file.name)
        return FeatureExtractorInceptionV3("inception-v3-compat", ["2048"], feature_extractor_weights_path=file.name)


def _edges(tensors: "Tensors") -> "nn.Module":
    from models.edges import edge_detector

    return edge_detector(tensors)


def _contours(tensors: "Tensors") -> "nn.Module":
    from models.lines import drawer

    return drawer(tensors, 3)


def _own_simplifier(tensors: "Tensors") -> "nn.Module":
    from models.lines import drawer

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
    return [*([Path(own)] if own else []), Path("data/weights"), CHECKOUT / "data" / "weights"]


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

    from models.hed import caffe_layers

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
