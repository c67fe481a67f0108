"""Repeated lines, boilerplate of sites and repeated passages: megabytes of text per CPU second.

    python -m benchmarks.repeats [--texts 4000] [--rounds 3]

The texts are those of benchmarks/texts.py, a fifth of them near-copies, a sentence a line, on
fifty sites. For each operator: reading a unit (`project`), what it ships as a share of the text,
and deciding one bucket of everything. One process, one core, no peer: the tools that cut lines or
passages work on text files of their own layout.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.texts import corpus
from stages.dedup.boilerplate_lines import BoilerplateLines
from stages.dedup.lines import RepeatedLines
from stages.dedup.substrings import RepeatedSubstrings
from stages.media import MediaStore
from stages.record import document, table_of, text_part
from stages.stage import Batch, Bucket, Regroup

SITES = 50


def batch_of(texts: list[str]) -> Batch:
    rows = [
        {
            "id": str(number),
            "source": {"uri": f"http://site{number % SITES}.example/{number}"},
            "messages": document([text_part(text.replace(". ", ".\n"))]),
        }
        for number, text in enumerate(texts)
    ]
    return Batch(table=table_of(rows), store=MediaStore(root=Path("unused")))


def fastest(work: Callable[[], Any], rounds: int) -> tuple[float, Any]:
    best = float("inf")
    for _ in range(rounds):
        start = time.process_time()
        result = work()
        best = min(best, time.process_time() - start)
    return best, result


def measure(operator: Regroup, batch: Batch, megabytes: float, rounds: int) -> None:
    operator.project(batch)  # compiles
    reading, projection = fastest(lambda: operator.project(batch), rounds)
    rows = projection.rows
    unit = pa.array(np.zeros(rows.num_rows), pa.int32())
    rows = rows.append_column("unit", unit)
    place = Bucket(index=0, media=Path("unused"), beside=lambda _: projection.beside, units=1)
    deciding, decisions = fastest(lambda: operator.decide(rows, place), rounds)
    settling, settled = fastest(lambda: operator.settle(batch, decisions), rounds)
    whole = megabytes / (reading + deciding + settling)
    print(
        f"| {type(operator).__name__} | {megabytes / reading:.0f} | {megabytes / deciding:.0f} "
        f"| {whole:.0f} | {rows.nbytes / 1e6 / megabytes:.2f} | {settled.num_rows:,} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    texts = corpus(options.texts).texts
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    print(f"{len(texts)} texts, {megabytes:.1f} MB; MB per CPU second, fastest of {options.rounds}")
    print("| | project | decide | together | shipped / text | stretches cut |\n|-|-|-|-|-|-|")
    for operator in (RepeatedLines(), BoilerplateLines(min_share=0), RepeatedSubstrings()):
        measure(operator, batch_of(texts), megabytes, options.rounds)


if __name__ == "__main__":
    main()
