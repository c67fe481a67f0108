"""Which side outweighs, what is trimmed of it, and what is dropped because nothing helps."""

import itertools
from functools import partial

import numpy as np
import pytest

from filters.density_balance import DensityBalance
from pipelines.recipe import Step
from pipelines.walk import walk
from stages.record import document, media_part, text_part
from stages.text_information import BYTES_PER_TOKEN
from tests.fakes import batch_of, texts_of

Balance = partial(DensityBalance, target_ratio=1)
TOKENS = 100
"""Visual tokens of a picture of 280 x 280 px."""


def _picture(information=1.0, best=None, side_px=280):
    scores = {"density.information": information}
    if best is not None:
        scores["clip.best"] = best
    return {"type": "image", "width_px": side_px, "height_px": side_px, "scores": scores}


def _text(tokens, seed):
    """A text of random letters, that cannot be compressed to less than 0.4 of its size."""
    letters = np.random.default_rng(seed).integers(97, 123, round(tokens * BYTES_PER_TOKEN))
    return letters.astype(np.uint8).tobytes().decode()


def _row(*parts):
    """A document of pictures (dict) and texts (tokens)."""
    media = [part for part in parts if isinstance(part, dict)]
    number = itertools.count()
    made = [
        media_part(next(number)) if isinstance(part, dict) else text_part(_text(part, place))
        for place, part in enumerate(parts)
    ]
    return {"id": "a", "kind": "interleaved", "messages": document(made), "media": media}


def _scores(filter_, *rows):
    return filter_.build()(batch_of(rows))


def test_balance_is_1_at_the_target_and_falls_with_the_ratio_to_either_side():
    rows = [_row(_picture(), tokens) for tokens in (25, 50, 100, 200, 400)]
    found = _scores(Balance(), *rows)
    np.testing.assert_allclose(found["ratio"], [4, 2, 1, 0.5, 0.25], rtol=1e-3)
    np.testing.assert_allclose(found["balance"], [0.25, 0.5, 1, 0.5, 0.25], rtol=2e-3)
    aimed = _scores(DensityBalance(target_ratio=0.5), *rows)
    np.testing.assert_allclose(aimed["balance"], [0.125, 0.25, 0.5, 1, 0.5], rtol=2e-3)


def test_a_sample_keeps_its_counts_before_they_are_weighed():
    found = _scores(Balance(), _row(_picture(information=0.25), _picture(side_px=560), 100))
    assert found["visual_tokens"].tolist() == [TOKENS + 400]
    np.testing.assert_allclose(found["text_tokens"], [100], rtol=1e-2)
    np.testing.assert_allclose(found["ratio"], [25 / 100 + 4], rtol=1e-2)
    assert {values.dtype for values in found.values()} == {np.dtype(np.float32)}


def test_pictures_are_counted_at_the_size_that_the_model_sees():
    capped = Balance(max_pixels=280 * 280)
    found = _scores(capped, _row(_picture(side_px=2800), 100))
    assert found["visual_tokens"].tolist() == [TOKENS]


def test_repeated_text_carries_little():
    row = _row(_picture(), 10)
    row["messages"][0]["parts"][1]["text"] = "Buy now! " * 500
    found = _scores(Balance(), row)
    assert found["text_tokens"] > 1000
    assert found["ratio"] > 2


def test_empty_pictures_and_documents_of_one_side():
    rows = [_row(_picture(information=0), 100), _row(_picture()), _row(100)]
    found = _scores(Balance(), *rows)
    np.testing.assert_array_equal(found["balance"], np.array([0, 0, np.nan], np.float32))


@pytest.mark.parametrize("side", [{"width_px": None}, {"type": "video"}, {"width_px": 60_000}])
@pytest.mark.parametrize("over", DensityBalance.levels)
def test_documents_with_a_picture_of_unknown_size_are_not_judged(over, side):
    rows = [_row(_picture(), {**_picture(), **side}, 9, 9), _row(_picture(), _picture(), 9, 9)]
    found = _scores(Balance(over=over), *rows)["balance"]
    assert np.isnan(found[: len(found) // 2]).all()
    assert not np.isnan(found[len(found) // 2 :]).all()


def test_the_least_related_pictures_go_until_the_rest_is_in_balance():
    bests = [0.1, 0.4, None, 0.3, 0.2]
    filter_ = Balance(over="media", min_balance=0.625)
    row = _row(*(_picture(best=best) for best in bests), 150)
    found = _scores(filter_, row)["balance"]
    expected = [150 / 400, np.nan, 150 / 500, 150 / 200, 150 / 300]
    np.testing.assert_allclose(found, expected, rtol=1e-2)
    kept = walk(batch_of([row]), [Step(name="balance", operator=filter_)]).batch
    names = [dict(scores)["clip.best"] for scores in kept.media().column("scores").to_pylist()]
    np.testing.assert_allclose(names, [0.4, 0.3], rtol=1e-6)


def test_pictures_of_one_worth_stay_in_their_order():
    found = _scores(Balance(over="media"), _row(_picture(), _picture(), _picture(), 100))
    np.testing.assert_allclose(found["balance"], [np.nan, 0.5, 1 / 3], rtol=1e-2)


def test_the_text_farthest_from_pictures_goes_until_the_rest_is_in_balance():
    filter_ = Balance(over="text", min_balance=0.53125)
    row = _row(100, 80, 60, _picture(), 40, 20)
    found = _scores(filter_, row)["balance"]
    expected = [100 / 300, 100 / 180, np.nan, 1, 100 / 200]  # the order is 60, 40, 80, 20, 100
    np.testing.assert_allclose(found, expected, rtol=2e-2)
    kept = walk(batch_of([row]), [Step(name="balance", operator=filter_)]).batch
    assert [len(text) for text in texts_of(kept)] == [336, 252, 168]


def test_a_side_that_is_not_overlong_is_left_alone():
    text_heavy, image_heavy = _row(_picture(), _picture(), 9000), _row(*[_picture()] * 9, 1, 1)
    assert np.nanmin(_scores(Balance(over="media"), text_heavy)["balance"]) == 1
    assert np.nanmin(_scores(Balance(over="text"), image_heavy)["balance"]) == 1


def test_no_text_is_trimmed_for_a_picture_that_shows_nothing_or_is_not_there():
    rows = [_row(_picture(information=0), 100, 100), _row(100, 100)]
    assert np.isnan(_scores(Balance(over="text"), *rows)["balance"]).all()


def test_text_heavy_and_image_heavy_documents_score_below_an_even_one():
    even = _row(_picture(), 200)
    text_heavy, image_heavy = _row(_picture(side_px=56), 2700), _row(*[_picture()] * 20, 40)
    found = _scores(Balance(), even, text_heavy, image_heavy)["balance"]
    assert found[0] > max(found[1:])
    assert DensityBalance().limits()[0].keeps(found).tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("options", "message"),
    [({"min_balance": 1.5}, "got 1.5"), ({"target_ratio": 0}, "above 0, got 0")],
)
def test_options_outside_their_range_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        Balance(**options)
