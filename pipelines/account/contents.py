"""What the rows that a run kept are made of: kinds, licences, languages, media, tokens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.account.committed import UnitFiles

LANGUAGE_TAG: Final = "lang:"
TOKEN_COUNTS: Final = ("n_tokens", "n_label_tokens", "n_patches")


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What the rows that the last segment kept are made of.

    Attributes:
        rows: number of rows.
        kinds: kind of sample to rows.
        licences: licence to rows; "" for rows that name none.
        languages: code of the `lang:` tag to rows; "" for rows without one.
        media: type to number of media.
        totals: n_tokens, n_label_tokens, n_patches; empty when nothing was tokenized.
    """

    rows: int = 0
    kinds: Mapping[str, int] = field(default_factory=dict)
    licences: Mapping[str, int] = field(default_factory=dict)
    languages: Mapping[str, int] = field(default_factory=dict)
    media: Mapping[str, int] = field(default_factory=dict)
    totals: Mapping[str, int] = field(default_factory=dict)


def profile(units: Sequence[UnitFiles]) -> Profile:
    """Count over the kept rows of all units, reading a few narrow columns of each."""
    columns = ["kind", "source.licence", "tags", "media.list.element.type", *TOKEN_COUNTS]
    kinds: Counter[str] = Counter()
    licences: Counter[str] = Counter()
    languages: Counter[str] = Counter()
    media: Counter[str] = Counter()
    totals: Counter[str] = Counter()
    for unit in units:
        if unit.rows == 0:
            continue
        table = unit.read("kept", columns)
        kinds += _tally(table.column("kind"))
        licences += _tally(pc.struct_field(table.column("source"), "licence"))
        languages += _languages(table.column("tags"))
        media += _tally(pc.struct_field(pc.list_flatten(table.column("media")), "type"))
        for name in TOKEN_COUNTS:
            if name in table.column_names:
                totals[name] += pc.sum(table.column(name)).as_py() or 0
    return Profile(
        rows=sum(unit.rows for unit in units),
        kinds=dict(kinds.most_common()),
        licences=dict(licences.most_common()),
        languages=dict(languages.most_common()),
        media=dict(media.most_common()),
        totals=dict(totals),
    )


def _tally(column: pa.ChunkedArray) -> Counter[str]:
    """Count the strings of a column, null as ""."""
    counts = pc.value_counts(column).to_pylist()
    tally: Counter[str] = Counter()
    for entry in counts:
        tally[entry["values"] or ""] += entry["counts"]
    return tally


def _languages(tags: pa.ChunkedArray) -> Counter[str]:
    """Count the rows per language tag, those without one as ""."""
    flat = pc.list_flatten(tags)
    chosen = flat.filter(pc.starts_with(flat, LANGUAGE_TAG))
    tally = _tally(pc.utf8_slice_codeunits(chosen, len(LANGUAGE_TAG)))
    tally[""] += max(len(tags) - tally.total(), 0)
    return +tally
