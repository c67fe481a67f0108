import pytest

from filters.word_count import WordCount
from tests.text_batches import batch_of, broken_rules, scores_of


def test_counts_the_words_of_a_document_over_its_text_parts() -> None:
    assert scores_of(WordCount(), batch_of(["one two", "three"], [])) == {"words": [3.0, 0.0]}


def test_counts_the_words_of_each_text_part() -> None:
    batch = batch_of(["one two", None], ["three", ""])
    assert scores_of(WordCount(over="text"), batch) == {"words": [2.0, 0.0, 1.0, 0.0]}


def test_keeps_documents_from_min_to_max_words() -> None:
    batch = batch_of("a", "a b", "a b c", "a b c d")
    broken = broken_rules(WordCount(min_words=2, max_words=3), batch)
    assert broken == [{"words"}, set(), set(), {"words"}]


def test_ideographs_count_one_by_one() -> None:
    assert scores_of(WordCount(), batch_of("你好，世界。"))["words"] == [4.0]


def test_an_empty_batch_gives_no_scores() -> None:
    assert scores_of(WordCount(), batch_of()) == {"words": []}


def test_a_range_that_keeps_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match=r"lower bound of words, 9, exceeds the upper, 8"):
        WordCount(min_words=9, max_words=8)


def test_media_cannot_be_judged() -> None:
    with pytest.raises(ValueError, match="over is 'media'"):
        WordCount(over="media")
