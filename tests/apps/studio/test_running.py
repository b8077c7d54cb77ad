"""The studio as a process: slow visitors, taken ports, Ctrl+C, what is missing."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from functools import partial

import pytest
import uvicorn
from studio_systems import Calls, make_studio
from typer.testing import CliRunner
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from pipeline.apps.studio import limits
from pipeline.apps.studio.line import Gone, Slot
from pipeline.cli import app

SEND_S = 2.0  # so long may a visitor take for a reply, here
MISSED = 5  # photos that are not made for who does not read the others
LINE = [1000, 5000, 400, 100, 9000, 5000, 400, 100]


def drawing(number: int) -> str:
    return json.dumps({"number": number, "strokes": [LINE]})


@pytest.fixture
def calls() -> Calls:
    return Calls(side=700)


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch, calls: Calls) -> Iterator[int]:
    """Of a real server whose photos are noise, more than a megabyte each."""
    monkeypatch.setattr(limits, "SEND_S", SEND_S)
    bound = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(make_studio(calls, noisy=True), log_level="error", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()
    yield bound.getsockname()[1]
    server.should_exit = True
    thread.join()


def page(port: int, **options: object) -> ClientConnection:
    address = f"127.0.0.1:{port}"
    return connect(f"ws://{address}/api/live", origin=f"http://{address}", max_size=None, **options)  # type: ignore[arg-type]


def test_who_does_not_read_is_sent_away_and_holds_nobody(port: int, calls: Calls) -> None:
    """One draws and never reads a reply; the other's photos come all the while, and at last the first gets no more."""
    waits: list[float] = []
    with page(port, max_queue=1, close_timeout=0.1) as slow, page(port) as other:
        end = time.monotonic() + 30 * SEND_S
        while time.monotonic() < end and calls.count > 2 * len(waits) - MISSED:
            number = len(waits) + 1
            slow.send(drawing(number))
            start = time.monotonic()
            other.send(drawing(number))
            assert b'"number": %d' % number in other.recv(10)[:200]
            waits.append(time.monotonic() - start)
            time.sleep(0.05)
        assert max(waits) < SEND_S
        runs = calls.count
        assert len(waits) < runs <= 2 * len(waits) - MISSED
        slow.send(drawing(99))
        time.sleep(0.5)
        assert calls.count == runs


def test_a_page_that_leaves_frees_its_place(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CONNECTIONS", 2)
    for number in range(1, 6):
        with page(port) as one:
            one.send(drawing(number))
            one.recv(5)
        time.sleep(0.1)


def test_too_long_a_message_ends_the_line(port: int) -> None:
    with page(port) as one:
        one.send("x" * (limits.MESSAGE_BYTES + 10))
        with pytest.raises(ConnectionClosed):
            one.recv(5)


def test_a_slot_holds_the_newest_alone() -> None:
    async def play() -> None:
        slot = Slot()
        slot.put("1")
        slot.put("2")
        assert await slot.take() == "2"
        assert slot.newer() is None
        waiting = asyncio.create_task(slot.take())
        await asyncio.sleep(0)
        slot.put("3")
        assert await waiting == "3"
        slot.put("4")
        slot.close()
        with pytest.raises(Gone):
            await slot.take()

    asyncio.run(play())


def test_a_taken_port_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = CliRunner().invoke(app, ["studio", "--port", str(taken.getsockname()[1])])
    assert "--port 0 takes one that is free" in str(done.exception)


def test_a_model_that_is_missing_is_said() -> None:
    assert "no such file" in str(CliRunner().invoke(app, ["studio", "--model", "none"]).exception)


def test_without_the_extra_its_name_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("pipeline.apps.studio")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert "pip install 'cali-sketch[studio]'" in str(CliRunner().invoke(app, ["studio"]).exception)


def test_the_command_serves_until_it_is_interrupted() -> None:
    command = [sys.executable, "-m", "pipeline", "studio", "--port", "0"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    heeds = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # also where the tests run in the background
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment, preexec_fn=heeds) as process:
        assert process.stderr is not None
        address = re.search(r"http://127\.0\.0\.1:\d+/", process.stderr.readline())
        assert address
        with urllib.request.urlopen(address[0], timeout=60) as answer:
            assert b"Cali-Sketch Studio" in answer.read()
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=30)[1]
    assert process.returncode == 0
    assert "The studio is closed." in said
    assert "Traceback" not in said
