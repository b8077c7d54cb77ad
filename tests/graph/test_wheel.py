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
    monkeypatch.setenv("PATH", f"{binaries}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("CALI_SKETCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("PYTHONPATH", raising=False)
    (tmp_path / "empty").mkdir()
    return tmp_path / "empty"


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


def test_workspace_with_git(empty: Path, binaries: Path) -> None:
    said = run(empty, "cali-sketch", "init", "ws")
    assert "cd ws\n  dvc repro\n" in said
    folder = empty / "ws"
    make_tiny(folder / "params.yaml")
    dvc(folder, "repro")
    assert (folder / "data/report/index.html").exists()
    assert stages_run(dvc(folder, "repro")) == ["code"]
    run(folder, "git", "add", ".")
    run(folder, "git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "start")
    dvc(folder, "exp", "run", "--temp", "-n", "strict", "-S", "evaluate.threshold=0.9")
    assert "strict" in dvc(folder, "exp", "show", "--csv", "--only-changed")
    package = next(binaries.parent.glob("lib*/python*/site-packages/pipeline"))
    source = package / "evaluation/report.py"
    source.write_text(source.read_text() + "\n# another version\n")
    assert stages_run(dvc(folder, "repro")) == ["code", "report"]


def test_workspace_without_git(empty: Path, binaries: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(binaries))
    run(empty, "cali-sketch", "init", "ws")
    folder = empty / "ws"
    assert "no_scm = True" in (folder / ".dvc/config").read_text()
    make_tiny(folder / "params.yaml")
    dvc(folder, "repro", "pack")
    assert (folder / "data/packed").is_dir()
    assert stages_run(dvc(folder, "repro", "pack")) == ["code"]
    refused = subprocess.run(["cali-sketch", "experiments", "table2"], cwd=folder, capture_output=True, text=True)
    assert refused.returncode == 1
    assert "git init" in refused.stderr
    assert "Traceback" not in refused.stderr
