import numpy as np
import pytest

from filters.character_repetition import CharacterRepetition
from tests.text_batches import batch_of, broken_rules, scores_of


def shares(*documents, **options):
    operator = CharacterRepetition(**options)
    return scores_of(operator, batch_of(*documents))["character_repetition_share"]


def test_a_text_of_different_characters_has_none():
    assert shares("abcdefghijklmnopqrstuvwxyz") == [0.0]


def test_the_most_frequent_ngrams_count_as_often_as_they_occur():
    # 2-grams ab ba ab ba ab bc: 3 different, the first one alone, three times of six
    assert shares("abababc", ngram_characters=2) == [0.5]


def test_only_the_first_sqrt_of_the_different_ngrams_count():
    # 1-grams: aaa bb cc d: 4 different, so the first two: 3 + 2 of 8
    assert shares("aaabbccd", ngram_characters=1) == [5 / 8]


def test_an_ngram_that_occurs_once_never_counts():
    # 1-grams: aa b c d e f g h i: 9 different, three might count, one occurs twice
    assert shares("aabcdefghi", ngram_characters=1) == [pytest.approx(2 / 10)]


def test_lines_are_joined_by_a_newline_and_ngrams_cross_it():
    # "a\nb", "\nba", "ba\n", "a\nb"
    assert shares(["a", "ba\nb"], ngram_characters=3) == [pytest.approx(2 / 4)]
    assert shares(["a", "ba\nb"], over="text", ngram_characters=3) == [
        pytest.approx(np.nan, nan_ok=True),
        pytest.approx(0.0),
    ]


def test_characters_of_several_bytes_are_one_each():
    assert shares("éßé😀éß", ngram_characters=2) == [pytest.approx(2 / 5)]


def test_a_text_on_the_bound_is_kept():
    operator = CharacterRepetition(ngram_characters=2, max_share=0.5)
    assert broken_rules(operator, batch_of("abababc", "abababab")) == [
        set(),
        {"character_repetition_share"},
    ]


def test_texts_shorter_than_an_ngram_are_not_judged():
    assert np.isnan(shares("", [None, " \n"], [], "123456789")).all()
    assert shares("1234567890") == [0.0]


def test_an_empty_batch_gives_empty_scores():
    assert shares() == shares(over="text") == []


def test_ngrams_of_no_characters_are_refused():
    with pytest.raises(ValueError, match="ngram_characters is 0, it must be at least 1"):
        CharacterRepetition(ngram_characters=0)
