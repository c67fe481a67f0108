import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.flagged_words import FlaggedWords
from stages.errors import NotReadyError
from tests.text_batches import batch_of, broken_rules, scores_of


@pytest.mark.parametrize(("words", "kept"), [(100, True), (99, False)])
def test_a_text_on_the_bound_is_kept(words: int, kept: bool) -> None:
    batch = batch_of("Rot! " + "corn " * (words - 1))
    assert (broken_rules(FlaggedWords(words=("rot",)), batch) == [set()]) == kept


def test_words_come_from_the_option_and_from_the_file(tmp_path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("Mildew\n\nweevil\n")
    operator = FlaggedWords(words=("rot",), words_path=str(path))
    operator.check()
    batch = batch_of("Rot, mildew and WEEVIL")
    assert scores_of(operator, batch)["flagged_word_share"] == [0.75]


def test_a_flagged_word_inside_another_does_not_count() -> None:
    batch = batch_of("rotation carrot rot-proof")
    assert scores_of(FlaggedWords(words=("rot",)), batch)["flagged_word_share"] == [0.0]


def test_text_parts_are_judged_one_by_one_and_empty_ones_not_at_all() -> None:
    batch = batch_of(["rot corn", "corn"], ["", "rot"])
    shares = scores_of(FlaggedWords(words=("rot",), over="text"), batch)["flagged_word_share"]
    np.testing.assert_equal(shares, [0.5, 0.0, np.nan, 1.0])


def test_a_recipe_that_flags_no_words_is_refused() -> None:
    with pytest.raises(NotReadyError, match="set words or words_path"):
        FlaggedWords().check()


def test_a_file_that_is_missing_is_refused(tmp_path) -> None:
    with pytest.raises(NotReadyError, match="nowhere"):
        FlaggedWords(words_path=str(tmp_path / "nowhere")).check()


def test_an_entry_of_two_words_is_refused_and_its_file_named(tmp_path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("black rot\n")
    with pytest.raises(NotReadyError, match=r"words.txt.*'black rot' is 2 words"):
        FlaggedWords(words_path=str(path)).check()
    with pytest.raises(ValueError, match="'black rot' is 2 words"):
        FlaggedWords(words=("black rot",))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.lists(st.sampled_from(["rot", "Rot!", "corn", "rots", " ", "\n"])).map("".join),
        max_size=4,
    )
)
def test_the_score_is_that_of_the_plain_reading(texts: list[str]) -> None:
    scores = FlaggedWords(words=("rot",)).build()(batch_of(*texts))
    for text, found in zip(texts, scores["flagged_word_share"], strict=True):
        words = [word.strip("!").lower() for word in text.split()]
        expected = np.float32(words.count("rot") / len(words)) if words else np.nan
        np.testing.assert_equal(found, expected)
