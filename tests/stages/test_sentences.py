"""Where sentences begin and end, and where they stand in their documents."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.record import document, media_part, text_part
from stages.sentences import sentences_of
from tests.fakes import batch_of, sample


def _split(*texts, max_words=40):
    return sentences_of(batch_of([sample("a", *texts)]), max_words=max_words).text.to_pylist()


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("The wheel turns. The stone grinds!", ["The wheel turns.", "The stone grinds!"]),
        ("About 3 p.m. or so it rains.", ["About 3 p.m. or so it rains."]),
        ("# The mill\nIt stands on a hill", ["# The mill", "It stands on a hill"]),
        ("風車は谷の上に立っている。川が流れる。", ["風車は谷の上に立っている。", "川が流れる。"]),
        ('He said "Stop." Then it stopped.', ['He said "Stop."', "Then it stopped."]),
        ("12 | 13.5 | 14\n---\nIn litres", ["In litres"]),
        ("", []),
        (" \n ", []),
    ],
)
def test_sentences_end_where_a_reader_ends_them(text, sentences):
    assert _split(text) == sentences


def test_a_long_sentence_is_cut_into_pieces_of_about_one_length():
    words = [f"w{number}" for number in range(9)]
    assert _split(" ".join(words), max_words=4) == ["w0 w1 w2", "w3 w4 w5", "w6 w7 w8"]
    assert _split(" ".join(words[:8]), max_words=4) == ["w0 w1 w2 w3", "w4 w5 w6 w7"]
    assert _split(" ".join(words[:4]), max_words=4) == ["w0 w1 w2 w3"]


def test_without_spaces_characters_are_counted():
    assert _split("川が流れる山が立つ", max_words=5) == ["川が流れる", "山が立つ"]
    assert _split("กังหันลม หมุนไป", max_words=8) == ["กังหันลม", "หมุนไป"]


def test_places_are_counted_per_row_over_all_its_parts():
    rows = [
        {
            "id": "a",
            "messages": document([text_part("One. Two."), media_part(0), text_part("Three.")]),
        },
        {"id": "b", "messages": document([])},
        {"id": "c", "messages": document([media_part(0), text_part("Four.")])},
    ]
    found = sentences_of(batch_of(rows), max_words=40)
    assert found.row.tolist() == [0, 0, 0, 2]
    assert found.part.tolist() == [0, 0, 2, 1]
    assert found.place.tolist() == [0, 1, 2, 0]
    kept = found.keep(found.place > 0)
    assert kept.text.to_pylist() == ["Two.", "Three."]
    assert kept.place.tolist() == [1, 2]


words = st.lists(st.sampled_from(["Mill", "wheel", "turns.", "3.5", "川。", "กังหัน", "\n", "Ja!"]))


@given(st.lists(words.map(" ".join), max_size=4), st.integers(1, 5))
def test_every_word_with_a_letter_is_in_one_sentence_and_none_is_too_long(texts, max_words):
    batch = batch_of([sample("a", *texts)])
    found = sentences_of(batch, max_words=max_words)
    joined = "".join("".join(found.text.to_pylist()).split())
    wanted = "".join("".join(texts).split())
    assert joined.replace("3.5", "") == wanted.replace("3.5", "")
    assert all(len(text.split()) <= max_words for text in found.text.to_pylist())
    assert np.array_equal(found.place, np.arange(len(found.place)))
