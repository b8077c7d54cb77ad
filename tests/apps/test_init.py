"""A workspace as `init` lays it out; test_wheel.py runs one."""

import shutil
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pipeline.apps import init
from pipeline.core.code import code_of
from pipeline.core.errors import UserError
from pipeline.core.workspace import SHIPPED


def graph(text: str) -> dict[str, dict[str, list[str]]]:
    """Stage -> its keys, of a dvc.yaml; of one for each of several items as well."""
    return {name: stage.get("do", stage) for name, stage in YAML(typ="safe").load(text)["stages"].items()}


def deps(text: str) -> dict[str, list[str]]:
    """Stage -> deps."""
    return {name: stage.get("deps", []) for name, stage in graph(text).items()}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ws")
    init.lay_out(folder)
    init.copy_code(folder)
    return folder


def test_stages_depend_on_the_same_code_below_code(workspace: Path) -> None:
    here, there = deps((SHIPPED / "dvc.yaml").read_text()), deps((workspace / "dvc.yaml").read_text())
    assert there.pop("code") == []
    assert there.keys() == here.keys()
    for name, files in here.items():
        assert there[name] == [f"code/{f}" if f.startswith(("pipeline/", "models/")) else f for f in files]
    assert any(file.startswith("code/models/") for file in there["train_scn"])


def test_every_dep_is_there_or_made_by_a_stage(workspace: Path) -> None:
    stages = graph((workspace / "dvc.yaml").read_text()).values()
    outs = [out.split("$")[0].rstrip("/") for stage in stages for out in stage["outs"]]
    for dep in {dep for stage in stages for dep in stage.get("deps", [])}:
        made = any(dep.startswith(out) or out.startswith(dep) for out in outs if out != "code")
        if not made and "$" not in dep:
            assert (workspace / dep).exists(), dep


def test_code_is_a_copy_of_what_runs(workspace: Path) -> None:
    modules = code_of(*(init.PACKAGE / "training").rglob("*.py"))
    assert modules
    for module in modules:
        assert (workspace / "code" / module.relative_to(init.PACKAGE.parent)).read_bytes() == module.read_bytes()
    assert not list((workspace / "code").rglob("__pycache__"))


def test_an_old_module_does_not_stay(workspace: Path) -> None:
    old = workspace / "code/pipeline/removed.py"
    old.touch()
    init.copy_code(workspace)
    assert not old.exists()


@pytest.mark.parametrize("name", ["dvc.yaml", "params.yaml"])
def test_a_folder_that_has_one_is_refused_untouched(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(UserError, match=f"{name}.*--force"):
        init.run(tmp_path, False)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_laid_out_anew_the_graph_is_replaced_and_the_users_values_stay(tmp_path: Path) -> None:
    for name in ("dvc.yaml", "params.yaml", ".gitignore"):
        (tmp_path / name).write_text("mine")
    init.lay_out(tmp_path)
    assert (tmp_path / "dvc.yaml").read_text() != "mine"
    assert {(tmp_path / name).read_text() for name in ("params.yaml", ".gitignore")} == {"mine"}


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_in_a_repository_it_makes_no_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    init._must(tmp_path, "git", "init", "-q")
    init.run(tmp_path / "inside", False)
    assert not (tmp_path / "inside/.git").exists()
    assert (tmp_path / "inside/.dvc").is_dir()
    assert f"cd {tmp_path / 'inside'}\n  dvc repro\n" in capsys.readouterr().out
