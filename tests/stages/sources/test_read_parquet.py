"""ReadParquet."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stages.errors import SourceError
from stages.record import document, table_of, text_part
from stages.sources.read_parquet import ReadParquet


def read(path, **options):
    source = ReadParquet(paths=(str(path),), **options)
    return [chunk for unit in source.units() for chunk in source.read(unit)]


def rows(chunks):
    return [row for chunk in chunks for row in chunk.rows.to_pylist()]


def test_records_come_back_as_they_were_written(tmp_path):
    table = table_of(
        {
            "id": str(n),
            "kind": "text",
            "messages": document([text_part(f"text {n}")]),
            "meta": [("a", "b")],
            "score.x": n / 2,
        }
        for n in range(5)
    )
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=2)
    source = ReadParquet(paths=(str(tmp_path),))
    assert [(unit.start, unit.stop) for unit in source.units()] == [(0, 1), (1, 2), (2, 3)]
    chunks = read(tmp_path)
    assert pa.concat_tables([chunk.rows for chunk in chunks]).equals(table)


def test_a_text_column_becomes_documents_with_the_rest_in_meta(tmp_path):
    table = pa.table({"content": ["one", "two"], "url": ["http://a/", None], "n": [1, 2]})
    pq.write_table(table, tmp_path / "a.parquet")
    found = rows(read(tmp_path, text_column="content"))
    assert [row["messages"][0]["parts"][0]["text"] for row in found] == ["one", "two"]
    assert [row["source"]["uri"] for row in found] == ["http://a/", None]
    assert [row["source"]["offset"] for row in found] == [0, 1]
    assert [row["meta"] for row in found] == [[("n", "1")], [("n", "2")]]


def test_a_row_without_text_is_a_fault_that_names_its_number(tmp_path):
    table = pa.table({"text": ["a", "b", None, "", "e"]})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=2)
    chunks = read(tmp_path)
    assert len(rows(chunks)) == 3
    assert [fault.message for chunk in chunks for fault in chunk.faults] == [
        "row 2: 'text' is None, it must be a text",
        "row 3: 'text' is '', it must be a text",
    ]


def test_every_file_that_cannot_be_used_is_listed_with_its_columns(tmp_path):
    pq.write_table(pa.table({"body": ["x"], "n": [1]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"messages": ["x"], "id": ["1"]}), tmp_path / "b.parquet")
    (tmp_path / "c.parquet").write_bytes(b"not parquet at all")
    with pytest.raises(SourceError) as caught:
        ReadParquet(paths=(str(tmp_path),)).units()
    first, *lines = str(caught.value).splitlines()
    assert first == "3 input files cannot be used"
    assert "a.parquet: no column 'text'; it has ['body', 'n']" in lines[0]
    assert "b.parquet: no column 'kind'; it has ['messages', 'id']" in lines[1]
    assert "c.parquet: not a readable Parquet file" in lines[2]


def test_a_record_column_of_another_type_is_named(tmp_path):
    table = pa.table({"id": ["1"], "kind": ["text"], "messages": ["hello"]})
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(SourceError, match=r"column 'messages' has type string"):
        ReadParquet(paths=(str(tmp_path),)).units()


def test_damaged_pages_are_a_fault(tmp_path):
    path = tmp_path / "a.parquet"
    table = pa.table({"text": [f"text {n}" for n in range(1000)]})
    pq.write_table(table, path, row_group_size=500, write_page_checksum=True)
    data = bytearray(path.read_bytes())
    data[20:60] = bytes(40)
    path.write_bytes(data)
    chunks = read(path)
    assert len(rows(chunks)) == 500
    [fault] = [fault for chunk in chunks for fault in chunk.faults]
    assert fault.message.startswith("row 0: ")


def test_a_file_that_went_away_since_the_plan_stops_the_run(tmp_path):
    path = tmp_path / "texts.parquet"
    pq.write_table(pa.table({"text": ["a mill"]}), path)
    source = ReadParquet(paths=(str(path),))
    (unit,) = source.units()
    path.unlink()
    with pytest.raises(SourceError, match=r"cannot read .*texts\.parquet"):
        list(source.read(unit))


def test_columns_are_those_that_all_files_of_records_have(tmp_path):
    table = table_of([{"id": "a", "kind": "text", "messages": document([text_part("a mill")])}])
    more = table.append_column("cluster.exact", pa.array(["x"]))
    pq.write_table(more, tmp_path / "a.parquet")
    assert "cluster.exact" in ReadParquet(paths=(str(tmp_path),)).columns()
    pq.write_table(table, tmp_path / "b.parquet")
    assert set(ReadParquet(paths=(str(tmp_path),)).columns()) == set(table.column_names)


def test_columns_of_plain_texts_are_those_of_the_record(tmp_path):
    pq.write_table(pa.table({"text": ["a mill"], "input_ids": [1]}), tmp_path / "a.parquet")
    assert set(ReadParquet(paths=(str(tmp_path),)).columns()) == set(ReadParquet.writes)
