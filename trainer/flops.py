"""How much arithmetic a training step asks for, counted honestly, for the share of the peak (MFU).

Counted are products of matrices, 2 operations for each weight and token, and attention, 4 for
each pair that sees each other and each channel: windows as they are cut, documents by their
causal half, of a pair of answers what each sees, the merger at a token for four patches, the head
where there are labels. Padding and
dummies count nothing, and neither does what is computed again to save memory.

Going back costs a part once more for what it hands on, where anything below it is trained, and
once more for each matrix of its own that is trained; attention costs twice as much as forth.

Source: Chowdhery et al. 2022, arXiv:2204.02311 (PaLM), appendix B (model FLOPs utilization).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from trainer.inputs import Pack
from trainer.model import QwenVLModel
from trainer.pairs import PairPack

PEAK_FLOPS: Final = {"A100": 312e12, "H100": 989e12, "H200": 989e12, "B200": 2250e12}
"""Dense bfloat16 operations a second by a word of the accelerator's name; the makers' figures of
the models on SXM boards."""


def peak_flops(device_name: str) -> float:
    """Return the dense bfloat16 operations a second of an accelerator, NaN of an unknown one.

    >>> peak_flops("NVIDIA H200")
    989000000000000.0
    """
    return next((peak for word, peak in PEAK_FLOPS.items() if word in device_name), math.nan)


class Load(NamedTuple):
    """What of a pack is worth counting; padding and dummies are not.

    Attributes:
        tokens: of documents.
        labels: tokens that the head is asked about.
        patches: that the vision encoder sees.
        document_pairs: pairs of tokens of which the later sees the earlier, or itself.
        window_pairs: pairs of patches that see each other in windows.
        frame_pairs: the same in frames.
    """

    tokens: int
    labels: int
    patches: int
    document_pairs: int
    window_pairs: int
    frame_pairs: int


def load_of(pack: Pack) -> Load:
    """Return the load of a pack, which still lies on the CPU."""
    inputs = pack.inputs
    documents = _lengths(inputs.cu_documents)[pack.document_group.numpy() >= 0]
    real = bool((inputs.merged_at >= 0).any())  # a dummy comes alone
    windows, frames = _lengths(inputs.cu_windows) * real, _lengths(inputs.cu_frames) * real
    return Load(
        tokens=int(documents.sum()),
        labels=pack.n_label_tokens,
        patches=int(frames.sum()),
        document_pairs=int((documents * (documents + 1) // 2).sum()) - _unseen(pack, documents),
        window_pairs=int((windows**2).sum()),
        frame_pairs=int((frames**2).sum()),
    )


def _unseen(pack: Pack, documents: npt.NDArray[np.int64]) -> int:
    """Return the pairs of a rejected answer's tokens and the chosen one's, which it never sees."""
    if not isinstance(pack, PairPack):
        return 0
    rejected, seen = _lengths(pack.cu_seconds), _lengths(pack.cu_seen)
    return int((rejected * (documents - seen)).sum())


def _lengths(ends: Tensor) -> npt.NDArray[np.int64]:
    return ends.diff().numpy().astype(np.int64)


def step_flops(model: QwenVLModel, loads: Iterable[Load]) -> int:
    """Return the operations of a step over packs, forth and back, by what the model trains now.

    Args:
        model: whose parameters say what is trained; wrapped layers count by their matrices.
        loads: of the packs.
    """
    total = Load(*map(sum, zip(*loads, strict=True)))
    config = model.config
    full = len(config.vision.full_blocks)
    patch_pairs = full * total.frame_pairs + (config.vision.depth - full) * total.window_pairs
    language_pairs = config.language.depth * total.document_pairs
    patches = _Part(model.vision.patch_embed, total.patches, 0)
    flops, trained = patches.flops(False), patches.trained  # pixels need no gradient
    for part in (
        _Part(model.vision.blocks, total.patches, 4 * config.vision.width * patch_pairs),
        _Part(model.merger, total.patches // config.vision.merge**2, 0),
        _Part(model.language, total.tokens, 4 * config.language.width * language_pairs),
    ):
        trained = trained or part.trained
        flops += part.flops(trained)
    return flops + _matrix_flops(model.head_weight, total.labels, trained)


class _Part(NamedTuple):
    """A part of the model, the rows that go through it, and its attention's operations forth."""

    module: nn.Module
    rows: int
    attention: int

    @property
    def trained(self) -> bool:
        """Whether anything in it is trained."""
        return any(each.requires_grad for each in self.module.parameters())

    def flops(self, going_back: bool) -> int:
        """Return the operations forth, and back when what comes in needs a gradient."""
        flops = self.attention * (3 if going_back else 1)
        for module in self.module.modules():
            if isinstance(module, nn.Linear):
                flops += _matrix_flops(module.weight, self.rows, going_back)
        return flops


def _matrix_flops(weight: Tensor, rows: int, going_back: bool) -> int:
    return 2 * weight.numel() * rows * (1 + going_back + weight.requires_grad)
