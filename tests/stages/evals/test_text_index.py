"""The share of an evaluation text that stands in a text, against counting by hand."""

import random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.errors import NotReadyError
from stages.evals import text_index as module
from stages.evals.runs import words_of
from stages.evals.text_index import load_text_index, overlaps, text_index
from stages.tokens import tokenize

LETTERS = st.lists(st.sampled_from("abcd"), max_size=14)


def index_of(texts, ngram):
    words, ends = words_of(texts)
    cores = np.split(words, ends[1:-1])
    return text_index(tuple(f"t{i}" for i in range(len(texts))), cores, ngram)


def tokens_of(*texts):
    return tokenize(pa.array(texts, pa.string()), row=np.arange(len(texts)), rows=len(texts))


def by_hand(text, other, ngram, known):
    """Return how many words of an evaluation text the shared runs cover, and all of its runs."""
    size = min(ngram, len(other))
    there = {tuple(text[i : i + size]) for i in range(len(text) - size + 1)}
    covered, coverable = set(), set()
    for i in range(len(other) - size + 1):
        run = tuple(other[i : i + size])
        if known[run] <= module.MAX_TEXTS:
            coverable |= set(range(i, i + size))
            covered |= set(range(i, i + size)) if run in there else set()
    return len(covered), len(coverable)


@given(st.lists(LETTERS, min_size=1, max_size=5), st.lists(LETTERS.filter(bool), max_size=14))
def test_agrees_with_counting_by_hand(texts, evals):
    ngram = 4
    known = {}
    for other in evals:
        size = min(ngram, len(other))
        for run in {tuple(other[i : i + size]) for i in range(len(other) - size + 1)}:
            known[run] = known.get(run, 0) + 1
    index = index_of([" ".join(each) for each in evals], ngram)
    found = overlaps(index, tokens_of(*map(" ".join, texts)), "sample")
    for number, text in enumerate(texts):
        counts = [by_hand(text, other, ngram, known) for other in evals]
        covered = [count for count, _ in counts]
        shares = [count / max(words, 1) for count, words in counts]
        best = max(shares, default=0)
        assert found.share[number] == np.float32(best)
        assert found.text[number] == (shares.index(best) if best else -1)
        assert found.covered[number] == (covered[shares.index(best)] if best else 0)


def test_runs_do_not_reach_from_one_sample_into_the_next():
    index = index_of(["a b c d"], 4)
    assert overlaps(index, tokens_of("a b", "c d"), "sample").share.tolist() == [0, 0]


def test_runs_that_many_evaluation_texts_have_count_nowhere(monkeypatch):
    monkeypatch.setattr(module, "MAX_TEXTS", 2)
    texts = [f"answer with a letter {x} {x}" for x in "pqr"]
    index = index_of([*texts, "answer with a", "answer with a"], 3)
    assert index.words.tolist() == [4, 4, 4, 0, 0]
    assert overlaps(index, tokens_of("answer with a letter"), "sample").share.tolist() == [0]
    found = overlaps(index, tokens_of("answer with a letter q q"), "sample")
    assert (found.text.tolist(), found.covered.tolist()) == ([1], [4]), "a letter q q"
    assert found.share.tolist() == [1], "the instruction is no part of the text"


def test_equal_and_short_texts_are_left_out_when_sets_are_read(tmp_path):
    lines = [
        "one two three four",
        "One, two (three) four.",
        "one two three",
        "five six seven eight nine ten",
    ]
    for number, line in enumerate(lines):
        (tmp_path / f"{number}.txt").write_text(line)
    index = load_text_index(str(tmp_path), 13, 4)
    assert index.names == ("0.txt", "3.txt")
    assert index.words.tolist() == [4, 6]


def test_sets_are_read_in_chunks_of_any_size(tmp_path, monkeypatch):
    draw = random.Random(3)
    texts = [" ".join(draw.choices("abcdefgh", k=draw.randrange(20))) for _ in range(50)]
    for number, text in enumerate(texts):
        (tmp_path / f"{number:02d}.txt").write_text(text)
    whole = load_text_index(str(tmp_path), 5, 3)
    monkeypatch.setattr(module, "CHUNK", 7)
    load_text_index.cache_clear()
    pieces = load_text_index(str(tmp_path), 5, 3)
    assert pieces.names == whole.names
    assert pieces.keys.tobytes() == whole.keys.tobytes()
    assert pieces.place.tobytes() == whole.place.tobytes()


def test_no_sets_give_an_index_that_finds_nothing():
    found = overlaps(load_text_index("", 13, 8), tokens_of("some text", ""), "sample")
    assert found.share.tolist() == [0, 0]
    assert found.share.dtype == np.float32
    assert found.text.tolist() == [-1, -1]


def test_too_many_words_are_refused_with_a_remedy(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text("one two three")
    monkeypatch.setattr(module, "MAX_WORDS", 2)
    with pytest.raises(NotReadyError, match="hold 3 words"):
        load_text_index(str(tmp_path / "a.txt"), 13, 1)
