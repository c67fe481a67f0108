from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.text_repetition import TextRepetition
from stages.tokens import Tokens
from tests.text_batches import batch_of, broken_rules, scores_of

WORDS = [f"w{i:02d}" for i in range(40)]  # three characters each


def test_a_text_without_repetition_scores_zero_everywhere() -> None:
    scores = scores_of(TextRepetition(), batch_of(" ".join(WORDS)))
    assert {value for values in scores.values() for value in values} == {0.0}


def test_duplicate_lines_are_counted_from_their_second_occurrence() -> None:
    scores = scores_of(TextRepetition(), batch_of("aa\nb\naa\nb c\naa\nd e\nf g h\ni"))
    assert scores["duplicate_line_share"] == [0.25]
    assert scores["duplicate_line_char_share"] == [pytest.approx(4 / 19)]


def test_a_document_repeats_a_paragraph_of_another_text_part() -> None:
    batch = batch_of(["one two\nthree", "four five", "one two\nthree", "six"])
    assert scores_of(TextRepetition(), batch)["duplicate_paragraph_share"] == [0.25]
    over_text = scores_of(TextRepetition(over="text"), batch)
    assert over_text["duplicate_paragraph_share"] == [0.0] * 4


def test_the_same_lines_in_other_documents_are_no_repetition() -> None:
    scores = scores_of(TextRepetition(), batch_of("one two three", "one two three"))
    assert scores["duplicate_line_share"] == [0.0, 0.0]


def test_the_most_frequent_2gram_covers_its_words_once() -> None:
    # "a a" stands at words 0-1, 1-2 and 2-3: four of eight characters
    scores = scores_of(TextRepetition(), batch_of("a a a a b c d e"))
    assert scores["top_2gram_char_share"] == [0.5]
    assert scores["top_3gram_char_share"] == [0.5]
    assert scores["top_4gram_char_share"] == [0.0]  # occurs once


def test_of_equally_frequent_ngrams_the_longest_counts() -> None:
    scores = scores_of(TextRepetition(), batch_of("a b cccc dddd a b eee cccc dddd"))
    assert scores["top_2gram_char_share"] == [pytest.approx(16 / 23)]


def test_repeated_5grams_count_without_their_first_occurrence() -> None:
    text = " ".join([*WORDS[:15], *WORDS[:5]])
    scores = scores_of(TextRepetition(), batch_of(text))
    assert scores["repeated_5gram_char_share"] == [0.25]
    assert scores["repeated_6gram_char_share"] == [0.0]


def test_overlapping_repeated_ngrams_count_a_word_once() -> None:
    text = " ".join([*WORDS[:10], *WORDS[:10]])
    scores = scores_of(TextRepetition(), batch_of(text))
    assert [scores[f"repeated_{n}gram_char_share"] for n in range(5, 11)] == [[0.5]] * 6


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("\n".join(["a", "a", *(f"{word} of its own" for word in WORDS[:1]), "a"]), "line"),
        ("\n\n".join(["a\nb", f"c {' '.join(WORDS)}", "a\nb", "a\nb"]), "paragraph"),
    ],
)
def test_a_unit_said_too_often_is_dropped_for_it(text: str, rule: str) -> None:
    assert f"duplicate_{rule}_share" in broken_rules(TextRepetition(), batch_of(text))[0]


def test_exactly_max_share_is_kept_and_the_next_is_dropped() -> None:
    batch = batch_of("a\nb b\na\nc d e", "a\nb b\na\nc d e\na")
    kept = TextRepetition(max_share=0.25, max_char_share=1.0, max_top_ngram_share=(1.0, 1.0, 1.0))
    broken = broken_rules(kept, batch)
    assert broken == [set(), {"duplicate_line_share"}]


def test_a_repeated_phrase_breaks_only_the_ngram_rules() -> None:
    text = " ".join([*WORDS[:26], *WORDS[:5]])  # 5 of 31 words: 0.161 > 0.15
    lenient = TextRepetition(max_top_ngram_share=(1.0, 1.0, 1.0))
    assert broken_rules(lenient, batch_of(text)) == [{"repeated_5gram_char_share"}]


def test_texts_without_words_are_not_judged() -> None:
    batch = batch_of("", [], [None, " \n"])
    assert broken_rules(TextRepetition(), batch) == [set()] * 3
    assert all(np.isnan(values).all() for values in TextRepetition().build()(batch).values())


def test_an_empty_batch_gives_empty_scores() -> None:
    assert set(map(tuple, scores_of(TextRepetition(), batch_of()).values())) == {()}
    assert set(map(tuple, scores_of(TextRepetition(over="text"), batch_of()).values())) == {()}


def test_the_wrong_number_of_ngram_bounds_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"max_top_ngram_share needs one .* \[2, 3, 4\], got \[1\]"
    ):
        TextRepetition(max_top_ngram_share=(1,))


# --- an independent reading of table A1, in plain Python ---


def reference(words: list[str]) -> dict[str, float]:
    total = sum(map(len, words))
    scores = {}
    for n in range(2, 11):
        grams = [tuple(words[at : at + n]) for at in range(len(words) - n + 1)]
        counts = Counter(grams)
        if n < 5:
            highest = max(counts.values(), default=0)
            covered = [
                {i for at, each in enumerate(grams) if each == gram for i in range(at, at + n)}
                for gram, count in counts.items()
                if count == highest > 1
            ]
            name = f"top_{n}gram_char_share"
        else:
            again = [at for at, gram in enumerate(grams) if gram in grams[:at]]
            covered = [{i for at in again for i in range(at, at + n)}]
            name = f"repeated_{n}gram_char_share"
        chars = max((sum(len(words[i]) for i in each) for each in covered), default=0)
        scores[name] = np.float32(chars / total) if total else np.nan
    return scores


documents = st.lists(
    st.lists(st.sampled_from(["a", "bb", "ccc", "x1", "the"]), max_size=30)
    | st.lists(st.sampled_from("ab"), max_size=30).map(lambda half: half + half),
    max_size=4,
)


@settings(max_examples=200, deadline=None)
@given(documents)
def test_ngram_shares_are_those_of_the_plain_reading(texts: list[list[str]]) -> None:
    scores = TextRepetition().build()(batch_of(*(" ".join(words) for words in texts)))
    for number, words in enumerate(texts):
        expected = reference(words)
        found = {name: scores[name][number] for name in expected}
        np.testing.assert_equal(found, expected)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.sampled_from(["a", "b b", "c", ""]), max_size=8), max_size=4))
def test_line_shares_are_those_of_the_plain_reading(texts: list[list[str]]) -> None:
    scores = TextRepetition().build()(batch_of(*("\n".join(lines) for lines in texts)))
    for number, written in enumerate(texts):
        lines = [line for line in written if line]
        again = [line for at, line in enumerate(lines) if line in lines[:at]]
        share = len(again) / len(lines) if lines else np.nan
        chars = sum(map(len, again)) / sum(map(len, lines)) if lines else np.nan
        found = [scores[f"duplicate_line_{each}share"][number] for each in ("", "char_")]
        np.testing.assert_equal(found, [np.float32(share), np.float32(chars)])


def test_tokens_are_made_once_for_all_filters(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = batch_of("one two three")
    tokens: Tokens = batch.tokens()
    monkeypatch.setattr("stages.tokens.tokenize", None)
    TextRepetition().build()(batch)
    assert batch.tokens() is tokens


def test_ngrams_of_scripts_without_spaces_are_not_judged() -> None:
    scores = scores_of(TextRepetition(), batch_of("水車は粉をひく。" * 9))
    assert np.isnan(scores["repeated_5gram_char_share"]).all()
    assert scores["duplicate_line_share"] == [0.0]
