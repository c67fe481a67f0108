"""Pages made to be slow: the work must grow with the page, not with its square."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from stages.extraction.article import article
from stages.extraction.blocks import read_markup, walk
from stages.extraction.kinds import KINDS
from stages.extraction.markup import CLOSING, scan
from stages.extraction.records import TAG
from stages.extraction.tree import Markup

TEXT = "The miller sets the stones by ear today. "
URL = "http://mill.example/"

MARKUP = {
    "nested divs": lambda n: "<div>" * n + TEXT * 9,
    "nested boilerplate": lambda n: f"<div class=sidebar>{TEXT * 2}" * n,
    "small nested boilerplate": lambda n: "<div class=sidebar>x" * n,
    "boilerplate siblings": lambda n: f"<div class=sidebar>{TEXT}</div>" * n,
    "nested inline elements": lambda n: "<p>" + "<span>" * n + TEXT * 9,
    "nested tables": lambda n: "<table><tr><td>" * n + TEXT * 9,
    "nested figures": lambda n: "<figure><img src=a.png><figcaption>x" * n + TEXT * 9,
    "nested captions": lambda n: "<div class=caption><img src=a.png>x" * n + TEXT * 9,
    "nested noscripts": lambda n: f"<noscript>{TEXT * 9}" * n,
    "nested articles": lambda n: f"<article class=post>{TEXT}" * n,
    "paragraphs": lambda n: f"<p>{TEXT}" * n,
    "comments": lambda n: f"<div class=comment><p>{TEXT}</div>" * n,
}


def work(markup: str) -> int:
    """Return how much is written down of a page."""
    html = f"<html><body>{markup}"
    read = read_markup(LexborHTMLParser(html), html.encode())
    tree = walk(read, base=URL)
    return len(read.tags) + len(tree.pieces) + len(tree.spans) + len(tree.text)


@pytest.mark.parametrize("name", MARKUP)
def test_work_grows_with_the_page(name):
    small, large = (work(MARKUP[name](n)) for n in (200, 800))
    assert large <= 4.5 * small


@pytest.mark.parametrize("name", MARKUP)
def test_hostile_pages_keep_some_text(name):
    found = article(f"<html><body>{MARKUP[name](2000)}", url=URL)
    assert any(block.text for block in found.blocks)


def test_a_page_of_many_nodes_is_read_whole():
    found = article("<html><body><main>" + f"<p>{TEXT * 3}" * 30_000, url=URL)
    assert len(found.blocks) == 30_000


def test_every_tag_is_found_once():
    html = "<html><body><div><p>a<b>c</b><br></p><!-- <i> --><ul><li title='<u>'>d<li>e</ul></div>"
    parser = LexborHTMLParser(html)
    elements = sum(node.is_element_node for node in parser.body.traverse(include_text=True))
    tags = read_markup(parser, b"").tags
    opening = (tags["flags"] & CLOSING == 0) & (tags["tag"] >= 0)
    assert opening.sum() == elements


PARTS = """< > / " = </ <p> </p> <a_href="x"> <table> <tr> <td> </table> <pre> </pre> <br>
    <img_alt="x"> <ul> <li> <noscript> <figure> <!-- --> <xmp> <nav> <h1> <x_class="sidebar">
    & &amp; &nbsp; x \x80 \xe2"""
PARTS = [part.replace("_", " ").encode("latin-1") for part in PARTS.split()]


@given(st.lists(st.sampled_from(PARTS), max_size=80).map(b" ".join))
def test_any_bytes_are_read_within_bounds(raw):
    room = max(raw.count(b"<"), 1)
    tags = np.zeros(room, TAG)
    tables = (KINDS.keys, KINDS.numbers, KINDS.reads, KINDS.traits)
    count = scan(np.frombuffer(raw, np.uint8), *tables, tags, np.empty(room, np.int32))
    assert count == 0 or 0 <= tags[:count]["at"].min() <= tags[:count]["end"].max() <= len(raw)
    assert all(0 <= match < count for match in tags[:count]["match"])
    if count:
        walk(Markup(data=raw, tags=tags[:count], said=np.zeros(count, np.int32)), base=URL)


def test_a_long_source_set_is_read_once():
    srcset = "".join(f"{i}.png {i}w, " for i in range(20_000))
    found = article(f"<p>{TEXT * 9}</p><img srcset='{srcset}'>", url=URL)
    assert found.blocks[-1].image.uri == URL + "19999.png"
