"""What tests of several folders share. Tests that take `checkout` run in one process: it is made once."""

import pytest
from tiny_checkout import Checkout, copy_checkout


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A copy of the repository with tiny params, the whole graph run in it."""
    made = copy_checkout(tmp_path_factory.mktemp("clone"))
    made.run("dvc", "repro", "-q")
    return made


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "checkout" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("checkout"))
