"""EvalTextOverlap drops what holds evaluation texts, and says which."""

import json

import numpy as np
import pytest

from filters.eval_text_overlap import EvalTextOverlap
from pipelines.plan import describe
from pipelines.recipe import Step
from pipelines.walk import walk
from stages.errors import NotReadyError
from tests.fakes import batch_of, ids_of, sample

QUESTION = [f"word{i}" for i in range(32)]
OTHER = [f"other{i}" for i in range(60)]


@pytest.fixture
def evals(tmp_path):
    rows = [{"question": " ".join(QUESTION), "answer": "grist"}, {"question": "What is shown?"}]
    (tmp_path / "set.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return str(tmp_path)


def scored(evals, *texts, **options):
    operator = EvalTextOverlap(evals_path=evals, **options)
    batch = batch_of([sample(f"{n:x}", text) for n, text in enumerate(texts)])
    return operator.build()(batch)["share"]


def test_the_score_is_the_share_of_the_evaluation_text_that_is_found(evals):
    texts = [[*OTHER, *QUESTION[:16], *OTHER], QUESTION[:17], QUESTION[4:16], OTHER]
    shares = scored(evals, *map(" ".join, texts))
    assert shares.dtype == np.float32
    assert shares.tolist() == [0.5, 17 / 32, 0, 0], "no run of 13 words among 12"


def test_more_than_half_of_an_evaluation_text_is_too_much(evals):
    limit = EvalTextOverlap(evals_path=evals).limits()[0]
    assert limit.keeps(np.array([0.5, 17 / 32], np.float32)).tolist() == [True, False]


def test_case_and_marks_do_not_matter_and_edits_leave_the_rest(evals):
    loud = [f"«{word.upper()}»," for word in QUESTION]
    edited = [*QUESTION[:15], "another", *QUESTION[16:]]
    assert scored(evals, " — ".join(loud), " ".join(edited)).tolist() == [1, 31 / 32]


def test_short_evaluation_texts_are_looked_for_whole_or_not_at_all(evals):
    texts = ["So tell me: what is shown?", "What is shown here?"]
    assert scored(evals, *texts).tolist() == [0, 0]
    assert scored(evals, *texts, min_words=3).tolist() == [1, 1]
    assert scored(evals, "What is it that is shown?", min_words=3).tolist() == [0]


def test_the_ledger_names_the_evaluation_text(evals):
    rows = [sample("a", " ".join(OTHER)), sample("b", " ".join(QUESTION[:20]))]
    step = Step(name="eval_text", operator=EvalTextOverlap(evals_path=evals))
    outcome = walk(batch_of(rows), [step])
    assert ids_of(outcome.batch) == ["a"]
    (entry,) = outcome.rejected[0].to_pylist()
    assert entry["reason"] == "like eval item set.jsonl#0/question (20 of its 32 words)"
    assert (entry["score"], entry["threshold"]) == (20 / 32, 0.5)


def test_a_text_part_may_go_alone(evals):
    rows = [sample("a", " ".join(OTHER), " ".join(QUESTION)), sample("b", *map(str, QUESTION))]
    step = Step(name="eval_text", operator=EvalTextOverlap(evals_path=evals, over="text"))
    outcome = walk(batch_of(rows), [step])
    parts = outcome.batch.parts()
    assert parts.values.field("text")[0].as_py() == " ".join(OTHER)
    assert np.bincount(parts.row).tolist() == [1, 32], "over parts, no run goes across them"


def test_sets_that_are_not_there_are_told_before_the_run(tmp_path):
    with pytest.raises(NotReadyError, match="no text of 8 words"):
        EvalTextOverlap().check()
    with pytest.raises(NotReadyError, match="gone"):
        EvalTextOverlap(evals_path=str(tmp_path / "gone")).check()


def test_an_added_set_changes_the_fingerprint(evals, tmp_path):
    before = describe(EvalTextOverlap(evals_path=evals))
    assert describe(EvalTextOverlap(evals_path=evals)) == before
    (tmp_path / "more.txt").write_text("a passage")
    assert describe(EvalTextOverlap(evals_path=evals)) != before


@pytest.mark.parametrize(
    ("options", "message"), [({"ngram": 1}, "got 1"), ({"min_words": 0}, "got 0")]
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        EvalTextOverlap(**options)
