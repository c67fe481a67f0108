import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.c4_rules import C4Rules
from tests.text_batches import batch_of, broken_rules, scores_of

FIVE = "\n".join(["This is a sentence."] * 5)


def test_keeps_five_clean_sentences() -> None:
    assert broken_rules(C4Rules(), batch_of(FIVE)) == [set()]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (FIVE.removesuffix("\nThis is a sentence."), "sentences"),
        (FIVE + "\nThen came lorem ipsum dolor.", "lorem_ipsum_lines"),
        (FIVE + "\nLOREM IPSUM dolor.", "lorem_ipsum_lines"),
        (FIVE + "\nWe write { and so on.", "curly_bracket_lines"),
        (FIVE + "\nA menu that is far longer than all of the sentences taken together, and still "
         "without an end, so that it weighs more than they do", "clean_char_share"),
    ],
)  # fmt: skip
def test_a_text_breaks_exactly_one_rule(text: str, rule: str) -> None:
    assert broken_rules(C4Rules(), batch_of(text)) == [{rule}]


@pytest.mark.parametrize(
    ("line", "clean"),
    [
        ("Three words here.", True),
        ("Three words here!", True),
        ("Three words here?", True),
        ('She said "here."', True),
        ("She said “here”", True),
        ("今天好。", True),
        ("Three words here", False),
        ("Three words here,", False),
        ("Three words here...", False),
        ("Three words here…", False),
        ("Two words.", False),
        ("Please enable Javascript now.", False),
        ("See javascript:void(0) for it.", False),
        ("Read the Terms of Use.", False),
        ("Read our privacy policy.", False),
        ("Read our cookie policy.", False),
        ("This site uses cookies.", False),
        ("Accept the use of cookies.", False),
        ("We use cookies here.", False),
    ],
)
def test_a_line_is_clean_by_the_line_rules(line: str, clean: bool) -> None:
    scores = scores_of(C4Rules(over="text"), batch_of(line))
    assert scores["clean_char_share"] == [float(clean)]


def test_the_share_of_clean_characters_is_kept_at_its_bound() -> None:
    batch = batch_of("It is so.\nIt is not", "It is so.\nIt is not!!x")
    operator = C4Rules(over="text")
    assert scores_of(operator, batch)["clean_char_share"] == [0.5, pytest.approx(9 / 21)]
    assert broken_rules(operator, batch) == [set(), {"clean_char_share"}]


def test_sentences_count_on_clean_lines_only() -> None:
    text = "It is so. Is it? It is!\nOne. Two. Three\nIt was so e.g. then."
    assert scores_of(C4Rules(), batch_of(text))["sentences"] == [4.0]


def test_terminal_punctuation_can_be_left_out() -> None:
    operator = C4Rules(over="text", terminal_punctuation=False)
    batch = batch_of("A heading without end", "Two words")
    assert scores_of(operator, batch)["clean_char_share"] == [1.0, 0.0]


def test_fewer_words_per_line_can_be_allowed() -> None:
    operator = C4Rules(over="text", min_line_words=2)
    assert scores_of(operator, batch_of("Two words.", "One."))["clean_char_share"] == [1.0, 0.0]


def test_phrases_are_found_in_any_text_part_and_counted_by_line() -> None:
    batch = batch_of(["a {\nb {", "lorem ipsum"], ["c"])
    scores = scores_of(C4Rules(), batch)
    assert scores["curly_bracket_lines"] == [2.0, 0.0]
    assert scores["lorem_ipsum_lines"] == [1.0, 0.0]
    over_text = scores_of(C4Rules(over="text"), batch)
    assert over_text["curly_bracket_lines"] == [2.0, 0.0, 0.0]


def test_a_single_paragraph_needs_no_five_sentences() -> None:
    assert broken_rules(C4Rules(over="text"), batch_of("Just this one.")) == [set()]


def test_an_empty_text_has_too_few_sentences_and_no_share() -> None:
    batch = batch_of("", [None], [])
    assert np.isnan(scores_of(C4Rules(), batch)["clean_char_share"]).all()
    assert broken_rules(C4Rules(), batch) == [{"sentences"}] * 3


def test_an_empty_batch_gives_empty_scores() -> None:
    for over in ("sample", "text"):
        scores = scores_of(C4Rules(over=over), batch_of())
        assert set(map(tuple, scores.values())) == {()}


pieces = ["A b c.", "a b", "x", "...", " use cookies", "{", "JavaScript", " d.", "!", "\n", "\n"]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(st.sampled_from(pieces), max_size=12).map("".join), max_size=4))
def test_shares_are_those_of_the_plain_reading(texts: list[str]) -> None:
    scores = C4Rules(over="text").build()(batch_of(*texts))
    for number, text in enumerate(texts):
        lines = [line.strip() for line in text.split("\n") if line.strip()]
        clean = [
            line
            for line in lines
            if len(line.split()) >= 3
            and line.endswith((".", "!"))
            and not line.endswith("...")
            and not any(each in line.lower() for each in ("use cookies", "javascript"))
        ]
        share = sum(map(len, clean)) / sum(map(len, lines)) if lines else np.nan
        np.testing.assert_equal(scores["clean_char_share"][number], np.float32(share))
        assert scores["curly_bracket_lines"][number] == sum("{" in line for line in lines)
