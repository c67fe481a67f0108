"""The vision encoder of Qwen2.5-VL and the merger that hands its patches to the language model."""

from __future__ import annotations

from torch import Tensor, nn

from trainer.attention import Segments
from trainer.inputs import ModelInputs
from trainer.layers import Block, Mixer, Rotation, SwiGlu, inverse_frequencies, rotate
from trainer.model_config import VisionConfig

EPS = 1e-6
THETA = 10_000.0


class VisionEncoder(nn.Module):
    """A transformer over the patches of all media at once, each block inside windows or frames.

    Source: Qwen2.5-VL technical report, arXiv:2502.13923, section 2.1.1.
    """

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.config = config
        # A convolution whose kernel is as large as its stride is a product with a matrix.
        self.patch_embed = nn.Linear(config.patch_values, config.width, bias=False)
        self.blocks = nn.ModuleList(_block(config) for _ in range(config.depth))

    def forward(self, inputs: ModelInputs) -> Tensor:
        """Return float[P, width], the patches in window order as they came."""
        windows = Segments(ends=inputs.cu_windows, longest=inputs.max_window)
        frames = Segments(ends=inputs.cu_frames, longest=inputs.max_frame)
        rotation = self._rotation(inputs.patch_hw)
        x = self.patch_embed(inputs.pixels.to(self.patch_embed.weight.dtype))
        for index, block in enumerate(self.blocks):
            seen = frames if index in self.config.full_blocks else windows
            x = block(x, rotation, seen.attend)
        return x  # type: ignore[no-any-return]

    def _rotation(self, patch_hw: Tensor) -> Rotation:
        """Return cosine and sine, float32[P, 1, D / 2]: a half by rows, a half by columns."""
        width = self.config.head_width // 2
        turns = inverse_frequencies(width, THETA, patch_hw.device)
        angles = (patch_hw[:, :, None].float() * turns).flatten(1).unsqueeze(1)
        return angles.cos(), angles.sin()


def _block(config: VisionConfig) -> Block:
    return Block(
        attn=VisionAttention(config),
        mlp=SwiGlu(width=config.width, inner=config.inner, bias=True),
        width=config.width,
        eps=EPS,
    )


class VisionAttention(nn.Module):
    """Attention with rows and columns as positions."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.qkv = nn.Linear(config.width, 3 * config.width)
        self.proj = nn.Linear(config.width, config.width)

    def forward(self, x: Tensor, rotation: Rotation, mix: Mixer) -> Tensor:
        """Return float[P, width] of float[P, width]."""
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).unbind(1)
        out: Tensor = self.proj(mix(rotate(q, rotation), rotate(k, rotation), v).flatten(1))
        return out


class Merger(nn.Module):
    """Makes one token of the language model of each 2 x 2 patches."""

    def __init__(self, config: VisionConfig, *, width_out: int) -> None:
        super().__init__()
        joined = config.width * config.merge**2
        self.joined = joined
        self.ln_q = nn.RMSNorm(config.width, eps=EPS)
        self.mlp = nn.Sequential(nn.Linear(joined, joined), nn.GELU(), nn.Linear(joined, width_out))

    def forward(self, patches: Tensor) -> Tensor:
        """Return float[P / 4, width_out] of float[P, width]."""
        out: Tensor = self.mlp(self.ln_q(patches).view(-1, self.joined))
        return out
