"""Character n-gram models: a table of log-probabilities in one file, scored by compiled code.

A model gives each character of a line, and the line's end, a probability from the characters
before it. Lines are normalised first: lower case (where that is one character), every decimal
or other number character as "0", runs of white space as one space. A character that the model
has not seen is `<unk>`, which has the probability that smoothing leaves for the unseen.

The n-grams of all lengths stand in one hash table. A character is a number of `bits` bits, and an
n-gram the number that they form, the last character lowest; so the n-gram that ends at the next
character, and all its shorter endings, are cut out of one register by masks, without hashing and
without collisions. Numbers of characters begin at 1: a shorter n-gram has zeros before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import njit

from stages.elements import Ints
from stages.errors import NotReadyError
from stages.unicode_classes import class_table, lower_table

BEGIN: Final = 1  # of a line; a context, never predicted
END: Final = 2
UNKNOWN: Final = 3
FIRST_CHARACTER: Final = 4

_DIGIT: Final = 2  # as in stages.token_kernels; a change there would not reach compiled code here
_SPACE: Final = 32
_ENTRY: Final = np.dtype([("key", np.uint64), ("log10", np.float32), ("backoff", np.float32)])
_SPREAD: Final = np.uint64(0x9E3779B97F4A7C15)
_HALF: Final = np.uint64(32)


def bits_of(order: int) -> int:
    """Return the bits of a character in a key: 2 ** bits - FIRST_CHARACTER characters fit.

    >>> [bits_of(order) for order in (3, 5, 6)]
    [17, 12, 10]
    """
    return min(17, 64 // order)


@dataclass(frozen=True, kw_only=True, eq=False)
class NgramModel:
    """A smoothed model in the form of ARPA files: probabilities, and weights for backing off.

    Every prefix and every ending of an n-gram is in it too, as training makes sure.

    Attributes:
        order: n of the longest n-grams, 2 to 8.
        characters: uint32[C], code points; the first has number FIRST_CHARACTER.
        keys: uint64[E], the n-grams, ascending.
        log10: float32[E], log10 of the probability of the last character after the others.
        backoff: float32[E], log10 of the weight of a shorter context behind this one.
    """

    order: int
    characters: npt.NDArray[np.uint32]
    keys: npt.NDArray[np.uint64]
    log10: npt.NDArray[np.float32]
    backoff: npt.NDArray[np.float32]

    def save(self, path: Path) -> None:
        """Write the model as a compressed .npz file; equal models give equal bytes."""
        with path.open("wb") as file:
            np.savez_compressed(
                file,
                order=np.array(self.order),
                characters=self.characters,
                keys=np.diff(self.keys, prepend=np.uint64(0)),
                log10=self.log10,
                backoff=self.backoff,
            )

    @classmethod
    def read(cls, path: Path) -> NgramModel:
        """Read what `save` wrote.

        Raises:
            NotReadyError: when there is no such file, or another file.
        """
        try:
            with np.load(path) as file:
                return cls(
                    order=int(file["order"]),
                    characters=file["characters"],
                    keys=np.cumsum(file["keys"], dtype=np.uint64),
                    log10=file["log10"],
                    backoff=file["backoff"],
                )
        except (OSError, EOFError, ValueError, KeyError) as error:
            raise NotReadyError(
                f"cannot read the n-gram model {str(path)!r} ({error}); make one by "
                f"python -m stages.engines.train_ngram --read TEXTS --out MODEL"
            ) from error

    def score(
        self, data: npt.NDArray[np.uint8], lines: npt.NDArray[np.void]
    ) -> tuple[npt.NDArray[np.float64], Ints]:
        """Return log10 of the probability of each line, and its tokens: characters and an end.

        Args:
            data: uint8[B], UTF-8.
            lines: record[L] with `start` and `end`.

        Returns:
            float64[L] and int64[L].
        """
        ids, table = self._tables
        unicode = (class_table(), lower_table(), ids)
        starts, ends = lines["start"].astype(np.int64), lines["end"].astype(np.int64)
        log10, tokens = _score(data, starts, ends, unicode, table, self.order, bits_of(self.order))
        return log10, tokens

    @cached_property
    def _tables(self) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.void]]:
        entries = np.zeros(len(self.keys), _ENTRY)
        for name, values in (("key", self.keys), ("log10", self.log10), ("backoff", self.backoff)):
            entries[name] = values
        table = np.zeros(1 << (2 * len(entries) - 1).bit_length(), _ENTRY)
        _fill(entries, table)
        return numbers_of(self.characters), table


def numbers_of(characters: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """Return uint32[0x32400 or more], the number of each code point; UNKNOWN for most."""
    size = max(len(class_table()), int(characters.max(initial=0)) + 1)
    numbers = np.full(size, UNKNOWN, np.uint32)
    numbers[characters] = np.arange(len(characters), dtype=np.uint32) + FIRST_CHARACTER
    return numbers


def normalise(data: npt.NDArray[np.uint8], lines: npt.NDArray[np.void]) -> tuple[Any, Ints]:
    """Return the normalised characters of lines, uint32[N], and int64[L + 1] offsets of lines.

    Args:
        data: uint8[B], UTF-8.
        lines: record[L] with `start` and `end`.
    """
    starts, ends = lines["start"].astype(np.int64), lines["end"].astype(np.int64)
    codes = np.empty(int((ends - starts).sum()), np.uint32)
    offsets = np.zeros(len(lines) + 1, np.int64)
    _normalise(data, starts, ends, (class_table(), lower_table()), codes, offsets)
    return codes[: offsets[-1]].copy(), offsets


@njit(cache=True, nogil=True, inline="always")
def _next_character(data, at, end, classes, lower):  # type: ignore[no-untyped-def]
    """Return the normalised character at a byte, and the byte behind it."""
    first = data[at]
    size = 1 + (first >= 0xC0) + (first >= 0xE0) + (first >= 0xF0)
    code = np.uint32(first) if size == 1 else np.uint32(first) & np.uint32(0x7F >> size)
    for offset in range(1, min(size, end - at)):
        code = (code << np.uint32(6)) | np.uint32(data[at + offset] & 0x3F)
    at += size
    if code >= classes.size:
        return code, at
    bits = classes[code]
    if bits & _DIGIT:
        return np.uint32(48), at
    if bits & _SPACE == 0:
        return lower[code], at
    while at < end:  # the rest of the white space, which is at most three bytes a character
        first = data[at]
        size = 1 + (first >= 0xC0) + (first >= 0xE0) + (first >= 0xF0)
        code = np.uint32(first) if size == 1 else np.uint32(first) & np.uint32(0x7F >> size)
        for offset in range(1, min(size, end - at)):
            code = (code << np.uint32(6)) | np.uint32(data[at + offset] & 0x3F)
        if code >= classes.size or classes[code] & _SPACE == 0:
            break
        at += size
    return np.uint32(32), at


@njit(cache=True, nogil=True)
def _normalise(data, starts, ends, unicode, codes, offsets):  # type: ignore[no-untyped-def]
    classes, lower = unicode
    count = 0
    for line in range(len(starts)):
        at = starts[line]
        while at < ends[line]:
            codes[count], at = _next_character(data, at, ends[line], classes, lower)
            count += 1
        offsets[line + 1] = count


@njit(cache=True, nogil=True, inline="always")
def _slot(key, table):  # type: ignore[no-untyped-def]
    """Return the place of a key, or the free place where it belongs; no key is 0."""
    last = np.uint64(len(table) - 1)
    mixed = key * _SPREAD
    slot = (mixed ^ (mixed >> _HALF)) & last
    while table[slot].key != key and table[slot].key != 0:
        slot = (slot + np.uint64(1)) & last
    return slot


@njit(cache=True, nogil=True)
def _fill(entries, table):  # type: ignore[no-untyped-def]
    for entry in range(len(entries)):
        table[_slot(entries[entry].key, table)] = entries[entry]


@njit(cache=True, nogil=True, inline="always")
def _step(history, known, table, order, bits, weights, fresh):  # type: ignore[no-untyped-def]
    """Return log10 of the last character of the history, and how much of it is a known context.

    `weights[n]` is that of backing off from the context of the n characters before the last,
    for n up to `known`; afterwards, from the n characters that end with the last.
    """
    log10 = np.float64(0)
    longest = 0
    for n in range(1, min(order, known + 1) + 1):
        key = history & (~np.uint64(0) >> np.uint64(64 - n * bits))
        slot = _slot(key, table)
        if table[slot].key != key:
            break
        longest = n
        log10 = np.float64(table[slot].log10)
        fresh[n] = table[slot].backoff
    for n in range(longest, known + 1):
        log10 += weights[n]
    known = min(longest, order - 1)
    weights[1 : known + 1] = fresh[1 : known + 1]
    return log10, known


@njit(cache=True, nogil=True)
def _score(data, starts, ends, unicode, table, order, bits):  # type: ignore[no-untyped-def]
    classes, lower, ids = unicode
    logs, tokens = np.zeros(len(starts)), np.zeros(len(starts), np.int64)
    weights, fresh = np.zeros(order + 1, np.float32), np.zeros(order + 1, np.float32)
    shift = np.uint64(bits)
    of_begin = table[_slot(np.uint64(BEGIN), table)].backoff
    for line in range(len(starts)):
        at, end = starts[line], ends[line]
        history, known = np.uint64(BEGIN), 1
        weights[1] = of_begin
        ended = False
        while not ended:
            number = np.uint64(END)
            ended = at >= end
            if not ended:
                code, at = _next_character(data, at, end, classes, lower)
                number = np.uint64(ids[code]) if code < ids.size else np.uint64(UNKNOWN)
            history = (history << shift) | number
            log10, known = _step(history, known, table, order, bits, weights, fresh)
            logs[line] += log10
            tokens[line] += 1
    return logs, tokens
