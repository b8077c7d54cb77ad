"""What tests of several folders share. Tests that take `checkout` run in one process: it is made once."""

import pytest
from docs_blocks import follow
from tiny_checkout import ROOT, Checkout, change_params, copy_checkout

FIRST = ("checkout", "patience")  # fixtures of the tests that take longest: no worker is left with them at the end


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A copy of the repository with tiny params, the style and the system that docs show, the whole graph run in it."""
    made = copy_checkout(tmp_path_factory.mktemp("clone"))
    for page in ("add-a-style.md", "add-a-system.md"):
        follow(ROOT / "docs" / page, made)
    change_params(made / "params.yaml", {"baselines": {"regression": {"schedule": {"steps": 3}}}})
    made.commit("a style and a system more")
    made.run("dvc", "repro", "-q")
    return made


@pytest.fixture
def patience() -> None:
    """Asked for by a test that takes long: it is begun among the first."""


@pytest.hookimpl(tryfirst=True)  # pytest-xdist reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "checkout" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("checkout"))
    items.sort(key=lambda item: not set(FIRST) & set(getattr(item, "fixturenames", ())))
