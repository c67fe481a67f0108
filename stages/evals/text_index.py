"""Which evaluation texts stand in a text, by runs of words that both have.

Of an evaluation text every run of `ngram` words is known, of a shorter one the run of all its
words. Runs that more than MAX_TEXTS evaluation texts have are instructions that their sets
repeat: they count nowhere, and words that only they cover are no words of the text.

Source: Brown et al. 2020, arXiv:2005.14165, appendix C (13-grams; of shorter texts 8 words at
least; punctuation and case aside; frequent runs left out); Lambert et al. 2024, arXiv:2411.15124,
section 3.2 (what share of the evaluation text shared runs cover).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from stages.elements import Floats, Ints, Mask
from stages.errors import NotReadyError
from stages.evals.items import items
from stages.evals.runs import Keys, runs, words_of, written_words
from stages.tokens import Tokens

MAX_TEXTS: Final = 10
MAX_WORDS: Final = 100_000_000
"""Words of all evaluation texts together: an index takes 16 to 32 bytes a word."""
CHUNK: Final = 4096
"""Evaluation texts that are cut into words at a time."""

Places = npt.NDArray[np.int32]


@dataclass(frozen=True, kw_only=True)
class TextIndex:
    """The runs of words of E evaluation texts.

    Attributes:
        names: of the texts.
        words: int64[E], words of each that its runs cover; 0 for instructions alone.
        size: int64[E], words of the runs of each.
        sizes: int64[L], the lengths of runs that there are, ascending.
        keys: uint64[R], hashes of runs, ascending, repeats included.
        text: int32[R], the evaluation text of each run.
        place: int32[R], the word of it that the run begins with.
        table: bool[2**k], true at the last k bits of each hash.
    """

    names: tuple[str, ...]
    words: Ints
    size: Ints
    sizes: Ints
    keys: Keys
    text: Places
    place: Places
    table: Mask


@dataclass(frozen=True, kw_only=True)
class Overlaps:
    """What each of S texts has in common with the evaluation text that it holds most of.

    Attributes:
        share: float32[S], of that text's words, 0 where no run is shared.
        text: int64[S], which text it is, -1 where no run is shared.
        covered: int64[S], how many of its words shared runs cover.
    """

    share: Floats
    text: Ints
    covered: Ints


@cache
def load_text_index(path: str, ngram: int, min_words: int) -> TextIndex:
    """Return the index of the evaluation texts of a file or folder; "" has none.

    Equal texts are known by the first of them; those of fewer than `min_words` words are not.

    Raises:
        NotReadyError: when they cannot be read, or are too many.
    """
    known: dict[bytes, str] = {}
    names, texts = list[str](), list[str]()

    def add() -> None:
        words, ends = words_of(texts)
        for name, (start, stop) in zip(names, pairwise(ends.tolist()), strict=True):
            if stop - start >= min_words:
                known.setdefault(words[start:stop].tobytes(), name)
        names.clear()
        texts.clear()

    for each in items(path, "text") if path else ():
        names.append(each.name)
        texts.append(each.content)
        if len(texts) == CHUNK:
            add()
    add()
    total = sum(map(len, known)) // 8
    if total > MAX_WORDS:
        raise NotReadyError(
            f"the evaluation sets in {path!r} hold {total:,} words, an index holds at most "
            f"{MAX_WORDS:,}; name fewer sets, and the others in a step of their own"
        )
    cores = [np.frombuffer(words, np.uint64) for words in known]
    return text_index(tuple(known.values()), cores, ngram)


def text_index(names: tuple[str, ...], cores: list[Keys], ngram: int) -> TextIndex:
    """Return the index of evaluation texts, each given as uint64[W], the hashes of its words."""
    words = np.array([len(each) for each in cores], np.int64)
    size = np.minimum(words, ngram)
    keys, text, place = [np.empty(0, np.uint64)], [np.empty(0, np.int32)], [np.empty(0, np.int32)]
    for each in np.unique(size).tolist():
        chosen = np.flatnonzero(size == each)
        offsets = np.r_[0, np.cumsum(words[chosen])]
        found, which = runs(np.concatenate([cores[i] for i in chosen]), offsets, each)
        keys.append(found)
        text.append(chosen[which].astype(np.int32))
        first = np.searchsorted(which, np.arange(len(chosen)))
        place.append((np.arange(len(which)) - first[which]).astype(np.int32))
    key, owner, at = np.concatenate(keys), np.concatenate(text), np.concatenate(place)
    order = np.lexsort((at, owner, key))
    order = order[_in_few_texts(key[order], owner[order])]
    by_text = order[np.lexsort((at[order], owner[order]))]
    text_of, place_of = owner[by_text].astype(np.int64), at[by_text].astype(np.int64)
    first, covered = _covered(text_of, place_of, size[text_of])
    coverable = np.zeros(len(cores), np.int64)
    coverable[text_of[first]] = covered
    return TextIndex(
        names=names,
        words=coverable,
        sizes=np.unique(size),
        keys=key[order],
        text=owner[order],
        place=at[order],
        size=size,
        table=_table(key[order]),
    )


def _in_few_texts(key: Keys, text: Places) -> Mask:
    """Return bool[R]: runs that at most MAX_TEXTS texts have; both arrays are in order."""
    new = np.r_[True, key[1:] != key[:-1]][: len(key)]
    run = np.cumsum(new) - 1
    another = new | np.r_[True, text[1:] != text[:-1]][: len(key)]
    texts = np.bincount(run[another], minlength=1)
    few: Mask = texts[run] <= MAX_TEXTS
    return few


def _table(keys: Keys) -> Mask:
    """Return a table of 8 to 16 entries a run, up to 128 MiB: few other hashes pass it."""
    table = np.zeros(1 << min(27, (8 * len(keys)).bit_length()), np.bool_)
    table[keys & np.uint64(len(table) - 1)] = True
    return table


def overlaps(index: TextIndex, tokens: Tokens, over: str) -> Overlaps:
    """Return which evaluation text each sample or text part of a batch holds most of."""
    words, offsets, _ = written_words(tokens, over)
    segment, text, place = _shared(index, words, offsets)
    first, covered = _covered(segment * len(index.names) + text, place, index.size[text])
    share = (covered / index.words[text[first]]).astype(np.float32)
    found = Overlaps(
        share=np.zeros(len(offsets) - 1, np.float32),
        text=np.full(len(offsets) - 1, -1, np.int64),
        covered=np.zeros(len(offsets) - 1, np.int64),
    )
    order = np.lexsort((-first, share))  # what is written last stays: the best, the first of them
    where = segment[first[order]]
    found.share[where], found.covered[where] = share[order], covered[order]
    found.text[where] = text[first[order]]
    return found


def _covered(text: Ints, place: Ints, size: Ints) -> tuple[Ints, Ints]:
    """Return where the runs of each text begin, and how many of its words they cover together.

    Args:
        text: int64[R], ascending: of each run the text.
        place: int64[R], the word that it begins with, ascending in each text.
        size: int64[R], its words.
    """
    new = np.r_[True, np.diff(text) != 0][: len(text)]
    last = np.r_[new[1:], True][: len(text)]
    ahead = np.where(last, size, np.minimum(np.diff(place, append=0), size))
    first = np.flatnonzero(new)
    return first, np.bincount(np.cumsum(new) - 1, ahead, len(first)).astype(np.int64)


def _shared(index: TextIndex, words: Keys, offsets: Ints) -> tuple[Ints, Ints, Ints]:
    """Return segment, evaluation text and place of all shared runs, each once, in that order."""
    found = [np.empty((3, 0), np.int64)]
    for size in index.sizes.tolist():
        keys, segment = runs(words, offsets, size, index.table)
        low = np.searchsorted(index.keys, keys)
        count = np.searchsorted(index.keys, keys, side="right") - low
        run = np.repeat(low - (np.cumsum(count) - count), count) + np.arange(int(count.sum()))
        found.append(np.array([np.repeat(segment, count), index.text[run], index.place[run]]))
    segment, text, place = np.unique(np.concatenate(found, axis=1), axis=1)
    return segment, text, place
