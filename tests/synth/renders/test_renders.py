"""The source of drawn pictures: the same seed, the same rows; each kind in its form."""

import io
import json
from base64 import b64decode
from pathlib import Path

import pyarrow as pa
import pytest
from PIL import Image

from stages.elements import media_of, set_field, with_media
from stages.media import MediaStore
from stages.stage import Batch
from stages.tokenize_sample import TokenizeSample
from synth.renders.renders import UNIT_SAMPLES, Renders


def table(**options) -> pa.Table:
    source = Renders(**options)
    return pa.concat_tables(chunk.rows for unit in source.units() for chunk in source.read(unit))


@pytest.fixture(scope="module")
def rows():
    return table(samples=60).to_pylist()


def of_kind(rows, kind):
    """Return the rows of a kind of Renders; passages are captions to the record."""
    kinds = Renders().kinds
    return rows[kinds.index(kind) :: len(kinds)]


def picture(row):
    return Image.open(io.BytesIO(b64decode(row["media"][0]["uri"].partition(",")[2])))


def test_the_same_seed_gives_the_same_rows_and_another_seed_others():
    assert table(samples=12).equals(table(samples=12))
    ids, other = (set(table(samples=12, seed=s).column("id").to_pylist()) for s in (0, 1))
    assert len(ids) == 12
    assert ids.isdisjoint(other)


def test_a_sample_is_the_same_however_many_there_are(rows):
    assert table(samples=9).to_pylist() == rows[:9]


def test_units_cover_the_samples_once():
    units = Renders(samples=2 * UNIT_SAMPLES + 1).units()
    assert [(unit.start, unit.stop) for unit in units] == [(0, 512), (512, 1024), (1024, 1025)]
    assert [unit.index for unit in units] == [0, 1, 2]


def test_kinds_come_in_turns(rows):
    assert [row["kind"] for row in rows] == ["caption", "qa", "grounding", "caption"] * 15


def test_a_caption_is_answered_to_a_request_and_stands_in_the_alternative_text(rows):
    for row in of_kind(rows, "caption"):
        user, assistant = row["messages"]
        assert sorted(part["type"] for part in user["parts"]) == ["image", "text"]
        assert assistant["parts"][0]["text"] == row["media"][0]["alt"]


def test_questions_are_asked_about_one_picture_in_up_to_three_turns(rows):
    for row in of_kind(rows, "qa"):
        roles = [message["role"] for message in row["messages"]]
        assert roles == ["user", "assistant"] * (len(roles) // 2)
        assert 2 <= len(roles) // 2 <= 3
        shown = [p for m in row["messages"] for p in m["parts"] if p["type"] == "image"]
        assert len(shown) == 1


def test_a_passage_is_the_text_around_the_picture_and_seldom_tells_what_it_shows():
    named = told = 0
    found = table(samples=60, kinds=("passage",)).to_pylist()
    for row in found:
        user, assistant = row["messages"]
        assert [part["type"] for part in user["parts"]] == ["image", "text"]
        text, meta = assistant["parts"][0]["text"], dict(row["meta"])
        named += any(name in text for name in meta["names"].split("\n"))
        told += any(fact in text for fact in meta["facts"].split("\n"))
    assert 0.5 < named / len(found) < 0.95
    assert 0.1 < told / len(found) < 0.5


def test_print_is_read_in_questions_of_kind_ocr():
    for row in table(samples=20, kinds=("reading",)).to_pylist():
        assert row["kind"] == "ocr"
        assert "drawing:print" in row["tags"]
        answer = row["messages"][1]["parts"][0]["text"]
        assert answer in row["media"][0]["alt"]


def test_drawings_come_as_often_as_they_are_named():
    found = table(samples=90, kinds=("qa",), drawings=("sign", "sign", "clock")).to_pylist()
    signs = sum("drawing:sign" in row["tags"] for row in found)
    assert 45 < signs < 75
    assert all({"drawing:sign", "drawing:clock"} & set(row["tags"]) for row in found)


def test_boxes_are_of_the_label_that_was_asked_for_and_in_original_pixels(rows):
    for row in of_kind(rows, "grounding"):
        request = next(p["text"] for p in row["messages"][0]["parts"] if p["type"] == "text")
        boxes = [part for part in row["messages"][1]["parts"] if part["type"] == "box"]
        assert [part["index"] for part in boxes] == list(range(len(row["regions"])))
        width, height = picture(row).size
        for region in row["regions"]:
            assert region["label"] in request
            x1, y1, x2, y2 = region["box"]
            assert 0 <= x1 < x2 <= width
            assert 0 <= y1 < y2 <= height


def test_tokenized_boxes_are_json_in_pixels_of_the_resized_picture():
    grounded = table(samples=3).slice(2)
    media = media_of(grounded).values
    for name in ("width_px", "height_px"):
        media = set_field(media, name, pa.array([560], pa.int32()))
    sized = Batch(table=with_media(grounded, media), store=MediaStore(root=Path("media")))
    row = TokenizeSample(processor="tiny", max_pixels=280 * 280).build()(sized)
    ids = row.table.column("input_ids")[0].as_py()
    text = _decode(ids).partition("assistant\n")[2]
    found = json.loads(text.partition("```json\n")[2].partition("\n```")[0])
    regions = grounded.column("regions")[0].as_py()
    assert [each["label"] for each in found] == [region["label"] for region in regions]
    for each, region in zip(found, regions, strict=True):
        assert each["bbox_2d"] == [min(round(edge / 2), 279) for edge in region["box"]]


def _decode(ids):
    from tokenizers import Tokenizer

    from stages.engines.train_tiny_tokenizer import FOLDER

    return Tokenizer.from_file(str(FOLDER / "tokenizer.json")).decode(ids)


def test_spoilt_pictures_are_captioned_alone_and_tagged():
    found = table(samples=32, spoilt_share=1.0).to_pylist()
    captions = of_kind(found, "caption")
    for row in found:
        spoilt = [tag for tag in row["tags"] if tag.startswith("spoilt:")]
        assert bool(spoilt) == (row in captions)


def test_signs_bear_the_words_of_the_file(tmp_path):
    words = tmp_path / "words.txt"
    words.write_text("QUERN\n")
    captions = [
        row["media"][0]["alt"]
        for row in table(samples=8, paths=(str(words),), drawings=("sign",)).to_pylist()
    ]
    assert all("the word QUERN " in caption for caption in captions)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"samples": 0}, "at least 1, got 0"),
        ({"kinds": ("video",)}, r"kinds has \['video'\]"),
        ({"kinds": ()}, "kinds is empty"),
        ({"spoilt_share": 1.5}, "got 1.5"),
        ({"drawings": ("clock", "cat")}, r"drawings has \['cat'\]"),
        ({"drawings": ("clock",)}, r"nothing in \['clock'\] has boxes"),
    ],
)
def test_wrong_options_are_refused_with_their_values(options, message):
    with pytest.raises(ValueError, match=message):
        Renders(**options)
