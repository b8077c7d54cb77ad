"""Which faces train, which are looked at meanwhile, which are tested: whole subjects."""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pipeline.core.errors import UserError
from pipeline.core.manifest import TEST, TRAIN, VAL, Face
from pipeline.stages.crop.settings import SplitParams
from pipeline.stages.crop.subjects import listed_subject

BY_SHARE = ("subject", "hash")  # methods that choose test people by their share


def assign_splits(faces: Sequence[Face], params: SplitParams, root: Path = Path()) -> list[Face]:
    """Faces with subject and split set; `root`: the folder of photos, for tables of subjects.

    Raises UserError for a face in no split, a subject in two, a table without its photo.
    """
    known = [replace(face, subject=_subject(face, params, root)) for face in faces]
    done = [replace(face, split=_split(face, params)) for face in known]
    _check_subjects(done)
    return done


def place(subject: str) -> float:
    """Where in [0, 1) a subject stands: the same among any others."""
    return int(hashlib.sha256(subject.encode()).hexdigest()[:13], 16) / 16**13


def shortage(faces: Sequence[Face], params: SplitParams) -> str:
    """What the splits lack, with a remedy; "" for nothing.

    Raises UserError where no face is left to train on, or none to measure though shares ask for some.
    """
    counts = Counter(face.split for face in faces)
    remedy = "add photos or change crop.splits.test_share and val_share"
    if not counts[TRAIN]:
        raise UserError(f"crop: none of {len(faces)} faces is in split {TRAIN}: nothing to train on; {remedy}")
    if len(counts) == 1:
        lack = f"all {len(faces)} faces are in split {TRAIN}: nothing to measure; {remedy}"
        if params.val_share or (params.test_share and params.method in BY_SHARE):
            raise UserError(f"crop: {lack}")
        return lack
    return "" if counts[VAL] else f"no face is in split {VAL}: nothing to look at while training; {remedy}"


def _split(face: Face, params: SplitParams) -> str:
    at = place(face.subject)
    if params.method in BY_SHARE:
        return TEST if at < params.test_share else VAL if at < params.test_share + params.val_share else TRAIN
    named = _folder_split(face, params) if params.method == "folder" else _listed_split(face, params)
    given = set(params.folders.values() if params.method == "folder" else params.lists)
    return VAL if named == TRAIN and VAL not in given and at < params.val_share else named


def _folder_split(face: Face, params: SplitParams) -> str:
    folder = Path(face.source).parts[0]
    if folder not in params.folders:
        raise UserError(
            f"crop.splits.folders: {face.source} is in folder {folder}, which has no split; "
            f"there are {', '.join(params.folders)}"
        )
    return params.folders[folder]


def _listed_split(face: Face, params: SplitParams) -> str:
    named = [split for split, listed in params.lists.items() if face.id in listed or face.source in listed]
    if len(named) != 1:
        where = f"in {' and '.join(named)}" if named else f"in none of {', '.join(params.lists)}"
        raise UserError(f"crop.splits.lists: {face.source} ({face.id}) is {where}; it needs one split")
    return named[0]


def _subject(face: Face, params: SplitParams, root: Path) -> str:
    if params.subjects and (listed := listed_subject(root, face.source, params.subjects)):
        return listed
    if not params.subject:
        return face.id
    try:
        match = re.search(params.subject, face.source)
        found = match and match[1]
    except (re.error, IndexError) as error:
        raise UserError(f"crop.splits.subject: {params.subject!r}: {error}; its group 1 is the subject") from error
    if not found:
        raise UserError(f"crop.splits.subject: {params.subject!r} finds no subject in {face.source}")
    return found


def _check_subjects(faces: Sequence[Face]) -> None:
    split_of: dict[str, Face] = {}
    for face in faces:
        first = split_of.setdefault(face.subject, face)
        if first.split != face.split:
            raise UserError(
                f"crop.splits: subject {face.subject} is in {first.split} ({first.source}) and in {face.split} "
                f"({face.source}); put both into one split or change crop.splits.subject"
            )
