"""Attention inside documents, windows and frames that lie end to end in one row."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn.attention.varlen import varlen_attn
from torch.nn.functional import scaled_dot_product_attention


@dataclass(frozen=True, kw_only=True, eq=False)
class Segments:
    """Stretches of tokens that see themselves alone, laid end to end.

    On an accelerator in half precision one call of PyTorch's varlen attention serves all of them
    and nothing waits for the accelerator. Elsewhere stretches of equal length are attended to
    together, without mask or padding: windows have at most nine lengths.

    Attributes:
        ends: int32[S + 1], where stretches begin and end; the first is 0.
        longest: at least the length of the longest one, tokens.
        causal: whether a token sees only itself and those before it in its stretch.
    """

    ends: Tensor
    longest: int
    causal: bool = False

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Return the attention of every token to its own stretch.

        Args:
            q: float[T, H, D], queries.
            k: float[T, K, D], keys; K divides H, neighbouring query heads share one.
            v: float[T, K, D], values.

        Returns:
            float[T, H, D].
        """
        if q.is_cuda and q.dtype in (torch.bfloat16, torch.float16):
            return self._attend_at_once(q, k, v)
        return self._attend_by_length(q, k, v)

    def _attend_at_once(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        out = varlen_attn(
            q,
            k,
            v,
            self.ends,
            self.ends,
            self.longest,
            self.longest,
            window_size=(-1, 0) if self.causal else (-1, -1),
            enable_gqa=q.shape[1] != k.shape[1],
        )
        assert isinstance(out, Tensor)  # a pair only when auxiliary results are asked for
        return out

    def _attend_by_length(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        sizes = [n * length for n, length in self._lengths]
        parts = zip(*(torch.split(x[self._by_length], sizes) for x in (q, k, v)), strict=True)
        done = [
            self._attend_equal(*part, length=length)
            for part, (_, length) in zip(parts, self._lengths, strict=True)
        ]
        return torch.cat(done)[self._back]

    def _attend_equal(self, *qkv: Tensor, length: int) -> Tensor:
        """Return float[N * length, H, D] for stretches of equal length."""
        q, k, v = (x.reshape(-1, length, *x.shape[1:]).transpose(1, 2) for x in qkv)
        gqa = q.shape[1] != k.shape[1]
        out = scaled_dot_product_attention(q, k, v, is_causal=self.causal, enable_gqa=gqa)
        return out.transpose(1, 2).flatten(0, 1)

    @cached_property
    def _spans(self) -> list[tuple[int, int]]:
        """Return (length, start) of every stretch, short ones first."""
        return sorted((end - start, start) for start, end in pairwise(self.ends.tolist()))

    @cached_property
    def _lengths(self) -> list[tuple[int, int]]:
        """Return (number of stretches, length) of each length, short ones first."""
        lengths = [length for length, _ in self._spans]
        return [(lengths.count(length), length) for length in sorted(set(lengths))]

    @cached_property
    def _by_length(self) -> Tensor:
        """Return int64[T], the tokens with stretches of equal length side by side."""
        spans = [torch.arange(start, start + length) for length, start in self._spans]
        return torch.cat(spans).to(self.ends.device)

    @cached_property
    def _back(self) -> Tensor:
        """Return int64[T], where each token lies in `_by_length`."""
        return torch.argsort(self._by_length)
