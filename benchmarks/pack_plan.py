"""The pack plan at size: how full packs are, how alike ranks, and what planning takes.

    python -m benchmarks.pack_plan [--rows 100000 1000000 10000000]
    python -m benchmarks.pack_plan --shards RUN/shards [--processor tiny] [--workers 1]

Without shards, counts are drawn: 35 % captions, 25 % pages with pictures, 20 % texts, 15 % scans
and 5 % videos, in row groups of 800 rows of one kind each, at packs of 8,192 and 32,768 tokens and
64 packs in a step. Each size runs in a process of its own, which plans a small epoch first so that
the compiled code is there. Printed are

    use      tokens of rows / token slots of the whole epoch, and of its step at 5 %
    ranks    the most patches of a rank / the mean of 8 ranks, less 1, of each step (mean, 95 %)
    turns    the same of the packs that 8 ranks work on at the same time: what they wait
    order    correlation of a step's place with the mean length of its rows
    held     rows of a rank of 8 that are in memory at once at the most, of all its rows
    s, CPU s time of the plan, with its file
    GB       the most memory that the process had, the counts among it

With shards, the loader's packs are taken as fast as one process makes them.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from stages.shards import Stamp, read_manifest
from stages.tokenizer import load_tokenizer
from trainer.counts import Chunk, Counts, Group, read_counts
from trainer.plan import EpochPlan, Packing, load_plan, plan_epoch, sum_packs

RANKS = 8
STEP_PACKS = 64
CHUNK_ROWS = 800
KINDS = ("caption", "interleaved", "text", "ocr", "video")
SHARES = (0.35, 0.25, 0.20, 0.15, 0.05)
STAMP = Stamp(tokenizer="", template="", min_pixels=1, max_pixels=1, coordinates="pixels")
Ints = np.ndarray[Any, np.dtype[np.int64]]


def draw_counts(rows: int, seed: int = 0) -> Counts:
    """Return counts of rows with lengths as such kinds have them, chunks of one kind each."""
    draws = np.random.default_rng(seed)
    chunks = -(-rows // CHUNK_ROWS)
    kind_of_chunk = draws.choice(len(KINDS), chunks, p=SHARES)
    kind = np.repeat(kind_of_chunk, CHUNK_ROWS)[:rows]
    tokens, image = np.empty(rows, np.int64), np.empty(rows, np.int64)
    for number in range(len(KINDS)):
        chosen = kind == number
        text, seen = _draw(number, int(chosen.sum()), draws)
        tokens[chosen], image[chosen] = text + seen, seen
    first = np.append(np.arange(0, rows, CHUNK_ROWS), rows).astype(np.int64)
    return Counts(
        folder=Path("shards"),
        stamp=STAMP,
        digest="drawn",
        chunks=tuple(Chunk("part-00000.parquet", index) for index in range(chunks)),
        first=first,
        groups=tuple(Group("drawn", name) for name in KINDS),
        group=kind.astype(np.int32),
        n_tokens=tokens.astype(np.int32),
        n_label_tokens=np.ones(rows, np.int32),
        n_patches=(4 * image).astype(np.int32),
    )


def _draw(kind: int, rows: int, draws: np.random.Generator) -> tuple[Ints, Ints]:
    """Return the tokens of text and of media of rows of a kind."""

    def lengths(median: float, spread: float, low: int, high: int) -> Ints:
        drawn = np.exp(draws.normal(np.log(median), spread, rows))
        return drawn.clip(low, high).astype(np.int64)

    if KINDS[kind] == "caption":
        return lengths(55, 0.6, 10, 400), lengths(330, 0.7, 64, 3000)
    if KINDS[kind] == "interleaved":
        pictures = draws.integers(1, 6, rows)
        return lengths(900, 0.7, 50, 6000), pictures * lengths(165, 0.7, 32, 1500)
    if KINDS[kind] == "text":
        return lengths(665, 1.0, 20, 8192), np.zeros(rows, np.int64)
    if KINDS[kind] == "ocr":
        return 3 * lengths(55, 0.6, 10, 400), draws.integers(1000, 2700, rows)
    return lengths(55, 0.6, 10, 400), draws.integers(1500, 7800, rows)


def measure(rows: int, pack_tokens: int) -> dict[str, str]:
    """Return what is printed of one size."""
    packing = Packing(pack_tokens=pack_tokens, step_packs=STEP_PACKS, over_long="drop")
    plan_epoch(draw_counts(1000), packing, 0)
    counts = draw_counts(rows)
    with tempfile.TemporaryDirectory() as folder:
        began, cpu = time.perf_counter(), time.process_time()
        plan = load_plan(Path(folder) / "plan.npz", counts, packing, 0)
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    memory_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    used = sum_packs(counts.n_tokens, plan.rows, plan.ends) / pack_tokens
    by_step = used.reshape(plan.steps, STEP_PACKS).mean(axis=1)
    ranks, turns = _excess(plan, int(np.flatnonzero(by_step > 0.9)[-1]) + 1)
    return {
        "rows": f"{rows:,}",
        "pack": f"{pack_tokens:,}",
        "steps": f"{plan.steps:,}",
        "use": f"{used.mean():.4f}, {np.quantile(by_step, 0.05):.4f}",
        "ranks": f"{ranks.mean():.4f}, {np.quantile(ranks, 0.95):.4f}",
        "turns": f"{turns.mean():.4f}, {np.quantile(turns, 0.95):.4f}",
        "order": f"{_order(counts, plan):+.3f}",
        "held": f"{_held(counts, plan):.3f}",
        "s, CPU s": f"{seconds:.1f}, {cpu:.1f}",
        "GB": f"{memory_kb / 1e6:.2f}",
    }


def _excess(plan: EpochPlan, steps: int) -> tuple[Any, Any]:
    """Return by which part the busiest of the ranks is over the mean, by step and by turn."""
    patches = np.array([plan.patches[plan.deal(step, RANKS)] for step in range(steps)])
    sums = patches.sum(axis=1)
    waits = patches.max(axis=2).sum(axis=1) / np.maximum(patches.mean(axis=2).sum(axis=1), 1)
    return sums.max(axis=1) / np.maximum(sums.mean(axis=1), 1) - 1, waits - 1


def _order(counts: Counts, plan: EpochPlan) -> float:
    """Return the correlation of the place of a step with the mean length of its rows."""
    ends = plan.ends[::STEP_PACKS]
    mean = sum_packs(counts.n_tokens, plan.rows, ends) / np.diff(ends)
    return float(np.corrcoef(np.arange(len(mean)), mean)[0, 1])


def _held(counts: Counts, plan: EpochPlan) -> float:
    """Return the most rows of the first rank in memory at once, of all that it has."""
    packs = [p for step in range(plan.steps) for p in plan.packs_of(step, rank=0, ranks=RANKS)]
    used = np.repeat(np.arange(len(packs)), [len(pack) for pack in packs])
    chunk = counts.chunk_of[np.concatenate(packs)]
    read = np.full(len(counts.chunks), len(packs))
    np.minimum.at(read, chunk, used)
    come = np.bincount(read[chunk], minlength=len(packs))
    gone = np.bincount(used, minlength=len(packs))
    return float((np.cumsum(come) - np.cumsum(gone)).max() / len(used))


def _child(connection: Any, rows: int, pack_tokens: int) -> None:
    connection.send(measure(rows, pack_tokens))


def in_a_process(rows: int, pack_tokens: int) -> dict[str, str]:
    """Return what `measure` gives, measured in a process that has done nothing before."""
    here, there = multiprocessing.Pipe()
    spawn = multiprocessing.get_context("spawn")
    process = spawn.Process(target=_child, args=(there, rows, pack_tokens))
    process.start()
    result: dict[str, str] = here.recv()
    process.join()
    return result


def load(folder: Path, processor: str, workers: int, seconds: float) -> dict[str, str]:
    """Return the speed of the loader on real shards."""
    from trainer.assemble import Assembly
    from trainer.data import PackLoader

    stamp = read_manifest(folder).stamp
    assert stamp is not None, f"{folder} holds no sample"
    counts = read_counts(folder, stamp)
    packing = Packing(step_packs=8, over_long="drop")
    control = load_tokenizer(processor).control
    loader = PackLoader(
        counts=counts,
        plan=lambda epoch: plan_epoch(counts, packing, epoch),
        assembly=Assembly.of(control, pack_tokens=packing.pack_tokens, stamp=stamp),
        workers=workers,
    )
    packs = patches = documents = 0
    source = iter(loader)
    next(source)  # processes, imports, compiled code
    began, cpu = time.perf_counter(), time.process_time()
    while (wall := time.perf_counter() - began) < seconds:
        loaded = next(source)
        packs, documents = packs + 1, documents + len(loaded.pack.rows)
        patches += len(loaded.pack.inputs.pixels)
    return {
        "rows": f"{len(counts):,}",
        "workers": str(workers),
        "packs/s": f"{packs / wall:.2f}",
        "rows/s": f"{documents / wall:.0f}",
        "patches/s": f"{patches / wall:,.0f}",
        "tokens/s": f"{packs * packing.pack_tokens / wall:,.0f}",
        "packs/CPU s": f"{packs / (time.process_time() - cpu):.2f}" if not workers else "-",
        "bad rows": str(loader.bad_rows),
        "held, MB": f"{loader.reader.most_bytes_held / 1e6:.1f}",
    }


def show(rows: list[dict[str, str]]) -> None:
    """Print a table of the results."""
    table = Table(*rows[0])
    for row in rows:
        table.add_row(*row.values())
    Console(width=140).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000, 10_000_000])
    parser.add_argument("--shards", type=Path)
    parser.add_argument("--processor", default="tiny")
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=15.0)
    given = parser.parse_args()
    if given.shards is not None:
        show([load(given.shards, given.processor, given.workers, given.seconds)])
        return
    sizes = [(rows, 8192) for rows in given.rows] + [(given.rows[-1] // 10 or 1, 32_768)]
    show([in_a_process(*size) for size in sizes])


if __name__ == "__main__":
    main()
