import pyarrow as pa
import pytest

from pipelines.buckets import (
    CRAWL,
    decide_bucket,
    project_unit,
    regroup_of,
    undecided,
)
from pipelines.combine import COMBINED, combine, levels
from pipelines.decided import apply_decisions, enter, read_decisions
from pipelines.folder import RunFolder, read_batch
from pipelines.ledger import LEDGER, check_conservation
from pipelines.plan import cut
from pipelines.recipe import Recipe, Step
from pipelines.spent import now
from stages.sources.read_jsonl import ReadJsonl
from stages.stage import ASSETS, DECISIONS
from tests.digests import digests
from tests.fakes import NarrowPictures, SameText, SameTextCombined, batch_of, ids_of, sample

UNITS = [
    [sample("a", "meal"), sample("b", "bran")],
    [],
    [sample("c", "meal"), sample("d", "meal"), sample("e", "flour")],
]
NO_ASSETS = ASSETS.empty_table()


def _segments(operator):
    step = Step(name="same", operator=operator)
    return cut(Recipe(name="test", source=ReadJsonl(), steps=(step,)))


def _run(folder, operator, units, buckets, assets=NO_ASSETS):
    """Project, decide and enter; return the outcome of each unit."""
    before, behind = _segments(operator)
    batches = [batch_of(rows) for rows in units]
    for unit, batch in enumerate(batches):
        project_unit(folder, before, unit, batch, assets if unit == 0 else NO_ASSETS, buckets)
    for bucket in reversed(range(buckets)):
        decide_bucket(folder, before, bucket, len(units), "print")
    for name in (name for names in levels(buckets, len(units)) for name in names):
        if operator.combines:
            combine(folder, before, name, buckets, len(units))
    return [
        enter(folder, behind, unit, batch, buckets, now()) for unit, batch in enumerate(batches)
    ]


@pytest.fixture
def folder(tmp_path):
    return RunFolder(root=tmp_path)


@pytest.mark.parametrize("operator", [SameText(), SameTextCombined()])
@pytest.mark.parametrize("buckets", [1, 2, 8, 16, 128])
def test_decisions_do_not_hang_on_the_number_of_buckets(folder, operator, buckets):
    outcomes = _run(folder, operator, UNITS, buckets)
    assert [ids_of(outcome.batch) for outcome in outcomes] == [["a", "b"], [], ["e"]]


def test_decisions_do_not_hang_on_how_rows_are_cut_into_units(tmp_path):
    rows = [row for unit in UNITS for row in unit]
    for number, units in enumerate([[rows], [[row] for row in rows], UNITS]):
        folder = RunFolder(root=tmp_path / str(number))
        outcomes = _run(folder, SameText(), units, 2)
        assert [id_ for outcome in outcomes for id_ in ids_of(outcome.batch)] == ["a", "b", "e"]


def test_what_decisions_tell_is_written_into_the_rows_that_stay(folder):
    outcomes = _run(folder, SameText(), UNITS, 2)
    stands = outcomes[2].batch.table.column("cluster.same_text").to_pylist()
    assert [name.lstrip("0") for name in stands] == ["e"]


def test_a_refused_row_is_in_the_ledger_under_the_step(folder):
    outcomes = _run(folder, SameText(), UNITS, 2)
    entries = pa.concat_tables([LEDGER.empty_table(), *outcomes[2].rejected]).to_pylist()
    assert [entry["id"].lstrip("0") for entry in entries] == ["c", "d"]
    assert entries[0] == {
        "id": f"{'c':0>32}",
        "uri": "http://quern.example/c",
        "step": "same",
        "over": "sample",
        "element": -1,
        "score_name": "same",
        "score": 1.0,
        "threshold": 1.0,
        "reason": f"the same as {'a':0>32}",
        "excerpt": "meal",
    }


def test_the_rows_of_a_regroup_are_counted(folder):
    outcome = _run(folder, SameText(), UNITS, 2)[2]
    (count,) = outcome.counts
    assert (count.name, count.rows_in, count.rows_out, count.dropped) == ("same", 3, 1, 2)
    check_conservation(outcome.counts)


def test_refused_media_edit_their_samples_and_a_sample_left_empty_goes(folder):
    units = [
        [sample("a", "text", media=[{"width_px": 40}, {"width_px": 100}])],
        [sample("b", media=[{"width_px": 49}]), sample("c", "text", media=[{"width_px": 50}])],
    ]
    outcomes = _run(folder, NarrowPictures(), units, 2)
    assert [ids_of(outcome.batch) for outcome in outcomes] == [["a"], ["c"]]
    assert outcomes[0].batch.media().column("width_px").to_pylist() == [100]
    assert outcomes[0].batch.parts().media_index.tolist() == [-1, 0]
    (media, rows) = outcomes[1].rejected
    assert media.select(["over", "element", "score", "threshold"]).to_pylist() == [
        {"over": "media", "element": 0, "score": 49.0, "threshold": 50.0}
    ]
    assert rows.column("reason").to_pylist() == ["nothing left after same"]
    (count,) = outcomes[1].counts
    assert (count.elements_in, count.elements_dropped, count.dropped) == (2, 1, 1)
    check_conservation(outcomes[1].counts)


def test_media_of_the_crawl_stand_beside_the_rows_as_unit_minus_one(folder):
    class WithCrawl(SameText):
        def project_assets(self, assets):
            return pa.table({"row": [0] * assets.num_rows, "id": assets.column("uri")})

        def partition(self, rows, buckets):
            return super().partition(
                rows.set_column(rows.column_names.index("key"), "key", rows.column("id")), buckets
            )

    assets = pa.Table.from_pylist([{"uri": "http://quern.example/x.png"}], schema=ASSETS)
    (before, _) = _segments(WithCrawl())
    project_unit(folder, before, 0, batch_of(UNITS[0]), assets, 2)
    rows = pa.concat_tables([read_batch(folder.bucket_rows(1, 0), bucket) for bucket in (0, 1)])
    by_id = dict(zip(rows.column("id").to_pylist(), rows.column("unit").to_pylist(), strict=True))
    assert by_id == {f"{'a':0>32}": 0, f"{'b':0>32}": 0, "http://quern.example/x.png": CRAWL}


def test_a_bucket_is_undecided_until_its_mark_says_what_was_asked(folder):
    (before, _) = _segments(SameText())
    project_unit(folder, before, 0, batch_of(UNITS[0]), NO_ASSETS, 2)
    decide_bucket(folder, before, 1, 1, "print")
    assert undecided(folder, before, ["0", "1", COMBINED], "print") == ["0", COMBINED]
    assert undecided(folder, before, ["0", "1"], "other") == ["0", "1"]


def test_the_same_rows_leave_the_same_bytes(tmp_path):
    contents = []
    for name in ("first", "second"):
        folder = RunFolder(root=tmp_path / name)
        _run(folder, SameText(), UNITS, 2)
        files = (path for path in folder.root.rglob("*") if path.is_file())
        contents.append(digests(files, folder.root))
    assert contents[0] == contents[1]


def test_decisions_about_a_unit_come_in_order_of_row_and_element(folder):
    _run(folder, SameText(), UNITS, 8)
    decisions = read_decisions(folder, 1, 2, [str(bucket) for bucket in range(8)])
    assert decisions.column("row").to_pylist() == [0, 1, 2]
    assert set(decisions.column("unit").to_pylist()) == {2}


def test_without_refusals_every_row_stays():
    batch = batch_of(UNITS[0])
    outcome = apply_decisions(SameTextCombined(), batch, _no_decisions(), "same")
    assert ids_of(outcome.batch) == ["a", "b"]
    assert outcome.rejected == ()


def _no_decisions():
    return DECISIONS.append(pa.field("stands", pa.string())).empty_table()


def test_an_operator_that_is_no_regroup_is_not_taken_for_one():
    with pytest.raises(AssertionError):
        regroup_of(Step(name="read", operator=ReadJsonl()))
