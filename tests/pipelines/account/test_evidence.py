"""The evidence page: each hit beside its item, the shared words marked, near hits behind."""

import base64
import json
import re
from dataclasses import replace

import pytest
from PIL import Image

from filters.eval_image_match import EvalImageMatch
from filters.eval_text_overlap import EvalTextOverlap
from pipelines.account import evidence as module
from pipelines.account.evidence import evidence
from pipelines.account.summary import read_summary
from pipelines.recipe import Step
from pipelines.report import write_report
from stages.dedup.exact import ExactDedup
from tests.pipelines.synthetic_run import HOSTILE, picture_uri, recipe, synthetic_run


def evals_in(folder):
    """Write sets that hold a text of document 6, one of document 2, and the picture of 3."""
    folder.mkdir()
    rows = [{"question": "The AFTERWORD of document 6"}, {"question": HOSTILE}]
    (folder / "set.jsonl").write_text("\n".join(map(json.dumps, rows)))
    data = picture_uri(3).partition(",")[2]
    (folder / "page 3.jpg").write_bytes(base64.b64decode(data))
    return str(folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run whose texts are compared behind a Regroup, and its pictures behind another."""
    root = tmp_path_factory.mktemp("run")
    path = evals_in(root / "evals")
    made = recipe()
    operators = {
        "exact": ExactDedup(),
        "eval_text": EvalTextOverlap(evals_path=path, max_share=0.75, ngram=3, min_words=3),
        "eval_image": EvalImageMatch(evals_path=path),
    }
    steps = {step.name: step for step in made.steps}
    steps |= {name: Step(name=name, operator=each) for name, each in operators.items()}
    order = ["fetch_media", "probe_media", "exact", "eval_text", "eval_image", "tokenize_sample"]
    return synthetic_run(root / "out", replace(made, steps=tuple(steps[name] for name in order)))


@pytest.fixture(scope="module")
def found(folder):
    return {each.step: each for each in evidence(read_summary(folder))}


def text_of(side, *, marked=False):
    return "".join(piece.text for piece in side.pieces if piece.marked or not marked)


def test_a_dropped_text_stands_beside_its_item_with_the_shared_words_marked(found):
    step = found["eval_text"]
    hit = next(each for each in step.hits if each.uri.endswith("/page/6"))
    assert hit.item == "set.jsonl#0/question"
    assert (step.kind, step.limit) == ("text", 0.75)
    assert step.total == len(step.hits) == 2
    assert text_of(hit.ours, marked=True) == "Afterword of document 6."
    assert text_of(hit.theirs, marked=True) == "AFTERWORD of document 6"
    assert "flour falls out" in text_of(hit.ours)
    assert text_of(hit.theirs) == "The AFTERWORD of document 6"


def test_a_text_that_was_kept_and_comes_near_is_shown_behind(found):
    near = {each.uri.rpartition("/")[2]: each for each in found["eval_text"].near}
    assert near.keys() >= {"0", "1", "4", "9"}
    assert not near.keys() & {"2", "6"}, "those were dropped"
    assert near["9"].item == "set.jsonl#0/question"
    assert near["9"].score == pytest.approx(3 / 5)
    assert text_of(near["9"].ours, marked=True) == "Afterword of document"
    scores = [each.score for each in found["eval_text"].near]
    assert scores == sorted(scores, reverse=True)


def test_a_dropped_picture_stands_beside_its_item(found):
    step = found["eval_image"]
    hit = next(each for each in step.hits if each.uri.endswith("/page/3"))
    assert (step.kind, hit.item) == ("picture", "page 3.jpg")
    assert hit.theirs.source.startswith("data:image/jpeg;base64,")
    assert hit.ours.source.startswith("data:image/jpeg;base64,")


def test_the_page_is_linked_from_the_report_and_leads_nowhere(folder):
    report = write_report(folder).read_text()
    page = (folder.root / "evidence.html").read_text()
    assert 'href="evidence.html"' in report
    assert not re.search(r'(?:href|src)="(?!data:image/jpeg;base64,)', page)
    assert "<script" not in page.partition("</head>")[2]
    assert "<mark>" in page
    assert "default-src &#39;none&#39;" not in page
    assert "default-src 'none'" in page


def test_an_item_that_is_gone_is_told(folder, monkeypatch):
    monkeypatch.setattr(module, "item", lambda path, name, kind: None)
    (step, _) = evidence(read_summary(folder))
    assert "there is no set.jsonl#0/question" in step.hits[0].theirs.note


def test_a_run_without_such_steps_has_no_page(tmp_path):
    folder = synthetic_run(tmp_path)
    (tmp_path / "evidence.html").write_text("of an earlier recipe")
    assert evidence(read_summary(folder)) == []
    assert "evidence.html" not in write_report(folder).read_text()
    assert not (tmp_path / "evidence.html").exists()


@pytest.mark.parametrize(
    ("stretches", "shown"),
    [
        ([(0, 3)], "[abc]" + "d" * 200 + " …"),
        ([(300, 303)], "… " + "d" * 200 + "[ddd]" + "d" * 200 + " …"),
        ([], "abc" + "d" * 2997 + "d" * 200 + " …"),
        ([(0, 3), (1000, 1002)], f"[abc]{'d' * 200} … {'d' * 200}[dd]{'d' * 200} …"),
    ],
)
def test_what_lies_far_from_shared_words_is_left_out(stretches, shown):
    pieces = module._pieces("abc" + "d" * 4000, stretches)
    assert "".join(f"[{each.text}]" if each.marked else each.text for each in pieces) == shown


def test_a_picture_that_cannot_be_decoded_is_told(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture")
    assert module._item(str(tmp_path), "a.png", "picture").note
    Image.new("RGB", (800, 400)).save(tmp_path / "b.png")
    assert module._item(str(tmp_path), "b.png", "picture").source
