"""What calibration completes: drawings with patches erased, their lines looked for where they were.

The patches are those of pipeline/training/human_hand.py, drawn with a seed of their own: one to three a face, an eighth
to a quarter of the side. Each face is drawn in one of the styles, by turns.
"""

from collections import Counter
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.core.dataset import ARTIST, Split
from pipeline.core.polarity import sketch_of, strokes_of, to_uint8, unit
from pipeline.evaluation.feature_sets import BATCH
from pipeline.evaluation.metrics.places import eyes_of
from pipeline.evaluation.summaries import Scores
from pipeline.evaluation.systems import Drawings, Opened
from pipeline.training.completion import counts
from pipeline.training.human_hand import Hand, HandParams, named, random_numbers

SEED = 15  # ours: of the patches
NO_HAND = HandParams(0, 0, 0, 0, 0, 0, 0, 0, 0)  # nothing is done to a drawing but what is asked for


def completion(label: str, system: Opened, split: Split, styles: Mapping[str, Drawings]) -> Scores:
    """Over all faces: completion, completion_precision; nothing of a system that calibrates nothing.

    completion: share of the true Canny ⊙ HED's lines found within 2 px where they were erased; completion_precision:
    share of what was drawn there that is within 2 px of a true line; None where there is nothing to share.
    """
    from pipeline.core.progress import tracked  # not at the top: no result depends on how it looks

    total = Counter[str]()
    starts = range(0, len(split.ids), BATCH)
    for start in tracked(starts, f"{label}: parts erased", len(starts)):
        faces = slice(start, start + BATCH)
        photos, product = (np.asarray(split.layers[name][faces]) for name in ("photo", "product"))
        gone = patches(split, start, len(photos))
        left = erased(by_turns(styles, start, len(photos)), gone)
        strokes = system.strokes(left, photos)
        if strokes is None:
            return {}
        of = (strokes, strokes_of(unit(left)), unit(product), gone)
        found = counts(*(torch.from_numpy(np.asarray(part, np.float32))[:, None] for part in of))
        total.update({name: int(part.sum()) for name, part in found.items()})
    return {
        "completion": _share(total["found"], total["missing"]),
        "completion_precision": _share(total["right"], total["drawn"]),
    }


def by_turns(styles: Mapping[str, Drawings], start: int, count: int) -> NDArray[np.uint8]:
    """Sketches (count, S, S) of the faces from `start` on: each in the next of the synthetic styles."""
    names = [name for name in styles if name != ARTIST]
    return np.stack([styles[names[face % len(names)]][face] for face in range(start, start + count)])


def patches(split: Split, start: int, count: int) -> NDArray[np.float32]:
    """What is erased of the faces from `start` on: (count, S, S) in [0, 1], 1 = gone."""
    numbers = torch.from_numpy(random_numbers(SEED, start, count))
    always = torch.ones(count, 1)
    gone = Hand(NO_HAND, eyes_of(split), split.size, torch.device("cpu")).erased(named(numbers), always)
    return np.asarray(gone[:, 0].numpy(), np.float32)


def erased(sketches: NDArray[np.uint8], gone: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Sketches (N, S, S), 255 = paper, with paper where `gone` is 1."""
    kept = sketch_of(gone)
    return to_uint8(sketch_of(strokes_of(unit(sketches)) * kept))


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
