"""Embeddings follow their media by content through edits, files and rows without any."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stages.embeddings import media_embeddings, with_embeddings
from stages.errors import RecordError
from stages.record import EMBEDDINGS, conform, table_of
from tests.fakes import batch_of, sample

RED, BLUE = np.array([1, 0, 0], np.float16), np.array([0, 0.6, 0.8], np.float16)


def _table(*media):
    return batch_of([sample(str(number), "x", media=each) for number, each in enumerate(media)])


def test_each_medium_reads_the_vector_of_its_content():
    batch = _table(["red", "blue"], [], ["blue", "grey", "blue"])
    table = with_embeddings(batch.table, "clip", {"red": RED, "blue": BLUE})
    found = media_embeddings(table, "clip")
    nothing = [np.nan] * 3
    expected = np.array([RED, BLUE, BLUE, nothing, BLUE], np.float32)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.float32


def test_a_row_stores_a_content_once():
    table = with_embeddings(_table(["blue", "blue"]).table, "clip", {"blue": BLUE})
    assert [len(each) for each in table.column("embedding.clip").to_pylist()] == [1]


def test_dropping_media_and_rows_leaves_the_others_their_vectors():
    batch = _table(["red", "blue"], ["red"], ["blue"])
    table = with_embeddings(batch.table, "clip", {"red": RED, "blue": BLUE})
    edited = batch.with_table(table).keep_media(np.array([False, True, True, True]))
    edited = edited.keep_rows(np.array([True, False, True]))
    np.testing.assert_array_equal(media_embeddings(edited.table, "clip"), np.array([BLUE, BLUE]))


def test_embeddings_survive_a_file_and_the_record_s_form(tmp_path):
    table = with_embeddings(_table(["red"], []).table, "clip", {"red": RED})
    pq.write_table(conform(table), tmp_path / "rows.parquet")
    again = conform(pq.read_table(tmp_path / "rows.parquet"))
    assert again.schema.field("embedding.clip").type == EMBEDDINGS
    assert conform(table).equals(again)
    np.testing.assert_array_equal(media_embeddings(again, "clip"), np.array([RED]))


def test_rows_that_were_joined_from_some_without_the_column_read_as_without():
    old, new = _table(["red"]).table, _table(["red"]).table
    both = [old, with_embeddings(new, "clip", {"red": RED})]
    table = conform(pa.concat_tables(both, promote_options="default"))
    found = media_embeddings(table, "clip")
    np.testing.assert_array_equal(found, np.array([[np.nan] * 3, RED], np.float32))


def test_a_medium_without_a_content_has_no_embedding():
    table = with_embeddings(_table([{"sha256": None}, "red"]).table, "clip", {"red": RED})
    assert np.isnan(media_embeddings(table, "clip")).all(axis=1).tolist() == [True, False]


@pytest.mark.parametrize("media", [(), ([],), (["red"],)])
def test_without_any_vector_the_width_is_zero(media):
    table = with_embeddings(table_of([]) if not media else _table(*media).table, "clip", {})
    assert media_embeddings(table, "clip").shape == (sum(map(len, media)), 0)


def test_a_missing_column_is_named_with_the_stage_that_writes_it():
    with pytest.raises(RecordError, match=r"embedding\.clip; .*stages\.embed_clip\.EmbedClip"):
        media_embeddings(_table(["red"]).table, "clip")


def test_embeddings_of_two_models_in_one_column_are_refused():
    narrow = with_embeddings(_table(["red"]).table, "clip", {"red": RED[:2]})
    wide = with_embeddings(_table(["blue"]).table, "clip", {"blue": BLUE})
    with pytest.raises(RecordError, match=r"embedding\.clip holds .* widths \[2, 3\]"):
        media_embeddings(pa.concat_tables([narrow, wide]), "clip")


def test_rows_of_which_none_is_left_need_no_column():
    assert media_embeddings(table_of([]), "clip").shape == (0, 0)
