import numpy as np

from stages.elements import add_scores, media_of, with_media
from stages.media_scores import mean_scores, media_scores, sample_means
from stages.record import table_of
from tests.fakes import batch_of, sample


def _media(*scores):
    pictures = [{"sha256": "a", "scores": each} for each in scores]
    return batch_of([sample("a", media=pictures[:1]), sample("b", media=pictures[1:])]).media()


def test_a_score_is_read_where_it_is_and_is_nan_elsewhere():
    media = _media({"x": 0.5, "y": 2.0}, {}, {"y": -1.0})
    np.testing.assert_array_equal(media_scores(media, "x"), [0.5, np.nan, np.nan])
    np.testing.assert_array_equal(media_scores(media, "y"), [2.0, np.nan, -1.0])
    assert media_scores(media, "z").dtype == np.float32


def test_the_latest_of_two_scores_of_one_name_counts():
    batch = batch_of([sample("a", media=[{"scores": {"x": 1.0, "y": 3.0}}])])
    new = add_scores(batch.media().values, {"x": np.array([2.0], np.float32)})
    again = media_of(with_media(batch.table, new))
    assert media_scores(again, "x").tolist() == [2.0]
    assert media_scores(again, "y").tolist() == [3.0]


def test_null_maps_and_no_media_are_read():
    assert np.isnan(media_scores(batch_of([sample("a", media=["x"])]).media(), "x")).all()
    assert media_scores(media_of(table_of([])), "x").shape == (0,)


def test_a_mean_is_of_the_scores_that_a_medium_has():
    media = _media({"x": 0.5, "y": 2.0}, {}, {"y": -1.0})
    np.testing.assert_array_equal(mean_scores(media, {"x": 1, "y": 1}), [1.25, np.nan, -1.0])


def test_a_sample_has_the_mean_of_its_media_that_have_a_value():
    media = batch_of(
        [sample("a", media=["x", "y", "z"]), sample("b"), sample("c", media=["x"])]
    ).media()
    values = np.array([1, np.nan, 2, np.nan], np.float32)
    found = sample_means(media, values, 3)
    np.testing.assert_array_equal(found, np.array([1.5, np.nan, np.nan], np.float32))
