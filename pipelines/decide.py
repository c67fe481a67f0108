"""Deciding: the buckets of a Regroup, then what brings them together, then what is remembered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pipelines.buckets import decide_bucket, mark_decided, regroup_of, undecided
from pipelines.combine import combine, levels
from pipelines.fit import fit, fit_levels, is_fitting
from pipelines.folder import RunFolder
from pipelines.plan import Segment, bucket_count, decision_fingerprint
from pipelines.progress import Display
from pipelines.remember import REMEMBER, close, remember, unremembered
from pipelines.spent import OPERATORS, spending


@dataclass(frozen=True, kw_only=True)
class Decision:
    """A piece of deciding.

    Attributes:
        folder: the run folder.
        segment: the segment whose exit decides.
        name: number of the bucket, a piece of `pipelines/combine.py`, of `pipelines/fit.py`, or
            of remembering.
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
"""Does pieces of deciding, and yields the name of each when it is written."""


def decide_segment(
    segment: Segment,
    inputs: Sequence[str],
    folder: RunFolder,
    decisions: Decisions,
    display: Display,
) -> None:
    """Decide what is not decided yet of the Regroup after a segment.

    Raises:
        QuernError: what stopped it.
    """
    assert segment.exit is not None
    operator = regroup_of(segment.exit)
    units, buckets = len(inputs), bucket_count(len(inputs))
    fingerprint = decision_fingerprint(segment, inputs)

    def do(names: Sequence[str]) -> Iterator[str]:
        pieces = [
            Decision(
                folder=folder,
                segment=segment,
                name=name,
                buckets=buckets,
                units=units,
                fingerprint=fingerprint,
            )
            for name in names
        ]
        return decisions(pieces) if pieces else iter(())

    work = fit_levels(units) if operator.fits else []
    work += [[str(bucket) for bucket in range(buckets)]]
    work += levels(buckets, units) if operator.combines else []
    for names in work:
        todo = undecided(folder, segment, names, fingerprint)
        what = f"{segment.exit.name} {kind_of(names[0])}"
        with display.work(what, len(todo), len(names) - len(todo)):
            for _ in do(todo):
                display.advance([])
    if operator.memory() is not None:
        for _ in do(unremembered(segment, units, fingerprint)):
            display.say(f"  {segment.exit.name}: remembered")
        close(segment, inputs, fingerprint)


def kind_of(name: str) -> str:
    """Return which kind of piece has such a name.

    >>> kind_of("12"), kind_of("members-3")
    ('buckets', 'members')
    """
    return "buckets" if name.isdigit() else name.partition("-")[0]


def decide(decision: Decision) -> str:
    """Do a piece of deciding; return its name."""
    place, units = (decision.folder, decision.segment), decision.units
    if decision.name.isdigit():
        decide_bucket(*place, int(decision.name), units, decision.fingerprint)
    elif decision.name.startswith(REMEMBER):
        with spending(OPERATORS):
            remember(*place, decision.name, decision.buckets, decision.fingerprint)
    else:
        join = fit if is_fitting(decision.name) else combine
        with spending(OPERATORS):
            join(*place, decision.name, decision.buckets, units)
        mark_decided(*place, decision.name, decision.fingerprint)
    return decision.name
