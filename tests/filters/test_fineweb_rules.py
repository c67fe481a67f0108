import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.fineweb_rules import FineWebRules
from tests.text_batches import batch_of, broken_rules, scores_of

LONG = "A line of this length is no short one"


def test_keeps_prose() -> None:
    assert broken_rules(FineWebRules(), batch_of(LONG + " at all.")) == [set()]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("\n".join(f"{LONG} {i}" for i in range(10)), "punctuated_line_share"),
        ("\n".join([f"{LONG}.", f"{LONG}."]), "duplicate_line_char_share"),
        ("Short.\nShorter.\nShortest.", "short_line_share"),
    ],
)
def test_a_text_breaks_exactly_one_rule(text: str, rule: str) -> None:
    assert broken_rules(FineWebRules(), batch_of(text)) == [{rule}]


def test_bounds_are_kept_themselves() -> None:
    operator = FineWebRules(
        min_punctuated_share=0.25, max_duplicate_char_share=0.25, max_short_share=0.5
    )
    long = ["a" * 30, "b" * 30 + "."]
    text = "\n".join([*long, "c" * 10, "d" * 9])
    assert broken_rules(operator, batch_of(text)) == [set()]
    assert broken_rules(operator, batch_of("abc\nabc\ndef\nghi!")) == [{"short_line_share"}]
    assert scores_of(operator, batch_of("abc\nabc\ndef\nghi"))["duplicate_line_char_share"] == [
        0.25
    ]


def test_a_line_of_exactly_min_line_chars_is_not_short() -> None:
    scores = scores_of(FineWebRules(), batch_of("a" * 30, "a" * 29))
    assert scores["short_line_share"] == [0.0, 1.0]


def test_lines_count_over_all_text_parts_and_blank_ones_do_not() -> None:
    batch = batch_of(["One.\n\n \nTwo", "Three\nOne."])
    assert scores_of(FineWebRules(), batch)["punctuated_line_share"] == [0.5]
    assert scores_of(FineWebRules(), batch)["duplicate_line_char_share"] == [pytest.approx(4 / 16)]
    over_text = scores_of(FineWebRules(over="text"), batch)
    assert over_text["punctuated_line_share"] == [0.5, 0.5]
    assert over_text["duplicate_line_char_share"] == [0.0, 0.0]


def test_short_lines_are_not_judged_in_scripts_without_spaces() -> None:
    scores = scores_of(FineWebRules(), batch_of("今天天气很好。\n我们去公园。"))
    assert np.isnan(scores["short_line_share"]).all()
    assert scores["punctuated_line_share"] == [1.0]


def test_texts_without_words_are_not_judged() -> None:
    assert broken_rules(FineWebRules(), batch_of("", [None], [])) == [set()] * 3
    assert np.isnan(list(scores_of(FineWebRules(), batch_of("")).values())).all()


def test_an_empty_batch_gives_empty_scores() -> None:
    for over in ("sample", "text"):
        scores = scores_of(FineWebRules(over=over), batch_of())
        assert set(map(tuple, scores.values())) == {()}


pieces = ["word", "a longer piece of text", ".", "?", ")", '"', " ", "\n", "\n"]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(st.sampled_from(pieces), max_size=15).map("".join), max_size=4))
def test_shares_are_those_of_the_plain_reading(texts: list[str]) -> None:
    scores = FineWebRules().build()(batch_of(*texts))
    for number, text in enumerate(texts):
        lines = [line.strip() for line in text.split("\n") if line.strip()]
        ends = sum(line.endswith((".", "?", '"')) for line in lines)
        again = [
            line
            for at, line in enumerate(lines)
            if line.split() in [earlier.split() for earlier in lines[:at]]
        ]
        short = sum(len(line) < 30 for line in lines)
        expected = {
            "punctuated_line_share": ends / len(lines) if lines else np.nan,
            "duplicate_line_char_share": (
                sum(map(len, again)) / sum(map(len, lines)) if lines else np.nan
            ),
            "short_line_share": short / len(lines) if lines else np.nan,
        }
        found = {name: scores[name][number] for name in expected}
        np.testing.assert_equal(found, {name: np.float32(x) for name, x in expected.items()})
