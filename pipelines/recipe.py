"""Recipes: a YAML file naming a source, a list of operators and a writer, checked as a whole.

A recipe is a list of calls. Each entry names a class by its import path under `use` and gives
its options; nothing is registered anywhere. All faults are collected and reported together,
each with what would have been right, before any work starts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml

from pipelines.catalogue import did_you_mean, find_operator
from pipelines.entries import (
    Entries,
    apply_change,
    entries_of,
    set_changes,
    take_checkpoint,
    take_resources,
    tiny_changes,
)
from stages.errors import NotReadyError, RecipeError, SourceError
from stages.options import coerce, option_types
from stages.record import PAYLOAD, SCHEMA
from stages.stage import Operator, Resources, Source, Unit
from stages.write_shards import WriteShards
from stages.yaml_file import read_yaml

OperatorT = TypeVar("OperatorT", bound=Operator)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One operator of a recipe.

    Attributes:
        name: the operator's name in ledger, scores and `--set`, unique in the recipe.
        operator: the operator itself.
        checkpoint: whether the run commits its rows after this step.
        given: what one worker takes where the recipe says it, None where the operator does.
    """

    name: str
    operator: Operator
    checkpoint: bool = False
    given: Resources | None = None

    @property
    def resources(self) -> Resources:
        """What one worker takes; it changes speed, never a row."""
        return self.given or self.operator.resources


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
    weights: bool = True,
) -> Recipe:
    """Build a recipe from the content of its file; see `load_recipe`.

    `weights` tells whether models are looked for where input is.
    """
    faults: list[str] = []
    content = dict(content)
    for key in sorted(set(map(str, content)) - TOP_LEVEL):
        faults.append(f"a recipe has no {key!r}{did_you_mean(key, TOP_LEVEL)}")
    changes = tiny_changes(content, faults) if tiny else []
    changes += set_changes(settings, faults)
    entries = entries_of(content, faults)
    top = {key: content[key] for key in _SCALARS if key in content}
    for change in changes:
        apply_change(change, entries, top, _SCALARS, faults)
    if read and "source" in entries:
        entries["source"]["paths"] = list(read)

    entry = entries.get("source", {})
    source = _construct(entry, "source", Source, faults)  # type: ignore[type-abstract]
    steps = _steps(entries, faults)
    write = _construct(entries.get("write", {}), "write", WriteShards, faults)
    units = _units(source, faults) if here else ()
    top = _checked_top(top, faults)
    name = content.get("name") or Path(label).stem
    if not isinstance(name, str) or "/" in name:
        faults.append(f"name: must be a text without /, got {name!r}")
    if source is not None:
        columns = source.columns() if units else source.writes
        if len(steps) == sum(place.startswith("steps.") for place in entries):
            faults += column_faults(columns, steps, write)  # else it blames who stand behind
        faults += weight_faults(steps) if here and weights else []
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


def _steps(entries: Entries, faults: list[str]) -> tuple[Step, ...]:
    """Return the steps that can be built."""
    steps = []
    for place, entry in entries.items():
        if not place.startswith("steps."):
            continue
        checkpoint = take_checkpoint(entry, place, faults)
        options = {key: value for key, value in entry.items() if key != "resources"}
        operator = _construct(options, place, Operator, faults)
        default = operator.resources if operator is not None else Resources()
        given = take_resources(entry, default, place, faults)
        if operator is not None:
            name = place.removeprefix("steps.")
            steps.append(Step(name=name, operator=operator, checkpoint=checkpoint, given=given))
    return tuple(steps)


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


def _construct(
    entry: Mapping[str, Any],
    place: str,
    kind: type[OperatorT],
    faults: list[str],
) -> OperatorT | None:
    """Build the operator of an entry, or note why it cannot be built."""
    entry = dict(entry)
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
