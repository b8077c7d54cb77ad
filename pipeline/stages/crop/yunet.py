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

LEAST = 0.85  # ours: score of a face; portraits have .93 and more, upside down up to .91 (and then .94 turned back)
Faces = NDArray[np.float32]  # (N, 15): x, y, width, height, five points (eyes, nose, corners of the mouth), score


def locate_yunet(path: Path, photo: Photo, params: CropParams) -> Found:
    """The largest face of the turn in which YuNet is surest; its eye points, refined to the pupils."""
    small, shrink = searched(photo)
    seen = {turn: _detect(turned(small, turn)) for turn in TURNS}
    turn = max(TURNS, key=lambda turn: float(seen[turn][:, 14].max(initial=0)))
    faces = sorted(seen[turn], key=lambda face: -float(face[2]))
    if not faces:
        raise Unusable("no face")
    if len(faces) > 1 and faces[1][2] > 0.6 * faces[0][2]:
        raise Unusable("several faces", f"{len(faces)} faces")
    eyes = sorted([faces[0][4:6], faces[0][6:8]], key=lambda eye: float(eye[0]))
    gray = np.asarray(cv2.cvtColor(turned(small, turn), cv2.COLOR_RGB2GRAY), np.uint8)
    apart = float(np.linalg.norm(eyes[1] - eyes[0]))
    points = [turned_back(pupil_near(gray, eye, apart), turn, small.shape) for eye in eyes]
    left, right = ((x / shrink, y / shrink) for x, y in points)
    return Found(left, right, told("detected", turn))


def _detect(photo: Photo) -> Faces:
    height, width = photo.shape[:2]
    _, faces = _net(width, height).detect(np.ascontiguousarray(photo[..., ::-1]))
    return np.zeros((0, 15), np.float32) if faces is None else np.asarray(faces, np.float32)


@cache
def _net_of(path: str) -> cv2.FaceDetectorYN:
    return cv2.FaceDetectorYN.create(path, "", (320, 320), LEAST)


def _net(width: int, height: int) -> cv2.FaceDetectorYN:
    net = _net_of(str(weight_file("yunet")))
    net.setInputSize((width, height))
    return net
