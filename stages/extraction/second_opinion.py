"""Ask trafilatura which of the pieces are main text, on pages where our scorer is unsure.

Trafilatura decides about the text alone, where it is at its best; pieces and pictures stay ours,
so that order, tables, code and formulas are as everywhere else.
"""

from __future__ import annotations

from typing import Final

from stages.extraction.container import Judgement
from stages.extraction.tree import CAPTION, IMAGE, PARAGRAPH, Piece, Tree, size_of

LARGEST_PAGE: Final = 2 << 20
"""Characters of HTML beyond which trafilatura would take too long to ask."""
MOST_PIECES: Final = 5000
FOUND: Final = 0.6
"""Share of trafilatura's text that must be among the pieces for them to be used."""
_SHORT: Final = 25


def second_opinion(html: str, tree: Tree, judgement: Judgement) -> list[Piece]:
    """Return the pieces that trafilatura takes for main text, empty when it finds none."""
    if len(html) > LARGEST_PAGE or len(tree.pieces) > MOST_PIECES:
        return []
    import trafilatura  # half a second, for a few pages in a hundred

    text = trafilatura.extract(html, fast=True, include_comments=False)
    if not text:
        return []
    lines = [" ".join(line.split()) for line in text.splitlines()]
    whole = " ".join(lines)
    known = set(lines)
    chosen = [_is_among(piece, known, whole) for piece in tree.pieces]
    found = sum(piece.size for piece, yes in zip(tree.pieces, chosen, strict=True) if yes)
    if found < FOUND * size_of(whole):
        return [
            Piece(kind=PARAGRAPH, text=line, size=size_of(line))
            for line in (line.removeprefix("- ") for line in lines)
            if line
        ]
    return _with_pictures(tree.pieces, chosen, judgement)


def _is_among(piece: Piece, lines: set[str], whole: str) -> bool:
    text = " ".join(piece.text.split())
    if len(text) < _SHORT:
        return text in lines or f"- {text}" in lines
    if piece.text.startswith("| "):
        return any(cell in whole for cell in piece.text.split(" | ") if len(cell) > _SHORT)
    return text in whole


def _with_pictures(pieces: list[Piece], chosen: list[bool], judgement: Judgement) -> list[Piece]:
    """Add the pictures and captions that directly follow or precede chosen text."""
    result: list[Piece] = []
    waiting: list[Piece] = []
    touching = False  # whether the last text seen was chosen
    for piece, yes, junk in zip(pieces, chosen, judgement.junk, strict=True):
        if piece.kind in (IMAGE, CAPTION) and not yes:
            if not junk:
                (result if touching else waiting).append(piece)
            continue
        if yes:
            result.extend(waiting)
            result.append(piece)
        touching = yes
        waiting = []
    return result
