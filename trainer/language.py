"""The language model: a Qwen2.5 decoder whose positions have time, height and width."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from trainer.layers import Block, Mixer, Rotation, SwiGlu, inverse_frequencies, rotate
from trainer.model_config import LanguageConfig


class LanguageModel(nn.Module):
    """A decoder over the tokens of all documents at once.

    Source: Qwen2.5 technical report, arXiv:2412.15115, section 2; Qwen2-VL, arXiv:2409.12191,
        section 2.1 (rotary embedding in three axes).
    """

    def __init__(self, config: LanguageConfig) -> None:
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config.vocabulary, config.width)
        self.layers = nn.ModuleList(_block(config) for _ in range(config.depth))
        self.norm = nn.RMSNorm(config.width, eps=config.norm_eps)

    def forward(self, x: Tensor, positions: Tensor, mixers: Sequence[Mixer]) -> Tensor:
        """Return float[L, width], what the head reads of each token.

        Args:
            x: float[L, width], embedded tokens.
            positions: int64[3, L], time, height and width of each token.
            mixers: of each layer, how its tokens see each other.
        """
        rotation = self._rotation(positions, x.dtype)
        for layer, mix in zip(self.layers, mixers, strict=True):
            x = layer(x, rotation, mix)
        return self.norm(x)  # type: ignore[no-any-return]

    def _rotation(self, positions: Tensor, dtype: torch.dtype) -> Rotation:
        """Return cosine and sine, float[L, 1, D / 2], of channels that count time, then height,
        then width."""
        turns = inverse_frequencies(self.config.head_width, self.config.theta, positions.device)
        axes = positions[..., None].float() * turns
        sections = torch.split(axes, list(self.config.sections), dim=-1)
        angles = torch.cat([section[axis] for axis, section in enumerate(sections)], dim=-1)
        angles = angles.unsqueeze(1)
        return angles.cos().to(dtype), angles.sin().to(dtype)


def _block(config: LanguageConfig) -> Block:
    return Block(
        attn=LanguageAttention(config),
        mlp=SwiGlu(width=config.width, inner=config.inner, bias=False),
        width=config.width,
        eps=config.norm_eps,
    )


class LanguageAttention(nn.Module):
    """Attention whose query heads share fewer heads of keys and values (GQA)."""

    def __init__(self, config: LanguageConfig) -> None:
        super().__init__()
        self.head_width = config.head_width
        narrow = config.kv_heads * config.head_width
        self.q_proj = nn.Linear(config.width, config.width)
        self.k_proj = nn.Linear(config.width, narrow)
        self.v_proj = nn.Linear(config.width, narrow)
        self.o_proj = nn.Linear(config.width, config.width, bias=False)

    def forward(self, x: Tensor, rotation: Rotation, mix: Mixer) -> Tensor:
        """Return float[L, width] of float[L, width]."""
        q, k, v = (
            project(x).unflatten(-1, (-1, self.head_width))
            for project in (self.q_proj, self.k_proj, self.v_proj)
        )
        out: Tensor = self.o_proj(mix(rotate(q, rotation), rotate(k, rotation), v).flatten(1))
        return out
