import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.errors import RecordError
from stages.record import (
    PAYLOAD,
    SCHEMA,
    SCORES,
    column_type,
    conform,
    content_id,
    document,
    empty_column,
    media_part,
    table_of,
    text_part,
)


def test_a_content_id_is_32_hex_digits():
    assert len(content_id("a page")) == 32
    assert int(content_id("a page"), 16) >= 0


def test_a_content_id_takes_text_and_its_utf8_bytes_for_the_same():
    assert content_id("mühle") == content_id("mühle".encode())


@given(st.lists(st.binary(max_size=5), max_size=4), st.lists(st.binary(max_size=5), max_size=4))
def test_a_content_id_tells_apart_how_bytes_are_cut_into_pieces(first, second):
    assert (content_id(*first) == content_id(*second)) == (first == second)


def test_the_record_prescribes_types_for_scores_clusters_and_payload():
    assert column_type("media") == SCHEMA.field("media").type
    assert column_type("score.word_count.words") == pa.float32()
    assert column_type("cluster.minhash") == pa.string()
    assert column_type(PAYLOAD) == pa.large_binary()
    assert column_type("input_ids") is None


def test_conform_adds_missing_columns_empty():
    table = conform(pa.table({"id": ["a"]}))
    assert table.schema.equals(SCHEMA)
    assert table.to_pylist() == [
        {
            "id": "a",
            "kind": None,
            "source": None,
            "messages": [],
            "media": [],
            "regions": [],
            "tags": [],
            "meta": [],
        }
    ]


def test_conform_puts_extra_columns_behind_the_record_sorted_by_name():
    table = conform(pa.table({"score.b.x": [1.0], "kind": ["text"], "extra": [1], "id": ["a"]}))
    assert table.column_names == [*SCHEMA.names, "extra", "score.b.x"]


def test_conform_casts_scores_to_float32_and_leaves_free_columns_alone():
    table = conform(pa.table({"score.a.x": pa.array([0.5], pa.float64()), "extra": [1]}))
    assert table.schema.field("score.a.x").type == pa.float32()
    assert table.schema.field("extra").type == pa.int64()


def test_conform_gives_null_columns_the_type_of_the_record():
    table = conform(pa.table({"id": pa.nulls(2), "messages": pa.nulls(2)}))
    assert table.schema.equals(SCHEMA)
    assert table.column("messages").to_pylist() == [None, None]


def test_conform_names_the_column_that_does_not_fit():
    with pytest.raises(RecordError, match="column 'media' has type int64, the record needs list"):
        conform(pa.table({"media": [1]}))


def test_conform_leaves_a_conforming_table_as_it_is():
    table = table_of([{"id": "a", "kind": "text", "score.a.x": 0.5}])
    assert conform(table).equals(table)


def test_table_of_fills_what_rows_leave_out():
    rows = [{"id": "a", "score.a.x": 0.5}, {"id": "b", "tags": ["science"]}]
    table = table_of(rows)
    assert conform(table).equals(table)
    assert table.column("score.a.x").to_pylist() == [0.5, None]
    assert table.column("tags").to_pylist() == [[], ["science"]]


def test_table_of_no_rows_has_every_column():
    table = table_of([])
    assert table.num_rows == 0
    assert table.schema.equals(SCHEMA)


def test_an_empty_column_holds_lists_where_the_type_is_a_list():
    assert empty_column(SCHEMA.field("media").type, 2).to_pylist() == [[], []]
    assert empty_column(SCORES, 1).to_pylist() == [[]]
    assert empty_column(pa.string(), 2).to_pylist() == [None, None]


def test_a_document_is_one_message_of_parts_that_point_at_media():
    parts = [text_part("a mill"), media_part(0), media_part(1, "video")]
    table = table_of([{"messages": document(parts)}])
    (message,) = table.column("messages").to_pylist()[0]
    assert message["role"] == "document"
    assert [(part["type"], part["text"], part["index"]) for part in message["parts"]] == [
        ("text", "a mill", None),
        ("image", None, 0),
        ("video", None, 1),
    ]
