import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.media import MediaStore
from stages.record import document, media_part, table_of, text_part
from stages.stage import Batch
from stages.trim_fragments import TrimFragments
from tests.fakes import texts_of
from tests.text_batches import batch_of

DONE = "The mill turns."


def trimmed(*texts: str | None) -> list[str | None]:
    return texts_of(TrimFragments().build()(batch_of(list(texts))))


def test_what_is_complete_stays_and_so_does_the_batch() -> None:
    batch = batch_of(["# Mill", DONE, "- item", "He asks: “Why?”"], [DONE])
    assert TrimFragments().build()(batch) is batch


@pytest.mark.parametrize(
    ("texts", "left"),
    [
        (["May 5", "By Jo", DONE], [DONE]),
        (["# Mill", "By Jo", "- item", DONE], ["# Mill", "- item", DONE]),
        ([DONE, "no end", DONE], [DONE, "no end", DONE]),
        ([DONE, "Share this", "| a |", "Next"], [DONE, "| a |"]),
        ([DONE, "It stands. It turns and"], [DONE, "It stands."]),
        ([DONE + " It turns and"], [DONE]),
        (["no end", "# Mill", "no end either"], ["no end", "# Mill", "no end either"]),
        (["今天好", "水車は粉をひく。", "おわり"], ["水車は粉をひく。"]),
        (["Version 3.5 and", DONE], [DONE]),
        ([DONE, "(It stands.)"], [DONE, "(It stands.)"]),
    ],
)
def test_the_ends_of_a_document_are_cut_to_complete_sentences(texts, left) -> None:
    assert trimmed(*texts) == left


def test_documents_are_trimmed_each_by_itself() -> None:
    batch = TrimFragments().build()(batch_of([DONE, "x"], ["y", DONE], ["z"], []))
    assert texts_of(batch) == [DONE, DONE, "z"]
    assert len(batch) == 4


def test_rows_of_underscores_end_a_line_and_video_goes() -> None:
    assert trimmed(f"{DONE} {'_' * 15} {DONE}") == [f"{DONE}\n{DONE}"]
    assert trimmed(f"{DONE} {'_' * 14} {DONE}") == [f"{DONE} {'_' * 14} {DONE}"]
    assert trimmed(DONE, "[Video]", DONE) == [DONE, "", DONE]
    assert trimmed(f"[Video] {DONE}") == [DONE]


def test_pictures_keep_their_place() -> None:
    parts = [text_part("By Jo"), media_part(0), text_part(DONE), media_part(1), text_part("x")]
    rows = [{"messages": document(parts), "media": [{"type": "image"}, {"type": "image"}]}]
    batch = Batch(table=table_of(rows), store=MediaStore(root=Path("unused")))
    left = TrimFragments().build()(batch).parts().values
    assert left.field("type").to_pylist() == ["image", "text", "image"]
    assert left.field("index").to_pylist() == [0, None, 1]


def test_null_texts_stay() -> None:
    assert trimmed(DONE, None, DONE) == [DONE, None, DONE]


def plain(texts: list[str]) -> list[str]:
    marked = re.compile(r"\s*(#|- )")
    end = re.compile(r"[.!?]+[\"')]*(?=\s|$)")
    complete = [i for i, text in enumerate(texts) if not marked.match(text) and end.search(text)]
    if not complete:
        return texts
    left = []
    for place, text in enumerate(texts):
        if marked.match(text) or complete[0] <= place <= complete[-1]:
            ends = [match.end() for match in end.finditer(text)]
            left.append(
                text[: ends[-1]] if place == complete[-1] and text[ends[-1] :].strip() else text
            )
    return left


pieces = st.sampled_from(["It is", " so.", " 3.5", "!", ' "why?"', "\n", "# a", "- b", " and"])
texts = st.lists(pieces, min_size=1, max_size=4).map("".join)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(texts, max_size=5), max_size=3))
def test_texts_are_those_of_the_plain_reading(documents: list[list[str]]) -> None:
    left = texts_of(TrimFragments().build()(batch_of(*documents)))
    assert left == [text for each in documents for text in plain(each)]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(texts, max_size=5), max_size=3))
def test_trimming_twice_is_trimming_once(documents: list[list[str]]) -> None:
    once = TrimFragments().build()(batch_of(*documents))
    assert texts_of(TrimFragments().build()(once)) == texts_of(once)
