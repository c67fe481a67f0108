"""From a marked page to the page as served and what a reader would keep of it.

A template marks elements: `t-keep` (with all inside, unless marked otherwise), `t-drop`, and
`t-free` for what may be kept or not (dates, names of posters, captions). What stands in no
marked element is to be dropped; readings beside characters (ruby) are free. A picture is known
by its name `pNNNNNNNN`, whatever its size or path.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from selectolax.lexbor import LexborHTMLParser, LexborNode

MARK = re.compile(r"\s+t-(?:keep|drop|free)(?=[\s>])")
PICTURE = re.compile(r"p\d{8}")
UNREAD = {"head", "script", "style", "template", "noscript", "rp"}
BLOCKS = re.compile(
    "h[1-6]|[dou]l|d[dt]|li|t(able|body|d|foot|h|head|r)|p|pre|div|br|hr|blockquote|caption"
    "|address|article|aside|body|details|fieldset|fig(caption|ure)|footer|form|header|main|nav"
    "|option|section|select|summary"
)


@dataclass(kw_only=True)
class Truth:
    """What a page holds.

    Attributes:
        blocks: the text to keep, in order.
        free: text that may be kept or not.
        junk: the text to drop.
        pictures: names of those to keep, in order.
        free_pictures: names of those that may be kept or not.
    """

    blocks: list[str] = field(default_factory=list)
    free: list[str] = field(default_factory=list)
    junk: list[str] = field(default_factory=list)
    pictures: list[str] = field(default_factory=list)
    free_pictures: list[str] = field(default_factory=list)


def read_truth(marked: str) -> Truth:
    """Return what a marked page says should be kept."""
    truth = Truth()
    texts = {"keep": truth.blocks, "free": truth.free, "drop": truth.junk}
    pictures = {"keep": truth.pictures, "free": truth.free_pictures}
    open_text: list[str] = []
    state = "drop"

    def close() -> None:
        text = " ".join("".join(open_text).split())
        open_text.clear()
        if text:
            texts[state].append(text)

    body = LexborHTMLParser(marked).body
    assert body is not None
    for node, mark in marked_nodes(body, "drop"):
        if mark != state or node is None or BLOCKS.fullmatch(node.tag or ""):
            close()
            state = mark
        if node is None:
            continue
        if node.tag == "-text":
            open_text.append(node.text_content or "")
        elif node.tag == "img" and mark in pictures:
            name = PICTURE.search(node.html or "")
            if name and name[0] not in pictures[mark]:
                pictures[mark].append(name[0])
    close()
    return truth


def marked_nodes(node: LexborNode, mark: str) -> Iterator[tuple[LexborNode | None, str]]:
    """Yield every node before its children, with its mark; None where a block ends."""
    attributes = node.attributes
    for name in ("keep", "drop", "free"):
        if f"t-{name}" in attributes:
            mark = name
    if node.tag == "rt" and mark == "keep":
        mark = "free"
    yield node, mark
    child = node.child
    while child is not None:
        if child.tag not in UNREAD and child.tag != "-comment":
            yield from marked_nodes(child, mark)
        child = child.next
    if BLOCKS.fullmatch(node.tag or ""):
        yield None, mark


def served(marked: str) -> str:
    """Return a marked page without its marks."""
    return MARK.sub("", marked)
