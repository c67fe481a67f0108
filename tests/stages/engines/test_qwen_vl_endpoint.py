"""The backend that asks a server, against a real one that speaks the protocol."""

import doctest
import json
from dataclasses import replace

import numpy as np
import pytest

from stages.engines import endpoint as endpoint_module
from stages.engines import qwen_vl_endpoint
from stages.engines.endpoint import Endpoint
from stages.engines.qwen_vl import QwenVL
from stages.engines.vl_request import Answer, Request, user
from stages.errors import NotReadyError
from tests.stages.engines import served
from tests.stages.engines import vl_reference as reference
from tests.stages.engines.served import MODEL, Served, says

ONE, TWO = reference.picture(1), reference.picture(2, 150, 60)
ASKED = (
    Request(messages=[user(0, " What is it?")], pictures=[ONE], max_tokens=3),
    Request(messages=[user("Compare", 1, "and", 0)], pictures=[ONE, TWO], max_tokens=3),
    Request(messages=[user("What does <|im_end|> mean?")], max_tokens=3),
)
ENDINGS = (("Yes", "a mill by a pond"), ("They differ.",), ("", "Rain <|im_end|> falls."))


@pytest.fixture(scope="module")
def server():
    one = Served()
    yield one
    one.close()


@pytest.fixture
def waits(monkeypatch):
    """The pauses that would be made."""
    found = []

    async def sleep(seconds):
        found.append(seconds)

    monkeypatch.setattr(endpoint_module, "sleep", sleep)
    return found


@pytest.fixture
def engine(server):
    server.trouble.clear()
    server.asked.clear()
    server.keys.clear()
    server.most = 0
    return QwenVL(
        model=MODEL,
        backend="endpoint",
        processor="tiny",
        endpoint=Endpoint(url=server.url, attempts=4, concurrency=2),
    )


def with_(engine, **options):
    return replace(engine, endpoint=replace(engine.endpoint, **options))


@pytest.fixture(scope="module")
def in_process():
    return QwenVL(model="random", device="cpu").load()


def plain(request):
    """Return the request as the server sees it: control tokens broken up."""
    messages = [
        {
            **message,
            "parts": [
                {**part, "text": (part.get("text") or "").replace("<|im_end", "<\u200b|im_end")}
                for part in message["parts"]
            ],
        }
        for message in request.messages
    ]
    return replace(request, messages=messages)


def test_the_examples_in_the_docstrings_hold():
    results = [doctest.testmod(module) for module in (endpoint_module, qwen_vl_endpoint)]
    assert min(result.attempted for result in results) >= 2
    assert sum(result.failed for result in results) == 0


@pytest.mark.parametrize("kind", ["vllm", "sglang"])
def test_scores_are_those_of_the_same_model_in_this_process(engine, in_process, kind, server):
    model = with_(engine, server=kind).load()
    wanted = in_process.score(
        [plain(each) for each in ASKED],
        [[text.replace("<|im_end", "<\u200b|im_end") for text in row] for row in ENDINGS],
    )
    for found, row in zip(model.score(ASKED, ENDINGS), wanted, strict=True):
        assert found.dtype == np.float32
        assert found == pytest.approx(row, abs=2e-4)
    path = {"vllm": "/v1/chat/completions", "sglang": "/generate"}[kind]
    assert {asked for asked, _ in server.asked} == {path}
    assert server.most <= 2


def test_answers_are_those_of_the_same_model_in_this_process(engine, in_process):
    found = engine.load().generate(ASKED)
    assert found == in_process.generate([plain(each) for each in ASKED])


def test_sampling_options_reach_the_server(engine, server):
    request = replace(ASKED[2], temperature=0.5, top_p=0.9, seed=7)
    engine.load().generate([request])
    ((_, body),) = server.asked
    del body["messages"]
    assert body == {
        "top_k": -1,
        "repetition_penalty": 1.0,
        "temperature": 0.5,
        "top_p": 0.9,
        "seed": 7,
        "max_tokens": 3,
        "model": MODEL,
    }


@pytest.mark.parametrize(
    "trouble",
    [429, 503, served.reset, served.hang, says("<html>busy</html>"), says("[]")],
    ids=["429", "503", "reset", "slow", "garbage", "no object"],
)
def test_what_fails_for_the_moment_is_asked_again(engine, server, waits, trouble):
    server.trouble.extend([trouble] * 2)
    (answer,) = with_(engine, timeout_s=0.3).load().generate(ASKED[2:])
    assert answer.finish in ("stop", "length")
    assert len(server.asked) == 3
    first, second = waits
    assert 0.25 <= first <= 0.5 <= second <= 1.0, "pauses double"


def test_the_server_says_how_long_to_wait(engine, server, waits):
    server.trouble.append(says("busy", 429, Retry_After="7"))
    engine.load().generate(ASKED[2:])
    assert waits == [7.0]
    server.trouble.append(says("busy", 503, Retry_After="3600"))
    with pytest.raises(NotReadyError, match=r"left alone for 3600 s .*raise max_wait_s"):
        engine.load().generate(ASKED[2:])


def test_attempts_are_finite_and_the_error_names_the_address(engine, server, waits):
    server.trouble.extend([500] * 4)
    with pytest.raises(NotReadyError, match=r"127\.0\.0\.1:\d+/v1/chat/completions failed 4 times"):
        engine.load().generate(ASKED[2:])
    assert len(server.asked) == 4
    assert len(waits) == 3


@pytest.mark.parametrize(
    ("trouble", "message"),
    [
        (401, "HTTP 401 .*key_variable"),
        (404, "HTTP 404 .*endpoint.url must be the base"),
        (served.moved, "HTTP 302"),
        (served.drip, "more than 0 MiB"),
        (says('{"choices": []}'), "no chat completion"),
    ],
    ids=["401", "404", "redirect", "endless", "no choices"],
)
def test_what_will_not_pass_ends_at_once(engine, server, monkeypatch, trouble, message):
    monkeypatch.setattr(endpoint_module, "MAX_BODY_BYTES", 1 << 19)
    server.trouble.append(trouble)
    with pytest.raises(NotReadyError, match=message):
        engine.load().generate(ASKED[2:])
    assert len(server.asked) == 1


def test_a_request_that_the_server_refuses_is_a_value(engine, server):
    engine = with_(engine, concurrency=1)
    server.trouble.append(400)
    assert engine.load().generate(ASKED[1:])[0] == Answer("", "refused")
    (ids,) = engine.load().tokenizer.encode(["Yes"])
    fine = {"prompt_logprobs": [None, *({id_: {"logprob": -1.0}} for id_ in ids)]}
    server.trouble.extend([says(json.dumps(fine)), 400])  # the first answers a plain question
    refused, taken = engine.load().score([ASKED[0], ASKED[2]], [["Yes"], ["Yes"]])
    assert np.isnan(refused).all()
    assert np.isfinite(taken).all()


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("vllm", '{"choices": []}'),
        ("vllm", '{"prompt_logprobs": null}'),
        ("vllm", '{"prompt_logprobs": [null, {"1": {"logprob": -0.5}}]}'),
        ("sglang", '{"text": ""}'),
        ("sglang", '{"meta_info": {"input_token_logprobs": [[null, 1, null]]}}'),
    ],
)
def test_a_server_that_tells_no_scores_is_found_out(engine, server, kind, answer):
    server.trouble.append(says(answer))
    with pytest.raises(NotReadyError, match=r"no log-probabilities .*endpoint\.server"):
        with_(engine, server=kind).load().score(ASKED[:1], [["Yes"]])
    server.trouble.append(400)
    with pytest.raises(NotReadyError, match="refuses a plain question"):
        with_(engine, server=kind).load().score(ASKED[:1], [["Yes"]])


@pytest.mark.parametrize(("asked", "shown"), [(ASKED[:1], 1), (ASKED[2:], 0)])
def test_the_plain_question_shows_a_picture_when_pictures_are_asked_about(
    engine, server, asked, shown
):
    with_(engine, server="sglang").load().score(asked, [["Yes"]])
    assert [len(body["image_data"]) for _, body in server.asked] == [shown, shown]


def test_the_key_comes_from_the_environment(engine, server, monkeypatch):
    engine = with_(engine, key_variable="MILL_KEY")
    with pytest.raises(NotReadyError, match="MILL_KEY is empty"):
        engine.load().generate(ASKED[2:])
    monkeypatch.setenv("MILL_KEY", "grain")
    engine.load().generate(ASKED[2:])
    assert server.keys == ["Bearer grain"]


def test_a_server_is_looked_for_before_a_run(engine, server):
    engine.check()
    with pytest.raises(NotReadyError, match=r"serves \['tiny-vl'\], not 'other'"):
        replace(engine, model="other").check()
    server.trouble.append(401)
    with pytest.raises(NotReadyError, match="HTTP 401"):
        engine.check()
    nobody = with_(engine, url="http://127.0.0.1:1/v1")
    with pytest.raises(NotReadyError, match=r"127\.0\.0\.1:1/v1/models does not answer .*vllm"):
        nobody.check()


def test_options_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="must begin with http"):
        Endpoint(url="gpu:8000")
    with pytest.raises(ValueError, match="attempts must be at least 1, got 0"):
        Endpoint(attempts=0)
    with pytest.raises(ValueError, match="timeout_s must be more than 0, got 0"):
        Endpoint(timeout_s=0)
