"""One outcome per item: made, refused or failed; the rest goes on, and a list of all lasts.

Exit codes of every command on pictures: 0, all was made; 1, some were refused or failed; 2, it could not begin.
"""

import errno
import json
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pipeline.core.errors import UserError
from pipeline.core.files import write_bytes
from pipeline.core.finder import SUMMARY, Found
from pipeline.core.image_io import ImageError
from pipeline.core.printable import printable
from pipeline.core.state import write_log

FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)  # the next item would fail as well
SHOWN = 20  # outcomes that are told one by one; the list has all


class Refused(Exception):
    """An item that cannot be used: (reason, remedy)."""

    def __init__(self, reason: str, remedy: str = "") -> None:
        super().__init__(reason, remedy)
        self.reason, self.remedy = reason, remedy


@dataclass(frozen=True)
class Task:
    """One picture to work on, and what its results are called."""

    path: Path
    name: str
    out: Path

    def file(self, ending: str) -> Path:
        """A result's path, OUT/NAME and the ending."""
        return self.out / f"{self.name}{ending}"


@dataclass(frozen=True)
class Outcome:
    """What became of one item."""

    source: str  # as it can be printed
    status: Literal["made", "refused", "failed"]
    files: tuple[str, ...] = ()
    reason: str = ""  # why not
    remedy: str = ""
    notes: tuple[str, ...] = ()  # what was done to it that one may want to know
    trace: str = ""  # for the log

    def line(self) -> str:
        """For the user: what, why not and what to do; of what was made, what was done to it."""
        told = (f"{self.status}: {self.reason}", self.remedy) if self.status != "made" else self.notes
        return f"{self.source}: {'; '.join(part for part in told if part)}"


def attempt(one: Callable[[Task], tuple[list[Path], list[str]]], task: Task) -> Outcome:
    """`one(task)` -> (files, notes), as an Outcome. What is wrong with all items (UserError, a full disk) is raised."""
    source = printable(task.path)
    try:
        files, notes = one(task)
    except Refused as refused:
        return Outcome(source, "refused", reason=refused.reason, remedy=refused.remedy)
    except ImageError as error:
        reason, _, remedy = printable(str(error)).removeprefix(f"{source}: ").partition("; ")
        return Outcome(source, "refused", reason=reason, remedy=remedy)
    except UserError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in FULL_DISK:
            raise
        first = (str(error).splitlines() or [""])[0]
        reason = f"{type(error).__name__}: {first}" if first else type(error).__name__
        return Outcome(source, "failed", reason=printable(reason), trace=traceback.format_exc())
    return Outcome(source, "made", tuple(printable(file.name) for file in files), notes=tuple(notes))


def killed(task: Task) -> Outcome:
    """The outcome of an item whose process was killed."""
    reason, remedy = "its process was killed (out of memory?)", "give --jobs 1, or a smaller picture"
    return Outcome(printable(task.path), "failed", reason=reason, remedy=remedy)


def conclude(
    command: str,
    out: Path,
    outcomes: Sequence[Outcome],
    found: Found,
    settings: Mapping[str, Any],
    say: Callable[[str], None],
) -> int:
    """Tell what was not made and why, write OUT/summary.json, count in one line; returns the exit code, 0 or 1."""
    told = [outcome for outcome in outcomes if outcome.status != "made" or outcome.notes]
    for line in [*found.report(), *(outcome.line() for outcome in told[:SHOWN])]:
        say(line)
    if len(told) > SHOWN:
        say(f"… and {len(told) - SHOWN} more: {printable(out / SUMMARY)}")
    traces = [f"{outcome.source}\n{outcome.trace}" for outcome in outcomes if outcome.trace]
    log = f"; traces: {printable(write_log(chr(10).join(traces)))}" if traces else ""
    counts: Counter[str] = Counter(outcome.status for outcome in outcomes)
    write_bytes(out / SUMMARY, _summary(command, outcomes, found, settings, counts))
    rest = "".join(f", {counts[status]} {status}" for status in ("refused", "failed") if counts[status])
    say(f"{command}: {counts['made']} made{rest}; {printable(out / SUMMARY)}{log}")
    return 0 if counts["made"] == len(outcomes) else 1


def _summary(
    command: str, outcomes: Sequence[Outcome], found: Found, settings: Mapping[str, Any], counts: Mapping[str, int]
) -> bytes:
    items = [{k: v for k, v in vars(outcome).items() if v and k != "trace"} for outcome in outcomes]
    left_out = [{"path": printable(left.path), "kind": left.kind} for left in found.left_out]
    summary = {"made_by": "cali-sketch", "command": command, "settings": dict(settings), "counts": dict(counts)}
    return json.dumps(summary | {"items": items, "left_out": left_out}, indent=1, ensure_ascii=False).encode()
