"""Words, lines and paragraphs of all text parts of a batch, found once and shared by all filters.

Words    A word is a run of characters without white space, as the papers on web text count
         them; marks stay with the word that they follow. Han ideographs and kana stand alone:
         inside a run each begins a new word, and so does a letter or digit behind one, because
         those scripts put no spaces between words (Unicode UAX #29 §4.1 breaks around every
         ideograph and hiragana; it joins katakana, which is split here all the same so that
         Japanese counts do not hang on the spelling). Thai, Lao, Khmer and Burmese would need a
         dictionary: there a word is the phrase between two spaces, and is flagged `IS_UNSPACED`.
Lines    Stretches between newlines, without the white space around them; lines of white space
         alone are not lines, they end paragraphs.
Documents  The text parts of a row in order, with a paragraph break between them. So what is
         counted per text part ("text") only needs adding up for the document ("sample").
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stages.elements import Floats, Ints, Mask
from stages.phrases import find_phrases
from stages.token_kernels import IS_UNSPACED, LINE, PARAGRAPH, TEXT, WORD, scan
from stages.unicode_classes import class_table, lower_table

Records = npt.NDArray[np.void]
Unit = Literal["words", "lines", "paragraphs"]


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """What T text parts of N rows consist of, in reading order.

    Attributes:
        data: uint8[B], the UTF-8 bytes that `start` and `end` point into.
        words: record[W], dtype WORD: start and end byte, chars (code points), flags (bits of
            `stages.token_kernels`), hash_marks and ellipses ("..." or "…") up to 255 of each,
            hash (of the word as written), core (of the word in lower case without the marks
            around it; equal for "The" and "the,").
        lines: record[L], dtype LINE: start, end, chars, words, sentences, flags, hash (equal
            for equal words).
        paragraphs: record[P], dtype PARAGRAPH: lines, chars, hash.
        texts: record[T], dtype TEXT: words, lines, paragraphs, chars (of its lines).
        row_texts: int64[N], text parts of each row.
    """

    data: npt.NDArray[np.uint8]
    words: Records
    lines: Records
    paragraphs: Records
    texts: Records
    row_texts: Ints

    def count(self, unit: Unit | Literal["chars"], over: str) -> Ints:
        """Return int64[S]: words, lines, paragraphs or chars of each text part or sample."""
        return np.diff(self._text_sums(self.texts[unit], over))

    def offsets(self, unit: Unit, over: str) -> Ints:
        """Return int64[S + 1]: segment s holds `words[offsets[s]:offsets[s + 1]]`, or lines."""
        return self._text_sums(self.texts[unit], over)

    def total(self, values: npt.NDArray[Any], unit: Unit, over: str) -> Ints:
        """Return int64[S]: the sum of a value per word, line or paragraph over each segment."""
        return np.diff(_running(values)[self.offsets(unit, over)])

    def any(self, mask: Mask, unit: Unit, over: str) -> Mask:
        """Return bool[S]: whether any word, line or paragraph of the segment is marked."""
        return self.total(mask, unit, over) > 0

    def has(self, unit: Literal["words", "lines"], flag: int) -> Mask:
        """Return bool[W] or bool[L]: which words or lines bear a flag."""
        records = self.words if unit == "words" else self.lines
        return (records["flags"] & flag) > 0

    def unspaced(self, over: str) -> Mask:
        """Return bool[S]: most words are of a script that puts no spaces between words."""
        marked = self.total(self.has("words", IS_UNSPACED), "words", over)
        return 2 * marked > self.count("words", over)

    def lines_with(self, phrases: tuple[str, ...]) -> Mask:
        """Return bool[L]: lines in which a phrase occurs, in ASCII upper or lower case."""
        return find_phrases(self.data, self.lines, phrases)

    def keep_texts(self, keep: Mask) -> Tokens:
        """Return the tokens of the text parts where `keep` (bool[T]) is true."""
        row = np.repeat(np.arange(len(self.row_texts)), self.row_texts)
        return replace(
            self,
            words=self.words[np.repeat(keep, self.texts["words"])],
            lines=self.lines[np.repeat(keep, self.texts["lines"])],
            paragraphs=self.paragraphs[np.repeat(keep, self.texts["paragraphs"])],
            texts=self.texts[keep],
            row_texts=np.bincount(row[keep], minlength=len(self.row_texts)),
        )

    def keep_rows(self, keep: Mask) -> Tokens:
        """Return the tokens of the rows where `keep` (bool[N]) is true."""
        kept = self.keep_texts(np.repeat(keep, self.row_texts))
        return replace(kept, row_texts=self.row_texts[keep])

    @cached_property
    def _row_offsets(self) -> Ints:
        return _running(self.row_texts)

    def _text_sums(self, counts: npt.NDArray[Any], over: str) -> Ints:
        sums = _running(counts)
        return sums[self._row_offsets] if over == "sample" else sums


def tokenize(text: pa.Array, *, row: Ints, rows: int) -> Tokens:
    """Return the words, lines and paragraphs of text parts.

    Args:
        text: string[T], in the order of their rows; null reads as empty.
        row: int64[T], ascending, the row of each.
        rows: number of rows, N.
    """
    data, offsets = utf8_of(text)
    stretch = data[offsets[0] : offsets[-1]]
    newlines = int(np.count_nonzero(stretch == ord("\n")))
    # A word begins behind a space, or is or follows an ideograph: lead bytes C2 (U+0085, U+00A0)
    # and E1 to F4 bring all spaces and ideographs beyond ASCII.
    spaces = int(np.count_nonzero(stretch <= ord(" ")))
    wide = int(np.count_nonzero((stretch == 0xC2) | (stretch >= 0xE1)))
    words = np.empty(spaces + 2 * wide + len(text), WORD)
    lines = np.empty(newlines + len(text) + 1, LINE)  # one to spare for a blank line at the end
    paragraphs = np.empty(newlines + len(text), PARAGRAPH)
    texts = np.empty(len(text), TEXT)
    tables = (class_table(), lower_table())
    w, n, p = scan(data, offsets, tables, words, lines, paragraphs, texts)
    return Tokens(
        data=data,
        words=words[:w].copy(),
        lines=lines[:n].copy(),
        paragraphs=paragraphs[:p].copy(),
        texts=texts,
        row_texts=np.bincount(row, minlength=rows),
    )


def core_hashes(words: tuple[str, ...]) -> npt.NDArray[np.uint64]:
    """Return uint64[K]: the `core` of single words, to look them up among a batch's words."""
    tokens = tokenize(pa.array(words, pa.string()), row=np.arange(len(words)), rows=len(words))
    for word, found in zip(words, tokens.texts["words"], strict=True):
        if found != 1:
            raise ValueError(f"{word!r} is {found} words, each entry must be one word")
    return tokens.words["core"]


def share(part: npt.NDArray[Any], whole: npt.NDArray[Any]) -> Floats:
    """Return float32[S], part / whole; NaN, "not judged", where the whole is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(whole > 0, part / whole, np.nan).astype(np.float32)


def _running(values: npt.NDArray[Any]) -> Ints:
    """Return int64[K + 1], the sums of the first 0, 1, ..., K values."""
    sums = np.zeros(len(values) + 1, np.int64)
    np.cumsum(values, out=sums[1:])
    return sums


def utf8_of(text: pa.Array) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32]]:
    """Return the bytes and int32[T + 1] offsets of a string array; null slots hold no bytes."""
    if text.null_count:
        text = text.fill_null("")
    text = text.cast(pa.string())
    _, offsets, data = text.buffers()
    if len(text) == 0 or data is None:
        return np.empty(0, np.uint8), np.zeros(len(text) + 1, np.int32)
    ends = np.frombuffer(offsets, np.int32)[text.offset : text.offset + len(text) + 1]
    return np.frombuffer(data, np.uint8), ends
