"""A drawing's face is laid where the nets know faces, wherever the sheet has it; what was done is told."""

import cv2
import numpy as np
import pytest

from pipeline.apps import understand as module
from pipeline.apps.understand import AS_IS, Intake, given_eyes, understand
from pipeline.core import params
from pipeline.core.errors import UserError
from pipeline.core.image_io import Picture
from pipeline.core.outcome import Refused
from pipeline.core.polarity import strokes_of, to_uint8
from pipeline.drawing.rasterize import render
from pipeline.drawing.rough import rough_drawing
from pipeline.drawing.stroke import Stroke
from pipeline.helpers.line_cleaner.known import face as known_face
from pipeline.helpers.line_cleaner.train import LineCleanerParams
from pipeline.helpers.values import read_values
from pipeline.stages.crop.settings import CropParams
from pipeline.weights.face_finder import FoundFace

SIDE = 128
AUTO, NEVER = Intake(False, "auto", "auto"), Intake(False, "auto", "never")


def drawn(*strokes: Stroke, shape: tuple[int, int] = (600, 800)) -> Picture:
    gray = to_uint8(render(strokes, shape))
    return Picture(np.repeat(gray[..., None], 3, 2), None, ())


def ring(x: float, y: float, radius: float, width: float = 3.0) -> Stroke:
    turn = np.linspace(0, 2 * np.pi, 40)
    points = np.stack([x + radius * np.cos(turn), y + radius * np.sin(turn)], 1).astype(np.float32)
    return Stroke.even(points, np.full(len(points), width, np.float32))


def head(x: float, y: float, apart: float = 120, width: float = 3.0) -> list[Stroke]:
    """Two eyes level about (x, y), and a face around them."""
    eyes = [ring(x + way * apart / 2, y, apart / 8, width) for way in (-1, 1)]
    return [*eyes, ring(x, y + apart / 2, apart, width)]


def found_at(monkeypatch: pytest.MonkeyPatch, *eyes: tuple[float, float, float, float]) -> None:
    """As if the net had found faces with eyes there."""
    points = np.zeros((len(eyes), 5, 2))
    points[:, :2] = np.array(eyes).reshape(-1, 2, 2)
    monkeypatch.setattr(module, "find_faces", lambda *_: [FoundFace(p, 0.9) for p in points])


def blots(sketch: np.ndarray) -> np.ndarray:
    """Middles of the small rings, from left to right."""
    ink = (strokes_of(sketch) > 0.3).astype(np.uint8)
    count, _, about, middles = cv2.connectedComponentsWithStats(ink)
    small = [middles[i] for i in range(1, count) if about[i, cv2.CC_STAT_WIDTH] < SIDE / 4]
    return np.array(sorted(small, key=lambda at: float(at[0])))


def test_eyes_lie_where_the_crops_have_them(monkeypatch: pytest.MonkeyPatch) -> None:
    crop = params.load(CropParams, "crop")
    aim = (SIDE - 1) / 2 + np.array([-0.5, 0.5]) * crop.eye_distance * SIDE
    for at, apart in (((300, 250), 120.0), ((560, 400), 60.0)):
        found_at(monkeypatch, (at[0] - apart / 2, at[1], at[0] + apart / 2, at[1]))
        (face,) = understand(drawn(*head(*at, apart)), SIDE, AUTO)
        assert face.sketch.shape == (SIDE, SIDE)
        eyes = blots(face.sketch)
        np.testing.assert_allclose(eyes[:, 0], aim, atol=1)
        np.testing.assert_allclose(eyes[:, 1], crop.eye_y * SIDE, atol=1)
        assert f"{apart:.0f} px apart; laid" in " ".join(face.notes)


def test_given_eyes_are_px_of_the_picture_even_of_a_large_one() -> None:
    picture = drawn(*head(1500, 900, 700, 12), shape=(2400, 3000))
    (face,) = understand(picture, SIDE, Intake(False, "1850 900 1150,900", "never"))
    (here,) = understand(drawn(*head(300, 250)), SIDE, Intake(False, "240 250 360 250", "never"))
    np.testing.assert_allclose(blots(face.sketch), blots(here.sketch), atol=1)


@pytest.mark.parametrize("place", ["here", "1 2 3", "1 2 1 2", "1 2 3 nan", "1 2 3 4 5"])
def test_what_says_no_place_is_refused(place: str) -> None:
    with pytest.raises(UserError, match="auto, as-is"):
        Intake.checked(False, place, "auto")
    assert given_eyes("5 1 2 1").tolist() == [[2, 1], [5, 1]]


def test_a_drawing_without_a_face_is_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_faces", lambda *_: [])
    with pytest.raises(Refused) as refused:
        understand(drawn(ring(300, 300, 100)), SIDE, AUTO)
    assert "no face" in refused.value.reason
    assert "--place" in refused.value.remedy
    (as_it_lies,) = understand(drawn(ring(300, 300, 100)), SIDE, Intake(False, AS_IS, "never"))
    assert strokes_of(as_it_lies.sketch).max() > 0.5


def test_a_sheet_on_its_side_is_set_upright(monkeypatch: pytest.MonkeyPatch) -> None:
    upright = drawn(*head(300, 250))
    lying = Picture(np.ascontiguousarray(np.rot90(upright.rgb, -1)), None, ())
    eyes = np.zeros((5, 2))
    eyes[:2] = (240, 250), (360, 250)

    def finds(sketch: np.ndarray, *_: float) -> list[FoundFace]:
        return [FoundFace(eyes, 0.9)] if sketch.shape == upright.rgb.shape[:2] else []

    monkeypatch.setattr(module, "find_faces", finds)
    (face,) = understand(lying, SIDE, NEVER)
    (straight,) = understand(upright, SIDE, NEVER)
    assert np.abs(face.sketch - straight.sketch).mean() < 0.01
    assert "turned by 90°" in " ".join(face.notes)


def test_several_faces_are_numbered_from_the_left_and_specks_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    found_at(monkeypatch, (540, 300, 660, 300), (140, 300, 260, 300), (400, 50, 410, 50))
    faces = understand(drawn(*head(200, 300), *head(600, 300)), SIDE, AUTO)
    assert [face.number for face in faces] == [1, 2]
    assert ["face 1 of 2" in " ".join(face.notes) for face in faces] == [True, False]
    np.testing.assert_allclose(blots(faces[0].sketch), blots(faces[1].sketch), atol=1)


def test_a_doubtful_face_beside_a_sure_one_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    points = np.zeros((2, 5, 2))
    points[:, :2] = [[(140, 300), (260, 300)], [(540, 300), (660, 300)]]
    for second, count in ((0.65, 1), (0.85, 2)):
        scored = [FoundFace(points[0], 0.88), FoundFace(points[1], second)]
        monkeypatch.setattr(module, "find_faces", lambda *_, scored=scored: scored)
        assert len(understand(drawn(*head(200, 300), *head(600, 300)), SIDE, AUTO)) == count


@pytest.mark.parametrize(("width", "done"), [(0.5, "made thicker"), (2.5, ""), (16.0, "made thinner")])
def test_pens_are_brought_to_the_width_that_the_nets_know(
    width: float, done: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found_at(monkeypatch, (240, 250, 360, 250))
    (face,) = understand(drawn(*head(300, 250, 120, width)), SIDE, AUTO)
    assert (done in " ".join(face.notes)) if done else ("pen" not in " ".join(face.notes))
    ink = strokes_of(face.sketch)
    assert ink.max() > 0.5
    assert 0.01 < ink.mean() < 0.12


def test_rough_lines_are_drawn_anew_where_told_and_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    rough = read_values(LineCleanerParams, "line_cleaner").rough
    searched = rough_drawing(known_face(rng), (256, 256), rough, rng)
    picture = Picture(np.repeat(to_uint8(searched)[..., None], 3, 2), None, ())
    notes = {clean: " ".join(understand(picture, 256, Intake(False, AS_IS, clean))[0].notes) for clean in module.CLEAN}
    assert "drawn anew" in notes["always"]
    assert "drawn anew" not in notes["never"]
    monkeypatch.setattr(module, "roughness", lambda *_: 0.0)
    assert "drawn anew" not in " ".join(understand(picture, 256, Intake(False, AS_IS, "auto"))[0].notes)
    monkeypatch.setattr(module, "roughness", lambda *_: 2.0)
    assert "drawn anew" in " ".join(understand(picture, 256, Intake(False, AS_IS, "auto"))[0].notes)
