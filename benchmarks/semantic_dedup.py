"""SemanticDedup at size: seconds and memory against the number of pictures, and copies missed.

    python -m benchmarks.semantic_dedup [--pictures 10000 100000] [--width 512]

Embeddings are made up: 2,000 directions, a spread of 0.6 around them, and a copy of every tenth
with a cosine of 0.97 to 0.99. Copies are missed where a border between clusters lies in between;
beside it stands what comparing all with all finds. One process does the run's pieces in turn:
drawing the sample, fitting, placing, and deciding sixteen buckets one at a time.
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stages.dedup.centroids import BLOCK_ROWS, cosines
from stages.dedup.semantic import SemanticDedup
from stages.stage import Bucket

BUCKETS = 16
THRESHOLD = 0.95
Halves = npt.NDArray[np.float16]


def made_up(count: int, width: int) -> Halves:
    """Return float16[N, D]; the last eleventh are copies of every tenth of the others."""
    draw = np.random.default_rng(0)
    originals = count * 10 // 11
    centres = _unit(draw.normal(size=(2000, width)))
    spread = _unit(draw.normal(size=(originals, width)))
    vectors = _unit(centres[draw.integers(0, 2000, originals)] + 0.6 * spread)
    copied = vectors[::10][: count - originals]
    angle = draw.uniform(0.14, 0.24, (len(copied), 1))
    copies = _unit(copied + np.tan(angle) * _unit(draw.normal(size=copied.shape)))
    return np.concatenate([vectors, copies]).astype(np.float16)


def _unit(vectors: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def rows_of(vectors: Halves) -> tuple[pa.Table, pa.Table]:
    """Return the projected rows and the sample of a run of one picture a page."""
    count, width = vectors.shape
    ends = pa.array(np.arange(count + 1) * width)
    lists = pa.LargeListArray.from_arrays(ends, pa.array(vectors.reshape(-1)))
    keys = np.random.default_rng(1).integers(0, 2**64, count, np.uint64)
    rows = {
        "unit": pa.array(np.zeros(count), pa.int32()),
        "row": np.arange(count),
        "element": np.zeros(count, np.int64),
        "id": pa.array([f"{number:032x}" for number in range(count)]),
        "pixels": np.zeros(count, np.int64),
        "vector": lists,
    }
    drawn = np.argsort(keys)[: max(1024, count // 10)]
    return pa.table(rows), pa.table({"key": keys[drawn], "vector": lists.take(pa.array(drawn))})


def found_by_all(vectors: Halves) -> int:
    """Return how many copies have a cosine with their original that reaches the threshold."""
    originals = len(vectors) * 10 // 11
    copies = vectors[originals:]
    found = 0
    for start in range(0, len(copies), BLOCK_ROWS):
        block = copies[start : start + BLOCK_ROWS]
        at = 10 * np.arange(start, start + len(block))
        found += int((np.diag(cosines(block, vectors[at])) >= np.float32(THRESHOLD)).sum())
    return found


def measure(count: int, width: int) -> None:
    vectors = made_up(count, width)
    rows, sample = rows_of(vectors)
    operator = SemanticDedup(threshold=THRESHOLD)
    times = [time.perf_counter()]
    fitted = operator.fit(sample)
    times.append(time.perf_counter())
    placed = operator.place(rows, fitted)
    times.append(time.perf_counter())
    bucket = operator.partition(placed, BUCKETS)
    where = Bucket(index=0, media=Path("unused"), beside=lambda unit: rows)
    dropped = sum(
        operator.decide(placed.filter(pa.array(bucket == index)), where).num_rows
        for index in range(BUCKETS)
    )
    times.append(time.perf_counter())
    took = "".join(f"{seconds:>9.1f}" for seconds in np.diff(times))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    pairs = found_by_all(vectors)
    print(f"{count:>9,}{fitted.num_rows:>10}{took}{dropped:>9}{dropped / pairs:>9.3f}{peak:>9.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--width", type=int, default=512)
    options = parser.parse_args()
    heads = ("fit s", "place s", "decide s", "dropped", "of pairs", "peak GB")
    print(f"{'pictures':>9}{'clusters':>10}" + "".join(f"{head:>9}" for head in heads))
    for count in options.pictures:
        measure(count, options.width)


if __name__ == "__main__":
    main()
