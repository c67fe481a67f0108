"""Estimates from a probe: what is in proportion, what a cluster needs, what cannot be told."""

import json
from dataclasses import replace

import pytest

from pipelines import sample as sampling
from pipelines.estimate import Estimate, _rounds, estimate, told
from pipelines.probe import Cost, measured
from pipelines.recipe import load_recipe
from pipelines.sample import Sampled, take_sample
from stages.errors import SourceError
from stages.files import read_table
from tests.fakes import sample

FILES, ROWS = 6, 200
RECIPE = """
name: grain
source: {use: stages.sources.read_jsonl.ReadJsonl}
steps:
  - {use: filters.word_count.WordCount, min_words: 3}
  - {use: stages.dedup.exact.ExactDedup}
  - {use: stages.tokenize_sample.TokenizeSample, processor: tiny}
write: {use: stages.write_shards.WriteShards}
"""


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    """Six files of 200 rows; every fourth row is too short."""
    folder = tmp_path_factory.mktemp("estimate")
    for file in range(FILES):
        texts = [f"corn {file}{row:03d}" + " and rye" * (row % 4 > 0) for row in range(ROWS)]
        lines = [json.dumps(sample(f"{file}{row:03d}", text)) for row, text in enumerate(texts)]
        (folder / f"{file}.jsonl").write_text("\n".join(lines))
    (folder / "grain.yaml").write_text(RECIPE)
    return load_recipe(folder / "grain.yaml", read=[str(folder / "*.jsonl")])


@pytest.fixture(scope="module")
def found(recipe) -> Estimate:
    return estimate(recipe)


def test_rows_of_the_whole_are_told_from_those_of_the_sample(found):
    steps = {step.name: step for step in found.steps}
    assert found.probe.counts[0].rows_in == pytest.approx(sampling.AT_LEAST, rel=0.02)
    assert steps["read"].rows_in == pytest.approx(FILES * ROWS, rel=0.05)
    assert steps["word_count"].rows_out == pytest.approx(FILES * ROWS * 3 / 4, rel=0.1)


def test_every_step_and_what_is_no_step_is_told_of(found):
    names = [step.name for step in found.steps]
    wanted = ["read", "word_count", "exact_dedup", "tokenize_sample", "runner", "write shards"]
    assert names == wanted
    assert found.cpu_s == pytest.approx(sum(step.cpu_s for step in found.steps))
    assert found.disk_bytes["shards"] > 0


def test_what_a_regroup_drops_is_an_upper_bound_and_said_to_be(found):
    text = told(found)
    (line,) = [line for line in text.splitlines() if line.startswith("exact_dedup ")]
    assert "≤9" in line or "≤8" in line
    assert "cannot be told from a sample" in text


def test_a_cluster_is_told_with_its_cost_and_what_it_cannot_use(found):
    text = told(found, nodes=4, node_cpus=8, cost_per_hour=2.0)
    assert "4 nodes of 8 cores" in text
    assert f"no more than {FILES} cores find work" in text
    hours = found.wall_s(32) / 3600
    assert f"cost {4 * 2.0 * hours:.2f} at 2 per node and hour" in text


def test_more_cores_than_units_are_of_no_use(found):
    assert found.wall_s(FILES) == pytest.approx(found.wall_s(100 * FILES), rel=0.05)
    assert found.wall_s(1) > found.wall_s(FILES)


@pytest.mark.parametrize(
    ("units", "cores", "times"), [(4, 4, 1.0), (5, 4, 1.6), (1, 4, 4.0), (400, 4, 1.0)]
)
def test_units_are_whole(units, cores, times):
    assert _rounds(units, cores) == pytest.approx(times)


def test_twice_the_input_takes_twice_the_work(found):
    twice = replace(found.probe.sample, bytes_all=2 * found.probe.sample.bytes_all)
    assert twice.all_rows == 2 * found.probe.sample.all_rows


def test_a_sample_of_few_units_is_spread_over_the_input(recipe, monkeypatch, tmp_path):
    monkeypatch.setattr(sampling, "UNITS", 2)
    taken = take_sample(recipe.source, recipe.units, tmp_path)
    ids = read_table(tmp_path / sampling.ROWS).column("id").to_pylist()
    assert len(ids) == taken.rows == pytest.approx(sampling.AT_LEAST, rel=0.02)
    assert {id_.lstrip("0")[:1] or "0" for id_ in ids} >= {"4"}, "not the first files alone"


def test_a_long_stream_is_thinned_evenly(recipe, monkeypatch, tmp_path):
    monkeypatch.setattr(sampling, "AT_MOST", 50)
    monkeypatch.setattr(sampling, "UNITS", FILES)
    taken = take_sample(recipe.source, recipe.units, tmp_path)
    assert taken.rows == pytest.approx(50, abs=1)
    assert taken.rows_read == FILES * ROWS
    files = [id_[-4] for id_ in read_table(tmp_path / sampling.ROWS).column("id").to_pylist()]
    assert {files.count(str(file)) for file in range(FILES)} <= set(range(6, 12))


def test_a_sample_ends_when_its_time_is_up(recipe, tmp_path):
    take_sample(recipe.source, recipe.units, tmp_path)
    source = Sampled(paths=(str(tmp_path),), seconds=0.0)
    assert sum(chunk.rows.num_rows for chunk in source.read(source.units()[0])) == 0


def test_input_without_rows_is_an_error(recipe, tmp_path):
    empty = tmp_path / "empty.jsonl"
    empty.write_text("\n")
    unit = replace(recipe.units[0], path=str(empty), start=0, stop=1)
    with pytest.raises(SourceError, match="there is no row"):
        take_sample(recipe.source, [unit], tmp_path)


def test_memory_that_is_let_go_again_is_counted():
    with measured() as cost:
        block = bytearray(60_000_000)
        block[::4096] = b"x" * len(block[::4096])
        del block
    assert isinstance(cost, Cost)
    assert cost.peak_bytes > 50_000_000
