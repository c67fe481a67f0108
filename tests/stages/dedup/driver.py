"""Plays the runner for a Regroup: project, bucket, decide, combine, update; no Ray, no files."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from stages.stage import Bucket, Regroup
from tests.fakes import batch_of


def split(rows, units):
    """Return the rows as batches, near-equal consecutive runs; some may be empty."""
    return [batch_of([rows[i] for i in part]) for part in np.array_split(range(len(rows)), units)]


def decisions_of(operator: Regroup, units, *, buckets=1):
    """Return the decisions of the whole run, sorted by unit, row and element."""
    projections = [operator.project(unit) for unit in units]
    rows = pa.concat_tables(
        projection.rows.append_column(
            "unit", pa.array(np.full(projection.rows.num_rows, index), pa.int32())
        )
        for index, projection in enumerate(projections)
    )
    bucket = operator.partition(rows, buckets)
    assert bucket.dtype == np.int64
    tables = [
        operator.decide(
            rows.filter(pa.array(bucket == index)),
            Bucket(
                index=index,
                media=Path("media"),
                beside=lambda unit: projections[unit].beside,
                units=len(units),
            ),
        )
        for index in reversed(range(buckets))  # finished in any order
    ]
    decisions = pa.concat_tables(tables)
    if operator.combines:
        decisions = operator.combine(decisions)
    return decisions.sort_by([(name, "ascending") for name in ("unit", "row", "element")])


def updated(operator: Regroup, units, decisions):
    """Return each unit after `update` with its own decisions."""
    unit_of = decisions.column("unit").to_numpy()
    return [
        operator.update(unit, decisions.filter(pa.array(unit_of == index)))
        for index, unit in enumerate(units)
    ]


def kept_ids(operator: Regroup, rows, *, units=1, buckets=1):
    """Return the set of ids that stay when the rows come in so many units and buckets."""
    batches = split(rows, units)
    decisions = decisions_of(operator, batches, buckets=buckets)
    ids = [batch.table.column("id").to_pylist() for batch in batches]
    dropped = {ids[d["unit"]][d["row"]] for d in decisions.to_pylist() if not d["keep"]}
    return {each for unit in ids for each in unit} - dropped
