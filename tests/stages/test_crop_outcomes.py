"""What becomes of photos that cannot be used: each named, the others go on, the list lasts."""

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.core.errors import UserError
from pipeline.core.finder import Source
from pipeline.core.layout import Layout
from pipeline.core.manifest import Face, read_faces, read_rejected
from pipeline.stages.crop import stage
from pipeline.stages.crop.exposures import ExposureParams
from pipeline.stages.crop.settings import CropParams, SplitParams

SPLITS = SplitParams("hash", {}, {}, "", "", 0.0, 0.0)
PARAMS = CropParams(
    "", ("**/*",), None, "aligned", 64, 0.48, 0.27, {}, "reflect", 8, 0.1, ExposureParams(0, 0.2), SPLITS
)
LIST = "faces_rejected.csv"


def picture(seed: int) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (5, 4, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((80, 100), Image.Resampling.BICUBIC)


def cropped(tmp_path: Path, **changes: float) -> tuple[set[str], dict[str, str], dict[str, str]]:
    stage.run(replace(PARAMS, photos=str(tmp_path / "in"), **changes), tmp_path / "data", 1)  # type: ignore[arg-type]
    layout = Layout(tmp_path / "data")
    rejected = read_rejected(layout)
    ids = {face.id for face in read_faces(layout)}
    assert ids == {path.stem for path in layout.photos.glob("*.png")}
    sources = {face.source for face in read_faces(layout)}
    return sources, {r.source: r.reason for r in rejected}, {r.source: r.detail for r in rejected}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    for i in range(3):
        picture(i).save(tmp_path / "in" / f"0{i}.png")
    return tmp_path / "in"


@pytest.mark.parametrize("copy", ["00 (1).png", "00 - Copy.png", "00 copy 2.png", "Kopie von 00.png", "backup/00.png"])
def test_copies_do_not_count_and_the_copy_is_named(folder: Path, tmp_path: Path, copy: str) -> None:
    (folder / copy).parent.mkdir(exist_ok=True)
    shutil.copy(folder / "00.png", folder / copy)
    sources, reasons, details = cropped(tmp_path, max_rejected=0.0)
    assert sources == {"00.png", "01.png", "02.png"}
    assert (reasons, details) == ({copy: "duplicate"}, {copy: "same file as 00.png"})


def test_a_copy_is_known_by_its_mark_before_its_length(folder: Path, tmp_path: Path) -> None:
    shutil.copy(folder / "00.png", folder / "long name of mine.png")
    (folder / "00.png").rename(folder / "x (2).png")
    assert cropped(tmp_path)[1] == {"x (2).png": "duplicate"}


def test_too_many_rejected_fails_and_the_list_lasts(folder: Path, tmp_path: Path) -> None:
    (folder / "text.jpg").write_bytes(b"not a picture")
    cropped(tmp_path, max_rejected=0.5)
    before = sorted((tmp_path / "data" / "faces").rglob("*"))
    for i in range(5):
        (folder / f"bad{i}.png").write_bytes(b"")
    with pytest.raises(UserError, match=rf"6 of 9 photos rejected, at most 50% .*bad0\.png: unreadable.*{LIST}"):
        cropped(tmp_path, max_rejected=0.5)
    assert (tmp_path / "data" / LIST).read_text().count(",unreadable,") == 6
    assert sorted((tmp_path / "data" / "faces").rglob("*")) == before
    cropped(tmp_path, max_rejected=0.7)
    assert not (tmp_path / "data" / LIST).exists()


def test_one_strange_file_never_costs_the_others(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def strange(read: Callable[[Path], np.ndarray]) -> Callable[[Path], np.ndarray]:
        def reading(path: Path) -> np.ndarray:
            if path.name == "01.png":
                raise ValueError("cannot reshape\nsecond line")
            return read(path)

        return reading

    monkeypatch.setattr(stage, "import_photo", strange(stage.import_photo))
    sources, reasons, details = cropped(tmp_path, max_rejected=0.5)
    assert sources == {"00.png", "02.png"}
    assert (reasons, details) == ({"01.png": "failed"}, {"01.png": "ValueError: cannot reshape"})


def test_what_is_wrong_with_all_is_no_row(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, photo: np.ndarray) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(stage, "write_photo", full)
    with pytest.raises(OSError, match="No space left"):
        cropped(tmp_path)


def test_names_of_any_kind_stay_one_face_each(folder: Path, tmp_path: Path) -> None:
    long = "微信图片二零二六年十一月二十六日家庭聚会全家福合影留念爷爷奶奶爸爸妈妈哥哥姐姐弟弟妹妹大家都很开心.png"
    for i, name in enumerate((long, "a[b].png", "-rf.png")):
        picture(10 + i).save(folder / name)
    assert cropped(tmp_path)[:2] == ({"00.png", "01.png", "02.png", long, "a[b].png", "-rf.png"}, {})


def test_a_name_that_is_no_text_is_written_as_text(folder: Path, tmp_path: Path) -> None:
    try:
        (folder / "00.png").rename(folder / os.fsdecode(b"caf\xe9\n.png"))
    except OSError:
        pytest.skip("a file system of UTF-8 names alone")
    assert cropped(tmp_path)[:2] == ({"caf%E9\\n.png", "01.png", "02.png"}, {})


def test_a_folder_linked_into_itself_gives_each_photo_once(folder: Path, tmp_path: Path) -> None:
    (folder / "again").symlink_to(".", target_is_directory=True)
    assert cropped(tmp_path)[:2] == ({"00.png", "01.png", "02.png"}, {})


def test_the_same_photos_among_more_keep_their_ids_and_splits(folder: Path, tmp_path: Path) -> None:
    shares = {"splits": replace(SPLITS, test_share=0.3, val_share=0.3)}

    def rows() -> dict[str, Face]:
        params = replace(PARAMS, photos=str(tmp_path / "in"), **shares)  # type: ignore[arg-type]
        stage.run(params, tmp_path / "data", 1)
        return {face.source: face for face in read_faces(Layout(tmp_path / "data"))}

    before = rows()
    (folder / "a").mkdir()
    for i in range(8):
        picture(30 + i).save(folder / "a" / f"0{i}.png")
    assert before.items() <= rows().items()


def test_what_is_no_photo_to_read_is_told(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "IMG_0001.HEIC").write_bytes(b"")
    picture(9).save(folder / "face.jfif", "JPEG")
    assert cropped(tmp_path)[0] == {"00.png", "01.png", "02.png", "face.jfif"}
    assert "convert to JPEG or PNG first: 1 (IMG_0001.HEIC)" in capsys.readouterr().err


def test_photos_and_faces_lie_anywhere(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PNGs alone, outside of the working folder, the data folder a link."""
    (tmp_path / "here").mkdir()
    (tmp_path / "disk").mkdir()
    (tmp_path / "here/data").symlink_to("../disk")
    monkeypatch.chdir(tmp_path / "here")
    for photos in ("../in", str(folder)):
        stage.run(replace(PARAMS, photos=photos), Path("data"), 1)
        assert [face.source for face in read_faces(Layout(Path("data")))] == ["00.png", "01.png", "02.png"]
    assert len(list((tmp_path / "disk/faces/photos").iterdir())) == 3


def test_a_photo_that_kills_its_process_is_one_row(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killing(task: Callable[[object], object], photos: list[Source], *rest: object, killed: Callable) -> list:  # type: ignore[type-arg]
        return [killed(photo) if photo.name == "01.png" else task(photo) for photo in photos]

    monkeypatch.setattr(stage, "map_images", killing)
    sources, reasons, details = cropped(tmp_path, max_rejected=0.5)
    assert sources == {"00.png", "02.png"}
    assert reasons == {"01.png": "failed"}
    assert "killed" in details["01.png"]


@pytest.mark.parametrize("detector", ["own", "landmarks", "aligned"])
def test_a_dot_is_too_small_for_every_detector(folder: Path, tmp_path: Path, detector: str) -> None:
    for size in ((1, 1), (1, 100), (100, 1)):
        picture(5).resize(size).save(folder / f"{size[0]}x{size[1]}.png")
    with pytest.raises(UserError, match=r"1x1\.png: too small 1x1 px"):
        cropped(tmp_path, detector=detector, max_rejected=0.0, include=("*x*",))  # type: ignore[arg-type]


def test_pictures_of_every_mode_lie_side_by_side(folder: Path, tmp_path: Path) -> None:
    """8-bit gray, one bit, a palette and 16 bits among RGB ones: every face has three channels."""
    for mode in ("L", "1", "P", "LA", "RGBA"):
        picture(9).convert(mode).save(folder / f"{mode}.png")
    Image.fromarray(np.asarray(picture(8).convert("L")).astype(np.uint16) * 257).save(folder / "16.png")
    sources, reasons, _ = cropped(tmp_path)
    assert (len(sources), reasons) == (9, {})
    shapes = {Image.open(path).mode + str(Image.open(path).size) for path in (tmp_path / "data/faces/photos").iterdir()}
    assert shapes == {"RGB(64, 64)"}
