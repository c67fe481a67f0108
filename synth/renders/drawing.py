"""What a drawn picture is: its pixels, a caption, and what else is true of it."""

from __future__ import annotations

from typing import NamedTuple

from PIL import Image

Question = tuple[str, str]
"""A question about a picture, and its short answer."""


class Region(NamedTuple):
    """A thing in a picture.

    Attributes:
        label: what it is.
        box: x1, y1, x2, y2, px; what other things cover is left out.
    """

    label: str
    box: tuple[float, float, float, float]


class Drawing(NamedTuple):
    """A picture and what is true of it.

    Attributes:
        image: RGB, 240-480 px a side unless a caller asked for another size.
        caption: one English phrase.
        names: nouns that a text brings it up by, without telling what it looks like.
        facts: English sentences.
        questions: with answers of a few words.
        regions: the things in it that are named by their labels alone.
    """

    image: Image.Image
    caption: str
    names: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    questions: tuple[Question, ...] = ()
    regions: tuple[Region, ...] = ()
