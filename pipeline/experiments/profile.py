"""Commands `profile` and `params`: overlays merged into params.yaml, and the values in force, checked."""

import io
import sys
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pipeline.core.errors import WorkFailed
from pipeline.core.files import write_bytes
from pipeline.core.params import ParamsError, params_path, read_yaml
from pipeline.core.workspace import SHIPPED
from pipeline.experiments.sections import check


def profile_path(name: str) -> Path:
    """profiles/NAME.yaml of the working folder or checkout, or a path as given."""
    for path in (Path(name), Path("profiles") / f"{name}.yaml", SHIPPED / "profiles" / f"{name}.yaml"):
        if path.is_file():
            return path
    known = sorted(path.stem for path in (SHIPPED / "profiles").glob("*.yaml"))
    raise ParamsError(f"no profile '{name}'; there are {', '.join(known)}")


def run(name: str) -> None:
    """Merge a profile into the working folder's params.yaml, keeping comments; print every key that changed.

    Raises ParamsError, and writes nothing, where there is none or the result is not allowed.
    """
    yaml, path = YAML(), Path("params.yaml")
    if not path.exists():
        raise ParamsError(f"{path.absolute()}: not there; run where params.yaml lies, or first: cali-sketch init DIR")
    yaml.preserve_quotes = True
    yaml.width = 120
    target = yaml.load(path.read_text(encoding="utf-8"))
    changes = list(merge(target, read_yaml(profile_path(name)), ""))
    check(target)
    text = io.StringIO()
    yaml.dump(target, text)
    write_bytes(path, text.getvalue().encode())
    said = f"{path.absolute()}: {len(changes)} changed" if changes else f"{path.absolute()}: is at {name} already"
    print("\n".join([*changes, said]))


def merge(target: MutableMapping[str, Any], overlay: MutableMapping[str, Any], where: str) -> Iterator[str]:
    """Overlay values into `target` in place, a line for each change. Unknown keys are an error.

    A mapping whose keys are data (see FREE) is replaced as a whole; so is one of another `kind`, whose options differ.
    """
    for key, value in overlay.items():
        place = f"{where}.{key}".lstrip(".")
        if key not in target:
            raise ParamsError(f"profile: {place} is not in params.yaml; there are {', '.join(map(str, target))}")
        if (
            isinstance(value, MutableMapping)
            and isinstance(target[key], MutableMapping)
            and _alike(target[key], value, place)
        ):
            yield from merge(target[key], value, place)
        elif target[key] != value:
            yield f"{place}: {target[key]} -> {value}"
            target[key] = value


FREE = {"crop.splits.folders", "crop.splits.lists", "crop.framings", "evaluate.systems"}


def _alike(own: MutableMapping[str, Any], other: MutableMapping[str, Any], place: str) -> bool:
    """Whether the keys of two mappings mean the same."""
    return place not in FREE and other.get("kind", own.get("kind")) == own.get("kind")


def show() -> None:
    """Check params.yaml and the helper nets' values, and print params.yaml's. Raises WorkFailed with every fault."""
    from pipeline.helpers import table

    values = read_yaml(params_path())
    try:
        check(values)
        table.check()
    except ParamsError as error:
        raise WorkFailed(str(error)) from error
    yaml = YAML()
    yaml.default_flow_style = None  # type: ignore[assignment]
    yaml.dump(values, sys.stdout)
