"""Packed data: complete, as on disk, and Canny ⊙ HED as stated."""

import json
import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.core.dataset import read_split, splits
from pipeline.core.errors import UserError
from pipeline.core.image_io import write_gray, write_photo
from pipeline.core.layout import Layout
from pipeline.core.manifest import Face, read_faces, write_faces
from pipeline.core.params import ParamsError
from pipeline.drawing.equalization import EqualizeParams
from pipeline.drawing.face_prior import Eyes, face_prior
from pipeline.stages import equalize
from pipeline.stages.pack import PackParams, packed_styles, product, run

PARAMS, STYLES, EYES = PackParams("plain", 0, 2), ("xdog",), Eyes(0.48, 0.27)
IDS = ("a", "b", "c", "d")


def write_data(root: Path, ids: Sequence[str], size: int) -> Path:
    """All that pack reads, of noise; the last face is the test split."""
    layout = Layout(root)
    rng = np.random.default_rng(0)
    faces = [
        Face(i, f"{i}.png", f"hash-{i}", i, "test" if i == ids[-1] else "train", "none", (1, 0, 0, 0, 1, 0))
        for i in ids
    ]
    layout.faces.mkdir(parents=True)
    write_faces(layout.faces, faces, [])
    for i in ids:
        write_photo(layout.photos / f"{i}.png", rng.integers(0, 256, (size, size, 3), dtype=np.uint8))
        folders = [layout.edges("canny"), layout.edges("hed")]
        folders += [layout.simplified("xdog") / kind for kind in ("clean", "deformed")]
        for folder in folders:
            write_gray(folder / f"{i}.png", rng.random((size, size), dtype=np.float32))
    return root


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_data(tmp_path, IDS, 32)


def test_every_layer_of_every_split_is_packed_as_on_disk(data: Path) -> None:
    run(PARAMS, STYLES, EYES, data, 1)
    layout = Layout(data)
    train, test = read_split(layout, "train"), read_split(layout, "test")
    assert (train.ids, test.ids) == (["a", "b", "c"], ["d"])
    on_disk = cv2.imread(str(layout.edges("canny") / "b.png"), cv2.IMREAD_GRAYSCALE)
    np.testing.assert_array_equal(train.layers["canny"][1], on_disk)
    photo = cv2.imread(str(layout.photos / "d.png"))[..., ::-1]
    np.testing.assert_array_equal(test.layers["photo"][0], photo)
    both = train.layers["canny"].astype(float) * train.layers["hed"] / 255
    assert np.abs(train.layers["product"] - both).max() <= 1
    index = json.loads((layout.packed / "train" / "index.json").read_text())
    assert index["sources"]["a"] == "hash-a"


def test_each_split_is_packed_apart_whatever_its_name(data: Path) -> None:
    faces = read_faces(Layout(data))
    write_faces(
        Layout(data).faces,
        [replace(f, split="val" if f.id == "c" else "ar" if f.id == "d" else "train") for f in faces],
        [],
    )
    run(PARAMS, STYLES, EYES, data, 1)
    assert splits(Layout(data)) == ["ar", "train", "val"]
    assert [read_split(Layout(data), name).ids for name in ("ar", "train", "val")] == [["d"], ["a", "b"], ["c"]]


def test_styles_are_named_once_and_wrong_ones_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for text, fault in (
        ("styles: {names: [xdgo]}", r"styles.names\[0\]: 'xdgo'; allowed: one of fdog, photocopy, photosketch, xdog"),
        ("styles: {names: []}", "styles.names: "),
        ("styles: {xdog: {}}", "styles.names: missing"),
        ("styles: [xdog]", "styles: "),
        ("pack: {}", "styles: null"),
    ):
        (tmp_path / "params.yaml").write_text(text)
        with pytest.raises(ParamsError, match=fault):
            packed_styles()
    (tmp_path / "params.yaml").write_text("styles: {names: [xdog, fdog], xdog: {sigma: 1}}")
    assert packed_styles() == ("xdog", "fdog")


def test_changed_pixels_change_the_digest(data: Path) -> None:
    run(PARAMS, STYLES, EYES, data, 1)
    before = read_split(Layout(data), "train").digest
    write_gray(Layout(data).edges("hed") / "a.png", np.zeros((32, 32), np.float32))
    run(PARAMS, STYLES, EYES, data, 1)
    assert read_split(Layout(data), "train").digest != before


def test_people_s_drawings_that_some_faces_lack_are_paper_there_and_the_index_tells_whose(data: Path) -> None:
    write_gray(Layout(data).artist / "b.png", np.full((32, 32), 0.2, np.float32))
    run(PARAMS, STYLES, EYES, data, 1)
    train, test = (read_split(Layout(data), name) for name in ("train", "test"))
    assert train.only == {"sketch/artist": ["b"]}
    assert train.layers["sketch/artist"].mean((1, 2)).tolist() == [255, 51, 255]
    assert test.only == {"sketch/artist": []}
    assert (test.layers["sketch/artist"] == 255).all()
    for face in "acd":
        write_gray(Layout(data).artist / f"{face}.png", np.zeros((32, 32), np.float32))
    run(PARAMS, STYLES, EYES, data, 1)
    assert read_split(Layout(data), "train").only == {}


def test_a_missing_layer_is_named_with_the_remedy_and_nothing_is_left(data: Path) -> None:
    (Layout(data).edges("hed") / "c.png").unlink()
    with pytest.raises(UserError, match=r"1 faces have no hed .*first c; run: dvc repro edges@hed"):
        run(PARAMS, STYLES, EYES, data, 1)
    assert not Layout(data).packed.exists()


def test_odd_sizes_and_too_few_faces_are_errors(data: Path) -> None:
    with pytest.raises(UserError, match=r"3 training faces, at least 9"):
        run(replace(PARAMS, min_train=9), STYLES, EYES, data, 1)
    write_gray(Layout(data).edges("hed") / "b.png", np.zeros((16, 16), np.float32))
    with pytest.raises(UserError, match=r"b.png is \(16, 16\), the others \(32, 32\)"):
        run(PARAMS, STYLES, EYES, data, 1)


def test_spread_lines_keep_their_place_and_peak() -> None:
    canny = np.zeros((128, 128), np.float32)
    canny[40] = 1
    hed = np.full_like(canny, 0.5)
    np.testing.assert_array_equal(product(canny, hed, PARAMS, EYES), canny * hed)
    soft = product(canny, hed, replace(PARAMS, product_spread_px=1.6), EYES)
    np.testing.assert_allclose(soft[40], 0.5, atol=0.01)
    np.testing.assert_allclose(soft[39], soft[41], atol=1e-6)
    np.testing.assert_allclose(soft[41] / soft[40], np.exp(-0.5 / 0.8**2), atol=0.02)
    assert soft[45].max() == 0


def test_the_local_product_lifts_faint_contours_in_the_face_alone() -> None:
    canny, hed = np.ones((128, 128), np.float32), np.full((128, 128), 0.16, np.float32)
    prior = face_prior(canny.shape, EYES)
    lifted = product(canny, hed, replace(PARAMS, product="local"), EYES)
    np.testing.assert_allclose(lifted[prior == 1], 0.4, rtol=1e-5)
    np.testing.assert_allclose(lifted[prior == 0], 0.16, rtol=1e-5)
    assert (prior == 1).any()
    assert (lifted >= hed - 1e-6).all()
    for extreme in (0, 1):
        same = np.full_like(hed, extreme)
        np.testing.assert_array_equal(product(canny, same, replace(PARAMS, product="local"), EYES), same)


def peak_bytes(root: Path) -> int:
    """Of an image stage and of pack, arrays included, files mapped into memory not."""
    tracemalloc.start()
    equalize.run(EqualizeParams("global", 2.0, 4), root, 1)
    run(PARAMS, STYLES, EYES, root, 1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_does_not_grow_with_the_number_of_faces(tmp_path: Path) -> None:
    few, many = (write_data(tmp_path / str(n), [f"{i:02d}" for i in range(n)], 128) for n in (8, 40))
    peak_bytes(few)  # whatever is imported late
    a_photo = 128 * 128 * 3
    assert peak_bytes(many) < peak_bytes(few) + 2 * a_photo
