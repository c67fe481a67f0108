import numpy as np
import pytest

from filters.word_repetition import WordRepetition
from tests.text_batches import batch_of, broken_rules, scores_of


def shares(*documents, **options):
    operator = WordRepetition(**options)
    return scores_of(operator, batch_of(*documents))["word_repetition_share"]


def test_ngrams_that_occur_more_than_once_count_each_time():
    assert shares("a b c d e f a b c d e") == [pytest.approx(2 / 7)]
    assert shares("a b a b a c", ngram_words=2) == [pytest.approx(4 / 5)]


def test_case_and_marks_make_no_difference_and_marks_are_no_words():
    assert shares("The mill, “the” MILL!", ngram_words=2) == [pytest.approx(2 / 3)]
    assert shares("the - mill * the mill", ngram_words=2) == [pytest.approx(2 / 3)]


def test_ngrams_cross_the_lines_and_texts_of_a_document_but_not_documents():
    assert shares(["a b", "a\nb"], "a b", ngram_words=2) == [pytest.approx(2 / 3), 0.0]
    assert shares(["a b a b", "a"], over="text", ngram_words=2) == pytest.approx(
        [2 / 3, np.nan], nan_ok=True
    )


def test_a_text_on_the_bound_is_kept():
    operator = WordRepetition(ngram_words=1, max_share=0.5)
    assert broken_rules(operator, batch_of("a a b c", "a a b")) == [
        set(),
        {"word_repetition_share"},
    ]


def test_short_texts_and_scripts_without_spaces_are_not_judged():
    batch = ("", [None, " \n"], [], "a b c d", "水車は粉をひく。" * 9)
    assert np.isnan(shares(*batch)).all()
    assert shares("a b c d e") == [0.0]


def test_an_empty_batch_gives_empty_scores():
    assert shares() == shares(over="text") == []


def test_ngrams_of_no_words_are_refused():
    with pytest.raises(ValueError, match="ngram_words is 0, it must be at least 1"):
        WordRepetition(ngram_words=0)
