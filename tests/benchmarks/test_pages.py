"""The made-up pages that extraction is measured on."""

from collections import Counter

import pytest

from benchmarks.pages.build import made_pages
from benchmarks.pages.scores import in_order, token_scores
from benchmarks.pages.truth import Truth, read_truth, served

MARKED = (
    "<body><nav>Menu</nav><div t-keep><h1>A <b>title</b></h1><p>Text<sup t-free>1</sup></p>"
    '<img src="p12345678-400.jpg"><p t-drop>Share</p></div></body>'
)


@pytest.fixture(scope="module")
def pages():
    return list(made_pages())


def test_there_are_thirty_pages_of_each_of_six_kinds(pages):
    kinds = Counter(page.kind for page in pages)
    assert kinds == dict.fromkeys(("docs", "wiki", "forum", "shop", "cjk", "rtl"), 30)


def test_names_and_addresses_are_not_shared(pages):
    assert len({(page.kind, page.name) for page in pages}) == len(pages)


def test_pages_are_the_same_every_time(pages):
    assert list(made_pages()) == pages


def test_every_page_holds_text_to_keep_and_text_to_drop(pages):
    assert [page.name for page in pages if not (page.truth.blocks and page.truth.junk)] == []


def test_no_page_shows_its_marks(pages):
    marks = (b" t-keep", b" t-drop", b" t-free")
    assert [page.name for page in pages if any(mark in page.raw for mark in marks)] == []


def test_truth_is_read_from_the_nearest_mark():
    assert read_truth(MARKED) == Truth(
        blocks=["A title", "Text"], free=["1"], junk=["Menu", "Share"], pictures=["p12345678"]
    )


def test_a_served_page_has_lost_its_marks_alone():
    assert served('<p class="a" t-keep>t-keep</p>') == '<p class="a">t-keep</p>'


def test_free_text_counts_neither_for_nor_against():
    truth = Truth(blocks=["one two"], free=["three"])
    assert token_scores("one two three", truth) == (1.0, 1.0, 1.0)
    assert token_scores("one four", truth) == (0.5, 0.5, 0.5)


def test_blocks_count_where_they_follow_the_page():
    blocks = ["the first block", "the second block", "the third block"]
    assert in_order("the second block the first block", blocks) == pytest.approx(1 / 3)
