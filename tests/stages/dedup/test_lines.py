"""RepeatedLines keeps the first of equal lines or paragraphs of a run."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.dedup.lines import RepeatedLines
from stages.dedup.pieces import STRETCHES
from tests.fakes import batch_of, sample
from tests.stages.dedup.driver import decisions_of
from tests.stages.dedup.spans import texts_left


def left(rows, *, units=1, buckets=1, **options):
    return texts_left(RepeatedLines(**options), rows, units=units, buckets=buckets)


def test_the_first_line_of_the_run_stays():
    rows = [
        sample("a", "one\ntwo", "one"),
        sample("b", "three\nTwo ", media=["x"]),
        sample("c", "one"),
    ]
    assert left(rows, units=2, buckets=3, min_words=1) == {"a": ["one\ntwo"], "b": ["three"]}


def test_lines_of_few_words_stay():
    rows = [sample(name, "a b c\na b") for name in "ab"]
    assert left(rows, min_words=3) == {"a": ["a b c\na b"], "b": ["a b"]}
    assert left(rows, min_words=4) == {"a": ["a b c\na b"], "b": ["a b c\na b"]}


def test_paragraphs_are_compared_whole():
    rows = [sample("a", "one\ntwo\n\nthree"), sample("b", "one\nfour\n\nthree\n\none\ntwo")]
    assert left(rows, unit="paragraph", min_words=1)["b"] == ["one\nfour"]


def test_numbers_make_a_difference_unless_asked_not_to():
    rows = [sample("a", "page 1"), sample("b", "page 22\nend")]
    assert left(rows, min_words=1)["b"] == ["page 22\nend"]
    assert left(rows, min_words=1, digits=True)["b"] == ["end"]


def test_decisions_follow_the_schema_and_tell_how_often():
    rows = [sample(name, "so it goes") for name in "abc"]
    decisions = decisions_of(RepeatedLines(min_words=3), [batch_of(rows)])
    assert decisions.schema.equals(STRETCHES)
    assert decisions.select(["row", "score", "threshold", "reason", "start", "stop"]).to_pylist()[
        1
    ] == {
        "row": 2,
        "score": 3.0,
        "threshold": 1.0,
        "reason": "line that the run has 3 times",
        "start": 0,
        "stop": 10,
    }


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.lists(st.sampled_from(["a", "b", "c", "A"])), max_size=8),
    st.integers(1, 4),
    st.integers(1, 5),
)
def test_agrees_with_a_set_of_seen_lines_in_whatever_units(pages, units, buckets):
    rows = [
        sample(f"{i + 1:x}", *(["\n".join(lines)] if lines else []))
        for i, lines in enumerate(pages)
    ]
    seen, expected = set(), {}
    for row, lines in zip(rows, pages, strict=True):
        new = [
            x for i, x in enumerate(lines) if x.lower() not in seen | {y.lower() for y in lines[:i]}
        ]
        seen |= {x.lower() for x in lines}
        if new or not lines:
            expected[row["id"].lstrip("0")] = ["\n".join(new)] if new else []
    assert left(rows, units=units, buckets=buckets, min_words=1) == expected


@pytest.mark.parametrize("options", [{"unit": "word"}, {"min_words": 0}])
def test_impossible_options_are_refused(options):
    with pytest.raises(ValueError, match=r"must be"):
        RepeatedLines(**options)
