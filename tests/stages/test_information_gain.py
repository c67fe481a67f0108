import pytest

from pipelines.recipe import Step
from pipelines.walk import walk
from stages.engines.qwen_vl import QwenVL
from stages.information_gain import DESCRIBING, FOLLOWING, OPENING, PRECEDING, InformationGain
from stages.tokenizer import load_tokenizer
from tests.vl import TableVL, batch_of, png, scores_of, sees, text_of

MILL = {"data": png(1), "alt": "A mill", "title": "Mills"}


def tokens(text):
    return len(load_tokenizer("tiny").encode([text])[0])


def gains(**by_text):
    """Return a model to which the clear picture gives each text so many nats more."""
    return TableVL(
        logprob=lambda request, text: (
            -10.0 + (by_text.get(text, 0.0) if sees(request) == "clear" else 0.0)
        )
    )


def test_the_gain_is_what_the_clear_picture_adds_per_token(tmp_path):
    before, after = "The wheel turns slowly", "and grinds the corn"
    model = gains(**{before: 2.0, after: 3.0, "A mill": 1.0, "Mills": -0.5})
    batch = batch_of(tmp_path, [before, MILL, after])
    (scores,) = scores_of(InformationGain(qwen=model).build()(batch))
    assert scores == {
        "gain.text": pytest.approx(5.0 / (tokens(before) + tokens(after))),
        "gain.facts": pytest.approx(0.5 / (tokens("A mill") + tokens("Mills"))),
    }


def test_the_model_is_asked_for_each_text_with_both_pictures_in_two_calls(tmp_path):
    model = TableVL()
    batch = batch_of(tmp_path, ["one", MILL, "two"], [{"data": png(2)}, "three"])
    InformationGain(qwen=model).build()(batch)
    assert model.calls == [5, 5], "across documents"
    assert [sees(each) for each in model.asked] == ["clear"] * 5 + ["blurred"] * 5
    asked = [text_of(each) for each in model.asked[:5]]
    assert asked == [FOLLOWING.format(before="one"), PRECEDING, DESCRIBING, DESCRIBING, OPENING]
    assert {each.pictures[0].sigma_share for each in model.asked[5:]} == {0.1}


def test_braces_in_a_text_stay_as_they_are(tmp_path):
    model = TableVL()
    InformationGain(qwen=model).build()(batch_of(tmp_path, ["{before}", {"data": png()}, "two"]))
    assert "Before it stands:\n\n{before}\n\n" in text_of(model.asked[0])


def test_what_cannot_be_measured_has_no_score(tmp_path):
    batch = batch_of(
        tmp_path,
        [{"data": png(1)}],
        ["text", {"data": b"broken"}],
        ["text", {}],
        [{"data": png(2), "alt": "A mill"}],
    )
    assert scores_of(InformationGain(qwen=gains()).build()(batch)) == [
        {},
        {},
        {},
        {"gain.facts": 0.0},
    ]
    refused = TableVL(logprob=lambda request, text: float("nan"))
    batch = batch_of(tmp_path, ["text", {"data": png(1)}])
    assert scores_of(InformationGain(qwen=refused).build()(batch)) == [{}]


def test_earlier_scores_stay_beside_the_new_ones(tmp_path):
    batch = batch_of(tmp_path, ["text", {"data": png(), "scores": [("clip.best", 0.5)]}])
    (scores,) = scores_of(InformationGain(qwen=gains()).build()(batch))
    assert scores == {"clip.best": 0.5, "gain.text": 0.0}


def test_a_real_model_gives_the_same_whatever_else_is_in_the_batch(tmp_path):
    operator = InformationGain(qwen=QwenVL(model="random", device="cpu"))
    rows = [["one", MILL, "the wheel turns"], ["two", {"data": png(5, (150, 40))}, "three"]]
    both = walk(batch_of(tmp_path, *rows), [Step(name="gain", operator=operator)]).batch
    alone = [scores_of(operator.build()(batch_of(tmp_path, row)))[0] for row in rows]
    for found, wanted in zip(scores_of(both), alone, strict=True):
        assert found == {name: pytest.approx(value, abs=1e-3) for name, value in wanted.items()}
        assert found["gain.text"] != 0


def test_options_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="max_chars must be at least 1, got 0"):
        InformationGain(max_chars=0)
    with pytest.raises(ValueError, match=r"blur_share must lie in \(0, 1\], got 0"):
        InformationGain(blur_share=0)
