"""Wrong values and good ones for a field of a params dataclass, made from its type alone."""

import dataclasses
import math
from collections.abc import Iterator
from copy import deepcopy
from datetime import date
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from pipeline.core.allowed import Items, Kind, OneOf, Range, Rule

TEXTS = ["a", "a/b", "../a", "/a", "~", "*", "**/*", "(", "(a)", "[", "", " ", ".", "a\0b", "nonesuch!", "é" * 300]
NO_NUMBER = [True, "1", None, [1], [], {"a": 1}, math.nan, math.inf, -math.inf, date(2020, 1, 1)]
NO_TEXT = [1, 1.5, True, None, ["a"], {"a": 1}, date(2020, 1, 1)]
NO_LIST = ["a", 1, None, {"a": 1}, True]
NO_KEYS = ["a", 1, None, [], [1], True]
Place = tuple[str, ...]  # keys that lead to a field


def wrong(hint: Any) -> Iterator[Any]:
    """Values that a field of this type refuses."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated and isinstance(args[1], Kind):
        yield from [*NO_KEYS, {}, {"kind": "nonesuch"}, {"kind": ["a"]}, {"kind": None}]
        for kind, cls in args[1].table().items():
            yield from (value | {"kind": kind} for value in wrong(cls) if isinstance(value, dict) and "kind" in value)
    elif origin is Annotated:
        yield from wrong(args[0])
        for rule in args[1:]:
            yield from against(rule, args[0])
    elif dataclasses.is_dataclass(hint):
        whole = example(hint)
        yield from [*NO_KEYS, {}, whole | {"nonesuch": 1}]
        yield from ({other: whole[other] for other in whole if other != key} for key in whole)
    elif type(None) in args:
        yield from (value for value in wrong(args[0]) if value is not None)
    elif origin is Literal:
        yield from ["nonesuch", "", 1, None, True, [args[0]], {args[0]: 1}]
    elif origin is tuple:
        yield from NO_LIST
        inner = args[:1] if args[-1] is ... else args
        each = [example(arg) for arg in inner]
        yield from ([*each[:i], value, *each[i + 1 :]] for i, arg in enumerate(inner) for value in wrong(arg))
        if args[-1] is not ...:
            yield from [[], each[:-1], [*each, each[0]]]
    elif origin is dict:
        yield from NO_KEYS
        key, value = (example(arg) for arg in args)
        yield from ({bad: value} for bad in wrong(args[0]) if isinstance(bad, (str, int)))
        yield from ({key: bad} for bad in wrong(args[1]))
    else:
        yield from {int: [*NO_NUMBER, 1.5], float: NO_NUMBER, str: NO_TEXT, bool: [0, 1, "true", None, [], {}]}[hint]


def against(rule: Rule, hint: Any) -> Iterator[Any]:
    """Values of the type that the rule refuses."""
    if isinstance(rule, Range):
        candidates: list[Any] = [-(10**400), 10**400] if hint is int else [-1e300, 1e300, -(10**400), 10**400]
        for end in (rule.least, rule.most, rule.above, rule.below):
            if end is not None:
                candidates += [end - 1, end, end + 1] if hint is int else [end - 1e-6, end, end + 1e-6]
        if rule.multiple_of:
            candidates.append((rule.least or 0) + 1)
    elif isinstance(rule, Items):
        one = example(get_args(hint)[0])
        candidates = [[], [one, one], [one] * 50] if get_origin(hint) is tuple else [{}]
    else:
        candidates = TEXTS
    yield from (value for value in candidates if not rule.allows(value))


def good(hint: Any) -> list[Any]:
    """Values that a field of this type takes, the ends of its range among them."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated and isinstance(args[1], Kind):
        return [example(cls) | {"kind": kind} for kind, cls in args[1].table().items()]
    if origin is Annotated:
        offered = [value for rule in args[1:] for value in along(rule, args[0])] or good(args[0])
        return [value for value in offered if all(rule.allows(value) for rule in args[1:])]
    if dataclasses.is_dataclass(hint):
        return [example(hint)]
    if origin is Literal:
        return list(args)
    if type(None) in args:
        return [None, *good(args[0])]
    if origin is tuple and args[-1] is ...:
        return [[], *([value] for value in good(args[0]))]
    if origin is tuple:
        return [list(values) for values in zip(*[(good(arg) * 9)[:9] for arg in args], strict=True)]
    if origin is dict:
        key, value = (example(arg) for arg in args)
        return [{}, *({other: value} for other in good(args[0])), *({key: other} for other in good(args[1]))]
    return {int: [1], float: [1], str: TEXTS, bool: [True, False]}[hint]


def along(rule: Rule, hint: Any) -> list[Any]:
    """Values that are likely to keep a rule."""
    if isinstance(rule, Range):
        low = rule.least if rule.least is not None else rule.above
        high = rule.most if rule.most is not None else rule.below
        assert low is not None, "a range has both ends, or no value is too large for a machine"
        assert high is not None, "a range has both ends, or no value is too large for a machine"
        small = 1 if hint is int else 1e-9
        return [hint(end) for end in (low, low + small, high - small, high, (low + high) // 2)]
    if isinstance(rule, OneOf):
        return list(rule.names())
    return good(hint)


def example(hint: Any) -> Any:
    """One value that a field takes."""
    if dataclasses.is_dataclass(hint):
        return {name: example(inner) for name, inner in get_type_hints(hint, include_extras=True).items()}
    return next((value for value in good(hint) if value or value == 0), "of an empty table")


def at(values: Any, place: Place) -> Any:
    for key in place:
        values = values[key]
    return values


def fields(hint: Any, values: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every field at any depth: where it stands among the values, and its type."""
    if get_origin(hint) is Annotated and isinstance(get_args(hint)[1], Kind):
        hint = get_args(hint)[1].table()[values["kind"]]
    if dataclasses.is_dataclass(hint):
        for name, inner in get_type_hints(hint, include_extras=True).items():
            yield (*place, name), inner
            yield from fields(inner, values[name], (*place, name))


def with_value(values: Any, place: Place, value: Any) -> Any:
    if not place:
        return value
    changed = deepcopy(values)
    at(changed, place[:-1])[place[-1]] = value
    return changed
