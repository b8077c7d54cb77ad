"""README and docs: their commands run, their links lead somewhere, what they name exists."""

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from docs_blocks import PAGES, Block, anchors, blocks, follow, keys, prose, spans, values
from PIL import Image
from ruamel.yaml import YAML
from tiny_checkout import ROOT, Checkout

from pipeline.cli import app

SHELL = [block for page in PAGES for block in blocks(page, "sh")]
RUN = [block for block in SHELL if block.why_not is None]
COMMANDS = typer.main.get_command(app)
PARAMS = YAML(typ="safe", pure=True).load((ROOT / "params.yaml").read_text())
TESTS = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
by_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@pytest.fixture
def users(checkout: Checkout, tmp_path: Path) -> Checkout:
    """A copy of the finished checkout, with the files that a reader of the docs has."""
    copy = Checkout(tmp_path / "checkout")
    shutil.copytree(checkout.folder, copy.folder, symlinks=True)
    photos = sorted((copy / "data/demo/photos").glob("*.png"))
    for name in ("photo.jpg", "holiday/a.jpg", *(f"data/incoming/photos/{photo.stem}.jpg" for photo in photos)):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
    for photo in photos:
        Image.open(photo).save(copy / f"data/incoming/photos/{photo.stem}.jpg", quality=95)
    for name, photo in (("photo.jpg", photos[0]), ("holiday/a.jpg", photos[1])):
        Image.open(photo).save(copy / name, quality=95)
    shutil.copy2(next((copy / "data/simplified/xdog/clean").glob("*.png")), copy / "drawing.png")
    return copy


@pytest.mark.slow
@pytest.mark.parametrize("block", RUN, ids=lambda block: block.name)
def test_commands_run_as_they_are_written(block: Block, users: Checkout) -> None:
    follow(block.page, users)
    command = ("bash", "-euo", "pipefail", "-c", block.text)
    done = subprocess.run(command, cwd=users.folder, capture_output=True, text=True, env=users.environment())
    assert done.returncode == 0, f"{block.text}\n{done.stdout[-2000:]}{done.stderr[-3000:]}"


def test_what_is_not_run_says_why() -> None:
    assert RUN
    for block in SHELL:
        assert block.why_not is None or len(block.why_not.split()) > 1, block.name
    marked = sum(page.read_text().count("<!-- not run") for page in PAGES)
    assert marked == sum(block.why_not is not None for block in SHELL), "a marker that stands above no block"


@by_page
def test_examples_are_in_the_projects_style(page: Path) -> None:
    for block in blocks(page, "python"):
        for asked in (("check",), ("format", "--check")):
            command = (sys.executable, "-m", "ruff", *asked, "-q", "--stdin-filename", str(ROOT / "example.py"), "-")
            done = subprocess.run(command, cwd=ROOT, input=block.text, capture_output=True, text=True)
            assert done.returncode == 0, f"{block.name}\n{done.stdout}"


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs/README.md").read_text()
    assert [page.name for page in PAGES if f"({page.name})" not in index and page.name != "README.md"] == []


@by_page
def test_links_and_pictures_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", prose(page)):
        if "://" in target:
            continue
        name, _, place = target.partition("#")
        path = page.parent / name if name else page
        assert path.exists(), target
        assert not place or place in anchors(path), target


def lines(page: Path) -> Iterator[str]:
    """Every command of a page, one each, without comments."""
    written = [block.text.replace("\\\n", " ") for block in blocks(page, "sh")]
    for line in [*"".join(written).splitlines(), *spans(page)]:
        yield from (part for part in re.split(r"&&|;", line.partition(" #")[0]) if part.strip())


def ours(page: Path) -> Iterator[list[str]]:
    """The arguments of every call of this program."""
    for line in lines(page):
        called = re.search(r"^\s*cali-sketch( .*)?$|-m pipeline (.*)$", line)
        if called:
            yield shlex.split(called[1] or called[2] or "")


def command_of(arguments: list[str]) -> tuple[Any, list[str]]:
    """The command that is called, and what is left of the arguments. Raises KeyError for none of that name."""
    command: Any = COMMANDS
    while hasattr(command, "commands") and arguments and not arguments[0].startswith("-"):
        command, arguments = command.commands[arguments[0]], arguments[1:]
    return command, arguments


@by_page
def test_commands_and_options_exist(page: Path) -> None:
    for arguments in ours(page):
        if not arguments or arguments[0].isupper():  # COMMAND
            continue
        command, rest = command_of(arguments)
        known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
        assert {word for word in rest if word.startswith("--")} <= known, arguments


@by_page
def test_profiles_exist(page: Path) -> None:
    named = {arguments[1] for arguments in ours(page) if arguments[:1] == ["profile"] and len(arguments) > 1}
    assert {name for name in named if not name.isupper()} <= {path.stem for path in (ROOT / "profiles").glob("*.yaml")}


@by_page
def test_params_exist(page: Path) -> None:
    known = {*keys(PARAMS), *keys(values(page))}
    asked = [m[1] for line in lines(page) for m in re.finditer(r"-S '?([\w.]+)=", line)]
    asked += [m[1] for span in spans(page) if (m := re.match(r"([a-z_]+(?:\.[a-z_0-9]+)+)(?:: .*)?$", span))]
    assert [key for key in asked if key.partition(".")[0] in PARAMS and key not in known] == []


@by_page
def test_files_and_what_is_in_them_exist(page: Path) -> None:
    written = {block.text.partition("\n")[0].removeprefix("# ") for block in blocks(page, "python")}
    for span in spans(page):
        named = re.fullmatch(r"((?:pipeline|models|tests|profiles|benchmarks|docs)/[a-z_0-9./]*)(?:::(\w+))?", span)
        if named and span not in written:
            path = ROOT / named[1]
            assert path.exists(), span
            name = named[2]
            assert not name or re.search(rf"^(?:def|class) {name}\b|^{name}\b", path.read_text(), re.M), span


@by_page
def test_tests_that_are_named_exist(page: Path) -> None:
    named = {span for span in spans(page) if re.fullmatch(r"test_\w+", span)}
    assert {name for name in named if f"def {name}(" not in TESTS} == set()
