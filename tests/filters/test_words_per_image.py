import numpy as np
import pytest

from filters.words_per_image import WordsPerImage
from tests.text_batches import batch_of, broken_rules, scores_of


def images(count: int) -> list[dict[str, str]]:
    return [{"type": "image"}] * count


def test_documents_of_up_to_two_images_are_not_judged() -> None:
    batch = batch_of("few words", "few words", "few words", media=[images(n) for n in (0, 2, 3)])
    scores = scores_of(WordsPerImage(), batch)["words_per_image"]
    assert np.isnan(scores).tolist() == [True, True, False]
    assert broken_rules(WordsPerImage(), batch) == [set(), set(), {"words_per_image"}]


def test_exactly_fifty_words_per_image_are_kept() -> None:
    batch = batch_of("word " * 200, "word " * 199, media=[images(4)] * 2)
    assert scores_of(WordsPerImage(), batch)["words_per_image"] == [50.0, 49.75]
    assert broken_rules(WordsPerImage(), batch) == [set(), {"words_per_image"}]


def test_words_of_all_text_parts_count_and_videos_do_not() -> None:
    batch = batch_of(["one two", "three"], media=[[*images(1), {"type": "video"}]])
    scores = scores_of(WordsPerImage(max_unjudged_images=0), batch)
    assert scores == {"words_per_image": [3.0]}


def test_an_empty_batch_gives_no_scores() -> None:
    assert scores_of(WordsPerImage(), batch_of()) == {"words_per_image": []}


def test_a_negative_count_is_refused() -> None:
    with pytest.raises(ValueError, match="max_unjudged_images is -1, bounds must be"):
        WordsPerImage(max_unjudged_images=-1)
