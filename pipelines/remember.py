"""What a run adds to the memory of a Regroup: a generation of what its units kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.buckets import bucket_at, regroup_of
from pipelines.combine import decision_files
from pipelines.folder import RunFolder, read_batch
from pipelines.plan import Segment, run_fingerprint
from stages.errors import QuernError
from stages.memory import Memory

REMEMBER: Final = "remember"
UNITS_PER_PIECE: Final = 32
"""Units that one task adds; a small run is one task."""


def _memory(segment: Segment) -> Memory:
    memory = regroup_of(segment.exit).memory()
    if memory is None:
        raise QuernError(f"the exit of segment {segment.index} has no memory")
    return memory


def unremembered(segment: Segment, units: int, fingerprint: str) -> list[str]:
    """Return the pieces of remembering that are to be done."""
    memory = _memory(segment)
    if memory.knows(fingerprint):
        return []
    todo = [unit for unit in range(units) if not memory.has(fingerprint, unit)]
    pieces = [todo[at : at + UNITS_PER_PIECE] for at in range(0, len(todo), UNITS_PER_PIECE)]
    return ["-".join([REMEMBER, *map(str, piece)]) for piece in pieces]


def remember(
    folder: RunFolder, segment: Segment, name: str, buckets: int, fingerprint: str
) -> None:
    """Add what the units named in a piece kept to the generation of the run."""
    files = decision_files(regroup_of(segment.exit), buckets)
    for unit in map(int, name.split("-")[1:]):
        decided = [read_batch(folder.decisions(segment.index) / f"{f}.arrow", unit) for f in files]
        decisions = pa.concat_tables(decided)
        dropped = decisions.filter(pc.invert(decisions.column("keep"))).column("row").to_numpy()
        path = folder.bucket_rows(segment.index, unit)
        rows = pa.concat_tables([read_batch(path, bucket) for bucket in range(buckets)])
        beside = bucket_at(folder, segment, 0, 0).beside(unit)
        _memory(segment).add(fingerprint, unit, rows, beside, dropped)


def close(segment: Segment, inputs: Sequence[str], fingerprint: str) -> None:
    """Make the generation of the run count."""
    memory = _memory(segment)
    if not memory.knows(fingerprint):
        run = run_fingerprint(segment.fingerprint, inputs)
        memory.close(fingerprint, run, inputs, segment.seen)
