"""What a command costs: wall time, CPU seconds and peak memory of all its processes."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

INTERVAL_S = 0.1


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What a command cost.

    Attributes:
        wall_s: seconds from start to end.
        cpu_s: user and system seconds of all processes; what one used after it was last looked at,
            up to 0.1 s, is missing.
        peak_bytes: largest sum of private memory (USS) over all processes at one moment.
        status: its exit status.
        output: what it printed to standard output and error.
    """

    wall_s: float
    cpu_s: float
    peak_bytes: int
    status: int
    output: str


def watch(command: Sequence[str], log: Path) -> Usage:
    """Run a command to its end, writing what it prints into a file, and return what it cost."""
    cpu: dict[tuple[int, float], float] = {}
    peak, looks = 0, 0
    start = time.perf_counter()
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as process:
        root = psutil.Process(process.pid)
        while process.poll() is None:
            alive = _tree(root)
            for each in alive:
                _note_cpu(each, cpu)
            if looks % 10 == 0:  # reading memory costs the kernel a walk over all pages
                peak = max(peak, sum(map(_private_bytes, alive)))
            looks += 1
            time.sleep(INTERVAL_S)
    return Usage(
        wall_s=time.perf_counter() - start,
        cpu_s=sum(cpu.values()),
        peak_bytes=peak,
        status=process.returncode,
        output=log.read_text(errors="replace"),
    )


def _tree(root: psutil.Process) -> list[psutil.Process]:
    try:
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _note_cpu(process: psutil.Process, cpu: dict[tuple[int, float], float]) -> None:
    try:
        times = process.cpu_times()
        cpu[process.pid, process.create_time()] = times.user + times.system
    except psutil.NoSuchProcess:
        return


def _private_bytes(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().uss)
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
        return 0
