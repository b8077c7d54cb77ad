"""The values of a helper net: NAME.yaml beside its code, or in the working folder. DVC does not know them."""

from pathlib import Path
from typing import TypeVar

from pipeline.core.params import build, read_yaml

Params = TypeVar("Params")


def values_path(name: str) -> Path:
    """NAME.yaml of the working folder, else the one that ships beside the net's code."""
    local = Path(f"{name}.yaml")
    return local if local.is_file() else Path(__file__).resolve().parent / name / local


def read_values(cls: type[Params], name: str) -> Params:
    """The values in force. Raises ParamsError as `build` does."""
    return build(cls, read_yaml(values_path(name)), name)
