"""Where progress and remarks go: stderr, as text. Names of files are never read as markup, nor lines broken."""

from rich.console import Console

console = Console(stderr=True, markup=False, emoji=False, highlight=False, soft_wrap=True)
