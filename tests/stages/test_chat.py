"""Rendering of messages into segments, compared as marked-up strings."""

import doctest

import pytest

from stages import chat
from stages.chat import Control, Medium, Text, fill_template, render
from stages.errors import RecordError


def part(type_, text=None, index=None):
    return {"type": type_, "text": text, "index": index}


def say(role, *parts):
    return {"role": role, "parts": [part("text", p) if isinstance(p, str) else p for p in parts]}


def marked(messages):
    """Join the segments; what is trained stands between « and »."""
    pieces, on = [], False
    for segment in render(messages, place=lambda part: f"<{part['type']} {part['index']}>"):
        trained = not isinstance(segment, Medium) and segment.trained
        pieces.append("" if trained == on else "«" if trained else "»")
        on = trained
        if isinstance(segment, Text):
            pieces.append(segment.text)
        else:
            pieces.append(segment.token if isinstance(segment, Control) else f"[{segment.number}]")
    return "".join([*pieces, "»" if on else ""])


SYSTEM = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"


def test_the_examples_in_the_docstrings_hold():
    result = doctest.testmod(chat)
    assert result.attempted >= 3
    assert result.failed == 0


def test_an_answer_is_trained_through_the_newline_after_its_end():
    assert marked([say("user", "2+2?"), say("assistant", "4.")]) == (
        SYSTEM + "<|im_start|>user\n2+2?<|im_end|>\n<|im_start|>assistant\n«4.<|im_end|>\n»"
    )


def test_a_system_message_replaces_the_default_one():
    assert marked([say("system", "Be brief.")]) == "<|im_start|>system\nBe brief.<|im_end|>\n"


def test_whitespace_of_a_user_turn_is_dropped_at_its_ends_and_beside_media():
    turn = say("user", "\n See ", part("image", index=0), "\nand ", part("image", index=1), "\n")
    assert marked([turn]) == (
        SYSTEM + "<|im_start|>user\nSee<|vision_start|>[0]<|vision_end|>and"
        "<|vision_start|>[1]<|vision_end|><|im_end|>\n"
    )


def test_whitespace_of_an_answer_is_kept():
    assert marked([say("assistant", " Yes \n")]).endswith("assistant\n« Yes \n<|im_end|>\n»")


def test_the_header_of_an_answer_is_encoded_apart_and_that_of_a_question_is_not():
    texts = [
        segment.text
        for segment in render([say("user", "Q"), say("assistant", "A")], place=str)
        if isinstance(segment, Text)
    ]
    assert "user\nQ" in texts
    assert "assistant\n" in texts


def test_a_picture_in_an_answer_is_not_trained():
    turn = say("assistant", "Here: ", part("image", index=0), "done")
    assert marked([turn]).endswith("«Here: »<|vision_start|>[0]<|vision_end|>«done<|im_end|>\n»")


def test_boxes_and_points_stand_within_the_text_around_them():
    turn = say("user", "Is ", part("box", index=3), " left of ", part("point", index=4), " ?")
    assert "user\nIs <box 3> left of <point 4> ?<|im_end|>" in marked([turn])


def test_a_document_is_its_parts_with_blank_lines_between():
    message = say("document", "One.", part("image", index=0), "Two.", "Three.")
    assert marked([message]) == (
        "«One.\n\n»<|vision_start|>[0]<|vision_end|>«\n\nTwo.\n\nThree.<|endoftext|>»"
    )


def test_no_blank_line_stands_beside_a_box_in_a_document():
    message = say("document", "<p data-bbox=", part("box", index=0), ">Title</p>", "Next")
    assert marked([message]) == "«<p data-bbox=<box 0>>Title</p>\n\nNext<|endoftext|>»"


def test_empty_text_parts_of_a_document_leave_no_blank_lines():
    assert marked([say("document", "One.", "", "Two.")]) == "«One.\n\nTwo.<|endoftext|>»"


def test_a_document_among_chat_turns_is_refused():
    with pytest.raises(RecordError, match="'document' cannot be rendered"):
        render([say("document", "x"), say("assistant", "y")], place=str)


def test_an_unknown_part_type_is_refused():
    with pytest.raises(RecordError, match="part type 'audio' is unknown"):
        render([say("user", part("audio", index=0))], place=str)


def test_a_template_that_wants_what_the_region_lacks_is_refused():
    with pytest.raises(RecordError, match=r"wants \{point\}, its region has none"):
        fill_template("{point}", box=[1, 2, 3, 4])


def test_other_braces_in_a_template_stay():
    assert fill_template('{"a": {x}, "b": {c}}', point=[5, 6]) == '{"a": 5, "b": {c}}'


def test_a_label_that_looks_like_a_word_in_braces_is_not_filled_again():
    assert fill_template("{label} {x1}", label="{x1}", box=[7, 8, 9, 10]) == "{x1} 7"


def test_a_rejected_answer_is_written_like_the_chosen_one_and_not_trained():
    turns = [say("user", "2+2?"), say("assistant", "4."), say("rejected", "5.")]
    assert marked(turns).endswith(
        "<|im_start|>assistant\n«4.<|im_end|>\n»<|im_start|>assistant\n5.<|im_end|>\n"
    )


def test_the_texts_of_both_answers_are_encoded_apart_from_their_headers():
    turns = [say("user", "2+2?"), say("assistant", "4."), say("rejected", "5.")]
    texts = [each.text for each in render(turns, place=str) if isinstance(each, Text)]
    assert texts[-6:] == ["assistant\n", "4.", "\n", "assistant\n", "5.", "\n"]


@pytest.mark.parametrize(
    ("roles", "told"),
    [
        (["user", "assistant", "rejected", "user"], "stands last"),
        (["user", "assistant", "rejected", "rejected"], "stands last"),
        (["user", "rejected"], "behind the chosen one"),
        (["rejected"], "behind the chosen one"),
    ],
)
def test_a_rejected_answer_elsewhere_is_refused(roles, told):
    with pytest.raises(RecordError, match=told):
        render([say(role, "x") for role in roles], place=str)
