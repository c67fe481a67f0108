"""A linear model of text quality over hashed n-grams of words, in one small file.

Common words stand for themselves; of every other word only its form counts: letters, digits,
capitals, length, its last two bytes and the mark behind it. What is learnt from few texts is
then how sentences go in a language, not what the texts were about. An n-gram is one to three
words in a row of a line, whose beginning and end count as words; its hash names its weight.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import njit

from stages.elements import Floats, Ints
from stages.errors import NotReadyError
from stages.token_kernels import ALL_UPPER, HAS_DIGIT, HAS_LETTER, LOWER_START
from stages.tokens import Tokens

MAX_N: Final = 3
_EDGE: Final = np.uint64(1)  # before the first word of a line and behind its last
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)
_SHIFT: Final = np.uint64(29)
_FORM_FLAGS: Final = HAS_LETTER | ALL_UPPER | HAS_DIGIT | LOWER_START
_MARKS: Final = b".,;:!?)\"'|"
_LONGEST: Final = 12  # characters: longer words are as long

Keys = npt.NDArray[np.uint64]


@dataclass(frozen=True, kw_only=True, eq=False)
class LinearText:
    """Weights of n-grams; the score of a text is a probability that it is good.

    Attributes:
        vocabulary: uint64[V], `core` of the words that stand for themselves, ascending.
        weights: float32[B], of each bucket of n-grams; B is a power of two.
        bias: of the log-odds.
    """

    vocabulary: Keys
    weights: Floats
    bias: float

    def save(self, path: Path) -> None:
        """Write the model as a compressed .npz file, weights in half precision."""
        with path.open("wb") as file:
            np.savez_compressed(
                file,
                vocabulary=self.vocabulary,
                weights=self.weights.astype(np.float16),
                bias=np.float32(self.bias),
            )

    @classmethod
    def read(cls, path: Path) -> LinearText:
        """Read what `save` wrote.

        Raises:
            NotReadyError: when there is no such file, or another file.
        """
        try:
            with np.load(path) as file:
                return cls(
                    vocabulary=file["vocabulary"],
                    weights=file["weights"].astype(np.float32),
                    bias=float(file["bias"]),
                )
        except (OSError, EOFError, ValueError, KeyError) as error:
            raise NotReadyError(
                f"cannot read the text model {str(path)!r} ({error}); make one by "
                f"python -m stages.engines.train_text_quality --read TEXTS --out MODEL"
            ) from error

    def score(self, tokens: Tokens) -> Floats:
        """Return float32[T], the probability that each text is good; NaN for those without words.

        Args:
            tokens: of T texts, or of rows of texts, which do not matter here.
        """
        buckets, counts = buckets_of(tokens, self.vocabulary, len(self.weights))
        sums = np.r_[0, np.cumsum(self.weights[buckets], dtype=np.float64)]
        ends = np.cumsum(counts)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = (sums[ends] - sums[ends - counts]) / counts
        good: Floats = (1 / (1 + np.exp(-(mean + self.bias)))).astype(np.float32)
        return good


def buckets_of(tokens: Tokens, vocabulary: Keys, buckets: int) -> tuple[Ints, Ints]:
    """Return the bucket of each n-gram of T texts, int64[G], and int64[T], how many each has.

    Args:
        tokens: of the texts.
        vocabulary: uint64[V], ascending.
        buckets: a power of two.
    """
    words = _classes(tokens, vocabulary)
    found = np.empty(MAX_N * (len(words) + 2 * len(tokens.lines)), np.int64)
    per_line = np.empty(len(tokens.lines), np.int64)
    count = _ngrams(words, tokens.lines["words"].astype(np.int64), buckets, found, per_line)
    ends = np.cumsum(tokens.texts["lines"])
    sums = np.r_[0, np.cumsum(per_line)]
    return found[:count], sums[ends] - sums[ends - tokens.texts["lines"]]


def _classes(tokens: Tokens, vocabulary: Keys) -> Keys:
    """Return uint64[W], what each word counts as."""
    words, data = tokens.words, tokens.data
    last = data[words["end"] - 1] if len(words) else np.empty(0, np.uint8)
    mark = np.where(np.isin(last, np.frombuffer(_MARKS, np.uint8)), last, 0).astype(np.uint64)
    ending = words["end"] - (mark > 0)  # the last two bytes before the mark
    before = [data[np.maximum(words["start"], ending - back)] | 0x20 for back in (1, 2)]
    form = (words["flags"] & _FORM_FLAGS).astype(np.uint64)
    for part in (np.minimum(words["chars"], _LONGEST), *before):
        form = form << np.uint64(8) | part.astype(np.uint64)
    core = words["core"]
    place = np.minimum(np.searchsorted(vocabulary, core), max(len(vocabulary) - 1, 0))
    known = vocabulary[place] == core if len(vocabulary) else np.zeros(len(core), np.bool_)
    classes: Keys = np.where(known, core, form * _MIX) ^ (mark << np.uint64(40))
    return classes


@njit(cache=True, nogil=True)
def _ngrams(words: Any, line_words: Any, buckets: Any, found: Any, per_line: Any) -> Any:
    """Fill in the buckets of all n-grams, line by line, and how many each line has."""
    count, at = 0, 0
    last = np.uint64(buckets - 1)
    for line in range(len(line_words)):
        begun = count
        before, earlier = _EDGE, np.uint64(0)
        for place in range(line_words[line] + 1):
            is_end = place == line_words[line]
            word = _EDGE if is_end else words[at + place]
            if not is_end:
                found[count] = np.int64(_mixed(word) & last)
                count += 1
            pair = _mixed(before) ^ word
            found[count] = np.int64(_mixed(pair) & last)
            count += 1
            if earlier:
                found[count] = np.int64(_mixed(_mixed(earlier) ^ pair) & last)
                count += 1
            before, earlier = word, before
        at += line_words[line]
        per_line[line] = count - begun
    return count


@njit(cache=True, nogil=True, inline="always")
def _mixed(value: Any) -> Any:
    mixed = (value ^ (value >> _SHIFT)) * _MIX
    return mixed ^ (mixed >> np.uint64(32))
