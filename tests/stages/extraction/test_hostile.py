"""Pages made to be slow: the work must grow with the page, not with its square."""

import pytest
from selectolax.lexbor import LexborHTMLParser

from stages.extraction import gather
from stages.extraction.article import article
from stages.extraction.blocks import walk

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


def work(markup: str, monkeypatch) -> int:
    """Return nodes visited plus characters that were read ahead to judge an element's size."""
    ahead = 0

    class Reader:
        def __init__(self, node):
            self.node = node

        def text_lexbor(self):
            nonlocal ahead
            text = self.node.text_lexbor()
            ahead += len(text)
            return text

        def __getattr__(self, name):
            return getattr(self.node, name)

    real = gather.Gatherer._is_small
    monkeypatch.setattr(gather.Gatherer, "_is_small", lambda g, node: real(g, Reader(node)))
    root = LexborHTMLParser(f"<html><body>{markup}").body
    steps = walk(root, base=URL).steps
    monkeypatch.undo()
    return steps + ahead


@pytest.mark.parametrize("name", MARKUP)
def test_work_grows_with_the_page(name, monkeypatch):
    small, large = (work(MARKUP[name](n), monkeypatch) for n in (200, 800))
    assert large <= 4.5 * small


@pytest.mark.parametrize("name", MARKUP)
def test_hostile_pages_keep_some_text(name):
    found = article(f"<html><body>{MARKUP[name](2000)}", url=URL)
    assert any(block.text for block in found.blocks)


def test_a_page_of_many_nodes_is_read_whole():
    found = article("<html><body><main>" + f"<p>{TEXT * 3}" * 30_000, url=URL)
    assert len(found.blocks) == 30_000


def test_every_node_is_visited_once():
    html = "<html><body><div><p>a<b>c</b></p><ul><li>d<li>e</ul></div>"
    body = LexborHTMLParser(html).body
    assert walk(body, base=URL).steps == sum(1 for _ in body.traverse(include_text=True))


def test_a_long_source_set_is_read_once():
    srcset = "".join(f"{i}.png {i}w, " for i in range(20_000))
    found = article(f"<p>{TEXT * 9}</p><img srcset='{srcset}'>", url=URL)
    assert found.blocks[-1].image.uri == URL + "19999.png"
