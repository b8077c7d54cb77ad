"""The studio searches: its ranking is that of the command, faces are shown by number, a photo that is gone by name."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient
from studio_systems import Calls, browser, pixels, tiny_index, unpacked

from pipeline.apps import retrieve
from pipeline.apps.face_index import FaceIndex, write_index
from pipeline.apps.studio.messages import read_message, strokes_in_px
from pipeline.core.errors import UserError
from pipeline.core.image_io import write_photo
from pipeline.core.polarity import strokes_of
from pipeline.drawing.rasterize import render

SEARCH = "ws://127.0.0.1:8765/api/search"
LINE = [1000, 5000, 400, 100, 9000, 5000, 400, 100]
DRAWING = {"number": 4, "strokes": [LINE]}


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of three rendered faces by pixels, and the photos beside it."""
    return tiny_index(tmp_path_factory.mktemp("faces")).parent


@pytest.fixture(scope="module")
def client(faces: Path) -> Iterator[TestClient]:
    with browser(Calls(side=64), index=faces / "faces.index") as made:
        yield made


def test_the_ranking_is_that_of_the_vectors(client: TestClient, faces: Path) -> None:
    """Of a photo that is white without ink, as these nets make it; by names, without folders."""
    with client.websocket_connect(SEARCH) as socket:
        socket.send_text(json.dumps(DRAWING))
        header, parts = unpacked(socket.receive_bytes())
    known, embedding, _ = retrieve.comparing(faces / "faces.index")
    sketch = render(strokes_in_px(read_message(json.dumps(DRAWING)).strokes, 64), (64, 64))
    photo = np.repeat(np.round(255 * 0.5 * (1 - strokes_of(sketch)))[..., None], 3, 2).astype(np.uint8)
    wanted = known.nearest(embedding.photo(photo), 10)
    assert header["number"] == 4
    assert [match["name"] for match in header["matches"]] == [Path(entry.file).name for entry, _ in wanted]
    assert [match["cosine"] for match in header["matches"]] == pytest.approx([alike for _, alike in wanted], abs=0.02)
    assert [known.faces[match["face"]].file for match in header["matches"]] == [entry.file for entry, _ in wanted]
    assert pixels(parts["compared"]).shape == (64, 64, 3)
    assert str(faces) not in json.dumps(header)
    assert client.get("/api/about").json()["search"] == {"faces": 3, "embedding": "pixels", "by": "photo"}


def test_faces_are_shown_by_number_while_their_photos_are_what_they_were(client: TestClient, faces: Path) -> None:
    shown = client.post("/api/face", content="1")
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/png")
    assert pixels(shown.content).std() > 20
    for wrong in ("3", "-1", "", "../1", "1.5", "9" * 99):
        answer = client.post("/api/face", content=wrong)
        assert (answer.status_code, answer.text) == (422, "There is no such face here.")
    write_photo(faces / "2.png", np.full((64, 64, 3), 90, np.uint8))
    assert client.post("/api/face", content="1").status_code == 204
    (faces / "2.png").unlink()
    assert client.post("/api/face", content="1").status_code == 204


def test_without_an_index_there_is_nothing_to_search() -> None:
    with browser(Calls()) as client:
        assert client.get("/api/about").json()["search"] is None
        assert client.post("/api/face", content="0").status_code == 422
        with client.websocket_connect(SEARCH) as socket:
            socket.send_text(json.dumps(DRAWING))
            assert "no index" in unpacked(socket.receive_bytes())[0]["error"]


def test_a_wrong_index_is_told_at_the_start(tmp_path: Path) -> None:
    write_index(tmp_path / "none", FaceIndex("pixels", {}, np.zeros((0, 1), np.float32), []))
    for name in ("none", "missing"):
        with pytest.raises(UserError):
            browser(Calls(), index=tmp_path / name)
