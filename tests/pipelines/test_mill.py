"""Whole runs without Ray: segments, decisions, shards, resuming, and when a run stops."""

import hashlib
import io
import json

import pytest
from rich.console import Console

from pipelines.folder import RunFolder
from pipelines.mill import mill
from pipelines.progress import Display
from pipelines.recipe import build_recipe
from stages.errors import QuarantineError, SourceError
from stages.files import read_table
from tests.fakes import BAD
from tests.in_process import InProcess

READ = "stages.sources.read_jsonl.ReadJsonl"
TEXTS = {
    "a.jsonl": ["meal", "bran", "meal"],
    "b.jsonl": ["flour", "meal", "no"],
    "c.jsonl": ["grit", "bran"],
}
STEPS = (
    "tests.fakes.Tag",
    {"use": "tests.fakes.Chars", "min_chars": 3},
    "tests.fakes.SameText",
    {"use": "tests.fakes.Tag", "name": "after", "tag": "after"},
    {"use": "stages.tokenize_sample.TokenizeSample", "processor": "tiny"},
)


@pytest.fixture
def crawl(tmp_path):
    """A folder of three files of small texts."""
    folder = tmp_path / "crawl"
    folder.mkdir()
    for name, texts in TEXTS.items():
        write(folder / name, texts)
    return folder


def write(path, texts):
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))


def recipe_of(crawl, *steps, **content):
    full = {"source": {"use": READ, "paths": [str(crawl)]}, "steps": list(steps or STEPS)}
    if not steps:
        full["write"] = "stages.write_shards.WriteShards"
    return build_recipe({**full, **content}, "test.yaml")


def run(recipe, root, workers=None):
    """Mill a recipe; return its result and what the workers did."""
    workers = workers or InProcess()
    display = Display(console=Console(file=io.StringIO()))
    return mill(recipe, RunFolder(root=root), workers, display), workers.did


def kept_texts(root, segment, unit):
    table = read_table(RunFolder(root=root).unit_file(segment, unit, "kept.parquet"))
    return [row[0]["parts"][0]["text"] for row in table.column("messages").to_pylist()]


def contents(root):
    """Return the sha256 of every file of rows and decisions."""
    wanted = [path for kind in ("*.parquet", "*.arrow") for path in root.rglob(kind)]
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in wanted
    }


def test_a_run_goes_through_its_segments_and_ends_in_shards(crawl, tmp_path):
    result, did = run(recipe_of(crawl), tmp_path / "run")
    assert did == [
        *("unit 1/0", "unit 1/1", "unit 1/2"),
        *("bucket 1/0", "bucket 1/1"),
        *("unit 2/0", "unit 2/1", "unit 2/2"),
        "shard part-00000.parquet",
    ]
    assert [kept_texts(tmp_path / "run", 2, unit) for unit in range(3)] == [
        ["meal", "bran"],
        ["flour"],
        ["grit"],
    ]
    assert result.shards.totals["rows"] == 4


def test_the_counts_of_a_run_add_up(crawl, tmp_path):
    result, _ = run(recipe_of(crawl), tmp_path / "run")
    numbers = [
        (count.name, count.rows_in, count.dropped, count.rows_out) for count in result.counts
    ]
    assert numbers == [
        ("read", 8, 0, 8),
        ("tag", 8, 0, 8),
        ("chars", 8, 1, 7),
        ("same_text", 7, 3, 4),
        ("after", 4, 0, 4),
        ("tokenize_sample", 4, 0, 4),
    ]


def test_the_same_command_again_does_nothing(crawl, tmp_path):
    first, _ = run(recipe_of(crawl), tmp_path / "run")
    before = contents(tmp_path / "run")
    again, did = run(recipe_of(crawl), tmp_path / "run")
    assert did == []
    assert [segment.skipped for segment in again.segments] == [3, 3]
    assert again.counts == first.counts
    assert again.shards == first.shards
    assert contents(tmp_path / "run") == before


@pytest.mark.parametrize("pieces", range(1, 9))
def test_a_run_cut_off_anywhere_ends_with_the_bytes_of_an_unbroken_one(crawl, tmp_path, pieces):
    _, everything = run(recipe_of(crawl), tmp_path / "unbroken")
    with pytest.raises(KeyboardInterrupt):
        run(recipe_of(crawl), tmp_path / "cut", InProcess(stop_after=pieces))
    _, did = run(recipe_of(crawl), tmp_path / "cut")
    assert did == everything[pieces:]
    assert contents(tmp_path / "cut") == contents(tmp_path / "unbroken")


def test_a_new_input_file_costs_its_own_unit_and_what_follows_a_decision(crawl, tmp_path):
    run(recipe_of(crawl), tmp_path / "run")
    write(crawl / "d.jsonl", ["grit", "germ"])
    _, did = run(recipe_of(crawl), tmp_path / "run")
    assert did[0] == "unit 1/3"
    assert [name for name in did if name.startswith("unit")] == [
        "unit 1/3",
        *(f"unit 2/{unit}" for unit in range(4)),
    ]
    _, _ = run(recipe_of(crawl), tmp_path / "fresh")
    assert contents(tmp_path / "run") == contents(tmp_path / "fresh")


def test_another_option_behind_a_decision_leaves_what_comes_before_it(crawl, tmp_path):
    run(recipe_of(crawl), tmp_path / "run")
    steps = [*STEPS[:3], {**STEPS[3], "tag": "other"}, STEPS[4]]
    changed = recipe_of(crawl, *steps, write="stages.write_shards.WriteShards")
    _, did = run(changed, tmp_path / "run")
    assert did == ["unit 2/0", "unit 2/1", "unit 2/2", "shard part-00000.parquet"]


def test_a_bad_row_costs_itself(crawl, tmp_path):
    write(crawl / "b.jsonl", ["flour", BAD, "germ"])
    recipe = recipe_of(crawl, "tests.fakes.RaiseOnBad", "tests.fakes.Tag")
    result, _ = run(recipe, tmp_path / "run")
    assert [count.quarantined for count in result.counts] == [0, 1, 0]
    assert kept_texts(tmp_path / "run", 1, 1) == ["flour", "germ"]
    path = RunFolder(root=tmp_path / "run").unit_file(1, 1, "quarantine.parquet")
    assert BAD in read_table(path).column("quarantine.error")[0].as_py()


def test_too_many_bad_rows_stop_the_run(crawl, tmp_path):
    write(crawl / "b.jsonl", [BAD, BAD, "germ"])
    recipe = recipe_of(crawl, "tests.fakes.RaiseOnBad")
    message = r"raise_on_bad failed on 2 of 8 rows, more than max_quarantine_fraction 0\.01 allows"
    with pytest.raises(QuarantineError, match=message):
        run(recipe, tmp_path / "run")
    allowed = recipe_of(crawl, "tests.fakes.RaiseOnBad", max_quarantine_fraction=0.25)
    result, did = run(allowed, tmp_path / "run")
    assert did == []
    assert result.counts[1].quarantined == 2


def test_generated_rows_go_through_the_steps_behind_their_generator(crawl, tmp_path):
    steps = ("tests.fakes.Twin", {"use": "tests.fakes.Tag", "checkpoint": True}, "tests.fakes.Twin")
    result, _ = run(recipe_of(crawl, *steps), tmp_path / "run")
    assert [(count.rows_in, count.generated) for count in result.counts] == [
        (8, 0),
        (8, 8),
        (16, 0),
        (16, 16),
    ]
    assert result.shards is None


def test_a_unit_without_rows_is_a_unit_all_the_same(crawl, tmp_path):
    write(crawl / "b.jsonl", ["no", "ja"])
    run(recipe_of(crawl), tmp_path / "run")
    assert kept_texts(tmp_path / "run", 2, 1) == []


def test_damaged_input_is_a_fault_of_the_result(crawl, tmp_path):
    (crawl / "b.jsonl").write_text('{"text": "flour"}\nnot JSON\n')
    result, _ = run(recipe_of(crawl, "tests.fakes.Tag"), tmp_path / "run")
    (fault,) = result.faults
    assert fault["path"].endswith("b.jsonl")
    assert "line 2: not JSON" in fault["message"]


def test_a_recipe_that_keeps_nothing_ends_with_an_empty_manifest(crawl, tmp_path):
    steps = [STEPS[0], {"use": "tests.fakes.Chars", "min_chars": 99}, STEPS[4]]
    recipe = recipe_of(crawl, *steps, write="stages.write_shards.WriteShards")
    result, _ = run(recipe, tmp_path / "run")
    assert result.shards.totals["rows"] == 0
    assert list((tmp_path / "run" / "shards").glob("*.parquet")) == []


def test_a_run_with_less_input_leaves_nothing_of_the_longer_one(crawl, tmp_path):
    run(recipe_of(crawl), tmp_path / "run")
    (crawl / "c.jsonl").unlink()
    run(recipe_of(crawl), tmp_path / "run")
    run(recipe_of(crawl), tmp_path / "fresh")
    assert contents(tmp_path / "run") == contents(tmp_path / "fresh")


def test_a_shorter_recipe_leaves_nothing_of_the_longer_one(crawl, tmp_path):
    run(recipe_of(crawl), tmp_path / "run")
    short = recipe_of(crawl, "tests.fakes.Tag")
    run(short, tmp_path / "run")
    assert not list((tmp_path / "run" / "segments" / "2").glob("*"))


@pytest.mark.parametrize("lines", [["no JSON", "[]"], ["{}"]])
def test_a_run_of_whose_input_no_row_can_be_read_is_no_success(tmp_path, lines):
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_text("\n".join(lines))
    faulty = recipe_of(tmp_path, "tests.fakes.Tag")
    with pytest.raises(SourceError, match=r"each of the 2 units .*a\.jsonl at 0: line 1: "):
        run(faulty, tmp_path / "run")
    with pytest.raises(SourceError, match="no row could be read"):
        run(faulty, tmp_path / "run")
    (tmp_path / "b.jsonl").write_text('{"text": "meal"}\n')
    result, _ = run(recipe_of(tmp_path, "tests.fakes.Tag"), tmp_path / "run")
    assert result.counts[-1].rows_out == 1


@pytest.mark.parametrize("name", ["a.warc", "a.warc.gz"])
@pytest.mark.parametrize("content", [b"", b"<html>no crawl</html>" * 99], ids=["empty", "no WARC"])
def test_a_warc_without_a_record_is_no_success(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    source = {"use": "stages.sources.read_warc.ReadWarc", "paths": [str(tmp_path / name)]}
    recipe = build_recipe({"source": source, "steps": ["tests.fakes.Tag"]}, "test")
    with pytest.raises(SourceError, match="no row could be read"):
        run(recipe, tmp_path / "run")
