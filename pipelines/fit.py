"""Fitting: what a Regroup learns of the whole run before its rows are dealt out to buckets.

Each unit leaves its rows in one heap, and a sample of bounded size. Then, each piece of work one
task and one file:

fit             what the operator learns from the samples of all units
deal-12         the rows of a unit with what that tells of each, one record batch per bucket

Dealing reads a heap once, so it costs the disk a second copy of the projected rows.
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from pipelines.buckets import DEAL, dealt_rows, decided_file, regroup_of, split
from pipelines.folder import RunFolder, read_batch, read_batches, write_batches
from pipelines.plan import Segment

FIT: Final = "fit"


def fit_levels(units: int) -> list[list[str]]:
    """Return the work before the buckets, in order; the pieces of one level need no other."""
    return [[FIT], [f"{DEAL}-{unit}" for unit in range(units)]]


def is_fitting(name: str) -> bool:
    """Tell whether a piece of deciding is one of these."""
    return name == FIT or name.startswith(f"{DEAL}-")


def fit(folder: RunFolder, segment: Segment, name: str, buckets: int, units: int) -> None:
    """Do one piece of work."""
    operator = regroup_of(segment.exit)
    fitted = decided_file(folder, segment, FIT)
    if name == FIT:
        samples = [folder.bucket_sample(segment.index, unit) for unit in range(units)]
        table = operator.fit(pa.concat_tables(read_batches(samples, 0)))
        write_batches(fitted, table.schema, [table])
        return
    unit = int(name.partition("-")[2])
    heap = read_batch(folder.bucket_rows(segment.index, unit), 0)
    rows = operator.place(heap, read_batch(fitted, 0))
    parts = split(rows, operator.partition(rows, buckets), buckets)
    write_batches(dealt_rows(folder, segment, unit), rows.schema, parts)
