"""Command weights graphs: ONNX graphs beside a weights file that read their weights from it (pipeline.weights.graphs).

The file's tensors are named in the graph as external data: raw bytes of the safetensors file, half or single precision.
What no tensor of the file is, such as the factor of a mean, stays in the graph.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.helpers.face_points_net import FacePointsNet, unfused
from pipeline.apps.onnx_export import Net, check_exporter, nets_of, write
from pipeline.apps.torch_nets import CHANNELS, open_weights
from pipeline.core.console import console
from pipeline.core.errors import UserError
from pipeline.core.files import write_bytes
from pipeline.core.printable import printable
from pipeline.weights.face_finder import FIND, LOOK, LOOK_PX, NET, SIDES_PX
from pipeline.weights.graphs import HEADER, graph_file, header_digest, header_of
from pipeline.weights.intake import identify
from pipeline.weights.tensors import load_tensors

DTYPES = {"F16": (np.float16, 10), "F32": (np.float32, 1)}  # of safetensors -> NumPy's, ONNX's
CALLED = "net."  # before names of a net whose method is exported
LEAST = 64  # numbers; smaller tensors stay in the graph, where they cost less than their place in the file


def run(files: Sequence[Path]) -> None:
    """NAME.safetensors -> NAME.PART.onnx beside it, of every file: a system, or the net that finds faces.

    Raises UserError for another file and where the packages that export are missing.
    """
    check_exporter()
    for file in files:
        for part, net in _nets(file).items():
            made = graph(net, file)
            write_bytes(graph_file(file, part), made)
            console.print(f"{printable(graph_file(file, part))}: {len(made) / 1e3:.0f} kB")


def _nets(file: Path) -> dict[str, Net]:
    tensors = load_tensors(file)
    if any(key.startswith(tuple(f"{name}/g/" for name in CHANNELS)) for key in tensors):
        return {Path(name).stem: net for name, net in nets_of(open_weights(file, torch.device("cpu"))).items()}
    if identify(file) != NET:
        raise UserError(f"{printable(file)}: graphs are of systems and of {NET}")
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
    net = unfused(tensors)
    anywhere = {2: torch.export.Dim("height", min=16, max=4096), 3: torch.export.Dim("width", min=16, max=4096)}
    sheet, face = torch.rand(1, 1, SIDES_PX[0], SIDES_PX[1]), torch.rand(1, 1, LOOK_PX, LOOK_PX)
    outputs = ("sure", "points")
    return {
        FIND: Net(_Called(net, "find"), (sheet,), ("sheet",), outputs, (anywhere,)),
        LOOK: Net(_Called(net, "look"), (face,), ("face",), outputs, (None,)),
    }


def graph(net: Net, weights: Path) -> bytes:
    """A net as an ONNX file that reads its weights from the file `weights`, which lies beside it."""
    import onnx

    with TemporaryDirectory() as folder:
        write(net, Path(folder) / "net.onnx", fused=False)
        return without_weights(onnx.load(Path(folder) / "net.onnx"), weights, net.prefix)


def without_weights(model: Any, weights: Path, prefix: str) -> bytes:
    """An ONNX model with the tensors that the file has, under their names behind `prefix`, left to the file."""
    import onnx

    text, start = header_of(weights)
    header = json.loads(text)
    casts, kept = [], []
    for tensor in model.graph.initializer:
        place = header.get(prefix + tensor.name.removeprefix(CALLED))
        if place is None or place["dtype"] not in DTYPES or not _same(tensor, place, weights, start):
            kept.append(tensor)
            continue
        kept.append(_outside(tensor, place, weights.name, start))
        if kept[-1].name != tensor.name:
            casts.append(onnx.helper.make_node("Cast", [kept[-1].name], [tensor.name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    for field, values in (("initializer", kept), ("node", nodes), ("value_info", ())):
        model.graph.ClearField(field)
        getattr(model.graph, field).extend(values)
    _without_origin(model)
    model.metadata_props.add(key=HEADER, value=header_digest(weights))
    return bytes(model.SerializeToString())


def _same(tensor: Any, place: dict[str, Any], weights: Path, start: int) -> bool:
    """Whether a tensor of the graph is one of the file: folded or turned ones are not."""
    import onnx

    begin, end = place["data_offsets"]
    with weights.open("rb") as file:
        file.seek(start + begin)
        found = np.frombuffer(file.read(end - begin), DTYPES[place["dtype"]][0]).reshape(place["shape"])
    values: NDArray[Any] = onnx.numpy_helper.to_array(tensor)
    return found.size >= LEAST and values.dtype == np.float32 and np.array_equal(found.astype(np.float32), values)


def _outside(tensor: Any, place: dict[str, Any], name: str, start: int) -> Any:
    """The tensor as it stands in the file `name`; of half precision under another name, to be cast."""
    import onnx

    begin, end = place["data_offsets"]
    kind = DTYPES[place["dtype"]][1]
    called = tensor.name if kind == onnx.TensorProto.FLOAT else f"{tensor.name}.half"
    made = onnx.TensorProto(name=called, dims=tensor.dims, data_type=kind, data_location=onnx.TensorProto.EXTERNAL)
    for key, value in (("location", name), ("offset", start + begin), ("length", end - begin)):
        made.external_data.add(key=key, value=str(value))
    return made


def _without_origin(model: Any) -> None:
    """Without what the exporter tells of a net's code: most of the bytes, and paths of this machine."""
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
