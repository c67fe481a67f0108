"""The pack plan: which rows make which pack of which step, for a whole epoch, before it begins.

Chunks (row groups) are put in a new random order each epoch. Those that follow each other make a
pool of `pool_tokens`; its rows are shuffled and packed (`trainer.packing`), what fits badly waits
for the next pool, and is first there. Packs with about the same patches stand side by side in a
step. So a rank reads a chunk once, and keeps what it needs of one pool or two at a time.

    epoch    pool 0 of chunks 7 2 9 4     pool 1 of chunks 0 5 8 1 ...
             step 3, step 0, step 1, ...
    step     pack 0, pack 1, ... pack G - 1     the same whatever the number of ranks
    ranks    0 1 2 3  2 3 0 1  1 ...            of four
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from stages.errors import NotReadyError, StorageError
from stages.files import atomic
from stages.places import AnyPath, exists
from trainer.counts import Counts, Group
from trainer.packing import fill

Ints = npt.NDArray[np.int64]

FULL: Final = 0.98
"""Part of a pack that must be used, or its rows wait for the next pool's, up to half a pool."""
_ARRAYS: Final = ("rows", "ends", "patches")


@dataclass(frozen=True, kw_only=True)
class Share:
    """How often an epoch sees the rows of some groups.

    Attributes:
        dataset: pattern of the source dataset, `*` for any text.
        kind: pattern of the kind.
        times: 1: each row once; 0.3: a random three tenths of them, others in each epoch; 2.5:
            each twice and half of them once more.
    """

    dataset: str = "*"
    kind: str = "*"
    times: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.times <= 100:
            raise ValueError(f"times must lie in [0, 100], got {self.times}")

    def covers(self, group: Group) -> bool:
        """Tell whether the share is about a group."""
        return fnmatchcase(group.dataset, self.dataset) and fnmatchcase(group.kind, self.kind)


@dataclass(frozen=True, kw_only=True)
class Packing:
    """How rows become packs and steps.

    Attributes:
        pack_tokens: length of a pack.
        step_packs: packs in an optimizer step, over all ranks and accumulation.
        seed: of the order of rows, and of shares.
        shares: the first that covers a row's group counts; others are seen once.
        over_long: what to do when a row is longer than a pack: "refuse" the plan, or "drop" it.
        pool_tokens: tokens that are shuffled together; all ranks together hold the rows of two
            such pools. At least two steps.
        balanced_ranks: number of ranks whose patches are most alike; any number can train.
    """

    pack_tokens: int = 8192
    step_packs: int = 64
    seed: int = 0
    shares: tuple[Share, ...] = ()
    over_long: Literal["refuse", "drop"] = "refuse"
    pool_tokens: int = 1 << 23
    balanced_ranks: int = 8

    def __post_init__(self) -> None:
        for name in ("pack_tokens", "step_packs", "pool_tokens", "balanced_ranks"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.over_long not in ("refuse", "drop"):
            raise ValueError(f"over_long is {self.over_long!r}, it must be 'refuse' or 'drop'")


@dataclass(frozen=True, kw_only=True, eq=False)
class EpochPlan:
    """The packs of an epoch, step by step.

    Attributes:
        rows: int64[R], the rows of all packs, end to end: the number of a row plus N for each
            time that it has been seen before in this epoch.
        ends: int64[P + 1], where packs begin and end in `rows`; P is a multiple of `step_packs`,
            the last packs may be empty.
        patches: int64[P], of each pack.
        step_packs: packs in a step.
        digest: hash of the shards, the options and the epoch.
        dropped: rows left out and why: "over_long", "unlabelled" (nothing to train on).
    """

    rows: Ints
    ends: Ints
    patches: Ints
    step_packs: int
    digest: str
    dropped: dict[str, int] = field(default_factory=dict)

    @cached_property
    def steps(self) -> int:
        """Optimizer steps in the epoch."""
        return (len(self.ends) - 1) // self.step_packs

    def pack(self, number: int) -> Ints:
        """Return the rows of a pack, counted over the whole epoch."""
        return self.rows[self.ends[number] : self.ends[number + 1]]

    def turns(self, ranks: int) -> int:
        """Return how many packs each of some ranks has in a step."""
        return -(-self.step_packs // ranks)

    def packs_of(self, step: int, *, rank: int, ranks: int) -> list[Ints]:
        """Return the packs of a rank in a step; every rank has the same number, some are empty."""
        numbers = self.deal(step, ranks)[:, rank].tolist()
        return [self.pack(number) if number >= 0 else self.rows[:0] for number in numbers]

    def deal(self, step: int, ranks: int) -> Ints:
        """Return int64[turns, ranks], the number of each rank's pack in each turn, -1: none.

        A step's packs lie in order of their patches, so those at work together are alike. Of each
        turn the rank with the fewest patches so far gets the most.
        """
        dealt = np.full((self.turns(ranks), ranks), -1, np.int64)
        first, last = step * self.step_packs, (step + 1) * self.step_packs
        done = np.zeros(ranks, np.int64)
        for turn, start in enumerate(range(first, last, ranks)):
            numbers = np.arange(start, min(start + ranks, last))
            order = np.argsort(done, kind="stable")[: len(numbers)]
            dealt[turn, order] = numbers
            done[order] += self.patches[numbers]
        return dealt


def plan_epoch(counts: Counts, packing: Packing, epoch: int) -> EpochPlan:
    """Return the plan of an epoch: the same for the same shards, options and epoch.

    Raises:
        NotReadyError: when a row is longer than a pack and that is refused, when a share covers
            nothing, or when no row is left to train on.
    """
    draws = np.random.default_rng([packing.seed, epoch])
    copies, dropped = _copies(counts, packing, draws)
    steps = _Steps(counts=counts, packing=packing, draws=draws)
    for rows in _pools(counts, packing, copies, draws):
        steps.add(rows)
    steps.finish()
    rows = np.concatenate(steps.rows)
    ends = np.cumsum(np.concatenate([[0], *steps.lengths]), dtype=np.int64)
    return EpochPlan(
        rows=rows,
        ends=ends,
        patches=sum_packs(counts.n_patches, rows, ends),
        step_packs=packing.step_packs,
        digest=_digest(counts, packing, epoch),
        dropped=dropped,
    )


def sum_packs(values: npt.NDArray[np.int32], rows: Ints, ends: Ints) -> Ints:
    """Return int64[P], the sum of `values`, one for each of N rows, over the rows of each pack."""
    sums = np.zeros(len(rows) + 1, np.int64)
    np.cumsum(values[rows % len(values)], out=sums[1:])
    return np.diff(sums[ends])


def load_plan(path: AnyPath, counts: Counts, packing: Packing, epoch: int) -> EpochPlan:
    """Return the plan of an epoch from a file, which is made when it is missing.

    Raises:
        StorageError: when the file is of other shards or options, or cannot be written.
        NotReadyError: as `plan_epoch` does.
    """
    if not exists(path):
        plan = plan_epoch(counts, packing, epoch)
        with atomic(path) as file:
            said = json.dumps([plan.step_packs, plan.digest, plan.dropped])
            arrays = {name: getattr(plan, name) for name in _ARRAYS}
            np.savez(file, said=np.array(said), **arrays)
        return plan
    with path.open("rb") as file, np.load(file) as saved:
        step_packs, digest, dropped = json.loads(str(saved["said"]))
        arrays = {name: saved[name] for name in _ARRAYS}
    if digest != _digest(counts, packing, epoch):
        raise StorageError(
            f"{path} was planned for other shards or packing options than these; "
            f"train into a new folder, or name the data and options it was begun with"
        )
    return EpochPlan(**arrays, step_packs=step_packs, digest=digest, dropped=dropped)


def _digest(counts: Counts, packing: Packing, epoch: int) -> str:
    said = json.dumps([counts.digest, asdict(packing), epoch], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()


def _copies(
    counts: Counts, packing: Packing, draws: np.random.Generator
) -> tuple[Ints, dict[str, int]]:
    """Return how often the epoch sees each row, and how many rows it must leave out."""
    times = _times(counts.groups, packing.shares)[counts.group]
    copies = np.floor(times + draws.random(len(counts))).astype(np.int64)
    wanted, labelled = copies > 0, counts.n_label_tokens > 0
    too_long = wanted & labelled & (counts.n_tokens > packing.pack_tokens)
    if packing.over_long == "refuse" and too_long.any():
        row = int(np.argmax(too_long))
        raise NotReadyError(
            f"{int(too_long.sum())} of {len(counts)} rows are longer than a pack of "
            f"{packing.pack_tokens} tokens, row {row} has {counts.n_tokens[row]}; raise "
            f"pack_tokens, or leave them out with over_long: drop"
        )
    copies[too_long | ~labelled] = 0
    if not copies.any():
        raise NotReadyError(f"{counts.folder} has no row to train on with these options")
    dropped = {"over_long": too_long, "unlabelled": wanted & ~labelled}
    return copies, {name: int(mask.sum()) for name, mask in dropped.items()}


def _times(groups: Sequence[Group], shares: Sequence[Share]) -> npt.NDArray[np.float64]:
    for share in shares:
        if not any(share.covers(group) for group in groups):
            raise NotReadyError(
                f"no row is of dataset {share.dataset!r} and kind {share.kind!r}; there are "
                f"{', '.join(f'{group.kind} of {group.dataset!r}' for group in groups[:10])}"
            )
    first = [next((s.times for s in shares if s.covers(group)), 1.0) for group in groups]
    return np.array(first, np.float64)


def _pools(
    counts: Counts, packing: Packing, copies: Ints, draws: np.random.Generator
) -> Iterator[Ints]:
    """Yield the rows of each pool, chunk by chunk in random order."""
    most = np.maximum.reduceat(copies, counts.first[:-1])
    chunk, copy = np.repeat(np.arange(len(most)), most), _count_up(most)
    pool_tokens = max(packing.pool_tokens, 2 * packing.step_packs * packing.pack_tokens)
    pool: list[Ints] = []
    tokens = 0
    for place in draws.permutation(len(chunk)):
        start, stop = counts.first[chunk[place] : chunk[place] + 2]
        there = start + np.flatnonzero(copies[start:stop] > copy[place])
        pool.append(there + copy[place] * len(counts))
        tokens += int(counts.n_tokens[there].sum())
        if tokens >= pool_tokens:
            yield np.concatenate(pool)
            pool, tokens = [], 0
    if pool:
        yield np.concatenate(pool)


def _count_up(lengths: Ints) -> Ints:
    """Return 0, 1, ... up to each length in turn.

    >>> _count_up(np.array([2, 0, 3]))
    array([0, 1, 0, 1, 2])
    """
    ends = np.cumsum(lengths)
    return np.arange(ends[-1]) - np.repeat(ends - lengths, lengths)


@dataclass(kw_only=True)
class _Steps:
    """Steps, growing pool by pool.

    Attributes:
        rows: the rows of the packs, one array for each pool.
        lengths: rows in each pack, likewise.
    """

    counts: Counts
    packing: Packing
    draws: np.random.Generator
    rows: list[Ints] = field(default_factory=list)
    lengths: list[Ints] = field(default_factory=list)
    _waiting: Ints = field(default_factory=lambda: np.empty(0, np.int64))

    def add(self, rows: Ints) -> None:
        """Pack a pool; what is left over or fills packs badly waits for the next."""
        pool = np.concatenate([self._waiting, self.draws.permutation(rows)])
        tokens = self._of(self.counts.n_tokens, pool)
        pack_of = self._fill(pool, leave=max(int(tokens.sum()) // 16, self.packing.pack_tokens))
        used = np.bincount(pack_of[pack_of >= 0], tokens[pack_of >= 0])
        chosen = np.argsort(-used, kind="stable")  # the fullest first
        good = np.count_nonzero(used >= FULL * self.packing.pack_tokens)
        waiting = int(tokens.sum()) - np.cumsum(used[chosen])
        must = np.count_nonzero(waiting > self.packing.pool_tokens // 2) + 1
        kept = max(int(good), min(int(must), len(used)))
        kept = kept // self.packing.step_packs * self.packing.step_packs
        self._waiting = self._put(pool, pack_of, chosen[:kept])

    def finish(self) -> None:
        """Pack what still waits; empty packs fill the last step."""
        pack_of = self._fill(self._waiting, leave=0)
        self._put(self._waiting, pack_of, np.arange(pack_of.max(initial=-1) + 1))

    def _of(self, values: npt.NDArray[np.int32], rows: Ints) -> Ints:
        return values[rows % len(self.counts)].astype(np.int64)

    def _fill(self, rows: Ints, leave: int) -> Ints:
        tokens, patches = (
            self._of(values, rows) for values in (self.counts.n_tokens, self.counts.n_patches)
        )
        seed = int(self.draws.integers(1 << 62))
        pack_of: Ints = fill(tokens, patches, self.packing.pack_tokens, leave, seed)
        return pack_of

    def _put(self, rows: Ints, pack_of: Ints, chosen: Ints) -> Ints:
        """Append the chosen packs in their order in steps, and return the rows of no pack."""
        size = -(-len(chosen) // self.packing.step_packs) * self.packing.step_packs
        order = np.full(size, -1, np.int64)  # -1: empty
        order[: len(chosen)] = chosen
        patches = np.zeros(pack_of.max(initial=-1) + 2, np.int64)  # the last is for -1
        np.add.at(patches, pack_of, self._of(self.counts.n_patches, rows))
        patches[-1] = 0
        order = self._arranged(order, patches)
        place = np.full(len(patches), size, np.int64)
        place[order[order >= 0]] = np.flatnonzero(order >= 0)
        where = place[pack_of]
        where[pack_of < 0] = size
        by_pack = np.argsort(where, kind="stable")
        lengths = np.bincount(where, minlength=size + 1)
        packed = len(rows) - int(lengths[size])
        self.rows.append(rows[by_pack[:packed]])
        self.lengths.append(lengths[:size])
        return rows[np.sort(by_pack[packed:])]

    def _arranged(self, packs: Ints, patches: Ints) -> Ints:
        """Put packs of like patches together for ranks at work together, these groups at random
        into steps, and the packs of a step in order of their patches."""
        group = math.gcd(self.packing.step_packs, self.packing.balanced_ranks)
        alike = packs[np.argsort(-patches[packs], kind="stable")].reshape(-1, group)
        steps = self.draws.permutation(alike).reshape(-1, self.packing.step_packs)
        order = np.argsort(-patches[steps], axis=1, kind="stable")
        return np.take_along_axis(steps, order, axis=1).ravel()
