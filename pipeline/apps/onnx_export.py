"""A trained system as ONNX: a folder of nets that any runtime reads; what lies in it: pipeline.apps.onnx_nets."""

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.blocks import with_plain_norms
from models.cheaper import with_cheap_convolutions
from models.generators.modulated import ReadsStyles
from pipeline.apps.onnx_nets import CARD, ISN, SCN, STYLE
from pipeline.apps.system import System, refined
from pipeline.apps.torch_nets import TorchNet, open_weights
from pipeline.core.errors import UserError
from pipeline.core.files import new_folder
from pipeline.core.polarity import strokes_of, to_uint8, unit
from pipeline.stages.demo.renderer import render_face
from pipeline.stages.simplify import SimplifyParams, redraw
from pipeline.styles import STYLES

SMALL = 512  # numbers of a constant that may be folded where weights are to stay as they are
EXAMPLES = 2  # an example batch of one would be taken for a fixed size
FACES = 4  # ours: rendered faces whose drawings tell int8 what values to expect
WHOLE = (0, 1, -2, -1)  # ours: convolutions left in float; with the second and last but one 43 dB to float, else 37
NEEDED = "--onnx: the exporter needs two packages more: pip install 'cali-sketch[onnx]'"


@dataclass(frozen=True)
class Net:
    """A module to export."""

    module: nn.Module
    example: tuple[Tensor, ...]  # inputs
    inputs: tuple[str, ...]  # their names
    outputs: tuple[str, ...]
    open: tuple[Any, ...]  # of each input: which sides may be of any size, as torch.export's dynamic_shapes


def export(path: Path, folder: Path, int8: bool) -> None:
    """A weights file -> FOLDER. `int8`: convolutions of 8 bits, but for each net's first two and last two.

    Raises UserError for a file that is no system, and where the packages that export are missing.
    """
    check_exporter()
    system = open_weights(path, torch.device("cpu"))
    with new_folder(folder) as to:
        for name, net in nets_of(system, cheap=not int8).items():
            write(net, to / name)
        if int8:
            _quantize(system, to)
        kept = {"size": system.size, "runtime": "onnx", "int8": int8}
        (to / CARD).write_text(json.dumps(dict(system.card) | kept, indent=1))


def check_exporter() -> None:
    """Raises UserError where the packages that export are missing."""
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UserError(NEEDED) from error


def nets_of(system: System, cheap: bool = True) -> dict[str, Net]:
    """File name -> net: what lies in a folder. `cheap`: in fewer multiplications."""
    batch = {0: torch.export.Dim("batch")}
    nets = {}
    for name, (net, told, made) in {
        SCN: (system.scn, "level", "calibrated"),
        ISN: (system.isn, "style", "photo"),
    }.items():
        example = (torch.rand(EXAMPLES, 1, net.size, net.size), torch.rand(EXAMPLES, net.code))[: 2 if net.code else 1]
        inputs = ("strokes", told)[: len(example)]
        module = with_plain_norms(_module(net, restored=True))
        module = with_cheap_convolutions(module) if cheap else module
        nets[name] = Net(module, example, inputs, (made,), (batch,) * len(example))
    isn = _module(system.isn)
    if isinstance(isn, ReadsStyles):
        photos = torch.rand(EXAMPLES, 3, system.size, system.size)
        nets[STYLE] = Net(isn.encoder, (photos,), ("photo",), ("style",), (batch,))
    return nets


def _module(net: Any, restored: bool = False) -> nn.Module:
    assert isinstance(net, TorchNet)
    return net.whole if restored else net.module


def write(net: Net, path: Path, fused: bool = True) -> None:
    """One net, with its weights. `fused`: what follows from the weights alone is done, such as folding batch norms."""
    from onnxscript import optimizer

    with _quiet():
        program = torch.onnx.export(
            net.module.eval(),
            net.example,
            None,
            input_names=list(net.inputs),
            output_names=list(net.outputs),
            dynamic_shapes=net.open,
            dynamo=True,
            verbose=False,
            optimize=fused,
        )
        assert program is not None
        if not fused:
            optimizer.fold_constants(program.model, input_size_limit=SMALL, output_size_limit=SMALL)
            optimizer.remove_unused_nodes(program.model)
        program.save(str(path), external_data=False)


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter warns of its own deprecations, the quantizer of a step that nothing here needs."""
    level = logging.root.level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.root.setLevel(logging.ERROR)
        try:
            yield
        finally:
            logging.root.setLevel(level)


def _quantize(system: System, folder: Path) -> None:
    """Both nets with their inner convolutions in 8 bits, per channel, by drawings of rendered faces."""
    drawings = _drawings(system.size)
    strokes = strokes_of(unit(drawings))
    for name, net, given in ((SCN, system.scn, strokes), (ISN, system.isn, refined(system.scn, drawings))):
        told = {} if not net.code else {("level" if name == SCN else "style"): np.zeros((1, net.code), np.float32)}
        _to_int8(folder / name, [{"strokes": part[None, None]} | told for part in given])


def _to_int8(path: Path, inputs: list[dict[str, NDArray[np.float32]]]) -> None:
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):  # type: ignore[misc, unused-ignore]
        def __init__(self) -> None:
            self.left = iter(inputs)

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            return next(self.left, None)

    convolutions = [node.name for node in onnx.load(path).graph.node if node.op_type == "Conv"]
    whole = path.with_suffix(".float.onnx")
    path.rename(whole)
    with _quiet():
        quantize_static(
            whole,
            path,
            Reader(),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=[convolutions[i] for i in WHOLE],
        )
    whole.unlink()


def _drawings(side: int) -> NDArray[np.uint8]:
    """Sketches (N, S, S) of rendered faces, 255 = paper, in every style, raw and as an unpractised hand draws them."""
    from pipeline.core import params

    faces = [render_face(side, 1, number).photo for number in range(FACES)]
    styles: dict[str, Any] = {name: params.load(style.params, f"styles.{name}") for name, style in STYLES.items()}
    simple = params.load(SimplifyParams, "simplify")
    raw = [(name, STYLES[name].draw(face, styles[name])) for face in faces for name in styles]
    drawn = [sketch for name, one in raw for sketch in (one, redraw(one, name, "", simple).deformed)]
    return np.stack([to_uint8(sketch) for sketch in drawn])
