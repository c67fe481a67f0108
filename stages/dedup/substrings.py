"""Cut passages out of texts that the run has had before, word for word."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
import pyarrow as pa

from stages.dedup.pieces import STRETCHES, bucket_of_key, grouped, stretches
from stages.dedup.windows import Keys, windows_of
from stages.elements import Ints, Mask
from stages.stage import Batch, Bucket, Level, Projection, Regroup
from stages.tokens import Tokens, tokenize, utf8_of

CHUNK_ROWS: Final = 2_048
"""Rows of a unit whose words are held at a time."""


@dataclass(frozen=True, kw_only=True)
class RepeatedSubstrings(Regroup):
    """Cuts every passage of `min_words` words or more that the run has had before.

    A passage is a run of words as they are written, case and marks included, white space aside;
    it may go across the text parts, and the pictures, of one sample. Of every window of
    `min_words` words the first place in the order of the run stays, and all others go; so
    longer passages go whole. A text part, and a sample, that this leaves empty goes.

    An ideograph or kana is a word. In English 50 tokens of a BPE vocabulary, the least that the
    paper cuts, are some 35 to 40 words or 210 to 250 bytes. The windows are compared by 128 bits
    of hashes; no suffix array is built, so no step needs more of the run than one bucket.

    Reads: messages.
    Writes: messages (without what was cut). A decision's score is the length of the passage in
    words, threshold `min_words`.
    Source: Lee et al. 2022, arXiv:2107.06499, section 4.1 (exact substrings of 50 tokens).

    Attributes:
        min_words: length of the shortest passage that is cut, words.
    """

    reads: ClassVar = ("messages",)
    writes: ClassVar = ("messages",)
    source: ClassVar = "Lee et al. 2022, arXiv:2107.06499, section 4.1"
    over: ClassVar[Level] = "text"

    min_words: int = 40

    def __post_init__(self) -> None:
        if self.min_words < 2:
            raise ValueError(f"min_words must be at least 2, got {self.min_words}")

    def project(self, batch: Batch) -> Projection:
        """Return the windows of every row, in runs that share a minimizer."""
        tables = [self._windows(batch, rows) for rows in _chunks(len(batch))]
        return Projection(rows=pa.concat_tables(tables))

    def _windows(self, batch: Batch, rows: Mask) -> pa.Table:
        tokens = batch.keep_rows(rows).tokens()
        offsets = tokens.offsets("words", "sample")
        inner = max(self.min_words // 4, 1)
        found = windows_of(
            np.ascontiguousarray(tokens.words["hash"]),
            offsets,
            length=self.min_words,
            inner=inner,
        )
        runs = found.runs
        ends = np.cumsum(np.r_[0, runs["count"]])
        columns = {
            "row": np.flatnonzero(rows)[runs["text"]],
            "word": runs["word"],
            "at": runs["at"],
            "key": runs["key"],
            "windows": pa.LargeListArray.from_arrays(pa.array(ends), pa.array(found.hashes)),
        }
        return pa.table(columns)

    def partition(self, rows: pa.Table, buckets: int) -> Ints:
        """Return the bucket of each minimizer."""
        return bucket_of_key(rows, buckets)

    def decide(self, rows: pa.Table, bucket: Bucket) -> pa.Table:
        """Return a decision for each run of windows that are not the first of their kind.

        `start` and `stop` count the words of the row, `element` is 0: `settle` finds the bytes.
        """
        order, group = grouped(rows.column("key").to_numpy())
        shared = np.bincount(group, minlength=1)[group] > 1
        rows, group = rows.take(pa.array(order[shared])), group[shared]
        hashes, owner, place = _flat(rows)
        # a window's place in front of its minimizer, beside whose minimizer it is
        kind = group[owner] * self.min_words + rows.column("at").to_numpy()[owner] - place
        first, last = _runs(_again(kind, hashes), owner)
        start = (rows.column("word").to_numpy()[owner] + place)[first]
        stop = start + (last - first) + self.min_words
        places = pa.table(
            {
                "unit": rows.column("unit").take(pa.array(owner[first])),
                "row": rows.column("row").take(pa.array(owner[first])),
                "element": np.zeros(len(first), np.int64),
                "start": start,
                "stop": stop,
            }
        )
        return self._told(places, stop - start)

    def _told(self, places: pa.Table, words: Ints) -> pa.Table:
        reason = [f"{count} words that the run has before" for count in words.tolist()]
        score = words.astype(np.float32)
        return stretches(places, score, threshold=self.min_words, reason=reason)

    def settle(self, batch: Batch, decisions: pa.Table) -> pa.Table:
        """Return the unit's decisions with passages joined that overlap, as bytes of texts."""
        if decisions.num_rows == 0:
            return STRETCHES.empty_table()
        row, start, stop = _joined(decisions)
        touched, at = np.unique(row, return_inverse=True)
        some = batch.keep_rows(np.isin(np.arange(len(batch)), touched))
        parts = some.parts()
        texts = parts.values.field("text").filter(pa.array(parts.is_text))
        tokens = tokenize(texts, row=parts.row[parts.is_text], rows=len(some))
        first = tokens.offsets("words", "sample")[at]
        text, begin, end, which = _by_text(first + start, first + stop, tokens)
        origin = utf8_of(texts)[1][text]
        places = pa.table(
            {
                "unit": pa.repeat(decisions.column("unit")[0], len(text)),
                "row": row[which],
                "element": parts.position[parts.is_text][text],
                "start": tokens.words["start"][begin] - origin,
                "stop": tokens.words["end"][end - 1] - origin,
            }
        )
        return self._told(places, (stop - start)[which])


def _chunks(rows: int) -> Iterator[Mask]:
    """Yield bool[N] masks of consecutive rows, at least one."""
    for first in range(0, max(rows, 1), CHUNK_ROWS):
        index = np.arange(rows)
        yield (index >= first) & (index < first + CHUNK_ROWS)


def _flat(rows: pa.Table) -> tuple[Keys, Ints, Ints]:
    """Return the windows of all rows: hash, number of the row, and place in the row's run."""
    lists = rows.column("windows").combine_chunks()
    lengths = lists.value_lengths().to_numpy(zero_copy_only=False)
    starts = np.cumsum(lengths) - lengths
    owner = np.repeat(np.arange(len(lengths)), lengths)
    return lists.flatten().to_numpy(), owner, np.arange(len(owner)) - starts[owner]


def _again(kind: Ints, hashes: Keys) -> Mask:
    """Return bool[W]: windows that equal one before them."""
    order = np.lexsort((hashes, kind))
    same = (np.diff(kind[order]) == 0) & (np.diff(hashes[order]) == 0)
    again = np.zeros(len(kind), np.bool_)
    again[order[1:][same]] = True
    return again


def _runs(marked: Mask, owner: Ints) -> tuple[Ints, Ints]:
    """Return first and last of each run of marked neighbours of one owner."""
    linked = marked[1:] & marked[:-1] & (owner[1:] == owner[:-1])
    first = np.flatnonzero(marked & ~np.r_[False, linked][: len(marked)])
    last = np.flatnonzero(marked & ~np.r_[linked, False][: len(marked)])
    return first, last


def _joined(decisions: pa.Table) -> tuple[Ints, Ints, Ints]:
    """Return row, start and stop of passages, those that overlap or touch made one."""
    table = decisions.sort_by([("row", "ascending"), ("start", "ascending")])
    row, start, stop = (table.column(name).to_numpy() for name in ("row", "start", "stop"))
    reach = row * (int(stop.max()) + 1) + stop  # grows from row to row
    reach = np.maximum.accumulate(reach)
    new = np.r_[True, row[1:] * (int(stop.max()) + 1) + start[1:] > reach[:-1]]
    first = np.flatnonzero(new)
    last = np.r_[first[1:], len(row)] - 1
    return row[first], start[first], reach[last] - row[first] * (int(stop.max()) + 1)


def _by_text(start: Ints, stop: Ints, tokens: Tokens) -> tuple[Ints, Ints, Ints, Ints]:
    """Cut passages, given by words of all texts, at the borders of texts.

    Returns:
        For each piece the text, its first word, the word behind its last, and its passage.
    """
    offsets = tokens.offsets("words", "text")
    borders = np.unique(offsets)
    low = np.searchsorted(borders, start, side="right") - 1
    high = np.searchsorted(borders, stop, side="left")
    which = np.repeat(np.arange(len(start)), high - low)
    before = np.cumsum(high - low) - (high - low)
    place = low[which] + np.arange(len(which)) - before[which]
    begin = np.maximum(borders[place], start[which])
    end = np.minimum(borders[place + 1], stop[which])
    return np.searchsorted(offsets, begin, side="right") - 1, begin, end, which
