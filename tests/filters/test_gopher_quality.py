import re
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.gopher_quality import GopherQuality
from tests.text_batches import batch_of, broken_rules, scores_of

GOOD = " ".join(["the", "quick", "fox", "and", "dog"] * 10)  # 50 words


def test_keeps_plain_prose() -> None:
    assert broken_rules(GopherQuality(), batch_of(GOOD)) == [set()]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (GOOD.rsplit(" ", 1)[0], "words"),
        (GOOD.replace("quick", "a" * 50), "mean_word_length"),
        ("I a " * 50 + "the of", "mean_word_length"),
        (GOOD + " #a" * 6, "hash_mark_ratio"),
        (GOOD.replace("quick", "qui...ck"), "ellipsis_ratio"),
        (GOOD.replace("quick", "qui…ck"), "ellipsis_ratio"),
        ("\n".join(["• the dog and all the others"] * 10), "bullet_line_share"),
        ("\n".join(["- the dog and all the others"] * 10), "bullet_line_share"),
        ("\n".join(["the dog and all the others of them we saw and all of those..."] * 5),
         "ellipsis_line_share"),
        (GOOD + " 2026" * 13, "alphabetic_word_share"),
        (GOOD.replace("and", "und"), "stop_words"),
    ],
)  # fmt: skip
def test_a_text_breaks_exactly_one_rule(text: str, rule: str) -> None:
    assert broken_rules(GopherQuality(), batch_of(text)) == [{rule}]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"min_words": 4, "max_words": 4}, "the to andy word"),
        ({"max_mean_word_length": 4}, "the to andy abandon"),
        ({"min_mean_word_length": 4}, "the to andy abandon"),
        ({"max_symbol_ratio": 0.25}, "the to #tag word"),
        ({"max_symbol_ratio": 0.25}, "the to and... word"),
        ({"max_bullet_line_share": 0.5}, "- that andy\nto bananas"),
        ({"max_ellipsis_line_share": 0.5, "max_symbol_ratio": 1.0}, "the andy...\nto word"),
        ({"min_alphabetic_share": 0.75}, "the andy to 2026"),
        ({"min_stop_words": 2}, "the andy to word"),
    ],
)
def test_a_text_on_the_bound_is_kept(options: dict[str, float], text: str) -> None:
    operator = GopherQuality(**{"min_words": 4, **options})
    assert broken_rules(operator, batch_of(text)) == [set()]


def test_scores_are_the_quantities_named() -> None:
    batch = batch_of(["- The end, to be #1…\nof that", "42"])
    scores = scores_of(GopherQuality(), batch)
    assert scores["words"] == [9.0]  # "-", The, end, to be #1… of that 42
    assert scores["mean_word_length"] == [pytest.approx(23 / 9)]
    assert scores["hash_mark_ratio"] == scores["ellipsis_ratio"] == [pytest.approx(1 / 9)]
    assert scores["bullet_line_share"] == scores["ellipsis_line_share"] == [pytest.approx(1 / 3)]
    assert scores["alphabetic_word_share"] == [pytest.approx(6 / 9)]
    assert scores["stop_words"] == [5.0]  # the to be of that


def test_marks_of_headings_are_not_hash_marks() -> None:
    texts = ["###### the to", "a\n ## b\n#c d", "the # to of", "####### of"]
    scores = scores_of(GopherQuality(), batch_of(*texts))
    assert scores["hash_mark_ratio"] == [0.0, pytest.approx(1 / 5), 0.25, 3.5]


def test_the_same_stop_word_twice_counts_once() -> None:
    assert scores_of(GopherQuality(), batch_of("The the THE “the”."))["stop_words"] == [1.0]


def test_text_parts_are_judged_one_by_one() -> None:
    batch = batch_of(["the and", "bananas"], ["of"])
    scores = scores_of(GopherQuality(over="text"), batch)
    assert scores["stop_words"] == [2.0, 0.0, 1.0]
    assert scores["words"] == [2.0, 1.0, 1.0]


def test_word_lengths_and_stop_words_abstain_on_scripts_without_spaces() -> None:
    batch = batch_of("今天天气很好，我们去公园散步。", "ภาษาไทยไม่มีช่องว่าง ระหว่างคำ", "plain words")
    scores = scores_of(GopherQuality(), batch)
    assert np.isnan(scores["mean_word_length"]).tolist() == [True, True, False]
    assert np.isnan(scores["stop_words"]).tolist() == [True, True, False]
    assert not np.isnan(scores["alphabetic_word_share"]).any()


def test_stop_words_abstain_on_rows_tagged_with_another_language() -> None:
    tags = [["news", "lang:de"], ["lang:en"], ["news"], []]
    batch = batch_of(["eins", "zwei"], "one", "two", "three", tags=tags)
    judged = ~np.isnan(scores_of(GopherQuality(), batch)["stop_words"])
    assert judged.tolist() == [False, True, True, True]
    judged = ~np.isnan(scores_of(GopherQuality(over="text"), batch)["stop_words"])
    assert judged.tolist() == [False, False, True, True, True]


def test_stop_words_of_another_language_can_be_given() -> None:
    german = GopherQuality(stop_words=("und", "die", "der"), language="de")
    batch = batch_of("die Katze und der Hund", tags=[["lang:de"]])
    assert scores_of(german, batch)["stop_words"] == [3.0]


def test_a_stop_word_of_two_words_is_refused() -> None:
    with pytest.raises(ValueError, match="'as well' is 2 words"):
        GopherQuality(stop_words=("as well",)).build()


def test_an_empty_text_is_judged_by_its_number_of_words_alone() -> None:
    assert broken_rules(GopherQuality(), batch_of("", [None], [])) == [{"words"}] * 3


def test_an_empty_batch_gives_empty_scores() -> None:
    for over in ("sample", "text"):
        scores = scores_of(GopherQuality(over=over), batch_of())
        assert set(map(tuple, scores.values())) == {()}


def reference(text: str) -> dict[str, float]:
    words, lines = text.split(), [line.strip() for line in text.split("\n") if line.strip()]
    trimmed = {word.strip("#.…•-,").lower() for word in words}
    ends = ("...", "…")
    return {
        "words": len(words),
        "mean_word_length": ratio(map(len, words), words),
        "hash_mark_ratio": HEADING.sub("", text).count("#") / len(words) if words else np.nan,
        "ellipsis_ratio": ratio((w.count("...") + w.count("…") for w in words), words),
        "bullet_line_share": ratio((s[0] == "•" or s.split()[0] == "-" for s in lines), lines),
        "ellipsis_line_share": ratio((line.endswith(ends) for line in lines), lines),
        "alphabetic_word_share": ratio((any(map(str.isalpha, w)) for w in words), words),
        "stop_words": len(trimmed & set(GopherQuality().stop_words)) if words else np.nan,
    }


def ratio(values: Sequence[float] | map, whole: list[str]) -> float:
    return sum(values) / len(whole) if whole else np.nan


HEADING = re.compile(r"^\s*#{1,6}(?!\S)", re.MULTILINE)
pieces = [
    "the",
    "And",
    "to,",
    "fox",
    "#tag",
    "##",
    "\n### ",
    "...",
    "x…",
    "•",
    "-",
    "7",
    " ",
    " ",
    "\n",
    "\n\n",
]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(st.sampled_from(pieces), max_size=20).map("".join), max_size=4))
def test_scores_are_those_of_the_plain_reading(texts: list[str]) -> None:
    scores = GopherQuality().build()(batch_of(*texts))
    for number, text in enumerate(texts):
        expected = {name: np.float32(value) for name, value in reference(text).items()}
        np.testing.assert_equal({name: scores[name][number] for name in scores}, expected)
