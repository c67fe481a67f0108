"""Vision-language models that answer from a table, and documents with stored pictures."""

import dataclasses
import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from stages.elements import Floats
from stages.engines.vl_request import Answer, Blurred, Request
from stages.media import MediaStore, write_pack
from stages.record import document, media_part, table_of, text_part
from stages.stage import Batch
from stages.tokenizer import Tokenizer, load_tokenizer


def text_of(request: Request) -> str:
    """Return all texts of a request."""
    parts = [part for message in request.messages for part in message["parts"]]
    return "\n".join(part["text"] for part in parts if part["type"] == "text")


def sees(request: Request) -> str:
    """Return what a request shows: "nothing", "blurred" or "clear"."""
    if not request.pictures:
        return "nothing"
    return "blurred" if isinstance(request.pictures[0], Blurred) else "clear"


@dataclass(kw_only=True)
class TableVL:
    """An engine and a loaded model in one; keeps what it was asked.

    Attributes:
        answer: gives the answer to a request.
        logprob: gives the log-probability of a continuation of a request.
        calls: number of requests of each call.
        asked: all requests.
    """

    answer: Callable[[Request], Answer] = lambda request: Answer("", "stop")
    logprob: Callable[[Request, str], float] = lambda request, text: 0.0
    calls: list[int] = field(default_factory=list)
    asked: list[Request] = field(default_factory=list)

    @property
    def tokenizer(self) -> Tokenizer:
        return load_tokenizer("tiny")

    def check(self) -> None:
        pass

    def load(self) -> "TableVL":
        return self

    def _note(self, requests: Sequence[Request]) -> None:
        self.calls.append(len(requests))
        self.asked.extend(requests)

    def generate(self, requests: Sequence[Request]) -> list[Answer]:
        self._note(requests)
        return [self.answer(request) for request in requests]

    def score(
        self, requests: Sequence[Request], continuations: Sequence[Sequence[str]]
    ) -> list[Floats]:
        self._note(requests)
        return [
            np.array([self.logprob(request, text) for text in texts], np.float32)
            for request, texts in zip(requests, continuations, strict=True)
        ]


def yes(probability: float) -> Callable[[str], float]:
    """Return log-probabilities of "Yes" and "No" with that odds."""
    return lambda text: math.log(probability if text == "Yes" else 1 - probability)


def png(seed: int = 0, size: tuple[int, int] = (90, 60)) -> bytes:
    """Return a picture, its size width first."""
    noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "PNG")
    return out.getvalue()


def batch_of(folder: Path, *rows: Sequence[str | dict[str, Any]]) -> Batch:
    """Return documents: texts, and media as dictionaries, whose `data` goes into a pack.

    A medium without `data` is not stored. It is shown where it stands.
    """
    table = []
    with write_pack(folder / "0.pack") as pack:
        for number, row in enumerate(rows):
            media, parts = [], []
            for each in row:
                if isinstance(each, str):
                    parts.append(text_part(each))
                    continue
                parts.append(media_part(len(media)))
                medium = {"type": "image", "status": "ok", **each}
                if data := medium.pop("data", None):
                    medium["sha256"], location = pack.add(data)
                    medium["location"] = dataclasses.asdict(location)
                media.append(medium)
            table.append({"id": f"{number:032x}", "messages": document(parts), "media": media})
    return Batch(table=table_of(table), store=MediaStore(root=folder))


def scores_of(batch: Batch) -> list[dict[str, float]]:
    """Return the scores of all media."""
    return [dict(each) for each in batch.media().column("scores").to_pylist()]
