"""Rows kept from training, and the loss on them."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch

from trainer.assemble import Assembly
from trainer.counts import Counts
from trainer.data import PackLoader
from trainer.inputs import Pack
from trainer.loss import PackLoss
from trainer.model import QwenVLModel
from trainer.parallel import Ranks
from trainer.plan import Packing, plan_epoch


def hold_out(counts: Counts, share: float, seed: int) -> tuple[Counts, Counts]:
    """Return counts to train on and counts to evaluate on.

    Both name all rows; those of the other have no labels there, so no plan takes them. Whether a
    row is held out depends on the seed and its number.

    Args:
        counts: of all shards.
        share: of the rows that are held out.
        seed: of the draw.
    """
    held = np.random.default_rng([seed, len(counts)]).random(len(counts)) < share
    return _only(counts, ~held), _only(counts, held)


def _only(counts: Counts, chosen: npt.NDArray[np.bool_]) -> Counts:
    labels = np.where(chosen, counts.n_label_tokens, 0).astype(np.int32)
    said = counts.digest.encode() + np.packbits(chosen).tobytes()
    return replace(counts, n_label_tokens=labels, digest=hashlib.sha256(said).hexdigest())


def held_out_packs(
    held: Counts, packing: Packing, assembly: Assembly, ranks: Ranks, packs: int
) -> list[Pack]:
    """Return a rank's packs of held-out rows, as many on every rank.

    Args:
        held: what `hold_out` gave.
        packing: of the training; groups that it never sees are left out, others are seen once.
        assembly: makes packs of rows.
        ranks: that evaluate together.
        packs: most packs over all ranks.
    """
    if not held.n_label_tokens.any():
        return []
    once = tuple(replace(share, times=float(share.times > 0)) for share in packing.shares)
    plan = plan_epoch(held, replace(packing, shares=once, step_packs=1, over_long="drop"), 0)
    turns = -(-min(packs, plan.steps) // ranks.count)
    loader = PackLoader(
        counts=held,
        plan=lambda _: replace(plan, step_packs=ranks.count),
        assembly=assembly,
        rank=ranks.rank,
        ranks=ranks.count,
        workers=0,
    )
    return [each.pack for each in itertools.islice(loader, turns)]


@torch.no_grad()
def held_out_loss(
    model: QwenVLModel,
    objective: Callable[[QwenVLModel, Pack], PackLoss],
    packs: Sequence[Pack],
    ranks: Ranks,
) -> float:
    """Return the mean loss of the labels of all ranks' packs; NaN without any."""
    sums = torch.zeros(2, dtype=torch.float64, device=ranks.device)
    for pack in packs:
        loss = objective(model, pack.to(ranks.device))
        sums += torch.stack([loss.by_group.sum().double(), loss.labels.sum().double()])
    total, labels = ranks.sum(sums).tolist()
    return total / labels if labels else float("nan")
