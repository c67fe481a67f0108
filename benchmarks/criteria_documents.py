"""Documents whose pictures repeat, decorate, contradict or complete their text, made to order.

Each comes in six variants of one text, so that scores can be compared pair by pair:

redundant      the caption and all facts of the picture stand under it
complementary  a sentence brings the picture up without telling what it shows
decorative     a landscape of hills, which the text names in passing
wrong          the sentence of the complementary one, the picture of another document
text-heavy     about 2,000 words beside one icon
image-heavy    twenty pictures beside 30 words
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import yaml
from PIL import Image

from examples.pictures import PICTURES, picture
from stages.media import Pack
from stages.record import document, media_part, text_part
from synth.renders.catalogue import DRAWINGS
from synth.renders.drawing import Drawing
from synth.renders.scenes import landscape

TOPICS = Path(__file__).with_name("criteria_topics.yaml")
PAGES = Path(__file__).parents[1] / "examples" / "pages"
VARIANTS = ("redundant", "complementary", "decorative", "wrong", "text-heavy", "image-heavy")
HEAVY_WORDS, LIGHT_WORDS = 2000, 30
HEAVY_PICTURES = 20
ICON_PX = 48
MIN_SITE_WORDS = 60

Piece = str | Drawing
Variants = Mapping[str, Sequence[Piece]]


def rendered(count: int, seed: int, *, heavy: int = HEAVY_PICTURES) -> Iterator[Variants]:
    """Yield documents on the topics of TOPICS with pictures that were never seen elsewhere.

    Args:
        count: how many.
        seed: what they are drawn from.
        heavy: pictures of the image-heavy variant.
    """
    topics = yaml.safe_load(TOPICS.read_text(encoding="utf-8"))
    every = [sentence for topic in topics for sentence in topic["text"]]
    for number in range(count):
        rng = Random(f"criteria/{seed}/{number}")
        topic, other = rng.sample(topics, 2)
        own = rng.sample(topic["text"], 5)
        own.insert(rng.randrange(6), topic["around"])
        yield _variants(
            rng,
            text=[" ".join(own[:3]), " ".join(own[3:])],
            lead=rng.choice(topic["leads"]),
            drawings=[_drawn(topic, rng) for _ in range(heavy)],
            other=_drawn(other, rng),
            scene=landscape(rng),
            every=every,
        )


def site(seed: int) -> Iterator[Variants]:
    """Yield a document for each drawn picture in a page of the example site, with its text."""
    pages = [(path, *_read_page(path)) for path in sorted(PAGES.rglob("*.md"))]
    every = [text for _, texts, _ in pages for text in texts]
    names = sorted({name for *_, shown in pages for name, _ in shown})
    for path, texts, shown in pages:
        for name, at in shown:
            rng = Random(f"criteria/{seed}/{path.name}/{name}")
            unlike = [each for each in names if each[:4] != name[:4]]
            others = rng.sample(unlike, HEAVY_PICTURES - 1)
            yield _variants(
                rng,
                text=["\n\n".join(texts[:at]), "\n\n".join(texts[at:])],
                lead="",
                drawings=[_catalogued(each) for each in (name, *others)],
                other=_catalogued(others[0]),
                scene=landscape(rng),
                every=every,
            )


@cache
def _catalogued(name: str) -> Drawing:
    return picture(name)


def _drawn(topic: Mapping[str, Any], rng: Random) -> Drawing:
    return DRAWINGS[topic["drawing"]](rng, **topic["options"])  # type: ignore[call-arg]


def _read_page(path: Path) -> tuple[list[str], list[tuple[str, int]]]:
    """Return the paragraphs of an English page, and its pictures with how many precede each."""
    body = path.read_text(encoding="utf-8").rpartition("\n---\n")[2]
    texts: list[str] = []
    shown = []
    for block in re.split(r"\n\s*\n", body):
        if found := re.match(r'!\[.*\]\((\S+?)(?: ".*")?\)', block.strip()):
            if found[1] in PICTURES and max(_catalogued(found[1]).image.size) < 1000:
                shown.append((found[1], len(texts)))
        elif re.match(r"\w", block.strip()):
            texts.append(block.strip())
    is_long = sum(len(text.split()) for text in texts) >= MIN_SITE_WORDS
    return texts, shown if is_long and path.parent.name not in ("de", "fr", "ja", "zh") else []


def _variants(
    rng: Random,
    *,
    text: Sequence[str],
    lead: str,
    drawings: Sequence[Drawing],
    other: Drawing,
    scene: Drawing,
    every: Sequence[str],
) -> Variants:
    before, after = text
    own = drawings[0]
    told = " ".join([own.caption.capitalize() + ".", *own.facts])
    icon = own._replace(image=own.image.resize((ICON_PX, ICON_PX)))
    short = " ".join(f"{lead} {after or before}".split()[:LIGHT_WORDS])
    return {
        "redundant": [before, own, told, after],
        "complementary": [before, lead, own, after],
        "decorative": [before, scene, after],
        "wrong": [before, lead, other, after],
        "text-heavy": [before, icon, lead, after, *_long(every, rng)],
        "image-heavy": [*drawings, short],
    }


def _long(every: Sequence[str], rng: Random) -> list[str]:
    """Return paragraphs of HEAVY_WORDS words in all, no more often than needed the same."""
    found: list[str] = []
    words = 0
    while words < HEAVY_WORDS:
        for text in rng.sample(every, len(every)):
            found.append(text)
            words += len(text.split())
            if words >= HEAVY_WORDS:
                break
    return found


def row_of(pieces: Sequence[Piece], pack: Pack) -> dict[str, Any]:
    """Return a document of texts and pictures as a row; the pictures' bytes go into the pack."""
    parts: list[dict[str, Any]] = []
    media: list[dict[str, Any]] = []
    for piece in pieces:
        if isinstance(piece, str):
            parts += [text_part(piece)] if piece else []
        else:
            parts.append(media_part(len(media)))
            media.append(_medium(piece, pack))
    name = repr([part.get("text") or media[part["index"]]["sha256"] for part in parts])
    return {
        "id": hashlib.sha256(name.encode()).hexdigest()[:32],
        "kind": "interleaved",
        "messages": document(parts),
        "media": media,
    }


def _medium(drawing: Drawing, pack: Pack) -> dict[str, Any]:
    data = io.BytesIO()
    image: Image.Image = drawing.image
    image.save(data, "PNG", compress_level=1)
    sha256, place = pack.add(data.getvalue())
    return {
        "type": "image",
        "sha256": sha256,
        "mime": "image/png",
        "width_px": image.width,
        "height_px": image.height,
        "alt": drawing.caption,
        "status": "ok",
        "location": dataclasses.asdict(place),
    }
