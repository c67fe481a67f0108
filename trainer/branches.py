"""How the tokens of pairs see each other: two answers see their prompt and not one another."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn.attention.varlen import varlen_attn
from torch.nn.functional import scaled_dot_product_attention

from trainer.attention import Segments


@dataclass(frozen=True, kw_only=True, eq=False)
class Branches:
    """Documents of a prompt, a first and a second answer, laid end to end.

    A document of prompt `p p`, answers `a a` and `b b`; x: the row's token sees the column's::

            p p a a b b
        p   x
        p   x x
        a   x x x
        a   x x x x
        b   x x     x
        b   x x     x x

    The first answer follows its prompt in memory, so both are one causal segment. The second one
    is attended to by itself, over the keys of its prompt and its own: the prompt is computed once.

    Attributes:
        firsts: prompts with their first answers as causal segments.
        seconds: stretches of second answers among the queries.
        seen: stretches of what these see, the prompt and the answer itself, among the keys.
        first_at: int64[F], the tokens that `firsts` is about.
        second_at: int64[R], those that `seconds` is about.
        seen_at: int64[S], those that `seen` is about.
        back: int64[L], where each token lies in `first_at` followed by `second_at`.
    """

    firsts: Segments
    seconds: Segments
    seen: Segments
    first_at: Tensor
    second_at: Tensor
    seen_at: Tensor
    back: Tensor

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Return float[L, H, D], as `Segments.attend` does."""
        out = self.firsts.attend(*(each[self.first_at] for each in (q, k, v)))
        if not len(self.second_at):
            return out[self.back]
        others = q[self.second_at], k[self.seen_at], v[self.seen_at]
        at_once = q.is_cuda and q.dtype in (torch.bfloat16, torch.float16)
        second = self._at_once(*others) if at_once else self._one_by_one(*others)
        return torch.cat([out, second])[self.back]

    def _at_once(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Attend with queries that end where their keys end, as the kernel has it."""
        out = varlen_attn(
            q,
            k,
            v,
            self.seconds.ends,
            self.seen.ends,
            self.seconds.longest,
            self.seen.longest,
            window_size=(-1, 0),
            enable_gqa=q.shape[1] != k.shape[1],
        )
        assert isinstance(out, Tensor)  # a pair only when auxiliary results are asked for
        return out

    def _one_by_one(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        spans = (pairwise(each.ends.tolist()) for each in (self.seconds, self.seen))
        return torch.cat(
            [_attend_end(q[a:b], k[c:d], v[c:d]) for (a, b), (c, d) in zip(*spans, strict=True)]
        )


def _attend_end(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Return float[T, H, D] of the last T of the tokens whose keys and values these are."""
    before = len(k) - len(q)
    seen = torch.ones(len(q), len(k), dtype=torch.bool, device=q.device).tril(before)
    out = scaled_dot_product_attention(
        q.transpose(0, 1),
        k.transpose(0, 1),
        v.transpose(0, 1),
        attn_mask=seen,
        enable_gqa=q.shape[1] != k.shape[1],
    )
    return out.transpose(0, 1)
