"""The in-process backend against whole forward passes of transformers, and the engine's options."""

import doctest
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from stages.engines import qwen_vl, qwen_vl_transformers, vl_request
from stages.engines.hub import Download
from stages.engines.qwen_vl import QwenVL
from stages.engines.qwen_vl_transformers import batches
from stages.engines.vl_request import Answer, Blurred, Request, as_seen, size_seen, user
from stages.errors import MissingWeightsError, NotReadyError, RecordError
from stages.geometry import Size
from stages.tokenizer import TINY_FOLDER
from tests.stages.engines import vl_reference as reference

ONE, TWO = reference.picture(1), reference.picture(2, 140, 56)
ASKED = (
    Request(messages=[user(0, "What is it?")], pictures=[ONE], max_tokens=4),
    Request(messages=[user("Compare", 1, "and", 0)], pictures=[ONE, TWO], max_tokens=4),
    Request(messages=[user("A question without any picture at all")], max_tokens=4),
    Request(messages=[user(0)], pictures=[TWO], max_tokens=4),
)
PROMPTS = (
    (reference.asked(f"{reference.PLACE}What is it?"), [ONE]),
    (reference.asked(f"Compare{reference.PLACE}and{reference.PLACE}"), [TWO, ONE]),
    (reference.asked("A question without any picture at all"), []),
    (reference.asked(reference.PLACE), [TWO]),
)
ENDINGS = (("Yes", "No", "a mill by a pond"), ("They differ.",), ("", "Rain falls."), ("Yes", "No"))


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    folder = reference.save(tmp_path_factory.mktemp("model"))
    return QwenVL(model=str(folder), device="cpu")


def test_the_examples_in_the_docstrings_hold():
    results = [doctest.testmod(module) for module in (vl_request, qwen_vl_transformers)]
    assert min(result.attempted for result in results) >= 1
    assert sum(result.failed for result in results) == 0


@pytest.mark.parametrize("batch_tokens", [1, 16_384], ids=["one by one", "in one batch"])
def test_a_score_is_that_of_a_whole_forward_pass(engine, batch_tokens):
    model = replace(engine, batch_tokens=batch_tokens).load()
    for found, endings, (prompt, pictures) in zip(
        model.score(ASKED, ENDINGS), ENDINGS, PROMPTS, strict=True
    ):
        wanted = [
            reference.log_probability(model.model, prompt, ending, pictures) for ending in endings
        ]
        assert found.dtype == np.float32
        assert found == pytest.approx(wanted, abs=2e-4)


def test_answers_are_the_likeliest_tokens_alone_and_in_a_batch(engine):
    model = engine.load()
    wanted = [
        Answer(*reference.greedy(model.model, prompt, pictures, 4)) for prompt, pictures in PROMPTS
    ]
    assert {answer.finish for answer in wanted} == {"stop", "length"}
    assert model.generate(ASKED) == wanted
    assert [model.generate([each])[0] for each in ASKED] == wanted


def test_drawn_answers_hang_on_the_seed_alone(engine):
    model = engine.load()
    drawn = [replace(ASKED[0], temperature=1.0, seed=seed) for seed in (1, 2)]
    state = torch.random.get_rng_state()
    first, other = model.generate(drawn)
    assert first != other
    assert model.generate([ASKED[2], *drawn[::-1]])[1:] == [other, first]
    assert torch.equal(torch.random.get_rng_state(), state)


def test_nothing_is_made_of_nothing(engine):
    model = engine.load()
    assert model.score([], []) == []
    assert model.generate([]) == []
    (none,) = model.score([ASKED[0]], [[]])
    assert none.shape == (0,)


def test_the_order_of_roles_and_control_words_in_texts_are_kept(engine):
    model = engine.load()
    system = {"role": "system", "parts": [{"type": "text", "text": "Be brief."}]}
    request = Request(messages=[system, user(" Is <|im_end|> text? ")])
    prompt = reference.asked("Is <|im_end|> text?", system="Be brief.")
    (found,) = model.score([request], [["Yes"]])
    as_control = reference.log_probability(model.model, prompt, "Yes", [])
    assert found[0] != pytest.approx(as_control, abs=1e-2)
    (plain,) = model.score([replace(request, messages=[system, user("Is it text?")])], [["Yes"]])
    prompt = reference.asked("Is it text?", system="Be brief.")
    assert plain[0] == pytest.approx(
        reference.log_probability(model.model, prompt, "Yes", []), abs=2e-4
    )


def test_requests_that_cannot_be_rendered_are_refused(engine):
    model = engine.load()
    with pytest.raises(RecordError, match="shows picture 1, it has 1"):
        model.score([Request(messages=[user(1)], pictures=[ONE])], [["Yes"]])
    document = {"role": "document", "parts": []}
    with pytest.raises(RecordError, match="turns of system, user and assistant"):
        model.generate([Request(messages=[document])])
    box = {"role": "user", "parts": [{"type": "box", "text": "{box}", "index": 0}]}
    with pytest.raises(RecordError, match="'box' has no place in a request"):
        model.generate([Request(messages=[box])])


def test_batches_hold_each_place_once_and_keep_the_limit():
    costs = [5, 1, 9, 3, 3, 20, 2]
    groups = list(batches(costs, 10))
    assert sorted(place for group in groups for place in group) == list(range(len(costs)))
    assert all(
        len(group) == 1 or max(costs[place] for place in group) * len(group) <= 10
        for group in groups
    )


# --- pictures ----------------------------------------------------------------------------------


class Waiting:
    """A picture that counts how often it is decoded."""

    def __init__(self, pixels):
        self.kept, self.size, self.decoded = pixels, Size(*pixels.shape[:2]), 0

    def pixels(self):
        self.decoded += 1
        return self.kept


def test_a_picture_is_seen_at_the_size_that_the_model_takes():
    pixels = reference.picture(3, 100, 205)
    seen = as_seen(pixels, 3136, 100_352)
    assert seen.shape == (112, 196, 3)  # the nearest multiples of 28
    assert size_seen(pixels, 3136, 100_352) == (112, 196)
    resized = Image.fromarray(pixels).resize((196, 112), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(seen, np.asarray(resized))
    assert as_seen(seen, 3136, 100_352) is seen


def test_an_encoded_picture_is_decoded_once_for_all_requests_of_a_batch(engine):
    waiting = Waiting(ONE)
    requests = [Request(messages=[user(0, text)], pictures=[waiting]) for text in ("What?", "Who?")]
    plain = [replace(request, pictures=[ONE]) for request in requests]
    model = engine.load()
    assert [each.tolist() for each in model.score(requests, [["Yes"], ["No"]])] == [
        each.tolist() for each in model.score(plain, [["Yes"], ["No"]])
    ]
    assert waiting.decoded == 1


def test_a_blurred_picture_keeps_its_size_and_mean_and_loses_its_detail():
    blurred = as_seen(Blurred(picture=ONE, sigma_share=0.1), 3136, 100_352)
    assert blurred.shape == ONE.shape
    assert blurred.mean() == pytest.approx(ONE.mean(), abs=1)
    assert blurred.std() < ONE.std() / 5


# --- the engine --------------------------------------------------------------------------------


def test_the_random_model_is_the_same_each_time_and_loaded_once():
    engine = QwenVL(model="random", device="cpu")
    engine.check()
    assert engine.load() is engine.load()
    other = replace(engine, batch_tokens=1).load()
    assert other is not engine.load()
    (first,), (second,) = (each.score(ASKED[:1], [["Yes"]]) for each in (engine.load(), other))
    assert first == pytest.approx(second, abs=1e-4)


def test_a_model_that_is_not_here_is_named_with_the_command(tmp_path, monkeypatch):
    monkeypatch.setattr(Download, "folder", lambda self: None)
    with pytest.raises(MissingWeightsError, match=r"'Qwen/Qwen2.5-VL-7B-Instruct'.*models fetch"):
        QwenVL().check()
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(MissingWeightsError, match=r"holds no \*\.safetensors"):
        QwenVL(model=str(tmp_path)).check()
    monkeypatch.setattr(qwen_vl, "TINY_FOLDER", tmp_path / "none")
    with pytest.raises(MissingWeightsError, match=r"tiny model is not in .*use model random"):
        QwenVL(model="tiny").check()


def test_options_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="batch_tokens must be at least 1, got 0"):
        QwenVL(batch_tokens=0)
    engine = QwenVL(model="random", min_pixels=10**8)
    with pytest.raises(NotReadyError, match="min_pixels 100000000 is over max_pixels 1003520"):
        engine.load()


def test_what_is_fetched_hangs_on_the_backend():
    name, tiny = "Qwen/Qwen2.5-VL-7B-Instruct", str(TINY_FOLDER)
    assert [each.repo for each in QwenVL().downloads()] == [name]
    assert QwenVL().downloads()[0].needs == ("config.json", "*.safetensors")
    (only,) = QwenVL(backend="endpoint").downloads()
    assert (only.repo, only.needs) == (name, ("preprocessor_config.json", "tokenizer.json"))
    assert QwenVL(backend="endpoint", processor=tiny).downloads() == ()
    assert QwenVL(model="random").downloads() == QwenVL(model="tiny").downloads() == ()
