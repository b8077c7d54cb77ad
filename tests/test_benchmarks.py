"""What a benchmark has measured stays told, whatever comes after."""

import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import __main__ as benchmarks
from benchmarks import detect, generate
from pipeline.core.image_io import write_photo
from pipeline.stages.crop.settings import Unusable


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """All parts but the last measure one thing at once."""
    monkeypatch.setattr(benchmarks, "faces", list)
    for part in ("image_rows", "chain_rows", "train_rows", "generate_rows"):
        monkeypatch.setattr(benchmarks, part, lambda *_, part=part: iter([(part, "ms", 1.0)]))


@pytest.mark.usefixtures("quick")
def test_without_dvc_every_row_is_printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(benchmarks, "DVC", (sys.executable, "-m", "no_such_dvc"))
    benchmarks.main()
    told = capsys.readouterr()
    assert told.out.count(" ms") == 4
    assert "dvc repro with nothing to do: not measured" in told.err


@pytest.mark.usefixtures("quick")
def test_rows_are_printed_as_they_come(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(benchmarks, "train_rows", lambda *_: map(broken, [0]))
    with pytest.raises(OSError, match="disk"):
        benchmarks.main()
    assert capsys.readouterr().out.count(" ms") == 2


def test_generating_is_compared_in_turns(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    times = {"torch": (200.0, 380.0), "onnx": (100.0, 190.0)}
    monkeypatch.setattr(generate, "starting", lambda: {"--help": 0.1})
    monkeypatch.setattr(generate, "drawing", lambda folder: folder)
    monkeypatch.setattr(generate, "runs", lambda model, folder: dict.fromkeys(times, (folder, "auto")))
    monkeypatch.setattr(generate, "warm", lambda *_: times | {"beside": (30.0, 31.0)})
    monkeypatch.setattr(generate, "typed", lambda *_: dict.fromkeys(times, 1.0))
    generate.main()
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "--help: 0.10 s"
    assert "lite, onnx: 100 ms a drawing, 190 of processors, 2.00 times torch; first 1.0 s" in told
    assert "lite: all but the nets 30 ms, 31 of processors" in told


def test_detectors_see_the_same_photos_a_refused_one_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: dict[str, list[tuple[int, ...]]] = {name: [] for name in detect.DETECTORS}

    def looked(name: str, photo: np.ndarray) -> None:
        seen[name].append(photo.shape)
        sum(range(20_000 if name == "own" else 200_000))
        raise Unusable("no face")

    for name in detect.DETECTORS:
        monkeypatch.setitem(detect.LOCATORS, name, lambda path, photo, crop, name=name: looked(name, photo))
    write_photo(tmp_path / "p.png", np.zeros((100, 80, 3), np.uint8))
    monkeypatch.setattr(sys, "argv", ["detect", str(tmp_path / "p.png")])
    detect.main()
    assert seen["own"] == seen["haar"] == [(640, 512, 3)] * detect.ROUNDS
    haar, own = capsys.readouterr().out.splitlines()
    assert haar.endswith("1.00 of haar's")
    assert float(own.split()[3]) < 0.5
