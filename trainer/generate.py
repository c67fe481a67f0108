"""Continue documents token by token, for evaluation."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import cast

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from trainer.attention import Segments
from trainer.inputs import ModelInputs
from trainer.layers import Mixer
from trainer.model import QwenVLModel


@torch.no_grad()
def generate(
    model: QwenVLModel,
    inputs: ModelInputs,
    *,
    max_new_tokens: int,
    stop_ids: Collection[int],
    temperature: float = 0.0,
    seed: int = 0,
) -> list[list[int]]:
    """Return how the model continues every document of the inputs, all of them together.

    Args:
        model: the model.
        inputs: prompts as documents that end in text, without padding, on the model's device.
        max_new_tokens: most tokens of an answer.
        stop_ids: ids that end an answer; the one that did is its last.
        temperature: of the softmax that tokens are drawn from; 0 takes the likeliest.
        seed: of the draws.

    Returns:
        The ids of each answer, in the order of the documents.
    """
    documents = Segments(ends=inputs.cu_documents, longest=inputs.max_document, causal=True)
    caches = [
        _Cache(documents, room=inputs.max_document + max_new_tokens) for _ in model.language.layers
    ]
    generator = torch.Generator(inputs.input_ids.device).manual_seed(seed)
    last = inputs.cu_documents[1:].long() - 1
    at = inputs.positions[:, last].amax(0)
    hidden = model.language(model.embed(inputs), inputs.positions, _prompts(caches))[last]
    answers: list[list[int]] = [[] for _ in last]
    for step in range(1, max_new_tokens + 1):
        ids = _choose(hidden @ model.head_weight.T, temperature, generator)
        if _note(answers, ids, stop_ids) or step == max_new_tokens:
            break
        words = model.language.embed_tokens(ids)
        positions = (at + step).expand(3, -1)
        hidden = model.language(words, positions, [cache.remember for cache in caches])
    return answers


def _prompts(caches: Sequence[_Cache]) -> list[Mixer]:
    return [cache.read for cache in caches]


def _choose(logits: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
    """Return int64[D] of float[D, vocabulary]."""
    if temperature == 0:
        return logits.argmax(-1)
    shares = torch.softmax(logits.float() / temperature, dim=-1)
    return torch.multinomial(shares, 1, generator=generator)[:, 0]


def _note(answers: list[list[int]], ids: Tensor, stop_ids: Collection[int]) -> bool:
    """Add a token to each answer that has not ended; return whether all have."""
    for answer, token in zip(answers, cast(list[int], ids.tolist()), strict=True):
        if not answer or answer[-1] not in stop_ids:
            answer.append(token)
    return all(answer[-1] in stop_ids for answer in answers)


class _Cache:
    """Keys and values that one layer has made, float[D, room, K, D_head] each."""

    def __init__(self, documents: Segments, *, room: int) -> None:
        ends = documents.ends.long()
        self._documents, self._room = documents, room
        self._held = ends.diff()

    def read(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Attend inside the prompts and keep what they are made of."""
        starts = self._documents.ends[:-1].long()
        self._rows = torch.arange(len(starts), device=q.device)
        owner = self._rows.repeat_interleave(self._held)
        place = torch.arange(len(q), device=q.device) - starts[owner]
        empty = k.new_zeros(len(starts), self._room, *k.shape[1:])
        self._keys = empty.index_put((owner, place), k)
        self._values = empty.index_put((owner, place), v)
        return self._documents.attend(q, k, v)

    def remember(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Attend from one new token of each document, float[D, H, D_head], to all before it."""
        self._keys[self._rows, self._held] = k
        self._values[self._rows, self._held] = v
        self._held = self._held + 1
        seen = torch.arange(self._room, device=q.device) < self._held[:, None]
        out = scaled_dot_product_attention(
            q[:, :, None],
            self._keys.transpose(1, 2),
            self._values.transpose(1, 2),
            attn_mask=seen[:, None, None],
            enable_gqa=q.shape[1] != k.shape[1],
        )
        return out[:, :, 0]
