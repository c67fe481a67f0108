"""An article as the parts, media and meta of a record, in plain values that pickle fast."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from stages.extraction.article import Article, Block, article
from stages.extraction.charset import decode

OK: Final = "ok"
EMPTY: Final = "empty"

_INDENT: Final = "  "
_TRIAL: Final = """<!doctype html><html lang=en><head><title>Mill</title></head><body class="page">
<nav><a href="/">Home</a></nav><article class="post"><h1>Mill</h1>{paragraphs}
<figure><img src="a.png" alt="Wheel" width=640 height=480><figcaption>Wheel</figcaption></figure>
<ul><li>One<ul><li>Two</li></ul></li></ul><pre><code>a = 1</code></pre><blockquote>So</blockquote>
<table><tr><th>A</th><td>1</td></tr></table></article><div id="footer">Imprint</div></body>"""
_TRIAL_PARAGRAPH: Final = "<p>The miller lifts the stone, and <a href='/w'>the wheel</a> turns.</p>"


class Page(NamedTuple):
    """A page as it was fetched.

    Attributes:
        raw: its bytes.
        content_type: the HTTP header of that name, or empty.
        uri: its absolute address.
    """

    raw: bytes
    content_type: str
    uri: str


class Document(NamedTuple):
    """What `ExtractPage` writes into a row.

    Attributes:
        status: "ok", or what is wrong.
        parts: text and image parts in reading order.
        media: the pictures that the image parts show.
        meta: what the page says about itself; unknown things are left out.
    """

    status: str
    parts: list[dict[str, Any]]
    media: list[dict[str, Any]]
    meta: list[tuple[str, str]]


def failed(status: str) -> Document:
    """Return the document of a page that could not be read."""
    return Document(status, [], [], [])


def read_page(page: Page) -> Document:
    """Decode a page and extract its document."""
    html = decode(page.raw, content_type=page.content_type)
    return document_of(article(html, url=page.uri))


def warm_up() -> None:
    """Read two small pages, so that everything compiled or imported on first use is there.

    The first is decided by the scorer, the second goes the long way.
    """
    for count in (20, 0):
        html = _TRIAL.format(paragraphs=_TRIAL_PARAGRAPH * count)
        read_page(Page(html.encode(), "text/html", "http://mill.example/"))


def document_of(found: Article) -> Document:
    """Return the document of an article: one part per block, in light Markdown."""
    parts: list[dict[str, Any]] = []
    media: list[dict[str, Any]] = []
    for block in found.blocks:
        if block.image is None:
            parts.append({"type": "text", "text": markdown(block)})
            continue
        parts.append({"type": "image", "index": len(media)})
        image = block.image
        media.append(
            {
                "type": "image",
                "uri": image.uri,
                "alt": image.alt or None,
                "title": image.title or None,
                "caption": image.caption or None,
            }
        )
    said = (
        ("title", found.title),
        ("date", found.date),
        ("language", found.language),
        ("site", found.site),
        ("licence", found.licence),
    )
    meta = [(name, value) for name, value in said if value]
    return Document(OK if parts else EMPTY, parts, media, meta)


def markdown(block: Block) -> str:
    """Return the text of a block with the mark of its kind.

    >>> markdown(Block(kind="heading", text="Roots", level=2))
    '## Roots'
    """
    text = block.text
    match block.kind:
        case "heading":
            return f"{'#' * block.level} {' '.join(text.split())}"
        case "item":
            return f"{_INDENT * (min(block.level, 6) - 1)}- {text}"
        case "code":
            fence = "```" if "```" not in text else "````"
            return f"{fence}\n{text}\n{fence}"
        case "formula":
            return f"$${text}$$"
        case "quote":
            return "\n".join(f"> {line}" for line in text.split("\n"))
        case _:
            return text
