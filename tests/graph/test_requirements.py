"""Declared dependencies against the imports, and the lock against what they need on each platform."""

import ast
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DEVELOPERS = {"ruff", "mypy", "pytest-xdist", "setuptools"}  # commands, too; setuptools builds the wheel
OPTIONAL = {"h5py"}  # where it is missing, the message that says so names it
OURS = {"pipeline", "models", "benchmarks", "_typeshed"}
PLATFORMS = {
    "linux": {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "platform_machine": "x86_64"},
    "macos": {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix", "platform_machine": "arm64"},
    "windows": {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt", "platform_machine": "AMD64"},
}


def declared(*lists: list[str]) -> dict[str, Requirement]:
    return {canonicalize_name(one.name): one for names in lists for one in map(Requirement, names)}


COMPANIONS = {"websockets", "httpx"}  # that a declared package asks for by itself
NEEDED = declared(PROJECT["dependencies"])
EXTRAS = declared(*(names for extra, names in PROJECT["optional-dependencies"].items() if extra != "dev"))
FOR_TESTS = EXTRAS | declared(PROJECT["optional-dependencies"]["dev"])


def locked() -> dict[str, Requirement]:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    return declared([line for line in lines if not line.startswith("#")])


def imported(*folders: str) -> set[str]:
    """Names of the distributions that the modules of these folders import, at their tops or in functions."""
    found: set[str] = set()
    for folder in folders:
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Import):
                    found |= {alias.name for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    found |= {node.module}
    own = OURS | set(sys.stdlib_module_names) | {path.stem for path in (ROOT / "tests").rglob("*.py")}
    known = packages_distributions()
    top = {name.split(".")[0] for name in found} - own
    return {of_several([canonicalize_name(one) for one in known.get(name, [name])]) for name in top}


def of_several(distributions: list[str]) -> str:
    """The one that is declared, where several fill one package, as ruamel.yaml and its part in C do."""
    return min(distributions, key=lambda name: (name not in NEEDED | FOR_TESTS, name))


def test_what_is_imported_is_declared_and_what_is_declared_is_imported() -> None:
    assert imported("pipeline", "models") - OPTIONAL | {"websockets"} == set(NEEDED | EXTRAS)


def test_tests_and_benchmarks_declare_what_they_import() -> None:
    asked = imported("tests", "benchmarks") - set(NEEDED) - OPTIONAL
    assert asked <= set(FOR_TESTS)
    assert set(FOR_TESTS) - set(EXTRAS) - DEVELOPERS - COMPANIONS <= asked


def needed_on(platform: str) -> set[str]:
    """Every distribution that the project and its tests need there, by what is installed here."""
    environment = {**PLATFORMS[platform], "extra": ""}
    waiting = [(name, frozenset(one.extras)) for name, one in (NEEDED | FOR_TESTS).items()]
    done: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        name, extras = entry = waiting.pop()
        if entry in done:
            continue
        done.add(entry)
        try:
            wanted = map(Requirement, requires(name) or [])
        except PackageNotFoundError:  # of another platform
            continue
        for one in wanted:
            asked = [environment | {"extra": extra} for extra in (extras or {""})] + [environment]
            if one.marker is None or any(one.marker.evaluate(each) for each in asked):
                waiting.append((canonicalize_name(one.name), frozenset(one.extras)))
    return {name for name, _ in done}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_lock_holds_what_is_needed_on_a_platform_and_no_more(platform: str) -> None:
    pins = locked()
    for name, pin in pins.items():
        if (pin.marker is None or pin.marker.evaluate()) and not pin.specifier.contains(distribution(name).version):
            pytest.skip(f"{name} is not the lock's: this environment is another one")
    here = {name for name, pin in pins.items() if pin.marker is None or pin.marker.evaluate(PLATFORMS[platform])}
    assert here == needed_on(platform)


def test_pins_are_what_the_project_asks_for() -> None:
    pins = locked()
    for name, one in (NEEDED | FOR_TESTS).items():
        version = str(pins[name].specifier).removeprefix("==")
        assert one.specifier.contains(version), name
