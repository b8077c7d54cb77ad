"""Which files of this project a module is made of: what a stage depends on, and what a resume state is keyed by.

Imports at the top of a module count, those inside a function do not: that is how a module uses what cannot change its
result, such as a progress bar, without depending on it.
"""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("pipeline", "models")


def code_of(*modules: Path) -> list[Path]:
    """The files of pipeline/ and models/ that `modules` import, directly or not, and the modules; sorted."""
    found: set[Path] = set()
    waiting = [path.resolve() for path in modules]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += imported(path)
    return sorted(found)


@cache
def imported(path: Path) -> tuple[Path, ...]:
    """The project's files that a module imports at its top, packages' own `__init__.py` with code among them."""
    names: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return tuple(sorted({file for name in names if name.split(".")[0] in PACKAGES for file in _files(name)}))


def _files(name: str) -> list[Path]:
    path = ROOT / name.replace(".", "/")
    return [file for file in (path.with_suffix(".py"), path / "__init__.py") if file.exists() and _has_code(file)]


def _has_code(path: Path) -> bool:
    """A package's `__init__.py` that holds a docstring alone decides nothing."""
    return path.name != "__init__.py" or len(ast.parse(path.read_text(encoding="utf-8")).body) > 1
