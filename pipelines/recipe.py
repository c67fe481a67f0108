"""Recipes: a YAML file naming a source, a list of operators and a writer, checked as a whole.

A recipe is a list of calls. Each entry names a class by its import path under `use` and gives
its options; nothing is registered anywhere. All faults are collected and reported together,
each with what would have been right, before any work starts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml

from pipelines.catalogue import did_you_mean, find_operator, snake_case
from pipelines.options import coerce, option_types
from pipelines.recipe_file import read_yaml
from stages.errors import NotReadyError, RecipeError, SourceError
from stages.record import PAYLOAD, SCHEMA
from stages.stage import Operator, Source, Unit
from stages.write_shards import WriteShards

OperatorT = TypeVar("OperatorT", bound=Operator)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One operator of a recipe.

    Attributes:
        name: the operator's name in ledger, scores and `--set`, unique in the recipe.
        operator: the operator itself.
        checkpoint: whether the run commits its rows after this step.
    """

    name: str
    operator: Operator
    checkpoint: bool = False


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What to run.

    Attributes:
        name: name of the data set.
        description: what it is, in a sentence, for the card.
        source: makes the rows.
        steps: work on them, in order.
        write: makes the shards; None leaves the rows in the last segment's files.
        seed: every random draw comes from (seed, row id).
        max_quarantine_fraction: share of rows that may fail before the run stops.
        stall_minutes: time without progress after which the run stops.
        units: the source's units.
    """

    name: str
    description: str = ""
    source: Source
    steps: tuple[Step, ...] = ()
    write: WriteShards | None = None
    seed: int = 0
    max_quarantine_fraction: float = 0.01
    stall_minutes: float = 30.0
    units: tuple[Unit, ...] = field(default=(), compare=False)


_PARSED: Final = {"messages", "media"}  # what a page has once it is extracted
_SCALARS: Final = {  # lowest and highest value
    "seed": (0, 2**63 - 1),
    "max_quarantine_fraction": (0, 1),
    "stall_minutes": (0.1, math.inf),
}
TOP_LEVEL = {"name", "description", "source", "steps", "write", "tiny", *_SCALARS}


def load_recipe(
    path: Path,
    *,
    read: Sequence[str] = (),
    settings: Sequence[str] = (),
    tiny: bool = False,
    here: bool = True,
) -> Recipe:
    """Load a recipe file.

    Args:
        path: the YAML file.
        read: input paths that replace the source's own.
        settings: `place=value` overrides such as `steps.text_repetition.max_share=0.2`.
        tiny: apply the recipe's `tiny` overrides, which name the small bundled models.
        here: whether input and models are on this machine, and are looked for.

    Raises:
        RecipeError: naming every fault of the file, the overrides and the input paths.
    """
    try:
        content = read_yaml(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        near = sorted(str(p) for p in path.parent.glob("*.yaml")) if path.parent.is_dir() else []
        hint = f"; recipes there: {', '.join(near)}" if near else ""
        raise RecipeError(str(path), [f"no such file{hint}"]) from error
    except OSError as error:
        raise RecipeError(str(path), [f"cannot be read: {error.strerror}"]) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RecipeError(str(path), [f"not valid YAML: {error}"]) from error
    if not isinstance(content, dict):
        raise RecipeError(str(path), ["a recipe is a mapping with name, source and steps"])
    return build_recipe(content, path.name, read=read, settings=settings, tiny=tiny, here=here)


def build_recipe(
    content: Mapping[str, Any],
    label: str,
    *,
    read: Sequence[str] = (),
    settings: Sequence[str] = (),
    tiny: bool = False,
    here: bool = True,
) -> Recipe:
    """Build a recipe from the content of its file; see `load_recipe`."""
    faults: list[str] = []
    content = dict(content)
    for key in sorted(set(map(str, content)) - TOP_LEVEL):
        faults.append(f"a recipe has no {key!r}{did_you_mean(key, TOP_LEVEL)}")
    changes = _tiny(content, faults) if tiny else []
    changes += [change for text in settings for change in _setting(text, faults)]
    entries = _entries(content, faults)
    top = {key: content[key] for key in _SCALARS if key in content}
    for place, value in changes:
        _apply(place, value, entries, top, faults)
    if read and "source" in entries:
        entries["source"]["paths"] = list(read)

    source = _construct(entries, "source", Source, faults)  # type: ignore[type-abstract]
    steps = tuple(
        Step(name=name.removeprefix("steps."), operator=operator, checkpoint=checkpoint)
        for name, entry in entries.items()
        if name.startswith("steps.")
        for checkpoint in [_checkpoint(entry, name, faults)]
        for operator in [_construct(entries, name, Operator, faults)]
        if operator is not None
    )
    write = _construct(entries, "write", WriteShards, faults) if "write" in entries else None
    units = _units(source, faults) if here else ()
    top = _checked_top(top, faults)
    name = content.get("name") or Path(label).stem
    if not isinstance(name, str) or "/" in name:
        faults.append(f"name: must be a text without /, got {name!r}")
    if source is not None:
        columns = source.columns() if units else source.writes
        if len(steps) == sum(place.startswith("steps.") for place in entries):
            faults += column_faults(columns, steps, write)  # else it blames who stand behind
        faults += weight_faults(steps) if here else []
    if faults or source is None:
        raise RecipeError(label, faults or ["a recipe needs a source"])
    description = str(content.get("description") or "")
    return Recipe(
        name=name,
        description=description,
        source=source,
        steps=steps,
        write=write,
        units=units,
        **top,
    )


def _checked_top(top: Mapping[str, Any], faults: list[str]) -> dict[str, Any]:
    types = option_types(Recipe)
    checked: dict[str, Any] = {}
    for key, value in top.items():
        try:
            checked[key] = coerce(value, types[key])
        except ValueError as error:
            faults.append(f"{key}: {error}")
    for key, value in checked.items():
        low, high = _SCALARS[key]
        if not low <= value <= high:
            faults.append(f"{key}: must lie in [{low:g}, {high:g}], got {value}")
    return checked


def _checkpoint(entry: dict[str, Any], place: str, faults: list[str]) -> bool:
    """Take `checkpoint` out of an entry."""
    try:
        return bool(coerce(entry.pop("checkpoint", False), bool))
    except ValueError as error:
        faults.append(f"{place}: checkpoint: {error}")
        return False


def _tiny(content: Mapping[str, Any], faults: list[str]) -> list[tuple[str, Any]]:
    overrides = content.get("tiny") or {}
    if not isinstance(overrides, dict):
        faults.append("tiny must map places to values: {steps.NAME.OPTION: VALUE}")
        return []
    return [(str(place), value) for place, value in overrides.items()]


def _setting(text: str, faults: list[str]) -> list[tuple[str, Any]]:
    place, equals, value = text.partition("=")
    if not equals:
        faults.append(f"--set {text}: write it as steps.NAME.OPTION=VALUE")
        return []
    try:
        return [(place.strip(), yaml.safe_load(value))]
    except yaml.YAMLError:
        faults.append(f"--set {text}: not a YAML value; put quotes around a text")
        return []


def _entries(content: Mapping[str, Any], faults: list[str]) -> dict[str, dict[str, Any]]:
    """Return place -> entry for source, steps.NAME and write, in order, copied."""
    entries: dict[str, dict[str, Any]] = {}
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


def _entry(raw: object, place: str, faults: list[str]) -> dict[str, Any]:
    if isinstance(raw, str):
        return {"use": raw}
    if isinstance(raw, dict) and isinstance(raw.get("use"), str):
        return {str(key): value for key, value in raw.items()}
    faults.append(f"{place} must name its operator: use: package.module.Class")
    return {}


def _apply(
    place: str,
    value: Any,
    entries: dict[str, dict[str, Any]],
    top: dict[str, Any],
    faults: list[str],
) -> None:
    """Set one option, wherever its place says."""
    if place in _SCALARS:
        top[place] = value
        return
    target, _, option = place.rpartition(".")
    if target not in entries:
        places = [*entries, *_SCALARS]
        faults.append(f"{place}: no such place{did_you_mean(target or place, places)}")
        return
    entries[target][option] = value


def _construct(
    entries: Mapping[str, dict[str, Any]],
    place: str,
    kind: type[OperatorT],
    faults: list[str],
) -> OperatorT | None:
    """Build the operator of an entry, or note why it cannot be built."""
    entry = dict(entries.get(place) or {})
    if "use" not in entry:
        return None
    use = entry.pop("use")
    try:
        cls = find_operator(use)
    except LookupError as error:
        faults.append(f"{place}: {error}")
        return None
    if not issubclass(cls, kind) or (kind is Operator and issubclass(cls, Source | WriteShards)):
        wanted = "a step" if kind is Operator else f"a {kind.__name__}"
        faults.append(f"{place}: {use} is not {wanted}")
        return None
    return construct(cls, entry, place, faults)


def construct(
    cls: type[OperatorT], options: Mapping[str, Any], place: str, faults: list[str]
) -> OperatorT | None:
    """Build an operator from options, or note every option that is wrong."""
    types = option_types(cls)
    required = {f.name for f in fields(cls) if f.default is MISSING is f.default_factory}
    before = len(faults)
    values = {}
    for name, value in options.items():
        if name not in types:
            hint = did_you_mean(name, types)
            faults.append(f"{place}: {cls.__name__} has no option {name!r}{hint}")
            continue
        try:
            values[name] = coerce(value, types[name])
        except ValueError as error:
            faults.append(f"{place}: {name}: {error}")
    for name in sorted(required - set(options)):
        faults.append(f"{place}: {cls.__name__} needs the option {name!r}")
    if len(faults) > before:
        return None
    try:
        return cls(**values)
    except ValueError as error:
        faults.append(f"{place}: {error}")
        return None


def _units(source: Source | None, faults: list[str]) -> tuple[Unit, ...]:
    if source is None:
        return ()
    if not source.paths:
        faults.append("source: no input; give paths in the recipe or --read PATH")
        return ()
    try:
        units = tuple(source.units())
        if not units:
            faults.append(f"source: there is nothing to read in {', '.join(source.paths)}")
        return units
    except SourceError as error:
        faults.append("source: " + str(error).replace("\n", "\n  "))
        return ()


def column_faults(
    columns: Iterable[str], steps: Sequence[Step], write: WriteShards | None = None
) -> list[str]:
    """Return a fault for each column that is read and that nobody before writes.

    Args:
        columns: of the source's rows; the other columns of the record are there and null.
        steps: what reads and writes, in order.
        write: reads what the steps leave.
    """
    known = set(columns)
    known |= {*SCHEMA.names} - (_PARSED if PAYLOAD in known else set())
    faults = []
    for step in steps:
        for name in step.operator.reads:
            if name not in known:
                faults.append(
                    f"steps.{step.name}: reads column {name!r}, which no earlier step writes; "
                    f"there are: {', '.join(sorted(known))}"
                )
        known |= set(step.operator.writes)
    missing = [name for name in write.reads if name not in known] if write is not None else []
    if missing:
        faults.append(
            f"write: reads {', '.join(missing)}, which no step writes; end the steps with "
            f"stages.tokenize_sample.TokenizeSample"
        )
    return faults


def weight_faults(steps: Sequence[Step]) -> list[str]:
    """Return a fault for each step whose model is not on this machine."""
    faults = []
    for step in steps:
        try:
            step.operator.check()
        except NotReadyError as error:
            faults.append(f"steps.{step.name}: {error}")
    return faults
