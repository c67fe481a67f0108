"""Bucket and decision files: how a Regroup sees all rows without moving them; free of Ray.

Each unit leaves one Arrow file whose record batch b holds its rows of bucket b. A bucket's
task reads batch b of every unit's file and leaves one file whose record batch u holds its
decisions about unit u. Nothing is broadcast, and every file is written once and whole.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from pipelines.folder import (
    RunFolder,
    read_batch,
    read_json,
    write_batches,
    write_json,
)
from pipelines.plan import Segment
from pipelines.recipe import Step
from stages.stage import Batch, Bucket, Regroup

CRAWL = -1
"""The `unit` of rows that are not samples but media found in the crawl."""
COMBINED = "combined"


def regroup_of(step: Step) -> Regroup:
    """Return the step's operator, which is a Regroup."""
    assert isinstance(step.operator, Regroup)
    return step.operator


def project_unit(
    folder: RunFolder,
    segment: Segment,
    unit: int,
    batch: Batch,
    assets: pa.Table,
    buckets: int,
) -> None:
    """Write what the segment's exit takes from a committed unit, split by bucket."""
    assert segment.exit is not None
    operator = regroup_of(segment.exit)
    projection = operator.project(batch)
    rows = _marked(projection.rows, unit)
    crawl = operator.project_assets(assets) if assets.num_rows else None
    if crawl is not None:
        rows = pa.concat_tables([rows, _marked(crawl, CRAWL)], promote_options="default")
    bucket = operator.partition(rows, buckets)
    split = [rows.filter(pa.array(bucket == index)) for index in range(buckets)]
    write_batches(folder.bucket_rows(segment.index, unit), rows.schema, split)
    if projection.beside is not None:
        schema = projection.beside.schema
        write_batches(folder.beside(segment.index, unit), schema, [projection.beside])


def _marked(rows: pa.Table, unit: int) -> pa.Table:
    return rows.append_column("unit", pa.array(np.full(rows.num_rows, unit), pa.int32()))


def decide_bucket(
    folder: RunFolder, segment: Segment, bucket: int, units: int, fingerprint: str
) -> int:
    """Decide one bucket and write the decisions, or edges; return how many rows it had."""
    assert segment.exit is not None
    operator = regroup_of(segment.exit)
    pieces = [read_batch(folder.bucket_rows(segment.index, u), bucket) for u in range(units)]
    rows = pa.concat_tables(pieces, promote_options="default")

    def beside(unit: int) -> pa.Table:
        return read_batch(folder.beside(segment.index, unit), 0)

    place = Bucket(index=bucket, media=folder.media, beside=beside, units=units)
    decided = operator.decide(rows, place)
    name = str(bucket)
    if operator.combines:
        path = folder.decisions(segment.index) / f"{name}.arrow"
        write_batches(path, decided.schema, [decided])
    else:
        _write_decisions(folder, segment, name, decided, units)
    _mark_decided(folder, segment, name, fingerprint)
    return int(rows.num_rows)


def combine_buckets(
    folder: RunFolder, segment: Segment, buckets: int, units: int, fingerprint: str
) -> None:
    """Turn the edges of all buckets into decisions."""
    assert segment.exit is not None
    where = folder.decisions(segment.index)
    edges = pa.concat_tables([read_batch(where / f"{b}.arrow", 0) for b in range(buckets)])
    decided = regroup_of(segment.exit).combine(edges)
    _write_decisions(folder, segment, COMBINED, decided, units)
    _mark_decided(folder, segment, COMBINED, fingerprint)


def _write_decisions(
    folder: RunFolder, segment: Segment, name: str, decided: pa.Table, units: int
) -> None:
    unit = decided.column("unit").to_numpy()
    split = [decided.filter(pa.array(unit == index)) for index in range(units)]
    write_batches(folder.decisions(segment.index) / f"{name}.arrow", decided.schema, split)


def _mark_decided(folder: RunFolder, segment: Segment, name: str, fingerprint: str) -> None:
    write_json(folder.decisions(segment.index) / f"{name}.done", {"fingerprint": fingerprint})


def undecided(
    folder: RunFolder, segment: Segment, names: Sequence[str], fingerprint: str
) -> list[str]:
    """Return which of the buckets, by name, have no valid decisions yet."""
    where = folder.decisions(segment.index)
    found = {name: read_json(where / f"{name}.done") for name in names}
    return [
        name
        for name, report in found.items()
        if report is None or report.get("fingerprint") != fingerprint
    ]
