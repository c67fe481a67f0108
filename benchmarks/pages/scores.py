"""How well an extracted text and list of pictures agree with a page's truth."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence

from benchmarks.pages.truth import PICTURE, Truth

UNSPACED = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
"""Kana and Han: each character is a token; elsewhere a word is."""
TOKEN = re.compile(rf"[{UNSPACED}]|[^\W{UNSPACED}]+")
TELLING = 12
"""Size from which a block or snippet is looked for, letters and digits; Kana and Han count two."""


def tokens(texts: Iterable[str]) -> Counter[str]:
    """Return how often each word, or Kana or Han character, occurs."""
    return Counter(token for text in texts for token in TOKEN.findall(text.casefold()))


def squashed(text: str) -> str:
    """Return the letters and digits alone, so that markup and spaces make no difference."""
    return "".join(re.findall(r"\w", text.casefold()))


def telling(texts: Iterable[str]) -> list[str]:
    """Return the squashed texts that are long enough to be looked for."""
    found = map(squashed, texts)
    return [text for text in found if len(text) + len(re.findall(f"[{UNSPACED}]", text)) >= TELLING]


def token_scores(text: str, truth: Truth) -> tuple[float, float, float]:
    """Return precision, recall and F1 of tokens; what may be kept or not counts for neither."""
    found, wanted = tokens([text]), tokens(truth.blocks)
    right = (found & wanted).total()
    wrong = (found - wanted - tokens(truth.free)).total()
    precision = right / (right + wrong) if right + wrong else 0.0
    recall = right / wanted.total()
    return precision, recall, 2 * precision * recall / (precision + recall) if right else 0.0


def in_order(text: str, blocks: Iterable[str]) -> float:
    """Return the share of the blocks that are found whole, and in the order of the page."""
    whole, wanted = squashed(text), telling(blocks)
    places = [whole.find(block) for block in wanted]
    return longest_rise([place for place in places if place >= 0]) / max(len(wanted), 1)


def longest_rise(numbers: Sequence[int]) -> int:
    """Return the length of the longest subsequence that rises."""
    ends: list[int] = []
    for number in numbers:
        place = bisect_left(ends, number)
        ends[place : place + 1] = [number]
    return len(ends)


def missing(text: str, truth: Truth) -> list[str]:
    """Return the blocks not found whole in a text, squashed."""
    whole = squashed(text)
    return [block for block in telling(truth.blocks) if block not in whole]


def leaked(text: str, truth: Truth) -> list[str]:
    """Return the junk found in a text, squashed."""
    return [snippet for snippet in lookable_junk(truth) if snippet in squashed(text)]


def lookable_junk(truth: Truth) -> list[str]:
    """Return the junk that is long enough and not said by the page's own text as well."""
    own = squashed(" ".join([*truth.blocks, *truth.free]))
    return [snippet for snippet in telling(truth.junk) if snippet not in own]


def picture_counts(uris: Iterable[str], truth: Truth) -> tuple[int, int, int, int]:
    """Return how many pictures are wanted, found, rightly found, and that in order."""
    names = [name[0] for name in map(PICTURE.search, uris) if name]
    found = [name for name in dict.fromkeys(names) if name not in truth.free_pictures]
    right = [name for name in found if name in truth.pictures]
    ordered = longest_rise([truth.pictures.index(name) for name in right])
    return len(truth.pictures), len(found), len(right), ordered
