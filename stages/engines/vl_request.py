"""Requests to a vision-language model: turns with pictures, their token ids, answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, Protocol

import numpy as np
from PIL import Image, ImageFilter

from stages.chat import IM_START, PADS, Control, Medium, Segment, Text, render
from stages.elements import Floats
from stages.errors import RecordError
from stages.geometry import Size, smart_resize
from stages.pictures import Pixels
from stages.tokenizer import Tokenizer

Finish = Literal["stop", "length", "refused"]
"""Why an answer ends: the model ended it, it was cut at `max_tokens`, or the server would not
take the request, which is then without an answer."""

HEADER: Final = "assistant\n"


class Encoded(Protocol):
    """A picture that is decoded when it is wanted, so that many can wait in memory."""

    @property
    def size(self) -> Size:
        """Its height and width, known without decoding it."""

    def pixels(self) -> Pixels:
        """Return uint8[H, W, 3], RGB."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Blurred:
    """A picture of which only the large shapes and colours are left.

    Attributes:
        picture: uint8[H, W, 3] RGB, or to be decoded.
        sigma_share: standard deviation of the Gaussian, a share of the shorter side.
    """

    picture: Pixels | Encoded
    sigma_share: float


Picture = Pixels | Encoded | Blurred


@dataclass(frozen=True, kw_only=True, eq=False)
class Request:
    """What a model is asked.

    Attributes:
        messages: as in the record: turns of system, user and assistant, of text and image parts.
        pictures: what the `index` of image parts counts: uint8[H, W, 3] RGB, pictures to be
            decoded, or blurred ones.
        max_tokens: longest answer, tokens.
        temperature: 0 takes the likeliest token each time; above, tokens are drawn.
        top_p: draws come from the likeliest tokens that hold this share of the probability.
        seed: of the draws.
    """

    messages: Sequence[Mapping[str, Any]]
    pictures: Sequence[Picture] = ()
    max_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0


class Answer(NamedTuple):
    """What a model answered, and why it ended."""

    text: str
    finish: Finish


class LoadedVL(Protocol):
    """A model that is ready, in this process or behind an address."""

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer of the model."""

    def generate(self, requests: Sequence[Request]) -> list[Answer]:
        """Return the answer to each request."""

    def score(
        self, requests: Sequence[Request], continuations: Sequence[Sequence[str]]
    ) -> list[Floats]:
        """Return how likely the model is to begin its answer so.

        Args:
            requests: N requests; their sampling options have no part in it.
            continuations: of each request, K beginnings of an answer; K may differ.

        Returns:
            of each request float32[K]: natural log of the probability of the beginning, the sum
            over its tokens, without the end of the answer; NaN where the server refused.
        """


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """A request as tokens, up to where the answer begins.

    Attributes:
        ids: token ids, one pad token for each picture.
        shown: of each pad token in order, which picture of the request it stands for.
    """

    ids: tuple[int, ...]
    shown: tuple[int, ...]


def user(*parts: str | int) -> dict[str, Any]:
    """Return a user's turn: texts, and numbers of pictures.

    >>> user(0, "What is it?")["parts"][0]
    {'type': 'image', 'index': 0}
    """
    return {
        "role": "user",
        "parts": [
            {"type": "text", "text": part}
            if isinstance(part, str)
            else {"type": "image", "index": part}
            for part in parts
        ],
    }


def segments_of(request: Request) -> list[Segment]:
    """Return the turns of a request, rendered, and the header of the answer.

    Raises:
        RecordError: on a document, or a part that is neither text nor a picture.
    """
    roles = [message["role"] for message in request.messages]
    if "document" in roles:
        raise RecordError(f"a request has turns of system, user and assistant, got {roles}")
    segments = render(request.messages, _no_place)
    for segment in segments:
        if isinstance(segment, Medium) and not 0 <= segment.number < len(request.pictures):
            raise RecordError(
                f"a request shows picture {segment.number}, it has {len(request.pictures)}"
            )
    return [*segments, Control(IM_START, False), Text(HEADER, False)]


def _no_place(part: Mapping[str, Any]) -> str:
    raise RecordError(f"part type {part['type']!r} has no place in a request; write its text")


def prompts_of(requests: Sequence[Request], tokenizer: Tokenizer) -> list[Prompt]:
    """Return each request as tokens; every different text is encoded once."""
    rendered = [segments_of(request) for request in requests]
    texts = {piece.text: None for row in rendered for piece in row if isinstance(piece, Text)}
    ids_of = dict(zip(texts, tokenizer.encode(list(texts)), strict=True))
    pad = tokenizer.control[PADS["image"]]
    prompts = []
    for segments in rendered:
        ids: list[int] = []
        for segment in segments:
            if isinstance(segment, Text):
                ids += ids_of[segment.text]
            elif isinstance(segment, Medium):
                ids.append(pad)
            else:
                ids.append(tokenizer.control[segment.token])
        shown = tuple(each.number for each in segments if isinstance(each, Medium))
        prompts.append(Prompt(ids=tuple(ids), shown=shown))
    return prompts


def encoded(texts: Sequence[Sequence[str]], tokenizer: Tokenizer) -> list[list[list[int]]]:
    """Return the token ids of lists of texts."""
    flat = iter(tokenizer.encode([text for row in texts for text in row]))
    return [[next(flat) for _ in row] for row in texts]


def size_seen(picture: Picture, min_pixels: int, max_pixels: int) -> Size:
    """Return the size at which the model sees the picture.

    Raises:
        ValueError: when one side is over 200 times the other.
    """
    if isinstance(picture, Blurred):
        return size_seen(picture.picture, min_pixels, max_pixels)
    height, width = picture.shape[:2] if isinstance(picture, np.ndarray) else picture.size
    return smart_resize(height, width, min_pixels=min_pixels, max_pixels=max_pixels)


def as_seen(picture: Picture, min_pixels: int, max_pixels: int) -> Pixels:
    """Return uint8[H, W, 3] at the size at which the model sees the picture, both sides of 28 px.

    Raises:
        UndecodableError: when it cannot be decoded.
        ValueError: when one side is over 200 times the other.
    """
    if isinstance(picture, Blurred):
        seen = as_seen(picture.picture, min_pixels, max_pixels)
        sigma_px = picture.sigma_share * min(seen.shape[:2])
        return np.asarray(Image.fromarray(seen).filter(ImageFilter.GaussianBlur(sigma_px)))
    pixels = picture if isinstance(picture, np.ndarray) else picture.pixels()
    size = size_seen(pixels, min_pixels, max_pixels)
    if size == pixels.shape[:2]:
        return pixels
    resized = Image.fromarray(pixels).resize(
        (size.width_px, size.height_px), Image.Resampling.BICUBIC
    )
    return np.asarray(resized)
