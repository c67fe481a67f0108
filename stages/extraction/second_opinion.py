"""Ask trafilatura which of the pieces are main text, on pages where our scorer is unsure.

Trafilatura decides about the text alone, where it is at its best; pieces and pictures stay ours,
so that order, tables, code and formulas are as everywhere else.
"""

from __future__ import annotations

from typing import Final

from stages.extraction.container import Judgement
from stages.extraction.gather import CAPTION, IMAGE
from stages.extraction.tree import Tree, size_of

LARGEST_PAGE: Final = 2 << 20
"""Characters of HTML beyond which trafilatura would take too long to ask."""
MOST_PIECES: Final = 5000
FOUND: Final = 0.6
"""Share of trafilatura's text that must be among the pieces for them to be used."""
_SHORT: Final = 25
_LONGEST_TAG: Final = 300


def with_data(trimmed: bytes, html: str) -> str:
    """Return a trimmed page with the scripts of linked data, in which some hold their text."""
    scripts = (script.partition("</script") for script in html.split("<script")[1:])
    data = (f"<script{inside}</script>" for inside, end, _ in scripts if end and _is_data(inside))
    return "".join(data) + trimmed.decode("utf-8", "replace")


def _is_data(script: str) -> bool:
    return "ld+json" in script[:_LONGEST_TAG].partition(">")[0]


def second_opinion(html: str, tree: Tree, judgement: Judgement) -> list[int] | list[str]:
    """Return the pieces, or else the lines, that trafilatura takes for main text, if any."""
    if len(html) > LARGEST_PAGE or len(tree.pieces) > MOST_PIECES:
        return []
    import trafilatura  # half a second, for a few pages in a hundred

    text = trafilatura.extract(html, fast=True, include_comments=False)
    if not text:
        return []
    lines = [" ".join(line.split()) for line in text.splitlines()]
    whole = " ".join(lines)
    known = set(lines)
    texts = ["" if kind == IMAGE else tree.text_of(i) for i, kind in enumerate(tree.kinds)]
    chosen = [bool(text) and _is_among(text, known, whole) for text in texts]
    found = sum(size for size, yes in zip(tree.sizes, chosen, strict=True) if yes)
    if found < FOUND * size_of(whole):
        return [line for line in (line.removeprefix("- ") for line in lines) if line]
    return _with_pictures(tree, chosen, judgement)


def _is_among(text: str, lines: set[str], whole: str) -> bool:
    plain = " ".join(text.split())
    if len(plain) < _SHORT:
        return plain in lines or f"- {plain}" in lines
    if text.startswith("| "):
        return any(cell in whole for cell in text.split(" | ") if len(cell) > _SHORT)
    return plain in whole


def _with_pictures(tree: Tree, chosen: list[bool], judgement: Judgement) -> list[int]:
    """Add the pictures and captions that directly follow or precede chosen text."""
    kinds, sizes = tree.kinds, tree.sizes
    result: list[int] = []
    waiting: list[int] = []
    touching = False  # whether the last text seen was chosen
    for index, yes in enumerate(chosen):
        if kinds[index] in (IMAGE, CAPTION) and not yes:
            shown = kinds[index] == CAPTION or tree.image_of(index) is not None
            if shown and not judgement.junk[index]:
                (result if touching else waiting).append(index)
            continue
        if not sizes[index]:
            continue
        if yes:
            result.extend(waiting)
            result.append(index)
        touching = yes
        waiting = []
    return result
