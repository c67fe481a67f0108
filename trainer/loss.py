"""Cross entropy where there is a label, in pieces, so that logits never exist for a whole pack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.utils.checkpoint import checkpoint

from trainer.inputs import Pack

CHUNK: Final = 2048
"""Labels whose logits exist at a time: 1.2 GB of them at 152,064 tokens in float32."""


@dataclass(frozen=True, kw_only=True)
class PackLoss:
    """The loss of a pack, in sums: means are taken over the whole optimizer step.

    Attributes:
        total: float32[], sum over the pack's labels, with its graph.
        by_group: float32[G], the same by group of documents, without.
        labels: int64[G], labels of each group.
    """

    total: Tensor
    by_group: Tensor
    labels: Tensor


def pack_loss(hidden: Tensor, head: Tensor, pack: Pack, groups: int) -> PackLoss:
    """Return the loss of a pack on its own device, without waiting for it.

    Args:
        hidden: float[L, width], what the model gives of the pack's inputs.
        head: float[vocabulary, width].
        pack: whose labels are wanted.
        groups: G, how many groups of documents there are.
    """
    at = torch.nonzero_static(pack.labels >= 0, size=pack.n_label_tokens).squeeze(1)
    losses = token_losses(hidden, head, pack.labels, at)
    document = torch.searchsorted(pack.inputs.cu_documents[1:].long(), at, right=True)
    group = pack.document_group.long()[document]
    sums = torch.zeros(groups, device=hidden.device).index_add(0, group, losses.detach())
    counts = torch.zeros(groups, dtype=torch.int64, device=hidden.device)
    counts = counts.index_add(0, group, torch.ones_like(group))
    # A pack without labels still goes through the model backwards, as those of other ranks do.
    total = losses.sum() + hidden[:1].sum() * 0.0
    return PackLoss(total=total, by_group=sums, labels=counts)


def token_losses(hidden: Tensor, head: Tensor, labels: Tensor, at: Tensor) -> Tensor:
    """Return float32[N], the cross entropy at N places.

    Args:
        hidden: float[L, width].
        head: float[vocabulary, width].
        labels: int64[L].
        at: int64[N], the places; each has a label.
    """
    pieces = [
        checkpoint(_entropy, hidden[where], head, labels[where], use_reentrant=False)
        for where in torch.split(at, CHUNK)
    ]
    return torch.cat(pieces) if pieces else hidden.new_zeros(0, dtype=torch.float32)


def _entropy(hidden: Tensor, head: Tensor, labels: Tensor) -> Tensor:
    logits = (hidden @ head.T.to(hidden.dtype)).float()
    return cross_entropy(logits, labels, reduction="none")
