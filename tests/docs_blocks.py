"""The README and the pages of docs/, taken apart: blocks of code, spans of code, links, comments."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from tiny_checkout import ROOT, Checkout, change_params

PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
FENCE = re.compile(r"(?:^<!-- not run: *(?P<why>.*?) *-->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.M | re.S)


@dataclass(frozen=True)
class Block:
    """One fenced block of a page."""

    page: Path
    line: int  # of its fence, from 1
    language: str
    text: str
    why_not: str | None  # what it needs that a test has not; None: it is run

    @property
    def name(self) -> str:
        return f"{self.page.name}:{self.line}"


def blocks(page: Path, language: str) -> list[Block]:
    """A page's blocks of one language, in order."""
    text = page.read_text(encoding="utf-8")
    found = FENCE.finditer(text)
    return [
        Block(page, text.count("\n", 0, m.start("language")) + 1, m["language"], m["text"], m["why"])
        for m in found
        if m["language"] == language
    ]


def prose(page: Path) -> str:
    """A page without its blocks."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def spans(page: Path) -> list[str]:
    """Code within the prose, line breaks as spaces."""
    return [" ".join(m[1].split()) for m in re.finditer(r"`([^`]+)`", prose(page))]


def anchors(page: Path) -> set[str]:
    """What links can lead to within a page, as GitHub names headings."""
    heads = re.findall(r"^#+ (.+)$", prose(page), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def values(page: Path) -> dict[str, Any]:
    """What a page's YAML blocks add to params.yaml."""
    merged: dict[str, Any] = {}
    for block in blocks(page, "yaml"):
        merged |= YAML(typ="safe", pure=True).load(block.text)
    return merged


def keys(node: Mapping[str, Any], where: str = "") -> Iterator[str]:
    """Dotted names of all values, and of the groups they stand in."""
    for key, value in node.items():
        yield f"{where}{key}"
        if isinstance(value, Mapping):
            yield from keys(value, f"{where}{key}.")


def follow(page: Path, checkout: Checkout) -> None:
    """What a page tells to write: Python files, by the path in their first line, and values of params.yaml."""
    for block in blocks(page, "python"):
        path = block.text.partition("\n")[0].removeprefix("# ")
        (checkout / path).write_text(block.text)
    if added := values(page):
        change_params(checkout / "params.yaml", added, new=True)
