"""Connected components of graphs whose edges never meet in one memory: spanning forests.

Nodes are int64 (`stages/dedup/nodes.py`), edges are similarities that someone found; who
found them, and between what, is not this file's affair. A heap of edges is reduced at once to a
forest: its nodes, the smallest node of each one's component, and each one's best similarity.
Forests merge into the forest of all their edges, whatever the order, and a forest has one form,
so the same edges give the same bytes however they were spread. A forest takes 20 bytes a node,
a merge of two about three times that: the last forest of a run, which knows all components, is
bounded by the number of nodes that have an edge, not by edges, rows or signatures.

Source: Tarjan 1975, doi:10.1145/321879.321884 (union-find); Karloff, Suri, Vassilvitskii 2010,
doi:10.1137/1.9781611973075.76 (forests of parts of the edges are enough).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numba import njit

from stages.elements import Floats, Ints

FOREST: Final = pa.schema({"node": pa.int64(), "root": pa.int64(), "score": pa.float32()})
"""A forest as a table: `root` is a row of it, that of the component's smallest node."""


@dataclass(frozen=True, kw_only=True)
class Forest:
    """The components of a graph without lone nodes.

    Attributes:
        node: int64[N], the nodes, ascending.
        root: int64[N], index into `node` of the smallest node of the component.
        score: float32[N], the highest score of the node's edges.
    """

    node: Ints
    root: Ints
    score: Floats

    @property
    def label(self) -> Ints:
        """Return int64[N], the smallest node of each node's component."""
        return self.node[self.root]

    def to_table(self) -> pa.Table:
        """Return the forest as a table of schema FOREST."""
        return pa.table([self.node, self.root, self.score], schema=FOREST)


def forest_of_table(table: pa.Table) -> Forest:
    """Return the forest that a table of schema FOREST holds."""
    node, root, score = (table.column(name).to_numpy() for name in FOREST.names)
    return Forest(node=node, root=root, score=score)


def empty_forest() -> Forest:
    """Return the forest of no edges."""
    return forest_of_table(FOREST.empty_table())


def forest_of_edges(left: Ints, right: Ints, score: Floats) -> Forest:
    """Return the forest of a heap of edges, given as nodes and scores, in any order."""
    node, ends = np.unique(np.concatenate([left, right]), return_inverse=True)
    first, second = np.split(ends.reshape(-1), 2)
    best = np.zeros(len(node), np.float32)
    _raise_to(best, first, score)
    _raise_to(best, second, score)
    return Forest(node=node, root=components(first, second, len(node)), score=best)


def merged(forests: Iterable[Forest]) -> Forest:
    """Return the forest of all edges that forests stand for; holds two and their sum at once."""
    total = empty_forest()
    for forest in forests:
        total = _merge(total, forest)
    return total


def _merge(one: Forest, other: Forest) -> Forest:
    size = len(one.node) + len(other.node)
    node, score = np.empty(size, np.int64), np.empty(size, np.float32)
    at_one, at_other = np.empty(len(one.node), np.int64), np.empty(len(other.node), np.int64)
    count = _zip(one.node, one.score, other.node, other.score, node, score, at_one, at_other)
    root = np.arange(count)
    _union(at_one, at_one[one.root], root)
    _union(at_other, at_other[other.root], root)
    return Forest(node=node[:count].copy(), root=root, score=score[:count].copy())


@njit(cache=True, nogil=True)
def _zip(
    node_a: Any,
    score_a: Any,
    node_b: Any,
    score_b: Any,
    node: Any,
    score: Any,
    at_a: Any,
    at_b: Any,
) -> int:
    """Merge two ascending lists of nodes, and note where each went; return how many there are."""
    i = j = count = 0
    while i < len(node_a) or j < len(node_b):
        take_a = i < len(node_a) and (j == len(node_b) or node_a[i] <= node_b[j])
        take_b = j < len(node_b) and (i == len(node_a) or node_b[j] <= node_a[i])
        best = np.float32(0)
        if take_a:
            node[count] = node_a[i]
            best = max(best, score_a[i])
            at_a[i] = count
            i += 1
        if take_b:
            node[count] = node_b[j]
            best = max(best, score_b[j])
            at_b[j] = count
            j += 1
        score[count] = best
        count += 1
    return count


@njit(cache=True, nogil=True)
def _raise_to(best: Any, at: Any, score: Any) -> None:
    for k in range(len(at)):
        best[at[k]] = max(best[at[k]], score[k])


def components(left: Ints, right: Ints, nodes: int) -> Ints:
    """Return int64[nodes], the smallest node of each node's connected component."""
    root = np.arange(nodes)
    _union(left, right, root)
    return root


@njit(cache=True, nogil=True)
def _union(left: Any, right: Any, root: Any) -> None:
    for k in range(len(left)):
        a, b = left[k], right[k]
        while root[a] != a:
            root[a] = root[root[a]]
            a = root[a]
        while root[b] != b:
            root[b] = root[root[b]]
            b = root[b]
        root[max(a, b)] = min(a, b)
    for i in range(len(root)):  # a root is never larger than its node, so it is final by now
        root[i] = root[root[i]]
