"""Packs of pairs: a prompt, the answer that was chosen and the one that was rejected."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from trainer.assemble import Assembly, Fault, Ints, _Document, shifted_labels
from trainer.attention import Segments
from trainer.branches import Branches
from trainer.inputs import Pack
from trainer.pixels import BadRowError
from trainer.rows import Row


class Pair(NamedTuple):
    """Where the answers of a document lie: each begins with a header of the same tokens.

    Attributes:
        first: index of the first token of the chosen answer's header.
        second: the same of the rejected answer, which goes on to the end.
        header: tokens of a header.
    """

    first: int
    second: int
    header: int

    @classmethod
    def of(cls, ids: Ints, spans: Ints) -> Self:
        """Find the answers by the last span of trained tokens, which is the chosen one.

        Raises:
            BadRowError: when no rejected answer follows it.
        """
        if len(spans):
            start, end = (int(each) for each in spans[-1])
            first = int(np.flatnonzero(ids[:start] == ids[0])[-1])  # every turn begins alike
            header = start - first
            if np.array_equal(ids[first:start], ids[end : end + header]):
                return cls(first, end, header)
        raise BadRowError("it has no rejected answer behind a chosen one; DPO learns from pairs")


@dataclass(frozen=True, kw_only=True)
class PairPack(Pack):
    """A pack of pairs; `labels` are those of both answers, what came before has none.

    Attributes:
        second_from: int64[D], where each document's rejected answer begins, its end if it is
            padding.
        first_at: int64[F], tokens of prompts and chosen answers.
        second_at: int64[R], tokens of rejected answers.
        seen_at: int64[S], what these see: tokens of prompts and of themselves.
        back: int64[L], where each token lies in `first_at` followed by `second_at`.
        cu_firsts: int32[D + 1], where documents begin and end in `first_at`.
        cu_seconds: int32[N + 1], the same of pairs in `second_at`.
        cu_seen: int32[N + 1], the same in `seen_at`.
    """

    second_from: Tensor
    first_at: Tensor
    second_at: Tensor
    seen_at: Tensor
    back: Tensor
    cu_firsts: Tensor
    cu_seconds: Tensor
    cu_seen: Tensor

    def branches(self) -> Branches:
        """Return how the tokens see each other."""
        longest = self.inputs.max_document
        return Branches(
            firsts=Segments(ends=self.cu_firsts, longest=longest, causal=True),
            seconds=Segments(ends=self.cu_seconds, longest=longest),
            seen=Segments(ends=self.cu_seen, longest=longest),
            first_at=self.first_at,
            second_at=self.second_at,
            seen_at=self.seen_at,
            back=self.back,
        )


@dataclass(frozen=True, kw_only=True)
class PairAssembly(Assembly):
    """Makes packs of pairs, in which a rejected answer has the positions of the chosen one."""

    def pack(self, rows: Sequence[Row]) -> tuple[PairPack, tuple[Fault, ...]]:
        """Return the pack of the rows, without those that are no pair, and these."""
        pack, faults = super().pack(rows)
        return _with_branches(pack), faults

    def _document(self, row: Row, room: int) -> _Document:
        document = super()._document(row, room)
        pair = Pair.of(document.ids, row.label_spans)
        answers = [[pair.first, pair.second], [pair.second, len(document.ids)]]
        spans = np.add(answers, [pair.header, 0])
        positions = document.positions.copy()
        positions[:, pair.second :] += positions[:, [pair.first]] - positions[:, [pair.second]]
        labels = shifted_labels(document.ids, spans)
        return replace(document, labels=labels, positions=positions)


def _with_branches(pack: Pack) -> PairPack:
    ends = pack.inputs.cu_documents.numpy().astype(np.int64)
    pairs = [
        _pair_in(pack.labels.numpy(), int(start), int(end))
        for start, end in itertools.pairwise(ends)
    ]
    padding = range(len(pack.rows), len(pairs))
    firsts = [np.arange(*each) for each in zip(ends[:-1], (p.second for p in pairs), strict=True)]
    seconds = [np.arange(pair.second, end) for pair, end in zip(pairs, ends[1:], strict=True)]
    seen = [
        np.concatenate([np.arange(start, pair.first), second])
        for start, pair, second in zip(ends[:-1], pairs, seconds, strict=True)
    ]
    for lists in (seconds, seen):
        del lists[padding.start :]
    order = np.concatenate([*firsts, *seconds])
    return PairPack(
        **{field.name: getattr(pack, field.name) for field in fields(Pack)},
        second_from=torch.tensor([pair.second for pair in pairs]),
        first_at=_joined(firsts),
        second_at=_joined(seconds),
        seen_at=_joined(seen),
        back=torch.from_numpy(np.argsort(order)),
        cu_firsts=_ends(firsts),
        cu_seconds=_ends(seconds),
        cu_seen=_ends(seen),
    )


def _pair_in(labels: Ints, start: int, end: int) -> Pair:
    """Return the pair of a document by its two runs of labels; padding has none."""
    at = start + np.flatnonzero(labels[start:end] >= 0)
    if not len(at):
        return Pair(end, end, 0)
    gap = int(np.argmax(np.diff(at) > 1))
    second = int(at[gap]) + 2  # a label stands one before its token
    header = int(at[gap + 1]) + 1 - second
    return Pair(int(at[0]) + 1 - header, second, header)


def _joined(pieces: Sequence[Ints]) -> Tensor:
    return torch.from_numpy(np.concatenate([np.empty(0, np.int64), *pieces]))


def _ends(pieces: Sequence[Ints]) -> Tensor:
    return torch.from_numpy(np.cumsum([0, *map(len, pieces)], dtype=np.int32))
