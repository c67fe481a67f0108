"""The tiny Qwen2.5-VL that comes along: small, read by the engine, and it looks at pictures."""

from random import Random

import numpy as np
import pytest

from stages.engines.qwen_vl import TINY_FOLDER, QwenVL
from stages.engines.vl_request import Request, size_seen, user
from stages.geometry import Size
from synth.renders.catalogue import DRAWINGS

MOST_BYTES = 12_000_000


@pytest.fixture(scope="module")
def model():
    return QwenVL(model="tiny", device="cpu").load()


def drawn(name, seed):
    """Return a drawing that is in no run: their generators are seeded by numbers."""
    return DRAWINGS[name](Random(f"test of the tiny model {seed}"))


def asked(drawing, text):
    pixels = np.asarray(drawing.image.convert("RGB"))
    return Request(messages=[user(0, text)], pictures=[pixels], max_tokens=24)


def test_it_is_small():
    assert sum(file.stat().st_size for file in TINY_FOLDER.iterdir()) <= MOST_BYTES


def test_it_sees_pictures_no_larger_than_those_it_learnt_from(model):
    assert model.bounds == (3136, 28224)
    assert QwenVL(model="tiny", max_pixels=10_000).load().bounds == (3136, 10_000)
    assert size_seen(np.zeros((300, 300, 3), np.uint8), *model.bounds) == Size(168, 168)


def test_true_captions_are_likelier_than_those_of_other_pictures(model):
    drawings = [drawn(name, 0) for name in DRAWINGS]
    captions = [drawing.caption for drawing in drawings]
    requests = [asked(drawing, "Describe the picture.") for drawing in drawings]
    scores = np.stack(model.score(requests, [captions] * len(drawings)))
    right = np.count_nonzero(scores.argmax(1) == np.arange(len(drawings)))
    assert right >= 18


def test_it_tells_colours(model):
    signs = [drawn("sign", seed) for seed in range(16)]
    told = [dict(sign.questions)["What colour is the sign?"] for sign in signs]
    answers = model.generate([asked(sign, "What colour is the sign?") for sign in signs])
    assert sum(a.text == b for a, b in zip(answers, told, strict=True)) >= 10
