import numpy as np
import pyarrow as pa
import pytest

from stages.elements import parts_of
from stages.record import document, media_part, table_of, text_part
from stages.text_kinds import heading_levels, is_paragraph, near_media


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("The mill turns.", True),
        ("#mill", True),
        ("-5 degrees", True),
        ("1912 was a good year.", True),
        ("", True),
        ("# Mill", False),
        (" ###### Mill", False),
        ("- item", False),
        ("* item", False),
        ("• item", False),
        ("12. item", False),
        ("3) item", False),
        ("| a | b |", False),
        ("```\ncode\n```", False),
        ("> said", False),
        ("$$ x $$", False),
        (r"\[ x \]", False),
    ],
)
def test_paragraphs_are_texts_without_a_mark(text, is_one):
    assert is_paragraph(pa.array([text])).tolist() == [is_one]


def test_levels_of_headings_are_their_marks():
    texts = pa.array(["# a", "  ### b", "####### c", "#d", "e", "", "##"])
    assert heading_levels(texts).tolist() == [1, 3, 0, 0, 0, 0, 0]


def test_pictures_are_near_within_the_distance_and_the_row_alone():
    text, picture = text_part("a"), media_part(0)
    rows = [{"messages": document(parts), "media": [{"type": "image"}]} for parts in (
        [text, text, picture, text, text], [text, text], [picture]
    )]  # fmt: skip
    parts = parts_of(table_of(rows))
    near = near_media(parts, 1)
    assert near.tolist() == [False, True, True, True, False, False, False, True]
    assert near_media(parts, 2).tolist() == [True] * 5 + [False, False, True]
    assert near_media(parts, 0).tolist() == parts.is_media.tolist()


def test_nothing_is_near_in_an_empty_table():
    assert near_media(parts_of(table_of([])), 3).dtype == np.bool_
    assert heading_levels(pa.array([], pa.string())).tolist() == []
