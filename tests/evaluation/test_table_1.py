"""Table 1: the paper's systems first, a mean over seeds where there are several, what a training takes."""

from pathlib import Path

import pytest

from pipeline.core.layout import Layout
from pipeline.evaluation import table_1


def details(psnr: float) -> dict:
    return {"deformed": {"mean": {"n": 5, "psnr": psnr, "ssim": 0.5, "fid": None}, "xdog": {"n": 5, "psnr": 1.0}}}


def test_figures_are_of_all_seeds_and_stand_beside_the_papers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_1, "read_split", lambda *_: None)
    monkeypatch.setattr(table_1, "costs", lambda *_: ["100", "1", "2", "3", "4"])
    seeds = [{"isn_raw": details(9), "joint": details(20), "pix2pix": details(19)}, {"joint": details(22)}]
    heads, rows = table_1.table(Layout(Path()), "test", "cpu", seeds)
    found = [dict(zip(heads, row, strict=True)) for row in rows]
    assert [row["system"] for row in found] == ["pix2pix", "joint", "isn_raw"]
    assert [row["PSNR"] for row in found] == ["19.00", "21.00 ± 1.41", "9.00"]
    assert [row["paper\nPSNR"] for row in found] == ["18.83", "20.25", "–"]
    assert [row["seeds"] for row in found] == ["1", "2", "1"]
    assert found[0]["N"] == "5"
    assert "FID" not in heads
    assert found[1]["images/s,\ntraining"] == "3"
