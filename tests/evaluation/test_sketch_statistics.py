"""Statistics of drawings whose answers are known, and distances between sets of them."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.core.errors import UserError
from pipeline.core.image_io import write_gray
from pipeline.core.layout import Layout
from pipeline.core.manifest import Face, write_faces
from pipeline.evaluation import sketch_statistics
from pipeline.evaluation.sketch_statistics import EvaluateSketchesParams, distances, statistics


def paper(size: int = 256) -> np.ndarray:
    return np.ones((size, size), np.float32)


def circle(size: int = 256) -> np.ndarray:
    return cv2.circle(paper(size), (size // 2, size // 2), size // 4, 0, max(1, size // 128), cv2.LINE_AA)


@pytest.mark.parametrize("size", [256, 512])
def test_a_circle_is_one_loop_of_known_curvature_whatever_its_size(size: int) -> None:
    row = statistics(circle(size), None)
    assert row["strokes"] == 1
    assert row["curvature"] == pytest.approx(1 / 64, rel=0.5)
    assert row["length"] == pytest.approx(2 * np.pi * 64, rel=0.1)
    assert row["loops"] * 4.02 == pytest.approx(1, rel=0.1)
    assert row["junctions"] == row["gaps"] == 0


def test_a_broken_line_has_a_gap_and_a_cross_a_junction() -> None:
    broken, cross = paper(), paper()
    cv2.line(broken, (40, 128), (120, 128), 0, 2)
    cv2.line(broken, (126, 128), (210, 128), 0, 2)
    cv2.line(cross, (40, 128), (210, 128), 0, 2)
    cv2.line(cross, (128, 40), (128, 210), 0, 2)
    of_broken, of_cross = statistics(broken, None), statistics(cross, None)
    assert (of_broken["gaps"] > 0, of_broken["junctions"], of_broken["loops"]) == (True, 0, 0)
    assert (of_cross["gaps"], of_cross["junctions"] > 0) == (0, True)


@pytest.mark.parametrize("shift", [0, 5])
def test_misalignment_is_the_shift(shift: int) -> None:
    edges, sketch = np.zeros((256, 256), np.float32), paper()
    edges[100, 40:200] = 1
    sketch[100 + shift, 40:200] = 0
    assert statistics(sketch, edges)["offset"] == pytest.approx(shift, abs=0.1)


def test_blank_paper_has_no_strokes() -> None:
    row = statistics(paper(), np.zeros((256, 256), np.float32))
    assert not any(row.values())


def test_distance_to_itself_is_none_and_a_shift_counts_in_deviations() -> None:
    people = [{"length": float(v), "ink": 0.1} for v in (1, 3)]
    assert distances(people, people)["mean"] == 0
    longer = [{"length": row["length"] + 2, "ink": 0.1, "offset": 9.0} for row in people]
    assert distances(longer, people) == pytest.approx({"length": 2, "ink": 0, "mean": 1})


STYLES = ("copy", "other")


def test_the_command_ranks_a_copy_before_something_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    layout, ids = Layout(tmp_path / "data"), ["a", "b", "c"]
    layout.faces.mkdir(parents=True)
    write_faces(layout.faces, [Face(i, i, i, i, "train", "none", (1, 0, 0, 0, 1, 0)) for i in ids], [])
    people = tmp_path / "people"
    for n, face in enumerate(ids):
        drawn = cv2.circle(paper(), (128, 128), 40 + 9 * n, 0, 2)
        other = cv2.line(paper(), (30, 30 + n), (60, 60), 0, 2)
        write_gray(layout.edges("canny") / f"{face}.png", 1 - drawn)
        write_gray(people / f"{face}.png", drawn)
        for name, sketch in (("copy", drawn), ("other", other), ("undrawn", other)):
            for folder in (layout.style(name), layout.simplified(name) / "clean", layout.simplified(name) / "deformed"):
                write_gray(folder / f"{face}.png", sketch)
    layout.style("undrawn").joinpath("a.png").unlink()  # of a run with other styles.names: not looked at
    with pytest.raises(UserError, match="no drawings in"):
        sketch_statistics.run(EvaluateSketchesParams(str(tmp_path / "none")), STYLES, layout.root, 1)
    sketch_statistics.run(EvaluateSketchesParams(""), STYLES, layout.root, 1)
    assert "distance" not in json.loads((layout.sketch_statistics / "summary.json").read_text())["copy clean"]
    sketch_statistics.run(EvaluateSketchesParams(str(people)), STYLES, layout.root, 1)
    assert "people" in capsys.readouterr().out
    summary = json.loads((layout.sketch_statistics / "summary.json").read_text())
    assert summary["copy clean"]["distance"]["mean"] == pytest.approx(0, abs=1e-6)
    assert summary["other clean"]["distance"]["mean"] > 0.5
    assert summary["copy clean"]["frechet"] == pytest.approx(0, abs=1e-6)
    assert summary["other clean"]["frechet"] > 0.01
    assert summary["other clean"]["kernel"] > summary["copy clean"]["kernel"]
    assert (layout.sketch_statistics / "distributions.svg").read_text().count(">people<") == 1
    assert len((layout.sketch_statistics / "table.csv").read_text().splitlines()) == 1 + 7
    assert (layout.sketch_statistics / "sketches.csv").read_text().count("\n") == 1 + 7 * 3
