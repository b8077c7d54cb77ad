"""Command evaluate-face-points: people's drawings (FS2K) laid anywhere on larger sheets, their eyes found again.

Where the eyes are is known twice. `photo`: where a detector of `crop` finds them in the photo of each drawing; what a
person drew elsewhere then counts as missed. `drawn`: where they were drawn, marked by eye in drawn_eyes.csv for all
drawings of val: pupil or iris, of a closed eye the middle between its corners; px of `read_pair`. Marked twice, 20
drawings differed by 1.1 % of the face's width at the worse eye, 2.1 % at the 95th percentile. The split val chooses
settings; test, of which nothing is marked, is looked at once.
"""

import csv
import json
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.contact_sheet import contact_sheet
from pipeline.core.errors import UserError
from pipeline.core.files import write_bytes
from pipeline.core.image_io import write_photo
from pipeline.core.parallel import map_images
from pipeline.core.polarity import Photo, Sketch, to_uint8, unit
from pipeline.drawing.scale import resized
from pipeline.helpers.contour_drawer.fs2k import read_pair, split_ids
from pipeline.helpers.face_points.sheets import things
from pipeline.stages.crop.locate import LOCATORS
from pipeline.stages.crop.settings import CropParams, Unusable
from pipeline.weights.face_finder import find_faces, middle_of

STYLES = (0, 1, 2)  # of FS2K: all
VAL_SHARE, TEST_SHARE = 0.1, 0.2  # as contour_drawer.yaml has them, so that what a net has not seen is the same
SHEET_PX = 1024
FACE_EYES = 2.17  # width of a face in distances of its eyes: 137 and 63 mm
NEAR = 0.06  # of the face's width: an eye is found
LARGE, SMALL = 1.0, 0.1  # width of a face beside the sheet's, from and to
ANGLE_DEG = 30.0
SHOWN = 12
PHOTO, DRAWN = "photo", "drawn"  # the two truths
MARKS = Path(__file__).with_name("drawn_eyes.csv")
Eyes = NDArray[np.float64]  # (2, 2): left and right, x and y, px


@dataclass(frozen=True)
class Laid:
    """A drawing somewhere on a sheet (S, S), 1 = paper, and its eyes by each truth."""

    sheet: Sketch
    eyes: dict[str, Eyes]


@dataclass(frozen=True)
class Score:
    """Of one sheet."""

    errors: dict[str, float]  # by each truth: of the worse eye, in widths of the face; inf: no face found
    width: float  # of the face beside the sheet's
    faces: int


def laid(drawing: Sketch, eyes: dict[str, Eyes], rng: np.random.Generator) -> Laid:
    """A drawing (H, W) at any size (by the photo's eyes), turn and place of a sheet that has other things on it."""
    across = complex(*(eyes[PHOTO][1] - eyes[PHOTO][0]))
    whole = max(drawing.shape) / (abs(across) * FACE_EYES)  # the drawing in widths of its face
    width = float(np.exp(rng.uniform(np.log(SMALL), np.log(LARGE / whole))))
    turn = width * SHEET_PX / FACE_EYES / abs(across) * np.exp(1j * np.radians(rng.uniform(-ANGLE_DEG, ANGLE_DEG)))
    linear = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    reach = min(0.5, whole * width / 2) * SHEET_PX
    middle = linear @ (np.array(drawing.shape[::-1]) - 1) / 2
    matrix = np.column_stack([linear, rng.uniform(reach, SHEET_PX - reach, 2) - middle])
    small, matrix_small = _reduced(drawing, matrix)
    size = (SHEET_PX, SHEET_PX)
    moved = np.asarray(cv2.warpAffine(small, matrix_small, size, borderValue=(1.0,)), np.float32)
    at = {truth: points @ linear.T + matrix[:, 2] for truth, points in eyes.items()}
    return Laid(_with_others(moved, at[PHOTO], rng), at)


def _reduced(drawing: Sketch, matrix: NDArray[np.float64]) -> tuple[Sketch, NDArray[np.float64]]:
    """Reduced by area first where it shrinks."""
    scale = min(1.0, float(np.hypot(*matrix[:, 0])))
    size = [max(8, round(side * scale)) for side in drawing.shape[::-1]]
    grow = np.array(drawing.shape[::-1]) / np.array(size)
    small = cv2.resize(drawing, size, interpolation=cv2.INTER_AREA)
    return Sketch(np.asarray(small, np.float32)), np.column_stack(
        [matrix[:, :2] * grow, matrix[:, 2] + matrix[:, :2] @ ((grow - 1) / 2)]
    )


def _with_others(sheet: NDArray[np.float32], eyes: Eyes, rng: np.random.Generator) -> Sketch:
    """Other things, not on the face."""
    others = unit(resized(things(rng, 4.0), (SHEET_PX, SHEET_PX)))
    y, x = np.ogrid[:SHEET_PX, :SHEET_PX]
    middle = middle_of(eyes)
    others[np.hypot(x - middle[0], y - middle[1]) < 1.7 * np.hypot(*(eyes[1] - eyes[0]))] = 1
    return Sketch(np.clip(np.minimum(sheet, others), 0, 1).astype(np.float32))


def score(one: Laid) -> Score:
    """The surest face found against the true one."""
    found = find_faces(one.sheet)
    errors = {truth: _off(found[0].points[:2], eyes) if found else float("inf") for truth, eyes in one.eyes.items()}
    return Score(errors, _width(one.eyes[PHOTO]) / SHEET_PX, len(found))


def _off(found: Eyes, eyes: Eyes) -> float:
    """Of the worse eye, in widths of the face."""
    return float(np.hypot(*(found - eyes).T).max()) / _width(eyes)


def _width(eyes: Eyes) -> float:
    """Of the face, px."""
    return float(np.hypot(*(eyes[1] - eyes[0]))) * FACE_EYES


def summary(scores: list[Score], truth: str) -> dict[str, float]:
    """Of faces whose eyes `truth` knows: share with both eyes found, all and by size; errors; share found once."""
    known = [s for s in scores if truth in s.errors]
    errors, widths = np.array([s.errors[truth] for s in known]), np.array([s.width for s in known])
    found = errors <= NEAR
    parts = {"small": widths < 0.2, "middle": (widths >= 0.2) & (widths < 0.4), "large": widths >= 0.4}
    return {
        "n": len(known),
        "both_eyes": float(found.mean()),
        **{name: float(found[part].mean()) for name, part in parts.items() if part.any()},
        "median": float(np.median(errors)),
        "p95": float(np.percentile(errors, 95, method="lower")),  # no mean of two: an error may be infinite
        "one": float(np.mean([s.faces == 1 for s in known])),
    }


def run(folder: Path, split: str, crop: CropParams, seed: int, out: Path | None, sheet: Path | None, jobs: int) -> None:
    """Print the scores of a split by each truth; write them to `out`, and a contact sheet to `sheet`, where given."""
    splits = split_ids(folder, STYLES, VAL_SHARE, TEST_SHARE)
    if split not in splits:
        raise UserError(f"evaluate-face-points: no split '{split}'; there are {', '.join(splits)}")
    one = partial(_one, folder, crop, seed)
    made = [s for s in map_images(one, splits[split], jobs, "evaluate-face-points") if s is not None]
    truths = [truth for truth in (PHOTO, DRAWN) if any(truth in s.errors for s in made)]
    scores = {truth: summary(made, truth) for truth in truths}
    for truth, of_truth in scores.items():
        print(f"face_points on {split}, eyes as {truth}: " + ", ".join(f"{k} {v:.4g}" for k, v in of_truth.items()))
    if out:
        write_bytes(out, json.dumps({"split": split, "seed": seed} | scores, indent=1).encode())
    if sheet:
        write_photo(sheet, _sheet([partial(_laid, folder, crop, seed, name) for name in splits[split][:SHOWN]]))


def _one(folder: Path, crop: CropParams, seed: int, name: str) -> Score | None:
    made = _laid(folder, crop, seed, name)
    return score(made) if made is not None else None


def _laid(folder: Path, crop: CropParams, seed: int, name: str) -> Laid | None:
    """None where the photo's eyes are not found: by them it is sized."""
    pair = read_pair(folder, name)
    try:
        found = LOCATORS[crop.detector](folder / "photos" / f"{name}.jpg", pair.photo, crop)
    except Unusable:
        return None
    eyes = {PHOTO: np.array([found.left, found.right])}
    if name in marks():
        eyes[DRAWN] = marks()[name]
    digits = int.from_bytes(name.encode()[-8:], "big")
    return laid(pair.drawing, eyes, np.random.default_rng([seed, digits]))


@cache
def marks() -> dict[str, Eyes]:
    """Name of a drawing of FS2K -> where its eyes were drawn, px of `read_pair`."""
    with MARKS.open(newline="", encoding="utf-8") as file:
        _, *rows = csv.reader(file)
    return {name: np.array(numbers, np.float64).reshape(2, 2) for name, *numbers in rows}


def _sheet(makers: list[partial[Laid | None]]) -> Photo:
    """What was laid, the true eyes in blue, as drawn where they are marked; all points found in red."""
    cells = []
    for make in makers:
        made = make()
        if made is None:
            continue
        picture = cv2.cvtColor(to_uint8(made.sheet), cv2.COLOR_GRAY2RGB)
        for x, y in made.eyes.get(DRAWN, made.eyes[PHOTO]):
            cv2.circle(picture, (round(x), round(y)), 12, (0, 0, 255), 3)
        for face in find_faces(made.sheet):
            for x, y in face.points:
                cv2.circle(picture, (round(x), round(y)), 5, (255, 0, 0), -1)
        cells.append(np.asarray(picture, np.uint8))
    rows = [cells[i : i + 4] for i in range(0, len(cells) - 3, 4)]
    return contact_sheet(rows, ["", "", "", ""], [""] * len(rows), 320)
