"""Measure by a judge which facts a picture and its text hold that the other lacks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final

import numpy as np

from stages.elements import Floats, add_scores, with_media
from stages.engines.qwen_vl import QwenVL
from stages.engines.vl_request import Answer, LoadedVL, Request, user
from stages.picture_texts import PictureText, picture_texts
from stages.stage import Batch, Resources, Stage, StageFn

PICTURE_FACTS: Final = (
    "List the facts that this picture shows, one on a line. Each line is a short sentence that "
    "can be understood alone. Write nothing else."
)
TEXT_FACTS: Final = (
    "List the facts that the text below states, one on a line. Each line is a short sentence "
    "that can be understood alone. Write nothing else.\n\n{text}"
)
IS_SAID: Final = "{text}\n\nDoes the text above say this? {fact}\nAnswer Yes or No."
IS_SHOWN: Final = "Does the picture show this? {fact}\nAnswer Yes or No."
IS_LINKED: Final = (
    "{text}\n\nDoes the picture show a person, thing or place that the text above speaks of?\n"
    "Answer Yes or No."
)
YES_NO: Final = ("Yes", "No")
"""The judge's choice: its answer is the likelier of the two, and nothing is parsed."""

SCORES: Final = tuple(
    f"propositions.{name}" for name in ("score", "unique_image", "unique_text", "linked")
)
_MARK: Final = re.compile(r"^\s*(?:[-*•–]|\(?\d{1,3}[.)])\s*")
_MIN_CHARS, _MAX_CHARS = 4, 300  # of a fact


@dataclass(frozen=True, kw_only=True)
class Propositions(Stage):
    """Write, for each stored picture, how much it and the text around it add to each other.

    score = harmonic mean of unique_image and unique_text, times linked

    The model lists what the picture shows and what the text around it states, and then judges
    each fact against the other side by the probability of "Yes" against "No". `unique_image` is
    the share of the picture's facts that the text does not say, `unique_text` the share of the
    text's facts that the picture does not show, both in expectation; `linked` the probability
    that the picture shows something that the text speaks of. All lie in [0, 1].

    It rewards a picture and a text that each hold facts of their own about a common thing. A
    caption that says all that is to be seen has a low unique_image, a decorative or wrong
    picture a low linked. It fails where the model invents facts (they count as unique), lists
    trifles, as colours of a background, or overlooks what the picture is for (the numbers of a
    chart), and where the text is long: only so much of it on either side is looked at.

    Reads: messages, media (status, sha256, location, caption) and the bytes in the run's media
        folder.
    Writes: media: scores propositions.score, propositions.unique_image, propositions.unique_text
        and propositions.linked; none where there is no text, where the picture cannot be
        decoded, or where the model lists no facts.
    Source: Quern; entailment of atomic facts as in Min et al. 2023 (FActScore),
        arXiv:2305.14251; complementarity as the Qwen2.5-VL technical report, arXiv:2502.13923,
        section 2.2.1, defines it.

    Attributes:
        qwen: the model that lists and judges.
        max_chars: of the text on either side of a picture, characters.
        max_facts: of each side that are judged, the first ones.
        max_tokens: of a list of facts.
    """

    reads: ClassVar[tuple[str, ...]] = ("messages", "media")
    writes: ClassVar[tuple[str, ...]] = ("media",)
    source: ClassVar[str] = "Quern; FActScore, arXiv:2305.14251; arXiv:2502.13923, section 2.2.1"
    resources: ClassVar[Resources] = Resources(workers=1)
    qwen: QwenVL = field(default_factory=QwenVL)
    max_chars: int = 1500
    max_facts: int = 8
    max_tokens: int = 256

    def __post_init__(self) -> None:
        for name in ("max_chars", "max_facts", "max_tokens"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")

    def check(self) -> None:
        """Look whether the model is there."""
        self.qwen.check()

    def build(self) -> StageFn:
        """Load the model and return the function that measures a batch."""
        model = self.qwen.load()

        def measure(batch: Batch) -> Batch:
            media = batch.media()
            scores = {name: np.full(len(media), np.nan, np.float32) for name in SCORES}
            for group in picture_texts(batch, self.max_chars):
                self._measure([each for each in group if each.around], model, scores)
            return batch.with_table(with_media(batch.table, add_scores(media.values, scores)))

        return measure

    def _measure(
        self, group: Sequence[PictureText], model: LoadedVL, scores: dict[str, Floats]
    ) -> None:
        """Write the scores of a group of pictures into float32[M]."""
        of_picture, of_text = self._facts(group, model)
        pairs = [
            (each, shown, said)
            for each, shown, said in zip(group, of_picture, of_text, strict=True)
            if shown and said
        ]
        requests = [ask for pair in pairs for ask in _questions(*pair)]
        yes = iter(_yes(model.score(requests, [YES_NO] * len(requests))))
        for each, shown, said in pairs:
            unique_image = 1 - float(np.mean([next(yes) for _ in shown]))
            unique_text = 1 - float(np.mean([next(yes) for _ in said]))
            linked = next(yes)
            score = harmonic_mean(unique_image, unique_text) * linked
            for name, value in zip(SCORES, (score, unique_image, unique_text, linked), strict=True):
                scores[name][each.medium] = value

    def _facts(
        self, group: Sequence[PictureText], model: LoadedVL
    ) -> tuple[list[list[str]], list[list[str]]]:
        """Return the facts of each picture and of the text around it; equal texts once."""
        texts = list(dict.fromkeys(each.around for each in group))
        asks = [(PICTURE_FACTS, [each.picture]) for each in group]
        asks += [(TEXT_FACTS.format(text=text), []) for text in texts]
        requests = [
            Request(
                messages=[user(*range(len(pictures)), question)],
                pictures=pictures,
                max_tokens=self.max_tokens,
            )
            for question, pictures in asks
        ]
        found = [facts_in(answer, self.max_facts) for answer in model.generate(requests)]
        of_text = dict(zip(texts, found[len(group) :], strict=True))
        return found[: len(group)], [of_text[each.around] for each in group]


def _questions(each: PictureText, shown: Sequence[str], said: Sequence[str]) -> list[Request]:
    """Return what the judge is asked: of each fact whether it holds there too, and the link."""
    told = [IS_SAID.format(text=each.around, fact=fact) for fact in shown]
    seen = [IS_SHOWN.format(fact=fact) for fact in said]
    return [
        *(Request(messages=[user(question)]) for question in told),
        *(
            Request(messages=[user(0, question)], pictures=[each.picture])
            for question in (*seen, IS_LINKED.format(text=each.around))
        ),
    ]


def _yes(scores: Sequence[Floats]) -> list[float]:
    """Return the probability of the first of two answers when there are no others."""
    return [float(0.5 + 0.5 * np.tanh((yes - no) / 2)) for yes, no in scores]


def facts_in(answer: Answer, most: int) -> list[str]:
    """Return the facts that an answer lists, each once; none when it strays from the form.

    >>> facts_in(Answer("1. A mill stands at a pond.\\n2) The mill is red.\\n", "stop"), 8)
    ['A mill stands at a pond.', 'The mill is red.']
    >>> facts_in(Answer("Here are the facts:\\n- It rains.\\n- It rains.\\n- The wat", "length"), 8)
    ['It rains.']
    >>> facts_in(Answer("", "refused"), 8)
    []
    """
    lines = answer.text.splitlines()
    if answer.finish == "length":
        lines = lines[:-1]  # cut off
    facts = [_MARK.sub("", line).strip() for line in lines]
    kept = [
        fact
        for fact in facts
        if _MIN_CHARS <= len(fact) <= _MAX_CHARS and not fact.endswith((":", "："))
    ]
    return list(dict.fromkeys(kept))[:most]


def harmonic_mean(a: float, b: float) -> float:
    """Return the harmonic mean of two numbers that are not negative, 0 when one is 0; NaN of NaN.

    >>> harmonic_mean(0.5, 1.0), harmonic_mean(0.0, 0.0)
    (0.6666666666666666, 0.0)
    """
    return 0.0 if a == b == 0 else 2 * a * b / (a + b)
