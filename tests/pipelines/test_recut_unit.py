"""A run cut from another is, byte for byte, the run that its options would have made."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.folder import RunFolder
from stages.files import read_table
from tests.fakes import BAD
from tests.pipelines.recuts import SEEN, cut_from, files, finish, marks, recipe_of, row, write_rows

CHARS = "tests.fakes.Chars"
TAG = "tests.fakes.Tag"
NOTED = "tests.pipelines.recuts.Noted"
TEXTS = {"use": CHARS, "name": "texts", "over": "text", "min_chars": 2, "max_chars": 9}
WIDE = {"use": "tests.fakes.Width", "name": "wide", "min_width_px": 40}
LONG = {"use": CHARS, "name": "long", "min_chars": 4, "max_chars": 24}
FAILS = {"use": "tests.fakes.RaiseOnBad", "name": "fails"}
STEPS = [{"use": TAG, "checkpoint": True}, TEXTS, WIDE, LONG, FAILS, "tests.fakes.SameText"]
THRESHOLDS = {
    "steps.texts.min_chars": st.integers(0, 5),
    "steps.texts.max_chars": st.integers(6, 11),
    "steps.wide.min_width_px": st.sampled_from([0, 31, 40, 41, 81]),
    "steps.long.min_chars": st.integers(0, 9),
    "steps.long.max_chars": st.integers(10, 30),
}

words = st.sampled_from(["?", "a", "ab", "abcd", "abcdefg", "abcdefghij", "rye", "oats", BAD])
sizes = st.sampled_from([None, 10, 30, 40, 41, 80])
samples = st.tuples(st.lists(words, max_size=4), st.lists(sizes, max_size=3))
units = st.lists(st.lists(samples, max_size=9), min_size=1, max_size=2)
changes = st.lists(st.sampled_from(sorted(THRESHOLDS)), min_size=1, max_size=2, unique=True)


@pytest.fixture(autouse=True)
def no_settling(monkeypatch):
    """Spare the disk: nobody pulls the plug on a test."""
    monkeypatch.setattr("os.fsync", lambda descriptor: None)


def inputs(folder, content):
    """Write units of (texts, widths) per row."""
    folder.mkdir()
    named = [
        (
            folder / f"{unit}.parquet",
            [row(f"{'abc'[unit]}{n}", *each) for n, each in enumerate(rows)],
        )
        for unit, rows in enumerate(content)
    ]
    return [write_rows(path, rows) for path, rows in named]


def check(root, paths, steps, *set_, **top):
    """Compare a run cut from another with one that had the new options from the start."""
    parent = finish(recipe_of(paths, steps, **top), root / "parent")
    workers = cut_from(parent, set_, root / "cut")
    finish(recipe_of(paths, steps, set_, **top), root / "fresh")
    assert marks(root / "cut") == marks(root / "fresh")
    assert files(root / "cut") == files(root / "fresh")
    return workers


def differs(place, value):
    _, name, option = place.split(".")
    return value != {"texts": TEXTS, "wide": WIDE, "long": LONG}[name].get(option)


@settings(max_examples=12, deadline=None)
@given(content=units, places=changes, data=st.data())
def test_any_thresholds_give_the_bytes_of_a_fresh_run(tmp_path_factory, content, places, data):
    values = {place: data.draw(THRESHOLDS[place], place) for place in places}
    set_ = [f"{place}={value}" for place, value in values.items() if differs(place, value)]
    if set_:
        root = tmp_path_factory.mktemp("recut")
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("pipelines.unit.CHUNK_ROWS", data.draw(st.sampled_from([3, 256])))
            check(root, inputs(root / "in", content), STEPS, *set_, max_quarantine_fraction=1)


ROWS = [(["rye"], []), (["oats", "a"], [30, 80]), (["barley groats"], [50]), (["b"], [])]


@pytest.mark.parametrize(
    ("change", "walked"),
    [
        ("steps.long.min_chars=6", {"a1"}),  # a0 and a3 were dropped and stay so
        ("steps.long.min_chars=0", {"a0", "a3"}),
        ("steps.long.max_chars=10", {"a2"}),
        ("steps.wide.min_width_px=20", {"a1"}),
        ("steps.wide.min_width_px=60", {"a0", "a2", "a3"}),  # who knows what a0 and a3 showed
        ("steps.wide.min_width_px=35", {"a0", "a3"}),
    ],
)
def test_only_rows_whose_fate_may_differ_go_through_the_steps(tmp_path, change, walked):
    steps = [{"use": TAG, "checkpoint": True}, NOTED, {**WIDE, "min_width_px": 31}, LONG]
    paths = inputs(tmp_path / "in", [ROWS])
    parent = finish(recipe_of(paths, steps), tmp_path / "parent")
    SEEN.clear()
    workers = cut_from(parent, (change,), tmp_path / "cut")
    assert set(SEEN) == walked
    assert (workers.walked, workers.rows) == (len(walked), len(ROWS))
    finish(recipe_of(paths, steps, (change,)), tmp_path / "fresh")
    assert files(tmp_path / "cut") == files(tmp_path / "fresh")


def test_a_ledger_entry_that_stands_tells_the_threshold_of_today(tmp_path):
    paths = inputs(tmp_path / "in", [ROWS])
    parent = finish(recipe_of(paths, [LONG]), tmp_path / "parent")
    workers = cut_from(parent, ("steps.long.min_chars=5",), tmp_path / "cut")
    table = read_table(RunFolder(root=tmp_path / "cut").unit_file(1, 0, "rejected.parquet"))
    assert table.column("reason").to_pylist() == ["chars 3 < min 5", "chars 1 < min 5"]
    assert table.column("threshold").to_pylist() == [5.0, 5.0]
    assert workers.walked == 0  # of a1 it is known that it has just 5


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param([LONG, {**TEXTS, "min_chars": 0}], id="in the first segment"),
        pytest.param([{"use": TAG, "checkpoint": True}, LONG, "tests.fakes.Twin"], id="generator"),
        pytest.param(["tests.fakes.SameText", LONG, FAILS], id="behind a regroup"),
        pytest.param(
            [{"use": TAG, "checkpoint": True}, LONG, {**LONG, "name": "again"}], id="twice"
        ),
    ],
)
@pytest.mark.parametrize("change", ["min_chars=2", "min_chars=20", "max_chars=5"])
def test_wherever_the_filter_stands_the_bytes_are_those_of_a_fresh_run(tmp_path, steps, change):
    content = [[*ROWS, (["oats", BAD], [])], [(["rye"], []), (["millet"], [])]]
    paths = inputs(tmp_path / "in", content)
    check(tmp_path, paths, steps, f"steps.long.{change}", max_quarantine_fraction=1)


def test_equal_ids_in_a_unit_make_all_its_rows_walk(tmp_path):
    rows = [row("a", ["oats"], []), row("a", ["barley"], []), row("b", ["spelt"], [])]
    paths = [write_rows(tmp_path / "in.parquet", rows)]
    assert check(tmp_path, paths, [LONG], "steps.long.min_chars=5").walked == 3


def test_another_option_than_a_limit_makes_all_rows_walk_that_the_step_was_given(tmp_path):
    paths = inputs(tmp_path / "in", [ROWS])
    tag = {"use": TAG, "name": "late", "tag": "late"}
    assert check(tmp_path, paths, [LONG, tag], "steps.late.tag=other").walked == 2


def test_another_option_of_a_regroup_decides_anew_and_walks_no_row(tmp_path):
    paths = inputs(tmp_path / "in", [ROWS])
    same = {"use": "tests.pipelines.recuts.SameTextFrom", "name": "same"}
    assert check(tmp_path, paths, [LONG, same, TAG], "steps.same.letters=1").walked == 0
