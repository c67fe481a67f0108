import dataclasses
import os
import sys

import pytest

from filters.flagged_words import FlaggedWords
from pipelines import plan
from pipelines.folder import RunFolder, write_json
from pipelines.plan import (
    bucket_count,
    code_version,
    compute_classes,
    cut,
    decision_fingerprint,
    explain,
    identities,
    progress,
    shards_fingerprint,
    unit_fingerprint,
)
from pipelines.recipe import Recipe, Step
from stages.sources.read_jsonl import ReadJsonl
from stages.stage import Resources, Unit
from stages.write_shards import WriteShards
from tests.fakes import Chars, Doze, PooledTag, SameText, Tag


def _recipe(*operators, checkpoints=(), **options):
    steps = tuple(
        Step(name=f"s{number}", operator=operator, checkpoint=number in checkpoints)
        for number, operator in enumerate(operators)
    )
    return Recipe(name="test", source=ReadJsonl(paths=("rows.jsonl",)), steps=steps, **options)


def _shape(recipe):
    """Return (entry, steps, exit) by name for each segment."""
    return [
        (
            segment.entry and segment.entry.name,
            [step.name for step in segment.steps],
            segment.exit and segment.exit.name,
        )
        for segment in cut(recipe)
    ]


def _fingerprints(recipe):
    return [segment.fingerprint for segment in cut(recipe)]


def test_a_recipe_without_regroups_is_one_segment():
    assert _shape(_recipe(Tag(), Chars())) == [(None, ["s0", "s1"], None)]


def test_a_recipe_without_steps_is_one_segment_that_reads():
    assert _shape(_recipe()) == [(None, [], None)]


def test_a_segment_ends_at_every_regroup_whose_decisions_open_the_next():
    recipe = _recipe(Tag(), SameText(), Tag(), SameText())
    assert _shape(recipe) == [(None, ["s0"], "s1"), ("s1", ["s2"], "s3"), ("s3", [], None)]


def test_a_segment_ends_at_a_checkpoint():
    recipe = _recipe(Tag(), Tag(), Tag(), checkpoints=[0, 2])
    assert _shape(recipe) == [(None, ["s0"], None), (None, ["s1", "s2"], None)]


def test_neighbouring_regroups_have_an_empty_segment_between_them():
    recipe = _recipe(SameText(), SameText())
    assert _shape(recipe) == [(None, [], "s0"), ("s0", [], "s1"), ("s1", [], None)]


def test_everything_behind_a_regroup_knows_that_it_was_regrouped():
    recipe = _recipe(Tag(), SameText(), Tag(), Tag(), checkpoints=[2])
    assert [segment.regrouped for segment in cut(recipe)] == [False, True, True]


def test_neighbours_on_the_cpu_share_a_worker_and_each_pool_stands_alone():
    recipe = _recipe(Tag(), Chars(), PooledTag(), PooledTag(tag="b"), Tag())
    (segment,) = cut(recipe)
    classes = compute_classes(segment.steps)
    assert [[step.name for step in steps] for _, steps in classes] == [
        ["s0", "s1"],
        ["s2"],
        ["s3"],
        ["s4"],
    ]
    assert [resources.workers for resources, _ in classes] == [0, 2, 2, 0]


def test_a_step_whose_recipe_gives_it_no_workers_joins_its_neighbours():
    steps = _recipe(Tag(), PooledTag(), Tag()).steps
    pooled = dataclasses.replace(steps[1], given=Resources(cpus=2.0, gpus=1.0))
    assert compute_classes([steps[0], pooled, steps[2]]) == [
        (Resources(cpus=2.0), (steps[0], pooled, steps[2]))
    ]


def test_the_resources_of_a_step_are_no_part_of_the_fingerprint_and_shown_by_the_plan(tmp_path):
    recipe = _recipe(Tag(), units=_units(tmp_path, "a"))
    given = dataclasses.replace(recipe.steps[0], given=Resources(cpus=2.0, gpus=0.5, workers=1))
    changed = dataclasses.replace(recipe, steps=(given,))
    assert _fingerprints(changed) == _fingerprints(recipe)
    assert "  1 worker, 2 CPU each, 0.5 GPU each\n" in explain(changed, None)
    assert "  tasks, 1 CPU each\n" in explain(recipe, None)


def test_the_same_recipe_has_the_same_fingerprints():
    recipes = [_recipe(Tag(), SameText(), Chars()) for _ in range(2)]
    assert _fingerprints(recipes[0]) == _fingerprints(recipes[1])


def test_an_option_changes_its_own_segment_and_all_behind_it():
    before = _fingerprints(_recipe(Tag(), SameText(), Chars(), SameText(), Tag()))
    after = _fingerprints(_recipe(Tag(), SameText(), Chars(max_chars=7), SameText(), Tag()))
    assert [old == new for old, new in zip(before, after, strict=True)] == [True, False, False]


def test_an_option_written_as_1_and_as_1_0_is_the_same():
    one, other = (_recipe(Doze(seconds=seconds)) for seconds in (1, 1.0))
    assert _fingerprints(one) == _fingerprints(other)
    assert _fingerprints(one) != _fingerprints(_recipe(Doze(seconds=1.5)))


@pytest.mark.parametrize("options", [{"seed": 1}, {"source": ReadJsonl(text_column="body")}])
def test_the_seed_and_the_options_of_the_source_change_everything(options):
    recipe = _recipe(Tag(), SameText())
    changed = dataclasses.replace(recipe, **options)
    assert not set(_fingerprints(recipe)) & set(_fingerprints(changed))


def test_the_name_of_a_step_changes_its_segment_since_scores_are_stored_under_it():
    recipe = _recipe(Chars())
    renamed = dataclasses.replace(recipe, steps=(Step(name="other", operator=Chars()),))
    assert _fingerprints(recipe) != _fingerprints(renamed)


@pytest.mark.parametrize(
    "options",
    [
        {"name": "other"},
        {"description": "Other words."},
        {"stall_minutes": 5.0},
        {"max_quarantine_fraction": 0.5},
        {"source": ReadJsonl(paths=("elsewhere.jsonl",))},
    ],
)
def test_what_rows_do_not_depend_on_changes_nothing(options):
    recipe = _recipe(Tag(), SameText())
    assert _fingerprints(dataclasses.replace(recipe, **options)) == _fingerprints(recipe)


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A package `filters` of three modules: `top` imports `middle` imports `bottom`."""
    texts = {
        "top": "import json\nfrom filters_x.middle import x\n",
        "middle": "import filters_x.bottom\nx = 1\n",
        "bottom": "y = 1\n",
        "aside": "z = 1\n",
    }
    package = tmp_path / "filters_x"
    package.mkdir()
    (package / "__init__.py").write_text("")
    for name, text in texts.items():
        (package / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(plan, "PRODUCT", ("filters_x",))
    monkeypatch.setattr(plan, "ROOT", tmp_path)
    code_version.cache_clear()
    yield package
    code_version.cache_clear()
    sys.modules.pop("filters_x", None)


def _version_after(tree, name):
    path = tree / f"{name}.py"
    path.write_text(path.read_text() + "# changed\n")
    code_version.cache_clear()
    return code_version("filters_x.top")


@pytest.mark.parametrize("name", ["top", "middle", "bottom"])
def test_code_that_an_operator_imports_is_part_of_its_version(tree, name):
    assert code_version("filters_x.top") != _version_after(tree, name)


def test_code_that_an_operator_does_not_import_is_no_part_of_its_version(tree):
    assert code_version("filters_x.top") == _version_after(tree, "aside")


def test_modules_imported_by_name_from_their_package_are_part_of_the_version(tree):
    (tree / "top.py").write_text("from filters_x import bottom\n")
    code_version.cache_clear()
    assert code_version("filters_x.top") != _version_after(tree, "bottom")


def test_the_code_of_an_operator_changes_its_fingerprint(monkeypatch):
    recipe = _recipe(Tag(), SameText())
    before = _fingerprints(recipe)
    monkeypatch.setattr(plan, "code_version", lambda module: f"new {module}")
    assert not set(before) & set(_fingerprints(recipe))


@pytest.mark.parametrize(("units", "buckets"), [(1, 2), (4, 2), (8, 4), (16, 8), (1000, 256)])
def test_the_number_of_buckets_is_a_power_of_two_of_about_a_fourth_of_the_units(units, buckets):
    assert bucket_count(units) == buckets


def _units(folder, *names):
    for name in names:
        (folder / name).write_text(name)
    return tuple(Unit(index=index, path=str(folder / name)) for index, name in enumerate(names))


def test_a_changed_input_file_changes_its_unit_alone(tmp_path):
    recipe = _recipe(Tag(), units=_units(tmp_path, "a", "b"))
    before = identities(recipe)
    os.utime(tmp_path / "b", ns=(0, 10**9))
    after = identities(recipe)
    assert [old == new for old, new in zip(before, after, strict=True)] == [True, False]


def test_before_a_regroup_a_unit_depends_on_its_own_input_alone(tmp_path):
    first, second = cut(_recipe(Tag(), SameText(), Tag()))
    inputs = ["a", "b", "c"]
    more = ["a", "b", "x"]
    assert unit_fingerprint(first, inputs, 0) == unit_fingerprint(first, more, 0)
    assert unit_fingerprint(first, inputs, 2) != unit_fingerprint(first, more, 2)
    assert unit_fingerprint(second, inputs, 0) != unit_fingerprint(second, more, 0)
    assert decision_fingerprint(first, inputs) != decision_fingerprint(first, more)


def test_units_of_one_file_have_fingerprints_of_their_own(tmp_path):
    (path,) = _units(tmp_path, "a")
    units = tuple(dataclasses.replace(path, index=i, start=i, stop=i + 1) for i in range(2))
    recipe = _recipe(Tag(), units=units)
    (segment,) = cut(recipe)
    inputs = identities(recipe)
    assert unit_fingerprint(segment, inputs, 0) != unit_fingerprint(segment, inputs, 1)


def _commit(folder, recipe, unit):
    (segment, *_) = cut(recipe)
    fingerprint = unit_fingerprint(segment, identities(recipe), unit)
    write_json(folder.unit_file(1, unit, "done"), {"fingerprint": fingerprint})
    folder.unit_file(1, unit, "kept.parquet").touch()


def test_a_unit_whose_rows_are_gone_is_done_again(tmp_path):
    folder = RunFolder(root=tmp_path / "run")
    recipe = _recipe(Tag(), units=_units(tmp_path, "a"))
    _commit(folder, recipe, 0)
    folder.unit_file(1, 0, "kept.parquet").unlink()
    assert progress(folder, cut(recipe)[0], identities(recipe)).todo == (0,)


def test_a_resume_skips_the_units_that_are_done(tmp_path):
    folder = RunFolder(root=tmp_path / "run")
    recipe = _recipe(Tag(), units=_units(tmp_path, "a", "b", "c"))
    _commit(folder, recipe, 1)
    seen = progress(folder, cut(recipe)[0], identities(recipe))
    assert (seen.done, seen.todo) == ((1,), (0, 2))


def test_adding_an_input_keeps_the_finished_units_of_the_first_segment(tmp_path):
    folder = RunFolder(root=tmp_path / "run")
    units = _units(tmp_path, "a", "b", "c")
    recipe = _recipe(Tag(), SameText(), Tag(), units=units[:2])
    for unit in range(2):
        _commit(folder, recipe, unit)
    grown = dataclasses.replace(recipe, units=units)
    seen = progress(folder, cut(grown)[0], identities(grown))
    assert (seen.done, seen.todo) == ((0, 1), (2,))


def test_a_changed_option_redoes_what_was_done(tmp_path):
    folder = RunFolder(root=tmp_path / "run")
    units = _units(tmp_path, "a")
    _commit(folder, _recipe(Chars(), units=units), 0)
    changed = _recipe(Chars(max_chars=7), units=units)
    assert progress(folder, cut(changed)[0], identities(changed)).todo == (0,)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}"])
def test_a_done_file_that_is_not_whole_does_not_count(tmp_path, text):
    folder = RunFolder(root=tmp_path / "run")
    recipe = _recipe(Tag(), units=_units(tmp_path, "a"))
    path = folder.unit_file(1, 0, "done")
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert progress(folder, cut(recipe)[0], identities(recipe)).todo == (0,)


def test_shards_depend_on_the_rows_and_on_how_they_are_written():
    (segment,) = cut(_recipe(Tag()))
    (other,) = cut(_recipe(Tag(tag="b")))
    write, inputs = WriteShards(), ["a"]
    before = shards_fingerprint(segment, write, inputs)
    assert before == shards_fingerprint(segment, WriteShards(), inputs)
    assert before != shards_fingerprint(other, write, inputs)
    assert before != shards_fingerprint(segment, WriteShards(max_shard_mb=100), inputs)
    assert before != shards_fingerprint(segment, write, ["b"])


def test_the_plan_shows_steps_columns_workers_and_what_is_done(tmp_path):
    folder = RunFolder(root=tmp_path / "run")
    recipe = _recipe(Chars(max_chars=7), PooledTag(), SameText(), units=_units(tmp_path, "a", "b"))
    _commit(folder, recipe, 0)
    text = explain(recipe, folder)
    assert "test: 2 units from 1 paths" in text
    assert "segment 1: 1 of 2 units done" in text
    assert "segment 2: 0 of 2 units done" in text
    assert "s0: Chars(max_chars=7)\n        reads messages; writes scores chars\n" in text
    assert "2 workers, 0.25 CPU each" in text
    assert "decide  s2: SameText()\n        reads id, messages; writes cluster.same_text" in text


def test_the_plan_can_be_shown_without_a_run_folder(tmp_path):
    recipe = _recipe(Tag(), units=_units(tmp_path, "a"), write=WriteShards())
    text = explain(recipe, None)
    assert "done" not in text
    assert "write\n  WriteShards()\n" in text


def test_an_edited_word_list_changes_the_fingerprint(tmp_path):
    words = tmp_path / "words.txt"
    words.write_text("rye")
    recipe = _recipe(FlaggedWords(words_path=str(words)))
    before = cut(recipe)[0].fingerprint
    assert cut(recipe)[0].fingerprint == before
    words.write_text("rye\nsmut")
    assert cut(recipe)[0].fingerprint != before
