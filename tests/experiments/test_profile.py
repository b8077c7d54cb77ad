"""Profiles and `cali-sketch params`: overlays, and everything that is wrong with params.yaml."""

from pathlib import Path

import pytest

from pipeline.cli import main
from pipeline.core.params import ParamsError, read_yaml
from pipeline.core.workspace import SHIPPED
from pipeline.experiments.profile import merge, run
from pipeline.experiments.sections import check


def test_profile_merges_and_names_what_changed() -> None:
    target = {"a": {"b": 1, "c": 2}, "d": 3}
    assert list(merge(target, {"a": {"b": 5}, "d": 3}, "")) == ["a.b: 1 -> 5"]
    assert target == {"a": {"b": 5, "c": 2}, "d": 3}


def test_profile_with_a_misspelt_key_is_refused() -> None:
    with pytest.raises(ParamsError, match=r"a\.x is not in params.yaml"):
        list(merge({"a": {"b": 1}}, {"a": {"x": 5}}, ""))


@pytest.mark.parametrize("profile", sorted((SHIPPED / "profiles").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_profile_fits_the_params(profile: Path) -> None:
    values = read_yaml(SHIPPED / "params.yaml")
    list(merge(values, read_yaml(profile), ""))
    check(values)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "params.yaml").write_bytes((SHIPPED / "params.yaml").read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def overlay(workspace: Path, text: str) -> str:
    (workspace / "mine.yaml").write_text(text)
    return "mine.yaml"


def test_a_profile_is_written_with_the_comments_kept(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(overlay(workspace, "crop: {size: 64}\nsimplify: {method: 'own'}"))
    told = f"crop.size: 128 -> 64\nsimplify.method: classical -> own\n{workspace / 'params.yaml'}: 2 changed\n"
    assert capsys.readouterr().out == told
    text = (workspace / "params.yaml").read_text()
    assert text.count("#") == (SHIPPED / "params.yaml").read_text().count("#")
    assert read_yaml(workspace / "params.yaml")["crop"]["size"] == 64


def test_a_folder_without_params_is_no_workspace(workspace: Path) -> None:
    """The file that ships with the code is nobody's to edit."""
    (workspace / "params.yaml").unlink()
    before = (SHIPPED / "params.yaml").read_bytes()
    with pytest.raises(ParamsError, match="not there; run where params"):
        run(overlay(workspace, "crop: {size: 64}"))
    assert (SHIPPED / "params.yaml").read_bytes() == before


def test_another_kind_of_net_brings_its_own_options(workspace: Path) -> None:
    unet = "{kind: unet_mru, width: 8, blocks: 1, dilation: 1, norm: pixel, spectral: false}"
    run(overlay(workspace, f"train_scn: {{net: {{generator: {unet}}}}}"))
    assert "up" not in read_yaml(workspace / "params.yaml")["train_scn"]["net"]["generator"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("crop: {size: 130}", r"crop\.size: 130; allowed: a whole number from 32 to 2,048, a multiple of 4"),
        ("crop: 7", r"crop: 7; allowed: the keys photos"),
        ("crop: {size: {a: 1}}", r"crop\.size: \{'a': 1\}; allowed: a whole number"),
        ("crop: {splits: {folders: [a]}}", r"crop\.splits\.folders: \['a'\]; allowed: keys"),
        ("crop: {sizes: 64}", r"crop\.sizes is not in params\.yaml; there are photos"),
        ("stiles: {}", r"stiles is not in params\.yaml; there are demo"),
        ("demo: {faces: 0}", r"demo\.faces: 0; allowed: at least pack\.min_train"),
        ("train_scn: {net: {generator: {kind: unet_mru}}}", r"generator\.width: missing; allowed: a whole number"),
        ("train_scn: {batch: .nan}", r"train_scn\.batch: nan; allowed: a whole number"),
        ("- crop", "expected sections of keys, found list"),
        ("{", "not YAML"),
        ("", "expected sections of keys, found NoneType"),
    ],
)
def test_a_wrong_profile_is_refused_and_nothing_written(workspace: Path, text: str, message: str) -> None:
    before = (workspace / "params.yaml").read_bytes()
    with pytest.raises(ParamsError, match=message):
        run(overlay(workspace, text))
    assert (workspace / "params.yaml").read_bytes() == before


def test_an_unknown_profile_is_named_with_those_that_are_known(workspace: Path) -> None:
    with pytest.raises(ParamsError, match=r"no profile 'papper'; there are baselines, baselines-256, best"):
        run("papper")


def test_params_end_with_exit_code_1_and_a_line_a_fault(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = workspace / "params.yaml"
    path.write_text(path.read_text().replace("size: 128", "size: 130").replace("batch: 4", "batch: 0"))
    monkeypatch.setattr("sys.argv", ["cali-sketch", "params"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 1
    told = capsys.readouterr().err
    assert "Traceback" not in told
    assert [line.split("; ")[0] for line in told.splitlines()] == [
        "error: crop.size: 130",
        "train_scn.batch: 0",
        "train_isn.batch: 0",
        "train_joint.batch: 0",
        "train_edit.batch: 0",
        "train_lite.batch: 0",
        "train_restorer.batch: 0",
    ]
