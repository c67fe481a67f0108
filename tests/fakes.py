"""Small rows and operators for tests of the runner: each does one thing, and visibly."""

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.dedup.nodes import nodes_of
from stages.elements import Floats, Ints, set_column
from stages.media import MediaStore
from stages.record import content_id, document, media_part, table_of, text_part
from stages.stage import (
    DECISIONS,
    EDGES,
    Batch,
    Bucket,
    Filter,
    Generator,
    Level,
    Limit,
    Projection,
    Regroup,
    Resources,
    ScoreFn,
    Scores,
    Stage,
    StageFn,
)

PLACE = ("unit", "row")
BAD = "mildew"
"""A text part that holds this word marks its row as the one that makes an operator fail."""


def sample(name: str, *texts: str, media: Sequence[dict[str, Any] | str] = ()) -> dict[str, Any]:
    """Return a row: `name` padded to an id, the texts, then each of `media` (dict or sha256)."""
    pictures = [
        {"type": "image", **(medium if isinstance(medium, dict) else {"sha256": medium})}
        for medium in media
    ]
    parts = [text_part(text) for text in texts] + [media_part(i) for i in range(len(pictures))]
    return {
        "id": f"{name:0>32}",
        "kind": "interleaved",
        "source": {"uri": f"http://quern.example/{name}"},
        "messages": document(parts),
        "media": pictures,
    }


def batch_of(rows: Sequence[dict[str, Any]], media: Path = Path("media")) -> Batch:
    """Return the rows as a batch whose packs lie in the folder `media`."""
    return Batch(table=table_of(rows), store=MediaStore(root=media))


def texts_of(batch: Batch) -> list[str]:
    """Return the text parts of all rows."""
    parts = batch.parts()
    texts: list[str] = parts.values.field("text").filter(pa.array(parts.is_text)).to_pylist()
    return texts


def ids_of(batch: Batch) -> list[str]:
    """Return the names that `sample` was given."""
    return [id_.lstrip("0") for id_ in batch.table.column("id").to_pylist()]


def _is_bad(batch: Batch) -> bool:
    return any(BAD in text for text in texts_of(batch))


def _tagged(batch: Batch, tag: str) -> Batch:
    tags = [[*(old or []), tag] for old in batch.table.column("tags").to_pylist()]
    column = pa.array(tags, pa.list_(pa.string()))
    return batch.with_table(set_column(batch.table, "tags", column))


@dataclass(frozen=True, kw_only=True)
class Tag(Stage):
    """Adds a tag to every row."""

    reads: ClassVar = ("tags",)
    writes: ClassVar = ("tags",)
    source: ClassVar = "Quern"
    tag: str = "seen"

    def build(self) -> StageFn:
        return lambda batch: _tagged(batch, self.tag)


@dataclass(frozen=True, kw_only=True)
class PooledTag(Tag):
    """Adds a tag to every row, in two workers of its own."""

    resources: ClassVar = Resources(cpus=0.25, workers=2)


@dataclass(frozen=True, kw_only=True)
class GreedyTag(Tag):
    """Adds a tag to every row, in workers that take both cores of the tests' session."""

    resources: ClassVar = Resources(cpus=1, workers=2)


@dataclass(frozen=True, kw_only=True)
class ReadsPages(Tag):
    """Reads the raw pages that only some sources give."""

    reads: ClassVar = ("payload",)


@dataclass(frozen=True, kw_only=True)
class RaiseOnBad(Stage):
    """Raises on the marked row."""

    reads: ClassVar = ("messages",)
    source: ClassVar = "Quern"

    def build(self) -> StageFn:
        def check(batch: Batch) -> Batch:
            if _is_bad(batch):
                raise ValueError(f"there is {BAD} on it")
            return batch

        return check


@dataclass(frozen=True, kw_only=True)
class DieOnBad(Stage):
    """Ends its process on the marked row, as a segmentation fault or the kernel would."""

    reads: ClassVar = ("messages",)
    source: ClassVar = "Quern"
    how: Literal["kill", "exit"] = "kill"

    def build(self) -> StageFn:
        def check(batch: Batch) -> Batch:
            if _is_bad(batch):
                if self.how == "exit":
                    os._exit(1)
                os.kill(os.getpid(), signal.SIGKILL)
            return batch

        return check


@dataclass(frozen=True, kw_only=True)
class Doze(Stage):
    """Takes its time."""

    source: ClassVar = "Quern"
    seconds: float = 0.05

    def build(self) -> StageFn:
        def doze(batch: Batch) -> Batch:
            time.sleep(self.seconds)
            return batch

        return doze


@dataclass(frozen=True, kw_only=True)
class LoseRow(Stage):
    """Breaks the rule of stages: gives back one row less."""

    source: ClassVar = "Quern"

    def build(self) -> StageFn:
        return lambda batch: batch.keep_rows(np.arange(len(batch)) > 0)


@dataclass(frozen=True, kw_only=True)
class Chars(Filter):
    """Drops rows or text parts outside a range of characters; a text "?" is not judged."""

    reads: ClassVar = ("messages",)
    source: ClassVar = "Quern"
    levels: ClassVar[tuple[Level, ...]] = ("sample", "text")
    min_chars: int = 1
    max_chars: int = 100

    def limits(self) -> tuple[Limit, ...]:
        return (Limit(score="chars", min=self.min_chars, max=self.max_chars),)

    def build(self) -> ScoreFn:
        def score(batch: Batch) -> Scores:
            texts = texts_of(batch)
            chars = np.array([np.nan if text == "?" else len(text) for text in texts], np.float32)
            if self.over == "text":
                return {"chars": chars}
            parts = batch.parts()
            row = parts.row[parts.is_text]
            return {"chars": np.bincount(row, chars, minlength=len(batch)).astype(np.float32)}

        return score


@dataclass(frozen=True, kw_only=True)
class Width(Filter):
    """Drops media under a width; one without a width is not judged."""

    reads: ClassVar = ("media",)
    source: ClassVar = "Quern"
    levels: ClassVar[tuple[Level, ...]] = ("media",)
    over: Level = "media"
    min_width_px: int = 100

    def limits(self) -> tuple[Limit, ...]:
        return (Limit(score="width_px", min=self.min_width_px),)

    def build(self) -> ScoreFn:
        def score(batch: Batch) -> Scores:
            width = batch.media().column("width_px").cast(pa.float32())
            values: Floats = width.to_numpy(zero_copy_only=False)
            return {"width_px": values}

        return score


@dataclass(frozen=True, kw_only=True)
class Twin(Generator):
    """Makes one child of every row."""

    reads: ClassVar = ("id",)
    source: ClassVar = "Quern"

    def build(self) -> StageFn:
        def twin(batch: Batch) -> Batch:
            rows = batch.table.to_pylist()
            twins = [
                {
                    **row,
                    "id": content_id(row["id"], "twin"),
                    "source": {**(row["source"] or {}), "parents": [row["id"]]},
                }
                for row in rows
            ]
            children = table_of(twins).select(batch.table.column_names)
            both = pa.concat_tables([batch.table, children], promote_options="default")
            return replace(batch, table=both, _tokens=[])

        return twin


@dataclass(frozen=True, kw_only=True)
class SameText(Regroup):
    """Keeps the first row of those that share their first text; writes down the first's id."""

    reads: ClassVar = ("id", "messages")
    writes: ClassVar = ("cluster.same_text",)
    source: ClassVar = "Quern"

    def project(self, batch: Batch) -> Projection:
        parts = batch.parts()
        first = np.flatnonzero(parts.is_text & (parts.position == 0))
        row = parts.row[first]
        columns = {
            "row": row,
            "id": batch.table.column("id").take(pa.array(row)),
            "key": parts.values.field("text").take(pa.array(first)),
        }
        return Projection(rows=pa.table(columns))

    def partition(self, rows: pa.Table, buckets: int) -> Ints:
        digits = [int(content_id(key)[:8], 16) for key in rows.column("key").to_pylist()]
        return np.array(digits, np.int64) % buckets

    def decide(self, rows: pa.Table, bucket: Bucket) -> pa.Table:
        first: dict[str, dict[str, Any]] = {}
        decisions = []
        for row in rows.to_pylist():
            best = first.setdefault(row["key"], row)
            place = {"unit": row["unit"], "row": row["row"], "element": -1, "stands": best["id"]}
            score = {"score": 1.0, "threshold": 1.0, "reason": f"the same as {best['id']}"}
            decisions.append({**place, **score, "keep": best is row})
        schema = DECISIONS.append(pa.field("stands", pa.string()))
        return pa.Table.from_pylist(decisions, schema=schema)

    def update(self, batch: Batch, decisions: pa.Table) -> Batch:
        stands: list[str | None] = [None] * len(batch)
        for decision in decisions.to_pylist():
            stands[decision["row"]] = decision["stands"]
        column = pa.array(stands, pa.string())
        return batch.with_table(set_column(batch.table, "cluster.same_text", column))


@dataclass(frozen=True, kw_only=True)
class Undecided(SameText):
    """Cannot decide."""

    def decide(self, rows: pa.Table, bucket: Bucket) -> pa.Table:
        raise ValueError("neither this nor that")


@dataclass(frozen=True, kw_only=True)
class SameTextCombined(SameText):
    """Does the same by edges between neighbours, and decides when their clusters are known."""

    combines: ClassVar[bool] = True

    def project(self, batch: Batch) -> Projection:
        return replace(super().project(batch), beside=batch.table.select(["id"]))

    def decide(self, rows: pa.Table, bucket: Bucket) -> pa.Table:
        node = nodes_of(*(rows[name].to_numpy() for name in PLACE))
        table = rows.append_column("node", pa.array(node))
        table = table.sort_by([("key", "ascending"), ("node", "ascending")])
        node, key = table.column("node").to_numpy(), table.column("key").to_pylist()
        same = np.array([a == b for a, b in pairwise(key)], np.bool_)
        ends = (node[:-1][same], node[1:][same], np.ones(int(same.sum()), np.float32))
        return pa.table(list(ends), schema=EDGES)

    def members(self, beside: pa.Table, row: Ints, element: Ints) -> pa.Table:
        return beside.take(pa.array(row))

    def judge(self, members: pa.Table, bucket: Bucket) -> pa.Table:
        return super().decide(members.append_column("key", members.column("cluster")), bucket)


@dataclass(frozen=True, kw_only=True)
class NarrowPictures(Regroup):
    """Drops, of all pictures of the run, those under half the width of the widest."""

    reads: ClassVar = ("media",)
    writes: ClassVar = ("media",)
    source: ClassVar = "Quern"
    over: ClassVar[Level] = "media"

    def project(self, batch: Batch) -> Projection:
        media = batch.media()
        columns = {"row": media.row, "element": media.position, "px": media.column("width_px")}
        return Projection(rows=pa.table(columns))

    def partition(self, rows: pa.Table, buckets: int) -> Ints:
        return np.zeros(rows.num_rows, np.int64)

    def decide(self, rows: pa.Table, bucket: Bucket) -> pa.Table:
        half = (pc.max(rows.column("px")).as_py() or 0) / 2
        count = rows.num_rows
        columns = {
            "unit": rows.column("unit"),
            "row": rows.column("row"),
            "element": rows.column("element"),
            "keep": pc.greater_equal(rows.column("px"), half),
            "score": rows.column("px"),
            "threshold": pa.array([half] * count),
            "reason": pa.array(["narrow"] * count),
        }
        return pa.table(columns).cast(DECISIONS)
