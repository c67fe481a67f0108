import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.character_shares import CharacterShares
from tests.text_batches import batch_of, broken_rules, scores_of

PROSE = "The wheel turns slowly and the stone grinds the corn all day long."


def test_keeps_plain_prose() -> None:
    assert broken_rules(CharacterShares(), batch_of(PROSE)) == [set()]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("BUYNOWBUYNOW", {"uppercase_share"}),
        ("2026" * 5, {"digit_share", "special_share"}),
        ("a - b - c", {"special_share"}),
        ("🎉🎉 mill 🎉🎉", {"special_share"}),
    ],
)
def test_a_text_breaks_the_rule(text: str, rule: set[str]) -> None:
    assert broken_rules(CharacterShares(), batch_of(text)) == [rule]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"max_uppercase_share": 0.8}, "ABCDe"),
        ({"max_digit_share": 0.8, "max_special_share": 1.0}, "1234a"),
        ({"max_special_share": 0.25}, "a-bc"),
    ],
)
def test_a_text_on_the_bound_is_kept(options: dict[str, float], text: str) -> None:
    assert broken_rules(CharacterShares(**options), batch_of(text)) == [set()]


def test_white_space_counts_between_words_but_not_around_lines() -> None:
    scores = scores_of(CharacterShares(), batch_of("  ab cd  \n\n ef\n"))
    assert scores["special_share"] == [pytest.approx(1 / 7)]


def test_vowel_signs_and_accents_are_not_special() -> None:
    scores = scores_of(CharacterShares(), batch_of("हिन्दी", unicodedata.normalize("NFD", "Mühle")))
    assert scores["special_share"] == [0.0, 0.0]


def test_text_parts_are_judged_one_by_one() -> None:
    batch = batch_of(["ABcd", "12ab"], ["AAAA"])
    scores = scores_of(CharacterShares(over="text"), batch)
    assert scores["uppercase_share"] == [0.5, 0.0, 1.0]
    assert scores_of(CharacterShares(), batch)["digit_share"] == [0.25, 0.0]


def test_texts_without_words_are_not_judged() -> None:
    scores = scores_of(CharacterShares(), batch_of("", " \n", [None], []))
    assert all(np.isnan(values).all() for values in scores.values())


def share_of(text: str, kinds: str) -> float:
    lines = "".join(line.strip() for line in text.split("\n"))
    found = sum(unicodedata.category(each).startswith(tuple(kinds.split())) for each in lines)
    return found / len(lines) if lines else np.nan


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(st.sampled_from("aBÉßdž7²ⅷé़ -_.。漢ไ🎉\n\u00a0"), max_size=20), max_size=4))
def test_scores_are_those_of_the_plain_reading(texts: list[str]) -> None:
    scores = CharacterShares().build()(batch_of(*texts))
    for number, text in enumerate(texts):
        expected = {
            "uppercase_share": np.float32(share_of(text, "Lu Lt")),
            "digit_share": np.float32(share_of(text, "N")),
            "special_share": np.float32(share_of(text, "P S Z C N")),
        }
        np.testing.assert_equal({name: scores[name][number] for name in scores}, expected)
