"""ImageAspectRatio."""

from pathlib import Path

import pytest

from filters.image_aspect_ratio import ImageAspectRatio
from stages.media import MediaStore
from stages.record import table_of
from stages.stage import Batch


def kept(*sizes, **options):
    media = [{"type": "image", "width_px": w, "height_px": h} for w, h in sizes]
    batch = Batch(table=table_of([{"media": media}]), store=MediaStore(root=Path(".")))
    filter_ = ImageAspectRatio(**options)
    [limit] = filter_.limits()
    return limit.keeps(filter_.build()(batch)[limit.score]).tolist()


def test_the_ratio_of_long_to_short_side_may_reach_the_maximum():
    assert kept((200, 100), (201, 100), (100, 200), (100, 201)) == [True, False, True, False]


def test_another_maximum_can_be_set():
    assert kept((400, 100), (401, 100), max_aspect_ratio=4.0) == [True, False]


def test_an_image_of_unknown_size_is_not_judged():
    assert kept((None, None), (900, 100)) == [True, False]


def test_a_ratio_below_one_is_refused():
    with pytest.raises(ValueError, match=r"must be at least 1, got 0\.5"):
        ImageAspectRatio(max_aspect_ratio=0.5)
