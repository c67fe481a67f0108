"""Evaluation sets in whatever form give their texts and pictures, with names that lead back."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stages.errors import NotReadyError
from stages.evals.items import item, items

PICTURE = pa.struct({"bytes": pa.binary(), "path": pa.string()})
ROWS = [
    {
        "id": f"q{n}",
        "question": f"question {n}",
        "options": [f"yes {n}", "no"],
        "image": {"bytes": b"png %d" % n, "path": "a.png"},
        "more": [{"bytes": b"one", "path": None}, {"bytes": b"two", "path": None}],
        "turns": [{"role": "user", "text": f"turn {n}"}],
        "year": 2020,
    }
    for n in range(5)
]
SCHEMA = pa.schema(
    {
        "id": pa.string(),
        "question": pa.large_string(),
        "options": pa.list_(pa.string()),
        "image": PICTURE,
        "more": pa.list_(PICTURE),
        "turns": pa.list_(pa.struct({"role": pa.string(), "text": pa.string()})),
        "year": pa.int32(),
    }
)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "deep").mkdir()
    table = pa.Table.from_pylist(ROWS, schema=SCHEMA)
    pq.write_table(table, tmp_path / "deep" / "set.parquet", row_group_size=2)
    lines = [json.dumps({"prompt": f"prompt {n}", "n": n}) for n in range(3)]
    (tmp_path / "set.jsonl").write_text("\n\n".join([*lines, json.dumps("alone")]))
    (tmp_path / "passage.txt").write_text("\ufeffa passage")
    (tmp_path / "chart#1.png").write_bytes(b"a chart")
    (tmp_path / "notes.csv").write_text("no set")
    return tmp_path


def found(path, kind):
    return {each.name: each.content for each in items(str(path), kind)}


def test_texts_of_all_columns_are_found_however_deep(folder):
    texts = found(folder, "text")
    assert texts["deep/set.parquet#3/question"] == "question 3"
    assert texts["deep/set.parquet#3/options[0]"] == "yes 3"
    assert texts["deep/set.parquet#3/turns[0]/text"] == "turn 3"
    assert texts["set.jsonl#2/prompt"] == "prompt 2"
    assert texts["set.jsonl#3"] == "alone"
    assert texts["passage.txt"] == "a passage"
    assert len(texts) == 5 * 6 + 4 + 1, "neither paths of pictures nor numbers"


def test_pictures_are_found_in_columns_and_files(folder):
    pictures = found(folder, "picture")
    assert pictures["deep/set.parquet#4/image"] == b"png 4"
    assert pictures["deep/set.parquet#4/more[1]"] == b"two"
    assert pictures["chart#1.png"] == b"a chart"
    assert len(pictures) == 5 * 3 + 1


@pytest.mark.parametrize("kind", ["text", "picture"])
def test_every_name_leads_back_to_its_item(folder, kind):
    for name, content in found(folder, kind).items():
        assert item(str(folder), name, kind).content == content


def test_a_file_alone_is_named_without_its_folder(folder):
    file = folder / "deep" / "set.parquet"
    assert "set.parquet#0/question" in found(file, "text")
    assert item(str(file), "set.parquet#0/image", "picture").content == b"png 0"


@pytest.mark.parametrize("name", ["gone.txt", "deep/set.parquet#9/question", "set.jsonl#0/x", ""])
def test_a_name_that_leads_nowhere_finds_nothing(folder, name):
    assert item(str(folder), name, "text") is None


def test_columns_without_such_items_are_not_read(folder, monkeypatch):
    asked = []
    read = pq.ParquetFile.iter_batches

    def noted(self, *args, columns, **options):
        asked.append(columns)
        return read(self, *args, columns=columns, **options)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", noted)
    found(folder, "text")
    found(folder, "picture")
    assert asked[0] == ["id", "question", "options", "turns"]
    assert asked[-1] == ["image", "more"]


def test_a_path_that_is_not_there_is_named(tmp_path):
    with pytest.raises(NotReadyError, match=r"gone.*no such file or folder"):
        list(items(str(tmp_path / "gone"), "text"))
    with pytest.raises(NotReadyError, match="nothing in it is one"):
        list(items(str(tmp_path), "text"))


@pytest.mark.parametrize(("name", "content"), [("a.parquet", "PAR1?"), ("a.jsonl", "{")])
def test_a_broken_set_is_named(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    with pytest.raises(NotReadyError, match=name):
        list(items(str(tmp_path), "text"))
