"""Drop pictures that look like others: resized, recompressed or recoloured copies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.dedup.hamming import BITS, MAX_RADIUS, band_keys, distances, led_by, linked
from stages.dedup.nodes import nodes_of
from stages.dedup.pieces import bucket_of_key, grouped
from stages.elements import Ints, Mask, add_scores, with_media
from stages.picture_hashes import media_hashes
from stages.stage import DECISIONS, EDGES, Batch, Bucket, Level, Projection, Regroup

_LIKE: Final = pa.schema(
    [
        *DECISIONS,
        pa.field("cluster_size", pa.int64()),
        pa.field("documents", pa.int64()),
        pa.field("distance", pa.int64()),
    ]
)


@dataclass(frozen=True, kw_only=True)
class PerceptualDedup(Regroup):
    """Drops pictures whose perceptual hash is within a few bits of others'.

    Pictures within `radius` bits are linked; of all that hang together, the hash that most
    pictures have leads, and a cluster is what lies within `radius` of its leader: what is left
    gets a leader of its own. So a cluster does not drift from picture to picture. A picture
    nearly of one colour has no hash and is not judged, nor is one whose bytes are not there.

    Resized, recompressed and grey copies differ by 0 to 6 bits, those with 3 % cut off each side
    by 6 to 14, mirrored ones by half of the bits (benchmarks/perceptual_hash.py).

    Reads: media (type, status, sha256, location, width_px, height_px), their bytes, id.
    Writes: media, messages (without what was dropped); of the pictures in clusters the scores
    perceptual.cluster_size and perceptual.documents, float32 >= 1, and perceptual.distance,
    float32 in [0, radius], bits from the leader. A decision's score is the number of documents
    that show the cluster, threshold `max_documents`; for a repeat, how often its own document
    shows it, threshold 1; with `drop="copies"` the distance, threshold `radius`.
    Source: Li et al. 2024, arXiv:2406.08418, section 3.4 (OmniCorpus: over ten times by pHash
    and dHash); Zauner 2010 (pHash); Norouzi et al. 2012, doi:10.1109/CVPR.2012.6248043 (search
    by bands).

    Attributes:
        radius: most bits of 64 in which pictures of a cluster differ from its leader, 0 to 10.
        drop: "common" drops clusters that more than `max_documents` documents show, everywhere,
            and repeats in one document; "copies" drops all of a cluster but its largest picture.
        max_documents: documents of the run that may show one cluster.
    """

    reads: ClassVar = ("id", "media")
    writes: ClassVar = ("media", "messages")
    source: ClassVar = "OmniCorpus, arXiv:2406.08418, section 3.4; Zauner 2010 (pHash)"
    over: ClassVar[Level] = "media"
    combines: ClassVar = True

    radius: int = 4
    drop: Literal["common", "copies"] = "common"
    max_documents: int = 10

    def __post_init__(self) -> None:
        if not 0 <= self.radius <= MAX_RADIUS:
            raise ValueError(f"radius must lie in [0, {MAX_RADIUS}] bits, got {self.radius}")
        if self.drop not in ("common", "copies"):
            raise ValueError(f"drop is {self.drop!r}, it must be 'common' or 'copies'")
        if self.max_documents < 1:
            raise ValueError(
                f"max_documents counts documents and must be at least 1, got {self.max_documents}"
            )

    def project(self, batch: Batch) -> Projection:
        """Return a row per picture and pair of bands, and beside them every picture's hash."""
        media = batch.media()
        hashes, found = media_hashes(batch, media)
        place = np.flatnonzero(found)
        keys = band_keys(hashes[place], self.radius)
        each = np.repeat(place, keys.shape[1])
        rows = {
            "row": media.row[each],
            "element": media.position[each],
            "key": keys.reshape(-1),
            "hash": hashes[each],
        }
        sides = (media.column(name).fill_null(0) for name in ("width_px", "height_px"))
        pixels = pc.multiply(*(side.cast(pa.int64()) for side in sides))
        beside = {
            "node": nodes_of(0, media.row, media.position),
            "hash": hashes,
            "pixels": pixels,
            "id": batch.table.column("id").take(pa.array(media.row)),
        }
        return Projection(rows=pa.table(rows), beside=pa.table(beside))

    def partition(self, rows: pa.Table, buckets: int) -> Ints:
        """Return the bucket of each pair of bands."""
        return bucket_of_key(rows, buckets)

    def decide(self, rows: pa.Table, bucket: Bucket) -> pa.Table:
        """Return EDGES that link what lies within the radius, as few as are needed."""
        order, group = grouped(rows.column("key").to_numpy())
        shared = np.bincount(group, minlength=1)[group] > 1
        rows = rows.take(pa.array(order[shared]))
        unit, row, element, hashes = (
            rows.column(name).to_numpy() for name in ("unit", "row", "element", "hash")
        )
        nodes = nodes_of(unit, row, element)
        a, b = linked(group[shared], hashes, self.radius)
        score = 1 - distances(hashes[a], hashes[b]) / BITS
        return pa.table([nodes[a], nodes[b], score.astype(np.float32)], schema=EDGES)

    def members(self, beside: pa.Table, row: Ints, element: Ints) -> pa.Table:
        """Return hash, size and sample of pictures of a unit."""
        at = np.searchsorted(beside.column("node").to_numpy(), nodes_of(0, row, element))
        return beside.select(["hash", "pixels", "id"]).take(pa.array(at))

    def judge(self, members: pa.Table, bucket: Bucket) -> pa.Table:
        """Return a decision for each picture of a cluster of two or more."""
        members = _led(members, self.radius)
        size, documents, times, again = _counts(members)
        score: Any
        if self.drop == "common":
            common = documents > self.max_documents
            gone, score = common | again, np.where(common | ~again, documents, times)
            threshold = np.where(common | ~again, self.max_documents, 1)
            said = pc.if_else(
                pa.array(common), "like one that many documents show", "like one of its document"
            )
        else:
            best = _best(members)
            gone, score = best != np.arange(len(best)), members.column("distance").to_numpy()
            threshold = np.full(len(best), self.radius)
            ids = members.column("id").take(pa.array(best))
            said = pc.binary_join_element_wise("like one of ", ids, "")
        decided = {
            **{name: members.column(name) for name in ("unit", "row", "element", "distance")},
            "keep": pa.array(~gone),
            "score": pa.array(score),
            "threshold": pa.array(threshold),
            "reason": pc.if_else(pa.array(gone), said, "stays in its cluster"),
            "cluster_size": pa.array(size),
            "documents": pa.array(documents),
        }
        table = pa.table({name: decided[name] for name in _LIKE.names}).cast(_LIKE)
        return table.sort_by([(name, "ascending") for name in ("unit", "row", "element")])

    def update(self, batch: Batch, decisions: pa.Table) -> Batch:
        """Return the batch whose pictures in clusters carry their scores."""
        if decisions.num_rows == 0:
            return batch
        media = batch.media()
        row, element = (decisions.column(name).to_numpy() for name in ("row", "element"))
        at = np.searchsorted(media.row, row) + element
        scores = {}
        for name in ("cluster_size", "documents", "distance"):
            values = np.full(len(media), np.nan, np.float32)
            values[at] = decisions.column(name).to_numpy()
            scores[f"perceptual.{name}"] = values
        return batch.with_table(with_media(batch.table, add_scores(media.values, scores)))


def _led(members: pa.Table, radius: int) -> pa.Table:
    """Return the members that others lead or follow, by leader and then in order of the run.

    Adds `leader` (int64, a number per cluster) and `distance` (int64, bits from the leader).
    """
    component, hashes = (members.column(name).to_numpy() for name in ("cluster", "hash"))
    order = np.lexsort((hashes, component))
    ordered, of = hashes[order], component[order]
    new = np.r_[True, (ordered[1:] != ordered[:-1]) | (of[1:] != of[:-1])][: len(order)]
    first = np.flatnonzero(new)
    count = np.diff(np.r_[first, len(order)])
    rank = np.lexsort((order[first], -count, of[first]))  # most pictures, then the first
    leader = np.empty(len(rank), np.int64)
    led_by(of[first][rank], ordered[first][rank], radius, leader)
    leads = np.empty(len(rank), np.int64)  # who leads each distinct hash, as a place in `first`
    leads[rank] = rank[leader]
    mine = np.empty(len(order), np.int64)
    mine[order] = leads[np.cumsum(new) - 1]
    away = distances(hashes, ordered[first][mine]) if len(mine) else mine
    table = members.append_column("leader", pa.array(mine))
    table = table.append_column("distance", pa.array(away))
    table = table.filter(pa.array(np.bincount(mine, minlength=1)[mine] > 1))
    order_by = ("leader", "unit", "row", "element")
    return table.sort_by([(name, "ascending") for name in order_by])


def _counts(members: pa.Table) -> tuple[Ints, Ints, Ints, Mask]:
    """Return, of members by leader: pictures and documents of the cluster, pictures of the
    cluster in the member's document, and whether another of them stands before it there.
    """
    leader, unit, row = (members.column(name).to_numpy() for name in ("leader", "unit", "row"))
    new = (np.diff(leader) != 0) | (np.diff(unit) != 0) | (np.diff(row) != 0)
    starts = np.r_[True, new][: len(leader)]
    document = np.cumsum(starts) - 1
    size = np.bincount(leader, minlength=1)[leader]
    documents = np.bincount(leader[starts], minlength=1)[leader]
    return size, documents, np.bincount(document, minlength=1)[document], ~starts


def _best(members: pa.Table) -> Ints:
    """Return, per member by leader, where the largest picture of its cluster is, or the first."""
    leader, pixels = (members.column(name).to_numpy() for name in ("leader", "pixels"))
    order = np.lexsort((-pixels, leader))
    starts = np.flatnonzero(np.r_[True, np.diff(leader) != 0][: len(leader)])
    return np.repeat(order[starts], np.diff(np.r_[starts, len(leader)]))
