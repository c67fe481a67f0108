"""WARC files to filtered, deduplicated Parquet, beside datatrove on the same pages.

    python -m benchmarks.make_crawl --pages 4000 --out /tmp/crawl FOLDER_OR_WARC...
    python -m benchmarks.text_path --crawl /tmp/crawl --peer-python PATH [--workers 2]

Quern mills `pipelines/recipes/web_text.yaml`; datatrove runs `benchmarks/datatrove_path.py` (its
Gopher, C4 and FineWeb blocks and its MinHash with their defaults, without a language filter).
`--peer-python` is the Python of an environment of its own with `datatrove[processing]`, warcio
and spacy; without it Quern runs alone. CPU seconds are of all processes, start-up included; the
crawl should hold several WARC files, since datatrove reads one per worker.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks.process_tree import Usage, watch

RECIPE = "pipelines/recipes/web_text.yaml"
PEER = Path(__file__).with_name("datatrove_path.py")


def rows(files: list[Path]) -> int:
    """Return the rows of Parquet files."""
    return sum(pq.read_metadata(file).num_rows for file in files)


def quern(crawl: Path, out: Path, workers: int) -> tuple[Usage, int]:
    """Return what Quern cost and how many rows it kept."""
    command = [sys.executable, "-m", "pipelines.cli", "run", RECIPE, "--read", str(crawl)]
    usage = watch([*command, "--out", str(out), "--cpus", str(workers)], out.with_suffix(".log"))
    if usage.status:
        raise SystemExit(f"the run did not end well:\n{usage.output[-2000:]}")
    last = max(out.glob("segments/[0-9]*"), key=lambda folder: int(folder.name))
    return usage, rows(list(last.glob("*.kept.parquet")))


def datatrove(python: str, crawl: Path, out: Path, workers: int) -> tuple[Usage, int]:
    """Return the same of datatrove."""
    command = [python, str(PEER), str(crawl), str(out), str(workers)]
    usage = watch(command, out.with_suffix(".log"))
    if usage.status:
        raise SystemExit(f"datatrove did not end well:\n{usage.output[-2000:]}")
    return usage, rows(list((out / "parquet").glob("*.parquet")))


def pages_of(log: str) -> int:
    """Return the rows that the funnel of a run says were read."""
    match = re.search(r"^read\s+([\d,]+)", log, re.M)
    assert match is not None, log
    return int(match[1].replace(",", ""))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--crawl", type=Path, required=True)
    parser.add_argument("--peer-python")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="text_path"))
    results = {"Quern": quern(options.crawl, scratch / "quern", options.workers)}
    pages = pages_of(results["Quern"][0].output)
    if options.peer_python:
        peer = (options.peer_python, options.crawl, scratch / "datatrove", options.workers)
        results["datatrove"] = datatrove(*peer)
    print(f"{pages:,} pages, {options.workers} workers\n")
    print("| tool | wall s | CPU s | pages per CPU s | peak memory GB | rows kept |\n|" + "-|" * 6)
    for name, (usage, kept) in results.items():
        print(
            f"| {name} | {usage.wall_s:.1f} | {usage.cpu_s:.1f} | {pages / usage.cpu_s:.1f} "
            f"| {usage.peak_bytes / 1e9:.2f} | {kept:,} |"
        )
    if options.peer_python:
        ours, theirs = results["Quern"][0].cpu_s, results["datatrove"][0].cpu_s
        print(f"\nCPU of datatrove over that of Quern: {theirs / ours:.1f}")
    shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
