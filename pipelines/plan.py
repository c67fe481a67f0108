"""The plan: a recipe cut into segments, and what of it is done already.

A segment ends at every Regroup and at every step marked `checkpoint`. It has a fingerprint of
all that its rows depend on; a segment whose fingerprint and units are unchanged is not redone.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pipelines.folder import RunFolder, read_json, unit_identity
from pipelines.recipe import Recipe, Step
from stages.files import sha256_of
from stages.options import default_of
from stages.record import SCHEMA_VERSION
from stages.stage import Filter, Operator, Regroup, Resources, Source

ROOT = Path(__file__).resolve().parents[1]
PRODUCT = ("stages", "filters", "synth", "pipelines")
UNITS_PER_BUCKET = 4


@dataclass(frozen=True, kw_only=True)
class Segment:
    """Steps that run between two commits.

    Attributes:
        index: from 1.
        entry: the Regroup whose decisions are applied to the rows first; its step, or None.
        steps: the operators in between.
        exit: the Regroup that takes a projection of the rows at the end, or None.
        regrouped: whether a Regroup decided about these rows before or at the entry.
        fingerprint: hash of everything that the rows depend on, but the input files.
        seen: what of the memory of its exit the decisions look at.
        seed: the run's seed.
    """

    index: int
    entry: Step | None
    steps: tuple[Step, ...]
    exit: Step | None
    regrouped: bool
    fingerprint: str
    seen: tuple[str, ...] = ()
    seed: int = 0


def cut(recipe: Recipe, retried: Mapping[str, int] = MappingProxyType({})) -> tuple[Segment, ...]:
    """Return the segments of a recipe.

    Args:
        recipe: the recipe.
        retried: how often the decisions of a step were asked for again; see `retries`.
    """
    segments: list[Segment] = []
    upstream = _hash({"source": describe(recipe.source), "seed": recipe.seed})
    entry: Step | None = None
    steps: list[Step] = []

    def close(exit_: Step | None) -> None:
        nonlocal upstream
        named = [each for each in (entry, *steps, exit_) if each is not None]
        upstream = _hash({"upstream": upstream, "steps": [_describe_step(s) for s in named]})
        seen = _seen(recipe, upstream, exit_)
        segments.append(
            Segment(
                index=len(segments) + 1,
                entry=entry,
                steps=tuple(steps),
                exit=exit_,
                regrouped=entry is not None or any(each.regrouped for each in segments),
                fingerprint=upstream,
                seen=seen,
                seed=recipe.seed,
            )
        )
        upstream = _hash({"upstream": upstream, "seen": seen}) if seen else upstream
        again = retried.get(exit_.name, 0) if exit_ is not None else 0
        upstream = _hash({"upstream": upstream, "retried": again}) if again else upstream

    for step in recipe.steps:
        if isinstance(step.operator, Regroup):
            close(step)
            entry, steps = step, []
        else:
            steps.append(step)
            if step.checkpoint:
                close(None)
                entry, steps = None, []
    if steps or entry is not None or not segments:
        close(None)
    return tuple(segments)


def retries(folder: RunFolder | None) -> Mapping[str, int]:
    """Return how often the decisions of each step were asked for again in a run folder."""
    told = read_json(folder.retried) if folder is not None else None
    return {str(step): int(count) for step, count in (told or {}).items()}


def _seen(recipe: Recipe, fingerprint: str, step: Step | None) -> tuple[str, ...]:
    """Return what the decisions of a Regroup look at of earlier runs."""
    memory = step.operator.memory() if step and isinstance(step.operator, Regroup) else None
    if memory is None:
        return ()
    inputs = identities(recipe)
    return memory.seen(run_fingerprint(fingerprint, inputs), inputs)


def run_fingerprint(segment: str, inputs: Sequence[str]) -> str:
    """Return the hash of all that decisions depend on, but what is known of earlier runs."""
    return _hash({"segment": segment, "inputs": list(inputs)})


def compute_classes(steps: Sequence[Step]) -> list[tuple[Resources, tuple[Step, ...]]]:
    """Return the steps in runs that share a worker: neighbours on the CPU, each pool alone.

    A worker that several share takes the cores of the step that wants most, at least one.
    """
    classes: list[tuple[Resources, tuple[Step, ...]]] = []
    for step in steps:
        resources = step.resources
        if resources.workers:
            classes.append((resources, (step,)))
        elif classes and not classes[-1][0].workers:
            before, members = classes[-1]
            shared = Resources(cpus=max(before.cpus, resources.cpus))
            classes[-1] = shared, (*members, step)
        else:
            classes.append((Resources(cpus=max(1.0, resources.cpus)), (step,)))
    return classes


def bucket_count(units: int) -> int:
    """Return how many buckets a Regroup uses; it changes cost, never a decision.

    A power of two, so that a run to which input is added seldom needs another number.
    """
    return max(2, 1 << (units // UNITS_PER_BUCKET).bit_length())


def describe(operator: Operator) -> dict[str, Any]:
    """Return the operator's class, options and code version, and what files it is told to read.

    Such files are options whose names end in `_path`.
    """
    cls = type(operator)
    options = asdict(operator)
    if isinstance(operator, Source):
        del options["paths"]  # what is read is told unit by unit
    use = f"{cls.__module__}.{cls.__qualname__}"
    told = {"use": use, "options": options, "code": code_version(cls.__module__)}
    files = {name: _content(value) for name, value in options.items() if name.endswith("_path")}
    return {**told, "files": files} if files else told


def _content(path: str) -> str:
    """Return a hash of the file or folder that an operator reads, empty when there is none.

    Files in a folder are told by name, size and time, as those that a source reads are.
    """
    if path and Path(path).is_dir():
        files = sorted(file for file in Path(path).rglob("*") if file.is_file())
        told = [(str(file.relative_to(path)), file.stat()) for file in files]
        return _hash({name: [stat.st_size, stat.st_mtime_ns] for name, stat in told})
    return sha256_of(Path(path)) if path and Path(path).is_file() else ""


def _describe_step(step: Step) -> dict[str, Any]:
    return {"name": step.name, **describe(step.operator)}


def _hash(content: dict[str, Any]) -> str:
    plain = _canonical({"schema": SCHEMA_VERSION, **content})
    text = json.dumps(plain, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _canonical(value: Any) -> Any:
    """Return a value in which equal numbers are written alike: 1 and 1.0 are the same option."""
    if isinstance(value, Mapping):
        return {str(key): _canonical(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


@cache
def code_version(module: str) -> str:
    """Return a hash of a module's source and of every product module that it imports."""
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(_imported(module)):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _imported(module: str) -> set[Path]:
    spec = importlib.util.find_spec(module)
    todo = [Path(spec.origin)] if spec is not None and spec.origin else []
    found: set[Path] = set()
    while todo:
        path = todo.pop()
        if path in found or path.suffix != ".py":
            continue
        found.add(path)
        todo += [file for name in _imports(path) for file in _files_of(name)]
    return found


def _files_of(name: str) -> list[Path]:
    """Return the source file of a product module; nothing for any other name."""
    if name.split(".")[0] not in PRODUCT:
        return []
    base = ROOT.joinpath(*name.split("."))
    return [path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()]


@cache
def _imports(path: Path) -> list[str]:
    """Return the names that a file imports: modules, and what may be modules of packages."""
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return names


def shards_fingerprint(last: Segment, write: Operator, inputs: Sequence[str]) -> str:
    """Return what the marks of the shards must say to count."""
    return _hash({"rows": decision_fingerprint(last, inputs), "write": describe(write)})


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What of a segment is done.

    Attributes:
        done: indexes of the units that are committed and valid.
        todo: indexes of the others.
    """

    done: tuple[int, ...]
    todo: tuple[int, ...]


def identities(recipe: Recipe) -> list[str]:
    """Return a hash per unit of the file and range that it reads."""
    return [_hash(unit_identity(unit)) for unit in recipe.units]


def unit_fingerprint(segment: Segment, inputs: Sequence[str], unit: int) -> str:
    """Return what a unit's `.done` must say for it to count.

    Before the first Regroup the rows of a unit depend on its own input alone; after it, on
    every unit's, since a decision looks at all rows.
    """
    seen = [*inputs, str(unit)] if segment.regrouped else [inputs[unit]]
    buckets = bucket_count(len(inputs)) if segment.exit is not None else 0
    return _hash({"segment": segment.fingerprint, "inputs": seen, "buckets": buckets})


def decision_fingerprint(segment: Segment, inputs: Sequence[str]) -> str:
    """Return what the decisions of the Regroup after a segment must say to count."""
    run = run_fingerprint(segment.fingerprint, inputs)
    return _hash({"run": run, "seen": segment.seen}) if segment.seen else run


def progress(folder: RunFolder, segment: Segment, inputs: Sequence[str]) -> Progress:
    """Return which units of a segment are done."""
    done: list[int] = []
    todo: list[int] = []
    for unit, report in enumerate(folder.reports(segment.index, len(inputs))):
        wanted = unit_fingerprint(segment, inputs, unit)
        valid = report is not None and report.get("fingerprint") == wanted
        (done if valid else todo).append(unit)
    return Progress(done=tuple(done), todo=tuple(todo))


def explain(recipe: Recipe, folder: RunFolder | None) -> str:
    """Return the plan as text: steps, columns, resources, and what a resume would skip."""
    inputs = identities(recipe)
    lines = [f"{recipe.name}: {len(recipe.units)} units from {len(recipe.source.paths)} paths"]
    lines.append(f"  source  {_line(recipe.source)}")
    for segment in cut(recipe, retries(folder)):
        state = ""
        if folder is not None:
            seen = progress(folder, segment, inputs)
            state = f": {len(seen.done)} of {len(inputs)} units done"
        lines.append(f"segment {segment.index}{state}")
        if segment.entry is not None:
            lines.append(f"  decide  {segment.entry.name}: {_line(segment.entry.operator)}")
        for resources, steps in compute_classes(segment.steps):
            workers = f"{resources.workers} worker{'s' if resources.workers > 1 else ''}"
            place = workers if resources.workers else "tasks"
            gpus = f", {resources.gpus:g} GPU each" if resources.gpus else ""
            lines.append(f"  {place}, {resources.cpus:g} CPU each{gpus}")
            lines += [f"    {step.name}: {_line(step.operator)}" for step in steps]
    if recipe.write is not None:
        lines.append(f"write\n  {_line(recipe.write)}")
    return "\n".join(lines)


def _line(operator: Operator) -> str:
    """Return an operator with the options that are not its defaults, and its columns."""
    options = ", ".join(
        f"{each.name}={value!r}"
        for each in fields(operator)
        if (value := getattr(operator, each.name)) != default_of(each) and each.name != "paths"
    )
    reads = ", ".join(operator.reads) or "-"
    if isinstance(operator, Filter):
        writes = "scores " + ", ".join(limit.score for limit in operator.limits())
    else:
        writes = ", ".join(operator.writes) or "-"
    return f"{type(operator).__name__}({options})\n        reads {reads}; writes {writes}"
