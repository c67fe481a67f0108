"""The main recipe over a large crawl with pictures: funnel, memory, and where the time goes.

    python -m benchmarks.make_crawl --pages 20000 --out /tmp/crawl FOLDER_OR_WARC...
    python -m benchmarks.web_path --crawl /tmp/crawl [--workers 2]

Wall is that of the whole command, from its first to its last instruction. The operators' CPU are
the CPU seconds (all threads and child processes) inside operators, wherever they run: reading of
the source, steps, projections, decisions and updates of Regroups, writing of shards. What limits
then drop, the runner's own files and all else are told apart, as are the processes that are no
worker. Idle are the cores' seconds that no process of the run used: pauses between pieces of
work, waiting for the disk, and what other work on the machine took. Memory is the largest sum
of private memory of all processes.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import psutil

from benchmarks.process_tree import Usage, watch

RECIPE = "pipelines/recipes/interleaved.yaml"
DRIVER, RAY, WORKERS = "driver", "Ray's own processes", "workers"
ACCOUNTS = {
    "operators": "operators",
    "verdicts": "limits, drops, ledger",
    "files": "the runner's files: reading, writing, hashing",
    "runner": "other work in tasks",
}


def kind_of(process: psutil.Process, command: str) -> str:
    """Return what a process of a run is."""
    if "ray::" in command or "default_worker" in command or "stages.sandbox" in command:
        return WORKERS
    return DRIVER if "pipelines.cli" in command else RAY


def timeline(log: str) -> list[tuple[str, float]]:
    """Return the wall seconds of each stretch of a run that its log tells of, in order."""
    pattern = r"^  (\S.*?) (?:\d+/\d+ )?in ([\d.]+) s"
    found: dict[str, float] = {}
    for match in re.finditer(pattern, log, re.M):
        found[match[1]] = float(match[2])
    return list(found.items())


def tell_cores(usage: Usage, phases: list[dict[str, Any]], cores: int) -> None:
    """Print what the cores did, by cause."""
    spent: Counter[str] = Counter()
    for phase in phases:
        for account, seconds in phase["spent"].items():
            spent[account] += seconds["cpu"]
    tasks = sum(spent.values())
    rows = [(told, spent[account]) for account, told in ACCOUNTS.items()]
    rows.append(("workers beside tasks: start, imports", usage.cpu_by_kind[WORKERS] - tasks))
    rows.append(("driver: start, plan, card, report", usage.cpu_by_kind[DRIVER]))
    rows.append((RAY, usage.cpu_by_kind[RAY]))
    rows.append(("idle", usage.wall_s * cores - usage.cpu_s))
    print("| what the cores did | CPU s | share |\n|-|-|-|")
    for told, seconds in rows:
        print(f"| {told} | {seconds:.1f} | {seconds / usage.wall_s / cores:.1%} |")


def tell_phases(usage: Usage, phases: list[dict[str, Any]], cores: int) -> None:
    """Print how long each stretch took, and for how long workers had nothing to do in it."""
    busy = {phase["name"]: sum(s["wall"] for s in phase["spent"].values()) for phase in phases}
    wall = {phase["name"]: phase["wall_s"] for phase in phases}
    print("| stretch | wall s | pieces | idle worker seconds |\n|-|-|-|-|")
    told = {phase["name"]: phase["pieces"] for phase in phases}
    lines = {name: wall.get(name, seconds) for name, seconds in timeline(usage.output)}
    for name, seconds in lines.items():
        idle = f"{cores * seconds - busy[name]:.1f}" if name in busy else ""
        print(f"| {name} | {seconds:.1f} | {told.get(name, '')} | {idle} |")
    print(f"| between them | {usage.wall_s - sum(lines.values()):.1f} | | |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--crawl", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="web_path"))
    command = [sys.executable, "-m", "pipelines.cli", "run", RECIPE, "--read", str(options.crawl)]
    command += ["--tiny", "--out", str(scratch / "run"), "--cpus", str(options.workers)]
    usage = watch(command, scratch / "log", kind_of)
    print(usage.output)
    if usage.status:
        raise SystemExit(f"the run did not end well; it is in {scratch}")
    phases = json.loads((scratch / "run" / "run.json").read_text())["phases"]
    operators = sum(phase["spent"].get("operators", {"cpu": 0.0})["cpu"] for phase in phases)
    share, memory = operators / options.workers, usage.peak_bytes / 1e9
    print(f"wall {usage.wall_s:.1f} s, CPU {usage.cpu_s:.1f} s, memory {memory:.2f} GB")
    print(f"operators' CPU / cores {share:.1f} s; wall is {usage.wall_s / share:.2f} of it\n")
    tell_cores(usage, phases, options.workers)
    print()
    tell_phases(usage, phases, options.workers)
    shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
