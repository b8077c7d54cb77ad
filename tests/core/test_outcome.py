"""Outcomes: one an item, whatever happens to it."""

import errno
import json
import os
from pathlib import Path

import pytest

from pipeline.core.errors import UserError
from pipeline.core.finder import Found, LeftOut
from pipeline.core.image_io import ImageError
from pipeline.core.outcome import Outcome, Refused, Task, attempt, conclude, killed

TASK = Task(Path("in/[b]\udcff.png"), "b", Path("out"))
NAME = "in/[b]%FF.png"


def fate(error: Exception | None) -> Outcome:
    def one(task: Task) -> tuple[list[Path], list[str]]:
        if error:
            raise error
        return [task.file(".photo.png")], ["cut to its ink"]

    return attempt(one, TASK)


def test_made_refused_and_failed() -> None:
    assert fate(None) == Outcome(NAME, "made", ("b.photo.png",), notes=("cut to its ink",))
    assert fate(Refused("no face", "cut it out")).line() == f"{NAME}: refused: no face; cut it out"
    assert fate(ImageError(f"{TASK.path}: an animation; save one")).line() == f"{NAME}: refused: an animation; save one"
    failed = fate(ZeroDivisionError("division by\nzero"))
    assert (failed.status, failed.reason) == ("failed", "ZeroDivisionError: division by")
    assert "raise error" in failed.trace
    assert killed(TASK).status == "failed"


@pytest.mark.parametrize("error", [UserError("no weights"), OSError(errno.ENOSPC, "full")])
def test_what_is_wrong_with_all_items_is_raised(error: Exception) -> None:
    with pytest.raises(type(error)):
        fate(error)


def test_the_list_and_the_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALI_SKETCH_CACHE", str(tmp_path / "state"))
    said: list[str] = []
    found = Found((), (LeftOut(Path("\udcfe.heic"), "to convert"),))
    outcomes = [fate(None), fate(Refused("no face", "cut it out")), fate(ValueError("[/b]"))]
    assert conclude("generate", tmp_path, outcomes, found, {"model": "shipped"}, said.append) == 1
    assert said[:2] == ["left out, to convert: 1 (%FE.heic)", f"{NAME}: cut to its ink"]
    assert f"{NAME}: failed: ValueError: [/b]" in said
    assert said[-1].startswith(f"generate: 1 made, 1 refused, 1 failed; {tmp_path / 'summary.json'}; traces: ")
    log = Path(said[-1].split("traces: ")[1])
    assert "ValueError: [/b]" in log.read_text()
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["counts"] == {"made": 1, "refused": 1, "failed": 1}
    assert [item["status"] for item in summary["items"]] == ["made", "refused", "failed"]
    assert summary["items"][1]["remedy"] == "cut it out"
    assert summary["left_out"] == [{"path": "%FE.heic", "kind": "to convert"}]
    assert "Traceback" not in json.dumps(summary)


def test_all_made_is_exit_code_0(tmp_path: Path) -> None:
    assert conclude("x", tmp_path, [fate(None)] * 2, Found((), ()), {}, print) == 0


def test_many_refusals_are_told_in_part(tmp_path: Path) -> None:
    said: list[str] = []
    conclude("x", tmp_path, [fate(Refused("no"))] * 100, Found((), ()), {}, said.append)
    assert len(said) == 22
    assert said[-2].startswith("… and 80 more: ")


def test_logs_go_elsewhere_where_the_state_folder_cannot_be_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from pipeline.core.state import state_folder

    (tmp_path / "file").touch()
    monkeypatch.setenv("CALI_SKETCH_CACHE", str(tmp_path / "file/below"))
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert state_folder() == state_folder() == tmp_path / f"cali-sketch-{os.getuid()}"
