"""Finding the bytes of pictures that a run dropped: their rows are in no kept table any more.

The rows that entered a segment are those that the segment before it kept. Where a dropped
medium lies stands there, or, if it was fetched on entering, in the decisions about that row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.account.committed import UnitFiles
from pipelines.account.samples import Dropped, Picture, is_stored_picture, picture
from pipelines.account.summary import Summary
from pipelines.decided import read_decisions
from pipelines.folder import read_batch
from pipelines.plan import bucket_count
from stages.places import exists

MAX_PER_SAMPLE = 3
_FETCHED = ("sha256", "pack", "offset", "length")
_COLUMNS = ("id", "source", "media")


def dropped_pictures(summary: Summary, entries: Iterable[Dropped]) -> dict[int, list[Picture]]:
    """Return the pictures of entries by their place: the medium itself, or a sample's first."""
    by_unit: dict[tuple[int, int], list[tuple[int, Dropped]]] = defaultdict(list)
    for place, entry in enumerate(entries):
        if entry.over != "text":
            by_unit[entry.unit.segment, entry.unit.unit].append((place, entry))
    before = {(unit.segment + 1, unit.unit): unit for s in summary.segments for unit in s.units}
    found: dict[int, list[Picture]] = {}
    for where, placed in by_unit.items():
        if where in before:
            entered = _entered(summary, before[where], {entry.id for _, entry in placed})
            for place, entry in placed:
                found[place] = _shown(entered.get(entry.id), entry)
    return found


def _shown(row: Mapping[str, Any] | None, entry: Dropped) -> list[Picture]:
    if row is None:
        return []
    located = [medium for medium in row["media"] or [] if is_stored_picture(medium)]
    if entry.over == "media" and entry.element >= 0:
        located = [m for m in located if (m["uri"] or "")[: len(entry.excerpt)] == entry.excerpt]
        return [picture(medium, row) for medium in located[:1] if entry.excerpt]
    return [picture(medium, row) for medium in located[:MAX_PER_SAMPLE]]


def _entered(summary: Summary, unit: UnitFiles, ids: set[str]) -> dict[str, dict[str, Any]]:
    """Return the rows of those ids as they entered the segment after the unit's."""
    table = unit.read("kept", _COLUMNS)
    chosen = pc.is_in(table.column("id"), value_set=pa.array(sorted(ids), pa.string()))
    places = np.flatnonzero(chosen.to_numpy())
    rows = table.take(pa.array(places)).to_pylist()
    fetched = _fetched(summary, unit, places.tolist())
    for place, row in zip(places.tolist(), rows, strict=True):
        for index, medium in enumerate(row["media"] or []):
            medium |= fetched.get((place, index), {})
    return {row["id"]: row for row in rows}


def _fetched(
    summary: Summary, unit: UnitFiles, rows: Sequence[int]
) -> dict[tuple[int, int], dict[str, Any]]:
    """Return what was fetched for media of those rows, by row and index into its media."""
    units = next(len(s.units) for s in summary.segments if s.index == unit.segment)
    files = [str(bucket) for bucket in range(bucket_count(units))]
    where = summary.folder.decisions(unit.segment)
    if not all(exists(where / f"{name}.arrow") for name in files):
        return {}
    if not set(_FETCHED) <= set(read_batch(where / f"{files[0]}.arrow", 0).column_names):
        return {}  # what was decided is not where media lie
    table = read_decisions(summary.folder, unit.segment, unit.unit, files)
    ok = pc.and_(
        pc.is_in(table.column("row"), value_set=pa.array(rows, pa.int64())),
        pc.is_valid(table.column("pack")),
    )
    return {(told["row"], told["element"]): _place(told) for told in table.filter(ok).to_pylist()}


def _place(told: Mapping[str, Any]) -> dict[str, Any]:
    location = {name: told[name] for name in ("pack", "offset", "length")}
    stand_in = {"uri": told["uri"]} if told.get("uri") else {}
    return {"sha256": told["sha256"], "location": location, **stand_in}
