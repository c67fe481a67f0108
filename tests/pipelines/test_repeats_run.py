"""A whole run that drops lines, passages and pictures that look alike, and what it tells of it."""

import json
from dataclasses import replace

import pyarrow as pa
import pytest

from pipelines.account.summary import read_summary
from pipelines.card import write_card
from pipelines.folder import read_json
from pipelines.ledger import StepCount, check_conservation
from pipelines.recipe import Step
from pipelines.report import write_report
from stages.dedup.boilerplate_lines import BoilerplateLines
from stages.dedup.substrings import RepeatedSubstrings
from stages.files import read_table
from stages.perceptual_dedup import PerceptualDedup
from tests.pipelines.synthetic_run import recipe, synthetic_run

STEPS = {
    "boilerplate_lines": BoilerplateLines(),
    "repeated_substrings": RepeatedSubstrings(min_words=10),
    "perceptual": PerceptualDedup(radius=8, max_documents=2),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = recipe()
    at = [step.name for step in made.steps].index("image_size")
    extra = [Step(name=name, operator=operator) for name, operator in STEPS.items()]
    steps = (*made.steps[:at], *extra, *made.steps[at:])
    return synthetic_run(tmp_path_factory.mktemp("run"), replace(made, steps=steps))


def _counts(folder):
    segments = read_json(folder.root / "run.json")["segments"]
    return [StepCount(**count) for segment in segments for count in segment["counts"]]


def _ledger(folder, step):
    files = sorted(folder.root.glob("segments/*/*.rejected.parquet"))
    return [
        entry
        for entry in pa.concat_tables([read_table(file) for file in files]).to_pylist()
        if entry["step"] == step
    ]


def test_rows_are_conserved_and_elements_counted(folder):
    counts = _counts(folder)
    check_conservation(counts)
    for count in counts:
        if count.name in STEPS:
            elements = {(e["id"], e["element"]) for e in _ledger(folder, count.name)}
            dropped = {place for place in elements if place[1] >= 0}
            assert 0 < count.elements_dropped == len(dropped) <= count.elements_in


def test_every_line_and_passage_has_an_entry_with_its_text(folder):
    for step in ("boilerplate_lines", "repeated_substrings"):
        for entry in _ledger(folder, step):
            assert entry["over"] == "text"
            assert entry["excerpt"]
            assert entry["score"] >= entry["threshold"]


def test_pictures_keep_the_scores_of_their_cluster(folder):
    last = max(read_summary(folder).segments, key=lambda segment: segment.index)
    tables = [unit.read("kept", ["media"]) for unit in last.units if unit.rows]
    media = [medium for row in pa.concat_tables(tables)["media"].to_pylist() for medium in row]
    scores = [dict(medium["scores"] or []) for medium in media]
    assert all(each.get("perceptual.documents", 1) <= 2 for each in scores)


def test_report_and_card_show_the_steps_and_what_they_dropped(folder):
    html = write_report(folder).read_text()
    card = write_card(folder).read_text()
    data = html.partition('<script type="application/json"')[2]
    for name, step in STEPS.items():
        assert name in html
        assert name.replace("_", r"\_") in card
        assert type(step).__name__ in html
        excerpt = _ledger(folder, name)[0]["reason"]
        assert json.dumps(excerpt, ensure_ascii=False)[1:-1] in data
