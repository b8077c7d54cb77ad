"""Tables on the terminal: no number is ever cut; what is too wide goes on below, under the same first columns."""

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table

WIDTH = 100  # characters that a terminal, a mail or a log surely has
MAX_WIDTH = 10_000  # to measure in


def print_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], title: str | None = None, keys: int = 1, width: int = WIDTH
) -> None:
    """Print rows of text under their heads, `width` characters wide at most wherever a single column allows it.

    The first `keys` columns name a row: each part of a table that is broken has them. A head may have several lines.
    """
    for number, part in enumerate(parts(columns, rows, keys, width)):
        table = _table(columns, rows, part, title if number == 0 else None)
        _console(max(width, _width(table))).print(table)


def parts(columns: Sequence[str], rows: Sequence[Sequence[str]], keys: int, width: int) -> Iterator[list[int]]:
    """Which columns stand beside each other: as many as fit, the keys among them each time."""
    first, rest = list(range(min(keys, len(columns)))), list(range(keys, len(columns)))
    part = first.copy()
    for column in rest:
        if len(part) > len(first) and _width(_table(columns, rows, [*part, column])) > width:
            yield part
            part = first.copy()
        part.append(column)
    if part:
        yield part


def _table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], chosen: Sequence[int], title: str | None = None
) -> Table:
    table = Table(title=title, title_justify="left")
    for column in chosen:
        table.add_column(columns[column], no_wrap=True)
    for row in rows:
        table.add_row(*(row[column] for column in chosen))
    return table


def _width(table: Table) -> int:
    return _console(MAX_WIDTH).measure(table).maximum


def _console(width: int) -> Console:
    """Cells are text, never markup."""
    return Console(width=width, markup=False, emoji=False, highlight=False)


def markdown(columns: Sequence[str], rows: Sequence[Sequence[str]], keys: int = 1) -> str:
    """The same as Markdown: the first `keys` columns to the left, numbers to the right."""
    rule = [":--" if i < keys else "--:" for i in range(len(columns))]
    lines = [[head.replace("\n", " ") for head in columns], rule, *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |\n" for line in lines)
