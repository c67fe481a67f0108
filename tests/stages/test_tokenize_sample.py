"""Token ids, label spans and grids: the official preprocessing's, and our documented rules."""

import itertools
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from stages.errors import RecordError
from stages.media import MediaStore
from stages.record import content_id, document, media_part, table_of, text_part
from stages.shards import TOKEN_COLUMNS, Stamp
from stages.stage import Batch
from stages.tokenize_sample import TokenizeSample
from stages.tokenizer import load_tokenizer
from tests.shared_data import SHARED, needs_shared

GOLDEN = SHARED / "golden/preprocess_reference.json"
QWEN = SHARED / "data/tokenizer/qwen2_5"
CASES = [
    "text only, one turn",
    "text only, two turns, Chinese",
    "one image, placeholder first with newline",
    "one image, placeholder last",
    "two images, second turn",
    "grounding answer",
    "bare assistant in user text",
]


def run(rows, tmp_path, **options):
    batch = Batch(table=table_of(rows), store=MediaStore(root=tmp_path))
    options = {"processor": "tiny", **options}
    return TokenizeSample(**options).build()(batch).table


def sample(messages, media=(), regions=()):
    return {
        "id": content_id(json.dumps([messages, list(media)])),
        "kind": "qa",
        "messages": messages,
        "media": list(media),
        "regions": list(regions),
    }


def picture(width=280, height=140, **more):
    return {"type": "image", "width_px": width, "height_px": height, **more}


def say(role, *parts):
    return {"role": role, "parts": [text_part(p) if isinstance(p, str) else p for p in parts]}


def decoded(table, row=0, trained=False):
    """Return the text of the row's tokens, or of those that are trained."""
    ids = table.column("input_ids")[row].as_py()
    if trained:
        spans = table.column("label_spans")[row].as_py()
        ids = [id_ for start, end in spans for id_ in ids[start:end]]
    return load_tokenizer("tiny").model.decode(ids, skip_special_tokens=False)


def size_of(path):
    with Image.open(path) as image:
        return image.size


def golden_sample(case):
    paths = [case["image"]] if isinstance(case["image"], str) else case["image"] or []
    sizes = [size_of(SHARED / "data" / path) for path in paths]
    numbers = itertools.count()
    messages = []
    for turn in case["conversations"]:
        role = {"human": "user", "gpt": "assistant"}[turn["from"]]
        pieces = re.split("(<image>)", turn["value"])
        parts = [media_part(next(numbers)) if p == "<image>" else p for p in pieces if p]
        messages.append(say(role, *parts))
    return sample(messages, [picture(*size) for size in sizes])


@needs_shared
@pytest.mark.parametrize("name", CASES)
def test_equals_the_official_preprocessing(name, tmp_path):
    case = next(c for c in json.loads(GOLDEN.read_text())["cases"] if c["name"] == name)
    table = run([golden_sample(case)], tmp_path, processor=str(QWEN))
    (row,) = table.select([*TOKEN_COLUMNS]).to_pylist()
    runs = [[id_, len(list(group))] for id_, group in itertools.groupby(row["input_ids"])]
    assert runs == case["input_ids_run_length"]
    # The official code takes the bare word "assistant" in a user's text for the header of an
    # answer; ours trains the answer alone, its last span.
    spans = case["label_spans"] if case["note"] is None else case["label_spans"][-1:]
    assert row["label_spans"] == spans
    assert row["grid_thw"] == (case["image_grid_thw"] or [])
    assert row["n_tokens"] == case["n_tokens"]
    assert row["n_label_tokens"] == sum(end - start for start, end in spans)
    assert row["n_patches"] == sum(t * h * w for t, h, w in row["grid_thw"])
    assert row["seconds_per_grid"] == [0.0] * len(row["grid_thw"])


@needs_shared
def test_all_cases_of_the_reference_are_tested():
    assert [case["name"] for case in json.loads(GOLDEN.read_text())["cases"]] == CASES


def test_samples_of_a_batch_are_tokenized_like_each_alone(tmp_path):
    rows = [
        sample([say("user", media_part(0), "What?"), say("assistant", "That.")], [picture()]),
        sample(document([text_part("A page."), media_part(0)]), [picture(100, 300)]),
        sample(document([])),
    ]
    together = run(rows, tmp_path).to_pylist()
    assert together == [run([row], tmp_path).to_pylist()[0] for row in rows]


def test_an_empty_batch_gets_the_same_columns(tmp_path):
    empty, one = run([], tmp_path), run([sample(document([text_part("x")]))], tmp_path)
    assert empty.num_rows == 0
    for name, type_ in TOKEN_COLUMNS.items():
        assert empty.schema.field(name).type == type_
        assert one.schema.field(name).type == type_


def test_the_text_of_a_document_is_trained_but_for_its_first_token(tmp_path):
    row = sample(document([text_part("Mills grind."), media_part(0), text_part("Slowly.")]))
    table = run([row | {"media": [picture(56, 56)]}], tmp_path)
    pads = "<|vision_start|>" + "<|image_pad|>" * 4 + "<|vision_end|>"
    whole = f"Mills grind.\n\n{pads}\n\nSlowly.<|endoftext|>"
    assert decoded(table) == whole
    first = load_tokenizer("tiny").model.decode(table.column("input_ids")[0].as_py()[:1])
    assert first + decoded(table, trained=True) == whole.replace(pads, "")
    assert table.column("label_spans")[0].as_py()[0][0] == 1


def test_control_tokens_in_a_page_stay_text(tmp_path):
    text = "<|im_end|><|image_pad|><|endoftext|>"
    table = run([sample(document([text_part(text)]))], tmp_path)
    ids = table.column("input_ids")[0].as_py()
    control = load_tokenizer("tiny").control
    assert [id_ for id_ in ids if id_ in control.values()] == [control["<|endoftext|>"]]


def test_a_conversation_without_an_answer_trains_nothing(tmp_path):
    table = run([sample([say("user", "assistant")])], tmp_path)
    assert table.column("label_spans")[0].as_py() == []
    assert table.column("n_label_tokens")[0].as_py() == 0


def test_grids_stand_in_reading_order_once_per_place(tmp_path):
    media = [picture(56, 56), picture(84, 56), picture(28, 28)]
    row = sample([say("user", media_part(1), media_part(0), media_part(1))], media)
    (got,) = run([row], tmp_path).to_pylist()
    assert got["grid_thw"] == [[1, 4, 6], [1, 4, 4], [1, 4, 6]]
    assert got["n_patches"] == 64


def test_a_video_has_a_grid_step_for_two_frames_and_its_true_time(tmp_path):
    video = {
        "type": "video",
        "width_px": 640,
        "height_px": 360,
        "frame_times_s": [0.0, 1.5, 3.0, 4.5],
    }
    row = sample([say("user", media_part(0, "video"), "When?")], [video])
    table = run([row], tmp_path)
    (got,) = table.to_pylist()
    ((t, h, w),) = got["grid_thw"]
    assert (t, got["seconds_per_grid"]) == (2, [3.0])
    assert decoded(table).count("<|video_pad|>") == t * h * w // 4


BOX = {"media": 0, "label": "truck", "box": [146.0, 137.0, 615.0, 415.0]}
TEMPLATE = '{"bbox_2d": {box}, "label": {label_json}}'


def boxed(**options):
    return {
        "messages": [
            say("user", media_part(0), "Locate it."),
            say("assistant", {"type": "box", "index": 0, "text": TEMPLATE}),
        ],
        "media": [picture(640, 428)],
        "regions": [BOX],
        **options,
    }


@pytest.mark.parametrize(
    ("options", "box"),
    [
        ({}, [147, 134, 619, 407]),
        ({"max_pixels": 50_176}, [57, 54, 242, 163]),
        ({"coordinates": "thousandths"}, [228, 320, 961, 970]),
    ],
)
def test_a_box_is_written_for_the_size_the_model_sees(options, box, tmp_path):
    table = run([boxed()], tmp_path, **options)
    answer = f'{{"bbox_2d": {box}, "label": "truck"}}<|im_end|>\n'
    assert decoded(table, trained=True) == answer


def test_a_point_without_a_template_is_its_numbers(tmp_path):
    row = boxed(
        messages=[say("assistant", {"type": "point", "index": 0})],
        regions=[{"media": 0, "point": [214.0, 320.0]}],
    )
    assert decoded(run([row], tmp_path), trained=True) == "[215, 314]<|im_end|>\n"


def test_the_stamp_says_what_the_tokens_were_made_for(tmp_path):
    table = run([sample(document([]))], tmp_path, max_pixels=50_176)
    stamp = Stamp.from_json(table.column("stamp")[0].as_py())
    assert stamp.tokenizer == load_tokenizer("tiny").fingerprint
    assert (stamp.min_pixels, stamp.max_pixels) == (3136, 50_176)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (sample([say("user", media_part(0))]), r"media\[0\], the sample has 0"),
        (
            sample([say("user", media_part(0))], [{"type": "image", "uri": "http://a.example/b"}]),
            r"http://a\.example/b\) has no size; put stages\.probe_media\.ProbeMedia",
        ),
        (
            sample([say("user", media_part(0))], [picture() | {"type": "video"}]),
            "has no frame_times_s",
        ),
        (sample([say("user", {"type": "box", "index": 2})]), r"regions\[2\]"),
        (sample([say("nobody", "x")]), "sample [0-9a-f]{32}: role 'nobody'"),
    ],
)
def test_a_sample_that_cannot_be_rendered_is_named(row, message, tmp_path):
    with pytest.raises(RecordError, match=message):
        run([row], tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_pixels": -1}, "0 takes the processor's own; got -1"),
        ({"coordinates": "percent"}, "must be 'pixels' or 'thousandths'"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        TokenizeSample(**options)


def test_a_lower_bound_over_the_upper_one_is_refused():
    with pytest.raises(ValueError, match="min_pixels 99999999 is over max_pixels 12845056"):
        TokenizeSample(processor="tiny", min_pixels=99_999_999).build()


turns = st.lists(
    st.tuples(st.sampled_from(["user", "assistant"]), st.text("ab <|im_end|>\n", max_size=12)),
    max_size=5,
)


@settings(deadline=None)
@given(turns)
def test_spans_ascend_and_count_to_the_label_tokens(turns):
    (row,) = run([sample([say(*turn) for turn in turns])], "unused").to_pylist()
    edges = list(itertools.chain.from_iterable(row["label_spans"]))
    assert edges == sorted(set(edges))
    assert row["n_label_tokens"] == sum(end - start for start, end in row["label_spans"])
    assert row["n_tokens"] == len(row["input_ids"])
    # every answer is closed by a trained <|im_end|> and newline
    tokenizer = load_tokenizer("tiny")
    trained = [id_ for start, end in row["label_spans"] for id_ in row["input_ids"][start:end]]
    answers = sum(role == "assistant" for role, _ in turns)
    assert trained.count(tokenizer.control["<|im_end|>"]) == answers
