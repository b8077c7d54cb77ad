"""The DVC graph against the imports, and the direction of imports that DESIGN sets."""

import ast
import re
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
DVC = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())
COMMANDS = (
    *("cli", "sketch", "generate", "profile", "experiments", "export"),
    *("evaluate_edges", "evaluate_contours", "evaluate_simplifier"),
)
STAGE_FILES = {
    "demo": ["pipeline/demo.py"],
    "crop": ["pipeline/crop.py"],
    "equalize": ["pipeline/equalize.py"],
    "edges@canny": ["pipeline/canny.py"],
    "edges@hed": ["pipeline/hed.py", "models/hed.py", "models/edges.py"],
    **{
        f"style@{name}": ["pipeline/styles/__init__.py", f"pipeline/styles/{name}.py"]
        for name in ("xdog", "fdog", "photocopy")
    },
    "style@photosketch": [
        "pipeline/styles/__init__.py",
        "pipeline/styles/photosketch.py",
        "models/photosketch.py",
        "models/lines.py",
    ],
    "simplify": ["pipeline/simplify.py", "models/simplification.py", "models/lines.py"],
    "pack": ["pipeline/pack.py"],
    "train_scn": ["pipeline/training/scn.py"],
    "train_isn": ["pipeline/training/isn.py"],
    "train_joint": ["pipeline/training/joint.py"],
    "evaluate": ["pipeline/evaluate.py"],
    "evaluate_sketches": ["pipeline/evaluate_sketches.py"],
    "report": ["pipeline/report.py", "pipeline/report.html.j2"],
}


def imports_of(file: Path) -> set[str]:
    """Project files that a module imports at its top."""
    found: set[str] = set()
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in ("pipeline", "models"):
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    files = {f"{name.replace('.', '/')}.py" for name in found}
    return {name for name in files if (ROOT / name).exists()}


def closure(files: list[str]) -> set[str]:
    done: set[str] = set()
    todo = list(files)
    while todo:
        file = todo.pop()
        if file in done:
            continue
        done.add(file)
        if file.endswith(".py"):
            todo += imports_of(ROOT / file)
    return done


def code_deps(stage: str) -> set[str]:
    """Files of pipeline/ and models/ among a stage's deps, the matrix item filled in."""
    name, _, item = stage.partition("@")
    deps = [re.sub(r"\$\{item\.\w+\}", item, dep) for dep in DVC["stages"][name]["deps"]]
    return {dep for dep in deps if dep.startswith(("pipeline/", "models/"))}


@pytest.mark.parametrize("stage", STAGE_FILES)
def test_deps_are_the_imports(stage: str) -> None:
    """All that a stage imports and nothing that no item of it imports; never a sibling item's own stage."""
    items = [key for key in STAGE_FILES if key.split("@")[0] == stage.split("@")[0]]
    own = closure(STAGE_FILES[stage])
    stages = {file for key in items for file in STAGE_FILES[key] if file.startswith("pipeline/")}
    siblings = stages - set(STAGE_FILES[stage])
    shared = set().union(*(closure(STAGE_FILES[key]) for key in items)) - siblings
    assert own <= code_deps(stage) <= shared


def test_every_stage_is_tested() -> None:
    assert {name.split("@")[0] for name in STAGE_FILES} == set(DVC["stages"])


def test_outs_are_cached_and_not_persistent() -> None:
    text = (ROOT / "dvc.yaml").read_text()
    assert "cache: false" not in text
    assert "persist" not in text


@pytest.mark.parametrize("file", sorted((ROOT / "models").rglob("*.py")), ids=str)
def test_models_know_nothing_of_the_pipeline(file: Path) -> None:
    assert not [name for name in imports_of(file) if name.startswith("pipeline")]


STAGES = {Path(files[0]).stem for files in STAGE_FILES.values()} - {"__init__", "scn", "isn", "joint"}


@pytest.mark.parametrize("file", sorted(p for p in (ROOT / "pipeline").rglob("*.py")), ids=str)
def test_stages_meet_in_data_only(file: Path) -> None:
    """COMMANDS may call stages; stages and what they share may not."""
    imported = imports_of(file)
    assert "pipeline/cli.py" not in imported or file.name == "__main__.py"
    if file.stem not in COMMANDS:
        assert not [name for name in imported if Path(name).stem in STAGES and Path(name).parent.name == "pipeline"]


def test_git_and_dvc_see_photos_that_were_added_and_nothing_else_of_data() -> None:
    """DVC has a matcher of its own, which takes a folder for ignored where a pattern matches its empty rest."""
    from dvc.repo import Repo

    repo = Repo(str(ROOT))

    def ignored(path: str) -> bool:
        asked = subprocess.run(["git", "check-ignore", "-q", path], cwd=ROOT)
        assert repo.scm.is_ignored(path) == (asked.returncode == 0), path
        return asked.returncode == 0

    for path in ("data/incoming/", "data/incoming/cufs.dvc", "data/weights/"):
        assert not ignored(path), path
    for path in ("data/incoming/album/", "data/incoming/album/a.jpg", "data/faces/", "data/packed/"):
        assert ignored(path), path
