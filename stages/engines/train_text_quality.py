"""Train the light model of text quality on good texts and on the same texts spoilt.

    python -m stages.engines.train_text_quality [--read FILE ...] [--out MODEL.npz] [--seed 0]

reads text files (UTF-8) and Parquet files of rows as runs write them (`kept.parquet`), so that a
run's own best documents can say what good text is. Without files it reads the English pages of
the example site, which makes the model that comes along. Every fourth text, and every fourth
phrase of what stands around texts, is kept back; printed is how well these are told apart (area
under the ROC curve), way of spoiling by way.

Good are stretches of two to eight paragraphs; bad are the same, spoilt in each of the ways of
`stages.engines.spoilt_texts`. The model is a logistic regression, its weights drawn towards 0.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stages.elements import Floats, Ints
from stages.engines.linear_text import Keys, LinearText, buckets_of
from stages.engines.spoilt_texts import PHRASES, SPOIL
from stages.engines.training_texts import LIGHT_TEXT_QUALITY, example_texts, texts_of
from stages.tokens import Tokens, tokenize

BUCKETS: Final = 1 << 15
COMMON_WORDS: Final = 120
"""Words that stand for themselves: those that most of the good texts have."""
_STRETCHES: Final = 12  # of each text
_STEPS: Final = 300
_RATE: Final = 2.0
_DECAY: Final = 1e-6
_KEPT_BACK: Final = 4

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Texts to learn from or to be tried on.

    Attributes:
        texts: N of them.
        way: int64[N], the way in which each is bad, as a place in SPOIL; -1 for good ones.
    """

    texts: list[str]
    way: Ints


def examples(texts: Sequence[str], phrases: Sequence[str], *, seed: int) -> Examples:
    """Return stretches of texts, each followed by one spoilt in every way."""
    made, ways = [], []
    for number, text in enumerate(texts):
        draw = Random(f"{seed} {number}")
        paragraphs = [each.strip() for each in text.split("\n\n") if each.strip()]
        for _ in range(_STRETCHES):
            first = draw.randrange(max(1, len(paragraphs) - 1))
            good = "\n\n".join(paragraphs[first : first + draw.randint(2, 8)])
            made += [good, *(spoil(good, draw, phrases) for spoil in SPOIL)]
            ways += [-1, *range(len(SPOIL))]
    return Examples(texts=made, way=np.array(ways, np.int64))


def train(texts: Sequence[str], phrases: Sequence[str] = PHRASES, *, seed: int = 0) -> LinearText:
    """Return the model of good texts; the same texts and seed give the same model.

    Raises:
        ValueError: when there is no text with words.
    """
    vocabulary = _common(texts)
    if not len(vocabulary):
        raise ValueError("there is no text to learn from")
    made = examples(texts, phrases, seed=seed)
    buckets, counts = buckets_of(_tokens(made.texts), vocabulary, BUCKETS)
    used = counts > 0
    weights, bias = _fit(buckets, counts[used], made.way[used] < 0)
    return LinearText(vocabulary=vocabulary, weights=weights, bias=bias)


def areas(model: LinearText, tried: Examples) -> dict[str, float]:
    """Return, for each way of spoiling and over "all", how often good texts score higher."""
    score = model.score(_tokens(tried.texts))
    good = score[tried.way < 0]
    each = {spoil.__name__: score[tried.way == way] for way, spoil in enumerate(SPOIL)}
    return {name: area(good, bad) for name, bad in {**each, "all": score[tried.way >= 0]}.items()}


def area(high: Floats, low: Floats) -> float:
    """Return the area under the ROC curve: how often one of `high` exceeds one of `low`.

    >>> area(np.float32([3, 2]), np.float32([1, 2]))
    0.875
    """
    order = np.sort(low)
    below = np.searchsorted(order, high, "left") + np.searchsorted(order, high, "right")
    return float(below.mean() / 2 / len(low))


def _tokens(texts: Sequence[str]) -> Tokens:
    return tokenize(pa.array(texts, pa.string()), row=np.arange(len(texts)), rows=len(texts))


def _common(texts: Sequence[str]) -> Keys:
    """Return the words that most texts have, in the order of `core`."""
    tokens = _tokens(texts)
    text = np.repeat(np.arange(len(texts)), tokens.texts["words"])
    pairs = np.unique(np.stack([text.astype(np.uint64), tokens.words["core"]]), axis=1)
    cores, spread = np.unique(pairs[1], return_counts=True)
    chosen: Keys = np.sort(cores[np.argsort(-spread, kind="stable")[:COMMON_WORDS]])
    return chosen


def _fit(buckets: Ints, counts: Ints, good: npt.NDArray[np.bool_]) -> tuple[Floats, float]:
    """Return weights and bias of a logistic regression on means, by AdaGrad over all texts.

    Good and bad texts count alike in sum, though there are more of the bad.
    """
    text = np.repeat(np.arange(len(counts)), counts)
    share = 1 / counts[text]
    balance = np.where(good, 0.5 / good.sum(), 0.5 / (~good).sum())
    weights, bias = np.zeros(BUCKETS), 0.0
    squares, bias_squares = np.full(BUCKETS, 1e-10), 1e-10
    for _ in range(_STEPS):
        mean = np.bincount(text, weights=weights[buckets] * share, minlength=len(counts))
        wrong = balance * (1 / (1 + np.exp(-(mean + bias))) - good)
        pulls = wrong[text] * share
        slope = _DECAY * weights + np.bincount(buckets, weights=pulls, minlength=BUCKETS)
        squares += slope**2
        bias_squares += wrong.sum() ** 2
        weights -= _RATE * slope / np.sqrt(squares)
        bias -= _RATE * wrong.sum() / np.sqrt(bias_squares)
    return weights.astype(np.float32), float(bias)


def _split(items: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return three quarters of the items, and every fourth."""
    kept_back = [item for at, item in enumerate(items) if at % _KEPT_BACK == _KEPT_BACK - 1]
    return [item for at, item in enumerate(items) if at % _KEPT_BACK < _KEPT_BACK - 1], kept_back


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, try and write a model, as the command says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--read", type=Path, nargs="+", default=[])
    parser.add_argument("--out", type=Path, default=LIGHT_TEXT_QUALITY)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    texts = [text for path in options.read for text in texts_of(path)] or list(example_texts())
    (known, new), (phrases, new_phrases) = _split(texts), _split(PHRASES)
    model = train(known, phrases, seed=options.seed)
    model.save(options.out)
    for name, found in areas(model, examples(new, new_phrases, seed=options.seed + 1)).items():
        print(f"{name:<12} {found:.4f}")
    print(f"{len(known)} texts, {options.out.stat().st_size:,} bytes: {options.out}")


if __name__ == "__main__":
    main()
