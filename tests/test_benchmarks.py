"""What a benchmark has measured stays told, whatever comes after."""

import sys

import pytest

from benchmarks import __main__ as benchmarks
from benchmarks import generate


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
