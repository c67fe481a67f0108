"""Plays the runner for a Regroup: project, fit, bucket, decide, judge; no Ray, no files."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from stages.dedup.graph import forest_of_edges, merged
from stages.dedup.nodes import elements_of, rows_of, units_of
from stages.stage import EDGES, Bucket, Regroup
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
    if operator.fits:
        fitted = operator.fit(pa.concat_tables(each.sample for each in projections))
        rows = operator.place(rows, fitted)
    bucket = operator.partition(rows, buckets)
    assert bucket.dtype == np.int64
    place = Bucket(
        index=0, media=Path("media"), beside=lambda unit: projections[unit].beside, units=len(units)
    )
    tables = [
        operator.decide(rows.filter(pa.array(bucket == index)), replace(place, index=index))
        for index in reversed(range(buckets))  # finished in any order
    ]
    if operator.combines:
        members = members_of(operator, forest_of(tables), projections)
        decisions = operator.judge(members, place)
    else:
        decisions = pa.concat_tables(tables)
    return decisions.sort_by([(name, "ascending") for name in ("unit", "row", "element")])


def forest_of(tables):
    """Return the forest of tables of edges."""
    return merged(forest_of_edges(*(t[name].to_numpy() for name in EDGES.names)) for t in tables)


def members_of(operator, forest, projections):
    """Return the members of the clusters of a forest, as `judge` wants them."""
    tables = []
    for unit, projection in enumerate(projections):
        mine = units_of(forest.node) == unit
        row, element = rows_of(forest.node[mine]), elements_of(forest.node[mine])
        known = {
            "unit": pa.array(np.full(len(row), unit), pa.int32()),
            "row": row,
            "element": element,
            "cluster": forest.label[mine],
            "score": forest.score[mine],
        }
        table = operator.members(projection.beside, row, element)
        tables.append(
            pa.table({**dict(zip(table.column_names, table.columns, strict=True)), **known})
        )
    return pa.concat_tables(tables)


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
