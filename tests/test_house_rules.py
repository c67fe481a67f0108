"""What holds for every operator and every recipe of the product."""

import ast
import dataclasses
import importlib
import inspect
import io
import itertools
import pickle
import pkgutil
import re
from pathlib import Path
from typing import ClassVar, get_origin, get_type_hints

import numpy as np
import pyarrow as pa
import pytest
import yaml
from PIL import Image

from pipelines.catalogue import all_operators, find_operator
from pipelines.folder import RunFolder
from pipelines.plan import Segment
from pipelines.recipe import Step, load_recipe
from pipelines.run import OnRay
from pipelines.unit import Job, Task
from pipelines.walk import walk
from stages.elements import set_column
from stages.embeddings import with_embeddings
from stages.engines.clip import Clip
from stages.engines.qwen_vl import QwenVL
from stages.files import read_table, write_table
from stages.media import MediaStore, write_pack
from stages.options import coerce, option_types
from stages.record import PAYLOAD, conform, document, empty_column, media_part, table_of, text_part
from stages.sources.read_jsonl import ReadJsonl
from stages.stage import (
    Batch,
    Filter,
    Generator,
    Operator,
    Regroup,
    Source,
    Stage,
    StageFn,
    Unit,
)

ROOT = Path(__file__).resolve().parents[1]
PRODUCT = ("stages", "filters", "synth", "pipelines")
OPERATORS = [find_operator(use) for use in all_operators()]
OPERATOR_FILES = sorted({Path(inspect.getfile(cls)) for cls in OPERATORS})
RECIPES = sorted((ROOT / "pipelines" / "recipes").rglob("*.yaml"))
TINY = {"processor": "tiny", "clip": Clip(model="tiny"), "qwen": QwenVL(model="random")}
"""Options that name models, set to the small ones that lie in the repository."""

every_operator = pytest.mark.parametrize("cls", OPERATORS, ids=lambda cls: cls.__name__)


def _variants(cls):
    """Return the operator with its defaults, a filter once for each of its levels."""
    options = {name: value for name, value in TINY.items() if name in option_types(cls)}
    if issubclass(cls, Filter):
        return [cls(over=level, **options) for level in cls.levels]
    return [cls(**options)]


WORKING = [
    operator for cls in OPERATORS if issubclass(cls, Stage | Filter) for operator in _variants(cls)
]
every_working = pytest.mark.parametrize(
    "operator", WORKING, ids=lambda each: f"{type(each).__name__}-{getattr(each, 'over', 'rows')}"
)


# --- what an operator is -----------------------------------------------------------------------


def test_no_operator_is_missed_by_the_list_that_users_see():
    found = set()
    for package in ("stages", "filters", "synth"):
        prefix = f"{package}."
        for module in pkgutil.walk_packages([str(ROOT / package)], prefix):
            for cls in vars(importlib.import_module(module.name)).values():
                if _is_concrete(cls) and cls.__module__ == module.name:
                    found.add(f"{module.name}.{cls.__name__}")
    assert found == set(all_operators())


def _is_concrete(cls):
    kinds = Source | Stage | Filter | Regroup | Generator
    return isinstance(cls, type) and issubclass(cls, kinds) and not inspect.isabstract(cls)


@every_operator
def test_an_operator_is_a_frozen_keyword_only_dataclass(cls):
    assert "__dataclass_params__" in vars(cls), "decorate it with @dataclass(...)"
    assert cls.__dataclass_params__.frozen
    assert all(field.kw_only for field in dataclasses.fields(cls))


@every_operator
def test_an_operator_says_what_it_reads_and_writes_and_where_it_comes_from(cls):
    for name in ("reads", "writes"):
        columns = getattr(cls, name)
        assert isinstance(columns, tuple)
        assert all(isinstance(column, str) for column in columns)
    assert cls.reads or issubclass(cls, Source)
    assert cls.writes or issubclass(cls, Filter)
    assert isinstance(cls.source, str)
    assert cls.source


@every_operator
def test_reads_writes_and_source_are_no_options(cls):
    hints = get_type_hints(cls, include_extras=True)
    for name in ("reads", "writes", "source", "resources"):
        assert get_origin(hints[name]) is ClassVar or hints[name] is ClassVar


@every_operator
def test_the_docstring_tells_people_the_same_and_explains_every_option(cls):
    text = inspect.getdoc(cls)
    for word in ("Reads:", "Writes:", "Source:"):
        assert word in text
    own = {name for name in option_types(cls) if name in vars(cls).get("__annotations__", {})}
    if issubclass(cls, Filter):
        own = own - {"over"} | ({"over"} if len(cls.levels) > 1 else set())
    _, _, attributes = text.partition("Attributes:")
    missing = [
        name for name in sorted(own) if not re.search(rf"^\s+{name}: \S", attributes, re.MULTILINE)
    ]
    assert missing == []


@every_operator
def test_no_option_is_none_by_default(cls):
    assert [f.name for f in dataclasses.fields(cls) if f.default is None] == []


@every_operator
def test_defaults_survive_the_way_through_yaml(cls):
    operator = cls()
    for name, wanted in option_types(cls).items():
        value = getattr(operator, name)
        plain = yaml.safe_load(yaml.safe_dump(_plain(value)))
        assert coerce(plain, wanted) == value


def _plain(value):
    if dataclasses.is_dataclass(value):
        return {name: _plain(each) for name, each in dataclasses.asdict(value).items()}
    return [_plain(each) for each in value] if isinstance(value, tuple) else value


@every_operator
def test_an_operator_survives_pickling_and_compares_by_its_options(cls):
    operator = cls()
    copy = pickle.loads(pickle.dumps(operator))
    assert copy == operator
    assert len({operator, copy, cls()}) == 1


@every_operator
def test_an_operator_lies_in_a_file_named_for_it(cls):
    """`filters/c4_rules.py` holds C4Rules; in `stages/dedup` the word Dedup goes without saying."""
    stem = Path(inspect.getfile(cls)).stem.replace("_", "")
    name = cls.__name__.lower()
    assert stem == name or (cls.__module__.startswith("stages.dedup.") and stem in name)


@pytest.mark.parametrize("path", OPERATOR_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_holds_one_operator_and_no_other_public_class(path):
    classes = [node.name for node in ast.parse(path.read_text()).body if _is_class(node)]
    assert len([name for name in classes if not name.startswith("_")]) == 1


def _is_class(node):
    return isinstance(node, ast.ClassDef)


# --- what an operator does ---------------------------------------------------------------------

TEXTS = [
    ("# The water mill", "The wheel turns slowly, and the stone grinds the corn all day long."),
    ("Buy now!", "Buy now! Buy now! Buy now! Buy now!"),
    (
        "風車は谷の上に立っている。",
        "Die Mühle steht am Bach. Das Rad dreht sich langsam im Wasser.",
    ),
]


def _row(number, texts, picture):
    url = f"http://quern.example/{number}"
    page = f"<html><body><article><p>{texts[1]}</p></article></body></html>"
    return {
        "id": f"{number:032x}",
        "kind": "interleaved",
        "source": {"dataset": "house", "uri": url, "offset": number},
        "messages": document([text_part(texts[0]), media_part(0), text_part(texts[1])]),
        "media": [{**picture, "uri": f"{url}.png"}],
        "tags": ["lang:en"],
        "meta": [
            ("content_type", "text/html; charset=utf-8"),
            ("extract_status", "ok"),
            ("language_confidence", "0.9"),
        ],
        PAYLOAD: page.encode(),
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run folder whose first segment kept three documents, each with two texts and a picture."""
    folder = RunFolder(root=tmp_path_factory.mktemp("run"))
    png = io.BytesIO()
    Image.effect_mandelbrot((200, 160), (-2, -1.5, 1, 1.5), 50).convert("RGB").save(png, "PNG")
    with write_pack(folder.media / "0.pack") as pack:
        sha256, location = pack.add(png.getvalue())
    picture = {
        "type": "image",
        "sha256": sha256,
        "mime": "image/png",
        "width_px": 200,
        "height_px": 160,
        "status": "ok",
        "location": dataclasses.asdict(location),
    }
    table = table_of(_row(number, texts, picture) for number, texts in enumerate(TEXTS))
    table = with_embeddings(table, "clip", {})  # the column is there, the picture has none
    write_table(folder.unit_file(1, 0, "kept.parquet"), table)
    return folder


@pytest.fixture(scope="module")
def batch(folder):
    table = conform(read_table(folder.unit_file(1, 0, "kept.parquet")))
    return Batch(table=table, store=MediaStore(root=folder.media))


@every_working
def test_an_operator_takes_a_batch_without_rows(operator, batch):
    made = operator.build()(dataclasses.replace(batch, table=batch.table.slice(0, 0), _tokens=[]))
    if isinstance(operator, Filter):
        assert {values.dtype for values in made.values()} == {np.dtype(np.float32)}
        assert {values.shape for values in made.values()} == {(0,)}
    else:
        assert len(made) == 0


@every_working
def test_an_operator_gives_the_same_twice_and_leaves_its_input_alone(operator, batch):
    before = pickle.dumps(batch.table)
    first, second = (_results(operator, batch) for _ in range(2))
    assert first == second
    assert first[1] == [], "no row is quarantined"
    assert pickle.dumps(batch.table) == before


@every_working
def test_an_operator_needs_no_column_but_those_it_reads(operator, batch):
    table = batch.table
    for name in set(table.column_names) - {*operator.reads, "id", "kind"}:
        field = table.schema.field(name)
        table = set_column(table, name, empty_column(field.type, table.num_rows))
    blind = dataclasses.replace(batch, table=table, _tokens=[])
    if isinstance(operator, Filter):
        seen, unseen = operator.build()(batch), operator.build()(blind)
        np.testing.assert_equal(dict(unseen), dict(seen))
    else:
        columns = list(operator.writes)
        seen, unseen = operator.build()(batch), operator.build()(blind)
        kept = [
            name for name in columns if name not in table.column_names or name in operator.reads
        ]
        assert unseen.table.select(kept).equals(seen.table.select(kept))


@pytest.mark.parametrize(
    "operator",
    [each for each in WORKING if isinstance(each, Stage)],
    ids=lambda each: type(each).__name__,
)
def test_a_stage_changes_no_column_but_those_it_writes(operator, batch):
    made = operator.build()(batch).table
    names = set(batch.table.column_names) | set(made.column_names)
    changed = {
        name
        for name in names - {PAYLOAD}
        if name not in batch.table.column_names
        or not made.column(name).equals(batch.table.column(name))
    }
    assert changed <= set(operator.writes)


def _results(operator, batch):
    """Return what walking a batch through one operator leaves, as bytes, and whom it failed on."""
    outcome = walk(batch, [Step(name="step", operator=operator)])
    tables = [conform(outcome.batch.table), *outcome.rejected]
    buffers = [_ipc(table) for table in tables]
    failed = [row["quarantine.error"] for table in outcome.quarantined for row in table.to_pylist()]
    return buffers, failed


def _ipc(table):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    return sink.getvalue().to_pybytes()


@dataclasses.dataclass(frozen=True, kw_only=True)
class WalkEach(Stage):
    """Walks the rows through each of the operators alone and notes the results in the ids."""

    source: ClassVar[str] = "Quern"
    operators: tuple[Operator, ...] = ()

    def build(self) -> StageFn:
        def note(batch: Batch) -> Batch:
            results = [_results(operator, batch) for operator in self.operators]
            column = pa.array([pickle.dumps(results).hex()] * len(batch))
            return batch.with_table(set_column(batch.table, "results", column))

        return note


def test_operators_run_the_same_alone_and_inside_ray(folder, batch, ray_here):
    step = Step(name="each", operator=WalkEach(operators=tuple(WORKING)))
    segment = Segment(
        index=2, entry=None, steps=(step,), exit=None, regrouped=False, fingerprint="house"
    )
    job = Job(folder=folder, source=ReadJsonl(), segment=segment, seed=0, buckets=2)
    task = Task(unit=Unit(index=0, path="house"), fingerprint="house")
    (report,) = OnRay(stall_minutes=5).units(job, [task])
    assert [report] == folder.reports(2, 1)
    noted = read_table(folder.unit_file(2, 0, "kept.parquet")).column("results")[0].as_py()
    inside = pickle.loads(bytes.fromhex(noted))
    for operator, result in zip(WORKING, inside, strict=True):
        assert result == _results(operator, batch), operator


# --- recipes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_loads_and_its_tiny_models_are_there(path, crawled):
    recipe = load_recipe(path, read=[str(crawled)], tiny=True)
    assert recipe.name == path.stem
    assert recipe.units
    assert recipe.description


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_opens_with_its_command(path):
    head = list(itertools.takewhile(lambda line: line[:1] == "#", path.read_text().splitlines()))
    assert any(f"quern run {path.relative_to(ROOT)}" in line for line in head)
