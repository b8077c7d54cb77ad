"""A photo's drawing: by its exact name, of its shape."""

import unicodedata
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.core.errors import UserError
from pipeline.core.image_io import read_gray, read_photo
from pipeline.core.layout import Layout
from pipeline.core.manifest import read_faces, read_rejected
from pipeline.stages.crop import stage
from pipeline.stages.crop.exposures import ExposureParams
from pipeline.stages.crop.pairs import read_sketch, sketch_file
from pipeline.stages.crop.settings import CropParams, SplitParams, Unusable

SPLITS = SplitParams("hash", {}, {}, "", "", 0.0, 0.0)
PAIR = ("photos", "sketches")
PARAMS = CropParams(
    "", ("**/*",), PAIR, "aligned", 64, 0.48, 0.27, {}, "reflect", 8, 0.9, ExposureParams(0, 0.2), SPLITS
)


def picture(seed: int, size: tuple[int, int] = (80, 100)) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (5, 4, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC)


def pair(root: Path, photo: str, *sketches: str) -> None:
    for kind, names in (("photos", [photo]), ("sketches", sketches)):
        (root / kind).mkdir(parents=True, exist_ok=True)
        for i, name in enumerate(names):
            picture(i).save(root / kind / name)


def test_drawings_follow_their_photos(tmp_path: Path) -> None:
    for name in "abc":
        pair(tmp_path / "in", f"{name}.png", f"{name}.png")
    (tmp_path / "in" / "sketches" / "c.png").unlink()
    stage.run(replace(PARAMS, photos=str(tmp_path / "in"), max_rejected=0.5), tmp_path / "data", 1)
    layout = Layout(tmp_path / "data")
    assert [(r.source, r.reason) for r in read_rejected(layout) if r.reason != "duplicate"] == [
        ("photos/c.png", "no sketch")
    ]
    for face in read_faces(layout):
        gray = np.asarray(Image.fromarray(read_photo(layout.photos / f"{face.id}.png")).convert("L")) / 255
        assert np.abs(gray - read_gray(layout.artist / f"{face.id}.png")).mean() < 0.02


def test_a_set_without_a_folder_of_drawings_has_none_and_one_with_has_them_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Sets side by side; a missing file in the set that has the folder is still told."""
    for i, name in enumerate(
        ("drawn/photos/a", "drawn/sketches/a", "drawn/photos/b", "plain/photos/a", "plain/photos/c")
    ):
        file = tmp_path / "in" / f"{name}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        picture(i).save(file)
    stage.run(replace(PARAMS, photos=str(tmp_path / "in"), max_rejected=0.5), tmp_path / "data", 1)
    layout = Layout(tmp_path / "data")
    assert [(r.source, r.reason) for r in read_rejected(layout)] == [("drawn/photos/b.png", "no sketch")]
    assert {face.source: (layout.artist / f"{face.id}.png").exists() for face in read_faces(layout)} == {
        "drawn/photos/a.png": True,
        "plain/photos/a.png": False,
        "plain/photos/c.png": False,
    }
    assert "without a folder sketches (crop.sketches), which have no drawing: 2" in capsys.readouterr().err


def test_no_drawing_at_all_is_told_with_the_remedy(tmp_path: Path) -> None:
    pair(tmp_path / "in", "a.png")
    (tmp_path / "in" / "sketches").rmdir()
    with pytest.raises(
        UserError, match=r"no folder sketches stands beside a folder photos .*null where nobody has one"
    ):
        stage.run(replace(PARAMS, photos=str(tmp_path / "in")), tmp_path / "data", 1)


@pytest.mark.parametrize("name", ["john.png", "john.2.png", "b[1].png", "wh*t.png", "wh?.png", "[a-z].png", "日本.png"])
def test_a_name_is_no_pattern(tmp_path: Path, name: str) -> None:
    pair(tmp_path, name, "john.2.png", "john.png", "b[1].png", "b1.png", "wh*t.png", "what.png", "wh?.png", "why.png")
    picture(0).save(tmp_path / "sketches" / name)
    assert sketch_file(tmp_path, f"photos/{name}", PAIR).name == name


def test_no_drawing_is_taken_for_another(tmp_path: Path) -> None:
    pair(tmp_path, "john.png", "john.2.png", "johnny.png", "jo.png")
    with pytest.raises(Unusable, match=r"no sketch.*expected sketches/john"):
        sketch_file(tmp_path, "photos/john.png", PAIR)


@pytest.mark.parametrize(
    ("drawings", "taken"),
    [
        (("a.jpg",), "a.jpg"),
        (("a.jpg", "a.png"), "a.png"),
        (("a.jpg", "a.webp"), None),
        (("a.jpg", "a.PNG"), "a.PNG"),
        (("a.tem", "a.txt"), "none"),
    ],
)
def test_of_several_the_same_suffix(tmp_path: Path, drawings: tuple[str, ...], taken: str | None) -> None:
    pair(tmp_path, "a.png")
    for name in drawings:
        (tmp_path / "sketches" / name).write_bytes(b"")
    if taken in (None, "none"):
        with pytest.raises(Unusable, match="several sketches.*a.jpg, a.webp" if taken is None else "no sketch"):
            sketch_file(tmp_path, "photos/a.png", PAIR)
    else:
        assert sketch_file(tmp_path, "photos/a.png", PAIR).name == taken


def test_names_are_the_same_composed_or_decomposed(tmp_path: Path) -> None:
    nfc, nfd = (unicodedata.normalize(form, "Zoë.png") for form in ("NFC", "NFD"))
    pair(tmp_path, nfc, nfd)
    assert sketch_file(tmp_path, f"photos/{nfc}", PAIR).name == nfd


def test_the_last_folder_of_the_name_leads_to_the_drawing(tmp_path: Path) -> None:
    pair(tmp_path / "photos" / "a", "x.png", "x.png")
    found = sketch_file(tmp_path, "photos/a/photos/x.png", PAIR)
    assert found == tmp_path / "photos" / "a" / "sketches" / "x.png"


@pytest.mark.parametrize(
    ("size", "fits"), [((40, 50), True), ((160, 200), True), ((81, 100), True), ((80, 120), False), ((100, 80), False)]
)
def test_a_drawing_of_another_shape_is_refused(tmp_path: Path, size: tuple[int, int], fits: bool) -> None:
    """Once a circle became an ellipse."""
    picture(0, size).convert("L").save(tmp_path / "s.png")
    photo = np.asarray(picture(0))
    if fits:
        gray = np.asarray(picture(0).convert("L")) / 255
        assert np.abs(read_sketch(tmp_path / "s.png", photo) - gray).mean() < 0.05
    else:
        with pytest.raises(Unusable, match=rf"other shape.*drawing {size[0]}x{size[1]} px, photo 80x100 px"):
            read_sketch(tmp_path / "s.png", photo)


def test_drawings_are_no_photos_of_their_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the default `include` each drawing once became a face that was its own drawing."""
    pair(tmp_path / "in", "a.png", "a.png")
    stage.run(replace(PARAMS, photos=str(tmp_path / "in")), tmp_path / "data", 1)
    assert [face.source for face in read_faces(Layout(tmp_path / "data"))] == ["photos/a.png"]
    assert "left out, in no folder photos (crop.sketches): 1" in capsys.readouterr().err


def test_photos_that_lie_elsewhere_are_an_error(tmp_path: Path) -> None:
    pair(tmp_path / "in", "a.png", "a.png")
    params = replace(PARAMS, photos=str(tmp_path / "in" / "photos"))
    with pytest.raises(UserError, match=r"no picture lies in a folder photos \(crop\.sketches\) below it"):
        stage.run(params, tmp_path / "data", 1)
