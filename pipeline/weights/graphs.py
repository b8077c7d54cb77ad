"""Nets that run without torch: ONNX graphs that lie beside a weights file and read their weights from it.

NAME.safetensors has NAME.PART.onnx for each of its nets, some 25 kB each; `cali-sketch weights graphs` writes them. A
graph holds the digest of the file's header, where its tensors are named and placed: one of another file is not run.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.core.cores import threads

DRAW = "draw"  # the graph of a net that draws one picture
HEADER = "weights_header"  # under this the graph keeps the digest
MOST_HEADER = 100 << 20  # bytes, as safetensors has it


def graph_file(weights: Path, part: str) -> Path:
    """NAME.safetensors -> NAME.PART.onnx."""
    return weights.with_suffix(f".{part}.onnx")


def header_of(weights: Path) -> tuple[bytes, int]:
    """What a safetensors file says of its tensors, JSON, and where their bytes begin. Raises OSError."""
    with weights.open("rb") as file:
        size = min(int.from_bytes(file.read(8), "little"), MOST_HEADER)
        return file.read(size), 8 + size


def about(weights: Path) -> dict[str, Any]:
    """What `pipeline.training.checkpoint.save_tensors` was told of the tensors."""
    made: dict[str, Any] = json.loads(json.loads(header_of(weights)[0])["__metadata__"]["about"])
    return made


def header_digest(weights: Path) -> str:
    """Of the part of a safetensors file that says what tensors it holds, and where. Raises OSError."""
    return hashlib.sha256(header_of(weights)[0]).hexdigest()


def graphs_of(weights: Path, parts: Sequence[str]) -> list[Any] | None:
    """A session of each part of a weights file; None where one is missing or broken, or is of another file."""
    if not all(graph_file(weights, part).is_file() for part in parts):
        return None
    try:
        digest = header_digest(weights)
        found = [session(graph_file(weights, part)) for part in parts]
    except (OSError, ValueError, ImportError):
        return None
    fit = all(one.get_modelmeta().custom_metadata_map.get(HEADER) == digest for one in found)
    return found if fit else None


def session(path: Path) -> Any:
    """An ONNX file, ready to run on this machine's cores, which it leaves to others while it waits.

    Raises ValueError where it is none, ImportError where there is no ONNX Runtime.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads()
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises its own kinds, one a fault
        raise ValueError(f"{path.name}: {(str(error).splitlines() or ['unreadable'])[0][:200]}") from error
