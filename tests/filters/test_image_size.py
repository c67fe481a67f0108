"""ImageSize."""

from pathlib import Path

import pytest

from filters.image_size import ImageSize
from stages.media import MediaStore
from stages.record import table_of
from stages.stage import Batch


def kept(*sizes, type_="image", **options):
    media = [{"type": type_, "width_px": w, "height_px": h} for w, h in sizes]
    batch = Batch(table=table_of([{"media": media}]), store=MediaStore(root=Path(".")))
    filter_ = ImageSize(**options)
    scores = filter_.build()(batch)
    keeps = [limit.keeps(scores[limit.score]) for limit in filter_.limits()]
    return [bool(short and long) for short, long in zip(*keeps, strict=True)]


def test_the_short_side_must_reach_the_minimum():
    assert kept((150, 300), (149, 300), (300, 150), (300, 149)) == [True, False, True, False]


def test_the_long_side_must_not_pass_the_maximum():
    assert kept((20_000, 150), (20_001, 150), (150, 20_001)) == [True, False, False]


def test_an_image_of_unknown_size_is_not_judged():
    assert kept((None, None), (10, 10)) == [True, False]


def test_a_video_is_not_judged():
    assert kept((10, 10), type_="video") == [True]


def test_the_range_must_not_be_empty():
    with pytest.raises(ValueError, match=r"self.min_side_px=9 must lie in"):
        ImageSize(min_side_px=9, max_side_px=8)
