"""Drop samples that repeat the text of another, white space aside."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.dedup.clusters import Keep, check_keep, cluster_decisions, write_clusters
from stages.dedup.documents import bucket_of, digests, group_of, row_texts, standing
from stages.elements import Ints
from stages.stage import Batch, Bucket, Projection, Regroup


@dataclass(frozen=True, kw_only=True)
class ExactDedup(Regroup):
    """Keeps one sample of all those that say the same.

    Samples are equal if their texts have the same words (as `str.split` finds them), case
    included, and, with `of="text_and_media"`, their media are the same in the same order: by
    sha256, or by URI where a medium has none yet. A sample with nothing to compare stays.

    Reads: id, messages, media.
    Writes: `cluster.exact`, string, id of the sample that stands for the cluster, null outside
    clusters; `score.exact.cluster_size`, float32 >= 1. A decision's score is 1.
    Source: Raffel et al. 2020, arXiv:1910.10683, section 2.2; Lee et al. 2022,
    arXiv:2107.06499, section 4.

    Attributes:
        of: what must be equal: the text, or the text and the media.
        keep: which sample stays: the best (most media, then longest text, then smallest id),
            or the first or latest in the order of the run.
    """

    reads: ClassVar = ("id", "messages", "media")
    writes: ClassVar = ("cluster.exact", "score.exact.cluster_size")
    source: ClassVar = "Raffel et al. 2020, arXiv:1910.10683, section 2.2"

    of: Literal["text", "text_and_media"] = "text"
    keep: Keep = "best"

    def __post_init__(self) -> None:
        check_keep(self.keep)
        if self.of not in ("text", "text_and_media"):
            raise ValueError(f"of is {self.of!r}, it must be 'text' or 'text_and_media'")

    def project(self, batch: Batch) -> Projection:
        """Return the key of each row that has something to compare, and its standing."""
        texts = row_texts(batch)
        contents = [" ".join(text.split()).encode() for text in texts.to_pylist()]
        if self.of == "text_and_media":
            media = _media_keys(batch)
            contents = [
                c + b"\0" + m if c or m else b"" for c, m in zip(contents, media, strict=True)
            ]
        table = standing(batch, texts)
        table = table.append_column("row", pa.array(np.arange(len(batch))))
        table = table.append_column("key", digests(content or None for content in contents))
        return Projection(rows=table.filter(pc.is_valid(table.column("key"))))

    def partition(self, rows: pa.Table, buckets: int) -> Ints:
        """Return the bucket of each key."""
        return bucket_of(rows.column("key"), buckets)

    def decide(self, rows: pa.Table, bucket: Bucket) -> pa.Table:
        """Return a decision for each row whose key is not its alone."""
        group = group_of(rows.column("key"))
        shared = np.bincount(group, minlength=1)[group] > 1
        return cluster_decisions(
            rows.filter(pa.array(shared)),
            group[shared],
            np.ones(int(shared.sum()), np.float32),
            threshold=1.0,
            keep=self.keep,
            reason="duplicate",
        )

    def update(self, batch: Batch, decisions: pa.Table) -> Batch:
        """Return the unit with cluster and cluster size written down."""
        return write_clusters(batch, decisions, "exact")


def _media_keys(batch: Batch) -> list[bytes]:
    """Return, per row, the sha256 or URI of its media, each behind a zero byte."""
    media = batch.media()
    names = pc.coalesce(media.column("sha256"), media.column("uri"), pa.scalar("")).to_pylist()
    starts = np.searchsorted(media.row, np.arange(len(batch) + 1))
    return ["".join(f"\0{n}" for n in names[a:b]).encode() for a, b in pairwise(starts.tolist())]
