"""Near-duplicates at size: shingle sets to decisions, time and memory against the number of texts.

    python -m benchmarks.dedup_size [--texts 100000 1000000] [--folder FOLDER] [--unit 50000]

Each size runs in two worker processes through the product's own code: signatures, band keys,
sketches and bucket files of every unit; the buckets with their verification; forests, clusters
and decisions. Texts are made as shingle hashes, 60-100 of them (making them is timed apart): a
fifth of the texts in clusters of 2 to 1,000, whose copies differ from the first in 0-10 % of their
shingles (Jaccard similarity 1 to 0.82 to the first); a tenth in pairs of similarity 0.55-0.67,
which must stay; the others alone. Recall is the share of copies that go; wrong, the share of
those pairs of which a member goes; lost, clusters of which nobody stays. Memory is the
private memory (USS, mapped files in use among it) of all processes together, looked at every 0.2 s.
"""

from __future__ import annotations

import argparse
import io
import multiprocessing
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit
from rich.console import Console

from pipelines.buckets import project_unit
from pipelines.combine import decision_files
from pipelines.decide import Decision, decide, decide_segment
from pipelines.decided import read_decisions
from pipelines.folder import RunFolder
from pipelines.plan import Segment, bucket_count
from pipelines.progress import Display
from pipelines.recipe import Step
from stages.dedup.minhash import MinHashDedup
from stages.dedup.shingles import Shingles
from stages.media import MediaStore
from stages.stage import ASSETS, Batch, Projection

SIZES = np.repeat([2, 3, 5, 10, 20, 50, 100, 300, 1000], [200, 100, 40, 20, 10, 5, 2, 1, 1])
STARTS = np.r_[0, np.cumsum(SIZES)]
CYCLE = int(STARTS[-1])
EDITS = (0, 2, 5, 8, 10)  # percent of a copy's shingles
FAR_EDITS = (20, 25, 29)
PRIME = 2_147_483_647
WORKERS = 2
Ints = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class Planted:
    """Which texts belong together, by text: base (int64), copy (0: the first), edit in percent."""

    base: Ints
    copy: Ints
    edit: Ints


def planted(number: Ints, count: int) -> Planted:
    """Return what was planted where; neighbours in the plan lie far apart in the run."""
    plan = number * PRIME % count
    clusters, pairs = count // 5 // CYCLE * CYCLE, count // 20 * 2
    cluster = np.searchsorted(STARTS, plan % CYCLE, side="right") - 1
    base = np.where(plan < clusters, plan - plan % CYCLE + STARTS[cluster], plan)
    in_pair = (plan >= clusters) & (plan < clusters + pairs)
    base = np.where(in_pair, plan - (plan - clusters) % 2, base)
    copy = plan - base
    near, far = np.array(EDITS)[copy % len(EDITS)], np.array(FAR_EDITS)[plan // 2 % 3]
    edit = np.where(copy == 0, 0, np.where(in_pair, far, near))
    return Planted(base=base, copy=copy, edit=edit)


@njit(cache=True)
def _mix(value: Any) -> Any:
    value = (value ^ (value >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    value = (value ^ (value >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return value ^ (value >> np.uint64(33))


@njit(cache=True)
def _draw(a: Any, b: Any, c: Any) -> Any:
    step = np.uint64(0x9E3779B97F4A7C15)
    value = _mix(np.uint64(a) * step + step)
    return _mix((_mix((value + np.uint64(b)) * step) + np.uint64(c)) * step)


@njit(cache=True)
def _fill(base: Any, copy: Any, edit: Any, offsets: Any, out: Any) -> None:
    for i in range(len(base)):
        start, length = offsets[i], offsets[i + 1] - offsets[i]
        changed = length * edit[i] // 100
        first = _draw(base[i], copy[i], 7) % np.uint64(length - changed + 1)
        for j in range(length):
            own = first <= j < first + changed
            out[start + j] = np.uint32(
                _draw(base[i], copy[i] + 1 if own else 0, j) >> np.uint64(32)
            )


def made(number: Ints, count: int) -> Shingles:
    """Return the shingles of texts."""
    plan = planted(number, count)
    length = 60 + plan.base * 7919 % 41
    offsets = np.r_[0, np.cumsum(length)]
    hashes = np.empty(int(offsets[-1]), np.uint32)
    _fill(plan.base, plan.copy, plan.edit, offsets, hashes)
    return Shingles(offsets=offsets, hashes=hashes)


@dataclass(frozen=True, kw_only=True)
class FromNumbers(MinHashDedup):
    """MinHashDedup over texts that are given as numbers of the plan."""

    texts: int = 0

    def project(self, batch: Batch) -> Projection:
        """Return what the bands and sketches of a unit of texts are."""
        number = batch.table.column("number").to_numpy()
        standing = {
            "id": pa.array([f"{each:032x}" for each in number.tolist()]),
            "n_media": pa.array(np.zeros(len(number), np.int64)),
            "n_bytes": pa.array(np.full(len(number), 500)),
        }
        return self.project_shingles(made(number, self.texts), pa.table(standing))


@dataclass(frozen=True, kw_only=True)
class Unit:
    """A unit to project: its texts are those of a range of numbers."""

    folder: RunFolder
    segment: Segment
    index: int
    first: int
    last: int
    buckets: int

    @property
    def batch(self) -> Batch:
        """The unit's texts."""
        numbers = pa.table({"number": np.arange(self.first, self.last)})
        return Batch(table=numbers, store=MediaStore(root=self.folder.media))


def make(unit: Unit) -> None:
    """Only make the texts of a unit, to tell what that costs."""
    operator = unit.segment.exit.operator
    made(np.arange(unit.first, unit.last), operator.texts)


def project(unit: Unit) -> None:
    """Write what a unit gives to the buckets."""
    nothing = ASSETS.empty_table()
    project_unit(unit.folder, unit.segment, unit.index, unit.batch, nothing, unit.buckets)


def dropped(unit: Unit) -> Ints:
    """Return the numbers of the texts that go."""
    files = decision_files(unit.segment.exit.operator, unit.buckets)
    decisions = read_decisions(unit.folder, unit.segment.index, unit.index, files)
    rows = decisions.filter(pc.invert(decisions.column("keep"))).column("row").to_numpy()
    return rows + unit.first


def _timed(work: Callable[[Any], Any], item: Any) -> tuple[Any, float]:
    start = time.process_time()
    result = work(item)
    return result, time.process_time() - start


@dataclass(kw_only=True)
class Clock:
    """Runs work in processes and notes what each stage cost.

    Attributes:
        pool: the processes.
        stages: wall and CPU seconds by stage.
        peak: bytes of private memory of all processes.
    """

    pool: ProcessPoolExecutor
    stages: dict[str, list[float]] = field(default_factory=dict)
    peak: int = 0
    running: bool = True

    def do(self, stage: str, work: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
        """Do a stage and return what came out, in any order."""
        start, results = time.perf_counter(), []
        spent = self.stages.setdefault(stage, [0.0, 0.0])
        for done in as_completed([self.pool.submit(_timed, work, item) for item in items]):
            result, cpu = done.result()
            results.append(result)
            spent[1] += cpu
        spent[0] += time.perf_counter() - start
        return results

    def decisions(self, pieces: Sequence[Decision]) -> Iterator[str]:
        """Do pieces of deciding."""
        kind = pieces[0].name.partition("-")[0]
        stage = "buckets, verified" if kind.isdigit() else "clusters and decisions"
        yield from self.do(stage, decide, pieces)

    def watch(self) -> None:
        """Note the largest sum of private memory until told to stop."""
        here = psutil.Process()
        while self.running:
            total = 0
            for process in [here, *here.children(recursive=True)]:
                try:
                    total += process.memory_full_info().uss
                except psutil.Error:
                    continue
            self.peak = max(self.peak, total)
            time.sleep(0.2)


def laid_out(count: int, size: int, root: Path) -> tuple[Segment, list[Unit]]:
    """Return what is to be run: the segment and its units of `size` texts."""
    step = Step(name="minhash", operator=FromNumbers(texts=count))
    segment = Segment(
        index=1, entry=None, steps=(), exit=step, regrouped=False, fingerprint=f"size {count}"
    )
    starts = range(0, count, size)
    units = [
        Unit(
            folder=RunFolder(root=root),
            segment=segment,
            index=index,
            first=first,
            last=min(first + size, count),
            buckets=bucket_count(len(starts)),
        )
        for index, first in enumerate(starts)
    ]
    return segment, units


def run(count: int, size: int, root: Path) -> dict[str, Any]:
    """Decide about `count` texts; return times, memory, disk and what was found."""
    segment, units = laid_out(count, size, root)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(WORKERS, mp_context=context) as pool:
        clock = Clock(pool=pool)
        list(pool.map(_warm, range(WORKERS)))
        watcher = threading.Thread(target=clock.watch)
        watcher.start()
        clock.do("making the texts alone", make, units)
        clock.do("texts made, signatures, keys, bucket files", project, units)
        inputs = [str(each.index) for each in units]
        decide_segment(segment, inputs, units[0].folder, clock.decisions, Display())
        clock.running = False
        watcher.join()
        gone = np.zeros(count, np.bool_)
        for numbers in pool.map(dropped, units):
            gone[numbers] = True
    disk = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
    told = {"texts": count, "units": len(units), "buckets": units[0].buckets, "peak": clock.peak}
    return {**told, "stages": clock.stages, "disk": disk, **judged(gone, count)}


def _warm(number: int) -> None:
    """Compile and load what this process runs, by a small run of its own."""
    with tempfile.TemporaryDirectory() as folder:
        segment, units = laid_out(2 * CYCLE * 5, CYCLE, Path(folder))
        for unit in units:
            project(unit)
        inputs = [str(each.index) for each in units]
        quiet = Display(console=Console(file=io.StringIO()))
        decide_segment(segment, inputs, units[0].folder, lambda all_: map(decide, all_), quiet)


def judged(gone: np.ndarray[Any, np.dtype[np.bool_]], count: int) -> dict[str, float]:
    """Return how well the decisions fit what was planted."""
    plan = planted(np.arange(count), count)
    near = np.zeros(count, np.bool_)
    near[plan.base] = True  # by base: has a cluster or pair
    size = np.bincount(plan.base, minlength=count)
    far = np.zeros(count, np.bool_)
    far[plan.base[plan.edit >= min(FAR_EDITS)]] = True
    left = size - np.bincount(plan.base, gone, minlength=count).astype(np.int64)
    clusters = (size > 1) & ~far
    return {
        "clusters": int(clusters.sum()),
        "recall": float((size - left)[clusters].sum() / (size - 1)[clusters].sum()),
        "whole": float((left[clusters] == 1).mean()),
        "lost": int((left[clusters] == 0).sum()),
        "wrong": float((left[far] < 2).mean()),
        "alone dropped": int(gone[size[plan.base] == 1].sum()),
    }


def report(results: Sequence[dict[str, Any]]) -> None:
    """Print a row per size."""
    first = results[0]
    names = list(first["stages"])
    print("\n| texts | " + " | ".join(f"{name}: wall s (CPU s)" for name in names), end="")
    print(" | all but making: CPU s | per text, to the first | peak GiB | disk GB |")
    print("|-" * (len(names) + 5) + "|")
    for result in results:
        stages = result["stages"]
        cpu = sum(stages[name][1] for name in names) - 2 * stages[names[0]][1]
        result["cpu"] = cpu
        ratio = cpu / result["texts"] / (first["cpu"] / first["texts"])
        cells = [f"{stages[n][0]:.1f} ({stages[n][1]:.1f})" for n in names]
        print(
            f"| {result['texts']:,} | {' | '.join(cells)} | {cpu:.1f} | {ratio:.2f} "
            f"| {result['peak'] / 2**30:.2f} | {result['disk'] / 1e9:.1f} |"
        )
    print(
        "\n| texts | units | buckets | clusters | recall | whole | lost | wrong | alone dropped |"
    )
    print("|-" * 9 + "|")
    for result in results:
        print(
            f"| {result['texts']:,} | {result['units']} | {result['buckets']} "
            f"| {result['clusters']:,} | {result['recall']:.5f} | {result['whole']:.4f} "
            f"| {result['lost']} | {result['wrong']:.5f} | {result['alone dropped']} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--unit", type=int, default=50_000, help="texts of a unit")
    parser.add_argument("--folder", type=Path, help="where to put the files, and leave them")
    options = parser.parse_args()
    results = []
    for count in options.texts:
        root = Path(tempfile.mkdtemp(prefix="dedup-size-", dir=options.folder))
        try:
            results.append(run(count, options.unit, root))
        finally:
            shutil.rmtree(root)
    report(results)


if __name__ == "__main__":
    main()
