"""Train a character n-gram model with interpolated, modified Kneser-Ney smoothing.

    python -m stages.engines.train_ngram --read FILE ... --out MODEL.npz [--order 6]
        [--min-count 2]

reads text files (UTF-8), and Parquet files of rows as runs write them (`kept.parquet`), so that
a run's own best documents can teach what good text is. `--min-count` leaves out n-grams of more
than three characters that occur less often; what they would have had goes to shorter ones.
`--order 6` tells the 1,020 most frequent characters apart, 5 and 4 the 4,092 and 65,532 most
frequent: for Chinese or Japanese take 4. All n-grams are sorted in memory.

Without options it trains the tiny model on the texts of the example site.

Source: Chen and Goodman 1999, "An empirical study of smoothing techniques for language
modeling", sections 2.7 and 3 (modified Kneser-Ney, interpolated).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stages.elements import Floats, Ints
from stages.engines.ngram import BEGIN, END, UNKNOWN, NgramModel, bits_of, normalise, numbers_of
from stages.engines.training_texts import TINY_NGRAM, example_texts, texts_of
from stages.tokens import tokenize

_UNPRUNED: Final = 3  # n-grams up to here are kept however rare they are
_NEVER: Final = -99.0  # log10 of what is not predicted, as ARPA files have it

Keys = npt.NDArray[np.uint64]
Doubles = npt.NDArray[np.float64]


def train(texts: Sequence[str], *, order: int = 6, min_count: int = 2) -> NgramModel:
    """Return the model of the lines of the texts; the same texts give the same model.

    Args:
        texts: whose lines are what is learnt from.
        order: n of the longest n-grams, 2 to 8.
        min_count: n-grams of more than three characters that occur less often are left out.

    Raises:
        ValueError: when an option is out of range, or there is no text.
    """
    room = (1 << bits_of(order)) - 1 - UNKNOWN if 2 <= order <= 8 else 0
    if not room:
        raise ValueError(f"order is {order}, it must be 2 to 8")
    tokens = tokenize(pa.array(texts, pa.string()), row=np.arange(len(texts)), rows=len(texts))
    if not len(tokens.lines):
        raise ValueError("there is no text to learn from")
    codes, offsets = normalise(tokens.data, tokens.lines)
    characters = _most_frequent(codes, room)
    keys = [_distinct(each) for each in _ngrams(numbers_of(characters)[codes], offsets, order)]
    keep = [counts >= (min_count if n > _UNPRUNED else 1) for n, (_, counts) in enumerate(keys, 1)]
    counts = _adjusted(keys, order)
    counts[0], keep[0] = _unigrams(*counts[0])
    return _smoothed(characters, counts, keep, order)


def _most_frequent(codes: npt.NDArray[np.uint32], most: int) -> npt.NDArray[np.uint32]:
    found, counts = np.unique(codes, return_counts=True)
    chosen: npt.NDArray[np.uint32] = np.sort(found[np.argsort(-counts, kind="stable")[:most]])
    return chosen


def _ngrams(numbers: npt.NDArray[np.uint32], offsets: Ints, order: int) -> Iterator[Keys]:
    """Yield the keys of all 1-grams, 2-grams, ..., each line framed by BEGIN and END."""
    lines = len(offsets) - 1
    place = np.arange(len(numbers)) + 2 * np.repeat(np.arange(lines), np.diff(offsets)) + 1
    stream = np.empty(len(numbers) + 2 * lines, np.uint64)
    stream[place] = numbers
    stream[offsets[:-1] + 2 * np.arange(lines)] = BEGIN
    stream[offsets[1:] + 2 * np.arange(lines) + 1] = END
    in_line = np.arange(len(stream)) - np.repeat(
        offsets[:-1] + 2 * np.arange(lines), np.diff(offsets) + 2
    )
    shift, key = np.uint64(bits_of(order)), stream.copy()
    for n in range(1, order + 1):
        if n > 1:
            shifted = stream[: len(stream) - n + 1] << np.uint64(int(shift) * (n - 1))
            key[n - 1 :] |= shifted
        yield key[in_line >= n - 1]


def _distinct(keys: Keys) -> tuple[Keys, Ints]:
    found, counts = np.unique(keys, return_counts=True)
    return found, counts


def _mask(n: int, order: int) -> np.uint64:
    return np.uint64((1 << (n * bits_of(order))) - 1)


def _adjusted(keys: list[tuple[Keys, Ints]], order: int) -> list[tuple[Keys, Ints]]:
    """Return keys and Kneser-Ney counts: how many different characters stand before an n-gram.

    The longest n-grams, and those that begin a line, keep the counts of their occurrences.
    """
    adjusted = []
    for n, (grams, counts) in enumerate(keys, 1):
        if n < order:
            endings, before = np.unique(keys[n][0] & _mask(n, order), return_counts=True)
            first = grams >> np.uint64((n - 1) * bits_of(order))
            counts = counts.copy()
            counts[np.searchsorted(grams, endings)] = before
            counts[first == BEGIN] = keys[n - 1][1][first == BEGIN]
        adjusted.append((grams, counts))
    return adjusted


def _discounts(counts: Ints) -> Doubles:
    """Return float64[4]: what is taken from counts of 0, 1, 2, and 3 or more."""
    once, twice, thrice, four = (int((counts == times).sum()) for times in (1, 2, 3, 4))
    if min(once, twice, thrice) == 0:
        return np.array([0, 0.5, 1, 1.5])
    share = once / (once + 2 * twice)
    steps = (twice / once, thrice / twice, four / thrice)
    found = [times - (times + 1) * share * step for times, step in enumerate(steps, 1)]
    if min(found) <= 0:
        return np.array([0, 0.5, 1, 1.5])
    return np.array([0, *found])


def _smoothed(
    characters: npt.NDArray[np.uint32],
    counted: list[tuple[Keys, Ints]],
    keep: list[npt.NDArray[np.bool_]],
    order: int,
) -> NgramModel:
    """Return the model: each order interpolated with the one below it, the lowest with 1 / V."""
    shift = np.uint64(bits_of(order))
    uniform = 1 / (len(characters) + 2)  # the characters, END and UNKNOWN
    known, shorter = np.zeros(1, np.uint64), np.array([uniform])  # the empty n-gram
    keys: list[Keys] = []
    logs: list[Doubles] = []
    backoffs: list[Doubles] = []
    for n, (grams, counts) in enumerate(counted, 1):
        discounts = _discounts(counts)
        follows = np.isin(grams >> shift, known)  # the others follow one that was left out
        grams, counts = grams[follows], counts[follows]
        context = np.searchsorted(known, grams >> shift)
        kept = keep[n - 1][follows]
        total = np.bincount(context, weights=counts, minlength=len(known))
        taken = counts - discounts[np.minimum(counts, 3)]
        rest = np.bincount(context[kept], weights=taken[kept], minlength=len(known))
        left = np.where(total > 0, 1 - rest / np.maximum(total, 1), 1.0)
        ending = np.searchsorted(known, grams[kept] & _mask(n - 1, order))
        given = context[kept]
        probability = taken[kept] / total[given] + left[given] * shorter[ending]
        if n > 1:
            backoffs.append(np.log10(left))
        known, shorter = grams[kept], probability
        if n == 1:  # BEGIN is a context, and never comes
            known, shorter = np.r_[np.uint64(BEGIN), known], np.r_[10**_NEVER, probability]
        keys.append(known)
        logs.append(np.log10(shorter))
    backoffs.append(np.zeros(len(known)))
    return _table(order, characters, keys, logs, backoffs)


def _unigrams(grams: Keys, counts: Ints) -> tuple[tuple[Keys, Ints], npt.NDArray[np.bool_]]:
    """Return the 1-grams without BEGIN, which nothing predicts, and with UNKNOWN; all stay."""
    found = dict(zip(grams.tolist(), counts.tolist(), strict=True))
    found.pop(BEGIN)
    found.setdefault(UNKNOWN, 0)
    ordered = sorted(found)
    numbers = np.array([found[each] for each in ordered])
    return (np.array(ordered, np.uint64), numbers), np.ones(len(ordered), np.bool_)


def _table(
    order: int,
    characters: npt.NDArray[np.uint32],
    keys: list[Keys],
    logs: list[Doubles],
    backoffs: list[Doubles],
) -> NgramModel:
    every = np.concatenate(keys)
    place = np.argsort(every)

    def ordered(values: list[Doubles]) -> Floats:
        joined: Floats = np.concatenate(values)[place].astype(np.float32)
        return joined

    return NgramModel(
        order=order,
        characters=characters,
        keys=every[place],
        log10=ordered(logs),
        backoff=ordered(backoffs),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Train and write a model, as the command says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--read", type=Path, nargs="+", default=[])
    parser.add_argument("--out", type=Path, default=TINY_NGRAM)
    parser.add_argument("--order", type=int, default=6)
    parser.add_argument("--min-count", type=int, default=2)
    options = parser.parse_args(arguments)
    texts = [text for path in options.read for text in texts_of(path)] or list(example_texts())
    model = train(texts, order=options.order, min_count=options.min_count)
    model.save(options.out)
    print(f"{len(model.keys):,} n-grams of {len(model.characters)} characters: {options.out}")


if __name__ == "__main__":
    main()
