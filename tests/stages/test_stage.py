import numpy as np
import pyarrow as pa
import pytest

from stages.elements import drop_parts, set_column
from stages.record import media_part, table_of, text_part
from stages.stage import Batch, Limit, Unit
from stages.tokens import tokenize
from tests.fakes import Chars, Width, batch_of, sample, texts_of


def _floats(*values):
    return np.array(values, np.float32)


def test_a_limit_keeps_both_of_its_ends():
    below, above = np.nextafter(_floats(0.25, 0.75), _floats(0.0, 1.0))
    limit = Limit(score="share", min=0.25, max=0.75)
    keep = limit.keeps(_floats(below, 0.25, 0.5, 0.75, above))
    assert keep.tolist() == [False, True, True, True, False]


def test_a_bound_that_float32_cannot_hold_keeps_the_score_that_is_nearest_to_it():
    nearest = np.float32(0.2)  # a little over 0.2
    assert float(nearest) != 0.2
    assert Limit(score="share", max=0.2).keeps(_floats(nearest)).tolist() == [True]
    assert Limit(score="share", min=0.2).keeps(_floats(nearest)).tolist() == [True]
    over = np.nextafter(nearest, np.float32(1))
    assert Limit(score="share", max=0.2).keeps(_floats(over)).tolist() == [False]


def test_a_limit_without_ends_keeps_everything():
    assert Limit(score="share").keeps(_floats(-np.inf, 0, np.inf)).all()


def test_a_score_that_was_not_judged_is_kept():
    assert Limit(score="share", min=0.5, max=0.75).keeps(_floats(np.nan)).tolist() == [True]


def test_zero_is_an_ordinary_bound():
    assert Limit(score="share", max=0).keeps(_floats(0.0, 0.125)).tolist() == [True, False]


def test_a_limit_names_the_end_that_a_score_broke():
    limit = Limit(score="words", min=50, max=100)
    assert [limit.broken_by(value) for value in (49.0, 101.0)] == [50, 100]
    assert Limit(score="words", max=100).broken_by(101.0) == 100


def test_a_filter_refuses_a_level_that_it_does_not_judge():
    assert Chars(over="text").over == "text"
    with pytest.raises(
        ValueError, match=r"over is 'media', it must be one of \['sample', 'text'\]"
    ):
        Chars(over="media")
    with pytest.raises(ValueError, match="over is 'sample'"):
        Width(over="sample")


def test_a_unit_is_a_value():
    assert Unit(index=0, path="a") == Unit(index=0, path="a")
    assert len({Unit(index=0, path="a"), Unit(index=0, path="a")}) == 1


ROWS = [
    sample("a", "one two", "three", media=["x"]),
    sample("b"),
    sample("c", "four five six", media=["y", "z"]),
]


def _fresh(batch):
    """Return the tokens of the batch's texts as if they had never been tokenized."""
    parts = batch.parts()
    text = parts.values.field("text").filter(parts.is_text)
    return tokenize(text, row=parts.row[parts.is_text], rows=len(batch))


def _counts(tokens):
    return tokens.count("words", "text").tolist(), tokens.count("words", "sample").tolist()


def test_tokens_are_made_once():
    batch = batch_of(ROWS)
    assert batch.tokens() is batch.tokens()
    assert _counts(batch.tokens()) == ([2, 1, 3], [3, 0, 3])


def test_tokens_stay_when_another_column_changes():
    batch = batch_of(ROWS)
    tokens = batch.tokens()
    scored = batch.with_table(set_column(batch.table, "score.a.x", pa.array([0.5, 1, 2])))
    assert scored.tokens() is tokens


def test_tokens_are_made_anew_when_texts_change():
    batch = batch_of(ROWS)
    batch.tokens()
    parts = batch.parts()
    edited = batch.with_table(drop_parts(batch.table, ~parts.is_text | (parts.position > 0)))
    assert _counts(edited.tokens()) == ([1], [1, 0, 0])


@pytest.mark.parametrize("keep", [[1, 0, 1], [0, 1, 0], [0, 0, 1], [1, 1, 1], [0, 0, 0]])
def test_tokens_follow_the_rows_that_are_kept(keep):
    batch = batch_of(ROWS)
    batch.tokens()
    kept = batch.keep_rows(np.array(keep, np.bool_))
    assert _counts(kept.tokens()) == _counts(_fresh(kept))


@pytest.mark.parametrize("keep", [[1, 0, 1], [0, 1, 0], [0, 0, 1], [1, 1, 1], [0, 0, 0]])
def test_tokens_follow_the_texts_that_are_kept(keep):
    batch = batch_of(ROWS)
    batch.tokens()
    kept = batch.keep_texts(np.array(keep, np.bool_))
    assert _counts(kept.tokens()) == _counts(_fresh(kept))
    every = [text for row in ROWS for text in _texts(row)]
    assert texts_of(kept) == [text for text, stays in zip(every, keep, strict=True) if stays]


def _texts(row):
    return [part["text"] for part in row["messages"][0]["parts"] if part["type"] == "text"]


def test_dropping_texts_leaves_pictures_in_place():
    kept = batch_of(ROWS).keep_texts(np.zeros(3, np.bool_))
    assert kept.parts().media_index.tolist() == [0, 0, 1]
    assert len(kept.media()) == 3


def test_dropping_media_leaves_texts_and_their_tokens():
    batch = batch_of(ROWS)
    tokens = batch.tokens()
    kept = batch.keep_media(np.array([False, False, True]))
    assert kept.tokens() is tokens
    assert texts_of(kept) == texts_of(batch)
    assert kept.media().column("sha256").to_pylist() == ["z"]
    assert kept.parts().media_index.tolist() == [-1, -1, -1, 0]


def test_a_batch_that_is_sent_away_leaves_its_caches_behind():
    batch = batch_of(ROWS)
    batch.tokens()
    alone = batch.alone()
    assert alone.pictures is not batch.pictures
    assert alone.table is batch.table
    assert alone.tokens() is not batch.tokens()


def test_an_empty_batch_has_no_elements():
    batch = Batch(table=table_of([]), store=batch_of(ROWS).store)
    assert (len(batch), len(batch.media()), len(batch.parts().row)) == (0, 0, 0)
    assert _counts(batch.tokens()) == ([], [])


def test_texts_and_pictures_may_alternate():
    parts = [text_part("one"), media_part(1), text_part("two"), media_part(0)]
    row = {**sample("a", media=["x", "y"]), "messages": [{"role": "document", "parts": parts}]}
    kept = batch_of([row]).keep_media(np.array([False, True]))
    assert kept.parts().media_index.tolist() == [-1, 0, -1]


def test_a_dropped_medium_takes_its_caption_along(tmp_path):
    rows = [
        sample("a", "Before", "A map", "After", media=[{"uri": "0", "caption": "A map"}]),
        sample("b", "A map", media=[{"uri": "1"}]),
    ]
    batch = batch_of(rows)
    batch.tokens()
    edited = batch.keep_media(np.array([False, True]))
    assert texts_of(edited) == ["Before", "After", "A map"]
    assert edited.tokens().count("words", "text").tolist() == [1, 1, 2]


def test_a_caption_that_a_kept_medium_shares_stays(tmp_path):
    media = [{"uri": uri, "caption": "Two views"} for uri in "01"]
    batch = batch_of([sample("a", "Two views", media=media)])
    assert texts_of(batch.keep_media(np.array([True, False]))) == ["Two views"]
    assert texts_of(batch.keep_media(np.array([False, False]))) == []
