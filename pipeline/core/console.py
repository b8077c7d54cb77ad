"""Where progress and remarks go: stderr."""

from rich.console import Console

console = Console(stderr=True)
