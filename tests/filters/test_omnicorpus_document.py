import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.omnicorpus_document import OmnicorpusDocument
from tests.text_batches import batch_of, broken_rules, scores_of

GOOD = " ".join(["the", "quick", "fox", "and", "dog"] * 10)  # 50 words


def test_keeps_plain_prose() -> None:
    assert broken_rules(OmnicorpusDocument(), batch_of(GOOD)) == [set()]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (GOOD.rsplit(" ", 1)[0], "words"),
        (GOOD.replace("quick", "a" * 50), "mean_word_length"),
        ("I a " * 50 + "the of", "mean_word_length"),
        (GOOD + " 2026" * 13, "alphabetic_word_share"),
        (GOOD.replace("and", "und").replace("the", "die"), "stop_words"),
    ],
)
def test_a_text_breaks_exactly_one_rule(text: str, rule: str) -> None:
    assert broken_rules(OmnicorpusDocument(), batch_of(text)) == [{rule}]


def test_the_same_stop_word_twice_is_enough() -> None:
    batch = batch_of("the fox The dog", "the fox")
    operator = OmnicorpusDocument(min_words=2, min_longest_paragraph=1)
    assert scores_of(operator, batch)["stop_words"] == [2.0, 1.0]
    assert broken_rules(operator, batch) == [set(), {"stop_words"}]


def test_documents_of_short_paragraphs_alone_are_dropped() -> None:
    short, long = " ".join(["and the fox"] * 3), " ".join(["and the old fox"] * 3)
    of_34, of_35 = "and the " * 17, "and the " * 17 + "fox"
    operator = OmnicorpusDocument(min_words=1)
    batch = batch_of([short] * 6, [long] * 5, [short] * 6 + [of_34], [short] * 6 + [of_35])
    longest = scores_of(operator, batch)["longest_paragraph"]
    assert longest == pytest.approx([9, np.nan, np.nan, np.nan], nan_ok=True)  # means 9, 12, ...
    batch = batch_of([short] * 9 + [of_34], [short] * 9 + [of_35])  # means 11.5, 11.6
    assert scores_of(operator, batch)["longest_paragraph"] == [34.0, 35.0]
    assert broken_rules(operator, batch) == [{"longest_paragraph"}, set()]


def test_headings_lists_and_tables_are_no_paragraphs() -> None:
    marked = [f"# {GOOD}", f"- {GOOD}", f"| {GOOD} |"]
    scores = scores_of(OmnicorpusDocument(), batch_of(marked, [*marked, "the fox"]))
    assert scores["longest_paragraph"] == [0.0, 2.0]


def test_abstains_on_other_scripts_and_languages() -> None:
    batch = batch_of("今天天气很好，我们去公园散步。", "die Mühle steht", tags=[[], ["lang:de"]])
    scores = scores_of(OmnicorpusDocument(), batch)
    assert np.isnan(scores["stop_words"]).all()
    assert np.isnan(scores["mean_word_length"]).tolist() == [True, False]


def test_an_empty_text_is_judged_by_its_number_of_words_alone() -> None:
    assert broken_rules(OmnicorpusDocument(), batch_of("", [None, " "], [])) == [{"words"}] * 3


def test_an_empty_batch_gives_empty_scores() -> None:
    assert set(map(tuple, scores_of(OmnicorpusDocument(), batch_of()).values())) == {()}


pieces = ["the", "And", "to,", "fox", "7", "–", "é", "x" * 30, " ", " ", " ", "\n", "\n\n", "# "]
texts = st.lists(st.sampled_from(pieces), max_size=40).map("".join)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(texts, max_size=4), max_size=4))
def test_scores_are_those_of_the_plain_reading(documents: list[list[str]]) -> None:
    scores = OmnicorpusDocument().build()(batch_of(*documents))
    for number, parts in enumerate(documents):
        words = [word for part in parts for word in part.split()]
        stop = {"the", "is", "are", "am", "to", "of", "and", "that", "have", "with"}
        paragraphs = [
            len(part.split())
            for part in parts
            if part.split() and part.split()[0] != "#" * len(part.split()[0])
        ]
        mean = sum(paragraphs) / len(paragraphs) if paragraphs else 0
        expected = {
            "words": len(words),
            "mean_word_length": sum(map(len, words)) / len(words) if words else np.nan,
            "alphabetic_word_share": _letters(words) / len(words) if words else np.nan,
            "stop_words": sum(_core(word) in stop for word in words) if words else np.nan,
            "longest_paragraph": max(paragraphs, default=0) if words and mean < 12 else np.nan,
        }
        np.testing.assert_equal(
            {name: scores[name][number] for name in expected},
            {name: np.float32(value) for name, value in expected.items()},
        )


def _letters(words: list[str]) -> int:
    return sum(any(map(str.isalpha, word)) for word in words)


def _core(word: str) -> str:
    return word.strip("#,–").lower()
