"""What a decontamination step kept though it is something like an item of an evaluation set."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.account.committed import UnitFiles, sampled_units
from pipelines.account.run_info import StepInfo
from pipelines.account.samples import Picture, is_stored_picture, picture
from pipelines.account.summary import Summary
from pipelines.catalogue import find_operator
from pipelines.recipe import construct
from stages.elements import Ints
from stages.errors import NotReadyError
from stages.media import MediaStore
from stages.record import SCHEMA, conform
from stages.stage import Batch, Filter

Scored = tuple[float, int, int, int]
"""Score, place of the unit, row of the unit and element of the row."""


@dataclass(frozen=True, kw_only=True)
class Near:
    """An element that a step kept.

    Attributes:
        id: of the sample.
        uri: of the sample.
        score: what the step gave it, above 0.
        reason: what it would have been dropped as.
        text: of the sample or text part; "" for a picture.
        picture: the picture; None for a text, and where its bytes are not in the packs.
    """

    id: str
    uri: str
    score: float
    reason: str
    text: str
    picture: Picture | None


def near_hits(summary: Summary, step: StepInfo, count: int) -> list[Near]:
    """Return up to `count` of the elements with the highest scores that were kept to the end.

    Of large runs a sample of units is looked at. A step that has workers of its own loads a
    model, and is not asked again: of it nothing is told.
    """
    operator = _operator(step)
    if operator is None or operator.resources.workers or not summary.segments:
        return []
    units = sampled_units(summary.segments[-1])
    score = f"{step.name}.{operator.limits()[0].score}"
    found = (each for place, unit in enumerate(units) for each in _scored(unit, place, step, score))
    best = heapq.nlargest(count, found)
    wanted: dict[int, list[Scored]] = defaultdict(list)
    for each in best:
        wanted[each[1]].append(each)
    store = MediaStore(root=summary.folder.media)
    near = [
        each
        for place, chosen in wanted.items()
        for each in _told(operator, units[place], chosen, store)
    ]
    return sorted(near, key=lambda each: -each.score)


def _operator(step: StepInfo) -> Filter | None:
    """Return the operator of a step again; None when what it reads is not here any more."""
    try:
        operator = construct(find_operator(step.use), step.options, step.name, [])
        if operator is not None:
            operator.check()
    except (LookupError, NotReadyError):
        return None
    return operator if isinstance(operator, Filter) else None


def _scored(unit: UnitFiles, place: int, step: StepInfo, score: str) -> Iterator[Scored]:
    """Yield score, place of the unit, row and element of what has a score above 0."""
    if not unit.rows:
        return
    if step.over == "sample":
        table = unit.read("kept", [f"score.{score}"])
        if table.num_columns:
            count = np.arange(table.num_rows)
            yield from _above_zero(table.column(0), count, np.full(len(count), -1), place)
        return
    batch = _batch(unit.read("kept", SCHEMA.names), MediaStore(root=unit.folder.media))
    elements = batch.media() if step.over == "media" else batch.parts()
    values = pc.map_lookup(elements.values.field("scores"), pa.scalar(score), "first")
    yield from _above_zero(values, elements.row, elements.position, place)


def _above_zero(column: Any, row: Ints, element: Ints, place: int) -> Iterator[Scored]:
    values = pc.fill_null(column.cast(pa.float32()), 0).to_numpy(zero_copy_only=False)
    for at in np.flatnonzero(values > 0).tolist():
        yield float(values[at]), place, int(row[at]), int(element[at])


def _batch(table: pa.Table, store: MediaStore) -> Batch:
    return Batch(table=conform(table), store=store)


def _told(operator: Filter, unit: UnitFiles, chosen: list[Scored], store: MediaStore) -> list[Near]:
    """Return elements of rows of a unit, with the reasons that the operator gives for them."""
    rows = sorted({row for _, _, row, _ in chosen})
    batch = _batch(unit.read("kept", SCHEMA.names).take(pa.array(rows)), store)
    reasons = operator.reasons(batch) or []
    contents = batch.table.to_pylist()
    near = []
    for score, _, row, element in chosen:
        at = rows.index(row)
        content = contents[at]
        near.append(
            Near(
                id=content["id"] or "",
                uri=(content["source"] or {}).get("uri") or "",
                score=score,
                reason=reasons[_index(operator, batch, at, element)],
                text=_text(content, element) if operator.over != "media" else "",
                picture=_picture(content, element) if operator.over == "media" else None,
            )
        )
    return near


def _index(operator: Filter, batch: Batch, row: int, element: int) -> int:
    """Return which of the elements that the operator judges an element of a row is."""
    if operator.over == "sample":
        return row
    if operator.over == "media":
        return int(np.searchsorted(batch.media().row, row)) + element
    parts = batch.parts()
    return int(parts.is_text[: int(np.searchsorted(parts.row, row)) + element].sum())


def _text(row: Mapping[str, Any], element: int) -> str:
    """Return the text of a part, or of all of them when the element is -1."""
    parts = [part for message in row["messages"] for part in message["parts"]]
    if element >= 0:
        return parts[element]["text"] or ""
    return "\n".join(part["text"] or "" for part in parts if part["type"] == "text")


def _picture(row: Mapping[str, Any], element: int) -> Picture | None:
    medium = row["media"][element]
    return picture(medium, row) if is_stored_picture(medium) else None
