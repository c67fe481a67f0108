"""Score histograms: what a filter kept and dropped, with the thresholds in between.

Kept values are those in the rows that the step's segment kept; an element that passed the step
and was dropped by a later one of the same segment left no value behind. Dropped values are
those of the ledger. Of a big run a sample of its units is read, the same for both.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.account.committed import UnitFiles, sampled_units
from pipelines.account.run_info import Bound, StepInfo
from pipelines.account.summary import Summary
from stages.elements import Floats

Counts = npt.NDArray[np.int64]

BINS: Final = 40
MAX_THRESHOLDS: Final = 4
TAIL: Final = 0.5  # percent of the values on each side that the outermost bins take in
MEDIA_SCORES: Final = "media.list.element.scores"
TEXT_SCORES: Final = "messages.list.element.parts.list.element.scores"
TEXT_TYPES: Final = "messages.list.element.parts.list.element.type"
ROW_SCORE: Final = "score."


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """How the values of one score are spread.

    Attributes:
        step: the step that judged.
        score: name of the score.
        over: what was judged: sample, text or media.
        edges: float64[B + 1]; the outermost bins hold what lies beyond them, too.
        kept: int64[B], elements kept.
        dropped: int64[B], elements dropped.
        thresholds: in ascending order; every drop was against one of them.
        least: smallest value; NaN without any.
        most: largest value; NaN without any.
        not_judged: elements that were kept without a score.
        whole: whether every unit was read.
    """

    step: str
    score: str
    over: str
    edges: npt.NDArray[np.float64]
    kept: Counts
    dropped: Counts
    thresholds: tuple[float, ...]
    least: float
    most: float
    not_judged: int = 0
    whole: bool = True

    @property
    def n_kept(self) -> int:
        """Number of kept elements with a value."""
        return int(self.kept.sum())

    @property
    def n_dropped(self) -> int:
        """Number of dropped elements with a value."""
        return int(self.dropped.sum())


@dataclass(kw_only=True)
class _Values:
    """The values of one score, gathered unit by unit."""

    kept: list[Floats] = field(default_factory=list)
    dropped: list[Floats] = field(default_factory=list)
    thresholds: set[float] = field(default_factory=set)
    not_judged: int = 0


Gathered = dict[tuple[str, str], _Values]


def histograms(summary: Summary) -> list[Histogram]:
    """Return a histogram per score, in order of the steps that judged."""
    steps = {step.name: step for step in summary.steps if step.kind in ("Filter", "Regroup")}
    found: list[Histogram] = []
    for segment in summary.segments:
        here = [steps[count.name] for count in segment.counts if count.name in steps]
        units = sampled_units(segment)
        gathered = _gather(units, here)
        order = {step.name: place for place, step in enumerate(here)}
        for step, score in sorted(gathered, key=lambda key: (order[key[0]], key[1])):
            values = gathered[step, score]
            if values.kept or values.dropped:
                whole = len(units) == len(segment.units)
                found.append(_histogram(steps[step], score, values, whole=whole))
    return found


def _gather(units: Sequence[UnitFiles], steps: Sequence[StepInfo]) -> Gathered:
    names = {step.name for step in steps}
    filters = [step for step in steps if step.kind == "Filter"]
    gathered: Gathered = defaultdict(_Values)
    for unit in units:
        if unit.rows:
            _gather_rows(unit, [step.name for step in filters], gathered)
            for over in ("media", "text"):
                judging = [step.name for step in filters if step.over == over]
                if judging:
                    _gather_elements(unit, over, judging, gathered)
        if unit.rejected:
            _gather_ledger(unit, names, gathered)
    for step in steps:
        for score, bound in step.bounds.items():
            gathered[step.name, score].thresholds |= _sides(bound)
    return gathered


def _sides(bound: Bound) -> set[float]:
    return {float(side) for side in (bound.min, bound.max) if side is not None}


def _gather_rows(unit: UnitFiles, names: Sequence[str], gathered: Gathered) -> None:
    """Take the values of `score.<step>.<name>` columns."""
    wanted = {}
    for column in unit.column_names():
        step, _, score = column.removeprefix(ROW_SCORE).partition(".")
        if column.startswith(ROW_SCORE) and step in names:
            wanted[column] = (step, score)
    table = unit.read("kept", list(wanted)) if wanted else pa.table({})
    for column, key in wanted.items():
        values = _floats(table.column(column))
        judged = values[~np.isnan(values)]
        gathered[key].kept.append(judged)
        gathered[key].not_judged += len(values) - len(judged)


def _floats(column: pa.ChunkedArray | pa.Array) -> Floats:
    filled = pc.fill_null(column, float("nan"))
    values: Floats = filled.to_numpy().astype(np.float32, copy=False)
    return values


def _gather_elements(unit: UnitFiles, over: str, names: Sequence[str], gathered: Gathered) -> None:
    """Take the values out of the `scores` maps of media or text parts."""
    if over == "media":
        media = unit.read("kept", [MEDIA_SCORES]).column("media")
        maps = pc.struct_field(pc.list_flatten(media), "scores")
    else:
        messages = unit.read("kept", [TEXT_SCORES, TEXT_TYPES]).column("messages")
        parts = pc.list_flatten(pc.struct_field(pc.list_flatten(messages), "parts"))
        parts = parts.filter(pc.equal(pc.struct_field(parts, "type"), "text"))
        maps = pc.struct_field(parts, "scores")
    found: dict[str, list[Floats]] = defaultdict(list)
    for chunk in maps.chunks:
        keys = chunk.keys.dictionary_encode()
        codes, values = keys.indices.to_numpy(), _floats(chunk.items)
        for code, name in enumerate(keys.dictionary.to_pylist()):
            found[name].append(values[codes == code])
    for name, arrays in found.items():
        step, _, score = name.partition(".")
        if step in names:
            gathered[step, score].kept += arrays
            gathered[step, score].not_judged += len(maps) - sum(map(len, arrays))


def _gather_ledger(unit: UnitFiles, names: set[str], gathered: Gathered) -> None:
    columns = ["step", "score_name", "score", "threshold"]
    table = unit.read("rejected", columns)
    table = table.filter(pc.invert(pc.is_nan(table.column("score"))))
    groups = table.group_by(["step", "score_name"]).aggregate([])
    for group in groups.to_pylist():
        step, score = group["step"], group["score_name"]
        if step not in names:
            continue
        same = pc.and_(
            pc.equal(table.column("step"), step), pc.equal(table.column("score_name"), score)
        )
        rows = table.filter(same)
        values = gathered[step, score]
        values.dropped.append(_floats(rows.column("score")))
        thresholds = pc.unique(rows.column("threshold")).to_pylist()
        values.thresholds |= {t for t in thresholds[:MAX_THRESHOLDS] if t is not None}


def _histogram(step: StepInfo, score: str, values: _Values, *, whole: bool) -> Histogram:
    nothing = np.empty(0, np.float32)
    kept = np.concatenate([nothing, *values.kept]).astype(np.float64)
    dropped = np.concatenate([nothing, *values.dropped]).astype(np.float64)
    everything = np.concatenate([kept, dropped])
    everything = everything[np.isfinite(everything)]
    thresholds = tuple(sorted(_distinct(values.thresholds)))[:MAX_THRESHOLDS]
    edges = _edges(everything, thresholds)
    return Histogram(
        step=step.name,
        score=score,
        over=step.over or "sample",
        edges=edges,
        kept=_binned(kept, edges),
        dropped=_binned(dropped, edges),
        thresholds=thresholds,
        least=float(everything.min()) if len(everything) else float("nan"),
        most=float(everything.max()) if len(everything) else float("nan"),
        not_judged=values.not_judged,
        whole=whole,
    )


def _distinct(thresholds: set[float]) -> set[float]:
    """Return the thresholds without float32 copies of the same number."""
    return {float(np.format_float_positional(np.float32(each))) for each in thresholds}


def _edges(values: npt.NDArray[np.float64], thresholds: Sequence[float]) -> npt.NDArray[np.float64]:
    """Return the edges of bins that show the bulk of the values and every near threshold."""
    if len(values) == 0:
        return np.linspace(0.0, 1.0, BINS + 1)
    low, high = np.percentile(values, [TAIL, 100 - TAIL])
    span = high - low
    for threshold in thresholds:  # one far from every value would flatten the picture
        if low - 2 * span <= threshold <= high + 2 * span:
            low, high = min(low, threshold), max(high, threshold)
    whole = bool(np.all(values == np.rint(values)))
    if whole and high - low < BINS:
        return np.arange(np.floor(low), np.ceil(high) + 2) - 0.5
    margin = (high - low) * 0.02 or max(abs(high) * 0.1, 0.5)
    return np.linspace(low - margin, high + margin, BINS + 1)


def _binned(values: npt.NDArray[np.float64], edges: npt.NDArray[np.float64]) -> Counts:
    inside = np.clip(values, edges[0], edges[-1])
    return np.histogram(inside, bins=edges)[0]
