"""Give pictures the captions that stand beside them."""

from __future__ import annotations

from typing import Final

from stages.extraction.gather import (
    CAPTION,
    CAPTION_READ,
    FIGURE_READ,
    IMAGE,
    PARAGRAPH,
    QUOTE,
)
from stages.extraction.tree import Records, Tree

_FURTHEST: Final = 64  # pieces looked at, so that nested figures cost no more than their number
_LONGEST_CAPTION: Final = 600
_LOOK_BACK: Final = 2  # pieces between a picture and a caption outside its figure


def pair_captions(tree: Tree, notes: Records) -> None:
    """Turn the captions in figures and captions that were read into those of the pictures there.

    Args:
        tree: the page; kinds of pieces change, and captions are added.
        notes: record[N] of dtype `records.NOTE`, in the order in which the elements ended.
    """
    notes = notes[(notes["what"] == FIGURE_READ) | (notes["what"] == CAPTION_READ)]
    if not len(notes):
        return
    kinds, sizes = tree.kinds, tree.sizes
    for what, start, stop, _, _ in notes.tolist():
        first = max(start, stop - _FURTHEST)
        inside = range(first, stop)
        # In what is called a caption any text is one; in a figure captions are marked already.
        if what == CAPTION_READ and sum(sizes[first:stop]) <= _LONGEST_CAPTION:
            for index in inside:
                if kinds[index] in (PARAGRAPH, QUOTE) and sizes[index]:
                    kinds[index] = CAPTION
        captions = [index for index in inside if kinds[index] == CAPTION]
        images = _images(tree, inside) if captions else []
        if captions and not images:
            images = _images(tree, range(max(0, first - _LOOK_BACK), first))[-1:]
        if captions and images:
            _pair(tree, images, captions)
    tree.pieces["kind"] = kinds


def _images(tree: Tree, where: range) -> list[int]:
    return [i for i in where if tree.kinds[i] == IMAGE and tree.image_of(i) is not None]


def _pair(tree: Tree, images: list[int], captions: list[int]) -> None:
    texts = [tree.text_of(caption) for caption in captions]
    if len(images) != len(captions):
        texts = [" ".join(texts)[: 2 * _LONGEST_CAPTION]] * len(images)
    for image, text in zip(images, texts, strict=True):
        tree.captions.setdefault(image, text)
