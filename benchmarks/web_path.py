"""The main recipe over a large crawl with pictures: funnel, memory, and where the time goes.

    python -m benchmarks.make_crawl --pages 20000 --out /tmp/crawl FOLDER_OR_WARC...
    python -m benchmarks.web_path --crawl /tmp/crawl [--workers 2]

The profile sets the wall time of the whole command against the seconds that the operators took,
summed over workers and divided by them, and tells the rest apart: the start of Ray, what units
cost beside their operators (reading the unit before, writing, hashing, projecting), deciding,
shards, card and report. Memory is the largest sum of private memory of all processes.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
import tempfile
from pathlib import Path

from benchmarks.process_tree import watch

RECIPE = "pipelines/recipes/interleaved.yaml"


def operators_s(run: dict[str, object]) -> float:
    """Return the seconds of all steps of a run, summed over its workers."""
    segments = run["segments"]
    assert isinstance(segments, list)
    return sum(count["seconds"] for segment in segments for count in segment["counts"])


def phases(log: str) -> list[tuple[str, float]]:
    """Return the wall seconds of each phase, as the run's last line about it says."""
    found: dict[str, float] = {}
    for match in re.finditer(r"^  (.+?) \d+/\d+ in ([\d.]+) s", log, re.M):
        found[match[1]] = float(match[2])
    return list(found.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--crawl", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="web_path"))
    command = [sys.executable, "-m", "pipelines.cli", "run", RECIPE, "--read", str(options.crawl)]
    command += ["--tiny", "--out", str(scratch / "run"), "--cpus", str(options.workers)]
    usage = watch(command, scratch / "log")
    print(usage.output)
    if usage.status:
        raise SystemExit(f"the run did not end well; it is in {scratch}")
    run = json.loads((scratch / "run" / "run.json").read_text())
    share = operators_s(run) / options.workers
    memory = usage.peak_bytes / 1e9
    print(f"wall {usage.wall_s:.1f} s, CPU {usage.cpu_s:.1f} s, memory {memory:.2f} GB")
    print(f"operators / workers {share:.1f} s; wall is {usage.wall_s / share:.2f} of it")
    print("| phase | wall s |\n|-|-|")
    for name, seconds in phases(usage.output):
        print(f"| {name} | {seconds:.1f} |")
    rest = usage.wall_s - sum(seconds for _, seconds in phases(usage.output))
    print(f"| start, plan, card, report | {rest:.1f} |")
    shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
