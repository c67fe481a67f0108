"""Give pictures the captions that stand beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from stages.extraction.tree import CAPTION, IMAGE, PARAGRAPH, QUOTE, Piece

_FURTHEST: Final = 64  # pieces looked at, so that nested figures cost no more than their number
_LONGEST_CAPTION: Final = 600
_LOOK_BACK: Final = 2  # pieces between a picture and a caption outside its figure


def pair_captions(pieces: list[Piece], start: int, *, named: bool) -> None:
    """Turn the captions from `start` to the end into those of the pictures there.

    Args:
        pieces: all pieces so far.
        start: first piece of the element that was just read.
        named: the element is called a caption, so that any text in it is one; else it is a
            figure, whose captions are marked already.
    """
    first = max(start, len(pieces) - _FURTHEST)
    inside = pieces[first:]
    images = [piece for piece in inside if piece.kind is IMAGE]
    if named and sum(piece.size for piece in inside) <= _LONGEST_CAPTION:
        for piece in inside:
            if piece.kind in (PARAGRAPH, QUOTE):
                piece.kind = CAPTION
    captions = [piece for piece in inside if piece.kind is CAPTION]
    if captions and images:
        _pair(images, captions)
    elif captions:
        before = pieces[max(0, first - _LOOK_BACK) : first]
        _pair([piece for piece in before if piece.kind is IMAGE][-1:], captions)


def _pair(images: Sequence[Piece], captions: Sequence[Piece]) -> None:
    texts = [caption.text for caption in captions]
    if len(images) != len(captions):
        texts = [" ".join(texts)[: 2 * _LONGEST_CAPTION]] * len(images)
    for piece, text in zip(images, texts, strict=True):
        if piece.image is not None and not piece.image.caption:
            piece.image = replace(piece.image, caption=text)
