"""What is written down of a run in `run.json`: before it, when it stops, when it is done."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from pipelines.folder import RunFolder, read_json, write_json
from pipelines.mill import Result
from pipelines.plan import describe
from pipelines.recipe import Recipe, Step
from pipelines.spent import Phase
from stages.errors import QuernError
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


def about_run(recipe: Recipe, folder: RunFolder) -> dict[str, Any]:
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


def told_of(result: Result) -> dict[str, Any]:
    """Return what is known when all was milled."""
    return {
        "state": "done",
        "error": "",
        "segments": [asdict(segment) for segment in result.segments],
        "shards": _manifest(result),
    }


def phases_of(phases: Sequence[Phase]) -> list[dict[str, Any]]:
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


def note_run(
    folder: RunFolder, about: dict[str, Any], started: float, told: dict[str, Any]
) -> None:
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
