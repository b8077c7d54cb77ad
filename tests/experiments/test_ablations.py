"""Families of experiments: what is queued, and the tables made of what finished."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pipeline.core.errors import UserError
from pipeline.core.params import ParamsError, read_yaml
from pipeline.experiments import ablations
from pipeline.experiments.ablations import (
    GONE,
    HAND,
    New,
    commands,
    families,
    finished,
    name_of,
    runs_of,
    spread,
    table,
)
from pipeline.experiments.profile import merge, profile_path
from pipeline.experiments.sections import check

ROOT = Path(__file__).parents[2]


def params() -> dict:
    return YAML(typ="safe", pure=True).load((ROOT / "params.yaml").read_text())


@pytest.fixture(autouse=True)
def in_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def applied(changes: dict, profile: str = "") -> dict:
    """params.yaml as an experiment has it. KeyError for a key that is not there."""
    changed = params()
    if profile:
        list(merge(changed, read_yaml(profile_path(profile)), ""))
    for key, value in changes.items():
        *path, last = key.split(".")
        node = changed
        for part in path:
            node = node[part]
        if value is GONE:
            del node[last]
        else:
            assert (last in node) is not isinstance(value, New), key
            node[last] = value.value if isinstance(value, New) else value
    return changed


@pytest.mark.parametrize("name", families())
def test_every_variant_is_allowed_params(name: str) -> None:
    """No misspelt key, and no option that a kind does not have."""
    for variant, changes in families()[name].rows.items():
        changed = applied(changes, families()[name].profile)
        if variant == "with-people":
            changed["crop"]["sketches"] = ["photos", "sketches"]
        check(changed)


def test_a_generator_keeps_no_option_that_it_does_not_use() -> None:
    changed = params()
    changed["train_scn"]["net"]["generator"]["kind"] = "unet_mru"
    with pytest.raises(ParamsError, match=r"train_scn\.net\.generator\.up"):
        check(changed)
    (command,) = commands("table3", ["improved-2-scn"], 1)
    assert {"~train_scn.net.generator.up", "~train_scn.net.generator.padding"} < set(command)
    assert 'train_scn.net.generator.kind="unet_mru"' in command


def test_each_thing_that_a_hand_does_has_a_row_and_the_level_is_a_new_key() -> None:
    known = params()["train_scn"]["hand"]
    assert set(HAND) | {"level", "stays"} == set(known)
    (command,) = commands("ablations", ["level"], 1)
    assert {"+train_scn.net.generator.code=1", "train_joint.hand.level=1.0"} < set(command)
    for name in HAND:
        assert commands("ablations", [f"hand-{name.removesuffix('_px')}"], 1)


@pytest.mark.parametrize("name", families())
def test_variants_differ_and_the_papers_figures_have_a_row(name: str) -> None:
    of = families()[name]
    rows = [repr(sorted(changes.items(), key=str)) for changes in of.rows.values()]
    assert len(set(rows)) == len(rows)
    assert set(of.paper) <= set(of.rows)


def test_each_style_that_params_name_has_a_row_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "params.yaml").read_text()
    (tmp_path / "params.yaml").write_text(text.replace("names: [xdog, fdog, photocopy, photosketch]", "names: [mine]"))
    (tmp_path / "profiles").mkdir()
    for name in ("plain-lines", "plain-edges"):
        (tmp_path / "profiles" / f"{name}.yaml").write_text("{}")
    assert [row for row in families()["ablations"].rows if row.endswith("-alone")] == ["mine-alone"]


def test_test_stays_shut_where_no_figure_of_the_paper_stands_beside() -> None:
    for name, shut in (("table2", False), ("table3", False), ("ablations", True)):
        assert ('evaluate.splits=["val"]' in commands(name, [], 1)[0]) == shut
    done = {"ablations-hinge-s0": "abc"}
    assert runs_of("ablations", families()["ablations"], done, "test") == {}


def test_commands_queue_each_variant_with_each_seed() -> None:
    made = commands("table2", ["both", "contour-only"], 2)
    assert [command[5] for command in made] == [
        name_of("table2", variant, seed) for seed in (0, 1) for variant in ("both", "contour-only")
    ]
    assert made[3][:5] == ["dvc", "exp", "run", "--queue", "--name"]
    assert 'train_scn.loss.targets=["hed"]' in made[3]
    assert "train_isn.seed=1" in made[3]
    assert made[3][-1] == "evaluate@apart", "nothing runs that the table does not show"
    assert commands("ablations", ["hinge"], 1)[0][-1] == "evaluate@joint"


def test_table_1_is_every_system_and_a_seed_changes_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    (command,) = commands("table1", [], 1)
    assert {"train_joint.seed=0", "baselines.pix2pix.seed=0", "evaluate@joint", "evaluate@pix2pix"} < set(command)
    assert not any("evaluate.splits" in part for part in command), "test is opened"
    monkeypatch.setattr(ablations, "finished", lambda: {"table1-as-it-is-s0": "1", "table1-as-it-is-s1": "2"})
    monkeypatch.setattr(ablations, "measured", lambda commit, systems, split: {commit: (sorted(systems), split)})
    seeds = ablations.seeds_of_table_1("test")
    assert [list(seed) for seed in seeds] == [["1"], ["2"]]
    assert seeds[0]["1"] == (sorted(params()["evaluate"]["systems"]), "test")


def test_unknown_names_are_told() -> None:
    with pytest.raises(UserError, match="no family 'table9'; there are table1, table2"):
        commands("table9", [], 1)
    with pytest.raises(UserError, match=r"no variant \['nope'\]; there are original"):
        commands("table3", ["nope"], 1)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """A repository as DVC leaves it; what is returned runs git there."""

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=tmp_path, check=True, capture_output=True, text=True).stdout

    git("init", "-q")
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    shutil.copytree(ROOT / "profiles", tmp_path / "profiles")
    return git


def record(git: Callable[..., str], name: str, day: int) -> str:
    """An experiment as DVC keeps a finished one; its commit."""
    who = ("-c", "user.name=t", "-c", "user.email=t@t")
    tree = git("hash-object", "-t", "tree", "-w", "/dev/null").strip()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GIT_COMMITTER_DATE", f"2026-01-{day:02}T00:00:00Z")
        commit = git(*who, "commit-tree", tree, "-m", name).strip()
    git("update-ref", f"refs/exps/{day:02x}/{'0' * 38}/{name}", commit)
    return commit


def test_what_is_finished_is_read_from_git(repository: Callable[..., str]) -> None:
    old, new, other = (record(repository, name, day) for name, day in (("mine", 1), ("mine", 3), ("table2-both-s0", 2)))
    for ref in ("celery/stash", "celery/failed", "exec/EXEC_HEAD", "temp/name"):
        repository("update-ref", f"refs/exps/{ref}", old)
    assert finished() == {"mine": new, "table2-both-s0": other}


def test_without_git_one_is_told_what_to_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(UserError, match="git init"):
        finished()


def test_a_machine_without_git_is_told_what_experiments_need(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="git init"):
        ablations.finished()


def test_a_family_is_completed_by_the_same_command(
    repository: Callable[..., str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    record(repository, "table2-both-s0", 1)
    status = """Task     Name            Created    Status
1111111  table2-both-s1  09:25 AM   Running
2222222  table2-both-s2  09:25 AM   Queued
3333333  table2-both-s3  Nov 26     Failed

Worker status: 1 active, 0 idle
"""
    queued = []

    def dvc(arguments: list[str]) -> str:
        if "--queue" in arguments:
            queued.append(arguments[4])
        return status

    monkeypatch.setattr(ablations, "dvc", dvc)
    ablations.queue("table2", ["both"], 5, dry_run=True)
    assert queued == []
    assert "table2-both-s0: success\ntable2-both-s1: running\ntable2-both-s2: queued\n" in capsys.readouterr().out
    ablations.queue("table2", ["both"], 5, dry_run=False)
    assert queued == ["table2-both-s3", "table2-both-s4"]


def details(psnr: float, **scores: float) -> dict:
    """Of the system joint, simplified; the mean and the pooled are no style's own."""
    style = {"n": 7, "psnr": 1.0, "ssim": 0.1, "fid": 1.0}
    mean, pooled = {"n": 7, "psnr": psnr, "ssim": 0.5, "fid": 2.0}, {"n": 14, **scores}
    return {"deformed": {"mean": style}, "simplified": {"xdog": style, "mean": mean, "pooled": pooled}}


def test_tables_take_the_mean_over_seeds_of_what_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    done = {
        "table3-original-s0": "20",
        "table3-original-s1": "22",
        "table3-improved-2-s0": "21",
        "table3-improved-2-isn-s0": "30",
        "table3-improved-1-s0": "none",
        "mine": "40",
    }

    def measured(commit: str, systems: list[str], split: str) -> dict:
        assert (systems, split) == (["joint"], "val")
        fid = {"fid": 44.0} if commit == "21" else {}
        return {} if commit == "none" else {"joint": details(float(commit), **fid)}

    monkeypatch.setattr(ablations, "measured", measured)
    of = families()["table3"]
    heads, rows = table("table3", of, runs_of("table3", of, done, "val"))
    cells = [dict(zip(heads, row, strict=True)) for row in rows]
    assert [row["variant"] for row in cells] == ["original", "improved-2", "improved-2-isn"]
    assert cells[0]["PSNR"] == "21.00 ± 1.41"
    assert (cells[0]["seeds"], cells[0]["n"]) == ("2", "7")
    assert cells[0]["paper's PSNR"] == "20.25"
    assert cells[1]["PSNR"] == "21.00"
    assert cells[1]["FID"] == "44.00", "of all styles pooled, where it is"
    assert "IDENTITY_RANK1" not in heads, "measured by none"
    assert cells[2]["paper's PSNR"] == ""


@pytest.mark.parametrize(
    ("values", "text"), [([None, None], ""), ([0.5], "0.500"), ([20.0, None], "20.00"), ([0.25, 0.75], "0.500 ± 0.354")]
)
def test_spread(values: list[float | None], text: str) -> None:
    assert spread(values) == text
