"""params.yaml section -> frozen dataclass: strict, so that nothing misspelt or out of range passes silently.

A field's type says what may stand there; `pipeline.core.allowed` has the ranges, names and choices that are declared
with it. What several fields have to keep together is a `require` in the dataclass's `__post_init__`.
"""

import dataclasses
import re
import reprlib
import sys
import types
from collections.abc import Iterable, Mapping
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.core.allowed import Kind, Rule
from pipeline.core.errors import UserError
from pipeline.core.workspace import SHIPPED

Params = TypeVar("Params")
SHORT = reprlib.Repr()
SHORT.maxstring = SHORT.maxother = SHORT.maxlong = 60


class ParamsError(UserError):
    """params.yaml or a profile is wrong: a line for each fault, with the key's path, its value and what is allowed."""


def require(holds: bool, rule: str) -> None:
    """Raises ParamsError with the rule where it does not hold.

    `rule` names the fields: "low at most high", "schedule.plateau_measure one of l1, ssim".
    """
    if not holds:
        raise ParamsError(f"need {rule}")


def params_path() -> Path:
    """params.yaml of the working folder, else the one shipped with the code."""
    local = Path("params.yaml")
    return local if local.exists() else SHIPPED / "params.yaml"


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML 1.2 mapping (`1e-4` is a number), the caller's own."""
    try:
        loaded = deepcopy(_parsed(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ParamsError(f"{path}: {error.strerror}; run where params.yaml lies") from error
    except (YAMLError, ValueError, RecursionError) as error:
        raise ParamsError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(loaded, dict):
        raise ParamsError(f"{path}: expected sections of keys, found {type(loaded).__name__}")
    return loaded


@lru_cache(maxsize=8)
def _parsed(text: str) -> Any:
    """By what the file holds, so that a changed one is read anew. params.yaml takes 0.15 s; the studio asks a photo."""
    return YAML(typ="safe", pure=True).load(text)


def load(cls: type[Params], section: str, path: Path | None = None) -> Params:
    """Section `section` ("crop", "styles.xdog") of params.yaml as an instance of dataclass `cls`.

    Raises ParamsError as `build` does, and where the section is missing.
    """
    node: Any = read_yaml(path or params_path())
    for key in section.split("."):
        if not isinstance(node, Mapping) or key not in node:
            raise ParamsError(f"{path or params_path()}: no section '{section}'")
        node = node[key]
    return build(cls, node, section)


def build(cls: type[Params], values: Any, where: str) -> Params:
    """Mapping -> dataclass, checked at every depth. `where`: its section, "" for the whole file.

    Raises ParamsError with all that is wrong, a line for each fault.
    """
    faults: list[str] = []
    built = _build(cls, values, where, faults)
    if faults:
        raise ParamsError("\n".join(faults))
    return built  # type: ignore[no-any-return]


def allowed(hint: Any) -> str:
    """What a field of this type may hold, in words."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        what = allowed(args[0]) if not isinstance(args[1], Kind) else f"keys with kind: one of {_or(args[1].table())}"
        for rule in args[1:]:
            what = rule.words(what) if isinstance(rule, Rule) else what
        return what
    if dataclasses.is_dataclass(hint):
        return f"the keys {', '.join(field.name for field in dataclasses.fields(hint))}"
    if origin in (Union, types.UnionType):
        return " or ".join(allowed(arg) for arg in args)
    if origin is Literal:
        return f"one of {_or(args)}"
    if origin is tuple:
        return f"a list, each {allowed(args[0])}" if args[-1] is ... else f"[{', '.join(allowed(arg) for arg in args)}]"
    if origin is dict:
        return f"keys, each {allowed(args[0])}, with {allowed(args[1])}"
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "text", type(None): "null"}
    return words[hint]


def _build(cls: Any, values: Any, where: str, faults: list[str]) -> Any:
    """The dataclass; None, and more faults, where it cannot be."""
    if not isinstance(values, Mapping):
        faults.append(f"{where}: {_shown(values)}; allowed: {allowed(cls)}")
        return None
    before = len(faults)
    hints = get_type_hints(cls, include_extras=True)
    names = [field.name for field in dataclasses.fields(cls)]
    for key in values:
        if key not in names:
            faults.append(f"{_at(where, key)}: unknown; allowed: {', '.join(names)}{_of_kind(cls, values)}")
    for name in names:
        if name not in values:
            faults.append(f"{_at(where, name)}: missing; allowed: {allowed(hints[name])}")
    built = {name: _convert(hints[name], values[name], _at(where, name), faults) for name in names if name in values}
    if len(faults) > before:
        return None
    try:
        return cls(**built)
    except ParamsError as error:
        faults.extend(_together(rule, built, where) for rule in str(error).split("\n"))
        return None


def _convert(hint: Any, value: Any, where: str, faults: list[str]) -> Any:
    """The value as the field holds it; None, and more faults, where it is not allowed."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _ruled(args[0], args[1:], value, where, faults)
    if dataclasses.is_dataclass(hint):
        return _build(hint, value, where, faults)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in args:
            return None
        return _convert(next(arg for arg in args if arg is not type(None)), value, where, faults)
    if origin is tuple and isinstance(value, (list, tuple)):
        inner = args[:1] * len(value) if args[-1] is ... else args
        if len(inner) == len(value):
            return tuple(_convert(inner[i], value[i], f"{where}[{i}]", faults) for i in range(len(value)))
    elif origin is dict and isinstance(value, Mapping):
        return {
            _convert(args[0], key, f"{where}.{key}", faults): _convert(args[1], item, f"{where}.{key}", faults)
            for key, item in value.items()
        }
    elif _is_plain(hint, args, value):
        return float(value) if hint is float else value
    faults.append(f"{where}: {_shown(value)}; allowed: {allowed(hint)}")
    return None


def _is_plain(hint: Any, args: tuple[Any, ...], value: Any) -> bool:
    """Whether the value is a scalar of this type; a bool is no number, and a number is finite."""
    if get_origin(hint) is Literal:
        return any(isinstance(value, type(arg)) and value == arg for arg in args)
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
    return isinstance(hint, type) and isinstance(value, hint) and (hint is bool or not isinstance(value, bool))


def _ruled(hint: Any, rules: tuple[Any, ...], value: Any, where: str, faults: list[str]) -> Any:
    if isinstance(rules[0], Kind):
        return _chosen(rules[0].table(), value, where, faults)
    inner: list[str] = []
    converted = _convert(hint, value, where, inner)
    wanted = allowed(Annotated[hint, *rules])
    if inner:  # the field's own words where it is the field itself that is wrong, else those of the part
        own = f"{where}: "
        faults.extend(f"{own}{_shown(value)}; allowed: {wanted}" if f.startswith(own) else f for f in inner)
    elif not all(rule.allows(converted) for rule in rules if isinstance(rule, Rule)):
        faults.append(f"{where}: {_shown(value)}; allowed: {wanted}")
    return converted


def _chosen(table: Mapping[str, type], value: Any, where: str, faults: list[str]) -> Any:
    if not isinstance(value, Mapping):
        faults.append(f"{where}: {_shown(value)}; allowed: keys with kind: one of {_or(table)}")
    elif "kind" not in value:
        faults.append(f"{where}.kind: missing; allowed: one of {_or(table)}")
    elif not isinstance(value["kind"], str) or value["kind"] not in table:
        faults.append(f"{where}.kind: {_shown(value['kind'])}; allowed: one of {_or(table)}")
    else:
        return _build(table[value["kind"]], value, where, faults)
    return None


def _at(where: str, key: Any) -> str:
    return f"{where}.{key}" if where else str(key)


def _of_kind(cls: type, values: Mapping[str, Any]) -> str:
    return f" ({values['kind']} has no others)" if "kind" in {field.name for field in dataclasses.fields(cls)} else ""


def _together(rule: str, built: Mapping[str, Any], where: str) -> str:
    """The fault of a `require`, with the values of the fields that its rule names."""
    found = {name: _value(name, built) for name in re.findall(r"[\w.]*\w", rule)}
    values = ", ".join(f"{_at(where, name)}: {_shown(value)}" for name, value in found.items() if value is not None)
    return f"{values or where}; {rule}"


def _value(name: str, built: Mapping[str, Any]) -> Any:
    """Of the field of that name ("schedule.steps"); None where there is none, or a whole section."""
    first, *rest = name.split(".")
    value = built.get(first)
    for part in rest:
        value = getattr(value, part, None)
    return None if dataclasses.is_dataclass(value) else value


def _shown(value: Any) -> str:
    """A value on one short line, as YAML has it where it is plain."""
    plain = {True: "true", False: "false"}[value] if isinstance(value, bool) else None
    return "null" if value is None else plain or SHORT.repr(value)


def _or(names: Iterable[Any]) -> str:
    return ", ".join(str(name) for name in names)
