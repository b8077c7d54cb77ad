"""Pictures and people in two splits: found, and no others."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.core.image_io import write_photo
from pipeline.core.manifest import Face
from pipeline.core.polarity import Photo
from pipeline.stages.crop.near_duplicates import SAME_PICTURE, alike, picture_vector, warn_of_near_duplicates
from pipeline.stages.demo.renderer import render_face

CUFS = Path(__file__).parents[3] / "shared" / "data" / "cufs"
WEIGHTS = Path(__file__).parents[3] / "shared" / "weights"


def pressed(photo: Photo, quality: int) -> Photo:
    file = io.BytesIO()
    Image.fromarray(photo).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def halved(photo: Photo) -> Photo:
    side = len(photo)
    small = Image.fromarray(photo).resize((side // 2, side // 2), Image.Resampling.BOX)
    return np.asarray(small.resize((side, side), Image.Resampling.BICUBIC))


def faces(folder: Path, photos: list[Photo], splits: list[str]) -> list[Face]:
    for i, photo in enumerate(photos):
        write_photo(folder / "photos" / f"f{i}.png", photo)
    return [Face(f"f{i}", "", "", f"f{i}", split, "none", (1, 0, 0, 0, 1, 0)) for i, split in enumerate(splits)]


def listed(folder: Path) -> list[tuple[str, str, str]]:
    with (folder / "near_duplicates.csv").open(newline="") as file:
        return [(row["a"], row["b"], row["same"]) for row in csv.DictReader(file)]


def test_copies_are_alike_and_other_faces_are_not() -> None:
    crops = [render_face(128, 3, i).photo for i in range(12)]
    vectors = np.stack([picture_vector(crop) for crop in crops])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    for crop, vector in zip(crops, vectors, strict=True):
        gray = np.asarray(Image.fromarray(crop).convert("L").convert("RGB"))
        assert min(picture_vector(copy) @ vector for copy in (pressed(crop, 40), halved(crop), gray)) >= SAME_PICTURE
    different = (vectors @ vectors.T)[np.triu_indices(12, 1)]
    assert different.max() < SAME_PICTURE


def test_only_pairs_of_two_splits_are_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.stages.crop.near_duplicates.find", lambda name: None)
    one, other = (render_face(128, 3, i).photo for i in range(2))
    photos = [one, pressed(one, 60), other, pressed(one, 50)]
    warn_of_near_duplicates(faces(tmp_path, photos, ["train", "train", "train", "test"]), tmp_path, 1)
    assert listed(tmp_path) == [("f0", "f3", "picture"), ("f1", "f3", "picture")]
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "2 pairs" in said
    assert "f0 (train) and f3 (test)" in said


def test_nothing_is_said_of_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.stages.crop.near_duplicates.find", lambda name: None)
    photos = [render_face(128, 3, i).photo for i in range(2)]
    warn_of_near_duplicates(faces(tmp_path, photos, ["train", "val"]), tmp_path, 1)
    assert (listed(tmp_path), capsys.readouterr().err) == ([], "")


def test_blocks_give_the_same_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = np.random.default_rng(0).standard_normal((50, 4)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    splits = [("train", "val", "test")[i % 3] for i in range(50)]
    expected = {
        (i, j) for i in range(50) for j in range(i + 1, 50) if splits[i] != splits[j] and vectors[i] @ vectors[j] >= 0.8
    }
    monkeypatch.setattr("pipeline.stages.crop.near_duplicates.AT_ONCE", 7)
    assert {(i, j) for i, j, _ in alike(vectors, splits, 0.8)} == expected
    assert expected


@pytest.mark.skipif(not (CUFS.is_dir() and WEIGHTS.is_dir()), reason="needs ../shared/data/cufs and ../shared/weights")
def test_a_man_of_both_halves_of_cuhk_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALI_SKETCH_WEIGHTS", str(WEIGHTS))
    names = ["cuhk_test/photos/26.png", "cuhk_train/photos/36.png", "cuhk_train/photos/35.png"]
    photos = [
        np.asarray(Image.open(CUFS / name).convert("RGB").crop((0, 22, 200, 222)).resize((128, 128))) for name in names
    ]
    warn_of_near_duplicates(faces(tmp_path, photos, ["test", "train", "train"]), tmp_path, 1)
    assert listed(tmp_path) == [("f0", "f1", "person")]
