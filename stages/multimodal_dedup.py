"""Drop near-identical pages by one graph of texts, shared pictures and shared addresses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from stages.dedup.clusters import Keep, check_keep, cluster_decisions, write_clusters
from stages.dedup.minhash import SKETCH_SIZE, MinHashDedup
from stages.dedup.nodes import nodes_of
from stages.dedup.page_evidence import compare
from stages.dedup.pieces import Keys, bucket_of_key
from stages.elements import Ints, offsets_of
from stages.sources.addresses import address_key
from stages.stage import EDGES, Batch, Bucket, Projection, Regroup

TEXT: Final = 0
PICTURE: Final = 1
ADDRESS: Final = 2
"""What two rows of the projection that share a key have in common."""
SLICE_PAIRS: Final = 1 << 16
"""Pairs of pages that are compared at a time: of the longest texts, 512 MiB."""


@dataclass(frozen=True, kw_only=True)
class MultimodalDedup(Regroup):
    """Keeps one page of every cluster of near-identical pages.

    Pages are linked if their word shingles have a Jaccard similarity of `threshold` or more; or
    of `threshold_beside`, if besides they have the same address, or half of their pictures
    together are the same. Two pages without any text are linked if nearly all their pictures are
    (`threshold`). A shared picture alone links nothing: where it stands in different texts it is
    dropped alone, and the page stays, by a RepeatedImages or PerceptualDedup behind this step,
    which look at the pages that are left.

    Pictures are the same if their sha256 is, or their URI where they have none. A picture or
    address that more than `max_pages` pages have brings none together: logos are no evidence.

    Reads: id, messages, media (type, sha256, uri), source (uri).
    Writes: `cluster.multimodal`, string, id of the sample that stands for the cluster, null
    outside clusters; `score.multimodal.cluster_size`, float32 >= 1. A decision's score is the
    page's highest similarity to one it is linked with, in [threshold_beside, 1], threshold
    `threshold_beside`.
    Source: Quern; Lee et al. 2022, arXiv:2107.06499, section 4.2 (verified clusters); Li et al.
    2024, arXiv:2406.08418, section 3 (OmniCorpus: documents and pictures deduplicated apart).

    Attributes:
        threshold: Jaccard similarity of pages whose texts alone speak, in (0, 1].
        threshold_beside: the same of pages that share their address or pictures, at most
            `threshold`.
        max_pages: pages that may have a picture or address in common for it to be evidence.
        keep: which page stays: the best (most media, then longest text, then smallest id), or
            the first or latest in the order of the run.
    """

    reads: ClassVar = ("id", "messages", "media", "source")
    writes: ClassVar = ("cluster.multimodal", "score.multimodal.cluster_size")
    source: ClassVar = "Quern; Lee et al. 2022, arXiv:2107.06499, section 4.2"
    combines: ClassVar = True

    threshold: float = 0.8
    threshold_beside: float = 0.5
    max_pages: int = 10
    keep: Keep = "best"

    def __post_init__(self) -> None:
        check_keep(self.keep)
        if not 0 < self.threshold_beside <= self.threshold <= 1:
            raise ValueError(
                f"thresholds are Jaccard similarities, 0 < threshold_beside <= threshold <= 1; "
                f"got {self.threshold_beside} and {self.threshold}"
            )
        if self.max_pages < 2:
            raise ValueError(f"max_pages must be at least 2, got {self.max_pages}")

    @property
    def _texts(self) -> MinHashDedup:
        return MinHashDedup(threshold=self.threshold)

    def project(self, batch: Batch) -> Projection:
        """Return a row per page and band, picture or address; beside them what verifies pairs."""
        texts = self._texts.project(batch)
        assert texts.beside is not None
        row, picture = _pictures(batch)
        address = _addresses(batch)
        named = np.flatnonzero(address)
        kinds = [_rows(row, picture, PICTURE), _rows(named, address[named], ADDRESS)]
        bands = texts.rows.append_column("kind", pa.array(np.full(len(texts.rows), TEXT, np.int8)))
        lists = pa.LargeListArray.from_arrays(
            offsets_of(row, len(batch)).cast(pa.int64()), pa.array(picture)
        )
        beside = texts.beside.append_column("pictures", lists)
        return Projection(
            rows=pa.concat_tables([bands, *kinds]),
            beside=beside.append_column("address", pa.array(address)),
        )

    def partition(self, rows: pa.Table, buckets: int) -> Ints:
        """Return the bucket of each key."""
        return bucket_of_key(rows, buckets)

    def decide(self, rows: pa.Table, bucket: Bucket) -> pa.Table:
        """Return EDGES of pages that are near-identical, as the rows' keys bring them together."""
        is_text = pc.equal(rows.column("kind"), TEXT)
        by_text = self._texts.decide(rows.filter(is_text), bucket)
        return pa.concat_tables(
            [by_text, self._by_evidence(rows.filter(pc.invert(is_text)), bucket)]
        )

    def _by_evidence(self, rows: pa.Table, bucket: Bucket) -> pa.Table:
        """Return edges among pages that share a picture or an address that few have."""
        left, right = _pairs(rows, self.max_pages)
        tables = [EDGES.empty_table()]
        for start in range(0, len(left), SLICE_PAIRS):
            pairs = slice(start, start + SLICE_PAIRS)
            tables.append(self._confirmed(left[pairs], right[pairs], bucket))
        return pa.concat_tables(tables)

    def _confirmed(self, left: Ints, right: Ints, bucket: Bucket) -> pa.Table:
        similarity, beside = compare(left, right, bucket, sketch_size=SKETCH_SIZE)
        limits = np.float32(self.threshold_beside), np.float32(self.threshold)
        near = similarity >= np.where(beside, *limits)
        return pa.table([left[near], right[near], similarity[near]], schema=EDGES)

    def members(self, beside: pa.Table, row: Ints, element: Ints) -> pa.Table:
        """Return what decides who stands for a cluster."""
        return self._texts.members(beside, row, element)

    def judge(self, members: pa.Table, bucket: Bucket) -> pa.Table:
        """Return a decision for each page of a cluster."""
        return cluster_decisions(
            members,
            members.column("cluster").to_numpy(),
            members.column("score").to_numpy(),
            threshold=self.threshold_beside,
            keep=self.keep,
            reason="near-identical page",
        )

    def update(self, batch: Batch, decisions: pa.Table) -> Batch:
        """Return the unit with cluster and cluster size written down."""
        return write_clusters(batch, decisions, "multimodal")


def _rows(row: Ints, key: Keys, kind: int) -> pa.Table:
    table = pa.table({"row": row, "key": key})
    return table.append_column("kind", pa.array(np.full(len(row), kind, np.int8)))


def _pictures(batch: Batch) -> tuple[Ints, Keys]:
    """Return int64[P] and uint64[P], the row and key of each picture: once a row, ascending."""
    media = batch.media()
    names = pc.coalesce(media.column("sha256"), media.column("uri"))
    is_image = pc.equal(media.column("type"), "image").fill_null(False)
    named = pc.and_(is_image, pc.is_valid(names)).to_numpy(zero_copy_only=False)
    texts = names.filter(pa.array(named)).to_pylist()
    keys = np.array([xxhash.xxh3_64_intdigest(text.encode()) for text in texts], np.uint64)
    pairs = np.unique(np.stack([media.row[named].astype(np.uint64), keys]), axis=1)
    return pairs[0].astype(np.int64), pairs[1]


def _addresses(batch: Batch) -> Keys:
    """Return uint64[N], a key of each row's address; 0 where it has none."""
    uris = pc.struct_field(batch.table.column("source"), "uri").to_pylist()
    keys = [xxhash.xxh3_64_intdigest(address_key(uri)) if uri else 0 for uri in uris]
    return np.array(keys, np.uint64)


def _pairs(rows: pa.Table, max_pages: int) -> tuple[Ints, Ints]:
    """Return the nodes of pages that share a key with a few others, each pair once, in order."""
    nodes = nodes_of(rows.column("unit").to_numpy(), rows.column("row").to_numpy())
    key = rows.column("key").to_numpy()
    order = np.lexsort((nodes, key))
    node, key = nodes[order], key[order]
    _, group, size = np.unique(key, return_inverse=True, return_counts=True)
    few = size[group] <= max_pages
    node, group = node[few], group[few]
    pairs = [np.empty((2, 0), np.int64)]
    for apart in range(1, max_pages):
        same = group[apart:] == group[: max(len(group) - apart, 0)]
        pairs.append(np.array([node[:-apart][same], node[apart:][same]]))
    left, right = np.unique(np.concatenate(pairs, axis=1), axis=1)
    return left, right
