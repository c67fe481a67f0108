"""Bucket and decision files: how a Regroup sees all rows without moving them; free of Ray.

Each unit leaves one Arrow file whose record batch b holds its rows of bucket b. A bucket's
task reads batch b of every unit's file and leaves one file whose record batch u holds its
decisions about unit u. Nothing is broadcast, and every file is written once and whole. What
becomes of the edges of a Regroup that combines is told in `pipelines/combine.py`; one that fits
deals its rows out later, by `pipelines/fit.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa

from pipelines.folder import (
    RunFolder,
    read_batch,
    read_batches,
    read_json,
    write_batches,
    write_json,
)
from pipelines.plan import Segment, bucket_count
from pipelines.recipe import Step
from pipelines.spent import OPERATORS, spending
from stages.dedup.graph import forest_of_edges
from stages.elements import Ints
from stages.places import AnyPath, at_once, names_in
from stages.stage import EDGES, Batch, Bucket, Regroup

CRAWL = -1
"""The `unit` of rows that are not samples but media found in the crawl."""
DEAL = "deal"
"""Begins the names of the pieces of work that deal out the rows of a Regroup that fits."""


def regroup_of(step: Step | None) -> Regroup:
    """Return the step's operator, which is a Regroup."""
    assert step is not None
    assert isinstance(step.operator, Regroup)
    return step.operator


def project_unit(
    folder: RunFolder,
    segment: Segment,
    unit: int,
    batch: Batch,
    assets: pa.Table,
    buckets: int,
) -> list[AnyPath]:
    """Write what the exit takes from a unit, split by bucket; return the files to settle."""
    operator = regroup_of(segment.exit)
    with spending(OPERATORS):
        projection = operator.project(batch)
        rows = _marked(projection.rows, unit)
        crawl = operator.project_assets(assets) if assets.num_rows else None
        if crawl is not None:
            rows = pa.concat_tables([rows, _marked(crawl, CRAWL)], promote_options="default")
        parts = [rows]  # of a Regroup that fits: nobody knows yet which bucket is whose
        if not operator.fits:
            parts = split(rows, operator.partition(rows, buckets), buckets)
    tables = {folder.bucket_rows(segment.index, unit): parts}
    if projection.beside is not None:
        tables[folder.beside(segment.index, unit)] = [projection.beside]
    if projection.sample is not None:
        tables[folder.bucket_sample(segment.index, unit)] = [projection.sample]
    for path, batches in tables.items():
        write_batches(path, batches[0].schema, batches, settled=False)
    return list(tables)


def split(table: pa.Table, part: Ints, parts: int) -> list[pa.Table]:
    """Return the rows of each part, given the part of each row; their order stays."""
    order = np.argsort(part, kind="stable")
    ordered = table.take(pa.array(order))
    ends = np.searchsorted(part[order], np.arange(parts + 1))
    return [ordered.slice(start, stop - start) for start, stop in pairwise(ends.tolist())]


def _marked(rows: pa.Table, unit: int) -> pa.Table:
    return rows.append_column("unit", pa.array(np.full(rows.num_rows, unit), pa.int32()))


def decide_bucket(
    folder: RunFolder, segment: Segment, bucket: int, units: int, fingerprint: str
) -> int:
    """Decide one bucket and write the decisions, or a forest; return how many rows it had."""
    operator = regroup_of(segment.exit)
    files = [dealt_rows(folder, segment, unit) for unit in range(units)]
    rows = pa.concat_tables(read_batches(files, bucket), promote_options="default")
    with spending(OPERATORS):
        decided = operator.decide(rows, bucket_at(folder, segment, bucket, units))
    if operator.combines:
        edges = (decided.column(name).to_numpy() for name in EDGES.names)
        with spending(OPERATORS):
            forest = forest_of_edges(*edges).to_table()
        write_batches(decided_file(folder, segment, str(bucket)), forest.schema, [forest])
    else:
        write_decisions(folder, segment, str(bucket), decided, units)
    mark_decided(folder, segment, str(bucket), fingerprint)
    return int(rows.num_rows)


def dealt_rows(folder: RunFolder, segment: Segment, unit: int) -> AnyPath:
    """Return the path of a unit's projected rows, one record batch per bucket."""
    if regroup_of(segment.exit).fits:
        return decided_file(folder, segment, f"{DEAL}-{unit}")
    return folder.bucket_rows(segment.index, unit)


def bucket_at(folder: RunFolder, segment: Segment, index: int, units: int) -> Bucket:
    """Return where the exit of a segment decides."""

    def beside(unit: int) -> pa.Table:
        return read_batch(folder.beside(segment.index, unit), 0)

    return Bucket(
        index=index,
        media=folder.media,
        beside=beside,
        units=units,
        seen=segment.seen,
        of=bucket_count(units),
        step=segment.exit.name if segment.exit is not None else "step",
        seed=segment.seed,
    )


def decided_file(folder: RunFolder, segment: Segment, name: str) -> AnyPath:
    """Return the path of what a piece of deciding leaves."""
    return folder.decisions(segment.index) / f"{name}.arrow"


def write_decisions(
    folder: RunFolder, segment: Segment, name: str, decided: pa.Table, units: int
) -> None:
    """Write decisions, one record batch per unit."""
    by_unit = split(decided, decided.column("unit").to_numpy(), units)
    write_batches(decided_file(folder, segment, name), decided.schema, by_unit)


def mark_decided(folder: RunFolder, segment: Segment, name: str, fingerprint: str) -> None:
    """Write down that a piece of deciding is done."""
    write_json(folder.decisions(segment.index) / f"{name}.done", {"fingerprint": fingerprint})


def undecided(
    folder: RunFolder, segment: Segment, names: Sequence[str], fingerprint: str
) -> list[str]:
    """Return which pieces of deciding, by name, are not validly done yet."""
    where = folder.decisions(segment.index)
    there = names_in(where)
    begun = [name for name in names if f"{name}.done" in there]
    marks = at_once(read_json, (where / f"{name}.done" for name in begun), remote=folder.is_remote)
    done = {
        name
        for name, mark in zip(begun, marks, strict=True)
        if mark is not None and mark.get("fingerprint") == fingerprint
    }
    return [name for name in names if name not in done]
