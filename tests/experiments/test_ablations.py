"""Families of experiments: what is queued, and the tables made of what finished."""

import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pipeline.core.errors import UserError
from pipeline.experiments import ablations
from pipeline.experiments.ablations import FAMILIES, commands, name_of, recorded, spread, table, taken

PARAMS = YAML(typ="safe").load((Path(__file__).parents[2] / "params.yaml").read_text())


@pytest.mark.parametrize("name", FAMILIES)
def test_every_change_is_a_key_of_params(name: str) -> None:
    for changes in FAMILIES[name].rows.values():
        for key, value in changes.items():
            node = PARAMS
            for part in key.split("."):
                assert part in node, key
                node = node[part]
            assert isinstance(node, (list, str) if isinstance(value, (list, str)) else (int, float)), key


@pytest.mark.parametrize("name", FAMILIES)
def test_variants_differ_and_the_papers_figures_have_a_row(name: str) -> None:
    rows = [repr(changes) for changes in FAMILIES[name].rows.values()]
    assert len(set(rows)) == len(rows)
    assert set(FAMILIES[name].paper) <= set(FAMILIES[name].rows)


def test_commands_queue_each_variant_with_each_seed() -> None:
    made = commands("table2", ["both", "contour-only"], 2)
    assert [command[5] for command in made] == [
        name_of("table2", variant, seed) for seed in (0, 1) for variant in ("both", "contour-only")
    ]
    assert made[3][:5] == ["dvc", "exp", "run", "--queue", "--name"]
    assert 'train_scn.loss.targets=["hed"]' in made[3]
    assert "train_isn.seed=1" in made[3]


def test_unknown_names_are_told() -> None:
    with pytest.raises(UserError, match="no family 'table9'; there are table2"):
        commands("table9", [], 1)
    with pytest.raises(UserError, match=r"no variant \['nope'\]; there are original"):
        commands("table3", ["nope"], 1)


def experiment(name: str, psnr: float | None, state: str = "success") -> dict:
    metrics = {"test": {"joint_simplified": {"all": {"psnr": psnr, "ssim": 0.5}}}}
    data = {"metrics": {"data/evaluation/metrics.json": {"data": metrics if psnr else None}}}
    return {"name": name, "revs": [{"data": data}], "executor": {"state": state}}


def test_a_family_is_completed_by_the_same_command(monkeypatch: pytest.MonkeyPatch) -> None:
    there = [experiment("table2-both-s0", 20.0), experiment("table2-both-s1", None, "failed")]
    shown, queued = json.dumps([{"experiments": None}, {"experiments": there}]), []

    def dvc(arguments: list[str]) -> str:
        if "--queue" in arguments:
            queued.append(arguments[4])
        return shown

    monkeypatch.setattr(ablations, "dvc", dvc)
    ablations.queue("table2", ["both"], 3, dry_run=True)
    assert queued == []
    ablations.queue("table2", ["both"], 3, dry_run=False)
    assert queued == ["table2-both-s1", "table2-both-s2"]


def test_tables_take_the_mean_over_seeds_of_what_finished() -> None:
    shown = [
        experiment("table3-original-s0", 20.0),
        experiment("table3-original-s1", 22.0),
        experiment("table3-improved-2-s0", 21.0),
        experiment("table3-improved-2-isn-s0", 30.0),
        experiment("table3-improved-1-s0", None),
        experiment("table3-original-s2", 50.0, "failed"),
        experiment("table3-original-s3", 50.0, "running"),
        experiment("mine", 40.0),
    ]
    assert taken(shown)["table3-original-s3"] == "running"
    assert "table3-original-s2" not in taken(shown)
    heads, rows = table("table3", recorded(shown), "test")
    cells = [dict(zip(heads, row, strict=True)) for row in rows]
    assert [row["variant"] for row in cells] == ["original", "improved-2", "improved-2-isn"]
    assert cells[0]["PSNR"] == "21.00 ± 1.41"
    assert cells[0]["seeds"] == "2"
    assert cells[0]["paper's PSNR"] == "20.25"
    assert cells[1]["PSNR"] == "21.00"
    assert cells[1]["FID"] == ""
    assert cells[2]["paper's PSNR"] == ""


@pytest.mark.parametrize(
    ("values", "text"), [([None, None], ""), ([0.5], "0.500"), ([20.0, None], "20.00"), ([0.25, 0.75], "0.500 ± 0.354")]
)
def test_spread(values: list[float | None], text: str) -> None:
    assert spread(values) == text
