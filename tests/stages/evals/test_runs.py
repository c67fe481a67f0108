"""Runs of words: equal where the words are, whatever stands around them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.evals.runs import runs, shared_stretches, words_of

WORDS = st.lists(st.sampled_from(["mill", "stone", "Wheel,", "water", "—", "(turns)"]), max_size=30)


def plain(words):
    """Return words as they are compared, by Python alone."""
    bare = (word.strip("(),—.").lower() for word in words)
    return [word for word in bare if word]


@given(st.lists(WORDS, min_size=1, max_size=4), st.integers(1, 6))
def test_runs_are_equal_where_their_words_are(texts, size):
    words, offsets = words_of([" ".join(each) for each in texts])
    keys, segment = runs(words, offsets, size)
    expected = [
        (number, tuple(bare[i : i + size]))
        for number, bare in enumerate(map(plain, texts))
        for i in range(len(bare) - size + 1)
    ]
    assert segment.tolist() == [number for number, _ in expected]
    of = {}
    for key, (_, run) in zip(keys.tolist(), expected, strict=True):
        assert of.setdefault(run, key) == key
    assert len(set(of.values())) == len(of)


def test_runs_of_other_sizes_have_other_hashes():
    words, offsets = words_of(["a a a a"])
    keys = [set(runs(words, offsets, size)[0].tolist()) for size in (1, 2, 3)]
    assert len(set.union(*keys)) == 3


def test_a_table_leaves_out_what_is_not_in_it():
    words, offsets = words_of(["one two three four five six seven"])
    keys, _ = runs(words, offsets, 2)
    table = np.zeros(1 << 20, np.bool_)
    table[keys[[1, 4]] & np.uint64(len(table) - 1)] = True
    assert runs(words, offsets, 2, table)[0].tolist() == keys[[1, 4]].tolist()


@pytest.mark.parametrize(
    ("text", "other", "marked"),
    [
        ("When the wheel turns, we grind.", "the wheel turns", ["the wheel turns,"]),
        ("a b c d x a b c", "a b c d", ["a b c d", "a b c"]),
        ("é: THE «wheel» turns é", "the wheel turns", ["THE «wheel» turns"]),
        ("b c d", "a b c d", ["b c d"]),
        ("a b d c", "a b c", []),
        ("a", "", []),
        ("", "a b c", []),
    ],
)
def test_shared_stretches_lie_where_the_runs_are(text, other, marked):
    assert [text[a:b] for a, b in shared_stretches(text, other, 3)] == marked


@given(WORDS, WORDS, st.integers(1, 4))
def test_a_word_is_marked_when_a_run_over_it_is_shared(text, other, ngram):
    bare, known = plain(text), plain(other)
    size = min(ngram, len(known))
    there = {tuple(known[i : i + size]) for i in range(len(known) - size + 1)} if size else set()
    marked = set()
    for i in range(len(bare) - size + 1):
        if tuple(bare[i : i + size]) in there:
            marked |= set(range(i, i + size))
    spans = shared_stretches(" ".join(text), " ".join(other), ngram)
    pieces = [plain(" ".join(text)[a:b].split()) for a, b in spans]
    assert [word for piece in pieces for word in piece] == [bare[i] for i in sorted(marked)]
    assert all(a < b for a, b in spans)
