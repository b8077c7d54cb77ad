"""Command weights graphs: ONNX graphs beside a weights file that read their weights from it (pipeline.weights.graphs).

The file's tensors are named in the graph as external data: raw bytes of the safetensors file, half or single precision.
What no tensor of the file is, such as the factor of a mean, stays in the graph.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.helpers import face_points_net, line_net
from models.helpers.face_points_net import FacePointsNet
from pipeline.apps.onnx_export import Net, check_exporter, nets_of, write
from pipeline.apps.onnx_nets import PARTS
from pipeline.apps.torch_nets import CHANNELS, open_weights
from pipeline.core.console import console
from pipeline.core.errors import UserError
from pipeline.core.files import write_bytes
from pipeline.core.printable import printable
from pipeline.weights.face_finder import FIND, LOOK, LOOK_PX, NET, SIDES_PX
from pipeline.weights.graphs import DRAW, HEADER, graph_file, header_digest, header_of
from pipeline.weights.intake import identify
from pipeline.weights.tensors import load_tensors

DRAWERS = ("contour_drawer", "line_cleaner")
DTYPES = {"F16": (np.float16, 10), "F32": (np.float32, 1)}  # of safetensors -> NumPy's, ONNX's
LEAST = 64  # numbers; smaller tensors stay in the graph, where they cost less than their place in the file


def run(files: Sequence[Path]) -> None:
    """NAME.safetensors -> NAME.PART.onnx beside it, of every file: a system, the net that finds faces, one that draws.

    Raises UserError for another file and where the packages that export are missing.
    """
    check_exporter()
    for file in files:
        nets = _nets(file)
        for part in {*PARTS, FIND, LOOK, DRAW} - {*nets}:
            graph_file(file, part).unlink(missing_ok=True)  # of a system that lay there before
        for part, net in nets.items():
            made = graph(net, file)
            write_bytes(graph_file(file, part), made)
            console.print(f"{printable(graph_file(file, part))}: {len(made) / 1e3:.0f} kB")


def _nets(file: Path) -> dict[str, Net]:
    tensors = load_tensors(file)
    if any(key.startswith(tuple(f"{name}/g/" for name in CHANNELS)) for key in tensors):
        return {Path(name).stem: net for name, net in nets_of(open_weights(file, torch.device("cpu"))).items()}
    name = identify(file)
    if name in DRAWERS:
        return drawer(tensors)
    if name != NET:
        raise UserError(f"{printable(file)}: graphs are of systems, of {NET}, {', '.join(DRAWERS)}")
    return face_finder(tensors)


class _Called(nn.Module):
    """A method of a net as a net."""

    def __init__(self, net: FacePointsNet, method: str) -> None:
        super().__init__()
        self.net, self.method = net, method

    def forward(self, gray: Tensor) -> tuple[Tensor, Tensor]:
        made: tuple[Tensor, Tensor] = getattr(self.net, self.method)(gray)
        return made


def face_finder(tensors: dict[str, Tensor]) -> dict[str, Net]:
    """Part -> the net as its two looks: at a sheet of any size, and at one face."""
    net = face_points_net.unfused(tensors)
    anywhere = {2: torch.export.Dim("height", min=16, max=4096), 3: torch.export.Dim("width", min=16, max=4096)}
    sheet, face = torch.rand(1, 1, SIDES_PX[0], SIDES_PX[1]), torch.rand(1, 1, LOOK_PX, LOOK_PX)
    outputs = ("sure", "points")
    return {
        FIND: Net(_Called(net, "find"), (sheet,), ("sheet",), outputs, (anywhere,)),
        LOOK: Net(_Called(net, "look"), (face,), ("face",), outputs, (None,)),
    }


def drawer(tensors: dict[str, Tensor]) -> dict[str, Net]:
    """A LineNet that takes pictures with even sides."""
    net = line_net.unfused(tensors)
    even = {2: 2 * torch.export.Dim("height", min=8, max=4096), 3: 2 * torch.export.Dim("width", min=8, max=4096)}
    picture = torch.rand(1, net.net.near.in_channels, 288, 224)
    return {DRAW: Net(net, (picture,), ("picture",), ("drawing",), (even,))}


def graph(net: Net, weights: Path) -> bytes:
    """A net as an ONNX file that reads its weights from the file `weights`, which lies beside it."""
    import onnx

    with TemporaryDirectory() as folder:
        write(net, Path(folder) / "net.onnx", fused=False)
        return without_weights(onnx.load(Path(folder) / "net.onnx"), weights)


def without_weights(model: Any, weights: Path) -> bytes:
    """An ONNX model with the tensors that the file has, whatever their names, left to the file."""
    import onnx

    places, casts, kept = _places(weights), [], []
    for tensor in model.graph.initializer:
        place = places.get(_digest(onnx.numpy_helper.to_array(tensor)))
        kept.append(tensor if place is None else _outside(tensor, place, weights.name))
        if kept[-1].name != tensor.name:
            casts.append(onnx.helper.make_node("Cast", [kept[-1].name], [tensor.name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    for field, values in (("initializer", kept), ("node", nodes), ("value_info", ())):
        model.graph.ClearField(field)
        getattr(model.graph, field).extend(values)
    _without_origin(model)
    model.metadata_props.add(key=HEADER, value=header_digest(weights))
    return bytes(model.SerializeToString())


@dataclass(frozen=True)
class Place:
    """Where a tensor stands in a file."""

    kind: int  # of ONNX's types
    offset: int
    length: int  # bytes


def _places(weights: Path) -> dict[str, Place]:
    """Digest of a tensor's values -> where it stands: of the file's larger ones."""
    text, start = header_of(weights)
    data, found = weights.read_bytes(), {}
    for name, about in json.loads(text).items():
        if name == "__metadata__" or about["dtype"] not in DTYPES or np.prod(about["shape"]) < LEAST:
            continue
        dtype, kind = DTYPES[about["dtype"]]
        begin, end = (start + place for place in about["data_offsets"])
        values = np.frombuffer(data[begin:end], dtype).reshape(about["shape"])
        found[_digest(values.astype(np.float32))] = Place(kind, begin, end - begin)
    return found


def _digest(values: NDArray[Any]) -> str:
    return sha256(repr((values.dtype, values.shape)).encode() + values.tobytes()).hexdigest()


def _outside(tensor: Any, place: Place, file: str) -> Any:
    """The tensor as it stands in the file; of half precision under another name, to be cast."""
    import onnx

    name = tensor.name if place.kind == onnx.TensorProto.FLOAT else f"{tensor.name}.half"
    made = onnx.TensorProto(name=name, dims=tensor.dims, data_type=place.kind, data_location=onnx.TensorProto.EXTERNAL)
    for key, value in (("location", file), ("offset", place.offset), ("length", place.length)):
        made.external_data.add(key=key, value=str(value))
    return made


def _without_origin(model: Any) -> None:
    """Without what the exporter tells of a net's code: most of the bytes, and paths of this machine."""
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
