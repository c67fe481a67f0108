from pathlib import Path

import numpy as np
import pytest

from filters.common_words import CommonWords
from stages.engines.count_words import common_words, main
from stages.engines.training_texts import TINY_WORDS, example_texts
from stages.errors import NotReadyError
from tests.text_batches import batch_of, broken_rules, scores_of


@pytest.fixture
def words(tmp_path: Path) -> str:
    path = tmp_path / "words.txt"
    path.write_text("the\nMill\ndon't\n")
    return str(path)


def test_words_are_found_without_case_and_marks(words: str) -> None:
    batch = batch_of("“The” mill, DON'T stop", ["the mill", "stop"])
    operator = CommonWords(words_path=words)
    assert scores_of(operator, batch)["common_word_share"] == pytest.approx([3 / 4, 2 / 3])
    over_text = scores_of(CommonWords(words_path=words, over="text"), batch)
    assert over_text["common_word_share"] == [0.75, 1.0, 0.0]


def test_a_text_on_the_bound_is_kept(words: str) -> None:
    operator = CommonWords(words_path=words, min_share=0.5)
    assert broken_rules(operator, batch_of("the x", "the x y")) == [set(), {"common_word_share"}]


def test_what_the_list_is_not_for_is_not_judged(words: str) -> None:
    batch = batch_of("", "das Haus", "今天天气很好", tags=[[], ["lang:de"], []])
    assert np.isnan(scores_of(CommonWords(words_path=words), batch)["common_word_share"]).all()
    german = CommonWords(words_path=words, language="de")
    assert scores_of(german, batch)["common_word_share"][1] == 0.0


def test_an_empty_batch_gives_empty_scores() -> None:
    for over in ("sample", "text"):
        assert scores_of(CommonWords(over=over), batch_of()) == {"common_word_share": []}


def test_a_list_that_cannot_be_used_is_missed_before_a_run(tmp_path: Path) -> None:
    with pytest.raises(NotReadyError, match=r"cannot read the list 'words\.txt'"):
        CommonWords(words_path="words.txt").check()
    (tmp_path / "two.txt").write_text("as well\n")
    with pytest.raises(NotReadyError, match=r"words_path .*two\.txt': 'as well' is 2 words"):
        CommonWords(words_path=str(tmp_path / "two.txt")).check()


def test_the_tiny_list_knows_most_words_of_english_prose() -> None:
    prose = "We walked along the river until it began to rain, and nobody had brought a coat."
    lists = "sku 4417 hdmi cable 2m black x3 usb-c charger 65w gan"
    of_prose, of_list = scores_of(CommonWords(), batch_of(prose, lists))["common_word_share"]
    assert of_prose > 0.8
    assert of_list < 0.4


# --- the command that makes lists ---


def test_the_most_frequent_words_come_first_and_rare_ones_not_at_all() -> None:
    texts = ["The mill. The WHEEL – (wheel)", "the “mill's” wheel & mill"]
    assert common_words(texts, min_count=2) == ["the", "wheel", "mill"]
    assert common_words(texts, min_count=1) == ["the", "wheel", "mill", "mill's"]


def test_the_command_reads_files_and_writes_a_list(tmp_path: Path, capsys) -> None:
    (tmp_path / "a.txt").write_text("to be or not to be")
    main(["--read", str(tmp_path / "a.txt"), "--out", str(tmp_path / "w"), "--min-count", "2"])
    assert (tmp_path / "w").read_text() == "be\nto\n"
    assert capsys.readouterr().out.startswith("2 words: ")


def test_the_tiny_list_is_what_the_command_makes() -> None:
    made = common_words(list(example_texts()), min_count=1)
    assert TINY_WORDS.read_text(encoding="utf-8").splitlines() == made
