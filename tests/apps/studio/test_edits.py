"""The studio edits photos: what is erased comes as drawn, every other pixel stays; what is wrong gets a sentence."""

import io
import json
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import studio_systems
from PIL import Image
from starlette.testclient import TestClient, WebSocketTestSession
from studio_systems import Calls, browser, pixels, png_of, unpacked

from pipeline.apps.studio import limits, sitting
from pipeline.apps.studio.messages import Wrong, read_edit
from pipeline.stages.demo.renderer import render_face

EDITING = "ws://127.0.0.1:8765/api/editing"
SENTENCE = re.compile(r"^[A-Z][^\n]{8,250}\.$")
SIDE, SHOWN = 320, 150
FACE = np.asarray(Image.fromarray(render_face(160, 1, 3).photo).resize((SIDE, SIDE), Image.Resampling.BICUBIC))
WIDE = [3000, 5000, 2000, 100, 7000, 5000, 2000, 100]
LINE = [3500, 5000, 300, 100, 6500, 5000, 300, 100]


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with pytest.MonkeyPatch.context() as patch, browser(Calls(side=64)) as made:
        patch.setattr(sitting, "SHOWN_PX", SHOWN)
        yield made


def opened(client: TestClient, photo: np.ndarray = FACE) -> tuple[dict[str, Any], np.ndarray]:
    """What the studio says of a photo, and the part of it that the page shows."""
    answer = client.post("/api/edit", content=png_of(photo))
    assert answer.status_code == 200, answer.text
    header, parts = unpacked(answer.content)
    return header, pixels(parts["photo"])


def message(photo: str, number: int = 1, **more: object) -> str:
    return json.dumps({"number": number, "photo": photo, "mask": [WIDE], "lines": [], "colours": []} | more)


def told(socket: WebSocketTestSession, text: str) -> tuple[dict[str, Any], dict[str, bytes]]:
    socket.send_text(text)
    return unpacked(socket.receive_bytes())


def test_what_is_erased_comes_as_drawn_while_the_brush_moves(client: TestClient) -> None:
    """A line black, a colour as it is, in a box that the mask just holds."""
    header, shown = opened(client)
    red = [[[255, 0, 0], [[3600, 5600, 500, 100, 6400, 5600, 500, 100]]]]
    with client.websocket_connect(EDITING) as socket:
        reply, parts = told(socket, message(header["photo"], lines=[LINE], colours=red))
        assert told(socket, message(header["photo"], 2, mask=[]))[1] == {}, "nothing is erased"
        calibrated = told(socket, message(header["photo"], 3, lines=[LINE], calibrated=True))[1]
    assert reply["number"] == 1
    patch = pixels(parts["patch"]).astype(int)
    left, top, width, _ = (value / 10_000 for value in header["place"])
    scale = shown.shape[1] / width
    middle = [round((value - corner) * scale) for value, corner in ((0.5, left), (0.5, top))]
    assert abs(reply["x"] + patch.shape[1] / 2 - middle[0]) < 3
    assert abs(reply["y"] + patch.shape[0] / 2 - middle[1]) < 3
    assert patch.shape[1] == pytest.approx(0.6 * scale, abs=3)
    at = patch[middle[1] - reply["y"], middle[0] - reply["x"]]
    below = patch[round((0.56 - top) * scale) - reply["y"], middle[0] - reply["x"]]
    assert at.max() < 90
    assert below[0] > below[1] + 60
    assert not np.array_equal(pixels(calibrated["patch"]), patch)


def test_every_pixel_that_is_not_erased_stays_in_the_photo_that_is_saved(client: TestClient) -> None:
    """At its full size, which the page does not show."""
    header, shown = opened(client)
    assert max(shown.shape) == SHOWN
    answer = client.post("/api/edited.png", content=message(header["photo"], lines=[LINE]))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    made = pixels(answer.content)
    changed = (made != FACE).any(-1)
    rows, columns = np.nonzero(changed)
    assert 0.01 < changed.mean() < 0.2
    assert (np.ptp(columns) + 1) > 2 * (np.ptp(rows) + 1), "a wide band"
    assert np.array_equal(made[~changed], FACE[~changed])
    blank = client.post("/api/edited.png", content=message(header["photo"], mask=[]))
    assert np.array_equal(pixels(blank.content), FACE)


def test_a_photo_is_kept_for_its_page_alone(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PHOTOS", 2)
    first, second, third = (opened(client)[0]["photo"] for _ in range(3))
    with client.websocket_connect(EDITING) as socket:
        assert "again" in told(socket, message(first, mask=[]))[0]
        assert "again" not in told(socket, message(second, mask=[]))[0]
        assert "again" not in told(socket, message(third, mask=[]))[0], "another photo on the same page"
    for gone in (second, third):
        answer = client.post("/api/edited.png", content=message(gone))
        assert (answer.status_code, SENTENCE.match(answer.text) is not None) == (422, True)


def test_wrong_photos_get_a_sentence(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = np.full((300, 300, 3), 120, np.uint8)
    file = io.BytesIO()
    Image.new("RGB", (9, 9)).save(file, "PNG")
    monkeypatch.setattr(limits, "EDIT_PIXELS", SIDE * SIDE - 1)
    for content, words in (
        (b"", "empty"),
        (b"../../etc/passwd", "JPEG or PNG"),
        (png_of(FACE)[:2000], "JPEG or PNG"),
        (file.getvalue(), "No face could be used"),
        (png_of(plain), "No face could be used: no face"),
        (png_of(FACE), "320 x 320 pixels"),
    ):
        answer = client.post("/api/edit", content=content)
        assert answer.status_code == 422
        assert words in answer.text
        assert SENTENCE.match(answer.text)
        assert "/" not in answer.text


@pytest.mark.parametrize(
    "wrong",
    [
        {"photo": 3},
        {"calibrated": "yes"},
        {"mask": [[1, 2, 3]]},
        {"lines": "none"},
        {"colours": [[[1, 2], []]]},
        {"colours": [[[1, 2, 300], []]]},
        {"colours": [[[1, 2, 3], []]] * (limits.COLOURS + 1)},
        {"mask": [[0, 0, 9999, 100]]},
        {"mask": [WIDE] * limits.STROKES, "lines": [LINE]},
    ],
)
def test_a_wrong_message_gets_a_sentence(wrong: dict[str, object]) -> None:
    with pytest.raises(Wrong) as raised:
        read_edit(json.dumps(json.loads(message("x")) | wrong))
    assert SENTENCE.match(str(raised.value))


def test_without_a_net_the_page_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.apps.edit.SHIPPED_EDITOR", "none-such")
    with browser(Calls(), edits=False) as client:
        remedy = client.post("/api/editor").json()["remedy"]
        assert "cali-sketch train edit" in remedy
        assert SENTENCE.match(remedy)
        answer = client.post("/api/edit", content=png_of(FACE))
        assert (answer.status_code, answer.text) == (422, remedy)


def test_a_net_of_another_shape_is_no_fault_of_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("size mismatch")

    monkeypatch.setattr(studio_systems, "tiny_editor", broken)
    with browser(Calls()) as client:
        assert SENTENCE.match(client.post("/api/editor").json()["remedy"])
