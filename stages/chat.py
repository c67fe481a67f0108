"""Render a sample's messages into text, control tokens and places for media, trained or not.

A conversation becomes ChatML as in Qwen2.5-VL's chat template::

    <|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n
    <|im_start|>user\\n<|vision_start|>..<|vision_end|>What is it?<|im_end|>\\n
    <|im_start|>assistant\\nA truck.<|im_end|>\\n
                          ^^^^^^^^^^^^^^^^^^^^^ trained

A last message of role `rejected` is another answer, to which the one before it was preferred. It
is written like an answer and not trained; the trainer learns preferences from the two::

    <|im_start|>assistant\\nA truck.<|im_end|>\\n<|im_start|>assistant\\nA cat.<|im_end|>\\n
                          ^^^^^^^^^^^^^^^^^^^^^

A document becomes its parts in order, a blank line between them, and `<|endoftext|>`; its text is
trained, its media are not.

Whitespace around the text of a user's turn is dropped, between media too, as the official
fine-tuning code does since 2025: `<image>\\nWhat is it?` has no newline. Other roles keep theirs.
The text of an answer is encoded apart from its header, as it is when the model generates.

Box and point parts are written by a template, the part's text, in which these words in braces
stand for the region, in the coordinates of the target model:

    {box}    [x1, y1, x2, y2]             {x1} {y1} {x2} {y2}   its numbers
    {point}  [x, y]                       {x} {y}               its numbers
    {label}  the label as it is           {label_json}          the label as a JSON string
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from stages.errors import RecordError

TEMPLATE: Final = "qwen2.5-vl-chatml-1"
"""Version of what this module renders; shards carry it, and it changes when the tokens do."""

IM_START: Final = "<|im_start|>"
IM_END: Final = "<|im_end|>"
END_OF_TEXT: Final = "<|endoftext|>"
VISION_START: Final = "<|vision_start|>"
VISION_END: Final = "<|vision_end|>"
PADS: Final = {"image": "<|image_pad|>", "video": "<|video_pad|>"}
CONTROL: Final = (IM_START, IM_END, END_OF_TEXT, VISION_START, VISION_END, *PADS.values())

SYSTEM_PROMPT: Final = "You are a helpful assistant."
BLANK_LINE: Final = "\n\n"

REJECTED: Final = "rejected"
"""Role of an answer to which another was preferred."""
_CHAT_ROLES = ("system", "user", "assistant", REJECTED)
_FIELD = re.compile(r"\{(box|point|label_json|label|x1|y1|x2|y2|x|y)\}")


class Text(NamedTuple):
    """Text to encode, in which nothing is a control token."""

    text: str
    trained: bool


class Control(NamedTuple):
    """One control token."""

    token: str
    trained: bool


class Medium(NamedTuple):
    """Where `media[number]` stands: a run of pad tokens, never trained."""

    number: int


Segment = Text | Control | Medium
Part = Mapping[str, Any]
Place = Callable[[Part], str]


def render(messages: Sequence[Mapping[str, Any]], place: Place) -> list[Segment]:
    """Return the segments of one sample.

    Args:
        messages: the record's messages: role and parts, each with type, text and index.
        place: gives the text of a box or point part.

    Raises:
        RecordError: on an unknown role or part type, a document among chat turns, or a rejected
            answer that does not stand last behind a chosen one.
    """
    roles = [message["role"] for message in messages]
    if roles and all(role == "document" for role in roles):
        return list(_document([part for message in messages for part in message["parts"]], place))
    if strangers := set(roles) - set(_CHAT_ROLES):
        raise RecordError(
            f"role {min(strangers)!r} cannot be rendered among {roles}: a sample is either "
            f"messages of {', '.join(_CHAT_ROLES)} or a document alone"
        )
    if REJECTED in roles and roles.index(REJECTED) != len(roles) - 1:
        raise RecordError(f"a rejected answer stands last, here among {roles}")
    if REJECTED in roles and roles[-2:-1] != ["assistant"]:
        raise RecordError(f"a rejected answer stands behind the chosen one, here among {roles}")
    return list(_conversation(messages, place))


def _conversation(messages: Sequence[Mapping[str, Any]], place: Place) -> Iterator[Segment]:
    if not messages or messages[0]["role"] != "system":
        yield from _turn("system", [SYSTEM_PROMPT])
    for message in messages:
        runs = _runs(message["parts"], place)
        if message["role"] == "user":
            runs = [run.strip() if isinstance(run, str) else run for run in runs]
        yield from _turn(message["role"], [run for run in runs if run != ""])


def _turn(role: str, runs: Sequence[str | Medium]) -> Iterator[Segment]:
    trained = role == "assistant"
    header = "assistant\n" if role == REJECTED else f"{role}\n"
    yield Control(IM_START, False)
    if role in ("system", "user") and runs and isinstance(runs[0], str):
        header, runs = header + runs[0], runs[1:]
    yield Text(header, False)
    for run in runs:
        yield from _run(run, trained)
    yield Control(IM_END, trained)
    yield Text("\n", trained)


def _document(parts: Sequence[Part], place: Place) -> Iterator[Segment]:
    for run in _runs(_with_blank_lines(parts), place):
        yield from _run(run, True)
    yield Control(END_OF_TEXT, True)


def _with_blank_lines(parts: Sequence[Part]) -> Iterator[Part]:
    """Put a blank line between parts, but none beside a box or point, which stand in a line."""
    inline = ("box", "point")
    parts = [part for part in parts if part["type"] != "text" or part["text"]]
    for index, part in enumerate(parts):
        if index and part["type"] not in inline and parts[index - 1]["type"] not in inline:
            yield {"type": "text", "text": BLANK_LINE}
        yield part


def _runs(parts: Iterable[Part], place: Place) -> list[str | Medium]:
    """Join neighbouring text, box and point parts; media stand between such runs."""
    runs: list[str | Medium] = []
    for part in parts:
        if part["type"] in PADS:
            runs.append(Medium(part["index"]))
            continue
        text = _text(part, place)
        if runs and isinstance(runs[-1], str):
            runs[-1] += text
        else:
            runs.append(text)
    return runs


def _text(part: Part, place: Place) -> str:
    if part["type"] == "text":
        return part["text"] or ""
    if part["type"] in ("box", "point"):
        return place(part)
    raise RecordError(
        f"part type {part['type']!r} is unknown; it is text, image, video, box or point"
    )


def _run(run: str | Medium, trained: bool) -> tuple[Segment, ...]:
    if isinstance(run, str):
        return (Text(run, trained),)
    return Control(VISION_START, False), run, Control(VISION_END, False)


def fill_template(
    template: str,
    *,
    label: str = "",
    box: Sequence[int] = (),
    point: Sequence[int] = (),
) -> str:
    """Write a region into a part's template; braces around other words stay as they are.

    >>> template = '{"bbox_2d": {box}, "label": {label_json}}'
    >>> fill_template(template, label='the "big" one', box=[147, 134, 619, 407])
    '{"bbox_2d": [147, 134, 619, 407], "label": "the \\\\"big\\\\" one"}'
    >>> fill_template('<p data-bbox="{x1} {y1} {x2} {y2}">', box=[1, 2, 3, 4])
    '<p data-bbox="1 2 3 4">'

    Raises:
        RecordError: when the template wants a box or point that the region does not have.
    """
    values = {"label": label, "label_json": json.dumps(label, ensure_ascii=False)}
    values |= {"box": str(list(box)), **_numbers(("x1", "y1", "x2", "y2"), box)} if box else {}
    values |= {"point": str(list(point)), **_numbers(("x", "y"), point)} if point else {}

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name not in values:
            raise RecordError(f"template {template!r} wants {{{name}}}, its region has none")
        return values[name]

    return _FIELD.sub(value, template)


def _numbers(names: Sequence[str], values: Sequence[int]) -> dict[str, str]:
    return {name: str(value) for name, value in zip(names, values, strict=True)}
