"""Lines and paragraphs, and what their hashes tell apart."""

import re

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.dedup.pieces import pieces_of

SIGNS = st.text("aB9 \n\t\r\u3000éÄ風\u0660#-", max_size=40)


def reference(text, *, paragraphs, digits):
    """Return (start, stop, what the hash is of) of each piece, by regular expressions."""
    pattern = r"\n\s*\n" if paragraphs else r"\n"
    found, at = [], 0
    for end in [m.span() for m in re.finditer(pattern, text)] + [(len(text), len(text))]:
        piece = text[at : end[0]]
        if piece.strip():
            start = at + len(piece) - len(piece.lstrip())
            stop = start + len(piece.strip())
            said = " ".join(piece.split()).lower()
            said = re.sub(r"\d+", "0", said) if digits else said
            found.append((len(text[:start].encode()), len(text[:stop].encode()), said))
        at = end[1]
    return found


@settings(deadline=None)
@given(st.lists(st.one_of(SIGNS, st.none()), max_size=5), st.booleans(), st.booleans())
def test_pieces_are_those_that_regular_expressions_find(texts, paragraphs, digits):
    pieces = pieces_of(pa.array(texts, pa.string()), paragraphs=paragraphs, digits=digits)
    expected = [
        (number, *piece)
        for number, text in enumerate(texts)
        for piece in reference(text or "", paragraphs=paragraphs, digits=digits)
    ]
    assert [(p["text"], p["start"], p["stop"]) for p in pieces] == [e[:3] for e in expected]
    said = [piece[3] for piece in expected]
    keys = pieces["key"].tolist()
    for key, words in zip(keys, said, strict=True):
        assert [other == key for other in keys] == [other == words for other in said]


@pytest.mark.parametrize(
    ("text", "chars", "words", "letters"),
    [("Two  words.", 10, 2, 8), ("  12\t34 ", 5, 2, 0), ("風車 mill", 7, 3, 6), ("--", 2, 1, 0)],
)
def test_characters_words_and_letters_are_counted(text, chars, words, letters):
    (piece,) = pieces_of(pa.array([text]))
    assert (piece["chars"], piece["words"], piece["letters"]) == (chars, words, letters)


@pytest.mark.parametrize(
    ("text", "heading"),
    [("# A", True), ("###### A b", True), ("####### A", False), ("#A b", False), ("#", False)],
)
def test_a_heading_begins_with_up_to_six_hash_marks_and_a_space(text, heading):
    (piece,) = pieces_of(pa.array([text]))
    assert piece["heading"] == heading


def test_a_slice_of_an_array_is_read_from_its_own_beginning():
    texts = pa.array(["first", "second\nthird", "fourth"])
    pieces = pieces_of(texts.slice(1))
    assert pieces[["text", "start", "stop"]].tolist() == [(0, 0, 6), (0, 7, 12), (1, 0, 6)]
