"""What an edit makes DVC do again: that which it can change, and no more."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import pytest
from dvc.dependency import Dependency, ParamsDependency
from dvc.repo import Repo
from tiny_checkout import Checkout

Files = Mapping[str, list[Dependency]]

TRAINED = {"train_scn", "train_isn", "train_joint", "train_restorer", "baseline"}
STYLES = ("xdog", "photosketch", "plain_canny")


def stale(checkout: Checkout) -> set[str]:
    """Stages that `dvc status` names, without those that only wait for them."""
    with Repo(str(checkout.folder)) as repo:
        found: Mapping[str, Any] = repo.status()
    own = {
        name.rpartition(":")[2]  # outside of its folder DVC names the file, too
        for name, changes in found.items()
        if any("changed deps" in c for c in changes if isinstance(c, dict))
    }
    return own


@pytest.fixture(scope="module")
def files(checkout: Checkout) -> Iterator[Files]:
    """File or folder -> it as a dependency of each stage that has it, as `dvc status` looks at them."""
    found: dict[str, list[Dependency]] = {}
    with Repo(str(checkout.folder)) as repo:
        for stage in repo.index.stages:
            for dep in stage.deps:
                if not isinstance(dep, ParamsDependency):
                    found.setdefault(dep.def_path, []).append(dep)
        yield found


def touched(files: Files) -> set[str]:
    """`stale` where params are as they were, in a tenth of its time: each file is looked at once for all stages."""
    return {dep.stage.name for deps in files.values() if deps[0].status() for dep in deps}


def kinds(stages: set[str]) -> set[str]:
    return {stage.partition("@")[0] for stage in stages}


def test_nothing_is_to_be_done_where_nothing_was_edited(checkout: Checkout) -> None:
    assert stale(checkout) == set()


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("pipeline/evaluation/report.py", {"report"}),
        ("pipeline/evaluation/report.html.j2", {"report"}),
        ("pipeline/core/contact_sheet.py", {"evaluate", "robustness", "report"}),
        ("pipeline/stages/demo/renderer.py", {"demo"}),
        ("pipeline/stages/crop/locate.py", {"crop"}),
        ("pipeline/stages/canny.py", {"edges"}),
        ("pipeline/stages/pack.py", {"pack"}),
        ("pipeline/training/scn.py", {"train_scn", "train_joint"}),
        ("pipeline/training/isn.py", {"train_isn", "train_joint", "train_restorer"}),
        ("pipeline/training/loop.py", TRAINED),
        ("models/helpers/line_net.py", {"style", "simplify"}),
        ("models/generators/resnet.py", {*TRAINED, "evaluate", "robustness", "report"}),
    ],
)
def test_an_edit_names_these_stages(checkout: Checkout, files: Files, file: str, expected: set[str]) -> None:
    with checkout.edited(file, (checkout / file).read_text() + "\n# a remark\n"):
        assert kinds(touched(files)) == expected


def test_what_no_stage_is_made_of_asks_for_nothing(checkout: Checkout, files: Files) -> None:
    with ExitStack() as stack:
        for name in ("core/progress", "cli", "apps/sketch", "experiments/ablations", "helpers/edge_detector/train"):
            file = f"pipeline/{name}.py"
            stack.enter_context(checkout.edited(file, (checkout / file).read_text() + "\n# a remark\n"))
        assert touched(files) == set()


@pytest.mark.parametrize("style", STYLES)
def test_a_style_is_nothing_to_its_siblings(checkout: Checkout, files: Files, style: str) -> None:
    file = f"pipeline/styles/{style}.py"
    with checkout.edited(file, (checkout / file).read_text() + "\n# a remark\n"):
        assert touched(files) == {f"style@{style}"}


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ("vgg19", {"train_isn", "train_joint", "train_restorer", "baseline"}),
        ("mobilefacenet", {"crop", "evaluate", "robustness"}),
        ("inception_fid", {"evaluate", "robustness"}),
        ("photosketch", {"style"}),
        ("hed", {"edges"}),
    ],
)
def test_weights_that_come_later_are_seen(checkout: Checkout, files: Files, weights: str, expected: set[str]) -> None:
    with checkout.edited(f"data/weights/{weights}/came_later.bin", "tensors"):
        assert kinds(touched(files)) == expected


@pytest.mark.parametrize("name", ["drawings/face_000.png", "face_000.tem", "eyes.csv"])
def test_what_lies_beside_the_photos_is_seen(checkout: Checkout, files: Files, name: str) -> None:
    """Drawings of crop.sketches and landmarks: they lie below crop.photos, of which every byte counts."""
    file = f"data/demo/photos/{name}"
    with checkout.edited(file, "first"):
        assert kinds(touched(files)) == {"crop"}


def test_one_style_more_asks_for_no_drawing_of_the_others(checkout: Checkout) -> None:
    style = (checkout / "pipeline/styles/plain_canny.py").read_text()
    values = {"styles": {"names": [*STYLES, "twin"], "twin": {"low": 60, "high": 150}}}
    with checkout.edited("pipeline/styles/twin.py", style), checkout.params(values, new=True):
        asked = stale(checkout)
    assert {"style@twin", "simplify@twin", "pack"} <= asked
    assert not {stage for stage in asked if stage.partition("@")[2] in {*STYLES, "canny", "hed"}}
    assert not {"demo", "crop", "equalize"} & asked


def test_fewer_styles_ask_nothing_of_the_others(checkout: Checkout) -> None:
    with checkout.params({"styles": {"names": ["xdog"]}}):
        stages = checkout.planned()
    assert {"pack", "evaluate_sketches"} <= stages
    assert not {stage for stage in stages if stage.startswith(("style@", "simplify@", "edges@"))}
    checkout.run("dvc", "exp", "run", "--queue", "-S", "styles.names=[xdog]")
    checkout.run("dvc", "queue", "remove", "--all")
