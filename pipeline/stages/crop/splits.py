"""Which faces train, which are tested: whole subjects."""

import hashlib
import re
from dataclasses import replace
from pathlib import Path

from pipeline.core.errors import UserError
from pipeline.core.manifest import Face
from pipeline.stages.crop.settings import SplitParams


def assign_splits(faces: list[Face], params: SplitParams) -> list[Face]:
    """Faces with subject and split set."""
    faces = [replace(face, subject=_subject(face, params)) for face in faces]
    if params.method == "folder":
        return [replace(face, split=_listed(params.folders, Path(face.source).parts[0], face)) for face in faces]
    if params.method == "lists":
        split_of = {face_id: split for split, ids in params.lists.items() for face_id in ids}
        return [replace(face, split=_listed(split_of, face.id, face)) for face in faces]
    ranked = sorted({face.subject for face in faces}, key=lambda s: hashlib.sha256(s.encode()).hexdigest())
    count = round(params.test_share * len(ranked))
    tested = set(ranked[: min(max(count, 1), len(ranked) - 1)])
    return [replace(face, split="test" if face.subject in tested else "train") for face in faces]


def _listed(splits: dict[str, str], key: str, face: Face) -> str:
    if key not in splits:
        raise UserError(f"crop.splits: {face.source} ({key}) is in no split of {sorted(set(splits.values()))}")
    return splits[key]


def _subject(face: Face, params: SplitParams) -> str:
    if params.method != "subject":
        return face.id
    try:
        match = re.search(params.subject, face.source)
        return match[1] or "" if match else _unmatched(params, face)
    except (re.error, IndexError) as error:
        raise UserError(f"crop.splits.subject: {params.subject!r}: {error}; its group 1 is the subject") from error


def _unmatched(params: SplitParams, face: Face) -> str:
    raise UserError(f"crop.splits.subject: {params.subject!r} does not match {face.source}")
