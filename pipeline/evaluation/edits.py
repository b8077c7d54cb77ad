"""Figure 8 as a table: held-out faces edited from clean, deformed and people's strokes, each raw and calibrated.

Of every face one part is erased, the same for all rows; the drawing's strokes there are given, no colours.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.apps.edit import Editor, Hints
from pipeline.apps.system import System
from pipeline.core.contact_sheet import contact_sheet
from pipeline.core.dataset import ARTIST, Split, read_split
from pipeline.core.errors import UserError
from pipeline.core.files import write_bytes
from pipeline.core.image_io import write_photo
from pipeline.core.layout import Layout
from pipeline.core.polarity import Edges, Photo, Strokes, sketch_of, strokes_of, to_uint8, unit
from pipeline.core.tables import print_table
from pipeline.evaluation.completion import by_turns
from pipeline.evaluation.metrics.identity import Identity, likeness
from pipeline.evaluation.metrics.image import ssim
from pipeline.evaluation.metrics.places import eyes_of
from pipeline.evaluation.pair_nets import PairNets, pair_nets
from pipeline.evaluation.systems import drawings
from pipeline.training.erasing import NO_COLOUR, Eraser, ErasingParams
from pipeline.weights.registry import WeightsError

ERASED = ErasingParams(feature=1.0, hair=0.3, box=0.0, brush_px=24, strokes=1.0, colours=0.0)  # ours
SEED = 8  # of what is erased
ROWS = 8  # of the sheet
Ink = NDArray[np.float32]


@dataclass(frozen=True)
class Faces:
    """A split with one part of each face erased, and its drawings by kind."""

    photos: NDArray[np.uint8]  # (N, S, S, 3)
    lines: Ink  # (N, S, S) their own, Canny ⊙ HED, 1 = ink
    masks: NDArray[np.bool_]  # (N, S, S) true = erased
    kinds: Mapping[str, Ink]  # (N, S, S), 1 = ink


def faces_of(split: Split, most: int) -> Faces:
    """The first `most` faces of a split."""
    count = min(most, len(split.ids))
    photos, lines = np.asarray(split.layers["photo"][:count]), unit(np.asarray(split.layers["product"][:count]))
    kinds = {"clean": lines, "deformed": strokes_of(unit(by_turns(drawings(split, "deformed"), 0, count)))}
    if f"sketch/{ARTIST}" in split.layers:
        kinds["people"] = strokes_of(unit(np.asarray(split.layers[f"sketch/{ARTIST}"][:count])))
    numbers = torch.from_numpy(np.random.default_rng(SEED).random((count, 7)))
    eraser, blank = Eraser(ERASED, eyes_of(split), split.size), torch.zeros(1, 3, split.size, split.size)
    masks = [eraser(blank, blank[:, :1], numbers[i : i + 1], blank)[0, 7].numpy() > 0 for i in range(count)]
    return Faces(photos, lines, np.stack(masks), kinds)


def strokes_given(faces: Faces, kind: str, scn: System | None) -> Ink:
    """Strokes (N, S, S) where it is erased: as drawn, or as the SCN has them among the photo's own lines."""
    drawn = faces.kinds[kind]
    if scn is None:
        return drawn * faces.masks
    side, shape = scn.size, faces.photos.shape[1:3]
    whole = np.where(faces.masks, drawn, faces.lines).astype(np.float32)
    sketches = np.stack([to_uint8(sketch_of(_resized(one, (side, side)))) for one in whole])
    return np.stack([_resized(one, shape) for one in scn.refine(sketches)]) * faces.masks


def _resized(ink: Ink, shape: tuple[int, ...]) -> Ink:
    method = cv2.INTER_AREA if shape[0] < len(ink) else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(ink, shape[1::-1], interpolation=method), np.float32)


def filled(faces: Faces, strokes: Ink, editor: Editor) -> NDArray[np.uint8]:
    """Photos (N, S, S, 3) with what is erased drawn anew."""
    from pipeline.core.progress import tracked

    none = np.full((*faces.photos.shape[1:3], 3), NO_COLOUR, np.float32)

    def made() -> Iterator[Photo]:
        for photo, mask, ink, lines in zip(faces.photos, faces.masks, strokes, faces.lines, strict=True):
            whole = editor.fill(photo, Hints(mask, Strokes(ink), none), Edges(lines))
            yield np.where(mask[..., None], whole, photo)

    return np.stack(list(tracked(made(), "edits", len(faces.photos))))


def scores(faces: Faces, made: NDArray[np.uint8], nets: PairNets) -> dict[str, float]:
    """erased_psnr: of the erased pixels alone, dB, over all faces; ssim, LPIPS, identity of whole crops."""
    off = (faces.photos.astype(np.float64) - made)[faces.masks]
    found = {"erased_psnr": float(10 * np.log10(255**2 / max(float(np.mean(off**2)), 1e-9)))}
    found["ssim"] = float(np.mean([ssim(*pair) for pair in zip(faces.photos, made, strict=True)]))
    judged = nets.scores(faces.photos, made)
    found |= {name: float(np.mean([one[name] for one in judged])) for name in nets.nets}
    try:
        identity = Identity(torch.device("cpu"))
    except WeightsError:
        return found
    cosine, rank1 = likeness(identity(faces.photos), identity(made))
    return found | {"identity": cosine, "identity_rank1": rank1}


def run(editor: Editor, scn: System, split: str, most: int, data: Path, out: Path | None, sheet: Path | None) -> None:
    """A row a kind of strokes, raw and calibrated, printed and as JSON OUT; SHEET: a picture of eight faces.

    Raises UserError where the packed faces have another size than the net.
    """
    faces = faces_of(read_split(Layout(data), split), most)
    if faces.photos.shape[1] != editor.crop.size:
        raise UserError(f"evaluate-edit: faces of {faces.photos.shape[1]} px, the net knows {editor.crop.size} px")
    nets, table, pictures = pair_nets(editor.device), dict[str, dict[str, float]](), dict[str, NDArray[np.uint8]]()
    for kind in faces.kinds:
        for how, system in (("raw", None), ("calibrated", scn)):
            name = f"{kind}, {how}"
            pictures[name] = filled(faces, strokes_given(faces, kind, system), editor)
            table[name] = scores(faces, pictures[name], nets)
    nothing = filled(faces, np.zeros_like(faces.lines), editor)
    table["no strokes"] = scores(faces, nothing, nets)
    heads = ["strokes", *next(iter(table.values()))]
    rows = [[name, *(f"{value:.4g}" for value in found.values())] for name, found in table.items()]
    print_table(heads, rows, f"{split}: {len(faces.photos)} faces, {faces.masks.mean():.0%} erased")
    if out is not None:
        about = {"split": split, "faces": len(faces.photos), "erased": float(faces.masks.mean()), "rows": table}
        write_bytes(out, json.dumps(about, indent=1).encode())
    if sheet is not None:
        _write_sheet(faces, pictures, sheet)


def _write_sheet(faces: Faces, pictures: Mapping[str, NDArray[np.uint8]], path: Path) -> None:
    rows = []
    for i in range(min(ROWS, len(faces.photos))):
        gone = np.where(faces.masks[i][..., None], np.uint8(255), faces.photos[i])
        rows.append([faces.photos[i], gone, *(made[i] for made in pictures.values())])
    write_photo(path, contact_sheet(rows, ["photo", "erased", *pictures], [""] * len(rows), 160))
