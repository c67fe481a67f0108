"""What the vision encoder and the language model are both made of."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import silu
from torch.utils.checkpoint import checkpoint

Mixer = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Takes queries float[T, H, D], keys and values float[T, K, D] and gives float[T, H, D]: how
tokens see each other (`Segments.attend`) or remember each other (when generating)."""

Rotation = tuple[Tensor, Tensor]
"""Cosine and sine of the rotary embedding's angles, each float[T, 1, D / 2]."""


class SwiGlu(nn.Module):
    """The gated feed-forward layer: `down(silu(gate(x)) * up(x))`."""

    def __init__(self, *, width: int, inner: int, bias: bool) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(width, inner, bias=bias)
        self.up_proj = nn.Linear(width, inner, bias=bias)
        self.down_proj = nn.Linear(inner, width, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return float[T, width] of float[T, width]."""
        out: Tensor = self.down_proj(silu(self.gate_proj(x)) * self.up_proj(x))
        return out


class Block(nn.Module):
    """Attention and a feed-forward layer, each behind a norm and added to what came in.

    Attributes:
        recompute: whether the backward pass computes the block again instead of keeping what is
            inside it.
    """

    def __init__(self, *, attn: nn.Module, mlp: nn.Module, width: int, eps: float) -> None:
        super().__init__()
        self.norm1 = nn.RMSNorm(width, eps=eps)
        self.attn = attn
        self.norm2 = nn.RMSNorm(width, eps=eps)
        self.mlp = mlp
        self.recompute = False

    def forward(self, x: Tensor, rotation: Rotation, mix: Mixer) -> Tensor:
        """Return float[T, width] of float[T, width]."""
        if self.recompute and torch.is_grad_enabled():
            again: Tensor = checkpoint(
                self._forward, x, rotation, mix, use_reentrant=False, preserve_rng_state=False
            )
            return again
        return self._forward(x, rotation, mix)

    def _forward(self, x: Tensor, rotation: Rotation, mix: Mixer) -> Tensor:
        x = x + self.attn(self.norm1(x), rotation, mix)
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


def inverse_frequencies(width: int, theta: float, device: torch.device) -> Tensor:
    """Return float32[width / 2], radians that each pair of channels turns by at each position."""
    steps = torch.arange(0, width, 2, dtype=torch.float32, device=device)
    return 1.0 / theta ** (steps / width)


def rotate(x: Tensor, rotation: Rotation) -> Tensor:
    """Return float[T, H, D] with channel i and i + D / 2 turned against each other.

    Computed in the precision of the rotation, given back in that of x.
    """
    cos, sin = rotation
    first, second = x.to(cos.dtype).chunk(2, dim=-1)
    turned = torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)
    return turned.to(x.dtype)
