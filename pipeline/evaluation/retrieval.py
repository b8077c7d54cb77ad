"""Command evaluate-retrieval: people's drawings of held-out faces searched for among photos, in every way there is.

data/faces as crop wrote it: probes are the drawings of a split, the gallery their photos and so many of other people.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.apps.embeddings import EMBEDDINGS, Embedding, opened
from pipeline.apps.faces import Asked, Face
from pipeline.apps.retrieve import uncalibrated
from pipeline.apps.system import System
from pipeline.core.console import console
from pipeline.core.errors import UserError
from pipeline.core.files import write_bytes
from pipeline.core.image_io import read_gray, read_photo
from pipeline.core.layout import Layout, made_with
from pipeline.core.manifest import Face as Listed
from pipeline.core.manifest import read_photographed
from pipeline.core.parallel import map_images
from pipeline.core.polarity import Sketch, Strokes, strokes_of, to_uint8
from pipeline.core.tables import print_table
from pipeline.drawing.face_prior import Eyes
from pipeline.evaluation.metrics.places import USUAL
from pipeline.stages.crop.splits import place
from pipeline.weights.registry import WeightsError

Vectors = NDArray[np.float32]  # (N, D), each of length 1
WAYS = ("drawing", "calibrated", "photo without SCN", "photo")  # what of a drawing is compared
CMC = 50  # ranks of the curve
SURE = 1.96  # deviations of a 95 % interval


@dataclass(frozen=True)
class Gallery:
    """Who is looked for, and who else is there."""

    probes: Sequence[Listed]
    others: Sequence[Listed]  # in an order that more of them never change


@dataclass(frozen=True)
class Searched:
    """What is searched for, and among whom."""

    split: str  # whose drawings
    drawn: str  # by people, or in a style that is simplified
    distractors: Sequence[int]  # photos of other people
    by: Sequence[str]  # rows of EMBEDDINGS; none: all


def run(searched: Searched, asked: Asked, refine: float, out: Path | None, jobs: int) -> None:
    """Print a table a number of distractors and write OUT (JSON): rank-1, rank-10, mAP, CMC of all ways.

    Raises UserError where a split has no such drawing.
    """
    layout, split, drawn = Layout(asked.data), searched.split, searched.drawn
    folder = layout.artist if drawn == "people" else layout.simplified(drawn) / "deformed"
    gallery = gallery_of(layout, split, folder)
    counts = sorted({min(count, len(gallery.others)) for count in searched.distractors})
    crop = made_with(layout.faces)
    eyes = Eyes(crop.get("eye_y", USUAL.eye_y), crop.get("eye_distance", USUAL.eye_distance))
    system = asked.opened(refine)
    made = asked_of(system, [read_gray(folder / f"{face.id}.png") for face in gallery.probes])
    embeddings = present(searched.by or tuple(EMBEDDINGS), eyes)
    shown, one = [*gallery.probes, *gallery.others[: counts[-1]]], partial(_photo, layout, list(embeddings.values()))
    vectors = map_images(one, shown, jobs, "photos")
    found = []
    for column, ((name, hair), embedding) in enumerate(embeddings.items()):
        photos = np.stack([of_photo[column] for of_photo in vectors])
        for way in WAYS:
            ranks = ranks_of(np.stack([vector_of(embedding, way, faces) for faces in made]), photos, counts)
            found += [{"by": name, "of": way, "hair": hair, **row} for row in ranks]
    about = asked.told(system) | {"refine": refine, "split": split, "drawn": drawn, "probes": len(gallery.probes)}
    _tell(found, about)
    if out:
        write_bytes(out, json.dumps(about | {"rows": found}, indent=1, default=str).encode())


def gallery_of(layout: Layout, split: str, drawings: Path) -> Gallery:
    """Faces of a split that were drawn, and all others, of whatever split. Raises UserError for none."""
    listed = read_photographed(layout)
    probes = [face for face in listed if face.split == split and (drawings / f"{face.id}.png").exists()]
    if not probes:
        raise UserError(f"evaluate-retrieval: no face of split '{split}' is drawn in {drawings}; see crop.sketches")
    people = {face.subject for face in probes}
    others = [face for face in listed if face.subject not in people and face.eyes is None]
    return Gallery(probes, sorted(others, key=lambda face: place(face.id)))


def asked_of(system: System, drawings: Sequence[NDArray[np.float32]]) -> list[tuple[Face, Face]]:
    """Each drawing (S, S), 1 = paper, through the system: as if no SCN were, and with it."""
    found = []
    for drawing in drawings:
        strokes, photo = system.photo(to_uint8(np.asarray(drawing, np.float32)))
        face = Face(Sketch(drawing), Strokes(strokes), photo, ())
        found.append((uncalibrated(system, face), face))
    return found


def vector_of(embedding: Embedding, way: str, faces: tuple[Face, Face]) -> NDArray[np.float32]:
    """One of WAYS of a drawing, of length 1."""
    raw, calibrated = faces
    if way == "drawing":
        return embedding.strokes(strokes_of(raw.drawing))
    if way == "calibrated":
        return embedding.strokes(calibrated.strokes)
    return embedding.photo(calibrated.photo if way == "photo" else raw.photo)


def present(names: Sequence[str], eyes: Eyes) -> dict[tuple[str, bool], Embedding]:
    """(name, with hair) -> the embedding, of those whose nets are there; says why of the others."""
    found = {}
    for name, hair in product(names, (True, False)):
        try:
            found[name, hair] = opened(name, eyes, not hair)[1]
        except WeightsError as error:
            console.print(f"evaluate-retrieval: {name} not computed: {error}")
    return found


def _photo(layout: Layout, embeddings: Sequence[Embedding], face: Listed) -> list[NDArray[np.float32]]:
    crop = read_photo(layout.photos / f"{face.id}.png")
    return [embedding.photo(crop) for embedding in embeddings]


def ranks_of(queries: Vectors, photos: Vectors, counts: Sequence[int]) -> list[dict[str, Any]]:
    """Of each number of distractors: rank-1 and its 95 % interval, rank-10, mAP, CMC.

    `queries` (P, D); `photos` (P + others, D), the first P the queries' own. A tie is the worse rank.
    """
    alike = queries @ photos.T
    people = np.arange(len(queries))
    own = alike[people, people]
    beaten = alike >= own[:, None]
    beaten[people, people] = False
    return [{"distractors": count, **scores(1 + beaten[:, : len(queries) + count].sum(1))} for count in counts]


def scores(ranks: NDArray[np.int64]) -> dict[str, Any]:
    """Of the rank of each drawing's own photo, from 1: shares of drawings; mAP is the mean of 1 / rank, of one each."""
    hits = [float((ranks <= rank).mean()) for rank in range(1, CMC + 1)]
    low, high = wilson(hits[0], len(ranks))
    return {
        "rank1": hits[0],
        "rank1_from": low,
        "rank1_to": high,
        "rank10": hits[9],
        "map": float((1 / ranks).mean()),
        "median_rank": float(np.median(ranks)),
        "cmc": hits,
    }


def wilson(share: float, count: int) -> tuple[float, float]:
    """95 % interval of a share of `count` (Wilson 1927)."""
    middle = (share + SURE**2 / (2 * count)) / (1 + SURE**2 / count)
    half = SURE * np.sqrt(share * (1 - share) / count + SURE**2 / (4 * count**2)) / (1 + SURE**2 / count)
    return float(max(0, middle - half)), float(min(1, middle + half))


def _tell(found: Sequence[Mapping[str, Any]], about: Mapping[str, Any]) -> None:
    heads = ["by", "of", "hair", "rank-1", "95 %", "rank-10", "mAP", "median rank"]
    for count in sorted({row["distractors"] for row in found}):
        rows = [
            [
                row["by"],
                row["of"],
                "with" if row["hair"] else "without",
                f"{row['rank1']:.3f}",
                f"{row['rank1_from']:.2f} to {row['rank1_to']:.2f}",
                f"{row['rank10']:.3f}",
                f"{row['map']:.3f}",
                f"{row['median_rank']:g}",
            ]
            for row in found
            if row["distractors"] == count
        ]
        print_table(heads, rows, f"{about['probes']} drawings ({about['drawn']}), {count} distractors", keys=3)
