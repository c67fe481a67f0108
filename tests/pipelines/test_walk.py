import dataclasses
import math
import re

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.ledger import LEDGER, check_conservation
from pipelines.recipe import Step
from pipelines.walk import Outcome, apply_step, guarded, walk
from stages.errors import MissingWeightsError, StorageError
from stages.record import SCHEMA
from tests.fakes import (
    BAD,
    Chars,
    LoseRow,
    RaiseOnBad,
    Tag,
    Twin,
    Width,
    batch_of,
    ids_of,
    sample,
    texts_of,
)


def _step(operator, name="step"):
    return Step(name=name, operator=operator)


def _walk(rows, *operators):
    steps = [_step(operator, f"s{number}") for number, operator in enumerate(operators)]
    return walk(batch_of(rows), steps)


def _ledger(outcome):
    return pa.concat_tables([LEDGER.empty_table(), *outcome.rejected]).to_pylist()


def _quarantined(outcome):
    return [row for table in outcome.quarantined for row in table.to_pylist()]


def _count(outcome, name, field):
    (count,) = [count for count in outcome.counts if count.name == name]
    return getattr(count, field)


def test_steps_follow_each_other():
    outcome = _walk([sample("a"), sample("b")], Tag(tag="first"), Tag(tag="second"))
    assert outcome.batch.table.column("tags").to_pylist() == [["first", "second"]] * 2
    assert [count.name for count in outcome.counts] == ["s0", "s1"]


def test_a_row_that_makes_a_stage_raise_is_quarantined_alone():
    rows = [sample(str(i), BAD if i == 5 else "fine") for i in range(1, 9)]
    outcome = _walk(rows, RaiseOnBad(), Tag())
    assert ids_of(outcome.batch) == ["1", "2", "3", "4", "6", "7", "8"]
    assert outcome.batch.table.column("tags").to_pylist() == [["seen"]] * 7
    (lost,) = _quarantined(outcome)
    assert lost["id"].lstrip("0") == "5"
    assert lost["quarantine.step"] == "s0"
    assert f"ValueError: there is {BAD} on it" in lost["quarantine.error"]
    assert "Traceback" in lost["quarantine.error"]


@given(st.lists(st.booleans(), max_size=12))
def test_any_pattern_of_bad_rows_costs_those_rows_and_no_others(bad):
    rows = [sample(str(i + 1), BAD if is_bad else "fine") for i, is_bad in enumerate(bad)]
    outcome = _walk(rows, RaiseOnBad())
    good = [str(i + 1) for i, is_bad in enumerate(bad) if not is_bad]
    assert ids_of(outcome.batch) == good
    assert len(_quarantined(outcome)) == sum(bad)
    check_conservation(outcome.counts)


def test_a_batch_that_fails_only_as_a_whole_loses_no_row():
    def apply(step, batch):
        if len(batch) > 2:
            raise MemoryError
        return apply_step(step, batch)

    rows = [sample(str(i)) for i in range(1, 6)]
    outcome = guarded(apply, _step(Tag()), batch_of(rows))
    assert ids_of(outcome.batch) == ["1", "2", "3", "4", "5"]
    assert outcome.quarantined == ()


@pytest.mark.parametrize("error", [MissingWeightsError, StorageError])
def test_missing_weights_and_a_full_disk_are_no_rows_fault(error):
    def apply(step, batch):
        raise error("clip.safetensors")

    with pytest.raises(error):
        guarded(apply, _step(Tag()), batch_of([sample("a"), sample("b")]))


def test_a_stage_that_loses_rows_is_refused():
    outcome = _walk([sample("a"), sample("b")], LoseRow())
    assert len(outcome.batch) == 0
    assert (
        "stage s0 was given 1 rows and returned 0" in _quarantined(outcome)[0]["quarantine.error"]
    )


def test_a_dropped_sample_is_told_with_score_threshold_and_excerpt():
    rows = [sample("a", "four"), sample("b", "a longer text"), sample("c", "ok", "so")]
    outcome = _walk(rows, Chars(min_chars=4, max_chars=8))
    assert ids_of(outcome.batch) == ["a", "c"]
    assert _ledger(outcome) == [
        {
            "id": f"{'b':0>32}",
            "uri": "http://quern.example/b",
            "step": "s0",
            "over": "sample",
            "element": -1,
            "score_name": "chars",
            "score": 13.0,
            "threshold": 8.0,
            "reason": "chars 13 > max 8",
            "excerpt": "a longer text",
        }
    ]


def test_scores_of_samples_become_columns_of_those_that_stay():
    outcome = _walk([sample("a", "four"), sample("b", "no")], Chars(min_chars=3))
    table = outcome.batch.table
    assert table.schema.field("score.s0.chars").type == pa.float32()
    assert table.column("score.s0.chars").to_pylist() == [4.0]


def test_a_dropped_text_part_edits_its_sample_and_is_named_by_its_place():
    row = sample("a", "keep this", "no", "and this", media=["x"])
    outcome = _walk([row], Chars(over="text", min_chars=3))
    assert texts_of(outcome.batch) == ["keep this", "and this"]
    assert outcome.batch.parts().media_index.tolist() == [-1, -1, 0]
    (entry,) = _ledger(outcome)
    assert (entry["over"], entry["element"], entry["score"]) == ("text", 1, 2.0)
    assert (entry["reason"], entry["excerpt"]) == ("chars 2 < min 3", "no")
    assert _count(outcome, "s0", "elements_in") == 3
    assert _count(outcome, "s0", "elements_dropped") == 1
    assert _count(outcome, "s0", "dropped") == 0


def test_scores_of_text_parts_go_into_the_parts():
    outcome = _walk([sample("a", "four", media=["x"])], Chars(over="text"))
    values = outcome.batch.parts().values.to_pylist()
    assert [dict(part["scores"] or []) for part in values] == [{"s0.chars": 4.0}, {}]


def test_a_dropped_medium_takes_its_part_along():
    media = [{"uri": "http://quern.example/icon", "width_px": 99}, {"width_px": 100}]
    outcome = _walk([sample("a", "text", media=media)], Width())
    assert outcome.batch.media().column("width_px").to_pylist() == [100]
    assert outcome.batch.parts().media_index.tolist() == [-1, 0]
    (entry,) = _ledger(outcome)
    assert (entry["over"], entry["element"], entry["score"]) == ("media", 0, 99.0)
    assert entry["excerpt"] == "http://quern.example/icon"
    scores = outcome.batch.media().column("scores").to_pylist()
    assert scores == [[("s0.width_px", 100.0)]]


def test_a_score_that_is_not_judged_keeps_its_element_and_is_not_stored():
    media = [{"width_px": None}, {"width_px": 99}]
    outcome = _walk([sample("a", "?", media=media)], Width(), Chars(over="text", min_chars=3))
    assert outcome.batch.media().column("width_px").to_pylist() == [None]
    assert texts_of(outcome.batch) == ["?"]
    assert outcome.batch.media().column("scores").to_pylist() == [[]]


def test_a_sample_of_unjudged_score_stays():
    outcome = _walk([sample("a", "?")], Chars(min_chars=3))
    assert ids_of(outcome.batch) == ["a"]
    assert math.isnan(outcome.batch.table.column("score.s0.chars")[0].as_py())


def test_a_sample_left_with_nothing_is_dropped_by_the_filter_that_emptied_it():
    rows = [sample("a", "no", "ja"), sample("b", "no", media=["x"])]
    outcome = _walk(rows, Chars(over="text", min_chars=3))
    assert ids_of(outcome.batch) == ["b"]
    entries = _ledger(outcome)
    assert [entry["over"] for entry in entries] == ["text"] * 4
    assert [entry["element"] for entry in entries] == [0, 1, 0, -1]
    assert entries[3]["reason"] == "nothing left after s0"
    assert entries[3]["excerpt"] == "no ja"
    assert math.isnan(entries[3]["score"])
    assert _count(outcome, "s0", "dropped") == 1
    assert _count(outcome, "s0", "elements_dropped") == 3


def test_a_sample_that_never_had_parts_is_not_called_emptied():
    bare = {**sample("a"), "messages": []}
    outcome = _walk([bare, sample("b", "no")], Chars(over="text", min_chars=3))
    assert ids_of(outcome.batch) == ["a"]


def test_a_step_that_is_given_nothing_counts_nothing_and_scores_nothing():
    outcome = _walk([sample("a", "no")], Chars(min_chars=3), Tag())
    assert len(outcome.batch) == 0
    assert _count(outcome, "s1", "rows_in") == 0
    check_conservation(outcome.counts)


def test_generated_rows_are_counted_as_such():
    outcome = _walk([sample("a"), sample("b")], Twin(), Tag())
    assert len(outcome.batch) == 4
    assert _count(outcome, "s0", "generated") == 2
    assert _count(outcome, "s0", "rows_out") == 4
    parents = [row["parents"] for row in outcome.batch.table.column("source").to_pylist()]
    assert parents[2:] == [[f"{'a':0>32}"], [f"{'b':0>32}"]]
    check_conservation(outcome.counts)


def test_a_generator_that_fails_on_a_row_quarantines_it_and_counts_right():
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class TwinUnlessBad(Twin):
        def build(self):
            twin, check = super().build(), RaiseOnBad().build()
            return lambda batch: twin(check(batch))

    outcome = _walk([sample("a"), sample("b", BAD)], TwinUnlessBad())
    assert (len(outcome.batch), len(_quarantined(outcome))) == (2, 1)
    assert _count(outcome, "s0", "generated") == 1
    check_conservation(outcome.counts)


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ({"chars": np.zeros(1, np.float64)}, r"must score chars as float32\[1\], got float64\[1\]"),
        ({"chars": np.zeros(2, np.float32)}, r"must score chars as float32\[1\], got float32\[2\]"),
        ({"other": np.zeros(1, np.float32)}, r"has limits on \['chars'\] but scores only"),
    ],
)
def test_scores_of_another_shape_or_name_are_refused(scores, message):
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Wrong(Chars):
        def build(self):
            return lambda batch: scores

    outcome = _walk([sample("a", "text")], Wrong())
    (lost,) = _quarantined(outcome)
    assert re.search(message, lost["quarantine.error"])


def test_a_bisected_filter_drops_and_keeps_as_an_unbroken_one():
    rows = [sample(str(i), "x" * i) for i in range(1, 9)]
    filter_ = Chars(min_chars=3, max_chars=6)

    def fragile(step, batch):
        if len(batch) > 1:
            raise RuntimeError
        return apply_step(step, batch)

    whole = apply_step(_step(filter_), batch_of(rows))
    pieces = guarded(fragile, _step(filter_), batch_of(rows))
    assert pieces.batch.table.equals(whole.batch.table)
    assert _ledger(pieces) == _ledger(whole)


def test_columns_of_kept_rows_do_not_hang_on_which_rows_failed():
    rows = [sample("a", BAD), sample("b", "fine")]
    outcome = _walk(rows, RaiseOnBad(), Chars())
    assert set(SCHEMA.names) < set(outcome.batch.table.column_names)
    assert outcome.batch.table.column("score.s1.chars").to_pylist() == [4.0]


def test_an_outcome_starts_empty():
    outcome = Outcome(batch=batch_of([]))
    assert (outcome.rejected, outcome.quarantined, outcome.counts) == ((), (), ())
