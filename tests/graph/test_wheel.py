"""The built wheel, installed away from the checkout: commands on pictures, and a workspace that `init` lays out.

The environment sees the libraries of this one. With an empty environment, which loads some gigabytes:
`pip wheel --no-deps . -w dist && python -m venv new && new/bin/pip install dist/*.whl`, then the commands below.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
from tiny_checkout import make_tiny

ROOT = Path(__file__).parents[2]
WORKSPACE = "pipeline/workspace/"
pytestmark = pytest.mark.slow


def tracked() -> list[str]:
    """Files of the repository, without what the user added."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.splitlines() if (ROOT / name).exists()]


def expected() -> set[str]:
    """What a wheel has to hold."""
    files = tracked()
    packages = {name for name in files if name.startswith(("pipeline/", "models/"))}
    at_top = {"params.yaml", "dvc.yaml", ".dvcignore", ".gitignore", "data/.gitignore"}
    data = {name for name in files if name in at_top or name.startswith(("profiles/", "data/weights/"))}
    return packages | {WORKSPACE + name for name in data}


def build(kind: str, source: Path, to: Path) -> Path:
    """An sdist or a wheel, without a network."""
    code = f"import setuptools.build_meta as b; print(b.build_{kind}({str(to)!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return to / done.stdout.split()[-1]


def held(wheel: Path) -> set[str]:
    return {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the repository's files, and of weights that a user fetched."""
    folder = tmp_path_factory.mktemp("build")
    for name in tracked():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    foreign = folder / "data/weights/vgg19/vgg19-dcbb9e9d.pth"
    foreign.parent.mkdir(parents=True, exist_ok=True)
    foreign.write_bytes(b"not ours to ship")
    return build("wheel", folder, folder)


@pytest.fixture(scope="module")
def binaries(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """bin/ of an environment with the wheel in it; this one's libraries are seen, its editable install is not."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    found = subprocess.run(
        [folder / "bin/python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    )
    packages = Path(found.stdout.strip())
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib"))
    pip = [sys.executable, "-m", "pip", "--python", folder / "bin/python", "install", "-q"]
    subprocess.run([*pip, "--no-deps", "--no-index", wheel], check=True)
    return folder / "bin"


@pytest.fixture
def empty(binaries: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, as a user with that environment first on the PATH."""
    at_home(binaries, tmp_path, monkeypatch)
    (tmp_path / "empty").mkdir()
    return tmp_path / "empty"


def at_home(binaries: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{binaries}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("CALI_SKETCH_CACHE", str(folder / "cache"))
    monkeypatch.delenv("PYTHONPATH", raising=False)


@pytest.fixture(scope="module")
def workspace(binaries: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with git, tiny, all stages run."""
    folder = tmp_path_factory.mktemp("workspaces") / "ws"
    with pytest.MonkeyPatch.context() as monkeypatch:
        at_home(binaries, folder.parent, monkeypatch)
        said = run(folder.parent, "cali-sketch", "init", "ws")
        assert "cd ws\n  dvc repro\n" in said
        make_tiny(folder / "params.yaml")
        dvc(folder, "repro")
    return folder


def run(folder: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    return done.stdout


def dvc(folder: Path, *arguments: str) -> str:
    """Dvc is among the libraries, its command is not."""
    return run(folder, "python", "-m", "dvc", *arguments)


def stages_run(output: str) -> list[str]:
    return [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")]


def test_wheel_holds_the_package_and_the_files_at_the_top_and_nothing_else(wheel: Path) -> None:
    assert held(wheel) == expected()


def test_sdist_builds_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    shutil.unpack_archive(build("sdist", wheel.parent, tmp_path), tmp_path, filter="data")
    source = next(path for path in tmp_path.iterdir() if path.is_dir())
    assert held(build("wheel", source, tmp_path)) == held(wheel)


def test_commands_on_pictures_need_nothing_else(empty: Path, binaries: Path) -> None:
    where = run(empty, "python", "-c", "import pipeline; print(pipeline.__file__)")
    assert Path(where.strip()).is_relative_to(binaries.parent)
    face = "from pipeline.stages.demo import renderer as r; from pipeline.core.image_io import write_photo as w;"
    run(empty, "python", "-c", f"{face} from pathlib import Path; w(Path('face.png'), r.render_face(256, 1, 0).photo)")
    run(empty, "cali-sketch", "sketch", "face.png", "--out", "drawn", "--style", "xdog", "--size", "128")
    run(empty, "cali-sketch", "generate", "drawn/face-xdog.png", "--out", "made")
    assert (empty / "made/face-xdog.photo.png").exists()


def test_workspace_runs_again_what_changed(workspace: Path, empty: Path, binaries: Path) -> None:
    """Nothing; another value, in a copy that DVC makes of what git knows; another version of the package."""
    assert (workspace / "data/report/index.html").exists()
    assert stages_run(dvc(workspace, "repro")) == ["code"]
    run(workspace, "git", "add", ".")
    run(workspace, "git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "start")
    dvc(workspace, "exp", "run", "--temp", "-n", "one-face", "-S", "report.faces=1")
    assert "one-face" in dvc(workspace, "exp", "show", "--csv", "--only-changed")
    package = next(binaries.parent.glob("lib*/python*/site-packages/pipeline"))
    source, text = package / "evaluation/report.py", (package / "evaluation/report.py").read_text()
    source.write_text(text + "\n# another version\n")
    try:
        assert stages_run(dvc(workspace, "repro")) == ["code", "report"]
    finally:
        source.write_text(text)


def test_workspace_without_git(workspace: Path, empty: Path, binaries: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Results are taken from the other workspace's cache: what stages depend on is the same in both."""
    monkeypatch.setenv("PATH", str(binaries))
    run(empty, "cali-sketch", "init", "ws")
    folder = empty / "ws"
    assert "no_scm = True" in (folder / ".dvc/config").read_text()
    make_tiny(folder / "params.yaml")
    dvc(folder, "config", "cache.dir", str(workspace / ".dvc/cache"))
    assert stages_run(dvc(folder, "repro")) == ["code"]
    assert (folder / "data/report/index.html").exists()
    assert stages_run(dvc(folder, "repro", "-s", "-f", "equalize")) == ["equalize"]
    refused = subprocess.run(["cali-sketch", "experiments", "table2"], cwd=folder, capture_output=True, text=True)
    assert refused.returncode != 0
    assert "git init" in refused.stderr
    assert "Traceback" not in refused.stderr
