"""Qwen-VL behind an OpenAI-compatible server: vLLM or SGLang."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
from PIL import Image

from stages.chat import CONTROL, PADS, Control, Medium, Text
from stages.elements import Floats
from stages.engines.endpoint import Endpoint, Json
from stages.engines.vl_request import (
    Answer,
    Finish,
    Picture,
    Request,
    as_seen,
    encoded,
    segments_of,
    user,
)
from stages.errors import NotReadyError
from stages.tokenizer import Tokenizer

CHAT: Final = "chat/completions"
GENERATE: Final = "/generate"
_PROBE_PX: Final = 56
_BREAK: Final = "\u200b"  # zero width space


@dataclass(frozen=True, kw_only=True)
class ServedVL:
    """A model that a server runs.

    Pictures are sent as PNG at the size at which the model sees them, so the server has none to
    resize. Control tokens that stand in texts are broken up, as servers would take them for real.

    A given continuation is scored by sending it as the beginning of the answer and reading the
    log-probabilities of the prompt's last tokens; they are told apart by the tokenizer's ids, and
    a server that counts other tokens is found out. vLLM recomputes the prompt for it, since its
    cache of prefixes holds no log-probabilities.

    Attributes:
        model: what the server calls it.
        endpoint: where.
        tokenizer: of the model.
        bounds: fewest and most pixels of a picture as the model sees it.
    """

    model: str
    endpoint: Endpoint
    tokenizer: Tokenizer
    bounds: tuple[int, int]

    def generate(self, requests: Sequence[Request]) -> list[Answer]:
        """Return the answer to each request.

        Raises:
            NotReadyError: when the server fails; see `Endpoint.ask`.
        """
        bodies = [partial(self._question, request) for request in requests]
        url = self.endpoint.address(CHAT)
        return [answer_of(url, each) for each in self.endpoint.ask(CHAT, bodies)]

    def score(
        self, requests: Sequence[Request], continuations: Sequence[Sequence[str]]
    ) -> list[Floats]:
        """Return the log-probability of each continuation; see `LoadedVL.score`.

        Raises:
            NotReadyError: when the server fails or tells no log-probabilities of a prompt.
        """
        if not requests:
            return []
        probe = Request(messages=[user("Is this a question?")])
        if any(request.pictures for request in requests):  # some servers score text alone
            grey = np.full((_PROBE_PX, _PROBE_PX, 3), 128, np.uint8)
            probe = Request(messages=[user(0, "Is this a picture?")], pictures=[grey])
        (found,) = self._scores([probe], [["Yes"]])
        if np.isnan(found).any():
            raise _no_scores(self.endpoint, "it refuses a plain question")
        return self._scores(requests, continuations)

    def _scores(
        self, requests: Sequence[Request], continuations: Sequence[Sequence[str]]
    ) -> list[Floats]:
        body = self._vllm_body if self.endpoint.server == "vllm" else self._sglang_body
        path = CHAT if self.endpoint.server == "vllm" else GENERATE
        pairs = [
            (request, text)
            for request, texts in zip(requests, continuations, strict=True)
            for text in texts
        ]
        bodies = [partial(body, request, text) for request, text in pairs]
        ids = encoded([[_plain(text)] for _, text in pairs], self.tokenizer)
        answers = self.endpoint.ask(path, bodies)
        flat = iter(
            self._total(answer, tokens) for answer, (tokens,) in zip(answers, ids, strict=True)
        )
        return [np.array([next(flat) for _ in texts], np.float32) for texts in continuations]

    def _question(self, request: Request) -> Json:
        return {
            "model": self.model,
            "messages": chat_messages(request, self.bounds),
            "max_tokens": request.max_tokens,
            "temperature": request.temperature,
            "top_p": request.top_p,
            "seed": request.seed,
            "top_k": -1,  # else the servers take what the model's generation_config.json says
            "repetition_penalty": 1.0,
        }

    def _vllm_body(self, request: Request, text: str) -> Json:
        beginning = {"role": "assistant", "content": _plain(text)}
        return {
            "model": self.model,
            "messages": [*chat_messages(request, self.bounds), beginning],
            "add_generation_prompt": False,
            "continue_final_message": True,
            "prompt_logprobs": 1,
            "max_tokens": 1,
            "temperature": 0.0,
        }

    def _sglang_body(self, request: Request, text: str) -> Json:
        segments = segments_of(request)
        shown = [each.number for each in segments if isinstance(each, Medium)]
        return {
            "text": "".join(map(_written, segments)) + _plain(text),
            "image_data": [data_url(request.pictures[number], self.bounds) for number in shown],
            "sampling_params": {"max_new_tokens": 1, "temperature": 0.0},
            "return_logprob": True,
            "logprob_start_len": 0,
        }

    def _total(self, answer: Json | None, ids: Sequence[int]) -> float:
        if answer is None:
            return float("nan")
        of_prompt = vllm_logprobs if self.endpoint.server == "vllm" else sglang_logprobs
        try:
            entries = of_prompt(answer)
            last = entries[len(entries) - len(ids) :]
            found = [entry[id_] for entry, id_ in zip(last, ids, strict=True)]
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise _no_scores(self.endpoint, _excerpt(answer)) from error
        return float(sum(found))


def vllm_logprobs(answer: Json) -> list[Mapping[int, float]]:
    """Return of each token of the prompt: ids to log-probabilities, its own among them.

    >>> vllm_logprobs({"prompt_logprobs": [None, {"9": {"logprob": -1.5, "rank": 1}}]})
    [{}, {9: -1.5}]
    """
    return [
        {int(id_): float(told["logprob"]) for id_, told in (entry or {}).items()}
        for entry in answer["prompt_logprobs"]
    ]


def sglang_logprobs(answer: Json) -> list[Mapping[int, float]]:
    """Return of each token of the prompt: its id to its log-probability.

    >>> sglang_logprobs({"meta_info": {"input_token_logprobs": [[None, 5, ""], [-1.5, 9, "x"]]}})
    [{}, {9: -1.5}]
    """
    return [
        {} if logprob is None else {int(id_): float(logprob)}
        for logprob, id_, *_ in answer["meta_info"]["input_token_logprobs"]
    ]


def chat_messages(request: Request, bounds: tuple[int, int]) -> list[Json]:
    """Return the turns in the protocol's form, pictures as data URLs."""
    segments_of(request)  # the same complaints as of the other backends
    return [
        {
            "role": message["role"],
            "content": [
                {"type": "text", "text": _plain(part["text"] or "")}
                if part["type"] == "text"
                else {
                    "type": "image_url",
                    "image_url": {"url": data_url(request.pictures[part["index"]], bounds)},
                }
                for part in _stripped(message)
            ],
        }
        for message in request.messages
    ]


def _stripped(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the parts as `stages.chat` renders them: without space around a user's texts."""
    if message["role"] != "user":
        return list(message["parts"])
    parts = [
        {**part, "text": (part["text"] or "").strip()} if part["type"] == "text" else part
        for part in message["parts"]
    ]
    return [part for part in parts if part["type"] != "text" or part["text"]]


def answer_of(url: str, answer: Json | None) -> Answer:
    """Return what the server answered; it is empty where the request was refused."""
    if answer is None:
        return Answer("", "refused")
    try:
        choice = answer["choices"][0]
        finish: Finish = "length" if choice["finish_reason"] == "length" else "stop"
        return Answer(str(choice["message"]["content"] or ""), finish)
    except (KeyError, IndexError, TypeError) as error:
        raise NotReadyError(
            f"{url} answers what is no chat completion ({_excerpt(answer)}); set endpoint.url to "
            f"an address that speaks OpenAI's protocol"
        ) from error


def data_url(picture: Picture, bounds: tuple[int, int]) -> str:
    """Return a picture as the model sees it as a PNG in a URL, lossless and hardly compressed."""
    file = io.BytesIO()
    Image.fromarray(as_seen(picture, *bounds)).save(file, "PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def _plain(text: str) -> str:
    """Return the text with control tokens broken up.

    >>> _plain("<|im_end|>").encode()
    b'<\\xe2\\x80\\x8b|im_end|>'
    """
    for token in CONTROL:
        text = text.replace(token, token[0] + _BREAK + token[1:])
    return text


def _written(segment: Control | Text | Medium) -> str:
    if isinstance(segment, Text):
        return _plain(segment.text)
    return segment.token if isinstance(segment, Control) else PADS["image"]


def _excerpt(answer: Json) -> str:
    return json.dumps(answer)[:200]


def _no_scores(endpoint: Endpoint, found: str) -> NotReadyError:
    url = endpoint.address(CHAT if endpoint.server == "vllm" else GENERATE)
    wants = {
        "vllm": "prompt_logprobs of vLLM's chat completions",
        "sglang": "input_token_logprobs of SGLang's /generate",
    }[endpoint.server]
    return NotReadyError(
        f"{url} tells no log-probabilities of the tokens of a given answer ({found}); scoring "
        f"needs {wants}: serve the model with it, set endpoint.server to what serves it and "
        f"processor to its tokenizer, or use backend transformers"
    )
