"""What tests of several folders share. Tests that take `checkout` run in one process: it is made once."""

from typing import Any

import pytest
from docs_blocks import follow
from tiny_checkout import ROOT, Checkout, Only, change_params, copy_checkout

OF_CHECKOUT = (
    "tests/graph/test_edits.py",
    "tests/graph/test_end_to_end.py",
    "tests/graph/test_further.py",
    "tests/docs/test_docs.py::test_commands_run",
)
OF_WHEEL = ("tests/graph/test_wheel.py",)
OF_GRAPHS = ("tests/apps/test_runtimes.py",)  # nets are exported once, which takes longest there
GROUPS = (OF_CHECKOUT, OF_WHEEL, OF_GRAPHS)
FIRST = ("checkout", "patience")  # fixtures of the tests that take longest: no worker is left with them at the end


FEW = {  # every stage is a process that imports its libraries: as many as tests look at
    "styles": {"names": ["xdog", "photosketch", "plain_canny"]},
    "baselines": {"names": ["regression"], "regression": {"schedule": {"steps": 3}}},
    "restoring": {"names": ["restorer"]},
    "train_restorer": {"schedule": {"steps": 3}},
    "evaluate": Only(
        {"systems": {"joint": "joint", "restored": ".", "apart": ".", "isn_true": "isn", "regression": "regression"}}
    ),
}


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A copy of the repository with tiny params, the style and the system that docs show, the whole graph run in it.

    Its last commit is of dvc.lock, so that experiments find there what need not run again.
    """
    made = copy_checkout(tmp_path_factory.mktemp("clone"))
    for page in ("add-a-style.md", "add-a-system.md"):
        follow(ROOT / "docs" / page, made)
    change_params(made / "params.yaml", FEW)
    made.commit("a style and a system more")
    made.run("dvc", "repro", "-q")
    made.commit("what was run", "dvc.lock")
    return made


@pytest.fixture
def patience() -> None:
    """Asked for by a test that takes long: it is begun among the first."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "checkout" in getattr(item, "fixturenames", ()):
            assert item.nodeid.startswith(OF_CHECKOUT), f"{item.nodeid}: name it in OF_CHECKOUT"
    items.sort(key=lambda item: not set(FIRST) & set(getattr(item, "fixturenames", ())))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Tests of one process: those of each of GROUPS; every other goes where there is time.

    Not pytest-xdist's own groups: with pytest 9.2 they are silently none, and each worker ran the graph.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return next((group for group in GROUPS if nodeid.startswith(group)), (nodeid,))[0]

    return Scheduling(config, log)
