"""Texts in memory to keep-or-drop decisions, near-duplicates at 0.75, beside rensa and datasketch.

    python -m benchmarks.dedup [--texts 20000] [--rounds 3]

Speed is texts per CPU second on one core. Recall is the share of planted pairs of exact Jaccard
similarity >= 0.75 of which one member is dropped; wrong, that of pairs below 0.7. Rensa's
candidates are verified by their signatures; datasketch's are not, as its guide has it.
Peers that are not installed are named and left out.
"""

from __future__ import annotations

import argparse
import importlib
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks.minhash import NUM_PERM, python_shingles
from benchmarks.texts import Corpus, corpus
from stages.dedup.minhash import MinHashDedup
from stages.media import MediaStore
from stages.record import document, table_of, text_part
from stages.stage import Batch, Bucket

THRESHOLD = 0.75
BUCKETS = 4
UNIT = 5000
Task = Callable[[], set[int]]


def quern(texts: list[str]) -> Task:
    rows = [
        {"id": f"{i:032x}", "kind": "text", "messages": document([text_part(text)])}
        for i, text in enumerate(texts)
    ]
    tables = [table_of(rows[i : i + UNIT]) for i in range(0, len(rows), UNIT)]
    store = MediaStore(root=Path("media"))
    operator = MinHashDedup(threshold=THRESHOLD)

    def run() -> set[int]:
        projections = [operator.project(Batch(table=table, store=store)) for table in tables]
        edges = []
        for number in range(BUCKETS):
            bucket = Bucket(index=number, media=store.root, beside=lambda u: projections[u].beside)
            parts = []
            for unit, projection in enumerate(projections):
                rows = projection.rows
                rows = rows.filter(pa.array(operator.partition(rows, BUCKETS) == number))
                units = pa.array(np.full(rows.num_rows, unit), pa.int32())
                parts.append(rows.append_column("unit", units))
            edges.append(operator.decide(pa.concat_tables(parts), bucket))
        decisions = operator.combine(pa.concat_tables(edges)).to_pydict()
        entries = zip(decisions["unit"], decisions["row"], decisions["keep"], strict=True)
        return {unit * UNIT + row for unit, row, keep in entries if not keep}

    return run


def rensa(texts: list[str]) -> Task:
    library = importlib.import_module("rensa")

    def run() -> set[int]:
        tokens = (python_shingles(text) for text in texts)
        minhashes = library.RMinHash.from_token_sets(tokens, NUM_PERM, 1)
        index = library.RMinHashLSH(THRESHOLD, NUM_PERM, 16)
        dropped = set()
        for i, minhash in enumerate(minhashes):
            found = index.query(minhash)
            if any(minhash.jaccard(minhashes[other]) >= THRESHOLD for other in found):
                dropped.add(i)
            else:
                index.insert(i, minhash)
        return dropped

    return run


def datasketch(texts: list[str]) -> Task:
    from datasketch import MinHash, MinHashLSH
    from xxhash import xxh32_intdigest

    blank = MinHash(num_perm=NUM_PERM, scheme="affine32", hashfunc=xxh32_intdigest)

    def run() -> set[int]:
        index = MinHashLSH(threshold=THRESHOLD, num_perm=NUM_PERM)
        dropped = set()
        for i, text in enumerate(texts):
            minhash = blank.copy()
            minhash.update_batch([s.encode() for s in python_shingles(text)])
            if index.query(minhash):
                dropped.add(i)
            else:
                index.insert(i, minhash)
        return dropped

    return run


PEERS = {"quern": quern, "rensa R, 16x8, verified": rensa, "datasketch affine32, xxh32": datasketch}


def shares(dropped: set[int], given: Corpus) -> tuple[float, float, int]:
    """Return recall, wrong removals, and how many texts outside any pair were dropped."""
    hit = [(score, a in dropped or b in dropped) for a, b, score in given.pairs]
    recall = statistics.mean(each for score, each in hit if score >= THRESHOLD)
    wrong = statistics.mean(each for score, each in hit if score < 0.7)
    paired = {member for a, b, _ in given.pairs for member in (a, b)}
    return recall, wrong, len(dropped - paired)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=20000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    given = corpus(options.texts)
    running: dict[str, Task] = {}
    for name, make in PEERS.items():
        try:
            running[name] = make(given.texts)
        except ImportError as error:
            print(f"{name}: not installed here, left out ({error})")
    quern(given.texts[:100])()  # compiles
    seconds: dict[str, list[float]] = {name: [] for name in running}
    results = {}
    for _ in range(options.rounds):
        for name, task in running.items():
            start = time.process_time()
            results[name] = shares(task(), given)
            seconds[name].append(time.process_time() - start)
    similar = sum(score >= THRESHOLD for *_, score in given.pairs)
    different = sum(score < 0.7 for *_, score in given.pairs)
    print(f"{len(given.texts)} texts; pairs: {similar} of J >= 0.75, {different} of J < 0.7\n")
    print("| | texts per CPU s: median | lowest | highest | recall | wrong | unrelated dropped |")
    print("|-|-|-|-|-|-|-|")
    for name, taken in seconds.items():
        rates = sorted(len(given.texts) / each for each in taken)
        recall, wrong, unrelated = results[name]
        print(
            f"| {name} | {statistics.median(rates):,.0f} | {rates[0]:,.0f} | {rates[-1]:,.0f} "
            f"| {recall:.4f} | {wrong:.4f} | {unrelated} |"
        )


if __name__ == "__main__":
    main()
