"""Direct preference optimization: of two answers to a prompt the chosen one becomes likelier.

A row is a conversation whose last answer is followed by a rejected one (`stages.chat`). Prompt and
pictures go through the model once for both answers: see `trainer.branches`. What the reference,
the model as it is before training, gives the answers is computed once and stored.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn.functional import logsigmoid

from stages.errors import StorageError
from stages.files import write_bytes
from trainer.counts import Counts
from trainer.data import PackLoader
from trainer.inputs import Pack
from trainer.loss import PackLoss, token_losses
from trainer.model import QwenVLModel
from trainer.pairs import PairAssembly, PairPack
from trainer.parallel import Ranks
from trainer.plan import Packing, plan_epoch


def answer_scores(model: QwenVLModel, pack: PairPack) -> Tensor:
    """Return float32[N, 2], log-probabilities of the chosen and rejected answer of each pair."""
    hidden: Tensor = model(pack.inputs, pack.branches().attend)
    at = torch.nonzero_static(pack.labels >= 0, size=pack.n_label_tokens).squeeze(1)
    losses = token_losses(hidden, model.head_weight, pack.labels, at)
    document = torch.searchsorted(pack.inputs.cu_documents[1:].long(), at, right=True)
    answer = 2 * document + (at >= pack.second_from[document] - 1)
    scores: Tensor = losses.new_zeros(2 * len(pack.rows)).index_add(0, answer, -losses)
    # A pack without pairs still goes through the model backwards, as those of other ranks do.
    return scores.view(-1, 2) + hidden[:1].sum() * 0.0


@dataclass(frozen=True, kw_only=True, eq=False)
class References:
    """What the reference gives the answers of every pair.

    Attributes:
        ids: S32[N], of the samples, in ascending order.
        scores: float32[N, 2], log-probabilities of the chosen and the rejected answer.
    """

    ids: npt.NDArray[np.bytes_]
    scores: npt.NDArray[np.float32]

    def of(self, rows: Sequence[str]) -> Tensor:
        """Return float32[len(rows), 2], those of samples by their ids."""
        wanted = np.array(rows, dtype="S32")
        return torch.from_numpy(self.scores[np.searchsorted(self.ids, wanted)])


@dataclass(frozen=True, kw_only=True, eq=False)
class Preference:
    """The loss of pairs, -log sigmoid(beta * (margin - the reference's margin)).

    A margin is log p(chosen) - log p(rejected). In `PackLoss` a pair counts as one label.

    Source: Rafailov et al. 2023, arXiv:2305.18290, equation 7.

    Attributes:
        references: of every pair that may come.
        beta: how much the policy may leave the reference.
        groups: how many groups of documents there are.
    """

    references: References
    beta: float
    groups: int

    def __call__(self, model: QwenVLModel, pack: Pack) -> PackLoss:
        """Return the loss of a pack of pairs on its own device."""
        assert isinstance(pack, PairPack), "DPO takes the packs of a PairAssembly"
        scores = answer_scores(model, pack)
        reference = self.references.of(pack.rows).to(scores.device, non_blocking=True)
        chosen, rejected = (scores - reference).unbind(1)
        losses = -logsigmoid(self.beta * (chosen - rejected))
        group = pack.document_group[: len(pack.rows)].long()
        sums = torch.zeros(self.groups, device=scores.device)
        counts = torch.zeros(self.groups, dtype=torch.int64, device=scores.device)
        return PackLoss(
            total=losses.sum() + scores.sum() * 0.0,
            by_group=sums.index_add(0, group, losses.detach()),
            labels=counts.index_add(0, group, torch.ones_like(group)),
        )


def load_references(
    path: Path,
    *,
    model: QwenVLModel,
    counts: Counts,
    packing: Packing,
    assembly: PairAssembly,
    ranks: Ranks,
    workers: int,
) -> References:
    """Return the reference's scores from a file, which is made by the model when it is missing.

    Args:
        path: of the file.
        model: before it is trained.
        counts: of all pairs.
        packing: of the training.
        assembly: makes packs of pairs.
        ranks: that share the work, and all get all scores.
        workers: processes of each rank that make packs.

    Raises:
        StorageError: when the file is of other shards, or cannot be written.
    """
    if path.exists():
        with np.load(path) as saved:
            if str(saved["digest"]) != counts.digest:
                raise StorageError(
                    f"{path} was made for other shards than {counts.folder}; train into a new "
                    f"folder, or name the data it was begun with"
                )
            return References(ids=saved["ids"], scores=saved["scores"])
    every = replace(packing, shares=(), step_packs=ranks.count, over_long="drop")
    plan = plan_epoch(counts, every, 0)
    loader = PackLoader(
        counts=counts,
        plan=lambda _: plan,
        assembly=assembly,
        rank=ranks.rank,
        ranks=ranks.count,
        workers=workers,
        max_bad_rows=len(counts),  # the training itself counts them
    )
    packs = (each.pack for each in itertools.islice(loader, plan.steps))
    ids, scores = _gathered(*_scored(model, packs, ranks), ranks)
    order = np.argsort(ids)
    found = References(ids=ids[order], scores=scores[order])
    if ranks.is_first:
        data = io.BytesIO()
        np.savez(data, digest=np.array(counts.digest), ids=found.ids, scores=found.scores)
        write_bytes(path, data.getvalue())
    return found


@torch.no_grad()
def _scored(
    model: QwenVLModel, packs: Iterable[Pack], ranks: Ranks
) -> tuple[npt.NDArray[np.bytes_], npt.NDArray[np.float32]]:
    ids, scores = [np.empty(0, "S32")], [np.empty((0, 2), np.float32)]
    for pack in packs:
        assert isinstance(pack, PairPack)
        ids.append(np.array(pack.rows, dtype="S32"))
        scores.append(answer_scores(model, pack.to(ranks.device)).float().cpu().numpy())
    return np.concatenate(ids), np.concatenate(scores)


def _gathered(
    ids: npt.NDArray[np.bytes_], scores: npt.NDArray[np.float32], ranks: Ranks
) -> tuple[npt.NDArray[np.bytes_], npt.NDArray[np.float32]]:
    """Return what all ranks have found."""
    if ranks.count == 1:
        return ids, scores
    parts: list[Any] = [None] * ranks.count
    dist.all_gather_object(parts, (ids, scores))
    return tuple(np.concatenate(each) for each in zip(*parts, strict=True))  # type: ignore[return-value]
