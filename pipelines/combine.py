"""Clusters over all buckets: forests merged in a tree, members judged cluster by cluster.

Each bucket of a Regroup that combines leaves the spanning forest of its edges. Then, each piece
of work one task and one file:

merge-1-0       the forest of FAN_IN forests, and so on up the tree
labels          the last merge: the members of all clusters, one record batch per unit
members-12      what `judge` needs to know of a unit's members, one record batch per part
clusters-0      the decisions about the clusters of a part, one record batch per unit

A task holds a forest and one more, a unit's members, or a part's clusters: never all edges, rows
or signatures. A run of few buckets does all this in one task, `combined`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import numpy as np
import pyarrow as pa

from pipelines.buckets import (
    bucket_at,
    decided_file,
    regroup_of,
    split,
    write_decisions,
)
from pipelines.folder import RunFolder, read_batch, read_batches, write_batches
from pipelines.plan import Segment
from stages.dedup.graph import Forest, forest_of_table, merged
from stages.dedup.nodes import elements_of, rows_of, units_of
from stages.stage import Regroup

FAN_IN: Final = 8
"""Forests that one task merges."""
BUCKETS_PER_PART: Final = 8
"""Members of clusters are fewer and smaller than the rows of buckets."""
COMBINED: Final = "combined"
LABELS: Final = "labels"

_LABELS: Final = pa.schema(
    {"row": pa.int64(), "element": pa.int64(), "cluster": pa.int64(), "score": pa.float32()}
)


def part_count(buckets: int) -> int:
    """Return into how many parts clusters are dealt; it changes cost, never a decision."""
    return max(1, buckets // BUCKETS_PER_PART)


def decision_files(operator: Regroup, buckets: int) -> list[str]:
    """Return the names of the files with the decisions of a Regroup."""
    if operator.combines:
        return [f"clusters-{part}" for part in range(part_count(buckets))]
    return [str(bucket) for bucket in range(buckets)]


def levels(buckets: int, units: int) -> list[list[str]]:
    """Return the work after the buckets, in order; the pieces of one level need no other."""
    if buckets <= FAN_IN:
        return [[COMBINED]]
    return [
        *_merges(buckets),
        [f"members-{unit}" for unit in range(units)],
        [f"clusters-{part}" for part in range(part_count(buckets))],
    ]


def _merges(buckets: int) -> Iterator[list[str]]:
    left, level = -(-buckets // FAN_IN), 1
    while left > 1:
        yield [f"merge-{level}-{index}" for index in range(left)]
        left, level = -(-left // FAN_IN), level + 1
    yield [LABELS]


def combine(folder: RunFolder, segment: Segment, name: str, buckets: int, units: int) -> None:
    """Do one piece of work."""
    place = (folder, segment)
    kind, _, which = name.partition("-")
    if kind == "merge":
        forest = _merge(*place, name, buckets)
        write_batches(decided_file(*place, name), forest.to_table().schema, [forest.to_table()])
    elif kind == LABELS:
        by_unit = _labels(_merge(*place, name, buckets), units)
        write_batches(decided_file(*place, name), _LABELS, by_unit)
    elif kind == "members":
        labels = read_batch(decided_file(*place, LABELS), int(which))
        _deal(*place, _members(*place, int(which), labels), int(which), part_count(buckets))
    elif kind == "clusters":
        files = [decided_file(*place, f"members-{unit}") for unit in range(units)]
        _judge(*place, int(which), read_batches(files, int(which)))
    else:
        by_unit = _labels(_merge(*place, LABELS, buckets), units)
        members = [_members(*place, unit, labels) for unit, labels in enumerate(by_unit)]
        _judge(*place, 0, members)


def _merge(folder: RunFolder, segment: Segment, name: str, buckets: int) -> Forest:
    """Return the forest of the forests that a merge is over."""
    below = [[str(bucket) for bucket in range(buckets)], *_merges(buckets)]
    level = next(level for level, names in enumerate(below) if name in names)
    index = below[level].index(name)
    files = below[level - 1][index * FAN_IN : (index + 1) * FAN_IN]
    tables = (read_batch(decided_file(folder, segment, file), 0) for file in files)
    return merged(forest_of_table(table) for table in tables)


def _labels(forest: Forest, units: int) -> list[pa.Table]:
    """Return the cluster of each member, unit by unit; nodes from outside the run have no unit."""
    inside = slice(int(np.searchsorted(forest.node, 0)), None)
    node = forest.node[inside]
    columns = [rows_of(node), elements_of(node), forest.label[inside], forest.score[inside]]
    table = pa.table(columns, schema=_LABELS)
    ends = np.searchsorted(units_of(node), np.arange(units + 1)).tolist()
    return [table.slice(start, stop - start) for start, stop in pairwise(ends)]


def _members(folder: RunFolder, segment: Segment, unit: int, labels: pa.Table) -> pa.Table:
    """Return what is to be known of a unit's members."""
    row, element = labels.column("row").to_numpy(), labels.column("element").to_numpy()
    beside = bucket_at(folder, segment, 0, 0).beside(unit)
    members = regroup_of(segment.exit).members(beside, row, element)
    for name in _LABELS.names:
        members = members.append_column(name, labels.column(name))
    return members.append_column("unit", pa.array(np.full(len(row), unit), pa.int32()))


def _deal(folder: RunFolder, segment: Segment, members: pa.Table, unit: int, parts: int) -> None:
    """Write a unit's members dealt out by cluster, evenly spread."""
    cluster = members.column("cluster").to_numpy().astype(np.uint64)
    mixed = cluster * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(40)
    part = (mixed % np.uint64(parts)).astype(np.int64)
    path = decided_file(folder, segment, f"members-{unit}")
    write_batches(path, members.schema, split(members, part, parts))


def _judge(folder: RunFolder, segment: Segment, part: int, members: list[pa.Table]) -> None:
    """Write the decisions about the clusters of a part, given its members of each unit."""
    units = len(members)
    bucket = bucket_at(folder, segment, part, units)
    table = pa.concat_tables(members, promote_options="default")
    decided = regroup_of(segment.exit).judge(table, bucket)
    write_decisions(folder, segment, f"clusters-{part}", decided, units)
