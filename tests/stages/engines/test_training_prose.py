"""Sentences around pictures: those that name what is drawn, and those that do not."""

import re
from random import Random

import pytest

from stages.engines.training_prose import label, mention, parts, plain
from synth.renders.catalogue import DRAWINGS

COMMON = {
    *("to", "of", "the", "in", "on", "and", "like", "a", "word", "night", "right", "half", "full"),
    *("water", "sign"),  # "water wheel"; "refused to sign"
}
"""Words of names that stand for nothing drawn by themselves."""


@pytest.fixture(scope="module")
def drawn():
    """All words by which any drawing is brought up, but for titles, which are printed in it."""
    rng = Random(0)
    names = (name for draw in DRAWINGS.values() for _ in range(60) for name in draw(rng).names)
    small = (name for name in names if name.islower())
    return {word for name in small for word in re.findall("[a-z]+", name)} - COMMON


def test_every_drawing_has_names():
    rng = Random(0)
    for name, draw in DRAWINGS.items():
        assert len(draw(rng).names) >= 2, name


def test_nothing_that_is_drawn_stands_in_the_parts_of_a_sentence(drawn):
    assert {"apples", "clock", "hills", "chart"} <= drawn
    for place, texts in parts().items():
        for text in texts:
            assert not set(re.findall("[a-z]+", text.lower())) & drawn, (place, text)


@pytest.mark.parametrize("place", ["leads", "named_subjects", "named_did", "labels"])
def test_parts_that_name_have_one_place_for_the_name(place):
    for text in parts()[place]:
        assert text.count("{name}") == 1, text


@pytest.mark.parametrize("place", ["openers", "subjects", "did", "tails", "became"])
def test_other_parts_have_none(place):
    assert len(set(parts()[place])) == len(parts()[place])
    for text in parts()[place]:
        assert "{" not in text


def test_sentences_are_whole_and_seeded():
    for seed in range(200):
        texts = [plain(Random(seed)), mention(Random(seed), "apples")]
        assert texts == [plain(Random(seed)), mention(Random(seed), "apples")]
        for text in texts:
            assert text[0].isupper()
            assert text.endswith(".")
            assert "  " not in text
        assert "apples" in texts[1]
        assert "apples" not in texts[0]
        assert "apples" in label(Random(seed), "apples")


def test_sentences_hardly_ever_repeat():
    rng = Random(0)
    assert len({plain(rng) for _ in range(1000)}) > 950
