"""Evidence of decontamination: what was dropped, or nearly, beside the item that it is like."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from PIL import Image

from pipelines.account.dropped_pictures import dropped_pictures
from pipelines.account.near_hits import near_hits
from pipelines.account.run_info import StepInfo
from pipelines.account.samples import Dropped, Picture, dropped_samples
from pipelines.account.summary import Summary
from pipelines.account.thumbnails import LIMITS, data_uri, open_picture
from pipelines.account.wording import visible
from stages.decode import UndecodableError, decode_rgb
from stages.errors import NotReadyError
from stages.evals.items import Kind, item
from stages.evals.runs import shared_stretches
from stages.evals.told import item_told
from stages.media import MediaStore

MAX_HITS: Final = 100
MAX_NEAR: Final = 40
SIDE_PX: Final = 320
CONTEXT_CHARS: Final = 200
"""Characters shown on each side of what two texts share."""
MAX_CHARS: Final = 3_000


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A piece of a text; `marked` where the other text has it too."""

    text: str
    marked: bool


@dataclass(frozen=True, kw_only=True)
class Side:
    """What is shown of one of two that are alike.

    Attributes:
        pieces: of a text, in order.
        source: data: URI of a picture, "" for none.
        note: what cannot be shown, and why.
    """

    pieces: tuple[Piece, ...] = ()
    source: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Hit:
    """An element beside the evaluation item that it is like.

    Attributes:
        id: of the sample.
        uri: of the sample.
        item: name of the evaluation item.
        reason: as the ledger has it.
        score: of the element.
        ours: the element.
        theirs: the item.
    """

    id: str
    uri: str
    item: str
    reason: str
    score: float
    ours: Side
    theirs: Side


@dataclass(frozen=True, kw_only=True)
class StepEvidence:
    """What a decontamination step found.

    Attributes:
        step: its name.
        evals_path: the evaluation sets.
        kind: text or picture.
        limit: the highest score kept; None where nothing tells it.
        total: elements dropped.
        hits: some of them, chosen at random.
        near: kept elements of the highest scores.
    """

    step: str
    evals_path: str
    kind: Kind
    limit: float | None
    total: int
    hits: tuple[Hit, ...]
    near: tuple[Hit, ...]


def evidence(summary: Summary) -> list[StepEvidence]:
    """Return what each step of the run found that compared with evaluation sets."""
    steps = [step for step in summary.steps if step.options.get("evals_path")]
    if not steps:
        return []
    samples = {each.step: each for each in dropped_samples(summary, MAX_HITS)}
    found = []
    for step in steps:
        sample = samples.get(step.name)
        entries = [each for each in sample.entries if item_told(each.reason)] if sample else []
        count = summary.counts.get(step.name)
        dropped = (count.elements_dropped or count.dropped) if count is not None else 0
        found.append(
            StepEvidence(
                step=step.name,
                evals_path=str(step.options["evals_path"]),
                kind=_kind(step),
                limit=_limit(step, entries),
                total=dropped,
                hits=tuple(_hits(summary, step, entries)),
                near=tuple(_near(summary, step)),
            )
        )
    return found


def _limit(step: StepInfo, entries: Sequence[Dropped]) -> float | None:
    told = [bound.get("max") for bound in step.limits] + [each.threshold for each in entries]
    return next((float(value) for value in told if value is not None), None)


def _kind(step: StepInfo) -> Kind:
    return "picture" if step.over == "media" else "text"


def _hits(summary: Summary, step: StepInfo, entries: Sequence[Dropped]) -> list[Hit]:
    store = MediaStore(root=summary.folder.media)
    if _kind(step) == "picture":
        pictures = dropped_pictures(summary, entries)
        first = [next(iter(pictures.get(at, [])), None) for at in range(len(entries))]
        ours = [_picture(store, each) for each in first]
    else:
        ours = [_text(*told) for told in _texts(summary, entries)]
    return [
        _beside(step, each.id, each.uri, each.reason, each.score or 0.0, side)
        for each, side in zip(entries, ours, strict=True)
    ]


def _near(summary: Summary, step: StepInfo) -> list[Hit]:
    store = MediaStore(root=summary.folder.media)
    return [
        _beside(
            step,
            each.id,
            each.uri,
            each.reason,
            each.score,
            _picture(store, each.picture) if _kind(step) == "picture" else _text(each.text, ""),
        )
        for each in near_hits(summary, step, MAX_NEAR)
    ]


def _beside(step: StepInfo, id_: str, uri: str, reason: str, score: float, ours: Side) -> Hit:
    """Return an element beside its item, what texts share marked on both sides."""
    name, kind = item_told(reason), _kind(step)
    theirs = _item(str(step.options["evals_path"]), name, kind)
    if kind == "text" and ours.pieces and theirs.pieces:
        texts = ours.pieces[0].text, theirs.pieces[0].text
        ngram = int(step.options.get("ngram", 13))
        mine, its = (shared_stretches(a, b, ngram) for a, b in (texts, texts[::-1]))
        ours = Side(pieces=_pieces(texts[0], mine), note=ours.note)
        theirs = Side(pieces=_pieces(texts[1], its))
    return Hit(id=id_, uri=uri, item=name, reason=reason, score=score, ours=ours, theirs=theirs)


def _item(path: str, name: str, kind: Kind) -> Side:
    try:
        found = item(path, name, kind)
    except NotReadyError as error:
        return Side(note=str(error))
    if found is None:
        return Side(note=f"there is no {name} in {path} any more")
    if kind == "text":
        return _text(found.content, "")
    try:
        image = Image.fromarray(decode_rgb(found.content, LIMITS))
    except UndecodableError as error:
        return Side(note=str(error))
    image.thumbnail((SIDE_PX, SIDE_PX), reducing_gap=2.0)
    return Side(source=data_uri(image))


def _picture(store: MediaStore, found: Picture | None) -> Side:
    image = open_picture(store, found, SIDE_PX) if found is not None else None
    return Side(source=data_uri(image)) if image is not None else Side(note="not in the packs")


def _text(text: str, note: str) -> Side:
    return Side(pieces=(Piece(text=text, marked=False),), note=note)


def _texts(summary: Summary, entries: Sequence[Dropped]) -> list[tuple[str, str]]:
    """Return the text of each dropped element as it entered its segment, or its beginning."""
    before = {(unit.segment + 1, unit.unit): unit for s in summary.segments for unit in s.units}
    ids: dict[tuple[int, int], set[str]] = defaultdict(set)
    for entry in entries:
        ids[entry.unit.segment, entry.unit.unit].add(entry.id)
    known: dict[str, Mapping[str, Any]] = {}
    for where, wanted in ids.items():
        if where in before:
            table = before[where].read("kept", ["id", "messages"])
            chosen = pc.is_in(table.column("id"), value_set=pa.array(sorted(wanted), pa.string()))
            known |= {row["id"]: row for row in table.filter(chosen).to_pylist()}
    return [_dropped_text(entry, known.get(entry.id)) for entry in entries]


def _dropped_text(entry: Dropped, row: Mapping[str, Any] | None) -> tuple[str, str]:
    """Return the text and a note; an entry about a part is found by how it begins."""
    if row is None:
        return entry.excerpt, "the beginning alone is known: nothing was committed before the step"
    parts = [part for message in row["messages"] or [] for part in message["parts"] or []]
    texts = [part["text"] or "" for part in parts if part["type"] == "text"]
    if entry.element < 0:
        return "\n".join(texts), ""
    return next((text for text in texts if text.startswith(entry.excerpt)), entry.excerpt), ""


def _pieces(text: str, stretches: Sequence[tuple[int, int]]) -> tuple[Piece, ...]:
    """Return what is shared, marked, with what stands around it; the rest is left out."""
    pieces: list[Piece] = []
    at = max(stretches[0][0] - CONTEXT_CHARS, 0) if stretches else 0
    pieces += [Piece(text="… ", marked=False)] if at else []
    for start, stop in stretches or [(MAX_CHARS, MAX_CHARS)]:
        if start - at > 2 * CONTEXT_CHARS and stretches:
            between = f"{text[at : at + CONTEXT_CHARS]} … {text[start - CONTEXT_CHARS : start]}"
        else:
            between = text[at:start]
        pieces.append(Piece(text=visible(between), marked=False))
        pieces.append(Piece(text=visible(text[start:stop][:MAX_CHARS]), marked=True))
        at = stop
        if sum(len(each.text) for each in pieces) > MAX_CHARS:
            break
    end = text[at : at + CONTEXT_CHARS]
    pieces.append(
        Piece(text=visible(end + (" …" if len(text) > at + len(end) else "")), marked=False)
    )
    return tuple(piece for piece in pieces if piece.text)
