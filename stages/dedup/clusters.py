"""Clusters of duplicates: who stands for each, the decisions, and what is written down of them."""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.elements import Floats, Ints, set_column
from stages.stage import DECISIONS, Batch

Keep = Literal["best", "first", "latest"]

ORDERS: Final[dict[str, list[tuple[str, str]]]] = {
    "best": [("n_media", "descending"), ("n_bytes", "descending"), ("id", "ascending")],
    "first": [("unit", "ascending"), ("row", "ascending")],
    "latest": [("unit", "descending"), ("row", "descending")],
}
"""Who stands for a cluster: most media, then longest text, then smallest id; or by place."""

CLUSTERS: Final = pa.schema(
    [*DECISIONS, pa.field("cluster", pa.string()), pa.field("cluster_size", pa.int64())]
)
"""Decisions about clusters: `cluster` is the id of the sample that stands for it."""


def check_keep(keep: str) -> None:
    """Raise ValueError unless `keep` names an order."""
    if keep not in ORDERS:
        raise ValueError(f"keep is {keep!r}, it must be one of {list(ORDERS)}")


def cluster_decisions(
    nodes: pa.Table, cluster: Ints, score: Floats, *, threshold: float, keep: Keep, reason: str
) -> pa.Table:
    """Return a decision of schema CLUSTERS for each member of each cluster.

    Args:
        nodes: table of M members: `unit`, `row`, `id`, `n_media`, `n_bytes`.
        cluster: int64[M], equal for members of one cluster.
        score: float32[M], the similarity that made it a member.
        threshold: what the score was compared to.
        keep: which member stands for the cluster.
        reason: what a dropped member is; the id of the one kept is put behind it.
    """
    table = nodes.select(["unit", "row", "id", "n_media", "n_bytes"])
    table = table.append_column("group", pa.array(cluster)).append_column("score", pa.array(score))
    table = table.sort_by([("group", "ascending"), *ORDERS[keep]])
    group = table.column("group").to_numpy()
    first = np.flatnonzero(np.r_[True, group[1:] != group[:-1]][: len(group)])
    sizes = np.diff(np.r_[first, len(group)])
    best = np.zeros(len(group), np.bool_)
    best[first] = True
    ids = table.column("id").take(pa.array(np.repeat(first, sizes)))
    decisions = {
        "unit": table.column("unit"),
        "row": table.column("row"),
        "element": pa.array(np.full(len(group), -1)),
        "keep": pa.array(best),
        "score": table.column("score"),
        "threshold": pa.array(np.full(len(group), threshold)),
        "reason": pc.if_else(
            pa.array(best),
            "stands for its cluster",
            pc.binary_join_element_wise(f"{reason} of ", ids, ""),
        ),
        "cluster": ids,
        "cluster_size": pa.array(np.repeat(sizes, sizes)),
    }
    return pa.table(decisions).cast(CLUSTERS).sort_by([("unit", "ascending"), ("row", "ascending")])


def stored_decisions(
    nodes: pa.Table, ids: pa.ChunkedArray, *, threshold: float, reason: str
) -> pa.Table:
    """Return decisions of schema CLUSTERS that drop all members of clusters with a stored text.

    Args:
        nodes: table of M members: `unit`, `row`, `cluster`, `score`.
        ids: string[M], the stored text that each member is near, perhaps by way of others.
        threshold: what the score was compared to.
        reason: what a dropped member is; the stored text is named behind it.
    """
    _, which = np.unique(nodes.column("cluster").to_numpy(), return_inverse=True)
    decisions = {
        "unit": nodes.column("unit"),
        "row": nodes.column("row"),
        "element": pa.array(np.full(len(which), -1)),
        "keep": pa.array(np.zeros(len(which), np.bool_)),
        "score": nodes.column("score"),
        "threshold": pa.array(np.full(len(which), threshold)),
        "reason": pc.binary_join_element_wise(f"{reason} of ", ids, " in the store", ""),
        "cluster": ids,
        "cluster_size": pa.array(np.bincount(which)[which] + 1),
    }
    return pa.table(decisions).cast(CLUSTERS)


def write_clusters(batch: Batch, decisions: pa.Table, name: str) -> Batch:
    """Return the batch with `cluster.<name>` and `score.<name>.cluster_size` filled in.

    A row without a decision is alone: null and 1.
    """
    place = np.full(len(batch), -1, np.int64)
    place[decisions.column("row").to_numpy()] = np.arange(decisions.num_rows)
    at = pa.array(place, mask=place < 0)
    cluster = decisions.column("cluster").take(at)
    size = decisions.column("cluster_size").take(at).fill_null(1).cast(pa.float32())
    table = set_column(batch.table, f"cluster.{name}", cluster)
    return batch.with_table(set_column(table, f"score.{name}.cluster_size", size))
