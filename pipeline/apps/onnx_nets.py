"""Trained nets run by ONNX Runtime: a folder that `export --onnx` wrote, or a weights file with graphs beside it.

Nothing here imports torch. What the nets take and give, in both:

scn.onnx: strokes (N, 1, S, S) and, of a net that is told, level (N, 1) -> calibrated (N, 1, S, S).
isn.onnx: strokes (N, 1, S, S) and, of a net that is told, style (N, code) -> photo (N, 3, S, S).
style.onnx, where there are styles: photo (N, 3, S, S) -> style (N, code).
All float32 in [0, 1] (styles in [-1, 1]), strokes 1 = ink. A folder's card.json: what the system is, its tones;
of a weights file its header.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.apps.model import ONNX_CARD
from pipeline.apps.system import BATCH, NO_STYLE, Codes, Halted, System
from pipeline.core.errors import UserError
from pipeline.core.polarity import unit
from pipeline.core.printable import printable
from pipeline.weights.graphs import about, graph_file, graphs_of, session

CARD, SCN, ISN, STYLE = ONNX_CARD, "scn.onnx", "isn.onnx", "style.onnx"
PARTS = tuple(Path(name).stem for name in (SCN, ISN, STYLE))  # of the graphs beside a weights file; the last is some's
ONNX = "onnx"  # as --runtime calls it


@dataclass(frozen=True)
class OnnxNet:
    """One generator, a `Net`."""

    session: Any
    encoder: Any | None
    size: int
    runs: list[Any] = field(default_factory=list, compare=False)  # options of what runs now

    @property
    def code(self) -> int:
        given = self.session.get_inputs()[1:]
        return int(given[0].shape[1]) if given else 0

    @property
    def reads_styles(self) -> bool:
        return self.encoder is not None

    def __call__(self, strokes: NDArray[np.float32], codes: Codes | None = None) -> NDArray[np.float32]:
        from onnxruntime import RunOptions

        given = [np.asarray(strokes, np.float32)[:, None]]
        if self.code:
            given.append(np.zeros((len(strokes), self.code), np.float32) if codes is None else codes)
        self.runs.append(options := RunOptions())
        try:
            return _run(self.session, given, options)
        except Exception as error:
            if options.terminate:
                raise Halted from error
            raise
        finally:
            self.runs.remove(options)

    def halt(self) -> None:
        """What runs now, in other threads, raises Halted after its next layer."""
        for options in list(self.runs):
            options.terminate = True

    def style(self, photos: NDArray[np.uint8]) -> Codes:
        """As of `Net`. Raises UserError where it reads none."""
        if self.encoder is None:
            raise UserError(NO_STYLE)
        return _run(self.encoder, [unit(np.asarray(photos)).transpose(0, 3, 1, 2)])


def _run(session: Any, given: list[NDArray[np.float32]], options: Any = None) -> NDArray[np.float32]:
    """The session's one output for inputs (N, …), a few of them at a time."""
    names = [value.name for value in session.get_inputs()]
    starts = range(0, len(given[0]), BATCH)
    parts = [{k: np.ascontiguousarray(v[i : i + BATCH]) for k, v in zip(names, given, strict=True)} for i in starts]
    return np.concatenate([session.run(None, part, options)[0] for part in parts])


def is_onnx(path: Path) -> bool:
    """Whether a path is a folder of this kind."""
    return (path / CARD).is_file()


def read_onnx(folder: Path) -> System:
    """The system of a folder. Raises UserError where a file is missing or not whole."""
    try:
        card = json.loads((folder / CARD).read_text())
        scn, isn = session(folder / SCN), session(folder / ISN)
        style = session(folder / STYLE) if (folder / STYLE).exists() else None
        return System(OnnxNet(scn, None, card["size"]), OnnxNet(isn, style, card["size"]), card=card, runtime=ONNX)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{printable(folder)}: no whole ONNX system ({error}); export it again") from error


def read_beside(weights: Path) -> System | None:
    """The system of a weights file by the graphs beside it; None where they are not, or are of another file."""
    parts = PARTS if graph_file(weights, PARTS[-1]).is_file() else PARTS[:-1]
    found = graphs_of(weights, parts)
    if found is None:
        return None
    card = about(weights)
    scn, isn, style = (*found, None)[:3]
    return System(OnnxNet(scn, None, card["size"]), OnnxNet(isn, style, card["size"]), card=card, runtime=ONNX)
