"""Editing by mask against a plain-Python reference on nested rows."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from stages.elements import (
    add_scores,
    drop_media,
    drop_parts,
    media_of,
    parts_of,
    set_column,
    with_media,
    with_parts,
)
from stages.record import SCHEMA, conform, table_of

SCORE_MAPS = st.dictionaries(st.sampled_from(["a.x", "b.y"]), st.sampled_from([0.25, 0.5, 2.0]))
TEXTS = st.sampled_from(["", "a mill", "水車"])


@st.composite
def _part(draw, media, regions):
    indexed = {"image": media, "box": regions}
    type_ = draw(st.sampled_from(["text", *(name for name, count in indexed.items() if count)]))
    return {
        "type": type_,
        "text": draw(TEXTS) if type_ == "text" else None,
        "index": None if type_ == "text" else draw(st.integers(0, indexed[type_] - 1)),
        "scores": sorted(draw(SCORE_MAPS).items()),
    }


@st.composite
def _row(draw):
    media, regions = draw(st.integers(0, 3)), draw(st.integers(0, 2))
    messages = draw(st.lists(st.lists(_part(media, regions), max_size=3), max_size=3))
    on_media = st.none() if media == 0 else st.none() | st.integers(0, media - 1)
    return {
        "id": draw(st.sampled_from("abc")),
        "messages": [{"role": "user", "parts": parts} for parts in messages],
        "media": [
            {"type": "image", "uri": f"u{i}", "scores": sorted(draw(SCORE_MAPS).items())}
            for i in range(media)
        ],
        "regions": [{"media": draw(on_media), "label": f"r{i}"} for i in range(regions)],
    }


ROWS = st.lists(_row(), max_size=4)


def _mask(data, length):
    return np.array(data.draw(st.lists(st.booleans(), min_size=length, max_size=length)), np.bool_)


def _nested(table):
    """Return the rows as plain values, scores as dictionaries."""
    rows = table.to_pylist()
    for row in rows:
        for message in row["messages"]:
            for part in message["parts"]:
                part["scores"] = dict(part["scores"] or [])
        for medium in row["media"]:
            medium["scores"] = dict(medium["scores"] or [])
    return rows


def _without_parts(rows, keep):
    verdicts = iter(keep.tolist())
    for row in rows:
        for message in row["messages"]:
            message["parts"] = [part for part in message["parts"] if next(verdicts)]
        row["messages"] = [message for message in row["messages"] if message["parts"]]
    return rows


def _messages(rows):
    return [row["messages"] for row in rows]


@given(ROWS)
def test_parts_are_those_of_all_messages_in_reading_order(rows):
    table = table_of(rows)
    parts = parts_of(table)
    expected = [
        (number, part["type"], part["text"])
        for number, row in enumerate(rows)
        for message in row["messages"]
        for part in message["parts"]
    ]
    values = [(part["type"], part["text"]) for part in parts.values.to_pylist()]
    assert [(row, *value) for row, value in zip(parts.row.tolist(), values, strict=True)] == (
        expected
    )
    assert parts.is_text.tolist() == [type_ == "text" for _, type_, _ in expected]
    places = [i for row in rows for i in range(sum(len(m["parts"]) for m in row["messages"]))]
    assert parts.position.tolist() == places


@given(ROWS)
def test_media_are_those_of_all_rows_in_order(rows):
    media = media_of(table_of(rows))
    expected = [(n, i) for n, row in enumerate(rows) for i in range(len(row["media"]))]
    assert list(zip(media.row.tolist(), media.position.tolist(), strict=True)) == expected
    assert len(media) == len(expected)


@given(ROWS, st.data())
def test_dropping_parts_equals_doing_it_by_hand(rows, data):
    table = table_of(rows)
    keep = _mask(data, len(parts_of(table).row))
    edited = drop_parts(table, keep)
    # a message that had no parts is left out as well
    assert _messages(_nested(edited)) == _messages(_without_parts(_nested(table), keep))
    assert edited.drop_columns("messages").equals(table.drop_columns("messages"))
    assert edited.schema.equals(table.schema)


def _renumbered(kept):
    """Return old index -> new index of what is kept."""
    return {old: new for new, old in enumerate(np.flatnonzero(kept).tolist())}


def _without_media(rows, keep):
    """Drop media, the regions on them and the parts that show either, and renumber, by hand."""
    verdicts = iter(keep.tolist())
    for row in rows:
        media = _renumbered([next(verdicts) for _ in row["media"]])
        media[None] = None
        regions = _renumbered([region["media"] in media for region in row["regions"]])
        row["media"] = [row["media"][old] for old in media if old is not None]
        row["regions"] = [
            {**row["regions"][old], "media": media[row["regions"][old]["media"]]} for old in regions
        ]
        number = {"text": {None: None}, "image": media, "box": regions}
        for message in row["messages"]:
            message["parts"] = [
                {**part, "index": number[part["type"]][part["index"]]}
                for part in message["parts"]
                if part["index"] in number[part["type"]]
            ]
        row["messages"] = [message for message in row["messages"] if message["parts"]]
    return rows


@given(ROWS, st.data())
def test_dropping_media_takes_parts_and_regions_along_and_renumbers_the_rest(rows, data):
    table = table_of(rows)
    keep = _mask(data, len(media_of(table)))
    edited = drop_media(table, keep)
    assert _nested(edited) == _without_media(_nested(table), keep)
    assert edited.schema.equals(table.schema)


@given(ROWS, st.data())
def test_adding_scores_joins_the_maps_and_nan_adds_nothing(rows, data):
    table = table_of(rows)
    media = media_of(table)
    values = st.sampled_from([0.125, 1.0, np.nan])
    scores = np.array([data.draw(values) for _ in range(len(media))], np.float32)
    edited = with_media(table, add_scores(media.values, {"new.z": scores}))
    expected = _nested(table)
    numbers = iter(scores.tolist())
    for medium in (medium for row in expected for medium in row["media"]):
        number = next(numbers)
        medium["scores"] |= {} if np.isnan(number) else {"new.z": number}
    assert _nested(edited) == expected


@given(ROWS)
def test_rewriting_all_parts_changes_nothing_but_empty_messages(rows):
    table = table_of(rows)
    parts = parts_of(table)
    everything = np.ones(len(parts.row), np.bool_)
    edited = with_parts(table, parts, everything, parts.values)
    assert _messages(_nested(edited)) == _messages(_without_parts(_nested(table), everything))


@given(ROWS, st.data())
def test_a_slice_of_a_table_is_edited_like_a_copy_of_it(rows, data):
    table = table_of(rows)
    start = data.draw(st.integers(0, len(rows)))
    part, copy = table.slice(start), table_of(rows[start:])
    keep = _mask(data, len(media_of(part)))
    assert _nested(drop_media(part, keep)) == _nested(drop_media(copy, keep))
    keep = _mask(data, len(parts_of(part).row))
    assert _nested(drop_parts(part, keep)) == _nested(drop_parts(copy, keep))


def test_rows_whose_lists_are_null_have_no_elements():
    table = conform(pa.table({"id": ["a", "b"], "messages": pa.nulls(2), "media": pa.nulls(2)}))
    assert len(parts_of(table).row) == 0
    assert len(media_of(table)) == 0
    edited = drop_media(table, np.ones(0, np.bool_))
    assert edited.column("id").to_pylist() == ["a", "b"]


def test_a_part_that_shows_no_medium_at_all_is_left_for_the_tokenizer_to_refuse():
    parts = [{"type": "image"}, {"type": "image", "index": 0}]
    row = {"messages": [{"role": "user", "parts": parts}], "media": [{"type": "image"}]}
    edited = drop_media(table_of([row]), np.array([False]))
    (message,) = edited.column("messages").to_pylist()[0]
    assert [part["index"] for part in message["parts"]] == [None]


def test_set_column_replaces_in_place_and_appends_what_is_new():
    table = table_of([{"id": "a"}])
    replaced = set_column(table, "id", pa.array(["b"]))
    assert replaced.column_names == SCHEMA.names
    assert replaced.column("id").to_pylist() == ["b"]
    assert set_column(table, "extra", pa.array([1])).column_names == [*SCHEMA.names, "extra"]
