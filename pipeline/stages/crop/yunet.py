"""Faces and pupils by YuNet (Wu et al. 2023), a published net."""

from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.polarity import Photo
from pipeline.stages.crop.pupils import pupil_near
from pipeline.stages.crop.settings import CropParams, Found, Unusable
from pipeline.stages.crop.turns import TURNS, searched, told, turned, turned_back
from pipeline.weights.registry import weight_file

LEAST = 0.85  # ours: score of a face as the photo lies
LEAST_TURNED = 0.9  # ours: of one in a photo to be turned, which few are
SURE = 0.925  # ours: above it no turn is tried; portraits have .93 and more, turned ones as they lie at most .912
Faces = NDArray[np.float32]  # (N, 15): x, y, width, height, five points (eyes, nose, corners of the mouth), score


def locate_yunet(path: Path, photo: Photo, params: CropParams) -> Found:
    """The largest face of the turn in which YuNet is surest; its eye points, refined to the pupils."""
    small, shrink = searched(photo)
    turn, faces = _faces(small)
    if len(faces) == 0:
        raise Unusable("no face")
    ranked = sorted(faces, key=lambda face: -float(face[2]))
    if len(ranked) > 1 and ranked[1][2] > 0.6 * ranked[0][2]:
        raise Unusable("several faces", f"{len(ranked)} faces")
    eyes = sorted([ranked[0][4:6], ranked[0][6:8]], key=lambda eye: float(eye[0]))
    gray = np.asarray(cv2.cvtColor(turned(small, turn), cv2.COLOR_RGB2GRAY), np.uint8)
    apart = float(np.linalg.norm(eyes[1] - eyes[0]))
    points = [turned_back(pupil_near(gray, eye, apart), turn, small.shape) for eye in eyes]
    left, right = ((x / shrink, y / shrink) for x, y in points)
    return Found(left, right, told("detected", turn))


def _faces(photo: Photo) -> tuple[int, Faces]:
    """The turn that sets the photo upright, and the faces there."""
    faces = _detect(photo, LEAST)
    scores = {0: _best(faces)}
    if scores[0] < SURE:
        half = np.asarray(cv2.resize(photo, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.uint8)
        scores |= {turn: _best(_detect(turned(half, turn), LEAST_TURNED)) for turn in TURNS[1:]}
    turn = max(scores, key=lambda turn: scores[turn])
    return turn, _detect(turned(photo, turn), LEAST_TURNED) if turn else faces


def _best(faces: Faces) -> float:
    return float(faces[:, 14].max(initial=0))


def _detect(photo: Photo, least: float) -> Faces:
    height, width = photo.shape[:2]
    net = _net(str(weight_file("yunet")))
    net.setInputSize((width, height))
    net.setScoreThreshold(least)
    _, faces = net.detect(np.ascontiguousarray(photo[..., ::-1]))
    return np.zeros((0, 15), np.float32) if faces is None else np.asarray(faces, np.float32)


@cache
def _net(path: str) -> cv2.FaceDetectorYN:
    return cv2.FaceDetectorYN.create(path, "", (320, 320))
