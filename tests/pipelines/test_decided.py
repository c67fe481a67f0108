"""Decisions about texts and stretches of texts, applied to the rows of a unit."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa

from pipelines.buckets import decide_bucket, project_unit
from pipelines.decided import apply_decisions, enter
from pipelines.folder import RunFolder
from pipelines.ledger import check_conservation
from pipelines.plan import cut
from pipelines.recipe import Recipe, Step
from pipelines.spent import now
from stages.sources.read_jsonl import ReadJsonl
from stages.stage import ASSETS, DECISIONS, Level, Projection, Regroup
from tests.fakes import batch_of, ids_of, sample, texts_of


@dataclass(frozen=True, kw_only=True)
class NoBran(Regroup):
    """Drops text parts that are "bran"."""

    reads: ClassVar = ("messages",)
    writes: ClassVar = ("messages",)
    source: ClassVar = "Quern"
    over: ClassVar[Level] = "text"

    def project(self, batch):
        parts = batch.parts()
        texts = parts.values.field("text")
        return Projection(rows=pa.table({"row": parts.row, "element": parts.position, "t": texts}))

    def partition(self, rows, buckets):
        return rows.column("row").to_numpy() % buckets

    def decide(self, rows, bucket):
        found = [row for row in rows.to_pylist() if row["t"] == "bran"]
        return _decisions([(row["unit"], row["row"], row["element"]) for row in found])


@dataclass(frozen=True, kw_only=True)
class NoBranLines(NoBran):
    """Drops lines that are "bran"."""

    def decide(self, rows, bucket):
        found = [
            (row["unit"], row["row"], row["element"], start, start + 4)
            for row in rows.to_pylist()
            for start in _starts(row["t"] or "")
        ]
        return _decisions(found[::-1])


def _starts(text):
    lines = text.split("\n")
    ends = np.cumsum([len(line) + 1 for line in lines]).tolist()
    return [end - 5 for line, end in zip(lines, ends, strict=True) if line == "bran"]


def _decisions(places):
    names = ["unit", "row", "element", "start", "stop"]
    told = {"keep": False, "score": 3.0, "threshold": 1.0, "reason": "coarse"}
    rows = [{**dict(zip(names, place, strict=False)), **told} for place in places]
    extra = [pa.field("start", pa.int64()), pa.field("stop", pa.int64())]
    spans = bool(places) and len(places[0]) > 3
    return pa.Table.from_pylist(rows, schema=pa.schema([*DECISIONS, *(extra if spans else [])]))


def _entered(tmp_path, operator, rows, buckets=2):
    folder = RunFolder(root=tmp_path)
    before, behind = cut(
        Recipe(name="t", source=ReadJsonl(), steps=(Step(name="fine", operator=operator),))
    )
    batch = batch_of(rows)
    project_unit(folder, before, 0, batch, ASSETS.empty_table(), buckets)
    for bucket in range(buckets):
        decide_bucket(folder, before, bucket, 1, "print")
    return enter(folder, behind, 0, batch, buckets, now())


def _media(batch):
    return batch.media().column("sha256").to_pylist()


def test_refused_texts_go_and_pictures_keep_their_order(tmp_path):
    rows = [sample("a", "bran", "meal", media=["x", "y"]), sample("b", "meal"), sample("c", "bran")]
    outcome = _entered(tmp_path, NoBran(), rows)
    assert (ids_of(outcome.batch), texts_of(outcome.batch)) == (["a", "b"], ["meal", "meal"])
    assert _media(outcome.batch) == ["x", "y"]
    assert outcome.batch.parts().media_index.tolist() == [-1, 0, 1, -1]


def test_texts_and_emptied_samples_are_counted_and_in_the_ledger(tmp_path):
    outcome = _entered(tmp_path, NoBran(), [sample("a", "meal", "bran"), sample("b", "bran")])
    texts, emptied = outcome.rejected
    assert texts.select(["over", "element", "excerpt"]).to_pylist() == [
        {"over": "text", "element": 1, "excerpt": "bran"},
        {"over": "text", "element": 0, "excerpt": "bran"},
    ]
    assert emptied.column("reason").to_pylist() == ["nothing left after fine"]
    (count,) = outcome.counts
    assert (count.elements_in, count.elements_dropped, count.dropped) == (3, 2, 1)
    check_conservation(outcome.counts)


def test_refused_lines_are_cut_each_with_an_entry(tmp_path):
    rows = [sample("a", "bran\nmeal\nbran", "rye", media=["x"]), sample("b", "bran\nbran")]
    outcome = _entered(tmp_path, NoBranLines(), rows)
    assert (ids_of(outcome.batch), texts_of(outcome.batch)) == (["a"], ["meal", "rye"])
    assert _media(outcome.batch) == ["x"]
    lines, emptied = outcome.rejected
    assert lines.column("excerpt").to_pylist() == ["bran"] * 4
    assert lines.column("element").to_pylist() == [0] * 4
    assert set(lines.column("reason").to_pylist()) == {"coarse"}
    assert emptied.column("id").to_pylist() == [f"{'b':0>32}"]
    (count,) = outcome.counts
    assert (count.elements_in, count.elements_dropped) == (3, 2)
    check_conservation(outcome.counts)


def test_a_part_with_no_lines_left_goes_and_its_picture_stays(tmp_path):
    outcome = _entered(tmp_path, NoBranLines(), [sample("a", "bran", media=["x"])])
    assert (ids_of(outcome.batch), texts_of(outcome.batch)) == (["a"], [])
    assert _media(outcome.batch) == ["x"]
    assert outcome.batch.parts().media_index.tolist() == [0]


def test_a_part_that_was_blank_before_is_left_alone(tmp_path):
    outcome = _entered(tmp_path, NoBranLines(), [sample("a", "", " ", "bran\nmeal")])
    assert texts_of(outcome.batch) == ["", " ", "meal"]


def test_a_regroup_may_settle_what_the_buckets_say():
    class Merciful(NoBran):
        def settle(self, batch, decisions):
            return decisions.slice(0, 1)

    batch = batch_of([sample("a", "bran", "bran", "meal")])
    decisions = _decisions([(0, 0, 0), (0, 0, 1)])
    outcome = apply_decisions(Merciful(), batch, decisions, "fine")
    assert texts_of(outcome.batch) == ["bran", "meal"]
