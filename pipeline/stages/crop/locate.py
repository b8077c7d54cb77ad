"""Where the pupils of a portrait are: one locator a detector."""

from collections.abc import Callable
from pathlib import Path

from pipeline.core.polarity import Photo
from pipeline.stages.crop.haar import locate_haar
from pipeline.stages.crop.landmarks import locate_landmarks
from pipeline.stages.crop.own import locate_own
from pipeline.stages.crop.settings import CropParams, Found
from pipeline.stages.crop.yunet import locate_yunet

LOCATORS: dict[str, Callable[[Path, Photo, CropParams], Found]] = {
    "haar": locate_haar,
    "own": locate_own,
    "yunet": locate_yunet,
    "landmarks": locate_landmarks,
}
