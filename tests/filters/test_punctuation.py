import numpy as np
import pytest

from filters.punctuation import Punctuation
from tests.text_batches import batch_of, broken_rules, scores_of


def shares(*documents, **options):
    return scores_of(Punctuation(**options), batch_of(*documents))["punctuation_share"]


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("one two, three.", 2 / 5),
        ("a,b;c:d?e!f.", 6 / 12),
        ("it's a don't_do", 0.0),
        ("pi is 3.5", 1 / 5),
        ("no (marks) here – at all", 0.0),
        ("...", 1.0),
        ("e\u0301te\u0301.", 1 / 2),
        ("was ist das?\nich weiß es!", 2 / 8),
    ],
)
def test_marks_are_counted_among_words_and_marks(text, share):
    assert shares(text) == [pytest.approx(share)]


def test_short_texts_are_not_judged():
    texts = ["one two three four", "one two three four five", "one two, three four"]
    assert shares(*texts, min_judged=5) == pytest.approx([np.nan, 0.0, 1 / 5], nan_ok=True)


def test_a_text_on_the_bound_is_kept():
    assert broken_rules(Punctuation(min_share=0.25), batch_of("a b c.", "a b c d.")) == [
        set(),
        {"punctuation_share"},
    ]


def test_texts_are_judged_one_by_one_or_together():
    assert shares(["a b", "c."], "d.") == [pytest.approx(1 / 4), 0.5]
    assert shares(["a b", "c."], "d.", over="text") == [0.0, 0.5, 0.5]


def test_texts_without_words_and_scripts_without_spaces_are_not_judged():
    assert np.isnan(shares("", [None, " \n"], [], "(*)", "今天天气很好，我们去公园散步。")).all()


def test_an_empty_batch_gives_empty_scores():
    assert shares() == shares(over="text") == []
