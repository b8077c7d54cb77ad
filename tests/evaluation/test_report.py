"""The report is made of all that is there, whatever the systems, styles and stages are called."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.core.dataset import read_split
from pipeline.core.image_io import write_gray, write_photo
from pipeline.core.layout import Layout
from pipeline.core.manifest import Face, write_faces
from pipeline.core.polarity import unit
from pipeline.evaluation import evaluate, feature_sets, pair_nets, report, systems

sys.path.insert(0, str(Path(__file__).parent))
from hand_made import MADE_FEATURES, MADE_PAIRS, PARAMS, blurred, known, truth, write_data


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """All that the report reads: val and test faces through every stage, two systems measured, one trained stage."""
    monkeypatch.setattr(feature_sets, "FEATURES", MADE_FEATURES)
    monkeypatch.setattr(pair_nets, "PAIRS", MADE_PAIRS)
    layout = Layout(write_data(tmp_path / "data", {"train": 3, "val": 4, "test": 4}))
    faces = []
    for name in ("train", "val", "test"):
        split = read_split(layout, name)
        for i, face in enumerate(split.ids):
            faces.append(Face(face, f"{face}.png", "0", face, name, "none", (1, 0, 0, 0, 1, 0)))
            for folder in (layout.photos, layout.equalized):
                write_photo(folder / f"{face}.png", split.layers["photo"][i])
            drawn = {layout.edges(edges): edges for edges in ("canny", "hed")}
            drawn |= {layout.style(style): f"sketch/{style}" for style in split.styles}
            for folder, layer in drawn.items():
                write_gray(folder / f"{face}.png", unit(split.layers[layer][i]))
    layout.faces.mkdir(exist_ok=True)
    write_faces(layout.faces, faces, [])
    (layout.trained("painter")).mkdir(parents=True)
    (layout.trained("painter") / "history.csv").write_text("step,l1,val_l1,lr\n1,0.5,,0.1\n2,0.25,0.3,0.1\n")
    layout.sketch_statistics.mkdir()
    (layout.sketch_statistics / "table.csv").write_text("sketches,ink\nxdog raw,0.1\n")
    (layout.sketch_statistics / "distributions.svg").write_text("<svg></svg>")
    monkeypatch.setitem(systems.OWN, "painter", known(truth))
    monkeypatch.setitem(systems.OWN, "smearer", known(blurred, "simplified"))
    evaluate.run(PARAMS, ("painter", "smearer"), (), layout.root, "cpu", 1)
    return layout.root


def test_every_system_split_style_and_stage_is_on_the_page(data: Path) -> None:
    report.run(report.ReportParams(2), "painter", data)
    page = (data / "report" / "index.html").read_text()
    for name in ("painter", "smearer"):
        assert f'id="system-{name}"' in page
        assert page.count(f'alt="{name}: best"') == 1, "sheets are of val alone"
    assert re.findall(r"<h3>(val|test)</h3>", page) == ["val", "test"]
    assert "<h3>painter</h3>" in page, "its training curves"
    for cell in ("xdog", "fdog", "artist", "mean", "pooled"):
        assert f'<td class="word">{cell}</td>' in page
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page), "self-contained"
    sheets = sorted(path.name for path in (data / "report").glob("*.png"))
    assert sheets == [
        "from_photo_to_training_data.png",
        "from_sketch_to_photo__painter.png",
        "systems_side_by_side.png",
    ]


def test_faces_shown_are_of_val(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = []
    monkeypatch.setattr(
        report, "data_sheet", lambda layout, split, count: shown.append(split.ids) or np.zeros((4, 4, 3), np.uint8)
    )
    report.run(report.ReportParams(2), "painter", data)
    assert [face.split("_")[0] for face in shown[0]] == ["val"] * 4


def test_the_summary_has_a_row_a_system_and_all_on_demand(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report.summary(data, False)
    short = capsys.readouterr().out
    assert short.count("│ painter") == short.count("│ smearer") >= 2
    assert short.index("val: means") < short.index("test: means")
    assert "xdog" not in short
    report.summary(data, True)
    assert "xdog" in capsys.readouterr().out
