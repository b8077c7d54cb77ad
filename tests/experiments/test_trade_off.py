"""Likeness against realism: every recorded system is a point at its own figures."""

import json
import re
from pathlib import Path

import pytest

from pipeline.core.errors import UserError
from pipeline.experiments import trade_off

HEADS = ["system", "n", "psnr", "ssim", "sharpness", "fd_efficientnet", "identity_face", "simplified ssim"]


def keep(folder: Path, name: str, heads: list[str], rows: list[list[str]]) -> None:
    folder.mkdir(exist_ok=True)
    tables = {"val": {"heads": heads, "rows": rows}, "test": {"heads": heads, "rows": []}}
    (folder / f"{name}.json").write_text(json.dumps({"name": name, "tables": tables}))


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A soft run, a sharp one of two systems, one of before there were such figures, a family of experiments."""
    folder = tmp_path / "results"
    keep(folder, "soft", HEADS, [["joint", "100", "15", "0.6", "0.11", "142", "0.38", "0.9"]])
    sharp = [["joint", "100", "13", "0.48", "0.38", "121", "0.36", "0.9"]]
    keep(folder, "sharp", HEADS, [*sharp, ["joint_like", "90", "15", "0.52", "0.4", "–", "–", "0.9"]])
    keep(folder, "old", ["system", "n", "psnr"], [["joint", "100", "15"]])
    keep(folder, "family", ["variant", "seeds", "n", "SSIM", "SHARPNESS"], [["a", "3", "100", "0.5 ± 0.1", ""]])
    return folder


def test_every_system_of_every_run_is_a_point_of_its_own_figures(runs: Path) -> None:
    found = {point.name: point for point in trade_off.points(runs, "val")}
    assert list(found) == ["family: a", "sharp: joint", "sharp: joint_like", "soft: joint"]
    assert found["family: a"].scores == {"ssim": 0.5}, "the mean over its seeds"
    assert [point.name for point in trade_off.points(runs, "val", ["soft"])] == ["soft: joint"]
    wanted = {"ssim": 0.6, "identity_face": 0.38, "sharpness": 0.11, "fd_efficientnet": 142}
    assert (found["soft: joint"].n, found["soft: joint"].scores) == ("100", wanted)
    assert found["sharp: joint_like"].scores == {"ssim": 0.52, "sharpness": 0.4}
    assert trade_off.points(runs, "test") == []


def test_the_points_are_drawn_and_the_same_points_the_same_file(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = runs.parent / "a" / "b.svg"
    trade_off.run(runs, "val", (), out)
    printed = capsys.readouterr().out
    assert re.search(r"soft: joint\W+100\W+0\.6\W+0\.38\W+0\.11\W+142", printed)
    made = out.read_text()
    assert made == trade_off.drawn(trade_off.points(runs, "val"))
    for text in ("sharp: joint_like, N 90", "fd_efficientnet (lower", "sharpness (nearer 1", "ssim (higher"):
        assert text in re.sub("&#x27;", "'", made)


def test_no_such_run_is_said(runs: Path) -> None:
    with pytest.raises(UserError, match=r"no such recorded run in .* on test"):
        trade_off.run(runs, "test", (), None)
