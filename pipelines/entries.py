"""The entries of a recipe's content, by their places, with `tiny` and `--set` overrides applied."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any, Final

import yaml

from pipelines.catalogue import did_you_mean, snake_case
from stages.options import coerce
from stages.stage import Resources

Entries = dict[str, dict[str, Any]]
"""`source`, `steps.NAME` and `write`, in order, each with `use` and options."""
Change = tuple[str, Any]
"""A place such as `steps.text_repetition.max_share`, and the value that it gets."""

RESOURCES: Final = tuple(each.name for each in fields(Resources))


def entries_of(content: Mapping[str, Any], faults: list[str]) -> Entries:
    """Return the entries of a recipe's content, copied."""
    entries: Entries = {}
    for place in ("source", "write"):
        if place in content:
            entries[place] = _entry(content[place], place, faults)
    if "source" not in content:
        faults.append("source is missing; it names what to read: {use: ..., paths: [...]}")
    steps = content.get("steps") or []
    if not isinstance(steps, list):
        faults.append("steps must be a list of entries with `use`")
        steps = []
    for number, raw in enumerate(steps):
        entry = _entry(raw, f"steps[{number}]", faults)
        base = _given_name(entry, number, entries, faults) or snake_case(
            str(entry.get("use", number))
        )
        name, again = base, 1
        while f"steps.{name}" in entries:
            again += 1
            name = f"{base}_{again}"
        entries[f"steps.{name}"] = entry
    return entries


def _entry(raw: object, place: str, faults: list[str]) -> dict[str, Any]:
    if isinstance(raw, str):
        return {"use": raw}
    if isinstance(raw, dict) and isinstance(raw.get("use"), str):
        return {str(key): value for key, value in raw.items()}
    faults.append(f"{place} must name its operator: use: package.module.Class")
    return {}


def _given_name(
    entry: dict[str, Any], number: int, others: Mapping[str, Any], faults: list[str]
) -> str:
    """Take the name out of a step's entry; "" when it has none."""
    name = entry.pop("name", "")
    if not (isinstance(name, str) and re.fullmatch(r"\w*", name)):
        faults.append(f"steps[{number}]: name must be letters, digits and _, got {name!r}")
        return ""
    if name and f"steps.{name}" in others:
        faults.append(f"steps[{number}]: the name {name!r} is taken; give it another")
    return name


def tiny_changes(content: Mapping[str, Any], faults: list[str]) -> list[Change]:
    """Return the recipe's own overrides for the small bundled models."""
    overrides = content.get("tiny") or {}
    if not isinstance(overrides, dict):
        faults.append("tiny must map places to values: {steps.NAME.OPTION: VALUE}")
        return []
    return [(str(place), value) for place, value in overrides.items()]


def set_changes(settings: Sequence[str], faults: list[str]) -> list[Change]:
    """Return what `--set` asks for, each written as `place=value`."""
    changes: list[Change] = []
    for text in settings:
        place, equals, value = text.partition("=")
        if not equals:
            faults.append(f"--set {text}: write it as steps.NAME.OPTION=VALUE")
            continue
        try:
            changes.append((place.strip(), yaml.safe_load(value)))
        except yaml.YAMLError:
            faults.append(f"--set {text}: not a YAML value; put quotes around a text")
    return changes


def apply_change(
    change: Change,
    entries: Entries,
    top: dict[str, Any],
    scalars: Iterable[str],
    faults: list[str],
) -> None:
    """Set one option, wherever its place says, also one of an engine or of the resources.

    Args:
        change: what is set.
        entries: where, if it is an option of an operator.
        top: where, if it is one of the scalars.
        scalars: the values of a recipe that stand beside its entries.
        faults: gets one when there is no such place.
    """
    place, value = change
    if place in scalars:
        top[place] = value
        return
    target = next((each for each in entries if place.startswith(f"{each}.")), "")
    if not target:
        near = did_you_mean(place.rpartition(".")[0] or place, [*entries, *scalars])
        faults.append(f"{place}: no such place{near}")
        return
    *inner, option = place.removeprefix(f"{target}.").split(".")
    entry = entries[target]
    for name in inner:
        given = entry.get(name) or {}
        if not isinstance(given, Mapping):
            faults.append(f"{place}: {target}.{name} is {given!r} and has nothing inside it")
            return
        entry[name] = {**given}
        entry = entry[name]
    entry[option] = value


def take_checkpoint(entry: dict[str, Any], place: str, faults: list[str]) -> bool:
    """Take `checkpoint` out of an entry."""
    try:
        return bool(coerce(entry.pop("checkpoint", False), bool))
    except ValueError as error:
        faults.append(f"{place}: checkpoint: {error}")
        return False


def take_resources(
    entry: dict[str, Any], default: Resources, place: str, faults: list[str]
) -> Resources | None:
    """Take `resources` out of an entry; None when it has none.

    Args:
        entry: of a step.
        default: of the operator, for what the recipe does not say.
        place: of the entry, for faults.
        faults: gets one for each thing that is wrong.
    """
    if "resources" not in entry:
        return None
    given = entry.pop("resources")
    if not isinstance(given, Mapping):
        known = ", ".join(RESOURCES)
        faults.append(f"{place}: resources must be a mapping of {known}, got {given!r}")
        return None
    before = len(faults)
    for name in map(str, given):
        if name not in RESOURCES:
            faults.append(f"{place}: resources has no {name!r}{did_you_mean(name, RESOURCES)}")
    if len(faults) > before:
        return None
    try:
        return _checked(coerce({**asdict(default), **given}, Resources))
    except ValueError as error:
        faults.append(f"{place}: resources: {error}")
        return None


def _checked(resources: Resources) -> Resources:
    if not 0 < resources.cpus < math.inf:
        raise ValueError(f"cpus must be more than 0, got {resources.cpus:g}")
    if not 0 <= resources.gpus < math.inf:
        raise ValueError(f"gpus must be at least 0, got {resources.gpus:g}")
    if resources.workers < 0:
        raise ValueError(f"workers must be at least 0, got {resources.workers}")
    return resources
