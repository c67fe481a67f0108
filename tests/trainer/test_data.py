"""The loader: the plan's packs, the same from any cursor, and bad rows counted."""

import itertools
import logging
from dataclasses import replace

import numpy as np
import pytest
import torch

from stages.errors import NotReadyError, QuarantineError, StorageError
from tests.trainer.shards import assembly, pictures, row, stamp_of, write_shards
from trainer.counts import read_counts
from trainer.data import Cursor, PackLoader
from trainer.plan import Packing, Share, plan_epoch
from trainer.rows import RowReader

PACKING = Packing(pack_tokens=256, step_packs=4, pool_tokens=1)


def make_rows(root, count):
    shown = pictures(root, 7)
    return [
        row(f"row {n}", media=shown[n % 5 : n % 5 + n % 3], text="word " * (n % 17))
        for n in range(count)
    ]


@pytest.fixture(scope="module")
def counts(tmp_path_factory):
    """60 rows in chunks of four."""
    root = tmp_path_factory.mktemp("data")
    folder = write_shards(root, make_rows(root, 60))
    return read_counts(folder, stamp_of(folder))


def loader(counts, packing=PACKING, **options):
    return PackLoader(
        **{
            "counts": counts,
            "plan": lambda epoch: plan_epoch(counts, packing, epoch),
            "assembly": assembly(counts.stamp, packing.pack_tokens),
            "workers": 0,
            **options,
        }
    )


def first(number, source):
    packs = iter(source)
    taken = list(itertools.islice(packs, number))
    packs.close()
    return taken


def said(loaded):
    """Return all that a pack says, as values to compare."""
    pack, inputs = loaded.pack, loaded.pack.inputs
    numbers = {name: getattr(inputs, name) for name in inputs.__dataclass_fields__}
    plain = [v.numpy().tobytes() if isinstance(v, torch.Tensor) else v for v in numbers.values()]
    return [loaded.cursor, loaded.turn, pack.rows, pack.labels.tolist(), *plain]


def test_packs_come_in_the_plans_order_epoch_after_epoch(counts):
    plans = [plan_epoch(counts, PACKING, epoch) for epoch in range(2)]
    wanted = [
        (Cursor(epoch, step), turn, len(pack))
        for epoch, plan in enumerate(plans)
        for step in range(plan.steps)
        for turn, pack in enumerate(plan.packs_of(step, rank=0, ranks=1))
    ]
    got = first(len(wanted), loader(counts))
    assert [(each.cursor, each.turn, len(each.pack.rows)) for each in got] == wanted
    of_epoch = [each.pack.rows for each in got if each.cursor.epoch == 0]
    assert len(set(itertools.chain(*of_epoch))) == 60


@pytest.mark.parametrize("start", [Cursor(0, 2), Cursor(1, 0), Cursor(1, 3)])
def test_a_loader_begun_at_a_cursor_gives_what_one_that_came_by_gives(counts, start):
    steps = plan_epoch(counts, PACKING, 0).steps
    before = 4 * (start.epoch * steps + start.step)
    through = first(before + 8, loader(counts))[before:]
    assert [said(each) for each in through] == [
        said(each) for each in first(8, loader(counts, start=start))
    ]


@pytest.mark.parametrize("ranks", [2, 3, 4])
def test_ranks_of_any_number_get_the_same_packs_of_a_step_together(counts, ranks):
    alone = first(8, loader(counts, start=Cursor(0, 1)))
    wanted = {each.cursor: [] for each in alone}
    for each in alone:
        wanted[each.cursor].append(each.pack.rows)
    turns = -(-4 // ranks)
    got = {cursor: [] for cursor in wanted}
    for rank in range(ranks):
        own = first(2 * turns, loader(counts, rank=rank, ranks=ranks, start=Cursor(0, 1)))
        assert [each.turn for each in own] == [*range(turns)] * 2
        for each in own:
            got[each.cursor].append(each.pack.rows)
    for cursor, packs in wanted.items():
        assert sorted(filter(None, got[cursor])) == sorted(filter(None, packs))


def test_worker_processes_give_the_same(counts):
    alone = first(10, loader(counts))
    together = first(10, loader(counts, workers=2, prefetch_packs=1))
    assert [said(each) for each in together] == [said(each) for each in alone]


def test_each_chunk_is_read_once_an_epoch_and_not_all_is_held(counts):
    plan = plan_epoch(counts, PACKING, 0)
    reader = RowReader(counts=counts)
    packs = [plan.pack(number) for number in range(len(plan.ends) - 1)]
    rows = list(reader.read(packs))
    assert reader.chunks_read == len(counts.chunks) == 15
    assert reader.bytes_held == 0
    assert reader.most_bytes_held < sum(each.nbytes for pack in rows for each in pack)


def test_a_rank_holds_only_its_own_rows(counts):
    plan = plan_epoch(counts, PACKING, 0)
    most = []
    for ranks in (1, 4):
        reader = RowReader(counts=counts)
        own = [
            pack for step in range(plan.steps) for pack in plan.packs_of(step, rank=0, ranks=ranks)
        ]
        list(reader.read(own))
        most.append(reader.most_bytes_held)
    assert most[1] < most[0] / 2


def test_a_row_seen_twice_an_epoch_comes_twice(counts):
    packing = replace(PACKING, shares=(Share(times=2),))
    plan = plan_epoch(counts, packing, 0)
    got = first(plan.steps * 4, loader(counts, packing))
    ids, times = np.unique([each for one in got for each in one.pack.rows], return_counts=True)
    assert (len(ids), set(times)) == (60, {2})


def test_the_time_that_the_caller_waits_is_counted(counts):
    source = loader(counts)
    assert source.wait_s == 0
    first(1, source)
    assert source.wait_s > 0


@pytest.fixture
def damaged(tmp_path):
    """20 rows, three of them with a picture that cannot be decoded."""
    rows = make_rows(tmp_path, 20)
    bad = [n for n, each in enumerate(rows) if each["media"]][:3]
    pack = tmp_path / "media/0.pack"
    data = bytearray(pack.read_bytes())
    for number in bad:
        place = rows[number]["media"][0]["location"]
        start, stop = place["offset"], place["offset"] + place["length"]
        data[start:stop] = bytes(stop - start)
    pack.write_bytes(data)
    folder = write_shards(tmp_path, rows)
    return read_counts(folder, stamp_of(folder))


def test_bad_rows_are_counted_and_named_and_the_rest_is_trained_on(damaged, caplog):
    source = loader(damaged, max_bad_rows=20)
    steps = plan_epoch(damaged, PACKING, 0).steps
    with caplog.at_level(logging.WARNING, logger="trainer.data"):
        got = first(steps * 4, source)
    faults = [fault for each in got for fault in each.faults]
    assert len(faults) == source.bad_rows > 0
    assert all(f"row {fault.row} is left out: a picture is" in caplog.text for fault in faults)
    trained = [id_ for each in got for id_ in each.pack.rows]
    assert len(set(trained)) + len(faults) == 20
    assert not set(trained) & {fault.row for fault in faults}


def test_more_bad_rows_than_may_be_end_it(damaged):
    source = loader(damaged, max_bad_rows=0)
    with pytest.raises(QuarantineError, match=r"[12] rows could not be trained on, 0 may be"):
        first(20, source)


def test_what_goes_wrong_while_reading_is_raised_where_packs_are_wanted(tmp_path):
    folder = write_shards(tmp_path, make_rows(tmp_path, 8))
    counts = read_counts(folder, stamp_of(folder))
    (folder / "part-00000.parquet").unlink()
    with pytest.raises(StorageError, match=r"part-00000\.parquet is missing"):
        first(1, loader(counts))


def test_a_plan_that_cannot_be_made_is_raised_likewise(counts):
    with pytest.raises(NotReadyError, match="longer than a pack"):
        first(1, loader(counts, replace(PACKING, pack_tokens=8)))


def test_a_rank_outside_the_ranks_is_refused(counts):
    with pytest.raises(ValueError, match="rank 2 is not one of 2 ranks"):
        loader(counts, rank=2, ranks=2)
