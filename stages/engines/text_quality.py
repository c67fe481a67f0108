"""How good a text reads: a light model that comes along, or a sequence classifier of the hub."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from stages.elements import Floats
from stages.engines.hub import Download, model_downloads, model_folder
from stages.engines.linear_text import LinearText
from stages.engines.training_texts import LIGHT_TEXT_QUALITY
from stages.errors import NotReadyError
from stages.tokens import tokenize

ScoreTexts = Callable[[Sequence[str]], Floats]
"""N texts to float32[N], a probability; NaN for texts without words."""

LIGHT: Final = "light"


@dataclass(frozen=True, kw_only=True)
class TextClassifier:
    """A model that gives texts a probability.

    Attributes:
        model: "light" is a small linear model that comes along, learnt from English prose
            against the same spoilt; a file named *.npz is one of
            `stages.engines.train_text_quality`; any other is a sequence classifier of the
            hub, or a folder that holds one, as transformers reads it.
        label: whose probability is the score, as the classifier calls it, say "toxic"; "" for
            the last of its labels. Of a classifier with one label the score is its sigmoid.
        batch_size: texts that go through a classifier at once; they are sorted by length first.
        max_tokens: of a text; what is behind them is not read.
        device: "cpu", "cuda", "cuda:1", ...; "auto" takes a GPU if there is one.
    """

    model: str = LIGHT
    label: str = ""
    batch_size: int = 32
    max_tokens: int = 512
    device: str = "auto"

    def __post_init__(self) -> None:
        for name in ("batch_size", "max_tokens"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")

    def check(self) -> None:
        """Look whether the model's files are on this machine.

        Raises:
            NotReadyError: when not; the message says how to get them.
        """
        if self._is_linear:
            if not self._file.is_file():
                raise NotReadyError(
                    f"there is no text model {self.model!r}; make one by "
                    f"python -m stages.engines.train_text_quality --read TEXTS --out MODEL.npz"
                )
        else:
            model_folder(self.model)

    def downloads(self) -> tuple[Download, ...]:
        """Return what of the hub the model needs."""
        return () if self._is_linear else model_downloads(self.model)

    def load(self) -> ScoreTexts:
        """Return the function on texts; the model is loaded once in a process.

        Raises:
            NotReadyError: when its files are not there, or it has no such label.
        """
        return _load(self)

    @property
    def _is_linear(self) -> bool:
        return self.model == LIGHT or self.model.endswith(".npz")

    @property
    def _file(self) -> Path:
        return LIGHT_TEXT_QUALITY if self.model == LIGHT else Path(self.model)


@cache
def _load(classifier: TextClassifier) -> ScoreTexts:
    classifier.check()
    if not classifier._is_linear:
        return _transformer(classifier)
    model = LinearText.read(classifier._file)

    def score(texts: Sequence[str]) -> Floats:
        row = np.arange(len(texts))
        return model.score(tokenize(pa.array(texts, pa.string()), row=row, rows=len(texts)))

    return score


def _transformer(classifier: TextClassifier) -> ScoreTexts:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    folder = model_folder(classifier.model)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    wanted = classifier.device
    device = ("cuda" if torch.cuda.is_available() else "cpu") if wanted == "auto" else wanted
    model = AutoModelForSequenceClassification.from_pretrained(folder).to(device).eval()
    label = _label(model.config, classifier)
    most = min(classifier.max_tokens, model.config.max_position_embeddings)

    def score(texts: Sequence[str]) -> Floats:
        found = np.full(len(texts), np.nan, np.float32)
        ids = tokenizer(list(texts), truncation=True, max_length=most)["input_ids"]
        filled = [at for at, text in enumerate(texts) if text.strip()]
        order = sorted(filled, key=lambda at: len(ids[at]))
        for start in range(0, len(order), classifier.batch_size):
            chosen = order[start : start + classifier.batch_size]
            padded = tokenizer.pad({"input_ids": [ids[at] for at in chosen]}, return_tensors="pt")
            with torch.inference_mode():
                logits = model(**padded.to(device)).logits.float()
            found[chosen] = _probability(logits, label).cpu().numpy()
        return found

    return score


def _label(config: Any, classifier: TextClassifier) -> int:
    """Return the place of the label wanted among those of a classifier."""
    labels = [config.id2label[place] for place in range(config.num_labels)]
    if not classifier.label:
        return len(labels) - 1
    if classifier.label not in labels:
        raise NotReadyError(
            f"text classifier {classifier.model!r} has no label {classifier.label!r}; it has "
            f"{labels}"
        )
    return labels.index(classifier.label)


def _probability(logits: Any, label: int) -> Any:
    """Return float[N] of logits float[N, L]."""
    if logits.shape[1] == 1:
        return logits[:, 0].sigmoid()
    return logits.softmax(dim=1)[:, label]
