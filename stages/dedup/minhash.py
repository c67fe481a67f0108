"""Drop near-duplicate texts: MinHash bands find candidates, shingle sets confirm them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Final

import numpy as np
import pyarrow as pa

from stages.dedup.clusters import (
    Keep,
    check_keep,
    cluster_decisions,
    stored_decisions,
    write_clusters,
)
from stages.dedup.documents import row_texts, standing
from stages.dedup.groups import Similarity, link_giant, link_groups
from stages.dedup.nodes import nodes_of, rows_of, units_of
from stages.dedup.shingles import Shingles, shingles
from stages.dedup.signatures import Keys, band_keys, bucket_of_key, signatures
from stages.dedup.sketches import jaccards, sketches
from stages.dedup.store import SignatureStore
from stages.elements import Ints
from stages.places import place
from stages.stage import EDGES, Batch, Bucket, Projection, Regroup

RECALL: Final = 0.98
"""Chance, at least, that bands made for a threshold bring a pair at that threshold together."""
SKETCH_SIZE: Final = 1024
"""Distinct shingles that a text is compared by: up to so many, Jaccard similarity is exact."""
SLICE_ROWS: Final = 1 << 18
"""Rows of a bucket whose sketches are held at a time: of the longest texts, 1 GiB."""

SHINGLE_HASH: Final = "word sums 1"
"""Name of `stages.dedup.shingles.shingle_hash`; another hash must have another name."""
REASON: Final = "near-duplicate"

_STANDING: Final = ("id", "n_media", "n_bytes")


@dataclass(frozen=True, kw_only=True)
class MinHashDedup(Regroup):
    """Keeps one sample of every cluster of near-duplicate texts.

    Samples whose MinHash signatures agree in a whole band are compared by their sets of word
    shingles; pairs of Jaccard similarity >= `threshold` are linked, and of each connected
    cluster one sample stays. A sample without text is never anyone's duplicate. Bands are
    chosen so that a pair at the threshold is compared with probability >= 0.98; a text of
    1024 distinct shingles or more is compared by the smallest 1024 hashes of the union.

    Reads: id, messages, media (their number).
    Writes: `cluster.minhash`, string, id of the sample that stands for the cluster, null
    outside clusters; `score.minhash.cluster_size`, float32 >= 1. A decision's score is the
    sample's highest Jaccard similarity, in [threshold, 1], to a member of its cluster.
    Source: Broder 1997 (MinHash); Lee et al. 2022, arXiv:2107.06499, section 4.2 (MinHash
    clusters verified by similarity and joined as connected components).

    Attributes:
        threshold: Jaccard similarity of two samples' shingles, in (0, 1].
        num_perm: permutations of the signature.
        ngram: words of a shingle.
        bands: bands of the signature, 0 to derive them from the threshold.
        rows: permutations of a band, 0 to derive them from the threshold.
        seed: seed of the permutations.
        keep: which sample stays: the best (most media, then longest text, then smallest id),
            or the first or latest in the order of the run.
        store: folder or URI of signatures of earlier runs, "" for none. Samples near a stored
            one are dropped, those that stay are added; a run never sees what was added from one
            of its own input files. All machines of the run must reach it.
    """

    reads: ClassVar = ("id", "messages", "media")
    writes: ClassVar = ("cluster.minhash", "score.minhash.cluster_size")
    source: ClassVar = "Broder 1997; Lee et al. 2022, arXiv:2107.06499, section 4.2"
    combines: ClassVar = True

    threshold: float = 0.8
    num_perm: int = 128
    ngram: int = 5
    bands: int = 0
    rows: int = 0
    seed: int = 1
    keep: Keep = "best"
    store: str = ""

    def __post_init__(self) -> None:
        check_keep(self.keep)
        if not 0 < self.threshold <= 1:
            raise ValueError(
                f"threshold is a Jaccard similarity and must lie in (0, 1], got {self.threshold}"
            )
        if self.ngram < 1 or self.num_perm < 1:
            raise ValueError(
                f"ngram and num_perm must be at least 1, got {self.ngram} and {self.num_perm}"
            )
        if (self.bands == 0) != (self.rows == 0) or min(self.bands, self.rows) < 0:
            raise ValueError(
                f"give both bands and rows, or neither; got {self.bands} and {self.rows}"
            )
        if self.bands * self.rows > self.num_perm:
            raise ValueError(
                f"{self.bands} bands of {self.rows} rows need num_perm >= "
                f"{self.bands * self.rows}, got {self.num_perm}"
            )

    def check(self) -> None:
        """Refuse a store whose signatures were made with other options."""
        memory = self.memory()
        if memory is not None:
            memory.check()

    def memory(self) -> SignatureStore | None:
        """Return the store, None without one."""
        if not self.store:
            return None
        bands, rows = self.shape()
        made_with = {
            "scheme": "affine32",
            "shingle_hash": SHINGLE_HASH,
            "seed": self.seed,
            "ngram": self.ngram,
            "num_perm": self.num_perm,
            "bands": bands,
            "rows": rows,
            "sketch_size": SKETCH_SIZE,
        }
        return SignatureStore(root=place(self.store), made_with=tuple(made_with.items()))

    def shape(self) -> tuple[int, int]:
        """Return the number of bands and of rows in each."""
        if self.bands:
            return self.bands, self.rows
        return band_shape(self.threshold, self.num_perm)

    def project(self, batch: Batch) -> Projection:
        """Return one row per text and band, and beside them every text's sketch."""
        texts = row_texts(batch)
        return self.project_shingles(shingles(texts, ngram=self.ngram), standing(batch, texts))

    def project_shingles(self, found: Shingles, standing: pa.Table) -> Projection:
        """Return the same from the shingles of each row, and its `id`, `n_media`, `n_bytes`."""
        bands, rows = self.shape()
        values = signatures(found, num_perm=self.num_perm, seed=self.seed)
        worded = np.flatnonzero(np.diff(found.offsets))
        keys = band_keys(values[worded], bands=bands, rows=rows)
        sketch = sketches(found, size=SKETCH_SIZE)
        lists = pa.LargeListArray.from_arrays(pa.array(sketch.offsets), pa.array(sketch.hashes))
        return Projection(
            rows=pa.table({"row": np.repeat(worded, bands), "key": keys.reshape(-1)}),
            beside=standing.append_column("sketch", lists),
        )

    def partition(self, rows: pa.Table, buckets: int) -> Ints:
        """Return the bucket of each band key: buckets are ranges of keys."""
        return bucket_of_key(rows.column("key").to_numpy(), buckets)

    def decide(self, rows: pa.Table, bucket: Bucket) -> pa.Table:
        """Return a row of EDGES for each confirmed pair that shares a key, maybe repeated.

        Holds the keys and nodes of the bucket, and the sketches of SLICE_ROWS rows.
        """
        keys = rows.column("key").to_numpy()
        nodes = nodes_of(rows.column("unit").to_numpy(), rows.column("row").to_numpy())
        store = self.memory()
        if store is not None:
            stored_keys, stored = store.matching(keys, bucket.seen)
            keys, nodes = np.r_[stored_keys, keys], np.r_[stored, nodes]
        group, nodes = _shared_keys(keys, nodes)
        edges = [self._confirm(group[piece], nodes[piece], bucket) for piece in _slices(group)]
        return pa.concat_tables([EDGES.empty_table(), *edges])

    def _confirm(self, group: Ints, nodes: Ints, bucket: Bucket) -> pa.Table:
        def load(wanted: Ints) -> Similarity:
            found = self._sketches(wanted, bucket)
            return lambda left, right: jaccards(found, left, right, size=SKETCH_SIZE)

        if len(group) > SLICE_ROWS and group[0] == group[-1]:
            edges = link_giant(nodes, load, self.threshold, SLICE_ROWS)
        else:
            distinct, node = np.unique(nodes, return_inverse=True)
            left, right, score = link_groups(group - group[0], node, load(distinct), self.threshold)
            edges = (distinct[left], distinct[right], score)
        return pa.table(list(edges), schema=EDGES)

    def _sketches(self, nodes: Ints, bucket: Bucket) -> Shingles:
        """Return the sketches of nodes that ascend, those of the store in front."""
        inside = int(np.searchsorted(nodes, 0))
        chunks = _sketches_at(nodes[inside:], bucket)
        store = self.memory()
        if store is not None and inside:
            chunks = store.column("sketch", nodes[:inside], bucket.seen).chunks + chunks
        lengths = [chunk.value_lengths().to_numpy(zero_copy_only=False) for chunk in chunks]
        return Shingles(
            offsets=np.cumsum(np.concatenate([[0], *lengths]), dtype=np.int64),
            hashes=np.concatenate([chunk.flatten().to_numpy() for chunk in chunks]),
        )

    def members(self, beside: pa.Table, row: Ints, element: Ints) -> pa.Table:
        """Return what decides who stands for a cluster."""
        return beside.select(_STANDING).take(pa.array(row))

    def judge(self, members: pa.Table, bucket: Bucket) -> pa.Table:
        """Return a decision for each member of a cluster; a stored text stands for its own."""
        cluster = members.column("cluster").to_numpy()
        stored = cluster < 0
        among = members.filter(pa.array(~stored))
        decisions = cluster_decisions(
            among,
            cluster[~stored],
            among.column("score").to_numpy(),
            threshold=self.threshold,
            keep=self.keep,
            reason=REASON,
        )
        store = self.memory()
        if store is None or not stored.any():
            return decisions
        known, which = np.unique(cluster[stored], return_inverse=True)
        ids = store.column("id", known, bucket.seen).take(pa.array(which.reshape(-1)))
        near = members.filter(pa.array(stored))
        return pa.concat_tables(
            [decisions, stored_decisions(near, ids, threshold=self.threshold, reason=REASON)]
        )

    def update(self, batch: Batch, decisions: pa.Table) -> Batch:
        """Return the unit with cluster and cluster size written down."""
        return write_clusters(batch, decisions, "minhash")


def band_shape(threshold: float, num_perm: int) -> tuple[int, int]:
    """Return the most selective (bands, rows) that compare a pair at the threshold.

    A pair of similarity s shares a band with probability 1 - (1 - s**rows)**bands; the rows
    are as many as keep that at RECALL or above for s = threshold.

    >>> band_shape(0.8, 128), band_shape(0.5, 128)
    ((18, 7), (42, 3))
    """
    for rows in range(num_perm, 1, -1):
        bands = num_perm // rows
        if 1 - (1 - threshold**rows) ** bands >= RECALL:
            return bands, rows
    return num_perm, 1


def _shared_keys(keys: Keys, nodes: Ints) -> tuple[Ints, Ints]:
    """Return, for nodes whose key is not theirs alone, int64 group and node, in that order.

    Nodes of equal keys must come in ascending order, and do so too in the result.
    """
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    new = np.r_[True, ordered[1:] != ordered[:-1]][: len(ordered)]
    alone = new & np.r_[new[1:], True][: len(new)]
    group = np.cumsum(new) - 1
    return group[~alone], nodes[order[~alone]]


def _slices(group: Ints) -> list[slice]:
    """Return runs of whole groups, of at most SLICE_ROWS rows unless it is one larger group."""
    starts = np.flatnonzero(np.r_[True, group[1:] != group[:-1]][: len(group)])
    cuts, start = [0], 0
    for stop in np.r_[starts[1:], len(group)].tolist():
        if stop - cuts[-1] > SLICE_ROWS and start > cuts[-1]:
            cuts.append(start)
        start = stop
    return [slice(a, b) for a, b in pairwise([*cuts, len(group)]) if b > a]


def _sketches_at(nodes: Ints, bucket: Bucket) -> list[pa.Array]:
    """Return the sketches of the samples at nodes that ascend, in chunks."""
    units, at = np.unique(units_of(nodes), return_index=True)
    rows, ends = rows_of(nodes), [*at.tolist(), len(nodes)]
    return [
        chunk
        for unit, (start, stop) in zip(units.tolist(), pairwise(ends), strict=True)
        for chunk in bucket.beside(unit).column("sketch").take(pa.array(rows[start:stop])).chunks
    ]
