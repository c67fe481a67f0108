"""Generated English-like texts with planted near-duplicates of known similarity."""

from __future__ import annotations

import random
import string
from dataclasses import dataclass

SCATTERED = (0.01, 0.02)
BLOCK = (0.05, 0.10, 0.20, 0.40)
LENGTHS = (1, 2, 2, 3, 3, 3, 3, 4, 4, 4, 5, 5, 6, 6, 7, 8, 9, 11)


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """Texts and the pairs planted in them.

    Attributes:
        texts: originals first, then one edited copy each of the first of them.
        pairs: (original, copy, exact Jaccard similarity of their 5-word shingles).
    """

    texts: list[str]
    pairs: list[tuple[int, int, float]]


class Writer:
    """Draws sentences of words whose frequencies fall as in natural text."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        letters = string.ascii_lowercase
        self.words = [
            "".join(self.draw.choices(letters, k=self.draw.choice(LENGTHS))) for _ in range(30000)
        ]
        self.weights = [1 / (rank + 10) for rank in range(len(self.words))]

    def take(self, count: int) -> list[str]:
        """Return words of sentences, some capitalised, some with a full stop."""
        words = self.draw.choices(self.words, self.weights, k=count)
        for at in range(0, count, 14):
            words[at] = words[at].capitalize()
            words[at - 1] += "."
        return words

    def scattered(self, words: list[str], share: float) -> list[str]:
        """Return the words with a share of them replaced, one here and one there."""
        out = list(words)
        for at in self.draw.sample(range(len(words)), round(share * len(words))):
            out[at] = self.draw.choice(self.words)
        return out

    def block(self, words: list[str], share: float) -> list[str]:
        """Return the words with one run of them replaced."""
        size = round(share * len(words))
        at = self.draw.randrange(len(words) - size + 1)
        return words[:at] + self.take(size) + words[at + size :]


def similarity(a: list[str], b: list[str], ngram: int = 5) -> float:
    """Return the Jaccard similarity of the lower-case word n-grams of two texts."""
    left, right = (
        {tuple(words[i : i + ngram]) for i in range(len(words) - ngram + 1)}
        for words in ([w.lower() for w in a], [w.lower() for w in b])
    )
    return len(left & right) / len(left | right)


def corpus(count: int, *, seed: int = 1) -> Corpus:
    """Return `count` texts of 200-800 words, a fifth of them edited copies of others."""
    writer = Writer(seed)
    copies = count // 5
    originals = [writer.take(writer.draw.randint(200, 800)) for _ in range(count - copies)]
    texts, pairs = list(originals), []
    kinds = len(SCATTERED) + len(BLOCK)
    for number in range(copies):
        words = originals[number]
        share = (*SCATTERED, *BLOCK)[number % kinds]
        edit = writer.scattered if number % kinds < len(SCATTERED) else writer.block
        copy = edit(words, share)
        pairs.append((number, len(texts), similarity(words, copy)))
        texts.append(copy)
    return Corpus(texts=[" ".join(words) for words in texts], pairs=pairs)
