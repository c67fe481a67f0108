import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.recipe import Step
from pipelines.walk import walk
from stages import propositions
from stages.engines.qwen_vl import QwenVL
from stages.engines.vl_request import Answer
from stages.propositions import PICTURE_FACTS, SCORES, Propositions, facts_in, harmonic_mean
from tests.vl import TableVL, batch_of, png, scores_of, sees, text_of, yes

TEXT = "The mill was built in 1820. It is red."
MILL = {"data": png(1)}


def judge(*, shown, said, holds, linked=1.0):
    """Return a model that lists these facts and judges by table.

    Args:
        shown: facts of the picture.
        said: facts of the text.
        holds: fact to the probability that the other side holds it too.
        linked: probability that the picture shows something of the text.
    """

    def answer(request):
        facts = shown if text_of(request) == PICTURE_FACTS else said
        return Answer("\n".join(f"- {fact}" for fact in facts), "stop")

    def logprob(request, text):
        question = text_of(request)
        facts = [fact for fact in holds if f"this? {fact}\n" in question]
        return yes(holds[facts[0]] if facts else linked - 1e-9)(text)

    return TableVL(answer=answer, logprob=logprob)


def scored(tmp_path, model, *rows):
    batch = batch_of(tmp_path, *(rows or [[TEXT, MILL]]))
    return scores_of(Propositions(qwen=model).build()(batch))


def test_the_examples_in_the_docstrings_hold():
    result = doctest.testmod(propositions)
    assert result.attempted >= 4
    assert result.failed == 0


def test_the_score_is_the_harmonic_mean_of_what_each_side_holds_alone_times_the_link(tmp_path):
    model = judge(
        shown=["A wheel turns.", "It is red."],
        said=["Built in 1820.", "The mill is red."],
        holds={
            "A wheel turns.": 0.1,
            "It is red.": 0.7,
            "Built in 1820.": 0.05,
            "The mill is red.": 0.95,
        },
        linked=0.8,
    )
    (scores,) = scored(tmp_path, model)
    assert scores == {
        "propositions.unique_image": pytest.approx(1 - (0.1 + 0.7) / 2),
        "propositions.unique_text": pytest.approx(1 - (0.05 + 0.95) / 2),
        "propositions.linked": pytest.approx(0.8),
        "propositions.score": pytest.approx(2 * 0.6 * 0.5 / 1.1 * 0.8),
    }


def order_of(tmp_path, **kinds):
    found = {}
    for name, (in_text, in_picture, linked) in kinds.items():
        model = judge(
            shown=["A wheel turns."],
            said=["Built in 1820."],
            holds={"A wheel turns.": in_text, "Built in 1820.": in_picture},
            linked=linked,
        )
        (scores,) = scored(tmp_path, model)
        found[name] = scores["propositions.score"]
    return found


def test_complementary_pictures_stand_above_redundant_and_decorative_ones(tmp_path):
    found = order_of(
        tmp_path,
        complementary=(0.1, 0.1, 0.9),
        redundant=(0.9, 0.5, 0.95),
        decorative=(0.05, 0.05, 0.1),
        wrong=(0.02, 0.02, 0.02),
    )
    assert found["complementary"] > 3 * found["redundant"]
    assert found["complementary"] > 3 * found["decorative"] > 3 * found["wrong"]


def test_facts_are_listed_in_one_call_and_judged_in_another(tmp_path):
    model = judge(shown=["A wheel turns."], said=["Built in 1820."], holds={"A wheel turns.": 0.5})
    rows = [[TEXT, MILL], [TEXT, {"data": png(2)}], ["Other words.", {"data": png(3)}]]
    scored(tmp_path, model, *rows)
    assert model.calls == [3 + 2, 3 * 3], "equal texts are read once"
    assert [sees(each) for each in model.asked[:5]] == ["clear"] * 3 + ["nothing"] * 2
    said, shown, linked = model.asked[5:8]
    assert (sees(said), sees(shown), sees(linked)) == ("nothing", "clear", "clear")
    assert text_of(said).startswith(f"{TEXT}\n\nDoes the text above say this? A wheel turns.")


def test_answers_that_stray_give_no_score(tmp_path):
    silent = TableVL(answer=lambda request: Answer("", "refused"))
    rambling = TableVL(answer=lambda request: Answer("I see a mill and", "length"))
    for model in (silent, rambling):
        assert scored(tmp_path, model) == [{}]
        assert model.calls[1:] in ([], [0])
    unjudged = TableVL(
        answer=lambda request: Answer("It is red.", "stop"),
        logprob=lambda request, text: float("nan"),
    )
    assert scored(tmp_path, unjudged) == [{}]


def test_pictures_without_text_are_not_measured(tmp_path):
    model = judge(shown=["A wheel turns."], said=["Built in 1820."], holds={})
    assert scored(tmp_path, model, [MILL], [TEXT, {"data": b"broken"}]) == [{}, {}]
    assert sum(model.calls) == 0


def test_no_more_facts_than_wanted_are_judged(tmp_path):
    facts = [f"Fact number {number}." for number in range(9)]
    model = judge(shown=facts, said=facts, holds=dict.fromkeys(facts, 0.5))
    batch = batch_of(tmp_path, [TEXT, MILL])
    Propositions(qwen=model, max_facts=3).build()(batch)
    assert model.calls == [2, 3 + 3 + 1]


@given(st.text(alphabet="ab .\n-1)*:•", max_size=80), st.sampled_from(["stop", "length"]))
def test_every_fact_is_a_line_of_the_answer(text, finish):
    facts = facts_in(Answer(text, finish), 3)
    assert len(facts) <= 3
    assert len(set(facts)) == len(facts)
    assert all(any(fact in line for line in text.splitlines()) for fact in facts)
    assert all(not fact.endswith(":") and 4 <= len(fact) <= 300 for fact in facts)


@given(*[st.just(0.0) | st.floats(1e-9, 1)] * 2)
def test_the_harmonic_mean_lies_between_its_numbers(a, b):
    assert min(a, b) * (1 - 1e-9) <= harmonic_mean(a, b) <= max(a, b) * (1 + 1e-9)


def test_the_harmonic_mean_of_nothing_known_is_unknown():
    assert np.isnan(harmonic_mean(float("nan"), 0.5))


def test_a_real_model_runs_the_same_alone_and_inside_the_runner(tmp_path):
    operator = Propositions(qwen=QwenVL(model="random", device="cpu"), max_tokens=24)
    batch = batch_of(tmp_path, [TEXT, MILL], ["Other words.", {"data": png(2)}])
    inside = scores_of(walk(batch, [Step(name="facts", operator=operator)]).batch)
    assert inside == scores_of(operator.build()(batch))
    assert all(set(each) <= set(SCORES) for each in inside)


@pytest.mark.parametrize("name", ["max_chars", "max_facts", "max_tokens"])
def test_options_that_make_no_sense_are_refused(name):
    with pytest.raises(ValueError, match=f"{name} must be at least 1, got 0"):
        Propositions(**{name: 0})
