"""The DVC graph against the imports, and the direction of imports that DESIGN sets."""

import ast
import re
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pipeline.core.code import code_of

ROOT = Path(__file__).parents[2]
DVC = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())
BESIDE_A_BASELINE = ("pipeline/training/trainers.py", "pipeline/training/adversarial.py")
BASELINES = ("pix2pix", "cyclegan", "munit", "drit", "deepfacedrawing")
STAGE_FILES = {
    "demo": ["pipeline/stages/demo/stage.py"],
    "crop": ["pipeline/stages/crop/stage.py"],
    "equalize": ["pipeline/stages/equalize.py"],
    "edges@canny": ["pipeline/stages/canny.py"],
    "edges@hed": ["pipeline/stages/hed.py", "models/helpers/hed.py", "models/helpers/edge_net.py"],
    **{
        f"style@{name}": ["pipeline/stages/style.py", f"pipeline/styles/{name}.py"]
        for name in ("xdog", "fdog", "photocopy")
    },
    "style@photosketch": [
        "pipeline/stages/style.py",
        "pipeline/styles/photosketch.py",
        "models/helpers/photosketch.py",
        "models/helpers/line_net.py",
    ],
    "simplify": ["pipeline/stages/simplify.py", "models/helpers/simplification.py", "models/helpers/line_net.py"],
    "pack": ["pipeline/stages/pack.py"],
    "train_scn": ["pipeline/training/scn.py"],
    "train_isn": ["pipeline/training/isn.py"],
    "train_joint": ["pipeline/training/joint.py"],
    "propose@edit": ["pipeline/training/propose.py"],
    "train_edit@edit": ["pipeline/training/edit.py"],
    "teach@lite": ["pipeline/training/teach.py"],
    "train_lite@lite": ["pipeline/training/lite.py"],
    "train_restorer@restorer": ["pipeline/training/restorer.py"],
    **{
        # a further one may be a Gan: docs/add-a-system.md
        f"baseline@{name}": [*BESIDE_A_BASELINE, f"pipeline/training/baselines/{name}.py"]
        for name in BASELINES
    },
    **{
        f"baseline_refined@{name}": ["pipeline/training/trainers.py", f"pipeline/training/baselines/{name}_refined.py"]
        for name in ("pix2pix", "cyclegan", "munit")
    },
    "evaluate": ["pipeline/evaluation/evaluate.py"],
    "robustness": ["pipeline/evaluation/robustness.py"],
    "evaluate_sketches": ["pipeline/evaluation/sketch_statistics.py", "models/helpers/edge_net.py"],
    "report": ["pipeline/evaluation/report.py", "pipeline/evaluation/report.html.j2"],
}


def code_needed(stage: str) -> set[str]:
    """Files that an item of a stage is made of, by the imports at their tops."""
    files = [ROOT / name for name in STAGE_FILES[stage]]
    modules = code_of(*(file for file in files if file.suffix == ".py"))
    return {file.relative_to(ROOT).as_posix() for file in (*files, *modules)}


def code_deps(stage: str) -> set[str]:
    """Files of pipeline/ and models/ among a stage's deps, the matrix item filled in."""
    name, _, item = stage.partition("@")
    stage_of_graph = DVC["stages"][name]
    deps = [re.sub(r"\$\{item\.\w+\}", item, dep) for dep in stage_of_graph.get("do", stage_of_graph)["deps"]]
    return {dep for dep in deps if dep.startswith(("pipeline/", "models/")) and not dep.endswith("/.py")}


@pytest.mark.parametrize("stage", STAGE_FILES)
def test_deps_are_the_imports(stage: str) -> None:
    """All that a stage imports and nothing that no item of it imports; never a sibling item's own stage."""
    items = [key for key in STAGE_FILES if key.split("@")[0] == stage.split("@")[0]]
    own = code_needed(stage)
    stages = {file for key in items for file in STAGE_FILES[key] if file.startswith("pipeline/")}
    siblings = stages - set(STAGE_FILES[stage])
    shared = set().union(*(code_needed(key) for key in items)) - siblings
    assert own <= code_deps(stage) <= shared


def test_every_stage_is_tested() -> None:
    assert {name.split("@")[0] for name in STAGE_FILES} == set(DVC["stages"])


def test_outs_are_cached_and_not_persistent() -> None:
    text = (ROOT / "dvc.yaml").read_text()
    assert "cache: false" not in text
    assert "persist" not in text


TIERS = (  # a module imports from its own part and from what stands in rows above it
    {"core"},
    {"drawing", "weights"},
    {"stages", "styles"},
    {"apps", "experiments", "evaluation", "helpers", "training"},
    {"cli", "commands", "__main__"},
)
TIER = {part: number for number, parts in enumerate(TIERS) for part in parts}
MODULES = sorted([*(ROOT / "pipeline").rglob("*.py"), *(ROOT / "models").rglob("*.py")])


def all_imports(file: Path) -> set[str]:
    """Modules of the project that a file imports anywhere, functions included."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {name for name in found if name.split(".")[0] in ("pipeline", "models", "tests", "benchmarks")}


@pytest.mark.parametrize("file", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_point_one_way(file: Path) -> None:
    """models know nothing of the pipeline, a part nothing of the parts that use it, a stage nothing of another."""
    part, *rest = file.relative_to(ROOT).with_suffix("").parts
    for name in all_imports(file):
        package, *below = name.split(".")
        if part == "models":
            assert package == "models", name
        elif package == "pipeline" and rest[0] != "__init__":
            assert TIER[below[0]] <= TIER[rest[0]], name
            if rest[0] == below[0] == "stages":
                assert stage_of(rest) == stage_of(below), name


def stage_of(parts: list[str]) -> str:
    return parts[1]


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
