"""A run from the command line: the folder is taken, the recipe milled, everything written up."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pipelines.card import write_card
from pipelines.cluster import ray_session
from pipelines.folder import RunFolder, read_json, write_json
from pipelines.ledger import StepCount
from pipelines.mill import Result, mill
from pipelines.nodes import check_nodes
from pipelines.plan import describe
from pipelines.progress import Display
from pipelines.recipe import Recipe, Step
from pipelines.report import write_report
from pipelines.retry import retry_failed
from pipelines.run import OnRay
from pipelines.spent import Phase
from pipelines.tasks import beside
from stages.errors import QuernError, StorageError
from stages.files import write_bytes
from stages.places import AnyPath, place
from stages.stage import Filter, Operator, Regroup

PACKAGES = (
    "quern",
    "ray",
    "pyarrow",
    "numpy",
    "numba",
    "selectolax",
    "trafilatura",
    "fastwarc",
    "datasketch",
    "tokenizers",
    "pillow",
)


def run_recipe(
    recipe: Recipe,
    folder: RunFolder,
    *,
    cpus: int = 0,
    address: str = "",
    recipe_text: str = "",
    retry: bool = False,
) -> None:
    """Run a recipe in a folder, then write run.json, card and report and print the funnel.

    Args:
        recipe: what to run.
        folder: the run folder.
        cpus: cores to use on this machine; 0 uses all.
        address: of a Ray cluster to use instead, `auto` or `host:port`.
        recipe_text: goes into the run folder as it stands.
        retry: ask again first what failed for the moment.

    Raises:
        QuernError: what stopped the run; run.json says so too.
    """
    _check_inputs(recipe, folder)
    display = Display()
    with folder.lock(), ExitStack() as stack:
        about = _about(recipe, folder)
        started = time.perf_counter()
        workers = OnRay(stall_minutes=recipe.stall_minutes)
        if recipe_text:
            write_bytes(folder.root / "recipe.yaml", recipe_text.encode())
        try:
            if retry:
                again = retry_failed(recipe, folder)
                display.say(f"asked again: {', '.join(again) or 'nothing, no failure may pass'}")
            begun = time.perf_counter()
            stack.enter_context(ray_session(cpus, address))
            display.say(f"  Ray up in {time.perf_counter() - begun:.1f} s")
            check_nodes(folder.root, [unit.path for unit in recipe.units])
            result = mill(recipe, folder, workers, display)
        except BaseException as error:
            _note(folder, about, started, {"state": "stopped", "error": str(error)})
            display.say(
                f"stopped; `quern report {folder.root}` shows how far it came, the same command "
                f"goes on from there"
            )
            raise
        _note(folder, about, started, _told(result) | {"phases": _phases(workers.phases)})
        begun = time.perf_counter()
        card, report = beside(write_card, write_report, folder)
        display.say(f"  card and report in {time.perf_counter() - begun:.1f} s")
    display.say("")
    display.say(funnel(result.counts))
    for fault in result.faults:
        display.say(f"fault: {fault['path']} at {fault['offset']}: {fault['message']}")
    display.say(f"\ncard    {card}\nreport  {report}")
    if recipe.write is not None:
        display.say(f"shards  {folder.shards}")


def _check_inputs(recipe: Recipe, folder: RunFolder) -> None:
    """Refuse to read what the run itself would write over."""
    written = [_whole(folder.root / name) + "/" for name in ("segments", "shards")]
    for path in {unit.path for unit in recipe.units}:
        if any(_whole(place(path)).startswith(each) for each in written):
            raise StorageError(
                f"{path} is input and lies in the run folder {folder.root}, where it would "
                f"be written over; name another run folder"
            )


def _whole(path: AnyPath) -> str:
    return str(path.resolve() if isinstance(path, Path) else path)


def _about(recipe: Recipe, folder: RunFolder) -> dict[str, Any]:
    """Return what is known before the run."""
    before = read_json(folder.root / "run.json") or {}
    return {
        "name": recipe.name,
        "description": recipe.description,
        "source": {**describe(recipe.source), "paths": list(recipe.source.paths)},
        "steps": [_about_step(step) for step in recipe.steps],
        "write": describe(recipe.write) if recipe.write is not None else None,
        "seed": recipe.seed,
        "max_quarantine_fraction": recipe.max_quarantine_fraction,
        "stall_minutes": recipe.stall_minutes,
        "versions": {name: _version(name) for name in PACKAGES},
        "machine": {
            "platform": platform.platform(),
            "python": platform.python_version(),
            "cpus": len(os.sched_getaffinity(0)),
            "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        },
        "command": ["quern", *sys.argv[1:]],
        "sessions": int(before.get("sessions", 0)) + 1,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _about_step(step: Step) -> dict[str, Any]:
    operator = step.operator
    over = operator.over if isinstance(operator, Filter | Regroup) else "sample"
    kind = next(base.__name__ for base in type(operator).__mro__[1:] if base is not Operator)
    limits = operator.limits() if isinstance(operator, Filter) else ()
    return {
        "name": step.name,
        "checkpoint": step.checkpoint,
        "resources": asdict(step.resources),
        **describe(operator),
        "limits": [asdict(limit) for limit in limits],
        "kind": kind,
        "over": over,
        "reads": list(operator.reads),
        "writes": list(operator.writes),
        "cites": operator.source,
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _told(result: Result) -> dict[str, Any]:
    return {
        "state": "done",
        "error": "",
        "segments": [asdict(segment) for segment in result.segments],
        "shards": _manifest(result),
    }


def _phases(phases: Sequence[Phase]) -> list[dict[str, Any]]:
    """Return what the phases took, without those in which there was nothing to do."""
    return [asdict(phase) for phase in phases if phase.pieces]


def _manifest(result: Result) -> dict[str, Any]:
    if result.shards is None:
        return {}
    return {
        **asdict(result.shards),
        "totals": result.shards.totals,
        "kinds": result.shards.kinds,
    }


def _note(folder: RunFolder, about: dict[str, Any], started: float, told: dict[str, Any]) -> None:
    """Write run.json; a run that cannot even do that has said why already."""
    content = {
        "segments": [],
        "shards": {},
        **about,
        "ended": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": time.perf_counter() - started,
        **told,
    }
    try:
        write_json(folder.root / "run.json", content)
    except QuernError:
        if told["state"] == "done":
            raise


def funnel(counts: list[StepCount]) -> str:
    """Return the funnel as text: what each step was given, dropped and gave on, and its speed.

    Rates are per second of one worker.
    """
    lines = [
        f"{'step':<22}{'rows in':>10}{'dropped':>10}{'failed':>8}{'kept':>10}{'seconds':>9}"
        f"{'rows/s':>9}{'MB/s':>8}  parts dropped"
    ]
    for count in counts:
        seconds = max(count.seconds, 1e-9)
        parts = f"{count.elements_dropped:,} of {count.elements_in:,}" if count.elements_in else ""
        lines.append(
            f"{count.name:<22}{count.rows_in:>10,}{count.dropped:>10,}{count.quarantined:>8,}"
            f"{count.rows_out:>10,}{count.seconds:>9.2f}{count.rows_in / seconds:>9,.0f}"
            f"{count.bytes_in / 1e6 / seconds:>8,.1f}  {parts}"
        )
    return "\n".join(line.rstrip() for line in lines)
