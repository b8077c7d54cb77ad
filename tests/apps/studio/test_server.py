"""The studio's server: live photos, files in and out, whom it answers, what it refuses."""

import io
import json
import re
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect
from studio_systems import CODE, ORIGIN, SIDE, Calls, browser, make_studio, pixels, png_of, unpacked

from pipeline.apps.studio import limits, server
from pipeline.apps.studio.messages import read_message, strokes_in_px
from pipeline.core.polarity import strokes_of, to_uint8
from pipeline.drawing.rasterize import render
from pipeline.stages.demo.renderer import render_face

LINE = [1000, 5000, 400, 100, 9000, 5000, 400, 100]
LIVE = "ws://127.0.0.1:8765/api/live"
THIN = [1000, 5000, 110, 100, 9000, 5000, 110, 100]
SENTENCE = re.compile(r"^[A-Z][^\n]{8,250}\.$")


@pytest.fixture
def calls() -> Calls:
    return Calls()


@pytest.fixture
def client(calls: Calls) -> Iterator[TestClient]:
    with browser(calls) as made:
        yield made


def drawing(number: int = 1, **more: object) -> str:
    return json.dumps({"number": number, "strokes": [LINE]} | more)


def made(socket: WebSocketTestSession, text: str) -> tuple[dict[str, Any], dict[str, bytes]]:
    socket.send_text(text)
    return unpacked(socket.receive_bytes())


# The page


def test_the_page_may_do_what_it_needs_alone(client: TestClient) -> None:
    answer = client.get("/")
    assert answer.status_code == 200
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert "server" not in answer.headers


def test_nothing_of_the_page_lies_elsewhere() -> None:
    for name, (content, _) in server.page_files().items():
        addresses = set(re.findall(rb"(?:https?:)?//[\w.-]+\.\w+[^\s\"'`]*", content))
        assert addresses <= {b"http://www.w3.org/2000/svg"}, name


def test_every_file_that_the_page_names_is_served(client: TestClient) -> None:
    files = server.page_files()
    texts = [content.decode() for name, (content, _) in files.items() if not name.endswith((".json", ".webp"))]
    named = {path for text in texts for path in re.findall(r"[\"'](/[\w./-]+\.(?:js|css|svg|webp))[\"']", text)}
    about = client.get("/api/about").json()
    for path in sorted(named | {f"/{name}" for name in about["tabs"] + about["examples"]}):
        answer = client.get(path)
        assert answer.status_code == 200, path
        kind = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml", "json": "application/json"} | {
            "webp": "image/webp"
        }
        assert answer.headers["content-type"].split(";")[0] == kind[path.rsplit(".")[-1]]
    assert about["tabs"] == [f"tabs/{name}.js" for name in ("draw", "edit", "search", "sketches")]


def test_a_tab_more_is_a_file_more(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, calls: Calls) -> None:
    (tmp_path / "tabs").mkdir()
    (tmp_path / "tabs/edit.js").write_text("export const tab = {};")
    monkeypatch.setattr(server, "PAGE", tmp_path)
    with browser(calls) as client:
        assert client.get("/api/about").json()["tabs"] == ["tabs/edit.js"]


@pytest.mark.parametrize(
    "path",
    ["/../server.py", "/..%2fserver.py", "/tabs/%2e%2e/%2e%2e/server.py", "//etc/passwd", "/api", "/x", "/tabs/"],
)
def test_other_paths_lead_nowhere(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert SENTENCE.match(answer.text)


def test_models_say_what_they_can_be_told(client: TestClient) -> None:
    models = {model["name"]: model for model in client.get("/api/about").json()["models"]}
    assert list(models) == ["lite", "photo", "faces"]
    assert (models["photo"]["levels"], models["photo"]["tones"]) == (True, ["light-fair", "dark-black"])
    assert (models["lite"]["levels"], models["lite"]["draws"]) == (False, 0)
    assert models["lite"]["tones"] == ["light", "medium", "dark"]  # of the skin


# Live


def test_a_drawing_comes_back_as_strokes_and_photo(client: TestClient) -> None:
    with client.websocket_connect(LIVE) as socket:
        header, parts = made(socket, drawing(7))
    assert header["number"] == 7
    wanted = to_uint8(render(strokes_in_px(read_message(drawing()).strokes, SIDE), (SIDE, SIDE)))
    assert np.abs(pixels(parts["strokes"]).astype(int) - wanted).max() <= 1
    photo = pixels(parts["photo"])
    assert photo.shape == (SIDE, SIDE, 3)
    assert photo[SIDE // 2, SIDE // 2].max() < 20 < 100 < photo[2, 2].min()


def test_the_same_drawing_gives_the_same_bytes(client: TestClient) -> None:
    with client.websocket_connect(LIVE) as socket:
        first, other, again = (made(socket, text)[1] for text in (drawing(1), drawing(2, strokes=[]), drawing(3)))
    assert first == again != other


def test_refinement_and_tones_change_the_photo(client: TestClient) -> None:
    choices: list[dict[str, Any]] = [{"refine": 0.0}, {"refine": 1.0}]
    tones = [{}, {"tone": "light-fair"}, {"tone": "dark-black"}, {"seed": 0}, {"seed": 1}, {"code": [0.7] * CODE}]
    choices += [{"refine": 0.0, "tones": one} for one in tones[1:]]
    with client.websocket_connect(LIVE) as socket:
        photos = [made(socket, drawing(i, model="photo", **one))[1]["photo"] for i, one in enumerate(choices)]
        assert len(set(photos)) == len(choices)
        plain = [made(socket, drawing(i, model="lite", **one))[1]["photo"] for i, one in enumerate(choices)]
        assert len(set(plain)) == 1
        skins: list[dict[str, Any]] = [{"tone": "dark"}, {"tone": "light"}, {"skin": [150, 110, 90]}]
        toned = [made(socket, drawing(9, model="lite", tones=one))[1]["photo"] for one in skins]
        assert len({plain[0], *toned}) == 4


def test_the_newest_drawing_wins(client: TestClient, calls: Calls) -> None:
    """Twenty drawings while the nets work at one: the last is answered, most of the others never ran."""
    calls.seconds = 0.15
    numbers: list[int] = []
    with client.websocket_connect(LIVE) as socket:
        for number in range(1, 21):
            socket.send_text(drawing(number))
            time.sleep(0.01)
        while not numbers or numbers[-1] < 20:
            numbers.append(unpacked(socket.receive_bytes())[0]["number"])
    assert numbers == sorted(numbers)
    assert len(numbers) <= 4
    assert calls.count == len(numbers)


def test_a_lifted_pen_takes_the_place_of_a_run_that_is_half_done(client: TestClient, calls: Calls) -> None:
    """Between the nets; a drawing of a pen that still moves does not."""
    calls.seconds = 0.2
    lifted = json.dumps({"lifted": True} | json.loads(drawing(2)), separators=(",", ":"))
    for newer, answers in ((lifted, [2]), (drawing(2), [1, 2])):
        with client.websocket_connect(LIVE) as socket:
            socket.send_text(drawing(1))
            time.sleep(0.1)
            socket.send_text(newer)
            assert [unpacked(socket.receive_bytes())[0]["number"] for _ in answers] == answers


def test_a_lifted_pen_ends_a_run_that_can_be_ended_once(client: TestClient, calls: Calls) -> None:
    """What runs then is not ended, so that photos come however often a pen is lifted."""
    calls.seconds, calls.halts = 0.3, True
    texts = [json.dumps({"lifted": True} | json.loads(drawing(i)), separators=(",", ":")) for i in (1, 2)]
    with client.websocket_connect(LIVE) as socket:
        socket.send_text(drawing(0))
        for runs, text in enumerate(texts, 1):
            while (calls.count, calls.now) != (runs, 1):
                time.sleep(0.005)
            socket.send_text(text)
        headers = [unpacked(socket.receive_bytes())[0] for _ in texts]
    assert [header["number"] for header in headers] == [1, 2]
    assert not any("error" in header for header in headers)
    assert (calls.count, calls.ended) == (3, 1)


def test_strokes_that_come_faster_than_photos_never_queue(client: TestClient, calls: Calls) -> None:
    """Nets that take 150 ms, a drawing every 50 ms: each photo is of the newest drawing of when its nets began."""
    calls.seconds = 0.15
    sent, newest = 0, list[int]()  # the newest that was sent when each reply came
    numbers = list[int]()

    def receive(socket: WebSocketTestSession) -> None:
        while 20 not in numbers:
            numbers.append(unpacked(socket.receive_bytes())[0]["number"])
            newest.append(sent)

    with client.websocket_connect(LIVE) as socket:
        receiver = threading.Thread(target=receive, args=(socket,))
        receiver.start()
        for number in range(1, 21):
            sent = number
            socket.send_text(drawing(number))
            time.sleep(0.05)
        receiver.join(30)
    assert numbers[-1] == 20
    assert numbers == sorted(numbers)
    assert calls.count == len(numbers) < 20
    assert all(later >= before - 1 for later, before in zip(numbers[2:], newest, strict=False))  # one may be on its way


def test_two_users_share_the_nets_by_turns(client: TestClient, calls: Calls) -> None:
    """One floods; the other waits for the run that has begun, and for no more. Never two runs at once."""
    calls.seconds = 0.05
    stop = threading.Event()

    def flood(socket: WebSocketTestSession) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            socket.send_text(drawing(number))
            time.sleep(0.005)

    with client.websocket_connect(LIVE) as busy, client.websocket_connect(LIVE) as other:
        flooding = threading.Thread(target=flood, args=(busy,))
        flooding.start()
        try:
            time.sleep(0.3)
            runs = []
            for number in range(1, 6):
                before = calls.count
                assert made(other, drawing(number))[0]["number"] == number
                runs.append(calls.count - before)
        finally:
            stop.set()
            flooding.join()
    assert np.median(runs) <= 3  # one that had begun, its own, one before its reply is heard
    assert calls.most == 1


def test_wrong_messages_get_a_sentence_and_the_line_stays(client: TestClient) -> None:
    wrong = ["no json", drawing(3, model="none"), drawing(4, model="photo", tones={"tone": "green"})]
    wrong += [drawing(5, model="photo", tones={"code": [1.0]})]
    with client.websocket_connect(LIVE) as socket:
        for text in wrong:
            header, parts = made(socket, text)
            assert SENTENCE.match(header["error"])
            assert parts == {}
        assert "error" not in made(socket, drawing(9))[0]


def test_a_fault_of_the_nets_gets_a_sentence(client: TestClient, monkeypatch: pytest.MonkeyPatch, calls: Calls) -> None:
    def broken() -> None:
        raise RuntimeError("secret path /home/x")

    monkeypatch.setenv("CALI_SKETCH_CACHE", "/tmp/cali-sketch-test-studio")
    monkeypatch.setattr(calls, "work", broken)
    with client.websocket_connect(LIVE) as socket:
        error = made(socket, drawing())[0]["error"]
    assert SENTENCE.match(error)
    assert "secret" not in error


def test_too_many_pages_are_told_so(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CONNECTIONS", 1)
    with client.websocket_connect(LIVE) as socket:
        made(socket, drawing())
        with client.websocket_connect(LIVE) as second, pytest.raises(WebSocketDisconnect) as closed:
            second.receive_bytes()
        assert closed.value.code == 1013
        assert SENTENCE.match(closed.value.reason)
        made(socket, drawing(2))
    with client.websocket_connect(LIVE) as third:
        made(third, drawing())


# Whom it answers

ADDRESSES = [
    "evil.example",
    "127.0.0.1.evil.example:8765",
    "localhost.evil:1",
    "",
    "[::1",
    "8.8.8.8",
    "127.0.0.1@evil.org",
]


@pytest.mark.parametrize("host", ADDRESSES)
def test_other_names_get_no_answer(client: TestClient, host: str) -> None:
    answer = client.get("/", headers={"host": host})
    assert answer.status_code == 403
    assert SENTENCE.match(answer.text)


@pytest.mark.parametrize("host", ["localhost:8765", "127.0.0.1", "[::1]:8765"])
def test_this_machine_s_names_do(client: TestClient, host: str) -> None:
    assert client.get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    ("host", "answered"), [("192.168.1.7:8765", 200), ("studio.local:8765", 200), ("evil.example", 403)]
)
def test_bound_to_a_network_addresses_and_its_own_name_do(calls: Calls, host: str, answered: int) -> None:
    with browser(calls, host="studio.local") as client:
        assert client.get("/", headers={"host": host}).status_code == answered


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "", "http://127.0.0.1:9000", f"{ORIGIN}.evil"])
def test_pages_of_others_can_ask_for_nothing(client: TestClient, origin: str) -> None:
    headers = {"origin": origin}
    assert client.post("/api/intake", content=b"x", headers=headers).status_code == 403
    with pytest.raises(WebSocketDisconnect), client.websocket_connect(LIVE, headers=headers):
        pass


def test_a_request_without_an_origin_can_ask_for_nothing(calls: Calls) -> None:
    with TestClient(make_studio(calls), ORIGIN) as client:
        assert client.post("/api/intake", content=b"x").status_code == 403
        assert client.get("/api/intake").status_code == 404


# Files


def bomb() -> bytes:
    """A PNG of a hundred million pixels in some hundred bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 10_000, 10_000, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", b"\0" * 100) + chunk(b"IEND", b"")


FACE = png_of(render_face(256, 1, 3).photo)
WRONG = {
    "empty": b"",
    "text": b"this is no picture",
    "script": b"<script>alert(1)</script>",
    "cut": FACE[: len(FACE) // 3],
    "bomb": bomb(),
    "tiny": png_of(np.zeros((3, 3), np.uint8)),
    "blank": png_of(np.full((300, 300), 255, np.uint8)),
    "path": b"../../etc/passwd",
    "tiff": b"II*\0" + bytes(200),
    "entities": b"<!DOCTYPE svg [<!ENTITY a 'b'>]><svg xmlns='http://www.w3.org/2000/svg'><text>&a;</text></svg>",
    "animation": (
        lambda f: (
            Image.new("P", (9, 9)).save(f, "GIF", save_all=True, append_images=[Image.new("P", (9, 9), 1)]),
            f.getvalue(),
        )[1]
    )(io.BytesIO()),
}


@pytest.mark.parametrize("asked", ["intake", "like?model=photo", "sketches"])
@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_gets_a_sentence(client: TestClient, asked: str, name: str) -> None:
    answer = client.post(f"/api/{asked}", content=WRONG[name])
    assert answer.status_code == 422
    assert SENTENCE.match(answer.text), answer.text
    assert "Traceback" not in answer.text
    assert "/" not in answer.text.replace("JPEG or PNG", "")


def test_large_files_are_refused_before_they_are_read(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server.draw.body_of, "__defaults__", (1000,))
    answer = client.post("/api/intake", content=b"x" * 2000)
    assert (answer.status_code, SENTENCE.match(answer.text) is not None) == (422, True)
    pieces = client.post("/api/intake", content=iter([b"x" * 600, b"x" * 600]))
    assert pieces.text == answer.text


def test_a_drawing_comes_in_as_strokes(client: TestClient) -> None:
    """A cross on a sheet, in which there is no face: what comes back covers it, in place."""
    sheet = np.full((400, 400), 255, np.uint8)
    sheet[60:340, 198:203] = sheet[198:203, 60:340] = 0
    answer = client.post("/api/intake", content=png_of(sheet)).json()
    assert any("no face" in note for note in answer["notes"])
    wanted = read_message(json.dumps({"strokes": answer["strokes"]}))
    back = render(strokes_in_px(wanted.strokes, 400), (400, 400)) < 0.5
    assert 1 <= len(wanted.strokes) <= 4
    rows, columns = np.nonzero(back)
    assert abs(rows.min() - columns.min()) <= 6
    assert abs(np.median(rows) - 200) < 8
    assert (rows.max() - rows.min()) > 200


def test_a_drawn_face_is_laid_where_the_nets_know_faces(client: TestClient) -> None:
    """An example, half as large in the corner of a sheet, comes back where it was on its own paper."""
    path = Path(__file__).parents[3] / "pipeline/apps/studio/page/examples/long-hair.json"
    strokes = strokes_in_px(read_message(path.read_bytes()).strokes, 256)
    sheet = np.full((700, 600), 255, np.uint8)
    sheet[30:286, 300:556] = to_uint8(render(strokes, (256, 256)))
    answer = client.post("/api/intake", content=png_of(sheet)).json()
    back = strokes_in_px(read_message(json.dumps({"strokes": answer["strokes"]})).strokes, 256)
    near = [cv2.GaussianBlur(strokes_of(render(lines, (256, 256))), (0, 0), 3) for lines in (strokes, back)]
    assert np.corrcoef(near[0].ravel(), near[1].ravel())[0, 1] > 0.6, answer["notes"]


def test_colours_of_a_photo_are_its_code_and_its_skin(client: TestClient) -> None:
    answer = client.post("/api/like?model=photo", content=FACE)
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["code"]) == CODE
    skin = answer.json()["skin"]
    assert len(skin) == 3
    assert client.post("/api/like?model=lite", content=FACE).json() == {"code": None, "skin": skin}
    assert client.post("/api/like?model=none", content=FACE).status_code == 422
    gray = client.post("/api/like?model=lite", content=png_of(np.asarray(Image.open(io.BytesIO(FACE)).convert("L"))))
    assert gray.status_code == 422
    assert "its skin has no colour" in gray.text


def test_a_photo_becomes_sketches_of_four_styles(client: TestClient) -> None:
    answer = client.post("/api/sketches", content=FACE)
    header, parts = unpacked(answer.content)
    assert sorted(header["styles"]) == ["fdog", "photocopy", "photosketch", "xdog"]
    for name in header["styles"]:
        pictures = [pixels(parts[f"{name}.{kind}"]) for kind in ("raw", "simplified", "deformed")]
        assert {picture.shape for picture in pictures} == {(256, 256)}
        assert all(picture.mean() > 127 for picture in pictures)
        assert not np.array_equal(pictures[1], pictures[2])
        assert parts[f"{name}.svg"].startswith(b"<svg")
        read_message(json.dumps({"strokes": header["strokes"][name]}))


@pytest.mark.parametrize("name", ["drawing", "strokes"])
def test_svg_files_hold_the_lines(client: TestClient, calls: Calls, name: str) -> None:
    calls.side = 256
    answer = client.post(f"/api/{name}.svg", content=drawing(strokes=[THIN]))
    assert answer.headers["content-type"].startswith("image/svg+xml")
    assert answer.text.count("<path") == 1
    side = float(re.search(r'viewBox="0 0 (\d+)', answer.text)[1])
    places = [float(x) / side for x in re.findall(r"([\d.]+),[\d.]+", answer.text)]
    assert (min(places), max(places)) == pytest.approx((0.1, 0.9), abs=0.06)
    assert client.post(f"/api/{name}.svg", content=b"{}").status_code == 422


def test_nothing_is_written(client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CALI_SKETCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    for asked in ("intake", "like?model=photo", "sketches", "drawing.svg"):
        client.post(f"/api/{asked}", content=drawing().encode() if "svg" in asked else FACE)
    with client.websocket_connect(LIVE) as socket:
        made(socket, drawing())
    assert list(tmp_path.rglob("*")) == []
