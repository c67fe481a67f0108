"""A store of signatures: new crawls held against what earlier runs kept, each run only once."""

import io
import json
import random
import shutil

import pyarrow as pa
import pytest
from rich.console import Console

from pipelines.folder import RunFolder
from pipelines.mill import mill
from pipelines.progress import Display
from pipelines.recipe import build_recipe
from stages.dedup.minhash import MinHashDedup
from stages.errors import NotReadyError, RecipeError
from stages.files import read_table
from tests.digests import digests
from tests.in_process import InProcess

FILES = 3


def words(seed, count=60):
    draw = random.Random(seed)
    return [f"{draw.choice('abcdefgh')}{draw.randrange(5000)}" for _ in range(count)]


def text(number, copy=0):
    """Return a text; each copy differs from the first in a word of its own."""
    return " ".join([*words(number), *([f"copy{copy}"] if copy else [])])


@pytest.fixture
def crawls(tmp_path):
    """Two crawls of three files; the second repeats texts of the first and of its own."""
    draw = random.Random(1)
    first = [text(n) for n in range(30)] + [text(n, 1) for n in range(0, 30, 5)]
    second = [text(n, 2) for n in range(0, 30, 2)] + [text(n) for n in range(100, 120)]
    second += [text(n, 3) for n in range(100, 110)]
    for name, texts in (("first", first), ("second", second)):
        draw.shuffle(texts)
        (tmp_path / name).mkdir()
        for file in range(FILES):
            rows = ({"text": each} for each in texts[file::FILES])
            path = tmp_path / name / f"{name}-{file}.jsonl"
            path.write_text("\n".join(map(json.dumps, rows)))
    return tmp_path


def recipe_of(paths, store, **options):
    step = {"use": "stages.dedup.minhash.MinHashDedup", "keep": "first", **options}
    step |= {"store": str(store)} if store else {}
    source = {"use": "stages.sources.read_jsonl.ReadJsonl", "paths": list(map(str, paths))}
    return build_recipe({"source": source, "steps": [step]}, "test.yaml")


def run(crawls, name, *, read=None, store="store", workers=None, **options):
    """Run over the crawl of a name, or over others; return what was done."""
    workers = workers or InProcess()
    paths = [crawls / each for each in read or [name]]
    recipe = recipe_of(paths, crawls / store if store else "", **options)
    display = Display(console=Console(file=io.StringIO()))
    mill(recipe, RunFolder(root=crawls / "runs" / name), workers, display)
    return workers.did


def survivors(crawls, name):
    """Return the texts that a run kept."""
    files = sorted((crawls / "runs" / name / "segments" / "2").glob("*.kept.parquet"))
    rows = [row for file in files for row in read_table(file).column("messages").to_pylist()]
    return sorted(row[0]["parts"][0]["text"] for row in rows)


def generations(crawls):
    return sorted(path.parent.name for path in crawls.glob("store/generations/*/generation.json"))


def stored(crawls):
    return digests((path for path in crawls.glob("store/**/*") if path.is_file()), crawls)


def test_a_second_crawl_against_the_first_equals_one_run_over_both(crawls):
    run(crawls, "first")
    run(crawls, "second")
    run(crawls, "both", read=["first", "second"], store="")
    assert len(survivors(crawls, "second")) == 20
    apart = sorted(survivors(crawls, "first") + survivors(crawls, "second"))
    assert apart == survivors(crawls, "both")


def test_a_text_near_a_stored_one_names_it(crawls):
    run(crawls, "first")
    run(crawls, "second")
    files = (crawls / "runs/second/segments/2").glob("*.rejected.parquet")
    reasons = [r for file in files for r in read_table(file).column("reason").to_pylist()]
    kept = (crawls / "runs/first/segments/2").glob("*.kept.parquet")
    ids = [id_ for file in kept for id_ in read_table(file).column("id").to_pylist()]
    named = [reason.split()[2] for reason in reasons if reason.endswith(" in the store")]
    assert len(named) == 15
    assert set(named) < set(ids)
    assert len(reasons) == 25


def test_what_is_dropped_is_not_stored(crawls):
    run(crawls, "first")
    files = sorted(crawls.glob("store/generations/*/*.texts.arrow"))
    tables = [pa.ipc.open_file(pa.memory_map(str(file))).read_all() for file in files]
    kept = sorted((crawls / "runs/first/segments/2").glob("*.kept.parquet"))
    ids = [read_table(file).column("id").to_pylist() for file in kept]
    assert [table.column("id").to_pylist() for table in tables] == ids
    assert sum(map(len, ids)) == 30


def test_keys_are_stored_in_ascending_order(crawls):
    run(crawls, "first")
    for file in crawls.glob("store/generations/*/*.keys.arrow"):
        keys = pa.ipc.open_file(pa.memory_map(str(file))).read_all().column("key").to_pylist()
        assert keys == sorted(keys)
        assert keys


@pytest.mark.parametrize("rows", [2, 7])
def test_the_size_of_slices_does_not_matter(crawls, rows, monkeypatch):
    run(crawls, "first")
    run(crawls, "second")
    kept = survivors(crawls, "second")
    shutil.rmtree(crawls / "store")
    shutil.rmtree(crawls / "runs")
    monkeypatch.setattr("stages.dedup.minhash.SLICE_ROWS", rows)
    run(crawls, "first")
    run(crawls, "second")
    assert survivors(crawls, "second") == kept


@pytest.mark.parametrize("elsewhere", [False, True], ids=["same folder", "another folder"])
def test_the_same_run_again_changes_nothing(crawls, elsewhere):
    run(crawls, "first")
    run(crawls, "second")
    before, kept = stored(crawls), survivors(crawls, "second")
    if elsewhere:
        shutil.rmtree(crawls / "runs" / "second")
    did = run(crawls, "second")
    assert (did == []) is not elsewhere
    assert survivors(crawls, "second") == kept
    assert stored(crawls) == before


def test_a_run_of_earlier_times_is_not_held_against_later_ones(crawls):
    run(crawls, "first")
    kept = survivors(crawls, "first")
    run(crawls, "second")
    assert run(crawls, "first") == []
    shutil.rmtree(crawls / "runs" / "first")
    run(crawls, "first")
    assert survivors(crawls, "first") == kept


def test_a_run_to_which_input_is_added_is_not_its_own_duplicate(crawls):
    run(crawls, "grows", read=["first"])
    run(crawls, "grows", read=["first", "second"])
    run(crawls, "both", read=["first", "second"], store="")
    assert survivors(crawls, "grows") == survivors(crawls, "both")


@pytest.mark.parametrize("stop", [2, 3])
def test_a_run_killed_while_it_stores_goes_on_there(crawls, stop, monkeypatch):
    monkeypatch.setattr("pipelines.remember.UNITS_PER_PIECE", 1)
    run(crawls, "first")
    before = stored(crawls)
    shutil.rmtree(crawls / "store")
    shutil.rmtree(crawls / "runs")
    begun = FILES + 2 + 1 + stop - 1  # units, buckets, combined
    with pytest.raises(KeyboardInterrupt):
        run(crawls, "first", workers=InProcess(stop_after=begun))
    assert generations(crawls) == []
    did = run(crawls, "first")
    assert did[0] == f"bucket 1/remember-{stop - 1}"
    assert stored(crawls) == before


def test_new_generations_make_decisions_stale_but_not_units(crawls):
    run(crawls, "first")
    with pytest.raises(KeyboardInterrupt):
        run(crawls, "second", workers=InProcess(stop_after=FILES + 3))
    shutil.copytree(crawls / "second", crawls / "third")
    run(crawls, "third", store="store2")
    shutil.copytree(crawls / "store2/generations", crawls / "store/generations", dirs_exist_ok=True)
    did = run(crawls, "second")
    assert not [each for each in did if each.startswith("unit 1")]
    assert did[:3] == ["bucket 1/0", "bucket 1/1", "bucket 1/combined"]
    assert survivors(crawls, "second") == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ngram": 4}, "ngram 5 there, 4 here"),
        ({"seed": 2}, "seed 1 there, 2 here"),
        ({"num_perm": 130, "bands": 18, "rows": 7}, "num_perm 128 there, 130 here"),
        ({"bands": 17, "rows": 7}, "bands 18 there, 17 here"),
        ({"bands": 18, "rows": 6}, "rows 7 there, 6 here"),
        ({"threshold": 0.7}, "bands 18 there, 25 here; rows 7 there, 5 here"),
    ],
)
def test_a_store_of_other_options_is_refused_before_the_run(crawls, options, message):
    run(crawls, "first")
    with pytest.raises((NotReadyError, RecipeError), match=message):
        MinHashDedup(store=str(crawls / "store"), **options).check()


@pytest.mark.parametrize("name", ["version", "scheme", "shingle_hash", "sketch_size"])
def test_a_store_of_another_make_is_refused_before_the_run(crawls, name):
    run(crawls, "first")
    path = crawls / "store" / "store.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), name: "old"}))
    with pytest.raises(NotReadyError, match=f"{name} 'old' there"):
        MinHashDedup(store=str(crawls / "store")).check()
