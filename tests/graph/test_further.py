"""A further style and a further system, as docs say: one file and one section each, and nothing else is changed."""

import json
import re
import shutil
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from tiny_checkout import ROOT, Checkout, change_params


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / "docs" / page).read_text(), re.DOTALL)


def add(checkout: Checkout, page: str) -> None:
    """The file and the section that a page of docs shows."""
    code = blocks(page, "python")[0]
    file = re.match(r"# (\S+\.py)\n", code)
    assert file, page
    (checkout / file[1]).write_text(code)
    section = YAML(typ="safe").load(blocks(page, "yaml")[0])
    change_params(checkout / "params.yaml", section, new=True)


def changed(checkout: Checkout) -> set[str]:
    """Files that are not as they were committed, new ones among them."""
    return {line[3:] for line in checkout.run("git", "status", "--short", "-uall").stdout.splitlines()}


@pytest.fixture(scope="module")
def grown(checkout: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """The finished checkout with one more style and one more system, and the whole graph run."""
    folder = tmp_path_factory.mktemp("grown") / "clone"
    shutil.copytree(checkout.folder, folder, symlinks=True)
    made = Checkout(folder)
    before = changed(made)
    for page in ("add-a-style.md", "add-a-system.md"):
        add(made, page)
    change_params(made / "params.yaml", {"baselines": {"regression": {"schedule": {"steps": 3}}}})
    assert changed(made) - before == {
        "params.yaml",
        "pipeline/styles/plain_canny.py",
        "pipeline/training/baselines/regression.py",
    }
    made.cali("params")
    made.run("dvc", "repro", "-q")
    return made


def test_the_style_is_drawn_simplified_packed_and_learned_from(grown: Checkout) -> None:
    index = json.loads((grown / "data/packed/train/index.json").read_text())
    assert {"sketch/plain_canny", "clean/plain_canny"} <= set(index["layers"])
    assert len(list((grown / "data/styles/plain_canny").glob("*.png"))) > 8
    assert "style@plain_canny" in grown.run("dvc", "stage", "list").stdout


def test_the_style_is_measured_and_reported(grown: Checkout) -> None:
    details = (grown / "data/evaluation/joint/val/details.json").read_text()
    assert "plain_canny" in details
    assert "plain_canny" in (grown / "data/report/index.html").read_text()
    assert "plain_canny" in grown.cali("summary", "--all").stdout


def test_the_style_is_on_the_command_line(grown: Checkout) -> None:
    photo = "data/demo/photos/face_000.png"
    grown.cali("sketch", photo, "--out", "drawn", "--style", "plain_canny", "--size", "128")
    assert len(list((grown / "drawn").glob("*plain_canny*.png"))) == 1
    grown.cali("style", "plain_canny", photo, "--out", "whole")
    assert list((grown / "whole").glob("*.png"))


def test_the_system_is_trained_measured_and_reported(grown: Checkout) -> None:
    assert (grown / "data/trained/regression/weights.safetensors").exists()
    metrics = json.loads((grown / "data/evaluation/regression/val/metrics.json").read_text())
    assert metrics
    assert "regression" in (grown / "data/report/index.html").read_text()
    assert "regression" in grown.cali("summary").stdout
    assert {"baseline@regression", "evaluate@regression"} <= set(
        re.findall(r"^\S+", grown.run("dvc", "stage", "list").stdout, re.MULTILINE)
    )


def test_what_stood_before_is_as_it_was(checkout: Checkout, grown: Checkout) -> None:
    """Neither the drawings of the other styles nor the photos change."""
    for name in ("styles/xdog", "simplified/fdog/deformed", "faces/photos"):
        for file in sorted((checkout / "data" / name).glob("*.png")):
            assert (grown / "data" / name / file.name).read_bytes() == file.read_bytes()


def test_the_style_of_the_docs_is_a_drawing(grown: Checkout) -> None:
    from pipeline.core.image_io import read_sketch

    file = next(Path(grown / "data/styles/plain_canny").glob("*.png"))
    assert 0.001 < (read_sketch(file) < 0.5).mean() < 0.4
