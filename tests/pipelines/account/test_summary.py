"""What a run folder tells: counts, units, faults, samples and histograms."""

import doctest
from types import ModuleType

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines import card
from pipelines.account import figures, wording
from pipelines.account.committed import sampled_units
from pipelines.account.dropped_pictures import dropped_pictures
from pipelines.account.histograms import _binned, _edges, histograms
from pipelines.account.samples import (
    Dropped,
    dropped_samples,
    kept_pictures,
    kept_rows,
    pictures_of,
    quarantined_rows,
)
from pipelines.account.summary import Summary, read_summary
from pipelines.folder import RunFolder, read_json, write_json
from stages.errors import StorageError
from stages.media import MediaStore
from tests.pipelines.synthetic_run import HOSTILE, recipe, synthetic_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return synthetic_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def summary(folder: RunFolder) -> Summary:
    return read_summary(folder)


def test_the_funnel_holds_every_step_in_order(summary: Summary):
    names = ["fragile", "letters", "part_letters", "fetch_media", "probe_media", "image_size"]

    assert list(summary.counts) == ["read", *names, "tokenize_sample"]
    assert (summary.rows_read, summary.profile.rows) == (12, 10)


def test_faults_and_quarantined_rows_are_counted(summary: Summary):
    assert (summary.n_faults, summary.quarantined) == (1, 1)
    assert summary.faults[0]["message"].startswith("cut off")


def test_the_profile_counts_what_the_kept_rows_hold(summary: Summary):
    profile = summary.profile

    assert profile.kinds == {"interleaved": 10}
    assert profile.licences == {"": 6, "cc-by-4.0": 4}
    assert profile.languages == {"en": 6, "de": 4}
    assert profile.media == {"image": 7}


def test_tokens_of_the_profile_equal_those_of_the_manifest(summary: Summary):
    assert summary.manifest is not None
    assert summary.profile.totals == {
        name: summary.manifest.totals[name] for name in summary.profile.totals
    }
    assert len(summary.profile.totals) == 3


def test_a_folder_without_run_json_is_no_finished_run(tmp_path):
    with pytest.raises(StorageError, match=r"is not a finished run: run\.json is missing"):
        read_summary(RunFolder(root=tmp_path))


def test_a_damaged_run_json_is_told_from_a_missing_one(tmp_path):
    (tmp_path / "run.json").write_text("{")

    with pytest.raises(StorageError, match=r"run\.json is not a JSON object"):
        read_summary(RunFolder(root=tmp_path))


def test_a_run_json_without_a_key_names_the_key(folder: RunFolder, tmp_path):
    content = read_json(folder.root / "run.json")
    assert content is not None
    del content["seed"]
    write_json(tmp_path / "run.json", content)

    with pytest.raises(StorageError, match="lacks 'seed'"):
        read_summary(RunFolder(root=tmp_path))


def test_a_run_stopped_in_its_first_segment_tells_of_the_unit_that_was_done(tmp_path):
    stopped = read_summary(synthetic_run(tmp_path, stop_after=1))

    assert stopped.run.state == "stopped"
    assert [len(segment.units) for segment in stopped.segments] == [1]
    assert (stopped.rows_read, stopped.manifest) == (6, None)


def test_a_run_stopped_before_anything_was_done_has_no_segments(folder: RunFolder, tmp_path):
    content = read_json(folder.root / "run.json")
    assert content is not None
    write_json(tmp_path / "run.json", {**content, "state": "stopped", "segments": [], "shards": {}})
    empty = read_summary(RunFolder(root=tmp_path))

    assert (empty.segments, empty.rows_read, empty.quarantined) == ((), 0, 0)
    assert (kept_rows(empty, 5), kept_pictures(empty, 5), histograms(empty)) == ([], [], [])


def test_segments_of_an_earlier_recipe_are_not_taken_for_those_of_a_stopped_run(tmp_path):
    folder = synthetic_run(tmp_path)
    content = read_json(tmp_path / "run.json")
    assert content is not None
    others = [{**step, "name": f"new_{step['name']}"} for step in content["steps"]]
    write_json(tmp_path / "run.json", {**content, "state": "stopped", "steps": others})

    assert read_summary(folder).segments == ()


def test_a_histogram_holds_what_was_kept_and_what_was_dropped(summary: Summary):
    found = {(each.step, each.score): each for each in histograms(summary)}

    size = found["image_size", "short_side_px"]
    assert (size.n_kept, size.n_dropped, size.thresholds) == (7, 3, (100.0,))
    texts = found["part_letters", "letters"]
    assert (texts.n_kept, texts.n_dropped, texts.over) == (10, 10, "text")
    samples = found["letters", "letters"]
    assert (samples.n_kept, samples.n_dropped, samples.least) == (10, 1, 5.0)


def test_limits_in_run_json_draw_thresholds_against_which_nothing_was_dropped(tmp_path):
    folder = synthetic_run(tmp_path)
    content = read_json(tmp_path / "run.json")
    assert content is not None
    limits = [{"score": "long_side_px", "min": None, "max": 20_000}]
    steps = [{**s, "limits": limits} if s["name"] == "image_size" else s for s in content["steps"]]
    write_json(tmp_path / "run.json", {**content, "steps": steps})

    found = {each.score: each for each in histograms(read_summary(folder))}
    assert found["long_side_px"].thresholds == (20_000.0,)
    assert found["long_side_px"].edges[-1] < 20_000, "a far threshold must not flatten the bars"


def test_a_histogram_reads_whole_units_up_to_a_number_of_rows(summary: Summary):
    segment = summary.segments[0]

    assert len(sampled_units(segment, max_rows=1)) == 1
    assert len(sampled_units(segment, max_rows=1000)) == 2
    assert sampled_units(segment, max_rows=1) == sampled_units(segment, max_rows=1)


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=60))
def test_every_value_falls_into_one_bin(values):
    array = np.array(values)
    edges = _edges(array, (0.5,))

    assert _binned(array, edges).sum() == len(values)
    assert np.all(np.diff(edges) > 0)


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=60))
def test_few_whole_numbers_get_a_bin_each(values):
    array = np.array(values, np.float64)
    edges = _edges(array, ())
    counts = dict(zip((edges[:-1] + 0.5).tolist(), _binned(array, edges).tolist(), strict=True))

    low, high = np.percentile(array, [0.5, 99.5])  # the outermost bins take in what lies beyond
    inside = {value for value in values if low < value < high}
    assert {value: counts[value] for value in inside} == {v: values.count(v) for v in inside}
    assert sum(counts.values()) == len(values)


def test_dropped_samples_tell_how_many_of_how_many(summary: Summary):
    found = {each.step: each for each in dropped_samples(summary, 4)}

    assert (found["part_letters"].total, len(found["part_letters"].entries)) == (10, 4)
    assert (found["letters"].total, found["letters"].entries[0].reason) == (1, "letters 5 < min 10")


def test_a_smaller_sample_of_dropped_entries_is_the_beginning_of_a_bigger_one(summary: Summary):
    few = {each.step: each.entries for each in dropped_samples(summary, 3)}
    many = {each.step: each.entries for each in dropped_samples(summary, 100)}

    assert all(many[step][: len(entries)] == entries for step, entries in few.items())


def _entries(summary: Summary, step: str) -> tuple[Dropped, ...]:
    return next(each.entries for each in dropped_samples(summary, 100) if each.step == step)


def test_the_bytes_of_dropped_pictures_are_found_through_the_decisions(summary: Summary):
    entries = _entries(summary, "image_size")
    found = dropped_pictures(summary, entries)
    store = MediaStore(root=summary.folder.media)

    assert [len(found[place]) for place in range(3)] == [1, 1, 1]
    for place, entry in enumerate(entries):
        assert found[place][0].uri == entry.excerpt
        assert store.read(found[place][0].location).startswith(b"\xff\xd8")


def test_rows_dropped_in_the_first_segment_have_no_pictures(summary: Summary):
    assert dropped_pictures(summary, _entries(summary, "letters")) == {}


def test_quarantined_rows_carry_step_and_traceback(summary: Summary):
    (row,) = quarantined_rows(summary, 5)

    assert (row.step, row.uri) == ("fragile", "http://quern.example/page/7")
    assert HOSTILE in row.error


def test_kept_rows_are_the_same_each_time_and_no_more_than_asked(summary: Summary):
    first, second = kept_rows(summary, 3), kept_rows(summary, 3)

    assert [kept.row["id"] for kept in first] == [kept.row["id"] for kept in second]
    assert len(first) == 3
    assert len(kept_rows(summary, 100)) == 10
    assert all("score.letters.letters" in kept.scores for kept in first)


def test_kept_pictures_are_different_ones_and_stand_in_kept_rows(summary: Summary):
    found = kept_pictures(summary, 5)
    shown = {p.sha256 for kept in kept_rows(summary, 100) for p in pictures_of(kept.row).values()}

    assert len({picture.sha256 for picture in found}) == 5
    assert {picture.sha256 for picture in found} <= shown


def test_samples_of_a_run_that_kept_nothing_are_empty(tmp_path):
    summary = read_summary(synthetic_run(tmp_path, recipe(min_letters=10_000)))

    assert (summary.profile.rows, kept_rows(summary, 5), kept_pictures(summary, 5)) == (0, [], [])
    (letters,) = dropped_samples(summary, 100)
    assert letters.total == 11


def test_only_narrow_columns_are_read_of_kept_rows_for_the_profile(folder, monkeypatch):
    read = pq.ParquetFile.read
    asked = []

    def spy(self, **options):
        asked.append(options["columns"])
        return read(self, **options)

    monkeypatch.setattr(pq.ParquetFile, "read", spy)
    read_summary(folder)

    assert asked
    assert all(columns is not None and "messages" not in columns for columns in asked)


@pytest.mark.parametrize("module", [wording, figures, card])
def test_examples_in_docstrings_hold(module: ModuleType):
    result = doctest.testmod(module)

    assert result.attempted > 0
    assert result.failed == 0
