"""Samples of what a run kept, dropped and quarantined: a few rows, the same in every report.

Rows are chosen by the hash of their id, so they are a random sample, yet the same one each
time. Files are looked at a unit at a time, and of each only the chosen rows are taken.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import xxhash

from pipelines.account.committed import UnitFiles, sampled_units
from pipelines.account.summary import Summary
from pipelines.ledger import QUARANTINE_COLUMNS
from stages.media import Location
from stages.record import SCHEMA

MAX_ERROR_CHARS = 4_000


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture of a sample.

    Attributes:
        uri: where it was found.
        sha256: of its bytes.
        alt: what the page says of it.
        location: of its bytes in the run's packs.
        sample: id of the sample.
        page: uri of the sample.
        licence: of the sample; "" when unknown.
        size_px: width and height; 0 where not known.
    """

    uri: str
    sha256: str
    alt: str
    location: Location
    sample: str
    page: str
    licence: str
    size_px: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Dropped:
    """An entry of the ledger.

    Attributes:
        id: of the sample.
        uri: of the sample.
        over: sample, text or media.
        element: index of the part or medium; -1 for the sample.
        score_name: what broke the limit; "" where no score did.
        score: its value, or None.
        threshold: the limit, or None.
        reason: in words.
        excerpt: beginning of the text, or address of the medium.
        unit: the unit of the sample.
    """

    id: str
    uri: str
    over: str
    element: int
    score_name: str
    score: float | None
    threshold: float | None
    reason: str
    excerpt: str
    unit: UnitFiles


@dataclass(frozen=True, kw_only=True)
class DroppedSample:
    """Some of the entries that one step made in the ledger.

    Attributes:
        step: the step.
        total: how many entries there are.
        entries: the chosen ones, in a random order that is always the same.
    """

    step: str
    total: int
    entries: tuple[Dropped, ...]


@dataclass(frozen=True, kw_only=True)
class Quarantined:
    """A row on which an operator failed."""

    id: str
    uri: str
    step: str
    error: str


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A kept row.

    Attributes:
        row: the columns of the record as plain values.
        pictures: by index into the row's media, those whose bytes are in the packs.
        scores: the sample's scores by column name, without those not judged.
    """

    row: Mapping[str, Any]
    pictures: Mapping[int, Picture]
    scores: Mapping[str, float]


def lot(*pieces: object) -> int:
    """Return a number in [0, 2**64) that depends on the pieces alone; the smallest are chosen."""
    return xxhash.xxh3_64_intdigest("/".join(map(str, pieces)).encode())


def dropped_samples(summary: Summary, per_step: int) -> list[DroppedSample]:
    """Return up to `per_step` ledger entries of each step that dropped any, in step order."""
    chosen: dict[str, list[tuple[int, Dropped]]] = defaultdict(list)
    totals: Counter[str] = Counter()
    for segment in summary.segments:
        for unit in segment.units:
            if unit.rejected:
                _choose_dropped(unit, per_step, chosen, totals)
    return [
        DroppedSample(
            step=name, total=totals[name], entries=tuple(entry for _, entry in chosen[name])
        )
        for name in summary.counts
        if name in chosen
    ]


def _choose_dropped(
    unit: UnitFiles,
    per_step: int,
    chosen: dict[str, list[tuple[int, Dropped]]],
    totals: Counter[str],
) -> None:
    table = unit.read("rejected")
    columns = (table.column(name).to_pylist() for name in ("step", "id", "element"))
    lots: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for place, (step, *pieces) in enumerate(zip(*columns, strict=True)):
        lots[step].append((lot(*pieces), place))
    for step, drawn in lots.items():
        totals[step] += len(drawn)
        best = heapq.nsmallest(per_step, drawn)
        rows = table.take(pa.array([place for _, place in best])).to_pylist()
        new = [(number, _dropped(row, unit)) for (number, _), row in zip(best, rows, strict=True)]
        merged = sorted([*chosen[step], *new], key=lambda pair: pair[0])
        chosen[step] = merged[:per_step]


def _dropped(row: Mapping[str, Any], unit: UnitFiles) -> Dropped:
    return Dropped(
        id=row["id"] or "",
        uri=row["uri"] or "",
        over=row["over"],
        element=row["element"],
        score_name=row["score_name"] or "",
        score=_number(row["score"]),
        threshold=_number(row["threshold"]),
        reason=row["reason"] or "",
        excerpt=row["excerpt"] or "",
        unit=unit,
    )


def _number(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else float(value)


def quarantined_rows(summary: Summary, count: int) -> list[Quarantined]:
    """Return up to `count` of the rows on which an operator failed."""
    chosen: list[tuple[int, Quarantined]] = []
    for segment in summary.segments:
        for unit in segment.units:
            if not unit.quarantined:
                continue
            table = unit.read("quarantine", ["id", "source.uri", *QUARANTINE_COLUMNS])
            chosen += [(lot(row["id"]), _quarantined(row)) for row in table.to_pylist()]
            chosen = sorted(chosen, key=lambda pair: pair[0])[:count]
    return [row for _, row in chosen]


def _quarantined(row: Mapping[str, Any]) -> Quarantined:
    step, error = (row[name] or "" for name in QUARANTINE_COLUMNS)
    uri = (row["source"] or {}).get("uri") or ""
    return Quarantined(id=row["id"] or "", uri=uri, step=step, error=error[-MAX_ERROR_CHARS:])


def kept_rows(summary: Summary, count: int) -> list[Kept]:
    """Return up to `count` of the rows that the last segment kept."""
    best: list[tuple[int, int, int]] = []
    units = _last_units(summary)
    for place, unit in enumerate(units):
        ids = unit.read("kept", ["id"]).column("id").to_pylist() if unit.rows else []
        drawn = ((lot(id_), place, row) for row, id_ in enumerate(ids))
        best = heapq.nsmallest(count, [*best, *heapq.nsmallest(count, drawn)])
    rows = _take_rows(units, [(place, row) for _, place, row in best])
    return [_kept(rows[place, row]) for _, place, row in best]


def _last_units(summary: Summary) -> list[UnitFiles]:
    return sampled_units(summary.segments[-1]) if summary.segments else []


def _take_rows(
    units: Sequence[UnitFiles], places: Iterable[tuple[int, int]]
) -> dict[tuple[int, int], dict[str, Any]]:
    """Return the record and score columns of rows, given as (place of the unit, row)."""
    wanted: dict[int, list[int]] = defaultdict(list)
    for place, row in places:
        wanted[place].append(row)
    found = {}
    for place, rows in wanted.items():
        unit = units[place]
        scores = [name for name in unit.column_names() if name.startswith("score.")]
        table = unit.read("kept", [*SCHEMA.names, *scores]).take(pa.array(rows))
        for row, content in zip(rows, table.to_pylist(), strict=True):
            found[place, row] = content
    return found


def _kept(row: dict[str, Any]) -> Kept:
    scores = {name: row.pop(name) for name in list(row) if name.startswith("score.")}
    judged = {name: float(v) for name, v in scores.items() if v is not None and np.isfinite(v)}
    return Kept(row=row, pictures=pictures_of(row), scores=judged)


def pictures_of(row: Mapping[str, Any]) -> dict[int, Picture]:
    """Return the pictures of a row whose bytes are in the packs, by index into its media."""
    return {
        index: picture(medium, row)
        for index, medium in enumerate(row["media"] or [])
        if is_stored_picture(medium)
    }


def is_stored_picture(medium: Mapping[str, Any]) -> bool:
    """Tell whether a medium is a picture whose bytes are in the packs."""
    location = medium["location"] or {}
    return bool(medium["type"] == "image" and location.get("pack") and medium["sha256"])


def picture(medium: Mapping[str, Any], row: Mapping[str, Any]) -> Picture:
    """Return a medium that has a location as the picture of a row."""
    source = row["source"] or {}
    return Picture(
        uri=medium["uri"] or "",
        sha256=medium["sha256"],
        alt=medium["alt"] or "",
        location=Location(**medium["location"]),
        sample=row["id"] or "",
        page=source.get("uri") or "",
        licence=source.get("licence") or "",
        size_px=(medium["width_px"] or 0, medium["height_px"] or 0),
    )


def kept_pictures(summary: Summary, count: int) -> list[Picture]:
    """Return up to `count` different pictures of the kept rows, chosen by their sha256."""
    best: dict[str, tuple[int, int]] = {}
    columns = [f"media.list.element.{name}" for name in ("type", "sha256", "location")]
    units = _last_units(summary)
    for place, unit in enumerate(units):
        media = unit.read("kept", columns).column("media").to_pylist() if unit.rows else []
        for row, each in enumerate(media):
            for medium in each:
                if is_stored_picture(medium):
                    best.setdefault(medium["sha256"], (place, row))
        best = dict(heapq.nsmallest(count, best.items()))
    rows = _take_rows(units, set(best.values()))
    return [
        next(each for each in pictures_of(rows[where]).values() if each.sha256 == sha256)
        for sha256, where in best.items()
    ]
