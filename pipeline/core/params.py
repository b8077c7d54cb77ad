"""params.yaml section -> frozen dataclass: strict, so that a misspelt key never passes silently."""

import dataclasses
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.core.errors import UserError

Params = TypeVar("Params")
CHECKOUT = Path(__file__).resolve().parents[2]


class ParamsError(UserError):
    """params.yaml or a profile is wrong; the message names the section and the key."""


def require(holds: bool, rule: str) -> None:
    """Raises ParamsError with the rule ("styles.xdog: sigma > 0") where it does not hold."""
    if not holds:
        raise ParamsError(f"out of range; need {rule}")


def params_path() -> Path:
    """params.yaml of the working folder, else the one of this checkout."""
    local = Path("params.yaml")
    return local if local.exists() else CHECKOUT / "params.yaml"


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML 1.2 mapping (`1e-4` is a number)."""
    try:
        loaded = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ParamsError(f"{path}: {error.strerror}; run where params.yaml lies") from error
    except YAMLError as error:
        raise ParamsError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(loaded, dict):
        raise ParamsError(f"{path}: expected sections of keys, found {type(loaded).__name__}")
    return loaded


def load(cls: type[Params], section: str, path: Path | None = None) -> Params:
    """Section `section` ("crop", "styles.xdog") of params.yaml as an instance of dataclass `cls`.

    Raises ParamsError on unknown, missing or mistyped keys.
    """
    node: Any = read_yaml(path or params_path())
    for key in section.split("."):
        if not isinstance(node, Mapping) or key not in node:
            raise ParamsError(f"{path or params_path()}: no section '{section}'")
        node = node[key]
    return build(cls, node, section)


def build(cls: type[Params], values: Any, where: str) -> Params:
    """Mapping -> dataclass, checked key by key and type by type."""
    if not isinstance(values, Mapping):
        raise ParamsError(f"{where}: expected keys, found {values!r}")
    hints = get_type_hints(cls)
    names = [field.name for field in dataclasses.fields(cls)]  # type: ignore[arg-type]
    unknown = sorted(set(values) - set(names), key=str)
    missing = [name for name in names if name not in values]
    if unknown or missing:
        faults = [f"{word} {keys}" for word, keys in (("unknown", unknown), ("missing", missing)) if keys]
        raise ParamsError(f"{where}: {', '.join(faults)}")
    return cls(**{name: _convert(hints[name], values[name], f"{where}.{name}") for name in names})


def _convert(hint: Any, value: Any, where: str) -> Any:
    origin, args = get_origin(hint), get_args(hint)
    if dataclasses.is_dataclass(hint):
        return build(hint, value, where)  # type: ignore[arg-type]
    if origin in (Union, types.UnionType):
        if value is None and type(None) in args:
            return None
        return _convert(next(arg for arg in args if arg is not type(None)), value, where)
    if origin is Literal:
        if value not in args:
            raise ParamsError(f"{where}: {value!r} is none of {list(args)}")
        return value
    if origin is tuple and isinstance(value, (list, tuple)):
        inner = args[:1] * len(value) if len(args) == 2 and args[1] is ... else args
        if len(inner) != len(value):
            raise ParamsError(f"{where}: expected {len(inner)} values, found {len(value)}")
        return tuple(
            _convert(kind, item, f"{where}[{i}]") for i, (kind, item) in enumerate(zip(inner, value, strict=True))
        )
    if origin is dict and isinstance(value, Mapping):
        return {str(key): _convert(args[1], item, f"{where}.{key}") for key, item in value.items()}
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(hint, type) and isinstance(value, hint) and (hint is bool or not isinstance(value, bool)):
        return value
    raise ParamsError(f"{where}: expected {getattr(hint, '__name__', hint)}, found {value!r}")
