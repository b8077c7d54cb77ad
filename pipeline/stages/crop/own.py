"""Faces and pupils by the project's own net, which ships."""

from pathlib import Path

import cv2
import numpy as np

from pipeline.core.polarity import Photo, unit
from pipeline.stages.crop.pupils import Gray8, pupil_near
from pipeline.stages.crop.settings import CropParams, Found, Unusable
from pipeline.stages.crop.turns import TURNS, searched, told, turned, turned_back
from pipeline.weights.face_finder import FoundFace, find_faces

LEAST = 0.7  # ours: score of a face as the photo lies; noise and landscapes have at most .55, nearly all faces .8
LEAST_TURNED = 0.75  # ours: of one in a photo to be turned, which few are
SURE = 0.835  # ours: above it no turn is tried; upside-down faces have at most .83
RIVAL = 0.6  # of the largest face: as large a one beside it is another person


def locate_own(path: Path, photo: Photo, params: CropParams) -> Found:
    """The largest face of the turn in which the net is surest; its eye points, refined to the pupils."""
    gray, shrink = searched(np.asarray(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), np.uint8))
    turn, faces = _faces(gray)
    if not faces:
        raise Unusable("no face")
    best, *others = sorted(faces, key=lambda face: -face.span)
    rivals = [face for face in others if face.span > RIVAL * best.span]
    if rivals:
        raise Unusable("several faces", f"{len(rivals) + 1} of similar size")
    upright = turned(gray, turn)
    points = [turned_back(pupil_near(upright, eye, best.span), turn, gray.shape) for eye in best.points[:2]]
    left, right = ((x / shrink, y / shrink) for x, y in points)
    return Found(left, right, told("detected", turn))


def _faces(gray: Gray8) -> tuple[int, list[FoundFace]]:
    """The turn that sets the picture upright, and the faces there."""
    found = {0: find_faces(unit(gray), LEAST)}
    if _best(found[0]) < SURE:
        found |= {turn: find_faces(unit(turned(gray, turn)), LEAST_TURNED) for turn in TURNS[1:]}
    turn = max(found, key=lambda turn: _best(found[turn]))
    return turn, found[turn]


def _best(faces: list[FoundFace]) -> float:
    return max((face.score for face in faces), default=0.0)
