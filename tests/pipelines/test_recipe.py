from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.catalogue import all_operators, find_operator, snake_case
from pipelines.recipe import build_recipe, column_faults, load_recipe
from stages.errors import RecipeError
from stages.extract_page import ExtractPage
from stages.files import write_table
from stages.record import table_of
from stages.sources.read_jsonl import ReadJsonl
from stages.write_shards import WriteShards
from stages.yaml_file import read_yaml
from tests.fakes import Chars, SameText, sample

READ = "stages.sources.read_jsonl.ReadJsonl"
CHARS = "tests.fakes.Chars"
TAG = "tests.fakes.Tag"
POOLED = "tests.fakes.PooledTag"
READS_PAGES = "tests.fakes.ReadsPages"


@pytest.fixture
def rows(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "a mill"}\n')
    return str(path)


def _build(rows, *steps, **content):
    full = {"source": {"use": READ, "paths": [rows]}, "steps": list(steps), **content}
    return build_recipe(full, "test.yaml")


def _faults(rows, *steps, **content):
    with pytest.raises(RecipeError) as caught:
        _build(rows, *steps, **content)
    return list(caught.value.faults)


def test_a_recipe_is_read_from_its_file(tmp_path, rows):
    path = tmp_path / "small.yaml"
    path.write_text(
        f"""
        name: small
        description: A small one.
        source: {{use: {READ}, paths: [{rows}]}}
        steps:
          - use: {CHARS}
            over: text
            max_chars: 7
          - {TAG}
        seed: 5
        max_quarantine_fraction: 0
        """
    )
    recipe = load_recipe(path)
    assert (recipe.name, recipe.description, recipe.seed) == ("small", "A small one.", 5)
    assert recipe.max_quarantine_fraction == 0.0
    assert recipe.source == ReadJsonl(paths=(rows,))
    assert [step.name for step in recipe.steps] == ["chars", "tag"]
    assert recipe.steps[0].operator == Chars(over="text", max_chars=7)
    assert [unit.path for unit in recipe.units] == [rows]
    assert recipe.write is None


def test_a_recipe_without_a_name_is_called_after_its_file(rows):
    assert _build(rows).name == "test"


def test_three_faults_are_reported_at_once_each_with_its_remedy(tmp_path):
    content = {
        "source": {"use": READ, "paths": [str(tmp_path / "gone.jsonl")]},
        "steps": [
            {"use": "filters.word_cuont.WordCount"},
            {"use": "filters.word_count.WordCount", "min_wrods": 5},
        ],
    }
    with pytest.raises(RecipeError) as caught:
        build_recipe(content, "broken.yaml")
    misspelt_operator, misspelt_option, missing_input = caught.value.faults
    assert misspelt_operator.startswith("steps.word_count: cannot find 'filters.word_cuont")
    assert misspelt_operator.endswith("did you mean 'filters.word_count.WordCount'?")
    assert misspelt_option == (
        "steps.word_count_2: WordCount has no option 'min_wrods'; did you mean 'min_words'?"
    )
    assert missing_input.startswith("source: ")
    assert "gone.jsonl" in missing_input
    assert str(caught.value).startswith("broken.yaml: 3 faults\n  - steps.word_count: cannot")


def test_an_option_far_from_any_name_is_answered_with_all_names(rows):
    (fault,) = _faults(rows, {"use": CHARS, "zzz": 1})
    assert fault == "steps.chars: Chars has no option 'zzz'; there are: max_chars, min_chars, over"


def test_an_option_of_the_wrong_type_is_told_what_it_must_be(rows):
    faults = _faults(rows, {"use": CHARS, "min_chars": 0.5, "max_chars": "many"})
    assert faults == [
        "steps.chars: min_chars: must be a whole number, got 0.5",
        "steps.chars: max_chars: must be a whole number, got 'many'",
    ]


def test_what_an_operator_itself_refuses_is_a_fault(rows):
    (fault,) = _faults(rows, {"use": CHARS, "over": "media"})
    assert fault == "steps.chars: over is 'media', it must be one of ['sample', 'text']"


def test_an_unknown_entry_of_the_recipe_is_a_fault(rows):
    (fault,) = _faults(rows, stesp=[])
    assert fault == "a recipe has no 'stesp'; did you mean 'steps'?"


def test_a_top_level_value_of_the_wrong_type_is_a_fault(rows):
    assert _faults(rows, seed="one") == ["seed: must be a whole number, got 'one'"]


def test_a_step_without_use_is_a_fault(rows):
    (fault,) = _faults(rows, {"min_chars": 5})
    assert fault == "steps[0] must name its operator: use: package.module.Class"


def test_steps_that_are_no_list_are_a_fault(rows):
    assert _faults(rows, steps={"use": TAG})[0].startswith("steps must be a list")


def test_a_source_cannot_be_a_step_nor_a_step_the_source(rows):
    assert _faults(rows, {"use": READ}) == [f"steps.read_jsonl: {READ} is not a step"]
    (fault,) = _faults(rows, source={"use": TAG})
    assert fault == f"source: {TAG} is not a Source"


def test_a_recipe_without_source_says_what_a_source_is(rows):
    with pytest.raises(RecipeError, match="source is missing; it names what to read"):
        build_recipe({"steps": []}, "test.yaml")


def test_a_source_without_paths_says_where_to_give_them():
    with pytest.raises(RecipeError, match="give paths in the recipe or --read PATH"):
        build_recipe({"source": {"use": READ}}, "test.yaml")


def test_read_replaces_the_paths_of_the_recipe(rows):
    content = {"source": {"use": READ, "paths": ["gone.jsonl"]}}
    assert build_recipe(content, "test.yaml", read=[rows]).source.paths == (rows,)


def test_steps_of_one_operator_are_numbered_from_the_second(rows):
    recipe = _build(rows, CHARS, {"use": CHARS, "name": "short"}, CHARS, CHARS)
    assert [step.name for step in recipe.steps] == ["chars", "short", "chars_2", "chars_3"]


def test_a_step_may_ask_for_a_checkpoint(rows):
    recipe = _build(rows, {"use": TAG, "checkpoint": True}, TAG)
    assert [step.checkpoint for step in recipe.steps] == [True, False]


def test_a_checkpoint_is_true_or_false_and_nothing_else(rows):
    (fault,) = _faults(rows, {"use": TAG, "checkpoint": "false"})
    assert fault == "steps.tag: checkpoint: must be true or false, got 'false'"


def test_a_name_that_is_given_twice_is_a_fault(rows):
    (fault,) = _faults(rows, {"use": TAG, "name": "x"}, {"use": CHARS, "name": "x"})
    assert fault == "steps[1]: the name 'x' is taken; give it another"


@pytest.mark.parametrize("name", ["a.b", "a b", ["x"]])
def test_the_name_of_a_step_is_one_word(rows, name):
    (fault,) = _faults(rows, {"use": TAG, "name": name})
    assert fault == f"steps[0]: name must be letters, digits and _, got {name!r}"


@pytest.mark.parametrize("name", ["../elsewhere", 3])
def test_the_name_of_a_recipe_is_a_text_that_can_name_a_folder(rows, name):
    assert _faults(rows, name=name) == [f"name: must be a text without /, got {name!r}"]


@pytest.mark.parametrize(
    ("option", "value", "fault"),
    [
        ("seed", -1, "seed: must lie in [0, 9.22337e+18], got -1"),
        ("max_quarantine_fraction", 1.5, "max_quarantine_fraction: must lie in [0, 1], got 1.5"),
        ("stall_minutes", 0, "stall_minutes: must lie in [0.1, inf], got 0.0"),
    ],
)
def test_a_top_level_value_out_of_its_range_is_a_fault(rows, option, value, fault):
    assert _faults(rows, **{option: value}) == [fault]


def test_set_changes_one_option_of_one_step(rows):
    content = {"source": {"use": READ, "paths": [rows]}, "steps": [CHARS, CHARS]}
    settings = ["steps.chars_2.max_chars=7", "seed=3", "source.unit_mb=1"]
    recipe = build_recipe(content, "test.yaml", settings=settings)
    assert [step.operator for step in recipe.steps] == [Chars(), Chars(max_chars=7)]
    assert recipe.seed == 3
    assert recipe.source == ReadJsonl(paths=(rows,), unit_mb=1)


@pytest.mark.parametrize(
    ("setting", "fault"),
    [
        ("steps.chrs.max_chars=7", "steps.chrs.max_chars: no such place; did you mean"),
        ("steps.chars.max_chras=7", "steps.chars: Chars has no option 'max_chras'; did you mean"),
        ("steps.chars.max_chars=many", "steps.chars: max_chars: must be a whole number"),
        ("steps.chars.max_chars", "--set steps.chars.max_chars: write it as steps.NAME.OPTION="),
        ("steps.chars.max_chars=[7", "--set steps.chars.max_chars=[7: not a YAML value"),
    ],
)
def test_a_wrong_setting_is_one_fault(rows, setting, fault):
    content = {"source": {"use": READ, "paths": [rows]}, "steps": [CHARS]}
    with pytest.raises(RecipeError) as caught:
        build_recipe(content, "test.yaml", settings=[setting])
    assert len(caught.value.faults) == 1
    assert caught.value.faults[0].startswith(fault)


def test_tiny_applies_the_recipes_own_overrides_and_set_wins(rows):
    content = {
        "source": {"use": READ, "paths": [rows]},
        "steps": [CHARS],
        "tiny": {"steps.chars.max_chars": 7, "steps.chars.min_chars": 2},
    }
    assert build_recipe(content, "t.yaml").steps[0].operator == Chars()
    tiny = build_recipe(content, "t.yaml", tiny=True, settings=["steps.chars.max_chars=9"])
    assert tiny.steps[0].operator == Chars(max_chars=9, min_chars=2)


def test_tiny_that_is_no_mapping_is_a_fault(rows):
    content = {"source": {"use": READ, "paths": [rows]}, "tiny": "chars"}
    with pytest.raises(RecipeError, match="tiny must map places to values"):
        build_recipe(content, "t.yaml", tiny=True)


def test_a_step_that_reads_a_column_which_nobody_writes_is_a_fault(rows):
    (fault,) = _faults(rows, TAG, READS_PAGES)
    assert fault == (
        "steps.reads_pages: reads column 'payload', which no earlier step writes; there are: "
        "id, kind, media, messages, meta, regions, source, tags"
    )


def test_a_step_may_read_what_a_regroup_before_it_wrote():
    class ReadsCluster(Chars):
        reads = ("cluster.same_text",)

    def steps(*operators):
        return [_Step(operator) for operator in operators]

    assert column_faults(ReadJsonl.writes, steps(SameText(), ReadsCluster())) == []
    assert len(column_faults(ReadJsonl.writes, steps(ReadsCluster(), SameText()))) == 1


def test_a_filter_of_texts_before_the_extraction_of_pages_is_a_fault():
    columns = {"id", "kind", "source", "meta", "payload"}
    (fault,) = column_faults(columns, [_Step(Chars())])
    assert fault.startswith("steps.step: reads column 'messages', which no earlier step writes")
    assert column_faults(columns, [_Step(ExtractPage()), _Step(Chars())]) == []


def test_a_recipe_with_a_writer_must_make_tokens(rows):
    (fault,) = _faults(rows, TAG, write={"use": "stages.write_shards.WriteShards"})
    assert fault.startswith("write: reads input_ids, ")
    assert fault.endswith("; end the steps with stages.tokenize_sample.TokenizeSample")


def test_a_step_that_cannot_be_built_is_the_only_fault_of_its_kind(rows):
    broken = {"use": "stages.tokenize_sample.TokenizeSample", "procesor": "tiny"}
    (fault,) = _faults(rows, broken, write={"use": "stages.write_shards.WriteShards"})
    assert fault.endswith("did you mean 'processor'?")


def test_rows_that_have_tokens_already_may_be_written_at_once(tmp_path):
    path = tmp_path / "00000.kept.parquet"
    table = table_of([sample("a")])
    for name in WriteShards.reads:
        if name not in table.column_names:
            table = table.append_column(name, pa.nulls(1))
    write_table(path, table)
    content = {
        "source": {"use": "stages.sources.read_parquet.ReadParquet", "paths": [str(path)]},
        "write": {"use": "stages.write_shards.WriteShards"},
    }
    assert build_recipe(content, "test.yaml").steps == ()


class _Step:
    name = "step"

    def __init__(self, operator):
        self.operator = operator


def test_a_missing_file_names_the_recipes_beside_it(tmp_path):
    (tmp_path / "other.yaml").write_text("name: other")
    with pytest.raises(RecipeError, match=r"no such file; recipes there: .*other\.yaml"):
        load_recipe(tmp_path / "gone.yaml")


@pytest.mark.parametrize("text", ["steps: [", "\x00", "- a list"])
def test_a_file_that_is_no_recipe_says_so(tmp_path, text):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=r"not valid YAML|a recipe is a mapping"):
        load_recipe(path)


def test_a_key_that_is_given_twice_is_a_fault_with_its_line(tmp_path):
    path = tmp_path / "twice.yaml"
    path.write_text("name: a\nsource: {use: x}\nsteps:\n  - use: y\n    use: z\n")
    with pytest.raises(RecipeError, match=r"'use' is given twice.*\n.*line 5"):
        load_recipe(path)


def test_entries_taken_over_by_a_merge_may_be_given_again(tmp_path):
    path = tmp_path / "merged.yaml"
    path.write_text("a: &a {x: 1}\nb:\n  <<: *a\n  x: 2\n")
    assert read_yaml(path.read_text()) == {"a": {"x": 1}, "b": {"x": 2}}


def test_a_folder_is_no_recipe(tmp_path):
    with pytest.raises(RecipeError, match="cannot be read"):
        load_recipe(tmp_path)


@pytest.mark.parametrize(
    ("use", "name"),
    [
        ("filters.c4_rules.C4Rules", "c4_rules"),
        ("filters.fineweb_rules.FineWebRules", "fineweb_rules"),
        ("stages.sources.read_warc.ReadWarc", "read_warc"),
        ("a.MinHashDedup", "min_hash_dedup"),
        ("a.HTMLPage", "html_page"),
    ],
)
def test_a_step_is_named_for_its_class(use, name):
    assert snake_case(use) == name


def test_only_operators_can_be_named():
    with pytest.raises(LookupError, match="is not an operator"):
        find_operator("stages.stage.Batch")
    with pytest.raises(LookupError, match="cannot find 'nowhere'"):
        find_operator("nowhere")
    with pytest.raises(LookupError, match=r"cannot find '\.a\.B'"):
        find_operator(".a.B")
    with pytest.raises(LookupError, match=r"'stages\.stage\.Filter' is not an operator"):
        find_operator("stages.stage.Filter")


def test_every_listed_operator_is_found():
    assert [find_operator(use).__name__ for use in all_operators()] == [
        use.rpartition(".")[2] for use in all_operators()
    ]
    assert Path("filters/word_count.py").stem in " ".join(all_operators())
