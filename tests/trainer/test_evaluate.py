"""Questions out of shards, and what is measured of the answers."""

import pytest
import torch

import trainer.evaluate
from stages.chat import TEMPLATE
from stages.geometry import Grid, smart_resize
from stages.media import write_pack
from stages.record import content_id, media_part, text_part
from stages.shards import Stamp
from stages.tokenizer import load_tokenizer
from tests.trainer.shards import assembly, medium, picture_file, row, stamp_of, write_shards
from trainer.counts import read_counts
from trainer.evaluate import answers_of, evaluate, judge, read_questions
from trainer.model import QwenVLModel
from trainer.model_config import SHAPES, read_config

TOKENIZER = load_tokenizer("tiny")
STAMP = Stamp(
    tokenizer=TOKENIZER.fingerprint,
    template=TEMPLATE,
    min_pixels=TOKENIZER.min_pixels,
    max_pixels=TOKENIZER.max_pixels,
    coordinates="pixels",
)
SIZE = {"width": 300, "height": 130}
BOX = [30.0, 20.0, 250.0, 110.0]
CALL = '<tool_call>\n{"name": "mobile_use", "arguments": {"action": "click", "coordinate": '


def answered(name, kind, shown, parts):
    """Return a sample of one kind with an answer of parts about a region."""
    sample = row(name, text=name, media=[shown], kind=kind)
    sample["messages"][-1]["parts"] = parts
    sample["regions"] = [{"media": 0, "label": "mill", "box": BOX, "point": [140.0, 65.0]}]
    return sample


@pytest.fixture(scope="module")
def questions(tmp_path_factory):
    root = tmp_path_factory.mktemp("questions")
    with write_pack(root / "media/0.pack") as pack:
        first = medium(pack, picture_file(**SIZE), **SIZE)
        second = medium(pack, picture_file(70, 60), width=70, height=60)
    turns = row("How many?", media=[first, second], answer="Two mills.")
    turns["messages"][0]["parts"] = [media_part(0), text_part("How many?")]
    turns["messages"] += [
        {"role": "user", "parts": [media_part(1), text_part("And here?")]},
        {"role": "assistant", "parts": [text_part("None.")]},
    ]
    box = [{"type": "box", "text": '{"bbox_2d": {box}, "label": {label_json}}', "index": 0}]
    point = [{"type": "point", "text": CALL + "{point}}}\n</tool_call>", "index": 0}]
    samples = [
        turns,
        answered("Locate the mill.", "grounding", first, box),
        answered("Open the mill.", "agent", first, point),
        row("Describe it.", media=[first], kind="caption", answer="A mill."),
        {"id": content_id("text"), **row("A document.", kind="text", answer="")},
    ]
    folder = write_shards(root, samples)
    counts = read_counts(folder, stamp_of(folder))
    return read_questions(counts, assembly(STAMP), TOKENIZER, 100)


def test_every_answered_turn_is_a_question(questions):
    told = [(each.kind, each.answer) for each in questions[:2]]
    assert told == [("qa", "Two mills."), ("qa", "None.")]
    assert [each.kind for each in questions[2:]] == ["grounding", "agent", "caption"]


def test_a_prompt_ends_where_the_answer_begins(questions):
    texts = [TOKENIZER.model.decode(each.prompt.input_ids.tolist()) for each in questions]
    assert all(text.endswith("assistant\n") for text in texts)
    assert "Two mills." in texts[1]
    assert "Two mills." not in texts[0]


def test_a_prompt_has_the_media_shown_until_there(questions):
    resized = smart_resize(130, 300)
    grid = Grid(1, resized.height_px // 14, resized.width_px // 14)
    assert questions[0].prompt.grids == (grid,)
    assert [len(each.prompt.images) for each in questions[:2]] == [1, 2]


def test_answers_are_scaled_back_to_the_original_picture(questions):
    resized = smart_resize(130, 300)
    wanted = [300 / resized.width_px, 130 / resized.height_px]
    assert questions[2].scale.tolist() == pytest.approx(wanted)
    assert questions[2].boxes.tolist() == [BOX]
    assert wanted != [1, 1]


def test_true_answers_are_wholly_right(questions):
    for question in questions[:4]:
        scores = judge(question, question.answer)
        assert scores.pop("iou", 1.0) > 0.97  # numbers of pixels are whole
        assert set(scores.values()) == {1.0}


def test_other_answers_are_wrong(questions):
    assert judge(questions[0], "A boat.") == {"exact": 0.0, "anls": 0.0}
    assert judge(questions[2], "Nowhere.") == {"iou": 0.0, "acc@0.5": 0.0}
    elsewhere = CALL + "[1, 1]}}\n</tool_call>"
    assert judge(questions[3], elsewhere) == {"action": 1.0, "click_in_box": 0.0}
    assert judge(questions[4], "A mill.") == {}  # a caption is not measured


def test_means_are_told_by_kind(questions, monkeypatch):
    said = iter(["Two mills.", "x", "", questions[3].answer, "x"])
    monkeypatch.setattr(trainer.evaluate, "answers_of", lambda *_: list(said))
    assert evaluate(None, questions, None, TOKENIZER) == {
        "agent/action": 1.0,
        "agent/click_in_box": 1.0,
        "grounding/acc@0.5": 0.0,
        "grounding/iou": 0.0,
        "qa/anls": 0.5,
        "qa/exact": 0.5,
    }


def test_a_question_gets_the_same_answer_alone_and_among_others(questions, monkeypatch):
    model = QwenVLModel(read_config(SHAPES / "tiny.json"))
    model.init_weights(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(4 if parameter.ndim > 1 else 1)  # so that answers differ
    maker = assembly(STAMP)
    together = answers_of(model, questions[1:3], maker, TOKENIZER, 3)
    monkeypatch.setattr(trainer.evaluate, "BATCH_TOKENS", 1)
    assert answers_of(model, questions[1:3], maker, TOKENIZER, 3) == together
    assert len(set(together)) > 1
