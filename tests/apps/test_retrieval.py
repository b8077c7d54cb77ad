"""Index and search: exact, kept up to date, one sentence for an index that is none; what is measured of it."""

import json
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from safetensors.numpy import save_file

from pipeline.apps import embeddings, index, retrieve
from pipeline.apps.embeddings import EMBEDDINGS, Pixels, Shapes, directions, opened
from pipeline.apps.face_index import Entry, FaceIndex, check_settings, read_index, write_index
from pipeline.apps.faces import Asked, Face
from pipeline.apps.index import Named
from pipeline.apps.understand import Intake
from pipeline.core.errors import UserError
from pipeline.core.image_io import read_photo, write_gray, write_photo
from pipeline.core.polarity import Sketch, Strokes
from pipeline.drawing.face_prior import Eyes
from pipeline.evaluation import retrieval
from pipeline.stages.demo.renderer import render_face
from pipeline.weights.registry import find
from tests.tiny_checkout import ROOT

EYES = Eyes(0.48, 0.27)
PIXELS = Named("pixels", False)


def unit(count: int, size: int, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).standard_normal((count, size), np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def made(count: int, size: int = 16) -> FaceIndex:
    entries = [Entry(f"/photos/{i}.png", f"{i}", (1, 0, 0, 0, 1, 0)) for i in range(count)]
    return FaceIndex(
        "pixels", {"thumbnail": 24}, unit(count, size), entries, [Entry("/photos/x.png", "x", (), "no face")]
    )


def test_the_nearest_are_exact_and_a_file_keeps_all(tmp_path: Path) -> None:
    known = made(300)
    write_index(tmp_path / "i", known)
    again = read_index(tmp_path / "i")
    assert (again.faces, again.refused, again.settings) == (known.faces, known.refused, {"thumbnail": 24})
    for query in unit(5, 16, 1):
        slow = sorted(((-float(vector @ query), i) for i, vector in enumerate(known.vectors)))[:7]
        found = again.nearest(query, 7)
        assert [entry.file for entry, _ in found] == [f"/photos/{i}.png" for _, i in slow]
        np.testing.assert_allclose([cosine for _, cosine in found], [-alike for alike, _ in slow], atol=1e-6)
    assert len(again.nearest(query, 1000)) == 300
    same = FaceIndex("pixels", {}, np.ones((4, 1), np.float32), known.faces[:4])
    assert [entry.sha256 for entry, _ in same.nearest(np.ones(1, np.float32), 2)] == ["0", "1"]


def test_a_hundred_thousand_faces_answer_in_a_tenth_of_a_second() -> None:
    """The quickest of several, since the machine does other things beside; every answer is the true one."""
    vectors, entry = unit(100_000, 128), Entry("a", "a", (1, 0, 0, 0, 1, 0))
    known, taken = FaceIndex("identity", {}, vectors, [entry] * len(vectors)), list[float]()
    for place in (7, 99_999, 50_000, 1, 2, 3, 4, 5):
        begun = time.perf_counter()
        found = known.nearest(vectors[place], 10)
        taken.append(time.perf_counter() - begun)
        assert found[0][1] == pytest.approx(1, abs=1e-5)
        assert found[1][1] < 0.9
    assert min(taken) < 0.1


def test_what_is_no_index_is_told_in_one_sentence(tmp_path: Path) -> None:
    write_index(whole := tmp_path / "whole", made(20))
    data = whole.read_bytes()
    (tmp_path / "cut").write_bytes(data[: len(data) // 2])
    (tmp_path / "text").write_text("no index")
    save_file({"a": np.zeros(2, np.float32)}, tmp_path / "tensors")
    (tmp_path / "later").write_bytes(data.replace(b'\\"index\\": 1', b'\\"index\\": 2'))
    (tmp_path / "folder").mkdir()
    for name, words in (
        ("missing", "no such index"),
        ("folder", "a folder; name the file"),
        ("cut", "cut short"),
        ("text", "no index"),
        ("tensors", "another file of tensors"),
        ("later", "an index of version 2, this program has 1"),
    ):
        with pytest.raises(UserError, match=words) as told:
            read_index(tmp_path / name)
        assert "\n" not in str(told.value)
    (tmp_path / "unknown").write_bytes(data.replace(b'\\"pixels\\"', b'\\"pixelz\\"'))
    with pytest.raises(UserError, match="unknown: faces by 'pixelz', which is not known here; delete it"):
        retrieve.comparing(tmp_path / "unknown")
    known = read_index(whole)
    with pytest.raises(UserError, match="faces by 'pixels', not by 'shapes'"):
        check_settings(whole, known, "shapes", {})
    with pytest.raises(UserError, match="made with another face_alone, thumbnail; delete it"):
        check_settings(whole, known, "pixels", {"thumbnail": 16, "face_alone": True})
    check_settings(whole, known, "pixels", {"thumbnail": 24})


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three demo faces, aligned as they are, and a picture without a face."""
    text = (ROOT / "params.yaml").read_text().replace("detector: own", "detector: aligned")
    (tmp_path / "params.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    for seed in (1, 2, 3):
        write_photo(tmp_path / "photos" / f"{seed}.png", render_face(160, seed, 0).photo)
    (tmp_path / "photos" / "broken.png").write_bytes(b"no picture")
    return tmp_path / "photos"


def test_photos_are_embedded_once_and_an_index_follows_its_folders(
    photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked, out = list[str](), photos.parent / "faces.index"
    real = Pixels.photo

    def watched(self: Pixels, crop: np.ndarray) -> np.ndarray:
        asked.append("one")
        return real(self, crop)

    monkeypatch.setattr(Pixels, "photo", watched)
    assert index.run([photos], out, PIXELS, 1) == 1
    assert "3 faces, 3 new, 0 as they were, 0 gone, 1 photos refused" in capsys.readouterr().err
    assert len(asked) == 3
    first = out.read_bytes()
    assert index.run([photos], out, Named("auto", False), 1) == 1
    assert (len(asked), out.read_bytes()) == (3, first), "nothing is looked at again, what was refused neither"
    (photos / "broken.png").unlink()
    (photos / "2.png").unlink()
    write_photo(photos / "3.png", render_face(160, 9, 0).photo)
    write_photo(photos.parent / "more" / "4.png", render_face(160, 4, 0).photo)
    (photos / "gone.png").symlink_to(photos / "nowhere.png")
    assert index.run([photos, photos.parent / "more"], out, PIXELS, 1) == 0
    assert len(asked) == 5, "the changed one and the new one"
    told = capsys.readouterr().err
    assert "3 faces, 2 new, 1 as they were, 2 gone, 0 photos refused" in told
    assert "left out, broken links: 1 (gone.png)" in told
    names = [Path(entry.file).name for entry in read_index(out).faces]
    assert names == ["4.png", "1.png", "3.png"]
    assert index.run([photos], out, PIXELS, 1) == 0
    assert len(read_index(out).faces) == 3, "faces of a folder that is not named stay"
    with pytest.raises(UserError, match="not by 'shapes'; name another file"):
        index.run([photos], out, Named("shapes", False), 1)
    with pytest.raises(UserError, match="made with another face_alone"):
        index.run([photos], out, Named("pixels", True), 1)


def test_an_embedding_that_is_none_and_a_net_that_is_missing_are_told(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="--embedding nonesuch: there are auto, identity, shapes, pixels"):
        index.run([photos], photos.parent / "i", Named("nonesuch", False), 1)
    monkeypatch.setattr(embeddings, "find", lambda name: None)
    assert opened("auto", EYES, False)[0] == "shapes"
    monkeypatch.setattr(embeddings, "find", lambda name: Path("there"))
    if find("mobilefacenet") is None:
        with pytest.raises(UserError, match="weights 'mobilefacenet' are missing"):
            opened("auto", EYES, False)


class Copying:
    """A system that calibrates nothing and whose photo is the drawing."""

    size, runtime = 64, "none"

    def refine(self, sketches: np.ndarray) -> np.ndarray:
        return 1 - sketches.astype(np.float32) / 255

    def photos(self, strokes: np.ndarray, codes: None = None) -> np.ndarray:
        return np.repeat(np.round(255 * (1 - strokes)).astype(np.uint8)[..., None], 3, 3)

    def photo(self, sketch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        strokes = self.refine(sketch[None])
        return strokes[0], self.photos(strokes)[0]


def test_a_drawing_finds_its_photo_first_and_says_what_the_list_is(
    photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The gray photo itself is the drawing, of a system that copies it."""
    out, drawing = photos.parent / "faces.index", photos.parent / "drawing.png"
    index.run([photos], out, PIXELS, 1)
    gray = read_photo(photos / "2.png").mean(2).astype(np.float32) / 255
    write_gray(drawing, gray)
    monkeypatch.setattr(Asked, "opened", lambda self, refine: Copying())
    monkeypatch.setattr(retrieve, "faces", lambda system, picture, intake: [face_of(gray)])
    asked, intake = Asked("shipped", "auto", "cpu", photos.parent), Intake.checked(False, "as-is", "never")
    capsys.readouterr()
    assert retrieve.run([drawing], out, 2, photos.parent / "out", asked, 0.5, intake, False) == 0
    told = json.loads((photos.parent / "out" / "drawing.matches.json").read_text())
    assert Path(told["matches"][0]["file"]).name == "2.png"
    assert told["matches"][0]["cosine"] > 0.99 > told["matches"][1]["cosine"]
    assert (told["of"], told["note"]) == (3, "a ranking of look-alikes, never an identification")
    assert "never an identification" in capsys.readouterr().err
    sheet = read_photo(photos.parent / "out" / "drawing.matches.png")
    assert sheet.shape[0] < sheet.shape[1]
    (photos / "2.png").unlink()
    assert retrieve.run([drawing], out, 9, photos.parent / "out", asked, 0.5, intake, True) == 0, "a gap in the sheet"


def face_of(gray: np.ndarray) -> Face:
    photo = np.repeat(np.round(255 * gray).astype(np.uint8)[..., None], 3, 2)
    return Face(Sketch(gray), Strokes(np.float32(1) - gray), photo, ())


def test_shapes_know_directions_and_places() -> None:
    across, down, moved = (np.zeros((120, 120), np.float32) for _ in range(3))
    across[58:61, 20:100] = 1
    down[20:100, 58:61] = 1
    moved[62:65, 20:100] = 1
    a, b, c = (directions(lines) for lines in (across, down, moved))
    assert np.linalg.norm(a) == pytest.approx(1, abs=1e-5)
    assert a @ c > 0.9 > 0.5 > a @ b
    assert not directions(np.zeros((120, 120), np.float32)).any()


@pytest.mark.parametrize("name", EMBEDDINGS)
def test_without_hair_nothing_but_the_face_counts(name: str, photos: Path) -> None:
    if name == "identity" and find("mobilefacenet") is None:
        pytest.skip("its net is not here")
    whole, alone = (EMBEDDINGS[name](EYES, face_alone) for face_alone in (False, True))
    strokes = np.zeros((128, 128), np.float32)
    strokes[50:90, 50:52] = strokes[80:82, 50:80] = 1
    hair = strokes.copy()
    hair[36:100, 25:33] = 1
    same = [embedding.strokes(Strokes(strokes)) @ embedding.strokes(Strokes(hair)) for embedding in (whole, alone)]
    assert same[0] < 0.9995 < same[1]
    assert alone.settings["face_alone"] != whole.settings["face_alone"]


def test_a_drawing_of_a_face_has_the_shapes_of_its_photo(photos: Path) -> None:
    """Nearer than those of another face's: fine edges, drawn as strokes."""
    faces, by = [render_face(160, seed, 0).photo for seed in (1, 2)], Shapes(EYES, False)
    lines = [cv2.Canny(face, 40, 120).astype(np.float32) / 255 for face in faces]
    own = [by.photo(face) for face in faces]
    alike = np.array([[by.strokes(Strokes(drawn)) @ vector for vector in own] for drawn in lines])
    assert [np.linalg.norm(vector) for vector in own] == pytest.approx([1, 1], abs=1e-5)
    assert (np.diag(alike) > alike[[0, 1], [1, 0]]).all()
    assert (np.diag(alike) > 0.6).all()


def test_ranks_and_what_they_come_to() -> None:
    """Three drawings: first, third behind two others, and second behind a distractor alone."""
    photos = np.eye(5, dtype=np.float32)
    queries = np.array([[1, 0, 0, 0, 0], [0.9, 0.1, 0.5, 0, 0], [0, 0, 0.6, 0.8, 0]], np.float32)
    none, all_ = retrieval.ranks_of(queries, photos, [0, 2])
    assert (none["distractors"], none["rank1"], all_["rank1"]) == (0, pytest.approx(2 / 3), pytest.approx(1 / 3))
    assert none["map"] == pytest.approx((1 + 1 / 3 + 1) / 3)
    assert all_["map"] == pytest.approx((1 + 1 / 3 + 1 / 2) / 3)
    assert none["cmc"][:3] == pytest.approx([2 / 3, 2 / 3, 1])
    assert none["rank10"] == 1
    tied = retrieval.ranks_of(np.ones((2, 1), np.float32), np.ones((2, 1), np.float32), [0])[0]
    assert tied["rank1"] == 0, "who cannot tell two faces apart has found none"


def test_the_interval_of_a_share() -> None:
    """Against the values of the paper's formula at 10 of 10 and 5 of 10."""
    assert retrieval.wilson(1.0, 10) == pytest.approx((0.722, 1.0), abs=1e-3)
    assert retrieval.wilson(0.5, 10) == pytest.approx((0.237, 0.763), abs=1e-3)
