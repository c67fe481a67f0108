"""Rows that are kept from training, and the packs they are evaluated in."""

import torch

from stages.record import content_id
from tests.trainer.shards import assembly, row, stamp_of, write_shards
from trainer.counts import read_counts
from trainer.held_out import held_out_packs, hold_out
from trainer.parallel import Ranks
from trainer.plan import Packing, Share

ALONE = Ranks(rank=0, count=1, device=torch.device("cpu"))


def kinds(number):
    return "qa" if number % 2 else "caption"


def counts_of(root, rows=40):
    folder = write_shards(root, [row(f"row {n}", kind=kinds(n)) for n in range(rows)])
    return read_counts(folder, stamp_of(folder))


def test_each_row_is_trained_on_or_held_out(tmp_path):
    counts = counts_of(tmp_path)
    trained, held = hold_out(counts, 0.3, 0)
    assert ((trained.n_label_tokens > 0) ^ (held.n_label_tokens > 0)).all()
    assert 4 <= (held.n_label_tokens > 0).sum() <= 20
    again = hold_out(counts, 0.3, 0)[1].n_label_tokens
    assert (again == held.n_label_tokens).all()
    assert (hold_out(counts, 0.3, 1)[1].n_label_tokens != again).any()
    assert trained.digest != held.digest != counts.digest


def test_groups_that_are_never_trained_on_are_not_evaluated_on(tmp_path):
    counts = counts_of(tmp_path)
    held = hold_out(counts, 0.5, 0)[1]
    packing = Packing(
        pack_tokens=128,
        step_packs=1,
        shares=(Share(kind="caption", times=0), Share(kind="qa", times=2.5)),
    )
    packs = held_out_packs(held, packing, assembly(stamp_of(counts.folder), 128), ALONE, 99)
    found = sorted(name for pack in packs for name in pack.rows)
    wanted = [n for n in range(len(counts)) if n % 2 and held.n_label_tokens[n]]
    assert found == sorted(content_id(f"row {n}") for n in wanted)


def test_nothing_is_evaluated_on_when_nothing_is_held_out(tmp_path):
    counts = counts_of(tmp_path, 4)
    held = hold_out(counts, 0, 0)[1]
    assert held_out_packs(held, Packing(), assembly(stamp_of(counts.folder)), ALONE, 9) == []
