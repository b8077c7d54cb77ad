"""Photos that are cut tighter: other places of the eyes for a folder, known to what looks at faces there."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.core.layout import Layout
from pipeline.core.manifest import TRAIN, Face, read_faces, write_faces
from pipeline.drawing.face_prior import Eyes, face_prior, placed_eyes
from pipeline.stages import canny
from pipeline.stages.crop import stage
from pipeline.stages.crop.exposures import ExposureParams
from pipeline.stages.crop.settings import CropParams, SplitParams
from pipeline.stages.pack import PackParams, _pack_product

WIDE, TIGHT = Eyes(0.48, 0.27), Eyes(0.35, 0.4)
SPLITS = SplitParams("hash", {}, {}, "", "", 0.3, 0.2)
PARAMS = CropParams(
    "",
    ("**/*",),
    None,
    "landmarks",
    64,
    0.48,
    0.27,
    {"tight": TIGHT},
    "reflect",
    8,
    0.9,
    ExposureParams(0, 0.2),
    SPLITS,
)
COUNT = 30


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Photos of two folders with a bright dot on each pupil, cropped."""
    for name in ("wide", "tight"):
        (tmp_path / "in" / name).mkdir(parents=True)
        rows = ["file,left_x,left_y,right_x,right_y"]
        for i in range(COUNT):
            photo = np.full((120, 120, 3), i + COUNT * (name == "tight"), np.uint8)
            photo[47:50, 39:42] = photo[47:50, 79:82] = 255
            Image.fromarray(photo).save(tmp_path / "in" / name / f"{i}.png")
            rows.append(f"{i}.png,40,48,80,48")
        (tmp_path / "in" / name / "eyes.csv").write_text("\n".join(rows))
    stage.run(replace(PARAMS, photos=str(tmp_path / "in")), tmp_path / "data", 1)
    return tmp_path / "data"


def test_each_folder_has_its_eyes_where_they_are_asked_for(data: Path) -> None:
    layout = Layout(data)
    for face in read_faces(layout):
        eyes, gray = (
            placed_eyes(layout, face.id, WIDE),
            np.asarray(Image.open(layout.photos / f"{face.id}.png"))[..., 0],
        )
        assert eyes == (TIGHT if face.source.startswith("tight/") else WIDE)
        for side in (-0.5, 0.5):
            x, y = 31.5 + side * 64 * eyes.eye_distance, 64 * eyes.eye_y
            assert gray[round(y), round(x)] > 150, face.id


def test_who_is_held_out_is_measured_in_one_framing_or_not_at_all(data: Path) -> None:
    faces = read_faces(Layout(data))
    splits = {name: [f.split for f in faces if f.source.startswith(name)] for name in ("wide", "tight")}
    assert set(splits["tight"]) == {TRAIN}
    assert 8 < len(splits["tight"]) < COUNT == len(splits["wide"])
    assert sorted(p.stem for p in Layout(data).photos.iterdir()) == [f.id for f in faces]


def test_edges_and_product_look_where_the_face_is(data: Path) -> None:
    """The same pixels, framed two ways: what is lifted in the face is lifted around its own eyes."""
    layout = Layout(data)
    canny.run(canny.CannyParams("local", 1.5, 30, 80), WIDE, data, 1)
    tight = next(face.id for face in read_faces(layout) if face.eyes)
    for name, eyes in (("wide--3", WIDE), (tight, TIGHT)):
        crop = canny.luminance(np.asarray(Image.open(layout.photos / f"{name}.png")))
        made = np.asarray(Image.open(layout.edges("canny") / f"{name}.png"))
        assert (made == 255 * canny.canny(crop, canny.CannyParams("local", 1.5, 30, 80), eyes)).all()
    for layer, value in (("canny", 255), ("hed", 64)):
        np.save(data / f"{layer}.npy", np.full((2, 64, 64), value, np.uint8))
    _pack_product((data, PackParams("local", 0, 1), [WIDE, TIGHT]))
    for made, eyes in zip(np.load(data / "product.npy"), (WIDE, TIGHT), strict=True):
        wanted = 255 * (64 / 255) ** (1 - face_prior((64, 64), eyes) / 2)
        assert np.abs(made - wanted).max() <= 1


def test_the_list_of_faces_keeps_them(tmp_path: Path) -> None:
    faces = [
        Face(name, name, name, name, TRAIN, "given", (1, 0, 0, 0, 1, 0), eyes=eyes)
        for name, eyes in (("a", None), ("b", (0.35, 0.4)))
    ]
    write_faces(Layout(tmp_path).faces, faces, [])
    assert read_faces(Layout(tmp_path)) == faces
