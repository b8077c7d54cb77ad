"""What a params field allows, declared beside its type and read by `pipeline.core.params.build`.

    @dataclass(frozen=True)
    class CannyParams:
        sigma: Annotated[float, Range(above=0, most=16)]
        names: Annotated[tuple[Annotated[str, OneOf(lambda: EDGES)], ...], Items()]
        share: Share

Each rule judges a value whose type is right already (`allows`) and says in words what it wants (`words`).
Tables of names are given as functions, so that core imports none of them. `Kind` chooses among dataclasses.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sized
from dataclasses import dataclass
from typing import Annotated, Any, Protocol, runtime_checkable


@runtime_checkable
class Rule(Protocol):
    """One condition on a value."""

    def allows(self, value: Any) -> bool:
        """Whether a value of the field's type may stand there."""

    def words(self, what: str) -> str:
        """`what` ("a number") with this rule's limits ("a number from 0 to 1")."""


@dataclass(frozen=True)
class Range:
    """Numbers between two ends: `least` and `most` belong to it, `above` and `below` do not."""

    least: float | None = None
    most: float | None = None
    above: float | None = None
    below: float | None = None
    multiple_of: int | None = None

    def allows(self, value: Any) -> bool:
        return (
            (self.least is None or value >= self.least)
            and (self.most is None or value <= self.most)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
            and (self.multiple_of is None or value % self.multiple_of == 0)
        )

    def words(self, what: str) -> str:
        if self.least is not None and self.most is not None:
            said = f"{what} from {self.least:,} to {self.most:,}"
        else:
            ends = (("at least", self.least), ("above", self.above), ("at most", self.most), ("below", self.below))
            said = f"{what} {' and '.join(f'{word} {end:,}' for word, end in ends if end is not None)}"
        return said + (f", a multiple of {self.multiple_of}" if self.multiple_of else "")


@dataclass(frozen=True)
class OneOf:
    """Names out of a table, asked for when a value is checked: `OneOf(lambda: STYLES)`."""

    names: Callable[[], Iterable[str]]

    def allows(self, value: Any) -> bool:
        return value in tuple(self.names())

    def words(self, what: str) -> str:
        return f"one of {', '.join(self.names())}"


@dataclass(frozen=True)
class Items:
    """Length of a list, and whether a thing may stand in it twice."""

    least: int = 1
    most: int | None = None
    repeats: bool = False

    def allows(self, value: Sized) -> bool:
        fits = self.least <= len(value) and (self.most is None or len(value) <= self.most)
        return fits and (self.repeats or len(set(value)) == len(value))  # type: ignore[call-overload]

    def words(self, what: str) -> str:
        count = f"{self.least} or more" if self.most is None else f"{self.least} to {self.most}"
        return f"{what}, {count}{'' if self.repeats else ', none twice'}"


@dataclass(frozen=True)
class That:
    """Whatever a function says: `That(is_glob, "a glob pattern")`."""

    holds: Callable[[Any], bool]
    name: str

    def allows(self, value: Any) -> bool:
        return self.holds(value)

    def words(self, what: str) -> str:
        return self.name


@dataclass(frozen=True)
class Kind:
    """The mapping's key `kind` chooses which dataclass holds it; the other keys are that dataclass's fields.

        @dataclass(frozen=True)
        class ResnetParams:
            kind: str
            width: Count
            blocks: Count

        GENERATORS = {"resnet": ResnetParams, "unet_mru": UnetMruParams}

        @dataclass(frozen=True)
        class NetParams:
            generator: Annotated[ResnetParams | UnetMruParams, Kind(lambda: GENERATORS)]

    Every dataclass of the table has a field `kind: str`, so that `asdict` gives back what `build` was given. The
    type that stands before `Kind` is for the reader and mypy alone: `object` or a Protocol will do. What a kind does
    not use is unknown to it: `train_scn.net.generator.up: zeros is unknown; allowed: unet_mru's kind, width`.
    """

    table: Callable[[], Mapping[str, type]]


def has_group(text: str) -> bool:
    """Whether it is a regular expression with a group in parentheses."""
    try:
        return re.compile(text).groups > 0
    except (re.error, RecursionError, OverflowError):
        return False


def is_glob(text: str) -> bool:
    """Whether it is a pattern of paths below a folder, as Path.glob takes it."""
    return bool(text) and "\0" not in text and not text.startswith(("/", "~")) and ".." not in text.split("/")


def is_part(text: str) -> bool:
    """Whether it is one component of a path."""
    return bool(text.strip(". ")) and not set(text) & set("/\\\0")


def is_path(text: str) -> bool:
    """Whether a file system could have it; DVC takes ~ for a name, so it is to be written out."""
    return bool(text.strip()) and "\0" not in text and not text.startswith("~")


def is_name(text: str) -> bool:
    """Whether it can be a folder's name anywhere and part of a longer one: letters, digits, _ and -."""
    return re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}", text) is not None


Share = Annotated[float, Range(least=0, most=1)]
Pixels = Annotated[float, Range(least=0, most=64)]  # of a 256-px face
Side = Annotated[int, Range(least=64, most=1024)]  # of a crop that helper nets are trained on, px
BatchSize = Annotated[int, Range(least=1, most=4096)]
Weight = Annotated[float, Range(least=0, most=1e6)]  # of a loss
Seed = Annotated[int, Range(least=0, most=2**32 - 1)]
FilePath = Annotated[str, That(is_path, "a path without ~")]
PathPart = Annotated[str, That(is_part, "one component of a path")]
OptionalPath = Annotated[str, That(lambda text: not text or is_path(text), 'a path without ~, or ""')]
Name = Annotated[str, That(is_name, "a name of letters, digits, _ and -")]
Glob = Annotated[str, That(is_glob, 'a glob pattern of paths below the folder, such as "**/*.jpg"')]
OptionalRegex = Annotated[
    str, That(lambda text: not text or has_group(text), 'a regular expression with a group in (), or ""')
]
