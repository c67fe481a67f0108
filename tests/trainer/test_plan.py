"""The plan of an epoch: complete, full, balanced, shuffled, and the same from the same seed."""

import doctest
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.errors import NotReadyError, StorageError
from stages.shards import Stamp
from trainer import plan as plan_module
from trainer.counts import Chunk, Counts, Group
from trainer.plan import Packing, Share, load_plan, plan_epoch, sum_packs

STAMP = Stamp(tokenizer="t", template="c", min_pixels=1, max_pixels=2, coordinates="pixels")
GROUPS = (Group("books", "text"), Group("web/1", "caption"), Group("web/2", "caption"))


def counts_of(tokens, patches=None, labels=None, group=None, chunk_rows=50, digest="shards"):
    rows = len(tokens)
    first = np.r_[np.arange(0, rows, chunk_rows), rows].astype(np.int64)
    zeros = np.zeros(rows, np.int32)
    return Counts(
        folder=Path("shards"),
        stamp=STAMP,
        digest=digest,
        chunks=tuple(Chunk("part-00000.parquet", number) for number in range(len(first) - 1)),
        first=first,
        groups=GROUPS,
        group=zeros if group is None else np.asarray(group, np.int32),
        n_tokens=np.asarray(tokens, np.int32),
        n_label_tokens=zeros + 1 if labels is None else np.asarray(labels, np.int32),
        n_patches=zeros if patches is None else np.asarray(patches, np.int32),
    )


def mixed(rows, seed=0):
    """Return counts of captions, pages with pictures, scans and texts; chunks of one kind each."""
    draws = np.random.default_rng(seed)
    kind = np.repeat(draws.integers(0, 4, -(-rows // 50)), 50)[:rows]
    words = np.exp(draws.normal([4, 6.5, 5, 6.5], [0.5, 0.8, 0.5, 1], (rows, 4)))
    image = np.exp(draws.normal(5.8, 0.7, rows)).clip(16, 3000)
    image = image * np.array([1, 2, 2.5, 0])[kind]
    text = words[np.arange(rows), kind]
    tokens = (image + text).astype(int).clip(20, 8192)
    patches = 4 * np.minimum(image, tokens).astype(int)
    return counts_of(tokens, patches, group=np.minimum(kind, 2))


def used_by(plan, tokens):
    """Return the tokens of each pack."""
    return sum_packs(np.asarray(tokens, np.int32), plan.rows, plan.ends)


@pytest.fixture(scope="module")
def big():
    """40,000 rows, and their plan in steps of 32 packs."""
    counts = mixed(40_000)
    return counts, plan_epoch(counts, Packing(step_packs=32, pool_tokens=1 << 22), 0)


def test_the_docstrings_examples_hold():
    assert doctest.testmod(plan_module).failed == 0


rows = st.lists(st.tuples(st.integers(1, 40), st.integers(0, 99)), min_size=1, max_size=80)


@settings(deadline=None, max_examples=50)
@given(rows, st.integers(1, 6), st.integers(1, 400), st.integers(0, 3), st.integers(1, 20))
def test_an_epoch_has_every_row_once_in_whole_steps(rows, step_packs, pool, epoch, chunk_rows):
    tokens, patches = np.array(rows).T
    packing = Packing(pack_tokens=40, step_packs=step_packs, pool_tokens=pool, balanced_ranks=4)
    plan = plan_epoch(counts_of(tokens, patches, chunk_rows=chunk_rows), packing, epoch)
    assert sorted(plan.rows.tolist()) == list(range(len(rows)))
    assert len(plan.ends) == plan.steps * step_packs + 1
    assert used_by(plan, tokens).max() <= 40
    assert plan.ends[-1] == len(rows)


def test_packs_are_full(big):
    counts, plan = big
    used = used_by(plan, counts.n_tokens)[: -2 * plan.step_packs]  # the last steps take the rest
    assert used.mean() >= 0.98 * 8192
    assert used.max() <= 8192


def per_rank(counts, plan, ranks):
    """Return int64[steps, ranks], the patches of each rank in each step."""
    sums = []
    for step in range(plan.steps):
        packs = [plan.packs_of(step, rank=rank, ranks=ranks) for rank in range(ranks)]
        sums.append([sum(int(counts.n_patches[p].sum()) for p in own) for own in packs])
    return np.array(sums)


def test_patches_of_eight_ranks_are_alike(big):
    sums = per_rank(*big, 8)[:-2]
    excess = sums.max(axis=1) / sums.mean(axis=1) - 1
    assert excess.mean() < 0.05
    assert np.quantile(excess, 0.9) < 0.05


def test_the_order_is_not_one_of_length_or_of_place(big):
    counts, plan = big
    order = np.arange(len(plan.rows))
    assert abs(np.corrcoef(order, counts.n_tokens[plan.rows])[0, 1]) < 0.05
    assert abs(np.corrcoef(order, plan.rows)[0, 1]) < 0.1


def test_rows_that_lay_together_are_spread_over_a_pool(big):
    _, plan = big
    neighbours = np.abs(np.diff(plan.rows)) < 50
    assert neighbours.mean() < 0.15


def test_the_rows_of_a_chunk_are_used_within_two_pools(big):
    counts, plan = big
    pack = np.repeat(np.arange(len(plan.ends) - 1), np.diff(plan.ends))
    first, last = np.full(len(counts.chunks), 1 << 40), np.zeros(len(counts.chunks), np.int64)
    np.minimum.at(first, counts.chunk_of[plan.rows], pack)
    np.maximum.at(last, counts.chunk_of[plan.rows], pack)
    assert (last - first).max() * 8192 < 2.2 * (1 << 22)


def test_the_same_seed_and_epoch_give_the_same_plan_and_another_a_new_order():
    counts = mixed(1000)
    one, again, later, other = (
        plan_epoch(counts, Packing(step_packs=4, seed=seed), epoch).rows.tolist()
        for seed, epoch in [(0, 0), (0, 0), (0, 1), (1, 0)]
    )
    assert one == again
    assert one != later != other != one
    assert sorted(one) == sorted(later) == sorted(other)


@pytest.mark.parametrize("ranks", [1, 2, 3, 8, 32, 40])
def test_ranks_share_the_packs_of_a_step_whatever_their_number(big, ranks):
    _, plan = big
    dealt = [plan.packs_of(1, rank=rank, ranks=ranks) for rank in range(ranks)]
    assert {len(own) for own in dealt} == {-(-32 // ranks)}
    rows = sorted(row for own in dealt for pack in own for row in pack.tolist())
    assert rows == sorted(plan.rows[plan.ends[32] : plan.ends[64]].tolist())


def seen(plan, rows):
    """Return how often each row is in the plan."""
    return np.bincount(plan.rows % rows, minlength=rows)


def test_shares_say_how_often_an_epoch_sees_a_group():
    group = np.repeat([0, 1, 2], 1000)
    counts = counts_of(np.full(3000, 10), group=group)
    shares = (
        Share(dataset="web/1", times=0.25),
        Share(kind="caption", times=2.5),
        Share(times=0),
    )
    packing = Packing(pack_tokens=100, step_packs=4, shares=shares)
    times = seen(plan_epoch(counts, packing, 0), 3000)
    assert times[group == 0].sum() == 0
    assert set(times[group == 1]) == {0, 1}
    assert abs(times[group == 1].mean() - 0.25) < 0.05
    assert set(times[group == 2]) == {2, 3}
    assert abs(times[group == 2].mean() - 2.5) < 0.05
    again = seen(plan_epoch(counts, packing, 1), 3000)
    assert (times[group == 1] != again[group == 1]).any(), "another quarter each epoch"


def test_a_row_seen_twice_is_named_by_two_numbers():
    plan = plan_epoch(
        counts_of([5, 6]), Packing(pack_tokens=9, step_packs=1, shares=(Share(times=2),)), 0
    )
    assert sorted(plan.rows.tolist()) == [0, 1, 2, 3]
    assert sorted(used_by(plan, [5, 6]).tolist()) == [5, 5, 6, 6]


def test_a_share_that_covers_nothing_is_refused_and_what_there_is_named():
    packing = Packing(shares=(Share(kind="video"),))
    with pytest.raises(NotReadyError, match="kind 'video'; there are text of 'books', caption of"):
        plan_epoch(counts_of([5]), packing, 0)


def test_a_row_longer_than_a_pack_is_refused():
    with pytest.raises(
        NotReadyError, match="1 of 3 rows are longer than a pack of 8 tokens, row 1"
    ):
        plan_epoch(counts_of([8, 9, 1]), Packing(pack_tokens=8, step_packs=1), 0)


def test_long_and_unlabelled_rows_are_dropped_and_counted():
    counts = counts_of([8, 9, 1, 9], labels=[1, 1, 0, 0])
    plan = plan_epoch(counts, Packing(pack_tokens=8, step_packs=1, over_long="drop"), 0)
    assert plan.rows.tolist() == [0]
    assert plan.dropped == {"over_long": 1, "unlabelled": 2}


def test_a_long_row_that_nothing_is_trained_on_is_not_refused():
    counts = counts_of([8, 9], labels=[1, 0])
    assert plan_epoch(counts, Packing(pack_tokens=8, step_packs=1), 0).rows.tolist() == [0]


def test_rows_that_no_share_wants_are_not_refused_for_their_length():
    counts = counts_of([8, 9], group=[0, 1])
    packing = Packing(pack_tokens=8, step_packs=1, shares=(Share(kind="caption", times=0),))
    plan = plan_epoch(counts, packing, 0)
    assert (plan.rows.tolist(), plan.dropped["over_long"]) == ([0], 0)


def test_no_row_to_train_on_is_refused():
    with pytest.raises(NotReadyError, match="no row to train on"):
        plan_epoch(counts_of([5, 5], labels=[0, 0]), Packing(), 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pack_tokens": 0}, "pack_tokens must be at least 1, got 0"),
        ({"step_packs": 0}, "step_packs must be at least 1, got 0"),
        ({"over_long": "cut"}, "over_long is 'cut'"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Packing(**options)


def test_times_out_of_range_are_refused():
    with pytest.raises(ValueError, match=r"times must lie in \[0, 100\], got -1"):
        Share(times=-1)


def test_a_plan_comes_from_its_file_again(tmp_path):
    counts, packing = mixed(300), Packing(step_packs=4)
    made = load_plan(tmp_path / "plan.npz", counts, packing, 3)
    read = load_plan(tmp_path / "plan.npz", counts, packing, 3)
    for plan in (made, read):
        assert plan.patches.tolist() == used_by(plan, counts.n_patches).tolist()
        assert plan.rows.tolist() == plan_epoch(counts, packing, 3).rows.tolist()
        assert plan.ends.tolist() == made.ends.tolist()
        assert (plan.step_packs, plan.digest, plan.dropped) == (4, made.digest, made.dropped)


@pytest.mark.parametrize("change", ["shards", "packing", "epoch"])
def test_a_plan_of_other_shards_or_options_is_refused(tmp_path, change):
    counts, packing, epoch = counts_of([5, 6]), Packing(step_packs=4), 0
    load_plan(tmp_path / "plan.npz", counts, packing, epoch)
    counts = counts_of([5, 6], digest="others") if change == "shards" else counts
    packing = Packing(step_packs=2) if change == "packing" else packing
    with pytest.raises(StorageError, match="was planned for other shards or packing options"):
        load_plan(tmp_path / "plan.npz", counts, packing, 1 if change == "epoch" else 0)
