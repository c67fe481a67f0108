"""The plan of a recut: the recipe of a finished run with other options, and what forbids it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, is_dataclass
from typing import Any, Final

from pipelines.folder import RunFolder, read_json
from pipelines.plan import Segment, cut, describe, identities, progress, retries
from pipelines.recipe import Recipe, Step, build_recipe, weight_faults
from stages.errors import RecipeError, StorageError
from stages.fetch_media import FetchMedia
from stages.stage import Operator

LABEL: Final = "quern recut"
SCALARS: Final = ("seed", "max_quarantine_fraction", "stall_minutes")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A new run and the one that it is cut from.

    Attributes:
        parent: folder of the run that is cut.
        old: its recipe.
        new: the recipe with what changed.
        changes: place to the value there and the value now.
        segments: of the old recipe and of the new, in pairs.
        first: index of the first segment whose rows or decisions may differ, from 1.
    """

    parent: RunFolder
    old: Recipe
    new: Recipe
    changes: dict[str, tuple[Any, Any]]
    segments: tuple[tuple[Segment, Segment], ...]
    first: int

    @property
    def steps(self) -> list[str]:
        """Names of the steps that changed, in order."""
        return list(dict.fromkeys(p.split(".")[1] for p in self.changes if p.startswith("steps.")))


def plan_recut(parent: RunFolder, settings: Sequence[str]) -> Plan:
    """Return what is to be cut from a run.

    Raises:
        RecipeError: naming every setting that is wrong or that recut cannot do.
        StorageError: when the folder holds no run that ended, or its files are of other code,
            options or input than its run.json says.
    """
    content = _content(parent)
    old = build_recipe(content, LABEL, weights=False)
    new = build_recipe(content, LABEL, settings=settings, weights=False)
    changes = _changes(old, new)
    _check_settings(old, new, changes)
    pairs = tuple(zip(cut(old, retries(parent)), cut(new, retries(parent)), strict=True))
    differing = [a.index for a, b in pairs if a.fingerprint != b.fingerprint]
    plan = Plan(
        parent=parent,
        old=old,
        new=new,
        changes=changes,
        segments=pairs,
        first=min(differing, default=len(pairs) + 1),
    )
    _check_parent(plan)
    faults = [*_hindrances(plan), *weight_faults(_run_again(plan))]
    if faults:
        raise RecipeError(LABEL, faults)
    return plan


def _content(parent: RunFolder) -> dict[str, Any]:
    """Return the content of the recipe file that would make the same run."""
    told = read_json(parent.root / "run.json")
    if told is None:
        raise StorageError(f"{parent.root} is not a finished run: run.json is missing or damaged")
    if told.get("state") != "done":
        raise StorageError(
            f"{parent.root} is not a finished run: it stopped with {told.get('error')!r}; run its "
            f"command again first"
        )
    try:
        return {
            "name": told["name"],
            "description": told["description"],
            "source": {**_entry(told["source"]), "paths": told["source"]["paths"]},
            "steps": [
                {**_entry(step), **{key: step[key] for key in ("name", "checkpoint", "resources")}}
                for step in told["steps"]
            ],
            **({"write": _entry(told["write"])} if told["write"] else {}),
            **{name: told[name] for name in SCALARS},
        }
    except (KeyError, TypeError) as error:
        raise StorageError(
            f"{parent.root}/run.json lacks {error}; another version of Quern wrote it, run the "
            f"command of that run again first"
        ) from error


def _entry(told: dict[str, Any]) -> dict[str, Any]:
    options = {name: value for name, value in told["options"].items() if name[:1] != "_"}
    return {"use": told["use"], **options}


def _operators(recipe: Recipe) -> dict[str, Operator]:
    steps = {f"steps.{step.name}": step.operator for step in recipe.steps}
    write = {"write": recipe.write} if recipe.write is not None else {}
    return {"source": recipe.source, **steps, **write}


def _changes(old: Recipe, new: Recipe) -> dict[str, tuple[Any, Any]]:
    """Return place to the value before and the value now, of all that differs."""
    changes: dict[str, tuple[Any, Any]] = {}
    now = _operators(new)
    for place, operator in _operators(old).items():
        before, after = describe(operator), describe(now[place])
        if before["use"] != after["use"]:
            changes[f"{place}.use"] = before["use"], after["use"]
            continue
        if operator != now[place]:
            for name, value in before["options"].items():
                if value != after["options"][name]:
                    changes[f"{place}.{name}"] = value, after["options"][name]
    for one, other in zip(old.steps, new.steps, strict=True):
        if one.checkpoint != other.checkpoint:
            changes[f"steps.{one.name}.checkpoint"] = one.checkpoint, other.checkpoint
    for name in SCALARS:
        if getattr(old, name) != getattr(new, name):
            changes[name] = getattr(old, name), getattr(new, name)
    return changes


def _check_settings(old: Recipe, new: Recipe, changes: dict[str, Any]) -> None:
    faults = []
    if not changes:
        faults.append("--set changes nothing; give a value that differs from that of the run")
    for place in changes:
        last = place.rpartition(".")[2]
        if place == "seed" or place.startswith("source.") or last in ("use", "checkpoint"):
            faults.append(f"{place}: changes every row; `quern run` the recipe in another folder")
    if old.source.paths != new.source.paths:
        faults.append("source.paths: is other input; `quern run` the recipe in another folder")
    if faults:
        raise RecipeError(LABEL, faults)


def _check_parent(plan: Plan) -> None:
    """Refuse a run whose files are not what its recipe makes with the code and input of today."""
    told = read_json(plan.parent.root / "run.json") or {}
    codes = {step["name"]: step["code"] for step in told["steps"]}
    other = [s.name for s in plan.old.steps if describe(s.operator)["code"] != codes[s.name]]
    if describe(plan.old.source)["code"] != told["source"]["code"]:
        other.insert(0, "the source")
    if other:
        raise StorageError(
            f"{plan.parent.root} was made by other code of {', '.join(other)}; run its command "
            f"again first"
        )
    inputs = identities(plan.old)
    for segment, _ in plan.segments:
        if todo := progress(plan.parent, segment, inputs).todo:
            raise StorageError(
                f"unit {todo[0]} of segment {segment.index} in {plan.parent.root} is missing, or "
                f"its input, models or word lists have changed since; run its command again first"
            )


def _run_again(plan: Plan) -> list[Step]:
    """Return the steps that rows go through again, or that decide again."""
    steps: list[Step] = []
    for _, segment in plan.segments[plan.first - 1 :]:
        steps += [*segment.steps, *([segment.exit] if segment.exit is not None else [])]
    return steps


def _hindrances(plan: Plan) -> list[str]:
    """Return a fault for each step that would run again and must not."""
    changed = ", ".join(plan.changes)
    return [
        f"{changed}: steps.{step.name} {why}, and would run again; put `checkpoint: true` on it, "
        f"run the recipe, and change what comes behind; or `quern run` the recipe with this "
        f"--set in another folder"
        for step in _run_again(plan)
        if (why := _why_not(step))
    ]


def _why_not(step: Step) -> str:
    """Return what makes a step one that recut does not run, "" for any other."""
    if step.resources.workers or step.operator.resources.workers:
        return "has workers of its own"
    if isinstance(step.operator, FetchMedia) and step.operator.asks_web:
        return "asks the web"
    engines = [name for name, value in vars(step.operator).items() if _is_engine(value)]
    return f"loads a model ({engines[0]})" if engines else ""


def _is_engine(value: object) -> bool:
    """Tell whether an option is a model that takes a device, and not one of those that are light.

    What such a model gives for a row may also differ in the last bit when other rows go with it.
    """
    module = type(value).__module__
    heavy = hasattr(value, "device") and getattr(value, "model", "") != "light"
    return is_dataclass(value) and module.startswith("stages.engines.") and heavy
