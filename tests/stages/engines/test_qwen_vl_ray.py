"""The backend of Ray Data's vLLM processor: what goes in and what comes out; vLLM is not here."""

import doctest
import pickle

import numpy as np
import pytest

from stages.engines import qwen_vl_ray
from stages.engines.qwen_vl import QwenVL
from stages.engines.qwen_vl_ray import FAILED, check_vllm, from_vllm, to_vllm
from stages.engines.vl_request import Answer, Blurred, Request, prompts_of, user
from stages.errors import NotReadyError
from stages.tokenizer import load_tokenizer
from tests.stages.engines import vl_reference as reference

ENGINE = QwenVL(model="random", backend="ray", max_pixels=100_352)
ASKED = (
    Request(messages=[user(0, "What is it?")], pictures=[reference.picture(1)], max_tokens=3),
    Request(messages=[user("No picture")], max_tokens=2, temperature=0.5, seed=4),
)


@pytest.fixture
def vllm(monkeypatch):
    """A stand-in for the processor: keeps what it is sent, says what `says` gives, last first."""

    class Vllm:
        sent = ()
        says = staticmethod(lambda row: {"generated_text": "", "num_generated_tokens": 1})

        def run(self, rows, engine):
            assert engine is ENGINE
            self.sent = [{**row, **to_vllm(pickle.loads(pickle.dumps(row)))} for row in rows]
            done = [{**row, **self.says(row)} for row in self.sent]
            return [row if row.get(FAILED) else from_vllm(row) for row in reversed(done)]

    stand_in = Vllm()
    monkeypatch.setattr(qwen_vl_ray, "processed", stand_in.run)
    return stand_in


def test_the_examples_in_the_docstrings_hold():
    result = doctest.testmod(qwen_vl_ray)
    assert result.attempted >= 1
    assert result.failed == 0


def test_prompts_go_in_as_tokens_of_our_template_with_a_pad_for_each_picture(vllm):
    ENGINE.load().generate(ASKED)
    first, second = vllm.sent
    text = reference.asked(f"{reference.PLACE}What is it?")
    assert first["tokenized_prompt"] == reference.encode(text)
    (seen,) = first["multimodal_data"]["image"]
    np.testing.assert_array_equal(np.asarray(seen), reference.picture(1))
    assert second["multimodal_data"] is None
    assert second["sampling_params"] == {
        "max_tokens": 2,
        "temperature": 0.5,
        "top_p": 1.0,
        "seed": 4,
    }


def test_pictures_are_sized_and_blurred_on_the_workers(vllm):
    large = reference.picture(2, 560, 700)
    pictures = [large, Blurred(picture=large, sigma_share=0.1)]
    ENGINE.load().generate([Request(messages=[user(0, 1)], pictures=pictures)])
    clear, blurred = vllm.sent[0]["multimodal_data"]["image"]
    assert clear.size == blurred.size == (336, 280), "at most 100,352 pixels"
    assert np.asarray(blurred).std() < np.asarray(clear).std() / 3


def test_answers_come_back_in_order_and_are_cut_at_their_length(vllm):
    vllm.says = lambda row: {
        "generated_text": f"answer {row['place']}",
        "num_generated_tokens": 2,
        "prompt_logprobs": None,
    }
    assert ENGINE.load().generate(ASKED) == [
        Answer("answer 0", "stop"),
        Answer("answer 1", "length"),
    ]


def test_a_score_is_the_sum_over_the_last_tokens_of_the_prompt(vllm):
    def says(row):
        wide = [*[7] * 11, *row["tokenized_prompt"]]  # pads are there once for each merged patch
        told = [{id_: {"logprob": -at}, 1: {"logprob": 0.0}} for at, id_ in enumerate(wide)]
        return {
            "generated_text": "x",
            "num_generated_tokens": 1,
            "prompt_logprobs": [None, *told[1:]],
        }

    vllm.says = says
    tokenizer = load_tokenizer("tiny")
    endings = [["Yes", "a mill"], [""]]
    first, second = ENGINE.load().score(ASKED, endings)
    lengths = [len(prompt.ids) + 11 for prompt in prompts_of(ASKED, tokenizer)]
    yes, mill = (len(ids) for ids in tokenizer.encode(endings[0]))
    wanted = [-sum(range(lengths[0], lengths[0] + count)) for count in (yes, mill)]
    assert first.tolist() == wanted
    assert second.tolist() == [0.0]
    assert vllm.sent[0]["sampling_params"] == {
        "max_tokens": 1,
        "temperature": 0.0,
        "prompt_logprobs": 1,
    }


def test_what_vllm_fails_on_is_a_value_unless_it_is_all(vllm):
    vllm.says = lambda row: (
        {FAILED: "too long"}
        if row["place"] == 0
        else {
            "generated_text": "fine",
            "num_generated_tokens": 1,
            "prompt_logprobs": [{id_: {"logprob": -1.0}} for id_ in row["tokenized_prompt"]],
        }
    )
    model = ENGINE.load()
    assert model.generate(ASKED) == [Answer("", "refused"), Answer("fine", "stop")]
    first, second = model.score(ASKED, [["Yes"], ["Yes"]])
    assert np.isnan(first).all()
    assert np.isfinite(second).all()
    with pytest.raises(NotReadyError, match=r"failed on every request \(too long\)"):
        model.generate(ASKED[:1])
    assert model.generate([]) == []


def test_a_missing_package_is_named_with_the_command(monkeypatch):
    monkeypatch.setattr(qwen_vl_ray, "find_spec", lambda name: None)
    model = ENGINE.load()
    for look in (check_vllm, ENGINE.check, lambda: model.generate(ASKED)):
        with pytest.raises(NotReadyError, match=r"package vllm .*pip install 'ray\[llm\]'"):
            look()
