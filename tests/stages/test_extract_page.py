import pyarrow as pa
import pytest

from stages.elements import set_column
from stages.extract_page import DETAIL, STATUS, ExtractPage
from stages.media import MediaStore
from stages.record import PAYLOAD, table_of
from stages.stage import Batch

TEXT = "Lime mortar hardens slowly, because it takes up carbon dioxide from the air around it. "
PAGE = (
    "<html lang=en><head><title>Lime</title></head><body><nav><a href=/>Home</a></nav>"
    f"<article><h1>Lime</h1><p>{TEXT * 6}</p><figure><img src=kiln.jpg alt='A kiln'>"
    f"<figcaption>The kiln</figcaption></figure><ul><li>{TEXT}</ul></article></body></html>"
)


@pytest.fixture
def extract(tmp_path):
    def run(pages: list[bytes | None], content_type: str = "text/html", **options) -> list[dict]:
        rows = table_of(
            {
                "id": f"{i:032x}",
                "kind": "interleaved",
                "source": {"uri": "http://lime.example/a/b.html"},
                "meta": [("content_type", content_type), ("http_status", "200")],
            }
            for i in range(len(pages))
        )
        rows = set_column(rows, PAYLOAD, pa.array(pages, pa.large_binary()))
        batch = Batch(table=rows, store=MediaStore(root=tmp_path))
        return ExtractPage(**options).build()(batch).table.to_pylist()

    return run


def test_a_page_becomes_a_document_with_its_picture_in_place(extract):
    (row,) = extract([PAGE.encode()])
    (message,) = row["messages"]
    assert message["role"] == "document"
    parts = [(p["type"], p["text"] if p["text"] else p["index"]) for p in message["parts"]]
    assert parts == [
        ("text", "# Lime"),
        ("text", (TEXT * 6).strip()),
        ("image", 0),
        ("text", "The kiln"),
        ("text", f"- {TEXT.strip()}"),
    ]


def test_media_hold_address_alt_and_caption(extract):
    (row,) = extract([PAGE.encode()])
    (medium,) = row["media"]
    assert medium["uri"] == "http://lime.example/a/kiln.jpg"
    assert (medium["type"], medium["alt"], medium["caption"]) == ("image", "A kiln", "The kiln")


def test_meta_is_added_to_what_the_source_wrote(extract):
    (row,) = extract([PAGE.encode()])
    meta = dict(row["meta"])
    assert (meta["http_status"], meta["title"], meta["language"]) == ("200", "Lime", "en")
    assert meta[STATUS] == "ok"


def test_the_bytes_are_dropped(extract):
    (row,) = extract([PAGE.encode()])
    assert PAYLOAD not in row


def test_the_charset_of_the_header_is_heeded(extract):
    page = PAGE.replace("Lime mortar", "Известковый раствор").encode("cp1251")
    (row,) = extract([page], content_type="text/html; charset=windows-1251")
    assert "Известковый" in row["messages"][0]["parts"][1]["text"]


def test_a_page_without_text_is_empty(extract):
    (row,) = extract([b"<html><body></body></html>"])
    assert dict(row["meta"])[STATUS] == "empty"
    assert row["messages"][0]["parts"] == []


def test_a_page_over_the_limit_is_too_large_and_one_at_it_is_read(extract):
    page = PAGE.encode()
    rows = extract([page, page + b" "], max_page_bytes=len(page))
    assert [dict(row["meta"])[STATUS] for row in rows] == ["ok", "too_large"]


def test_a_row_without_bytes_stays_as_it_is(extract):
    none, some = extract([None, PAGE.encode()])
    assert STATUS not in dict(none["meta"])
    assert dict(some["meta"])[STATUS] == "ok"


def test_a_page_that_takes_too_long_costs_only_its_row(extract):
    slow = b"<html><body>" + b"<p>x" * 2_000_000
    rows = extract([PAGE.encode(), slow, PAGE.encode()], timeout_s=1.0)
    assert [dict(row["meta"])[STATUS] for row in rows] == ["ok", "timeout", "ok"]
    assert dict(rows[1]["meta"])[DETAIL] == "took longer than 1 s"


@pytest.mark.parametrize("name", ["timeout_s", "max_page_bytes", "memory_bytes"])
def test_limits_must_be_positive(name):
    with pytest.raises(ValueError, match=f"{name} must be positive, got 0"):
        ExtractPage(**{name: 0})
