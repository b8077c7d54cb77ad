"""Crop: real and rendered faces, every kind of file, every kind of bad input, splits."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.core.errors import UserError
from pipeline.core.image_io import ImageError, import_photo, read_gray, read_photo
from pipeline.core.layout import Layout
from pipeline.core.manifest import Face, read_faces, read_photographed, read_rejected
from pipeline.stages.crop import settings, stage
from pipeline.stages.crop.align import crop_matrix
from pipeline.stages.crop.exposures import ExposureParams
from pipeline.stages.crop.settings import CropParams, SplitParams

SPLITS = SplitParams("hash", {}, {}, "", "", 0.0, 0.0)
PARAMS = CropParams(
    "", ("**/*",), None, "aligned", 64, 0.48, 0.27, {}, "reflect", 8, 0.9, ExposureParams(0, 0.2), SPLITS
)


def picture(seed: int, size: tuple[int, int] = (80, 100)) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (5, 4, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC)


def run(tmp_path: Path, **changes) -> tuple[dict[str, Face], dict[str, str]]:
    params = replace(PARAMS, photos=str(tmp_path / "in"), **changes)
    stage.run(params, tmp_path / "data", 1)
    layout = Layout(tmp_path / "data")
    faces = {face.source: face for face in read_faces(layout)}
    return faces, {r.source: r.reason for r in read_rejected(layout)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def test_every_format_is_read(folder: Path, tmp_path: Path) -> None:
    for i, name in enumerate(("a.JPG", "b.png", "c.webp", "d.bmp", "e.TIFF", "sub dir/é ü.jpeg", "sub dir/a.jpg")):
        (folder / name).parent.mkdir(exist_ok=True)
        picture(i).save(folder / name)
    faces, rejected = run(tmp_path)
    assert (len(faces), rejected) == (7, {})
    ids = [face.id for face in faces.values()]
    assert len(set(ids)) == 7
    assert all(id_.isascii() for id_ in ids)
    assert all((Layout(tmp_path / "data").photos / f"{id_}.png").exists() for id_ in ids)


def test_modes_become_rgb(tmp_path: Path) -> None:
    gray = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    Image.fromarray(gray).save(tmp_path / "deep.png")
    deep = import_photo(tmp_path / "deep.png")
    assert (deep[0, 0, 0], deep[-1, -1, 0]) == (0, 255)
    picture(0).convert("CMYK").save(tmp_path / "cmyk.jpg")
    assert np.abs(import_photo(tmp_path / "cmyk.jpg").astype(int) - np.asarray(picture(0))).mean() < 12
    clear = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    clear.save(tmp_path / "clear.png")
    assert (import_photo(tmp_path / "clear.png") == 255).all()


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture(0).save(tmp_path / "turned.png", exif=exif)
    assert import_photo(tmp_path / "turned.png").shape == (80, 100, 3)


def bad_files() -> dict[str, bytes]:
    whole = io.BytesIO()
    picture(0, (300, 300)).save(whole, "JPEG")
    animation, wide, dot = io.BytesIO(), io.BytesIO(), io.BytesIO()
    picture(1).save(animation, "WEBP", save_all=True, append_images=[picture(2)])
    Image.new("RGB", (20000, 10)).save(wide, "PNG")
    Image.new("RGB", (1, 1)).save(dot, "PNG")
    return {
        "cut.jpg": whole.getvalue()[:2000],
        "empty.png": b"",
        "text.jpg": b"not a picture",
        "moving.webp": animation.getvalue(),
        "wide.png": wide.getvalue(),
        "dot.png": dot.getvalue(),
    }


def test_bad_files_are_listed_with_their_reason(folder: Path, tmp_path: Path) -> None:
    for name, data in bad_files().items():
        (folder / name).write_bytes(data)
    picture(7).save(folder / "good.png")
    picture(8).save(folder / "other.png")
    picture(7).save(folder / "same.png")
    faces, rejected = run(tmp_path)
    assert set(faces) == {"good.png", "other.png"}
    assert rejected == {
        "cut.jpg": "unreadable",
        "empty.png": "unreadable",
        "text.jpg": "unreadable",
        "moving.webp": "unreadable",
        "wide.png": "unreadable",
        "dot.png": "too small",
        "same.png": "duplicate",
    }
    assert set(rejected.values()) <= set(settings.REASONS)


def test_empty_and_missing_folders(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no images"):
        run(tmp_path)
    with pytest.raises(UserError, match="no such folder"):
        stage.run(replace(PARAMS, photos=str(tmp_path / "nowhere")), tmp_path / "data", 1)


def test_transform_takes_given_pupils_to_their_places() -> None:
    matrix = crop_matrix((110.0, 90.0), (150.0, 60.0), PARAMS)
    points = matrix @ np.array([[110, 150], [90, 60], [1, 1]], float)
    half = PARAMS.eye_distance * PARAMS.size / 2
    np.testing.assert_allclose(points[0], [31.5 - half, 31.5 + half])
    np.testing.assert_allclose(points[1], PARAMS.eye_y * PARAMS.size)


def test_jobs_do_not_change_the_bytes(folder: Path, tmp_path: Path) -> None:
    for i in range(5):
        picture(i).save(folder / f"{i}.png")
    params = replace(PARAMS, photos=str(folder))
    for jobs in (1, 2):
        stage.run(params, tmp_path / str(jobs), jobs)
    for path in (tmp_path / "1").rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "2" / path.relative_to(tmp_path / "1")).read_bytes()


def test_linked_folders_and_names_of_any_script(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    for i, name in enumerate(("日本.png", "Zoë [1].PNG")):
        picture(i).save(tmp_path / "elsewhere" / name)
    (folder / "linked").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    found, rejected = run(tmp_path)
    assert not rejected
    assert sorted(face.id[:-11] for face in found.values()) == ["linked--Zoe-1", "linked--u65e5u672c"]


def test_unreadable_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"no")
    with pytest.raises(ImageError, match=r"x\.png: unreadable"):
        import_photo(tmp_path / "x.png")


def test_exposures_are_copies_of_the_training_photos_alone(folder: Path, tmp_path: Path) -> None:
    for i in range(8):
        for kind in ("photos", "sketches"):
            (folder / kind).mkdir(exist_ok=True)
            picture(i).save(folder / kind / f"{i}.png")
    splits = replace(SPLITS, test_share=0.3)
    changes = {
        "include": ("photos/*",),
        "sketches": ("photos", "sketches"),
        "exposures": ExposureParams(2, 0.3),
        "splits": splits,
    }
    run(tmp_path, **changes)
    layout = Layout(tmp_path / "data")
    faces = {face.id: face for face in read_faces(layout)}
    copies = {id_: face for id_, face in faces.items() if "_exposure" in id_}
    assert len(faces) - len(copies) == 8
    assert {face.split for face in faces.values()} == {"train", "test"}
    assert len(copies) == 2 * sum(face.split == "train" for face in faces.values() if face.id not in copies)
    for id_, face in copies.items():
        own = faces[id_.split("_")[0]]
        assert (face.split, face.subject, face.source) == ("train", own.subject, own.source)
        assert id_ == f"{own.id}_exposure{face.exposure}"
        assert (read_gray(layout.artist / f"{id_}.png") == read_gray(layout.artist / f"{own.id}.png")).all()
        before, after = (read_photo(layout.photos / f"{name}.png").astype(int) for name in (own.id, id_))
        order = np.argsort(before.ravel(), kind="stable")
        assert (np.diff(after.ravel()[order]) >= 0).all()  # one curve for all: nothing but the light differs
        assert (before != after).any()
    assert {face.id for face in read_photographed(layout)} == faces.keys() - copies.keys()
    first = {id_: (layout.photos / f"{id_}.png").read_bytes() for id_ in copies}
    run(tmp_path, **changes)
    assert first == {id_: (layout.photos / f"{id_}.png").read_bytes() for id_ in copies}
