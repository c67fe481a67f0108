"""What a command costs: wall time, CPU seconds and peak memory of all its processes."""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import psutil

INTERVAL_S = 0.1

T = TypeVar("T")
Looked = dict[tuple[int, float], T]
"""By pid and time of birth."""


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
        cpu_by_kind: the CPU seconds by what `kind_of` says of each process.
    """

    wall_s: float
    cpu_s: float
    peak_bytes: int
    status: int
    output: str
    cpu_by_kind: dict[str, float]


Kind = Callable[[psutil.Process, str], str]
"""Names the kind of a process, given its command line; asked again and again."""


def watch(command: Sequence[str], log: Path, kind_of: Kind = lambda *_: "all") -> Usage:
    """Run a command to its end, writing what it prints into a file, and return what it cost."""
    cpu: Looked[float] = {}
    kinds: Looked[str] = {}
    peak, looks = 0, 0
    start = time.perf_counter()
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as process:
        root = psutil.Process(process.pid)
        while process.poll() is None:
            alive = _tree(root)
            for each in alive:
                _note(each, cpu, kinds, kind_of)
            if looks % 10 == 0:  # reading memory costs the kernel a walk over all pages
                peak = max(peak, sum(map(_private_bytes, alive)))
            looks += 1
            time.sleep(INTERVAL_S)
    by_kind: Counter[str] = Counter()
    for key, seconds in cpu.items():
        by_kind[kinds[key]] += seconds
    return Usage(
        wall_s=time.perf_counter() - start,
        cpu_s=sum(cpu.values()),
        peak_bytes=peak,
        status=process.returncode,
        output=log.read_text(errors="replace"),
        cpu_by_kind=dict(by_kind),
    )


def _tree(root: psutil.Process) -> list[psutil.Process]:
    try:
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _note(process: psutil.Process, cpu: Looked[float], kinds: Looked[str], kind_of: Kind) -> None:
    try:
        key = process.pid, process.create_time()
        times = process.cpu_times()
        cpu[key] = times.user + times.system
        kinds.setdefault(key, "other")
        if command := " ".join(process.cmdline()):  # a process that has ended has none
            kinds[key] = kind_of(process, command)
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return


def _private_bytes(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().uss)
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
        return 0
