"""How much of a face its edges hold: faces of drawn points, where every share is known."""

import csv
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.core.errors import UserError
from pipeline.core.image_io import write_gray, write_photo
from pipeline.core.layout import Layout
from pipeline.core.manifest import Face, write_faces
from pipeline.drawing.face_prior import Eyes
from pipeline.helpers.edge_detector import evaluate_edges
from pipeline.helpers.edge_detector.face_coverage import (
    FEATURES,
    LEVEL,
    SCHEMES,
    Coverage,
    coverage,
    lightness,
    outline,
    skin,
    summary,
)
from pipeline.stages.pack import PackParams

EYES, PACKING = Eyes(0.48, 0.27), PackParams("plain", 0, 1)
ROWS = {"brows": 100, "eyes": 124, "nose": 150, "mouth": 180}  # of a 256-px face: each feature on a line of its own


def face(count: int, size: int = 256) -> np.ndarray:
    """Points of a made-up face: an oval outline, each feature in a row."""
    points = np.zeros((count, 2), np.float32)
    rest = set(range(count))
    for name, parts in SCHEMES[count].items():
        chosen = [i for part in parts for i in part]
        points[chosen] = np.stack([np.linspace(88, 168, len(chosen)), np.full(len(chosen), ROWS[name])], 1)
        rest -= set(chosen)
    angle = np.linspace(0, 2 * np.pi, len(rest), endpoint=False)
    points[sorted(rest)] = np.stack([128 + 70 * np.cos(angle), 140 + 90 * np.sin(angle)], 1)
    return np.asarray(points * size / 256, np.float32)


def lines(*names: str, off: float = 0, level: float = 1.0, size: int = 256) -> np.ndarray:
    """Edges, (size, size): the row of each named feature, `off` px of a 256-px face below it."""
    edges = np.zeros((size, size), np.float32)
    for name in names:
        edges[round((ROWS[name] + off) * size / 256)] = level
    return edges


@pytest.mark.parametrize("size", [128, 256, 512])
@pytest.mark.parametrize("count", SCHEMES)
def test_a_feature_counts_where_it_has_a_line(count: int, size: int) -> None:
    numbers = {name: sum(map(len, parts)) for name, parts in SCHEMES[count].items()}
    for name in FEATURES:
        found = coverage(lines(name, size=size), face(count, size))
        assert found.features == {other: float(other == name) for other in FEATURES}
        assert found.points == pytest.approx(numbers[name] / sum(numbers.values()))
    assert coverage(lines(*FEATURES, size=size), face(count, size)).points == 1
    assert coverage(lines(size=size), face(count, size)) == Coverage(0, dict.fromkeys(FEATURES, 0), 0, 0)


def test_98_points_are_65_in_the_features_and_every_point_is_counted_once() -> None:
    for count, total in ((98, 65), (68, 51)):
        chosen = [i for parts in SCHEMES[count].values() for part in parts for i in part]
        assert len(chosen) == len(set(chosen)) == total
        assert max(chosen) < count


@pytest.mark.parametrize(("off", "level", "share"), [(3, 1, 1), (-3, 1, 1), (4, 1, 0), (0, LEVEL, 0), (0, 0.26, 1)])
def test_near_is_three_pixels_and_faint_is_a_quarter(off: float, level: float, share: float) -> None:
    assert coverage(lines("mouth", off=off, level=level), face(98)).features["mouth"] == share


def test_points_beyond_the_border_count_at_the_border() -> None:
    points, edges = face(98), np.zeros((256, 256), np.float32)
    points[list(range(76, 96)), 1] = 300
    edges[255] = 1
    assert coverage(edges, points).features["mouth"] == 1


def test_ink_is_counted_apart_outside_the_outline_and_on_skin() -> None:
    points, shape = face(98), (256, 256)
    inside, bare = outline(points, shape), skin(points, shape)
    assert abs(inside.sum() / (np.pi * 70 * 90) - 1) < 0.03
    assert not (bare & ~inside).any()
    for name, row in ROWS.items():
        assert not bare[row - 8 : row + 9, 90:167].any(), name
    assert bare[215, 128]  # the chin
    edges = np.zeros(shape, np.float32)
    edges[~inside & (np.indices(shape)[1] % 2 == 0)] = 1
    assert coverage(edges, points).outside == pytest.approx(0.5, abs=0.01)
    assert coverage(edges, points).skin == 0
    assert coverage(bare.astype(np.float32), points).skin == 1
    assert coverage(bare.astype(np.float32), points).outside == 0


def test_lightness_is_that_of_the_face_alone() -> None:
    photo = np.zeros((256, 256, 3), np.uint8)
    photo[outline(face(98), photo.shape)] = 119  # middle gray of sRGB: L* 50
    assert lightness(photo, face(98)) == pytest.approx(50, abs=0.3)


def test_the_summary_has_means_fifths_and_the_faces_that_lost_a_feature() -> None:
    shares = [0.1, 0.2, 0.59, 0.6, 0.9, 1, 1, 1, 1, 1]
    faces = [Coverage(share, dict.fromkeys(FEATURES, share), share / 2, share / 4) for share in shares]
    found = summary(faces, [50, 40, 30, 20, 10, 60, 70, 80, 90, 95])
    assert found["by_lightness"] == pytest.approx([0.75, 0.395, 0.55, 1, 1])
    assert found["poor_faces"] == pytest.approx(0.3)
    for key, times in (("points", 1), ("mouth", 1), ("ink_outside", 0.5), ("ink_on_skin", 0.25)):
        assert found[key] == pytest.approx(np.mean(shares) * times)
    assert summary(faces[:2], [1, 2])["by_lightness"] == pytest.approx([0.1, 0.2])


def write_data(root: Path, drawn: dict[str, Sequence[str]]) -> Path:
    """Faces by id with the features that their edges hold; each was moved and enlarged from its source."""
    layout = Layout(root)
    faces = [
        Face(name, f"{name}.jpg", "", name, "val" if name == "v" else "train", "none", (2, 0, -10, 0, 2, 20))
        for name in drawn
    ]
    layout.faces.mkdir(parents=True)
    write_faces(layout.faces, [*faces, replace(faces[0], id="copy", exposure=1)], [])
    for at, (name, features) in enumerate(drawn.items()):
        write_photo(layout.photos / f"{name}.png", np.full((256, 256, 3), 40 * at, np.uint8))
        write_gray(layout.edges("canny") / f"{name}.png", lines(*features))
        write_gray(layout.edges("hed") / f"{name}.png", np.full((256, 256), 0.5, np.float32))
    return root


def write_points(path: Path, key: str, rows: dict[str, np.ndarray]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([key, *(f"{axis}{i}" for i in range(98) for axis in "xy")])
        writer.writerows([name, *points.ravel().tolist()] for name, points in rows.items())
    return path


DRAWN = {"a": FEATURES, "b": ("mouth", "nose"), "v": ()}


def measured(tmp_path: Path, points: Path | None, splits: Sequence[str] = ()) -> dict:
    evaluate_edges.run(PACKING, EYES, points, splits, tmp_path / "out.json", tmp_path / "data", 1)
    return json.loads((tmp_path / "out.json").read_text())


def test_the_command_measures_each_layer_with_given_points(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On the crop by id, or on the source by name: there a face is half as large and elsewhere."""
    write_data(tmp_path / "data", DRAWN)
    on_crop = write_points(tmp_path / "crop.csv", "id", dict.fromkeys(DRAWN, face(98)))
    sources = {f"{name}.jpg": (face(98) - (-10, 20)) / 2 for name in DRAWN}
    on_photo = write_points(tmp_path / "photo.csv", "name", sources)
    some = 29 / 65  # mouth 20, nose 9
    for points in (on_crop, on_photo):
        found = measured(tmp_path, points)
        assert found["faces"] == 3  # without the copy
        for layer in ("canny", "product"):
            row = found["layers"][layer]
            assert row["points"] == pytest.approx((1 + some + 0) / 3)
            assert row["by_lightness"] == pytest.approx([1, some, 0])
            assert row["poor_faces"] == pytest.approx(2 / 3)
            assert (row["mouth"], row["eyes"]) == pytest.approx((2 / 3, 1 / 3))
        assert found["layers"]["hed"]["points"] == 1
        assert found["layers"]["hed"]["ink_outside"] == 1
    shown = capsys.readouterr().out
    assert "3 faces (all splits)" in shown
    assert f" {(1 + some) / 3:.3f} ".replace(" 0", " ") in shown
    assert measured(tmp_path, on_crop, ["val"])["layers"]["canny"]["points"] == 0


def test_the_product_is_made_as_pack_makes_it(tmp_path: Path) -> None:
    """Canny's lines at a HED of .2 are below the quarter that counts, until HED is lifted in the face."""
    write_data(tmp_path / "data", {"a": FEATURES})
    write_gray(Layout(tmp_path / "data").edges("hed") / "a.png", np.full((256, 256), 0.2, np.float32))
    points = write_points(tmp_path / "crop.csv", "id", {"a": face(98)})
    for choice, share in (("plain", 0), ("local", 1)):
        packing = replace(PACKING, product=choice)  # type: ignore[arg-type]
        evaluate_edges.run(packing, EYES, points, (), tmp_path / "out.json", tmp_path / "data", 1)
        assert json.loads((tmp_path / "out.json").read_text())["layers"]["product"]["points"] == share


def test_without_points_it_says_what_is_missing_and_how_to_give_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_data(tmp_path / "data", DRAWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CALI_SKETCH_WEIGHTS", str(tmp_path))
    with pytest.raises(UserError, match=r"not computed: weights 'pfld' are missing: get pfld_.*--points FILE.csv"):
        measured(tmp_path, None)


def test_what_cannot_be_measured_is_told(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", DRAWN)
    good = write_points(tmp_path / "good.csv", "id", dict.fromkeys(DRAWN, face(98)))
    head, first, *_ = good.read_text().splitlines()
    for text, fault in (
        (f"{head}\n{first}\n", "2 of 3 faces have no points, first b"),
        (f"face{head[2:]}\n{first}\n", "expected columns id or name, then x, y of 98 or 68 points; found 197 columns"),
        ("id,x0,y0\na,1,2\n", "found 3 columns"),
        ("", "found 1 columns"),
        (f"{head}\n{first.rpartition(',')[0]}\n", "row a: expected 196 finite numbers"),
        (f"{head}\n{first.rpartition(',')[0]},nan\n", "row a: expected 196 finite numbers"),
        (f"{head}\n{first.rpartition(',')[0]},x\n", "row a: could not convert"),
    ):
        (tmp_path / "bad.csv").write_text(text)
        with pytest.raises(UserError, match=fault):
            measured(tmp_path, tmp_path / "bad.csv")
    with pytest.raises(UserError, match=r"none.csv: no table of face points"):
        measured(tmp_path, tmp_path / "none.csv")
    with pytest.raises(UserError, match="no face in test of"):
        measured(tmp_path, good, ["test"])
    (Layout(data).edges("canny") / "b.png").unlink()
    with pytest.raises(UserError, match=r"1 faces have no canny .*first b; run: dvc repro edges@canny"):
        measured(tmp_path, good)


def test_edges_drawn_with_a_pen_are_found_wherever_the_pen_went() -> None:
    """Points on a drawn curve, in neither row nor column."""
    points, edges = face(98), np.zeros((256, 256), np.uint8)
    mouth = SCHEMES[98]["mouth"][0]
    turn = np.linspace(0, np.pi, len(mouth))
    points[list(mouth)] = np.stack([128 + 30 * np.cos(turn), 170 + 20 * np.sin(turn)], 1)
    cv2.ellipse(edges, (128, 170), (30, 20), 0, 0, 180, 255, 1)
    assert coverage(edges.astype(np.float32) / 255, points).features["mouth"] == 1
