"""Deciding: the buckets of a Regroup judged one by one, then what they say brought together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pipelines.buckets import COMBINED, combine_buckets, decide_bucket, regroup_of, undecided
from pipelines.folder import RunFolder
from pipelines.plan import Segment, bucket_count, decision_fingerprint
from pipelines.progress import Display


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The deciding of one bucket, or the combining of all.

    Attributes:
        folder: the run folder.
        segment: the segment whose exit decides.
        name: number of the bucket, or `combined`.
        buckets: number of buckets.
        units: number of units.
        fingerprint: what the decisions will say.
    """

    folder: RunFolder
    segment: Segment
    name: str
    buckets: int
    units: int
    fingerprint: str


Decisions = Callable[[Sequence[Decision]], Iterator[str]]
"""Does decisions, and yields the name of each when it is written."""


def decide_segment(
    segment: Segment,
    inputs: Sequence[str],
    folder: RunFolder,
    decisions: Decisions,
    display: Display,
) -> None:
    """Decide all buckets of a segment that are not decided yet.

    Raises:
        QuernError: what stopped it.
    """
    assert segment.exit is not None
    units, buckets = len(inputs), bucket_count(len(inputs))
    fingerprint = decision_fingerprint(segment, inputs)

    def work(names: list[str]) -> list[Decision]:
        return [
            Decision(
                folder=folder,
                segment=segment,
                name=name,
                buckets=buckets,
                units=units,
                fingerprint=fingerprint,
            )
            for name in undecided(folder, segment, names, fingerprint)
        ]

    todo = work([str(bucket) for bucket in range(buckets)])
    with display.work(f"{segment.exit.name} buckets", len(todo), buckets - len(todo)):
        for _ in decisions(todo) if todo else ():
            display.advance([])
    if regroup_of(segment.exit).combines:
        for _ in decisions(work([COMBINED])):
            display.say(f"  {segment.exit.name}: combined")


def decide(decision: Decision) -> str:
    """Decide one bucket, or combine all; return its name."""
    place, units = (decision.folder, decision.segment), decision.units
    if decision.name == COMBINED:
        combine_buckets(*place, decision.buckets, units, decision.fingerprint)
    else:
        decide_bucket(*place, int(decision.name), units, decision.fingerprint)
    return decision.name
