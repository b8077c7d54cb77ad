"""Tables on the terminal, never cut short: a file or a pipe gets them as wide as they are."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

MAX_WIDTH = 10_000  # characters


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], title: str | None = None) -> None:
    """Print rows of text under their heads."""
    table = Table(title=title)
    for column in columns:
        table.add_column(column, no_wrap=True)
    for row in rows:
        table.add_row(*row)
    whole = Console(width=MAX_WIDTH).measure(table).maximum
    console = Console()
    console.width = max(console.width, whole)
    console.print(table)
