"""Drop pictures that many documents show, and repeats of a picture within one document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.dedup.documents import bucket_of, digests, group_of
from stages.elements import Ints
from stages.stage import DECISIONS, Batch, Bucket, Level, Projection, Regroup


@dataclass(frozen=True, kw_only=True)
class RepeatedImages(Regroup):
    """Drops a picture from everywhere when more than `max_documents` documents show it.

    Logos, buttons and advertisements recur; what a page is about does not. A picture met again
    within one document keeps its first place only. Pictures are the same if their sha256 is,
    or their URI where they have none; a picture with neither stays.

    Reads: media (type, sha256, uri).
    Writes: media, messages (without what was dropped). A decision's score is the number of
    documents that show the picture, threshold `max_documents`; for a repeat, how often its own
    document shows it, threshold 1.
    Source: Laurençon et al. 2023, arXiv:2306.16527 (OBELICS: over ten times, and repeats within
    a document); Awadalla et al. 2024, arXiv:2406.11271 (MINT-1T: both, by sha256); Li et al.
    2024, arXiv:2406.08418 (OmniCorpus: over ten times).

    Attributes:
        max_documents: documents of the run that may show one picture.
    """

    reads: ClassVar = ("media",)
    writes: ClassVar = ("media", "messages")
    source: ClassVar = "OBELICS, arXiv:2306.16527; MINT-1T, arXiv:2406.11271"
    over: ClassVar[Level] = "media"

    max_documents: int = 10

    def __post_init__(self) -> None:
        if self.max_documents < 1:
            raise ValueError(
                f"max_documents counts documents and must be at least 1, got {self.max_documents}"
            )

    def project(self, batch: Batch) -> Projection:
        """Return the key of each picture that has one."""
        media = batch.media()
        names = pc.coalesce(media.column("sha256"), media.column("uri"))
        is_image = pc.equal(media.column("type"), "image").fill_null(False)
        names = pc.if_else(is_image, names, None)
        keys = digests(None if name is None else name.encode() for name in names.to_pylist())
        table = pa.table({"row": media.row, "element": media.position, "key": keys})
        return Projection(rows=table.filter(pc.is_valid(keys)))

    def partition(self, rows: pa.Table, buckets: int) -> Ints:
        """Return the bucket of each picture."""
        return bucket_of(rows.column("key"), buckets)

    def decide(self, rows: pa.Table, bucket: Bucket) -> pa.Table:
        """Return a decision for each place that a picture loses."""
        table = rows.append_column("picture", pa.array(group_of(rows.column("key"))))
        table = table.sort_by(
            [(name, "ascending") for name in ("picture", "unit", "row", "element")]
        )
        picture, unit, row = (table.column(n).to_numpy() for n in ("picture", "unit", "row"))
        starts = np.r_[
            True,
            (picture[1:] != picture[:-1]) | (unit[1:] != unit[:-1]) | (row[1:] != row[:-1]),
        ][: len(picture)]
        documents = np.bincount(picture[starts], minlength=1)[picture]
        showing = np.cumsum(starts) - 1
        times = np.bincount(showing, minlength=1)[showing]
        common = documents > self.max_documents
        score = np.where(common, documents, times)
        decisions = {
            "unit": table.column("unit"),
            "row": table.column("row"),
            "element": table.column("element"),
            "keep": pa.array(np.zeros(len(picture), np.bool_)),
            "score": pa.array(score),
            "threshold": pa.array(np.where(common, self.max_documents, 1)),
            "reason": pc.if_else(
                pa.array(common), "shown by many documents", "repeated in its document"
            ),
        }
        dropped = pa.table(decisions).filter(pa.array(common | ~starts)).cast(DECISIONS)
        return dropped.sort_by([(name, "ascending") for name in ("unit", "row", "element")])
