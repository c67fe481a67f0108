"""Drop near-duplicate texts: MinHash bands find candidates, shingle sets confirm them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Final, cast

import numpy as np
import pyarrow as pa

from stages.dedup.documents import row_texts, standing
from stages.dedup.graph import (
    CLUSTERS,
    Keep,
    check_keep,
    cluster_decisions,
    components,
    write_clusters,
)
from stages.dedup.groups import link_groups
from stages.dedup.shingles import Shingles, shingles
from stages.dedup.signatures import band_keys, signatures
from stages.dedup.sketches import jaccards, sketches
from stages.elements import Floats, Ints
from stages.stage import Batch, Bucket, Projection, Regroup

RECALL: Final = 0.98
"""Chance, at least, that bands made for a threshold bring a pair at that threshold together."""
SKETCH_SIZE: Final = 1024
"""Distinct shingles that a text is compared by: up to so many, Jaccard similarity is exact."""
SLICE_ROWS: Final = 1 << 19
"""Rows of a bucket that are judged at a time; bounds memory to about 1 GB of sketches."""

_MEMBER: Final = pa.schema(
    {
        "unit": pa.int32(),
        "row": pa.int64(),
        "id": pa.string(),
        "n_media": pa.int64(),
        "n_bytes": pa.int64(),
    }
)
EDGES: Final = pa.schema(
    [pa.field(f"{each.name}_{side}", each.type) for side in "ab" for each in _MEMBER]
    + [pa.field("jaccard", pa.float32())]
)
"""A confirmed pair: where its two samples are, and what decides who stands for them."""


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

    def shape(self) -> tuple[int, int]:
        """Return the number of bands and of rows in each."""
        if self.bands:
            return self.bands, self.rows
        return band_shape(self.threshold, self.num_perm)

    def project(self, batch: Batch) -> Projection:
        """Return one row per text and band, and beside them every text's sketch."""
        bands, rows = self.shape()
        texts = row_texts(batch)
        found = shingles(texts, ngram=self.ngram)
        values = signatures(found, num_perm=self.num_perm, seed=self.seed)
        worded = np.flatnonzero(np.diff(found.offsets))
        keys = band_keys(values[worded], bands=bands, rows=rows)
        sketch = sketches(found, size=SKETCH_SIZE)
        lists = pa.LargeListArray.from_arrays(pa.array(sketch.offsets), pa.array(sketch.hashes))
        return Projection(
            rows=pa.table({"row": np.repeat(worded, bands), "key": keys.reshape(-1)}),
            beside=standing(batch, texts).append_column("sketch", lists),
        )

    def partition(self, rows: pa.Table, buckets: int) -> Ints:
        """Return the bucket of each band key."""
        keys = rows.column("key").to_numpy()
        return cast(Ints, (keys % np.uint64(buckets)).astype(np.int64))

    def decide(self, rows: pa.Table, bucket: Bucket) -> pa.Table:
        """Return a row of EDGES for each confirmed pair that shares a key, maybe repeated."""
        group, place = _shared_keys(rows)
        pieces = [self._confirm(group[piece], place[piece], bucket) for piece in _slices(group)]
        return pa.concat_tables([EDGES.empty_table(), *pieces])

    def _confirm(self, group: Ints, place: Ints, bucket: Bucket) -> pa.Table:
        places, node = np.unique(place, return_inverse=True)
        beside = _members(places, bucket)
        sketch = _sketch_of(beside)

        def similarity(left: Ints, right: Ints) -> Floats:
            return jaccards(sketch, left, right, size=SKETCH_SIZE)

        left, right, score = link_groups(group - group[0], node, similarity, self.threshold)
        columns = {}
        for side, at in (("a", left), ("b", right)):
            for name in _MEMBER.names:
                columns[f"{name}_{side}"] = beside.column(name).take(pa.array(at))
        return pa.table({**columns, "jaccard": score}).cast(EDGES)

    def combine(self, edges: pa.Table) -> pa.Table:
        """Return a decision for each sample that has an edge."""
        if edges.num_rows == 0:
            return CLUSTERS.empty_table()
        ends = pa.concat_tables(
            edges.select([f"{name}_{side}" for name in _MEMBER.names]).rename_columns(_MEMBER.names)
            for side in "ab"
        )
        _, first, node = np.unique(_places(ends), return_index=True, return_inverse=True)
        left, right = np.split(node, 2)
        jaccard = edges.column("jaccard").to_numpy()
        score = np.zeros(len(first), np.float32)
        np.maximum.at(score, node, np.tile(jaccard, 2))
        return cluster_decisions(
            ends.take(pa.array(first)),
            components(left, right, len(first)),
            score,
            threshold=self.threshold,
            keep=self.keep,
            reason="near-duplicate",
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


def _places(table: pa.Table) -> Ints:
    """Return int64[N], unit and row in one number that sorts in order of the run."""
    unit = table.column("unit").to_numpy().astype(np.int64)
    return cast(Ints, (unit << 40) | table.column("row").to_numpy())


def _shared_keys(rows: pa.Table) -> tuple[Ints, Ints]:
    """Return, for rows whose key is not theirs alone, int64 group and place, in that order."""
    keys = rows.column("key").to_numpy()
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    new = np.r_[True, ordered[1:] != ordered[:-1]][: len(ordered)]
    group = np.cumsum(new) - 1
    shared = np.bincount(group, minlength=1)[group] > 1
    return group[shared], _places(rows)[order[shared]]


def _slices(group: Ints) -> list[slice]:
    """Return runs of whole groups, of SLICE_ROWS rows or a little more."""
    starts = np.flatnonzero(np.r_[True, group[1:] != group[:-1]][: len(group)])
    ends = np.r_[starts, len(group)]
    cuts = ends[np.searchsorted(ends, np.arange(0, len(group), SLICE_ROWS))]
    cuts = np.unique(np.r_[cuts, len(group)])
    return [slice(a, b) for a, b in pairwise(cuts.tolist())]


def _members(places: Ints, bucket: Bucket) -> pa.Table:
    """Return what lies beside the rows at ascending places, with their unit and row."""
    units, rows = places >> 40, places & ((1 << 40) - 1)
    table = pa.concat_tables(
        bucket.beside(int(unit)).take(pa.array(rows[units == unit])) for unit in np.unique(units)
    )
    return table.append_column("unit", pa.array(units, pa.int32())).append_column(
        "row", pa.array(rows)
    )


def _sketch_of(beside: pa.Table) -> Shingles:
    lists = beside.column("sketch").combine_chunks()
    lengths = lists.value_lengths().to_numpy(zero_copy_only=False)
    offsets = np.r_[0, np.cumsum(lengths)].astype(np.int64)
    return Shingles(offsets=offsets, hashes=lists.flatten().to_numpy())
