"""Measure how much better a model foretells texts when it sees the picture that they go with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final, NamedTuple

import numpy as np

from stages.elements import Floats, add_scores, with_media
from stages.engines.qwen_vl import QwenVL
from stages.engines.vl_request import Blurred, LoadedVL, Picture, Request, user
from stages.picture_texts import PictureText, picture_texts
from stages.stage import Batch, Resources, Stage, StageFn

FOLLOWING: Final = "The picture stands in a text. Before it stands:\n\n{before}\n\nWrite on."
OPENING: Final = "The picture stands at the head of a text. Write the text."
PRECEDING: Final = "The picture stands at the end of a text. Write the text."
DESCRIBING: Final = "Describe the picture."
"""What the model is asked before it is told the answer."""

TEXT: Final = "gain.text"
FACTS: Final = "gain.facts"


@dataclass(frozen=True, kw_only=True)
class InformationGain(Stage):
    """Write, for each stored picture, what seeing it tells a model about its texts.

    gain = (log p(texts | picture) - log p(texts | the same picture, blurred)) / tokens

    in nats per token, by Qwen2.5-VL. `gain.text` is over the text behind the picture, foretold
    from the picture and the text before it, and over the text before it, foretold from the
    picture alone; `gain.facts` over its caption, alternative text and title. The blurred picture
    keeps size, colours and token count, so that only what is to be seen in it differs.

    It measures information that picture and text share. It rewards texts that say what the
    picture shows, and so also a caption that says it all: high gain is relevance, and one half
    of complementarity (the other is what the text does not say). It fails where the model knows
    the text by heart, where blurring leaves what matters (plain colours, large shapes), where
    the picture is of a kind that the model reads badly, and on texts of a few tokens, whose gain
    is noise. Below zero, seeing the picture misleads: mostly a wrong picture.

    Reads: messages, media (status, sha256, location, caption, alt, title) and the bytes in the
        run's media folder.
    Writes: media: scores gain.text and gain.facts, nats per token; none where there is no text,
        or where the picture cannot be decoded.
    Source: visual information gain, arXiv:2602.17186; pointwise V-information, Ethayarajh et
        al. 2022, arXiv:2110.08420.

    Attributes:
        qwen: the model.
        max_chars: of the text on either side of a picture, characters.
        blur_share: standard deviation of the blur, a share of the picture's shorter side.
    """

    reads: ClassVar[tuple[str, ...]] = ("messages", "media")
    writes: ClassVar[tuple[str, ...]] = ("media",)
    source: ClassVar[str] = "visual information gain, arXiv:2602.17186; arXiv:2110.08420"
    resources: ClassVar[Resources] = Resources(workers=1)
    qwen: QwenVL = field(default_factory=QwenVL)
    max_chars: int = 600
    blur_share: float = 0.1

    def __post_init__(self) -> None:
        if self.max_chars < 1:
            raise ValueError(f"max_chars must be at least 1, got {self.max_chars}")
        if not 0 < self.blur_share <= 1:
            raise ValueError(f"blur_share must lie in (0, 1], got {self.blur_share}")

    def check(self) -> None:
        """Look whether the model is there."""
        self.qwen.check()

    def build(self) -> StageFn:
        """Load the model and return the function that measures a batch."""
        model = self.qwen.load()

        def measure(batch: Batch) -> Batch:
            media = batch.media()
            scores = {name: np.full(len(media), np.nan, np.float32) for name in (TEXT, FACTS)}
            for group in picture_texts(batch, self.max_chars):
                self._measure(group, model, scores)
            return batch.with_table(with_media(batch.table, add_scores(media.values, scores)))

        return measure

    def _measure(
        self, group: Sequence[PictureText], model: LoadedVL, scores: dict[str, Floats]
    ) -> None:
        """Write the gains of a group of pictures into float32[M]."""
        trials = [trial for each in group for trial in _trials(each)]
        blurred = {
            each.medium: Blurred(picture=each.picture, sigma_share=self.blur_share)
            for each in group
        }
        answers = [[trial.answer] for trial in trials]
        clear = model.score([trial.request(trial.shown.picture) for trial in trials], answers)
        unclear = model.score(
            [trial.request(blurred[trial.shown.medium]) for trial in trials], answers
        )
        tokens = model.tokenizer.encode([trial.answer for trial in trials])
        gains: dict[tuple[str, int], float] = defaultdict(float)
        lengths: dict[tuple[str, int], int] = defaultdict(int)
        for trial, seen, unseen, ids in zip(trials, clear, unclear, tokens, strict=True):
            key = trial.score, trial.shown.medium
            gains[key] += float(seen[0]) - float(unseen[0])
            lengths[key] += len(ids)
        for (name, medium), gain in gains.items():
            if lengths[name, medium]:
                scores[name][medium] = gain / lengths[name, medium]


class _Trial(NamedTuple):
    """A text that the model is to foretell.

    Attributes:
        score: what its gain counts for.
        shown: what the model sees.
        question: what it is asked.
        answer: the text.
    """

    score: str
    shown: PictureText
    question: str
    answer: str

    def request(self, picture: Picture) -> Request:
        """Return the question about a picture."""
        return Request(messages=[user(0, self.question)], pictures=[picture])


def _trials(each: PictureText) -> Iterator[_Trial]:
    """Yield what the model is to foretell from a picture."""
    if each.after:
        question = FOLLOWING.format(before=each.before) if each.before else OPENING
        yield _Trial(TEXT, each, question, each.after)
    if each.before:
        yield _Trial(TEXT, each, PRECEDING, each.before)
    for text in each.descriptions:
        yield _Trial(FACTS, each, DESCRIBING, text)
