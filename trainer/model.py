"""Qwen2.5-VL: vision encoder, merger and language model over packs of documents."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trainer.attention import Segments
from trainer.inputs import ModelInputs
from trainer.language import LanguageModel
from trainer.layers import Block, Mixer
from trainer.model_config import ModelConfig
from trainer.vision import Merger, VisionEncoder


class QwenVLModel(nn.Module):
    """The model from token ids and patches to what the head reads.

    Documents, windows and frames see nothing but themselves, so a pack gives what its documents
    give one by one. Nothing in a step waits for the accelerator: see `ModelInputs`.

    Attributes:
        vision: the encoder; no graph is kept for it while none of its parameters is trained.
        merger: makes tokens of patches.
        language: the decoder.
        lm_head: the head, absent where it is the embedding's own matrix.

    Source: Qwen2.5-VL technical report, arXiv:2502.13923, section 2.1.
    """

    def __init__(
        self,
        config: ModelConfig,
        *,
        recompute_vision: bool = False,
        recompute_language: bool = False,
    ) -> None:
        """Make the model with weights as PyTorch makes them; see `init_weights` and `weights`.

        Args:
            config: its shape.
            recompute_vision: whether the backward pass computes the encoder's blocks again
                instead of keeping what is inside them (activation checkpointing).
            recompute_language: the same of the decoder's layers.
        """
        super().__init__()
        self.config = config
        self.vision = VisionEncoder(config.vision)
        self.merger = Merger(config.vision, width_out=config.language.width)
        self.language = LanguageModel(config.language)
        if not config.tied:
            self.lm_head = nn.Linear(config.language.width, config.language.vocabulary, bias=False)
        _recompute(self.vision.blocks, recompute_vision)
        _recompute(self.language.layers, recompute_language)

    @property
    def head_weight(self) -> Tensor:
        """The head's matrix, float[vocabulary, width]: logits are `hidden @ head_weight.T`."""
        head = self.language.embed_tokens if self.config.tied else self.lm_head
        return head.weight

    def forward(self, inputs: ModelInputs, mix: Mixer | None = None) -> Tensor:
        """Return float[L, width], what the head reads of each token.

        Args:
            inputs: a pack.
            mix: how tokens see each other; left out, each sees its document up to itself.
        """
        documents = Segments(ends=inputs.cu_documents, longest=inputs.max_document, causal=True)
        mixers = [mix or documents.attend] * self.config.language.depth
        hidden: Tensor = self.language(self.embed(inputs), inputs.positions, mixers)
        return hidden

    def embed(self, inputs: ModelInputs) -> Tensor:
        """Return float[L, width], embedded tokens with media in the places of their tokens."""
        tokens = self.language.embed_tokens(inputs.input_ids)
        media = self.merger(self._patches(inputs)).to(tokens.dtype)
        # A dummy's -1 becomes the row behind the last, which is cut off again: its gradient is
        # nought, not missing, so that ranks with and without media do the same.
        room = torch.cat([tokens, tokens.new_zeros(1, tokens.shape[1])])
        return room.index_copy(0, inputs.merged_at % len(room), media)[:-1]

    def _patches(self, inputs: ModelInputs) -> Tensor:
        trained = any(parameter.requires_grad for parameter in self.vision.parameters())
        with torch.set_grad_enabled(trained and torch.is_grad_enabled()):
            patches: Tensor = self.vision(inputs)
        return patches

    @torch.no_grad()
    def init_weights(self, seed: int) -> None:
        """Draw fresh weights: normal matrices, biases of zero, norms of one."""
        generator = torch.Generator(self.head_weight.device).manual_seed(seed)
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                module.weight.normal_(std=self.config.init_std, generator=generator)
            elif isinstance(module, nn.RMSNorm):
                module.weight.fill_(1.0)
            if isinstance(module, nn.Linear) and module.bias is not None:
                module.bias.zero_()


def _recompute(blocks: nn.ModuleList, wanted: bool) -> None:
    for block in blocks:
        assert isinstance(block, Block)
        block.recompute = wanted
