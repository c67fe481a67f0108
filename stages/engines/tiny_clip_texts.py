"""What the tiny CLIP reads while it learns: texts that tell a picture, bring it up, or neither."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

import numpy as np

from stages.elements import Ints, Mask
from stages.engines.rendered import Rendered
from stages.engines.training_prose import label, mention, plain
from stages.engines.training_texts import example_texts

PASSAGES: Final = 48
"""Sentences in each batch that go with no picture of it."""
MIXED: Final = 0.6
"""Most of the words of a sentence that others take the place of."""
CAPTIONED, TOLD = 0.4, 0.25
"""Shares of pictures that are taken by their caption and by a fact; others are brought up."""
LABELLED: Final = 0.4
"""Share of the texts that bring a picture up in which its name stands alone."""
_WORD: Final = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, kw_only=True)
class Texts:
    """Texts of a batch of B pictures, and P sentences that go with none.

    Attributes:
        texts: B + P.
        fits: bool[B, B], which pictures each of the first B texts holds of.
    """

    texts: Sequence[str]
    fits: Mask


@dataclass(frozen=True, kw_only=True)
class Writer:
    """Writes the texts of batches.

    Attributes:
        data: the pictures.
        words: that stand for nothing drawn; they take the place of some words of sentences, so
            that a sentence of any words is about what it names.
    """

    data: Rendered
    words: Sequence[str]

    def texts_for(self, at: Ints, random: Random) -> Texts:
        """Return a text of each picture: its caption, a fact, or words that bring it up.

        Words that bring up a thing hold of every picture of the batch that has it.
        """
        texts: list[str] = []
        names: list[str] = []
        for index in at.tolist():
            text, name = self._text_for(index, random)
            texts.append(text)
            names.append(name)
        _, number = np.unique(np.array(texts), return_inverse=True)
        fits = number[:, None] == number[None, :]
        for place, name in enumerate(names):
            if name:
                fits[place] = [name in self.data.names[index] for index in at.tolist()]
        texts += [self._mixed(plain(random), random) for _ in range(PASSAGES)]
        return Texts(texts=texts, fits=fits)

    def _text_for(self, index: int, random: Random) -> tuple[str, str]:
        """Return a text of a picture, and the name by which it brings it up, if it does."""
        facts, names = self.data.facts[index], self.data.names[index]
        chance = random.random()
        if not names or chance < CAPTIONED:
            return self.data.captions[index], ""
        if chance < CAPTIONED + TOLD:
            return random.choice(facts), ""
        name = random.choice(names)
        if random.random() < LABELLED:
            return label(random, name), name
        return self._mixed(mention(random, "{name}"), random).replace("{name}", name), name

    def _mixed(self, sentence: str, random: Random) -> str:
        """Return the sentence with other words in some places, but not where a name goes."""
        share = random.random() * MIXED
        return " ".join(
            random.choice(self.words) if "{" not in word and random.random() < share else word
            for word in sentence.split()
        )


def other_words(data: Rendered) -> tuple[str, ...]:
    """Return the words of the example site that are said of no picture."""
    said, written = (
        {word for text in texts for word in _WORD.findall(text.lower())}
        for texts in (told_texts(data), example_texts())
    )
    return tuple(sorted(written - said))


def told_texts(data: Rendered) -> Iterator[str]:
    """Yield captions, facts and names of pictures."""
    yield from data.captions
    for facts, names in zip(data.facts, data.names, strict=True):
        yield from facts
        yield from names
