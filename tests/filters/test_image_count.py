import pytest

from filters.image_count import ImageCount
from tests.text_batches import batch_of, broken_rules, scores_of


def media(*types: str) -> list[dict[str, str]]:
    return [{"type": each} for each in types]


def test_counts_images_and_not_videos() -> None:
    batch = batch_of("a", "b", media=[media("image", "video", "image"), []])
    assert scores_of(ImageCount(), batch) == {"images": [2.0, 0.0]}


def test_keeps_documents_from_min_to_max_images() -> None:
    batch = batch_of(*"abcd", media=[media(*["image"] * count) for count in range(4)])
    broken = broken_rules(ImageCount(min_images=1, max_images=2), batch)
    assert broken == [{"images"}, set(), set(), {"images"}]


def test_keeps_one_to_thirty_images_by_default() -> None:
    batch = batch_of(*"abcd", media=[media(*["image"] * count) for count in (0, 1, 30, 31)])
    assert broken_rules(ImageCount(), batch) == [{"images"}, set(), set(), {"images"}]


def test_an_empty_batch_gives_no_scores() -> None:
    assert scores_of(ImageCount(), batch_of()) == {"images": []}


def test_a_range_that_keeps_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match=r"lower bound of images, 2, exceeds the upper, 1"):
        ImageCount(min_images=2, max_images=1)
