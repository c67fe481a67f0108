"""Draw pictures with captions, questions, boxes or passages of text that are true of them."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, ClassVar, Final

from PIL import Image

from stages.engines.training_prose import mention, plain
from stages.information_gain import FOLLOWING, OPENING, PRECEDING
from stages.record import content_id, media_part, table_of, text_part
from stages.stage import Chunk, Source, Unit
from synth.renders.catalogue import DRAWINGS
from synth.renders.drawing import Drawing, Region
from synth.renders.instruments import WORDS_FILE, read_words, sign
from synth.renders.notices import print_to_read
from synth.renders.spoil import SPOILERS, spoil

KINDS: Final = ("caption", "qa", "grounding", "passage", "reading")
UNIT_SAMPLES: Final = 512
CHUNK_SAMPLES: Final = 128
MAX_TURNS: Final = 3
MAX_SENTENCES: Final = 3
TOLD_SHARE: Final = 0.3
"""Of passages: those that tell what the picture shows."""
UNBOXED: Final = ("clock", "thermometer", "pattern")
"""Drawings without regions."""

CAPTION_PROMPTS: Final = (
    "Describe the picture.",
    "What does the picture show?",
    "Write a caption for this picture.",
)
GROUNDING_PROMPTS: Final = (
    "Locate every {label} in this picture and output the bbox coordinates in JSON format.",
    "Outline the position of each {label} and output all the coordinates in JSON format.",
)
"""The second form, and the answer below, are those of the Qwen2.5-VL cookbooks."""
BOX: Final = '\t{"bbox_2d": {box}, "label": {label_json}}'
_FORMATS: Final = (("PNG", "image/png"), ("JPEG", "image/jpeg"), ("WEBP", "image/webp"))


@dataclass(frozen=True, kw_only=True)
class Renders(Source):
    """Draws things, charts, clocks, signs, maps and scenes, one picture for each sample.

    Sample `i` is of kind `kinds[i % len(kinds)]`, and all of it is drawn from (seed, i): the same
    seed gives the same bytes, another seed gives pictures that were never seen, to measure on.

    Reads: files of words for the signs, one a line.
    Writes: caption: a user's request and the caption; qa: up to three questions with short
        answers; grounding: a request and the boxes of all things of one label, bound late;
        passage: the text that stands before or behind the picture, which brings it up and seldom
        tells what it shows, of kind caption; reading: questions about the print on a notice, of
        kind ocr; media: one picture as a data: URI (fetch it right behind), alt: its caption;
        tags: "drawing:" and the drawing, "spoilt:" and how; meta.facts: sentences that hold of
        the picture, meta.names: nouns for it, one a line.
    Source: Quern; requests and answers as in the Qwen2.5-VL cookbooks.

    Attributes:
        paths: files of words for the signs.
        samples: how many.
        seed: what they are drawn from.
        kinds: caption, qa, grounding, passage, reading, in turns.
        drawings: names of drawings, one that stands there twice is drawn twice as often; empty:
            all.
        spoilt_share: share of the captioned pictures that are noisy, blurred, cluttered or
            watermarked, as their captions then say.
    """

    writes: ClassVar = ("id", "kind", "source", "messages", "media", "regions", "tags", "meta")
    source: ClassVar = "Quern; Qwen2.5-VL cookbooks"

    paths: tuple[str, ...] = (str(WORDS_FILE),)
    samples: int = 10_000
    seed: int = 0
    kinds: tuple[str, ...] = KINDS[:-1]
    drawings: tuple[str, ...] = ()
    spoilt_share: float = 0.0

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise ValueError(f"samples must be at least 1, got {self.samples}")
        if unknown := sorted(set(self.kinds) - set(KINDS)):
            raise ValueError(f"kinds has {unknown}; it may have {list(KINDS)}")
        if not self.kinds:
            raise ValueError(f"kinds is empty; it may have {list(KINDS)}")
        if unknown := sorted(set(self.drawings) - set(DRAWINGS)):
            raise ValueError(f"drawings has {unknown}; it may have {list(DRAWINGS)}")
        if "grounding" in self.kinds and self.drawings and not set(self.drawings) - set(UNBOXED):
            raise ValueError(f"kinds has grounding, but nothing in {list(self.drawings)} has boxes")
        if not 0 <= self.spoilt_share <= 1:
            raise ValueError(f"spoilt_share must lie in [0, 1], got {self.spoilt_share}")

    def units(self) -> list[Unit]:
        """Return ranges of 512 samples."""
        starts = range(0, self.samples, UNIT_SAMPLES)
        return [
            Unit(
                index=index,
                path=self.paths[0],
                start=start,
                stop=min(start + UNIT_SAMPLES, self.samples),
            )
            for index, start in enumerate(starts)
        ]

    def read(self, unit: Unit) -> Iterator[Chunk]:
        """Draw the samples of the unit, 128 at a time."""
        words = [word for path in self.paths for word in read_words(Path(path))]
        for start in range(unit.start, unit.stop, CHUNK_SAMPLES):
            indexes = range(start, min(start + CHUNK_SAMPLES, unit.stop))
            yield Chunk(rows=table_of(self._row(index, words) for index in indexes))

    def _row(self, index: int, words: Sequence[str]) -> dict[str, Any]:
        rng = Random(f"{self.seed}/{index}")
        kind = self.kinds[index % len(self.kinds)]
        name, drawing = self._draw(kind, rng, words)
        tags = ["lang:en", f"drawing:{name}"]
        if kind == "caption" and rng.random() < self.spoilt_share:
            how = rng.choice(list(SPOILERS))
            drawing = spoil(drawing, how, rng)
            tags.append(f"spoilt:{how}")
        return {
            "id": content_id("renders", str(self.seed), str(index), kind),
            "kind": _KIND_OF_ROW.get(kind, kind),
            "source": {
                "dataset": "renders",
                "uri": f"renders:{self.seed}/{index}",
                "licence": "Apache-2.0",
            },
            **_CONVERSATIONS[kind](drawing, rng),
            "media": [_medium(drawing, rng)],
            "tags": tags,
            "meta": [("facts", "\n".join(drawing.facts)), ("names", "\n".join(drawing.names))],
        }

    def _draw(self, kind: str, rng: Random, words: Sequence[str]) -> tuple[str, Drawing]:
        """Return a drawing that suits the kind, and its name."""
        if kind == "reading":
            return "print", print_to_read(rng, words=words)
        among = self.drawings or tuple(DRAWINGS)
        names = [name for name in among if kind != "grounding" or name not in UNBOXED]
        name = rng.choice(names)
        return name, sign(rng, words=words) if name == "sign" else DRAWINGS[name](rng)


def _medium(drawing: Drawing, rng: Random) -> dict[str, Any]:
    """Return the picture as PNG, JPEG or WebP, as they come along the web."""
    form, mime = rng.choice(_FORMATS)
    data = base64.b64encode(_encoded(drawing.image, form, rng.randint(78, 95))).decode()
    return {"type": "image", "uri": f"data:{mime};base64,{data}", "alt": drawing.caption}


def _encoded(image: Image.Image, form: str, quality: int) -> bytes:
    out = io.BytesIO()
    options = {} if form == "PNG" else {"quality": quality, "method": 2}  # of WebP: quick
    image.save(out, form, **options)
    return out.getvalue()


def _caption(drawing: Drawing, rng: Random) -> dict[str, Any]:
    prompt = _with_picture(rng.choice(CAPTION_PROMPTS), rng)
    return {"messages": [_turn("user", prompt), _answer(drawing.caption)]}


def _qa(drawing: Drawing, rng: Random) -> dict[str, Any]:
    chosen = rng.sample(drawing.questions, min(MAX_TURNS, len(drawing.questions)))
    messages: list[dict[str, Any]] = []
    for question, answer in chosen:
        asked = _with_picture(question, rng) if not messages else [text_part(question)]
        messages += [_turn("user", asked), _answer(answer)]
    return {"messages": messages}


def _grounding(drawing: Drawing, rng: Random) -> dict[str, Any]:
    label = rng.choice(sorted({region.label for region in drawing.regions}))
    wanted = sorted((r for r in drawing.regions if r.label == label), key=lambda r: r.box)
    prompt = rng.choice(GROUNDING_PROMPTS).format(label=label)
    parts = [text_part("```json\n[\n")]
    for index in range(len(wanted)):
        parts += [text_part(",\n")] if index else []
        parts.append({"type": "box", "text": BOX, "index": index})
    parts.append(text_part("\n]\n```"))
    return {
        "messages": [_turn("user", _with_picture(prompt, rng)), _turn("assistant", parts)],
        "regions": [_region(region) for region in wanted],
    }


def _passage(drawing: Drawing, rng: Random) -> dict[str, Any]:
    """Return the text around the picture, asked for as `InformationGain` does."""
    prompt = rng.choice((FOLLOWING, OPENING, PRECEDING)).format(before=_text(drawing, rng))
    messages = [_turn("user", [media_part(0), text_part(prompt)]), _answer(_text(drawing, rng))]
    return {"messages": messages}


def _text(drawing: Drawing, rng: Random) -> str:
    """Return a few sentences, some of which name the picture or tell what it shows."""
    text = [
        mention(rng, rng.choice(drawing.names)) if rng.random() < 0.5 else plain(rng)
        for _ in range(rng.randint(1, MAX_SENTENCES))
    ]
    if rng.random() < TOLD_SHARE:
        text.insert(rng.randint(0, len(text)), rng.choice(drawing.facts))
    return " ".join(text)


_CONVERSATIONS: Final = {
    "caption": _caption,
    "qa": _qa,
    "grounding": _grounding,
    "passage": _passage,
    "reading": _qa,
}
_KIND_OF_ROW: Final = {"passage": "caption", "reading": "ocr"}


def _with_picture(prompt: str, rng: Random) -> list[dict[str, Any]]:
    """Return the picture and the request, in either order."""
    parts = [media_part(0), text_part(prompt)]
    return parts if rng.random() < 0.5 else parts[::-1]


def _turn(role: str, parts: list[dict[str, Any]]) -> dict[str, Any]:
    return {"role": role, "parts": parts}


def _answer(text: str) -> dict[str, Any]:
    return _turn("assistant", [text_part(text)])


def _region(region: Region) -> dict[str, Any]:
    return {"media": 0, "label": region.label, "box": list(region.box), "origin": "drawn"}
