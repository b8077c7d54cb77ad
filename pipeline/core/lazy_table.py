"""Tables whose rows are modules: a new row is a new file, and no row's code is loaded before it is asked for."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Generic, TypeVar

from pipeline.core.errors import UserError

Row = TypeVar("Row")


class UnknownName(UserError, KeyError):
    """A name that a table does not have."""

    __str__ = Exception.__str__


class LazyTable(Mapping[str, Row], Generic[Row]):
    """Name -> the object `attribute` of the module of that name: of those in `package`, and of `modules`.

    `what` is what a row is called in messages. Raises UnknownName, which lists the names there are.
    """

    def __init__(self, what: str, package: str, attribute: str, modules: Mapping[str, str] | None = None) -> None:
        self.what, self.package, self.attribute, self.fixed = what, package, attribute, dict(modules or {})

    def _modules(self) -> dict[str, str]:
        folder = Path(__file__).resolve().parents[2] / self.package.replace(".", "/")
        found = {m.name: f"{self.package}.{m.name}" for m in iter_modules([str(folder)]) if not m.name.startswith("_")}
        return self.fixed | found

    def module(self, name: str) -> str:
        """The dotted name of a row's module."""
        modules = self._modules()
        if name not in modules:
            raise UnknownName(f"no {self.what} '{name}'; there are {', '.join(modules)}")
        return modules[name]

    def __getitem__(self, name: str) -> Row:
        row: Row = getattr(import_module(self.module(name)), self.attribute)
        return row

    def __contains__(self, name: object) -> bool:
        return name in self._modules()

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules())

    def __len__(self) -> int:
        return len(self._modules())
