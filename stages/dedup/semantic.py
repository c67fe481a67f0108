"""Drop pictures that mean the same as others: their embeddings are nearly one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Final, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stages.dedup.centroids import Halves, k_means, nearest
from stages.dedup.leaders import led
from stages.elements import Floats, Ints
from stages.embeddings import media_embeddings
from stages.stage import DECISIONS, Batch, Bucket, Level, Projection, Regroup

EMBEDDING: Final = "clip"
MIN_SAMPLE: Final = 1024
"""Pictures that the centroids are fitted on at least, if there are so many."""
PER_CLUSTER: Final = 64
"""Pictures per centroid that they are fitted on at most."""
CLUSTER_SIZE: Final = 1024
"""Pictures of a cluster, on average and at least, when the number of clusters is derived."""

Keep = Literal["hard", "easy", "largest", "first"]
Keys = npt.NDArray[np.uint64]


@dataclass(frozen=True, kw_only=True)
class SemanticDedup(Regroup):
    """Keeps one picture of all whose embeddings lie within a small angle of its own.

    Pictures are gathered around centroids, fitted on a fraction of the run; in each cluster they
    are looked at in the order of `keep`, and one whose cosine with any kept before it reaches
    `threshold` is dropped. (The paper drops what is like any before it, dropped or not; here
    every dropped picture has its like among the kept.) Pictures on two sides of a border between
    clusters are not compared: the price of N * sqrt(N) comparisons, instead of N * N.

    A picture is drawn into the fraction by its sha256, and all cosines are exact, so the result
    hangs on the run's pictures and their order alone. A picture without embedding stays. One that
    several documents show counts as often as it is shown, and stays in one place.

    Reads: `embedding.clip`, media (sha256, width_px, height_px), id.
    Writes: media, messages (without what was dropped). A decision's score is the cosine with the
    kept picture that its reason names, threshold `threshold`.
    Source: Abbas et al. 2023, arXiv:2303.09540, section 3 and algorithm 1 (SemDeDup).

    Attributes:
        threshold: cosine, in (0, 1], from which two pictures mean the same; the paper's 1 - ε.
        keep: which stays: the one farthest from the centroid ("hard", the paper's), the nearest
            ("easy"), the largest in pixels, or the first in the order of the run.
        clusters: number of centroids; 0 for the square root of the number of pictures, or fewer
            where clusters would have less than 1,024.
        fit_fraction: share of the pictures that the centroids are fitted on, in (0, 1].
    """

    reads: ClassVar = ("id", "media", f"embedding.{EMBEDDING}")
    writes: ClassVar = ("media", "messages")
    source: ClassVar = "Abbas et al. 2023, arXiv:2303.09540, section 3"
    over: ClassVar[Level] = "media"
    fits: ClassVar = True

    threshold: float = 0.95
    keep: Keep = "hard"
    clusters: int = 0
    fit_fraction: float = 0.1

    def __post_init__(self) -> None:
        if self.keep not in ("hard", "easy", "largest", "first"):
            raise ValueError(f"keep is {self.keep!r}, it must be hard, easy, largest or first")
        if self.clusters < 0:
            raise ValueError(f"clusters must be at least 1, or 0 to derive it; got {self.clusters}")
        for name in ("threshold", "fit_fraction"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie in (0, 1], got {getattr(self, name)}")

    def project(self, batch: Batch) -> Projection:
        """Return a row per picture with an embedding, and those drawn to fit on."""
        media, table = batch.media(), batch.table
        vectors = media_embeddings(table, EMBEDDING)
        there = np.flatnonzero(np.isfinite(vectors).any(axis=1))  # of no width, there is none
        halves = vectors[there].astype(np.float16)
        place = pa.array(there)
        sides = (media.column(name).fill_null(0).take(place) for name in ("width_px", "height_px"))
        keys = _keys(media.column("sha256").take(place))
        rows = {
            "row": media.row[there],
            "element": media.position[there],
            "id": table.column("id").take(pa.array(media.row[there])),
            "pixels": pc.multiply(*(side.cast(pa.int64()) for side in sides)),
            "vector": _lists(halves),
        }
        drawn = _drawn(keys, self.fit_fraction)
        sample = {"key": keys[drawn], "vector": _lists(halves[drawn])}
        return Projection(rows=pa.table(rows), sample=pa.table(sample))

    def fit(self, sample: pa.Table) -> pa.Table:
        """Return the centroids; the sample is put in the order of its keys, which is random."""
        keys, vectors = sample.column("key").to_numpy(), _vectors(sample)
        drawn = _drawn(keys, self.fit_fraction)
        bound = int(self.fit_fraction * 2**64)
        pictures = np.count_nonzero(keys[drawn] < bound) / self.fit_fraction
        clusters = self.clusters or max(1, int(min(pictures**0.5, pictures / CLUSTER_SIZE)))
        drawn = drawn[: max(MIN_SAMPLE, PER_CLUSTER * clusters)]
        found = k_means(vectors[drawn], clusters) if len(drawn) else vectors
        return pa.table({"vector": _lists(found)})

    def place(self, rows: pa.Table, fitted: pa.Table) -> pa.Table:
        """Return the rows with their cluster (int64) and their cosine with its centroid."""
        vectors = _vectors(rows)
        which, near = nearest(vectors, _vectors(fitted)) if len(vectors) else (np.empty(0), [])
        rows = rows.append_column("cluster", pa.array(which, pa.int64()))
        return rows.append_column("near", pa.array(near, pa.float32()))

    def partition(self, rows: pa.Table, buckets: int) -> Ints:
        """Return the bucket of each cluster."""
        cluster: Ints = rows.column("cluster").to_numpy()
        return cluster % buckets

    def decide(self, rows: pa.Table, bucket: Bucket) -> pa.Table:
        """Return a decision for each picture that is like one kept."""
        order = self._order(rows)
        cluster = rows.column("cluster").to_numpy()[order]
        vectors = _vectors(rows)
        gone, like, score = [], [], []
        for start, stop in _runs(cluster):
            members = order[start:stop]
            dropped, leader, cosine = led(vectors, members, self.threshold)
            gone.append(members[dropped])
            like.append(members[leader])
            score.append(cosine)
        return self._told(rows, _joined(gone), _joined(like), score)

    def _order(self, rows: pa.Table) -> Ints:
        """Return the rows cluster by cluster, in the order in which they may stay."""
        near, pixels = rows.column("near").to_numpy(), rows.column("pixels").to_numpy()
        worth = {"hard": near, "easy": -near, "largest": -pixels, "first": np.zeros(len(near))}
        place = [rows.column(name).to_numpy() for name in ("element", "row", "unit")]
        order: Ints = np.lexsort((*place, worth[self.keep], rows.column("cluster").to_numpy()))
        return order

    def _told(self, rows: pa.Table, gone: Ints, like: Ints, score: list[Floats]) -> pa.Table:
        places = rows.select(["unit", "row", "element"]).take(pa.array(gone))
        kept = rows.select(["element", "id"]).take(pa.array(like))
        element = kept.column("element").cast(pa.string())
        columns = {
            **dict(zip(places.column_names, places.columns, strict=True)),
            "keep": pa.array(np.zeros(len(gone), np.bool_)),
            "score": pa.array(np.concatenate([np.empty(0, np.float32), *score])),
            "threshold": pa.array(np.full(len(gone), self.threshold)),
            "reason": pc.binary_join_element_wise("like picture", element, "of", kept["id"], " "),
        }
        table = pa.table({name: columns[name] for name in DECISIONS.names}).cast(DECISIONS)
        return table.sort_by([(name, "ascending") for name in ("unit", "row", "element")])


def _keys(sha256: pa.Array) -> Keys:
    """Return uint64[N], the first 64 bits of each sha256: as good as random, and the content's."""
    digits = (each or "" for each in sha256.to_pylist())
    return np.array([int(each[:16] or "0", 16) for each in digits], np.uint64)


def _drawn(keys: Keys, fraction: float) -> Ints:
    """Return where the pictures to fit on are, each content once, in the order of their keys.

    They are those of the lowest keys: the fraction, or MIN_SAMPLE where that is more. What is
    drawn of parts and then of the parts' draws is what would be drawn of the whole.
    """
    distinct, first = np.unique(keys, return_index=True)
    count = np.count_nonzero(distinct < int(fraction * 2**64))
    return first[: max(count, MIN_SAMPLE)]


def _lists(vectors: Halves) -> pa.Array:
    ends = np.arange(len(vectors) + 1) * vectors.shape[1]
    return pa.LargeListArray.from_arrays(pa.array(ends), pa.array(vectors.reshape(-1)))


def _vectors(table: pa.Table) -> Halves:
    """Return float16[N, D] of the column `vector`."""
    flat: Halves = table.column("vector").combine_chunks().flatten().to_numpy()
    rows = table.num_rows
    return flat.reshape(rows, len(flat) // rows if rows else 0)


def _runs(cluster: Ints) -> Iterator[tuple[int, int]]:
    """Yield first and end of each run of equal values."""
    starts = np.flatnonzero(np.r_[True, cluster[1:] != cluster[:-1]][: len(cluster)])
    return pairwise([*starts.tolist(), len(cluster)])


def _joined(pieces: list[Ints]) -> Ints:
    return np.concatenate([np.empty(0, np.int64), *pieces])
