"""Options: the fields of an operator, and how text and YAML values become their types."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints


def option_types(cls: type) -> Mapping[str, Any]:
    """Return option name to type of a dataclass, in order."""
    hints = get_type_hints(cls)
    return {f.name: hints[f.name] for f in fields(cls) if f.init and not f.name.startswith("_")}


def default_of(option: Field[Any]) -> Any:
    """Return an option's default value; MISSING when it has none."""
    factory = option.default_factory
    return option.default if factory is MISSING else factory()


def coerce(value: Any, wanted: Any) -> Any:
    """Return a YAML value as the wanted type.

    Raises:
        ValueError: saying what the option must be and what it is.
    """
    origin, inner = get_origin(wanted), get_args(wanted)
    if origin is Literal:
        if value in inner:
            return value
    elif origin in (Union, types.UnionType):
        return _first_that_fits(value, inner, wanted)
    elif origin is tuple:
        return _coerce_tuple(value, inner)
    elif wanted is bool:
        if isinstance(value, bool):
            return value
    elif wanted is float:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    elif wanted is int:
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    elif is_dataclass(wanted) and isinstance(value, Mapping):
        return _construct(value, wanted)
    elif isinstance(wanted, type) and isinstance(value, wanted):
        return value
    raise ValueError(f"must be {type_name(wanted)}, got {value!r}")


def _construct(value: Mapping[str, Any], wanted: Any) -> Any:
    """Build an engine from a mapping of its options."""
    known = option_types(wanted)
    unknown = sorted(set(value) - set(known))
    if unknown:
        raise ValueError(f"{wanted.__name__} has no {unknown}; it has {sorted(known)}")
    return wanted(**{name: _inside(name, each, known[name]) for name, each in value.items()})


def _inside(name: str, value: Any, wanted: Any) -> Any:
    try:
        return coerce(value, wanted)
    except ValueError as error:
        raise ValueError(f"{name} {error}") from error


def _first_that_fits(value: Any, options: tuple[Any, ...], wanted: Any) -> Any:
    for option in options:
        try:
            return coerce(value, option)
        except ValueError:
            continue
    raise ValueError(f"must be {type_name(wanted)}, got {value!r}")


def _coerce_tuple(value: Any, inner: tuple[Any, ...]) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"must be a list, got {value!r}")
    if len(inner) == 2 and inner[1] is Ellipsis:
        return tuple(coerce(each, inner[0]) for each in value)
    if len(value) != len(inner):
        raise ValueError(f"must be a list of {len(inner)}, got {len(value)}: {value!r}")
    return tuple(coerce(each, kind) for each, kind in zip(value, inner, strict=True))


def type_name(wanted: Any) -> str:
    """Return a type as a person would say it.

    >>> type_name(tuple[float, ...])
    'a list of numbers'
    """
    origin, inner = get_origin(wanted), get_args(wanted)
    if origin is Literal:
        return "one of " + ", ".join(map(repr, inner))
    if origin in (Union, types.UnionType):
        return " or ".join(type_name(each) for each in inner)
    if origin is tuple:
        return f"a list of {_PLURAL.get(inner[0], 'values')}"
    return _SINGULAR.get(wanted, getattr(wanted, "__name__", str(wanted)))


_SINGULAR: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
}
_PLURAL: dict[Any, str] = {int: "whole numbers", float: "numbers", str: "texts", bool: "true/false"}
