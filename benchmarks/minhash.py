"""Text to MinHash signature, 128 permutations of 5-word shingles, beside its peers on one core.

    python -m benchmarks.minhash [--texts 4000] [--rounds 5]

Peers that are not installed are named and left out: datasketch, rensa, daft (each by `pip
install`; Daft 0.7 needs pyarrow < 26 and therefore perhaps an environment of its own).
All run in one process on one core, in turn, in every round; CPU seconds of all threads count.
Rensa and datasketch are given shingles by the usual Python loop, which their time includes.
"""

from __future__ import annotations

import argparse
import importlib
import os
import statistics
import time
from collections.abc import Callable

import pyarrow as pa

from benchmarks.texts import corpus

NUM_PERM, NGRAM = 128, 5
Task = Callable[[], object]


def python_shingles(text: str) -> set[str]:
    words = text.lower().split()
    return {" ".join(words[i : i + NGRAM]) for i in range(max(len(words) - NGRAM + 1, 1))}


def quern(texts: list[str]) -> Task:
    from stages.dedup.shingles import shingles
    from stages.dedup.signatures import signatures

    column = pa.array(texts)
    return lambda: signatures(shingles(column, ngram=NGRAM), num_perm=NUM_PERM)


def datasketch(texts: list[str]) -> Task:
    from datasketch import MinHash

    try:
        from xxhash import xxh32_intdigest
    except ImportError:
        from zlib import crc32 as xxh32_intdigest
    blank = MinHash(num_perm=NUM_PERM, scheme="affine32", hashfunc=xxh32_intdigest)

    def run() -> None:
        for text in texts:
            blank.copy().update_batch([s.encode() for s in python_shingles(text)])

    return run


def rensa(texts: list[str]) -> Task:
    library = importlib.import_module("rensa")
    return lambda: library.RMinHash.digests_from_token_sets(
        (python_shingles(text) for text in texts), NUM_PERM, 1
    )


def daft(texts: list[str]) -> Task:
    library = importlib.import_module("daft")
    functions = importlib.import_module("daft.functions")
    frame = library.from_arrow(pa.table({"text": texts})).collect()
    signature = functions.minhash(
        library.col("text"), num_hashes=NUM_PERM, ngram_size=NGRAM, hash_function="xxhash3_64"
    )
    return lambda: frame.select(signature).collect()


PEERS = {"quern": quern, "datasketch affine32, xxh32": datasketch, "rensa R": rensa, "daft": daft}


def tasks(texts: list[str]) -> dict[str, Task]:
    found = {}
    for name, make in PEERS.items():
        try:
            found[name] = make(texts)
        except ImportError as error:
            print(f"{name}: not installed here, left out ({error})")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    texts = corpus(options.texts).texts
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    running = tasks(texts)
    seconds: dict[str, list[float]] = {name: [] for name in running}
    for task in running.values():
        task()  # compiles, starts threads
    for _ in range(options.rounds):
        for name, task in running.items():
            start = time.process_time()
            task()
            seconds[name].append(time.process_time() - start)
    print(f"{len(texts)} texts, {megabytes:.1f} MB, {options.rounds} rounds, one core\n")
    print("| | texts per CPU s | MB per CPU s: median | lowest | highest |\n|-|-|-|-|-|")
    for name, taken in seconds.items():
        speeds = sorted(megabytes / each for each in taken)
        rate = len(texts) / statistics.median(taken)
        print(
            f"| {name} | {rate:,.0f} | {statistics.median(speeds):.1f} "
            f"| {speeds[0]:.1f} | {speeds[-1]:.1f} |"
        )


if __name__ == "__main__":
    main()
