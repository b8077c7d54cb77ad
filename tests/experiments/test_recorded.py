"""Recorded runs: kept with what made them, and the pages' tables are made of them."""

import json
from pathlib import Path

import pytest

from pipeline.core.errors import UserError
from pipeline.core.layout import Layout
from pipeline.evaluation import figures, results
from pipeline.experiments import recorded

ROOT = Path(__file__).parents[2]


def test_the_pages_tables_are_those_of_the_recorded_runs() -> None:
    """What is typed into a generated table, or recorded and not shown, fails here: cali-sketch tables --markdown."""
    for page in recorded.pages(ROOT):
        text = page.read_text(encoding="utf-8")
        assert recorded.refreshed(text, ROOT / recorded.FOLDER) == text, page


def style(psnr: float, n: int) -> dict:
    return {"n": n, "psnr": psnr, "ssim": 0.5, "precision_near": 0.25, "recall_near": None, "fid": None}


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two systems measured on val and test."""
    monkeypatch.chdir(tmp_path)
    text = (
        "evaluate: {systems: {joint: joint}, splits: [], threshold: 0.5}\ncrop: {size: 64}\n"
        "styles: {names: [xdog]}\nbaselines: {names: [], refined: []}\n"
    )
    (tmp_path / "params.yaml").write_text(text)
    for system, better in (("joint", 2), ("apart", 0)):
        for split, psnr, n in (("val", 20, 5), ("test", 10, 9)):
            means = {"mean": style(psnr + better, n), "xdog": style(1, n)}
            to = results.folder(Layout(tmp_path / "data"), system, split)
            results.write(to, {"deformed": means, "simplified": means}, {"fid": "weights 'x' are missing"})
    return tmp_path


def test_a_run_is_kept_with_all_that_made_it_and_shown(workspace: Path) -> None:
    recorded.record("demo", "dvc repro", "", "Test was opened once.", workspace / "data")
    kept = json.loads((workspace / "docs/results/demo.json").read_text())
    assert list(kept["tables"]) == ["val", "test"]
    assert kept["tables"]["test"]["heads"][:3] == ["system", "n", "psnr"]
    assert [row[:3] for row in kept["tables"]["test"]["rows"]] == [["apart", "9", "10"], ["joint", "9", "12"]]
    assert kept["params"]["crop"] == {"size": 64}
    assert {"date", "commit", "changed", "hardware", "versions", "command", "protocol"} < set(kept)
    page = "# Results\n<!-- results: demo test -->\ntyped by hand\n<!-- end of results -->\nand more"
    made = recorded.refreshed(page, workspace / "docs/results")
    assert "typed" not in made
    assert "| joint | 9 | 12 | 0.5 | 0.25 | 12 | 0.5 |" in made
    assert "| val |" not in made
    assert "**Means over styles, test**" in made
    assert "**Means over styles, val**" not in made
    assert "`dvc repro`" in made
    assert "size_px 64, splits all but train, threshold 0.5" in made
    assert "Test was opened once." in made
    assert "Not computed: fid." in made
    assert made.startswith("# Results\n")
    assert made.endswith("and more")
    assert recorded.refreshed(made, workspace / "docs/results") == made


def test_robustness_is_kept_as_a_table_a_score(workspace: Path) -> None:
    with pytest.raises(UserError, match="run: dvc repro robustness"):
        recorded.record("broken", "dvc repro", "robustness", "", workspace / "data")
    to = workspace / "data/robustness/val"
    to.mkdir(parents=True)
    kinds = {"clean": {"psnr": 20.0, "fid": None}, "thick": {"psnr": 18.5, "fid": None}}
    (to / "details.json").write_text(json.dumps({"n": 8, "systems": {"joint": kinds, "pix2pix": kinds}}))
    recorded.record("broken", "dvc repro", "robustness", "", workspace / "data")
    page = "<!-- results: broken psnr -->\n<!-- end of results -->"
    made = recorded.refreshed(page, workspace / "docs/results")
    assert "**Robustness, 8 faces of val, psnr**" in made
    assert "| thick | 18.5 | 18.5 |" in made
    with pytest.raises(UserError, match="it has psnr"):
        recorded.refreshed(page.replace("psnr", "fid"), workspace / "docs/results")


def test_what_an_evaluation_under_way_has_written_is_not_read(workspace: Path) -> None:
    (workspace / "data/evaluation/apart").rename(workspace / "data/evaluation/.apart.half-done")
    assert figures.systems(Layout(workspace / "data")) == ["joint"]


def test_refreshing_writes_readme_and_docs(workspace: Path) -> None:
    recorded.record("demo", "dvc repro", "", "", workspace / "data")
    block = "<!-- results: demo -->\n<!-- end of results -->\n"
    for page in ("README.md", "docs/results.md", "docs/deep/er.md"):
        (workspace / page).parent.mkdir(parents=True, exist_ok=True)
        (workspace / page).write_text(block)
    recorded.refresh(workspace)
    for page in ("README.md", "docs/results.md", "docs/deep/er.md"):
        assert "| joint |" in (workspace / page).read_text(), page


def test_runs_and_splits_that_are_not_there_are_told(workspace: Path) -> None:
    folder = workspace / "docs/results"
    with pytest.raises(UserError, match="no recorded run 'demo'; there are none"):
        recorded.refreshed("<!-- results: demo -->\n<!-- end of results -->", folder)
    recorded.record("demo", "dvc repro", "", "", workspace / "data")
    with pytest.raises(UserError, match="run 'demo' has no split 'ar'; it has val, test"):
        recorded.refreshed("<!-- results: demo ar -->\n<!-- end of results -->", folder)
    for wrong in ("../demo", "", "a b"):
        with pytest.raises(UserError, match="is no name"):
            recorded.record(wrong, "dvc repro", "", "", workspace / "data")
    with pytest.raises(UserError, match="nothing measured yet"):
        recorded.record("demo", "dvc repro", "", "", workspace / "nowhere")
    with pytest.raises(UserError, match="no family 'tabel2'"):
        recorded.record("demo", "dvc repro", "tabel2", "", workspace / "data")
