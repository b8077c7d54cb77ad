"""The demo pipeline, tiny, by `dvc repro` in a fresh copy of the repository; then the commands a user types."""

import csv
import json
import resource
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_checkout import ROOT, Checkout

from pipeline.core.image_io import write_photo
from pipeline.stages.demo.renderer import render_face


def test_metrics_and_report_are_there(checkout: Checkout) -> None:
    for split in ("val", "test"):
        measured = checkout / "data/evaluation/joint" / split
        details, metrics = (json.loads((measured / f"{name}.json").read_text()) for name in ("details", "metrics"))
        assert metrics["psnr"] == details["deformed"]["mean"]["psnr"] > 3
        assert set(details["simplified"]) == set(details["deformed"])
        missing = json.loads((measured / "not_computed.json").read_text())
        assert (details["deformed"]["pooled"]["fid"] is None) == ("fid, kid, kid_deviation" in missing)
    index = json.loads((checkout / "data/packed/test/index.json").read_text())
    assert index["made_with"]["hed"]["method"] == "own"
    assert index["made_with"]["sketch/photosketch"]["style"]["method"] == "own"
    page = (checkout / "data/report/index.html").read_text()
    assert "data:image/png;base64" in page
    assert "http://" not in page.replace("http://www.w3.org", "").replace("http://purl.org", "").replace(
        "http://creativecommons.org", ""
    )
    assert (checkout / "dvc.lock").exists()
    for arguments, shown in (((), False), (("--all",), True)):
        table = checkout.here("summary", *arguments).stdout
        assert ("photosketch" in table) == shown
        assert "…" not in table
        assert max(len(line) for line in table.splitlines() if "│" in line) <= 100
        assert {"isn_true", "joint"} <= set(table.split())


def test_one_style_changed(checkout: Checkout) -> None:
    text = (checkout / "params.yaml").read_text()
    (checkout / "params.yaml").write_text(text.replace("sigma: 0.8", "sigma: 0.9"))
    try:
        stages = checkout.planned("--force-downstream")
    finally:
        (checkout / "params.yaml").write_text(text)
    untouched = {"demo", "crop", "equalize", "edges@canny", "style@plain_canny", "simplify@photosketch"}
    assert {"style@xdog", "simplify@xdog", "pack", "train_scn", "report"} <= stages
    assert not untouched & stages


def test_graph_metrics_and_plots_commands(checkout: Checkout) -> None:
    assert "train_joint" in checkout.run("dvc", "dag").stdout
    shown = checkout.run("dvc", "metrics", "show").stdout
    assert "psnr" in shown
    assert max(map(len, shown.splitlines())) <= 120
    assert checkout.run("dvc", "plots", "show", "-q").returncode == 0


def test_a_family_of_experiments_becomes_a_table(checkout: Checkout) -> None:
    """Run in the foreground: DVC's queue waits for ever where its worker reads a message that is half written.

    In a copy: what is compared with it here stays as it is.
    """
    family = ("experiments", "table2", "detail-only", "--seeds", "1")
    command = shlex.split(checkout.here(*family).stdout)
    assert command[command.index("--name") + 1] == "table2-detail-only-s0"
    assert checkout.here(*family).stdout == "table2-detail-only-s0: queued\n"
    checkout.run("dvc", "queue", "remove", "--all")
    checkout.run(*("--temp" if part == "--queue" else part for part in command))
    assert checkout.here(*family).stdout == "table2-detail-only-s0: success\n"
    table = checkout.cali("tables").stdout
    assert "detail-only" in table
    assert "0.1559" in table
    assert "contour-only" not in table
    shown = csv.DictReader(checkout.run("dvc", "exp", "show", "--csv").stdout.splitlines())
    targets = {row["Experiment"] or row["rev"]: row["train_scn.loss.targets"] for row in shown}
    assert targets["table2-detail-only-s0"] == "['canny']"
    assert targets["workspace"] == "['product']"


@pytest.fixture
def folder(tmp_path: Path) -> Checkout:
    """Where a user types commands: no graph was run here."""
    for name in ("params.yaml", "README.md"):
        shutil.copy2(ROOT / name, tmp_path)
    write_photo(tmp_path / "face.png", render_face(128, 1, 0).photo)
    (tmp_path / "models").mkdir()
    (tmp_path / "models/net.py").touch()
    return Checkout(tmp_path)


def test_sketch_and_generate(checkout: Checkout) -> None:
    photo = "data/demo/photos/face_000.png"
    checkout.here("sketch", photo, "--out", "out/s", "--style", "fdog", "--size", "128", "--svg", "--deform")
    assert (checkout / "out/s/face_000-fdog-deformed.png").exists()
    assert (checkout / "out/s/face_000-fdog.png").exists()
    assert (checkout / "out/s/face_000-fdog.svg").read_text().startswith("<svg")
    checkout.here("generate", "out/s/face_000-fdog.png", "--out", "out/g")
    assert {p.name for p in (checkout / "out/g").iterdir()} == {
        "face_000-fdog.photo.png",
        "face_000-fdog.refined.png",
        "face_000-fdog.sheet.png",
        "summary.json",
    }
    checkout.here("generate", "out/s/face_000-fdog.png", "--out", "out/m", "--mirrored")
    plain, mirrored = ((checkout / "out" / name / "face_000-fdog.photo.png").read_bytes() for name in ("g", "m"))
    assert plain != mirrored


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("sketch", "nowhere.jpg", "--out", "o"), "nowhere.jpg: no such file"),
        (("sketch", "README.md", "--out", "o"), "unreadable"),
        (("sketch", "models", "--out", "o"), "no images"),
        (("sketch", "face.png", "--out", "o", "--style", "oil"), "no style 'oil'"),
        (("generate", "face.png", "--out", "params.yaml"), "params.yaml"),
        (("generate", "face.png", "--out", "o", "--model", "README.md"), "not whole"),
        (("profile", "nope"), "no profile 'nope'; there are baselines, baselines-256, best"),
        (("evaluate", "--data", "nowhere"), "missing; train first"),
        (("pack", "--data", "nowhere"), "run: dvc repro crop"),
        (("train", "scn", "--data", "nowhere"), "run: dvc repro pack"),
    ],
)
def test_wrong_input_is_one_line_without_traceback(folder: Checkout, arguments: tuple[str, ...], message: str) -> None:
    done = folder.here(*arguments)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert message in " ".join(done.stderr.split())


def file_size_limit() -> None:
    """As on a full disk: every write beyond a few bytes fails."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_full_disk_is_one_line_and_leaves_what_was_there(checkout: Checkout, jobs: str) -> None:
    before = {p: p.read_bytes() for p in (checkout / "data/equalized").iterdir()}
    command = (sys.executable, "-m", "pipeline", "equalize", "--jobs", jobs)
    done = subprocess.run(
        command,
        cwd=checkout.folder,
        capture_output=True,
        text=True,
        env=checkout.environment() | {"JOBLIB_TEMP_FOLDER": "/dev/shm"},
        preexec_fn=file_size_limit,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "error: " in done.stderr
    assert {p: p.read_bytes() for p in (checkout / "data/equalized").iterdir()} == before
    assert not [p for p in (checkout / "data").iterdir() if p.name.startswith(".equalized")]


def test_misspelt_params_key_stops_before_the_work(checkout: Checkout) -> None:
    text = (checkout / "params.yaml").read_text()
    (checkout / "params.yaml").write_text(text.replace("clip_limit", "clip_limt"))
    try:
        done = checkout.here("equalize")
    finally:
        (checkout / "params.yaml").write_text(text)
    assert done.returncode == 2
    assert "equalize.clip_limt: unknown" in done.stderr
    assert "equalize.clip_limit: missing" in done.stderr
    assert (checkout / "data/equalized").is_dir()


def test_a_profile_is_merged_beside_the_further_style(checkout: Checkout) -> None:
    text = (checkout / "params.yaml").read_text()
    try:
        assert "styles.xdog.epsilon: 0.15 -> 0.5" in checkout.cali("profile", "xdog-tone").stdout
        assert "epsilon: 0.5" in (checkout / "params.yaml").read_text()
    finally:
        (checkout / "params.yaml").write_text(text)
