"""The sentences of documents, as short as a text encoder reads them, with their places.

Lines and sentence ends are those of `stages.tokens`. A sentence of over `max_words` words is cut
into pieces of about one length; in scripts without spaces between words a character counts as a
word. What holds no letter (a row of numbers, a rule) is no sentence.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from stages.batch import Batch
from stages.elements import Ints, Mask
from stages.token_kernels import ENDS_SENTENCE, HAS_LETTER, IS_UNSPACED, LOWER_START
from stages.tokens import Tokens


@dataclass(frozen=True, kw_only=True)
class Sentences:
    """S sentences of N rows, in reading order.

    Attributes:
        text: string[S].
        row: int64[S], the row of each.
        part: int64[S], place in the row of the text part that it stands in.
        place: int64[S], number of the sentence in its row, from 0.
    """

    text: pa.Array
    row: Ints
    part: Ints
    place: Ints

    def keep(self, mask: Mask) -> Sentences:
        """Return the sentences where the mask, bool[S], is true; their places stay."""
        chosen = self.text.filter(pa.array(mask))
        return Sentences(
            text=chosen, row=self.row[mask], part=self.part[mask], place=self.place[mask]
        )


def sentences_of(batch: Batch, *, max_words: int) -> Sentences:
    """Return the sentences of all text parts of a batch.

    Args:
        batch: any rows.
        max_words: most words of a piece, but for single words of scripts without spaces.
    """
    tokens, parts = batch.tokens(), batch.parts()
    if len(tokens.words) == 0:
        nothing = np.empty(0, np.int64)
        return Sentences(text=pa.array([], pa.string()), row=nothing, part=nothing, place=nothing)
    first = np.flatnonzero(_begins(tokens, max_words))
    spoken = np.logical_or.reduceat(tokens.has("words", HAS_LETTER), first)
    last = np.r_[first[1:], len(tokens.words)] - 1
    text_part = np.repeat(np.flatnonzero(parts.is_text), tokens.texts["words"])[first][spoken]
    row = parts.row[text_part]
    return Sentences(
        text=_cut(tokens, first[spoken], last[spoken]),
        row=row,
        part=parts.position[text_part],
        place=np.arange(len(row)) - np.searchsorted(row, row),
    )


def _begins(tokens: Tokens, max_words: int) -> Mask:
    """Return bool[W], true for the first word of each piece."""
    line = np.repeat(np.arange(len(tokens.lines)), tokens.lines["words"])
    ended = tokens.has("words", ENDS_SENTENCE)[:-1] & ~tokens.has("words", LOWER_START)[1:]
    begins: Mask = np.r_[True, (line[1:] != line[:-1]) | ended]
    sentence = np.cumsum(begins) - 1
    length = np.where(tokens.has("words", IS_UNSPACED), tokens.words["chars"], 1).astype(np.int64)
    whole = np.bincount(sentence, weights=length).astype(np.int64)
    before = np.cumsum(length) - length
    before -= before[begins][sentence]
    pieces = -(-whole // max_words)
    piece = before * pieces[sentence] // whole[sentence]
    begins[1:] |= piece[1:] != piece[:-1]
    return begins


def _cut(tokens: Tokens, first: Ints, last: Ints) -> pa.Array:
    """Return the texts from the first words to the last, string[S]."""
    data = tokens.data.tobytes()
    starts, ends = tokens.words["start"][first].tolist(), tokens.words["end"][last].tolist()
    return pa.array(
        [data[start:end].decode() for start, end in zip(starts, ends, strict=True)], pa.string()
    )
