"""How many tokens texts make, and how much of them tells something new."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Final

import numpy as np

from stages.elements import Floats

BYTES_PER_TOKEN: Final = 4.2
"""UTF-8 bytes to a token of Qwen2.5: English 4.4, Chinese 4.0, German 3.4."""
FULL_RATIO: Final = 0.4
"""Compressed to plain size of prose of 10 KB; shorter texts compress less."""


def tokens_of(byte_counts: Iterable[int]) -> Floats:
    """Return float32[S], roughly the tokens that texts of so many bytes make."""
    return np.array(list(byte_counts), np.float32) / np.float32(BYTES_PER_TOKEN)


def new_share(text: bytes) -> float:
    """Return how much of a text tells something new, 0 to 1, by how far it can be compressed.

    >>> new_share(b"The wheel turns the stone."), new_share(b"Buy now! " * 1000) < 0.02
    (1.0, True)
    """
    return min(1.0, len(zlib.compress(text)) / len(text) / FULL_RATIO) if text else 0.0
