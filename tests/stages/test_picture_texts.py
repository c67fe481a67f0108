import pytest

from stages import picture_texts as module
from stages.picture_texts import picture_texts
from tests.vl import batch_of, png


def found(batch, max_chars=1000):
    return [each for group in picture_texts(batch, max_chars) for each in group]


def test_a_picture_has_the_texts_on_both_sides_of_its_first_place(tmp_path):
    batch = batch_of(
        tmp_path,
        ["one", {"data": png(1)}, "two", "three", {"data": png(2)}],
        [{"data": png(1)}, " four "],
    )
    texts = [(each.medium, each.before, each.after, each.around) for each in found(batch)]
    assert texts == [
        (0, "one", "two\n\nthree", "one\n\ntwo\n\nthree"),
        (1, "one\n\ntwo\n\nthree", "", "one\n\ntwo\n\nthree"),
        (2, "", "four", "four"),
    ]


def test_texts_are_cut_to_what_is_next_to_the_picture(tmp_path):
    (each,) = found(batch_of(tmp_path, ["abcdef", {"data": png()}, "ghijkl"]), max_chars=2)
    assert (each.before, each.after) == ("ef", "gh")


def test_a_caption_describes_and_is_no_text_around(tmp_path):
    told = {"data": png(), "caption": "A mill.", "alt": "A mill.", "title": " Mill "}
    (each,) = found(batch_of(tmp_path, ["one", told, "A mill.", "two"]))
    assert each.descriptions == ("A mill.", "Mill")
    assert (each.before, each.after) == ("one", "two")


def test_pictures_that_a_model_cannot_take_are_left_out(tmp_path):
    batch = batch_of(
        tmp_path,
        [
            "text",
            {},
            {"data": png(), "status": "404"},
            {"data": b"no picture"},
            {"data": png(size=(401, 2))},
            {"data": png(), "type": "video"},
            {"data": png(3, (400, 2))},
        ],
    )
    (each,) = found(batch)
    assert each.medium == 5
    assert each.picture.size == (2, 400)
    assert each.picture.pixels().shape == (2, 400, 3)


def test_a_batch_without_pictures_has_none(tmp_path):
    assert found(batch_of(tmp_path, ["only text"], [])) == []
    assert found(batch_of(tmp_path)) == []


@pytest.mark.parametrize("limit", [1, 10**9])
def test_pictures_come_in_groups_of_so_many_bytes(tmp_path, monkeypatch, limit):
    monkeypatch.setattr(module, "_GROUP_BYTES", limit)
    batch = batch_of(tmp_path, ["a", {"data": png(1)}, {"data": png(2)}], [{"data": png(3)}, "b"])
    groups = [[each.medium for each in group] for group in picture_texts(batch, 10)]
    assert groups == ([[0], [1], [2]] if limit == 1 else [[0, 1, 2]])
