"""The table HELPERS: the small nets that ship, by name; how their values are read and how they are trained."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.helpers.contour_drawer.train import ContourDrawerParams, train_contour_drawer
from pipeline.helpers.edge_detector.train import EdgeDetectorParams, train_edge_detector
from pipeline.helpers.face_points.train import FacePointsParams, train_face_points
from pipeline.helpers.line_cleaner.train import LineCleanerParams, train_line_cleaner
from pipeline.helpers.values import read_values
from pipeline.training import trainers
from pipeline.training.device import Device


@dataclass(frozen=True)
class Helper:
    """A row: the dataclass of NAME.yaml, and what trains the net with it into data/trained/NAME."""

    params: type
    train: Callable[[Any, Path, Device], None]


HELPERS = {
    "edge_detector": Helper(EdgeDetectorParams, train_edge_detector),
    "contour_drawer": Helper(ContourDrawerParams, train_contour_drawer),
    "line_cleaner": Helper(LineCleanerParams, train_line_cleaner),
    "face_points": Helper(FacePointsParams, train_face_points),
}


def run(name: str, data: Path, device: Device) -> None:
    """Train a row of this table with the values in force, or one of TRAINERS. Raises ParamsError, UnknownName."""
    helper = HELPERS.get(name.replace("-", "_"))
    if helper is None:
        trainers.run(name, data, device)
    else:
        helper.train(read_values(helper.params, name.replace("-", "_")), data, device)


def check() -> None:
    """Every net's values against its dataclass. Raises ParamsError."""
    for name, helper in HELPERS.items():
        read_values(helper.params, name)
