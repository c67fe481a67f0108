"""The ledger: which element was dropped by which step, with which score against which threshold.

It is written unit by unit as `segments/<n>/<unit>.rejected.parquet`, and counts of every step
stand in the unit's `.done`. Rows in = rows out + dropped + quarantined - generated, checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields

import pyarrow as pa
import pyarrow.compute as pc

from stages.elements import Ints, parts_of
from stages.errors import ConservationError

LEDGER = pa.schema(
    {
        "id": pa.string(),
        "uri": pa.string(),
        "step": pa.string(),
        "over": pa.string(),  # sample, text or media
        "element": pa.int64(),  # index of the part or medium in its sample; -1: the sample
        "score_name": pa.string(),
        "score": pa.float32(),
        "threshold": pa.float32(),
        "reason": pa.string(),
        "excerpt": pa.string(),  # the beginning of a text, the address of a picture
    }
)
QUARANTINE_COLUMNS = ("quarantine.step", "quarantine.error")
EXCERPT_CHARS = 200
EXCERPT_PARTS = 4  # parts that the excerpt of a sample is made from


@dataclass(frozen=True, kw_only=True)
class StepCount:
    """What one step did to the rows that it was given.

    Attributes:
        name: the step.
        rows_in: rows given.
        rows_out: rows given on.
        dropped: rows dropped.
        quarantined: rows on which the operator failed.
        generated: rows that a generator made.
        elements_in: text parts or media judged.
        elements_dropped: text parts or media dropped from rows.
        bytes_in: size of the rows given, bytes in memory.
        seconds: time spent.
        cpu_s: CPU seconds spent, those of child processes included.
    """

    name: str
    rows_in: int = 0
    rows_out: int = 0
    dropped: int = 0
    quarantined: int = 0
    generated: int = 0
    elements_in: int = 0
    elements_dropped: int = 0
    bytes_in: int = 0
    seconds: float = 0.0
    cpu_s: float = 0.0

    def __add__(self, other: StepCount) -> StepCount:
        numbers = {
            f.name: getattr(self, f.name) + getattr(other, f.name)
            for f in fields(self)
            if f.name != "name"
        }
        return StepCount(name=self.name, **numbers)

    def as_dict(self) -> dict[str, str | int | float]:
        """Return the fields as plain values."""
        return asdict(self)


def add_counts(runs: Iterable[Sequence[StepCount]]) -> list[StepCount]:
    """Return the sum per step, in the order of the steps' first appearance."""
    total: dict[str, StepCount] = {}
    for counts in runs:
        for count in counts:
            total[count.name] = total[count.name] + count if count.name in total else count
    return list(total.values())


def check_conservation(counts: Sequence[StepCount]) -> None:
    """Check that no row of any step came or went unseen.

    Raises:
        ConservationError: naming the first step whose numbers do not add up.
    """
    for before, step in zip([None, *counts], counts, strict=False):
        if step.rows_in + step.generated != step.rows_out + step.dropped + step.quarantined:
            raise ConservationError(
                f"step {step.name}: {step.rows_in} rows in + {step.generated} generated, but "
                f"{step.rows_out} out + {step.dropped} dropped + {step.quarantined} quarantined"
            )
        if before is not None and before.rows_out != step.rows_in:
            raise ConservationError(
                f"step {step.name} was given {step.rows_in} rows, but {before.name} before it "
                f"gave {before.rows_out}"
            )


def entries(
    table: pa.Table,
    rows: Ints,
    *,
    step: str,
    over: str,
    element: Ints,
    score_name: Sequence[str],
    score: Sequence[float],
    threshold: Sequence[float],
    reason: Sequence[str],
    excerpt: Sequence[str],
) -> pa.Table:
    """Return K ledger entries about elements of `rows` (int64[K]) of a record table."""
    take = pa.array(rows, pa.int64())
    count = len(rows)
    source = table.column("source").combine_chunks()
    return pa.table(
        {
            "id": table.column("id").take(take),
            "uri": pc.struct_field(source, "uri").take(take),
            "step": [step] * count,
            "over": [over] * count,
            "element": element,
            "score_name": list(score_name),
            "score": list(score),
            "threshold": list(threshold),
            "reason": list(reason),
            "excerpt": list(excerpt),
        },
        schema=LEDGER,
    )


def row_excerpts(table: pa.Table, rows: Ints) -> list[str]:
    """Return the beginning of the text of each of the rows (int64[K])."""
    parts = parts_of(table.take(pa.array(rows)))
    first = (parts.is_text & (parts.position < EXCERPT_PARTS)).nonzero()[0]
    texts = parts.values.field("text").take(pa.array(first)).to_pylist()
    excerpts = [""] * len(rows)
    for row, text in zip(parts.row[first].tolist(), texts, strict=True):
        excerpts[row] = f"{excerpts[row]} {text}".strip()[:EXCERPT_CHARS]
    return excerpts
