"""RepeatedSubstrings cuts every window of words but its first place in the run."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.decided import apply_decisions
from stages.dedup import substrings
from stages.dedup.pieces import STRETCHES
from stages.dedup.substrings import RepeatedSubstrings
from stages.dedup.windows import windows_of
from tests.fakes import batch_of, sample
from tests.stages.dedup.driver import decisions_of
from tests.stages.dedup.spans import texts_left


def left(rows, *, units=1, buckets=1, **options):
    return texts_left(RepeatedSubstrings(**options), rows, units=units, buckets=buckets)


def test_a_passage_met_before_is_cut_and_the_first_stays():
    rows = [sample("a", "x one two three y"), sample("b", "p one  two\nthree q")]
    assert left(rows, min_words=3) == {"a": ["x one two three y"], "b": ["p q"]}
    assert left(rows, min_words=4) == {"a": ["x one two three y"], "b": ["p one  two\nthree q"]}


def test_case_and_marks_make_a_difference():
    rows = [
        sample("a", "one two three"),
        sample("b", "One two three"),
        sample("c", "one two, three"),
    ]
    assert list(left(rows, min_words=3)) == ["a", "b", "c"]


def test_repeats_inside_one_text_are_cut_too():
    assert left([sample("a", "one two three one two three")], min_words=3) == {
        "a": ["one two three"]
    }


def test_a_passage_may_go_across_text_parts_and_each_part_has_its_entry():
    rows = [sample("a", "one two three four"), sample("b", "zero one", "", "two three", "four end")]
    assert left(rows, min_words=4) == {"a": ["one two three four"], "b": ["zero", "", "end"]}
    operator, batch = RepeatedSubstrings(min_words=4), batch_of(rows)
    outcome = apply_decisions(operator, batch, decisions_of(operator, [batch]), "step")
    (ledger,) = outcome.rejected
    assert ledger.select(["element", "excerpt", "score", "threshold"]).to_pylist() == [
        {"element": 0, "excerpt": "one", "score": 4.0, "threshold": 4.0},
        {"element": 2, "excerpt": "two three", "score": 4.0, "threshold": 4.0},
        {"element": 3, "excerpt": "four", "score": 4.0, "threshold": 4.0},
    ]


def test_pictures_in_a_passage_stay():
    rows = [sample("a", "one two three"), sample("b", "one two three", media=["x"])]
    assert left(rows, min_words=3) == {"a": ["one two three"], "b": []}


def test_ideographs_are_words():
    assert left([sample("a", "風車は谷の"), sample("b", "大風車は谷に")], min_words=4)["b"] == [
        "大に"
    ]


def test_a_long_passage_is_one_stretch():
    words = [f"w{i}" for i in range(500)]
    batch = batch_of([sample("a", " ".join(words)), sample("b", "x " + " ".join(words[7:]))])
    operator = RepeatedSubstrings()
    decisions = operator.settle(batch, decisions_of(operator, [batch], buckets=3))
    assert decisions.schema.equals(STRETCHES)
    (only,) = decisions.to_pylist()
    assert (only["row"], only["start"], only["score"]) == (1, 2, 493.0)
    assert only["reason"] == "493 words that the run has before"


def test_units_larger_than_a_chunk_are_the_same(monkeypatch):
    rows = [sample(f"{i + 1:x}", f"own {i} one two three") for i in range(7)]
    whole = left(rows, min_words=3)
    monkeypatch.setattr(substrings, "CHUNK_ROWS", 2)
    assert left(rows, min_words=3) == whole


def by_hand(documents, length):
    """Return the words that stay: those in no window whose words came before."""
    seen, kept = set(), []
    for words in documents:
        gone = set()
        for i in range(len(words) - length + 1):
            window = tuple(words[i : i + length])
            if window in seen:
                gone |= set(range(i, i + length))
            seen.add(window)
        kept.append([word for i, word in enumerate(words) if i not in gone])
    return kept


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.lists(st.sampled_from("ab"), max_size=30), max_size=6),
    st.integers(2, 9),
    st.integers(1, 4),
    st.integers(1, 5),
    st.lists(st.integers(0, 30), max_size=2),
)
def test_agrees_with_a_set_of_windows_in_whatever_units(documents, length, units, buckets, cuts):
    rows = []
    for i, words in enumerate(documents):
        borders = [0, *sorted(cuts), len(words)]
        texts = [" ".join(words[a:b]) for a, b in pairwise(borders)]
        rows.append(sample(f"{i + 1:x}", *texts, media=["picture"]))
    found = left(rows, units=units, buckets=buckets, min_words=length)
    words_left = [" ".join(texts).split() for texts in found.values()]
    assert words_left == by_hand(documents, length)


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 2), max_size=25), max_size=4), st.integers(2, 8), st.data())
def test_equal_windows_have_equal_minimizers_at_equal_places(texts, length, data):
    inner = data.draw(st.integers(1, length))
    offsets = np.cumsum([0, *map(len, texts)])
    words = np.array([word for text in texts for word in text], np.uint64)
    found = windows_of(words, offsets, length=length, inner=inner)
    runs = [run for run in found.runs.tolist()]
    told = [(t, w + i, at - i, key) for t, w, at, count, key in runs for i in range(count)]
    places = [(t, i) for t, text in enumerate(texts) for i in range(len(text) - length + 1)]
    assert [each[:2] for each in told] == places
    marks = list(zip(found.hashes.tolist(), [each[2:] for each in told], strict=True))
    windows = [tuple(texts[t][i : i + length]) for t, i in places]
    for window, mark in zip(windows, marks, strict=True):
        assert [other == mark for other in marks] == [other == window for other in windows]


def test_a_passage_of_one_word_is_refused():
    with pytest.raises(ValueError, match="at least 2, got 1"):
        RepeatedSubstrings(min_words=1)
