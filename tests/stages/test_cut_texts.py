"""Stretches are cut out of texts, and what is left reads on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.cut_texts import cut_parts, without
from tests.fakes import batch_of, sample


@pytest.mark.parametrize(
    ("text", "gone", "left"),
    [
        ("a\nb\nc", "b", "a\nc"),
        ("a\nb\nc", "a", "b\nc"),
        ("a\nb\nc", "c", "a\nb"),
        ("a\n\nb\nc", "b", "a\n\nc"),
        ("a\nb\n\nc", "b", "a\n\nc"),
        ("a b c", "b", "a c"),
        ("a bc d", "bc ", "a d"),
        ("a \tb\nc", "b", "a\nc"),
        ("  a\n    b\n    c", "b", "  a\n    c"),
        ("  a\n    b\nc", "b", "  a\nc"),
        ("風車b谷", "b", "風車谷"),
        ("a", "a", ""),
        ("a b\n", "b", "a"),
    ],
)
def test_the_white_space_around_a_cut_becomes_that_of_one_side(text, gone, left):
    start = len(text.partition(gone)[0].encode())
    assert without(text, [(start, start + len(gone.encode()))]) == left


def test_neighbouring_lines_are_cut_one_by_one():
    assert without("a\nb\nc\n\nd", [(2, 3), (4, 5)]) == "a\n\nd"


@given(st.lists(st.tuples(st.booleans(), st.text("abé\u3042", min_size=1)), min_size=1))
def test_cutting_lines_leaves_the_other_lines(lines):
    text, stretches = "", []
    for gone, line in lines:
        text += "\n" if text else ""
        start = len(text.encode())
        text += line
        if gone:
            stretches.append((start, len(text.encode())))
    assert without(text, stretches) == "\n".join(line for gone, line in lines if not gone)


def test_parts_of_a_table_are_cut_and_the_pieces_told():
    parts = batch_of(
        [sample("a", "one two", "three"), sample("b", "vier fünf", media=["x"])]
    ).parts()
    values, pieces = cut_parts(parts, np.array([0, 0, 2]), [0, 4, 5], [1, 7, 10])
    assert values.field("text").to_pylist() == ["ne", "three", "vier", None]
    assert pieces == ["o", "two", "fünf"]
    assert values.field("type").equals(parts.values.field("type"))
