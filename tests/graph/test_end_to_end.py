"""The demo pipeline, tiny, by `dvc repro` in a fresh copy of the repository; then the commands a user types."""

import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
TINY = {
    "demo": {"faces": 12, "size": 256},
    "crop": {"size": 64, "max_rejected": 0.3},
    "pack": {"min_train": 4},
    "report": {"faces": 2},
    "evaluate": {"sheet_rows": 2},
}
TINY_NET = {"generator": {"width": 4, "blocks": 1}, "discriminator": {"width": 4}}
TINY_SCHEDULE = {"steps": 3, "log_every_steps": 1, "save_every_steps": 2, "sample_every_steps": 3}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone with tiny params, the pipeline run in it."""
    folder = tmp_path_factory.mktemp("clone")
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    for name in files:
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    for cached in ROOT.glob("pipeline/**/*.nb[ic]"):  # compiled loops, valid as long as the source is as old
        to = folder / cached.relative_to(ROOT)
        to.parent.mkdir(exist_ok=True)
        shutil.copy2(cached, to)
    yaml = YAML()
    params = yaml.load((folder / "params.yaml").read_text())
    merge(params, TINY)
    for stage in ("train_scn", "train_isn"):
        merge(params[stage], {"net": TINY_NET, "schedule": TINY_SCHEDULE})
    merge(params["train_joint"], {"schedule": TINY_SCHEDULE})
    with (folder / "params.yaml").open("w") as file:
        yaml.dump(params, file)
    run(folder, "git", "init", "-q")
    run(folder, "git", "add", "-A")
    run(folder, "git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "start")
    run(folder, "dvc", "repro", "-q")
    return folder


def merge(target: dict, overlay: dict) -> None:
    for key, value in overlay.items():
        assert key in target, key
        if isinstance(value, dict):
            merge(target[key], value)
        else:
            target[key] = value


def environment(folder: Path) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PATH": path, "CALI_SKETCH_CACHE": str(folder / "cache"), "PYTHONPATH": str(folder)}


def run(folder: Path, *command: str, check: bool = True) -> subprocess.CompletedProcess:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment(folder))
    if check:
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    return done


def cali(folder: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess:
    return run(folder, sys.executable, "-m", "pipeline", *arguments, check=check)


def test_metrics_and_report_are_there(checkout: Path) -> None:
    metrics = json.loads((checkout / "data/evaluation/metrics.json").read_text())
    assert metrics["test"]["joint"]["all"]["psnr"] > 3
    assert set(metrics["test"]["joint_simplified"]) == set(metrics["test"]["joint"])
    assert metrics["test"]["isn_true"]["canny_hed"]["n"] > 0
    assert metrics["test"]["isn_true"]["canny_hed"]["fid"] is None or "fid, kid" not in metrics["not_computed"]
    index = json.loads((checkout / "data/packed/test/index.json").read_text())
    assert index["made_with"]["hed"]["method"] == "own"
    assert index["made_with"]["sketch/photosketch"]["style"]["method"] == "own"
    page = (checkout / "data/report/index.html").read_text()
    assert "data:image/png;base64" in page
    assert "http://" not in page.replace("http://www.w3.org", "").replace("http://purl.org", "").replace(
        "http://creativecommons.org", ""
    )
    assert (checkout / "dvc.lock").exists()
    table = cali(checkout, "summary").stdout
    assert "photosketch" in table
    assert "…" not in table


def test_nothing_to_do_and_one_style_changed(checkout: Path) -> None:
    assert "up to date" in run(checkout, "dvc", "status").stdout
    text = (checkout / "params.yaml").read_text()
    (checkout / "params.yaml").write_text(text.replace("sigma: 0.8", "sigma: 0.9"))
    try:
        planned = run(checkout, "dvc", "repro", "--dry", "--force-downstream").stdout
    finally:
        (checkout / "params.yaml").write_text(text)
    stages = {line.split("'")[1] for line in planned.splitlines() if line.startswith("Running stage")}
    untouched = {"demo", "crop", "equalize", "edges@canny", "style@fdog", "simplify@photocopy"}
    assert {"style@xdog", "simplify@xdog", "pack", "train_scn", "report"} <= stages
    assert not untouched & stages


def test_graph_metrics_and_plots_commands(checkout: Path) -> None:
    assert "train_joint" in run(checkout, "dvc", "dag").stdout
    assert "psnr" in run(checkout, "dvc", "metrics", "show").stdout
    assert run(checkout, "dvc", "plots", "show", "-q").returncode == 0


def test_experiments_run_in_a_copy_and_compare(checkout: Path) -> None:
    run(checkout, "dvc", "exp", "run", "--temp", "-n", "strict", "-S", "evaluate.threshold=0.9")
    table = run(checkout, "dvc", "exp", "show", "--csv", "--only-changed").stdout
    assert "strict" in table
    assert "0.9" in table
    assert "threshold: 0.5" in (checkout / "params.yaml").read_text()


def test_a_family_of_experiments_becomes_a_table(checkout: Path) -> None:
    said = cali(checkout, "experiments", "table2", "detail-only", "--seeds", "1").stdout
    assert "--name table2-detail-only-s0" in said
    run(checkout, "dvc", "exp", "run", "--run-all")
    table = cali(checkout, "tables").stdout
    assert "detail-only" in table
    assert "0.1559" in table
    assert "contour-only" not in table


def test_sketch_and_generate(checkout: Path) -> None:
    photo = "data/demo/photos/face_000.png"
    cali(checkout, "sketch", photo, "--out", "out/s", "--style", "fdog", "--size", "128", "--svg", "--deform")
    assert (checkout / "out/s/face_000-fdog-deformed.png").exists()
    assert (checkout / "out/s/face_000-fdog.png").exists()
    assert (checkout / "out/s/face_000-fdog.svg").read_text().startswith("<svg")
    cali(checkout, "generate", "out/s/face_000-fdog.png", "--out", "out/g")
    assert {p.name for p in (checkout / "out/g").iterdir()} == {
        "face_000-fdog.photo.png",
        "face_000-fdog.refined.png",
    }
    cali(checkout, "generate", "out/s/face_000-fdog.png", "--out", "out/m", "--mirrored")
    plain, mirrored = ((checkout / "out" / name / "face_000-fdog.photo.png").read_bytes() for name in ("g", "m"))
    assert plain != mirrored


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("sketch", "nowhere.jpg", "--out", "o"), "nowhere.jpg: no such file"),
        (("sketch", "README.md", "--out", "o"), "unreadable"),
        (("sketch", "models", "--out", "o"), "no images"),
        (("sketch", "data/demo/photos/face_000.png", "--out", "o", "--style", "oil"), "--style oil"),
        (("generate", "data/edges/canny", "--out", "o"), "--invert"),
        (("generate", "data/demo/photos/face_000.png", "--out", "params.yaml"), "params.yaml"),
        (("generate", "x.png", "--out", "o", "--weights", "README.md"), "not whole"),
        (("profile", "nope"), "no profile 'nope'; there are best, cufs"),
        (("evaluate", "--data", "nowhere"), "missing; train first"),
        (("pack", "--data", "nowhere"), "run: dvc repro crop"),
        (("train", "scn", "--data", "nowhere"), "run: dvc repro pack"),
    ],
)
def test_wrong_input_is_one_line_without_traceback(checkout: Path, arguments: tuple[str, ...], message: str) -> None:
    done = cali(checkout, *arguments, check=False)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert message in " ".join(done.stderr.split())


def file_size_limit() -> None:
    """As on a full disk: every write beyond a few bytes fails."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_full_disk_is_one_line_and_leaves_what_was_there(checkout: Path, jobs: str) -> None:
    before = {p: p.read_bytes() for p in (checkout / "data/equalized").iterdir()}
    command = (sys.executable, "-m", "pipeline", "equalize", "--jobs", jobs)
    done = subprocess.run(
        command,
        cwd=checkout,
        capture_output=True,
        text=True,
        env=environment(checkout) | {"JOBLIB_TEMP_FOLDER": "/dev/shm"},
        preexec_fn=file_size_limit,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "error: " in done.stderr
    assert {p: p.read_bytes() for p in (checkout / "data/equalized").iterdir()} == before
    assert not [p for p in (checkout / "data").iterdir() if p.name.startswith(".equalized")]


def test_misspelt_params_key_stops_before_the_work(checkout: Path) -> None:
    text = (checkout / "params.yaml").read_text()
    (checkout / "params.yaml").write_text(text.replace("clip_limit", "clip_limt"))
    try:
        done = cali(checkout, "equalize", check=False)
    finally:
        (checkout / "params.yaml").write_text(text)
    assert done.returncode == 1
    assert "equalize: unknown ['clip_limt'], missing ['clip_limit']" in done.stderr
    assert (checkout / "data/equalized").is_dir()


def test_profile_and_params_commands(checkout: Path) -> None:
    text = (checkout / "params.yaml").read_text()
    try:
        assert "styles.xdog.epsilon: 0.15 -> 0.5" in cali(checkout, "profile", "xdog-tone").stdout
        assert "epsilon: 0.5" in cali(checkout, "params").stdout
    finally:
        (checkout / "params.yaml").write_text(text)
