"""Walking rows through operators: what happens to a batch between two files, free of Ray.

An operator that raises costs the row that makes it raise and nothing else: the batch is halved
until that row stands alone, and the row goes to quarantine with its traceback.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pyarrow as pa

from pipelines.ledger import StepCount, add_counts, entries, row_excerpts
from pipelines.recipe import Step
from pipelines.spent import OPERATORS, VERDICTS, now, spending
from stages.elements import Floats, Ints, Mask, add_scores, set_column, with_media, with_parts
from stages.errors import NotReadyError, RecordError, StorageError
from stages.record import conform
from stages.stage import Batch, Filter, Generator, Limit, Operator, Scores, Stage


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a batch.

    Attributes:
        batch: the rows that go on.
        rejected: ledger entries, schema LEDGER.
        quarantined: rows on which an operator failed, with step and traceback.
        counts: per step.
    """

    batch: Batch
    rejected: tuple[pa.Table, ...] = ()
    quarantined: tuple[pa.Table, ...] = ()
    counts: tuple[StepCount, ...] = ()


Apply = Callable[[Step, Batch], Outcome]


def walk(batch: Batch, steps: Sequence[Step], apply: Apply | None = None) -> Outcome:
    """Walk a batch through all steps; `apply` does one step, `apply_step` unless given."""
    outcome = Outcome(batch=batch)
    for step in steps:
        if len(outcome.batch):
            last = run_step(step, outcome.batch, apply or apply_step)
        else:
            last = _nothing(step, outcome)
        outcome = after(outcome, last)
    return outcome


def _nothing(step: Step, before: Outcome) -> Outcome:
    """Return the outcome of a step that was given no rows."""
    return Outcome(batch=before.batch, counts=(StepCount(name=step.name),))


def after(before: Outcome, last: Outcome) -> Outcome:
    """Return the outcome of two steps, one after the other."""
    return Outcome(
        batch=last.batch,
        rejected=before.rejected + last.rejected,
        quarantined=before.quarantined + last.quarantined,
        counts=before.counts + last.counts,
    )


def run_step(step: Step, batch: Batch, apply: Apply) -> Outcome:
    """Apply one step and count what it did."""
    start = now()
    with spending(VERDICTS):
        outcome = guarded(apply, step, batch)
    rejected_rows = sum(_whole_rows(table) for table in outcome.rejected)
    quarantined = sum(table.num_rows for table in outcome.quarantined)
    generated = len(outcome.batch) + rejected_rows + quarantined - len(batch)
    judged, dropped = _elements(step.operator, batch, outcome)
    took = now() - start
    count = StepCount(
        name=step.name,
        rows_in=len(batch),
        rows_out=len(outcome.batch),
        dropped=rejected_rows,
        quarantined=quarantined,
        generated=generated if isinstance(step.operator, Generator) else 0,
        elements_in=judged,
        elements_dropped=dropped,
        bytes_in=batch.table.nbytes,
        seconds=took.wall,
        cpu_s=took.cpu,
    )
    return replace(outcome, counts=(count,))


def _whole_rows(ledger: pa.Table) -> int:
    return int((ledger.column("element").to_numpy() == -1).sum())


def _elements(operator: Operator, batch: Batch, outcome: Outcome) -> tuple[int, int]:
    """Return how many text parts or media a filter judged and dropped."""
    if not isinstance(operator, Filter) or operator.over == "sample":
        return 0, 0
    judged = int(batch.parts().is_text.sum()) if operator.over == "text" else len(batch.media())
    dropped = sum(table.num_rows - _whole_rows(table) for table in outcome.rejected)
    return judged, dropped


def guarded(apply: Apply, step: Step, batch: Batch) -> Outcome:
    """Apply to the batch; when it raises, to its halves, down to the row that is to blame."""
    try:
        return apply(step, batch)
    except (NotReadyError, StorageError):
        raise  # no row is to blame
    except Exception:
        if len(batch) <= 1:
            return quarantine(batch, step.name, traceback.format_exc())
    middle = len(batch) // 2
    index = np.arange(len(batch))
    first = guarded(apply, step, batch.keep_rows(index < middle))
    second = guarded(apply, step, batch.keep_rows(index >= middle))
    return gather([first, second])


def gather(outcomes: Sequence[Outcome]) -> Outcome:
    """Return the outcome of the same steps on several runs of rows, at least one, in order."""
    first = outcomes[0]
    tables = [conform(each.batch.table) for each in outcomes if len(each.batch)]
    table = pa.concat_tables(tables, promote_options="default") if tables else first.batch.table
    return Outcome(
        batch=first.batch.with_rows(table),
        rejected=tuple(entry for each in outcomes for entry in each.rejected),
        quarantined=tuple(rows for each in outcomes for rows in each.quarantined),
        counts=tuple(add_counts([each.counts for each in outcomes])),
    )


def quarantine(batch: Batch, step: str, error: str) -> Outcome:
    """Return the outcome of rows on which a step failed."""
    table = conform(batch.table)
    table = table.append_column("quarantine.step", pa.array([step] * len(batch), pa.string()))
    table = table.append_column("quarantine.error", pa.array([error] * len(batch), pa.string()))
    return Outcome(batch=batch.with_rows(batch.table.slice(0, 0)), quarantined=(table,))


@cache
def _built(operator: Operator) -> Callable[[Batch], Batch | Scores]:
    """Return what the operator builds, loaded once per process."""
    assert isinstance(operator, Stage | Generator | Filter)
    return operator.build()


def apply_step(step: Step, batch: Batch) -> Outcome:
    """Apply one step to a batch, unguarded."""
    operator = step.operator
    with spending(OPERATORS):
        made = _built(operator)(batch)
    if isinstance(operator, Filter):
        assert not isinstance(made, Batch)
        return judge(operator, made, batch, step.name)
    assert isinstance(made, Batch)
    if isinstance(operator, Stage) and len(made) != len(batch):
        raise RecordError(
            f"stage {step.name} was given {len(batch)} rows and returned {len(made)}; a stage "
            f"keeps its rows, a filter drops them"
        )
    return Outcome(batch=made)


def judge(filter_: Filter, scores: Scores, batch: Batch, step: str) -> Outcome:
    """Store the scores of a filter, drop what lies outside its limits, and say so."""
    limits = filter_.limits()
    _check_scores(scores, limits, _judged(filter_, batch), step)
    batch = _store_scores(filter_, scores, batch, step)
    kept = [limit.keeps(scores[limit.score]) for limit in limits]
    keep = np.logical_and.reduce(kept) if kept else np.ones(_judged(filter_, batch), np.bool_)
    if keep.all():
        return Outcome(batch=batch)
    dropped = np.flatnonzero(~keep)
    first = np.argmin(np.array(kept)[:, dropped], axis=0)  # the first limit that each breaks
    told = Told.of([limits[i] for i in first], scores, dropped, filter_.reasons(batch))
    return drop(batch, filter_.over, keep, told, step)


def _judged(filter_: Filter, batch: Batch) -> int:
    if filter_.over == "sample":
        return len(batch)
    return int(batch.parts().is_text.sum()) if filter_.over == "text" else len(batch.media())


def _check_scores(scores: Scores, limits: Sequence[Limit], count: int, step: str) -> None:
    missing = [limit.score for limit in limits if limit.score not in scores]
    if missing:
        raise RecordError(f"{step} has limits on {missing} but scores only {sorted(scores)}")
    for name, values in scores.items():
        if values.shape != (count,) or values.dtype != np.float32:
            raise RecordError(
                f"{step} must score {name} as float32[{count}], got "
                f"{values.dtype}[{', '.join(map(str, values.shape))}]"
            )


def _store_scores(filter_: Filter, scores: Scores, batch: Batch, step: str) -> Batch:
    """Write the scores into columns of the sample or into the maps of parts and media."""
    table = batch.table
    if filter_.over == "sample":
        for name, values in scores.items():
            table = set_column(table, f"score.{step}.{name}", pa.array(values, pa.float32()))
        return batch.with_table(table)
    named = {f"{step}.{name}": values for name, values in scores.items()}
    if filter_.over == "media":
        return batch.with_table(with_media(table, add_scores(batch.media().values, named)))
    parts = batch.parts()
    spread = {name: _spread(values, parts.is_text) for name, values in named.items()}
    everything = np.ones(len(parts.row), dtype=np.bool_)
    scored = with_parts(table, parts, everything, add_scores(parts.values, spread))
    return batch.with_table(scored, same_texts=True)


def _spread(values: Floats, is_text: Mask) -> Floats:
    """Return scores of text parts as scores of all parts, NaN for the others."""
    spread = np.full(len(is_text), np.nan, dtype=np.float32)
    spread[is_text] = values
    return spread


@dataclass(frozen=True, kw_only=True)
class Told:
    """What the ledger says of K dropped elements."""

    score_name: list[str]
    score: list[float]
    threshold: list[float]
    reason: list[str]

    @staticmethod
    def of(
        limits: Sequence[Limit], scores: Scores, dropped: Ints, reasons: Sequence[str] | None
    ) -> Told:
        """Return what is said of the elements `dropped` (int64[K]), each by its limit."""
        values = [float(scores[limit.score][i]) for limit, i in zip(limits, dropped, strict=True)]
        bounds = [limit.broken_by(v) for limit, v in zip(limits, values, strict=True)]
        said = [
            reasons[i] if reasons is not None else _comparison(limit.score, value, bound)
            for limit, value, bound, i in zip(limits, values, bounds, dropped, strict=True)
        ]
        names = [limit.score for limit in limits]
        return Told(score_name=names, score=values, threshold=bounds, reason=said)


def _comparison(name: str, value: float, bound: float) -> str:
    relation, side = ("<", "min") if value < bound else (">", "max")
    return f"{name} {value:.4g} {relation} {side} {bound:.4g}"


def drop(batch: Batch, over: str, keep: Mask, told: Told, step: str) -> Outcome:
    """Drop elements, and the samples that this leaves with nothing; `told` is of the dropped."""
    if over == "sample":
        rows = np.flatnonzero(~keep)
        excerpts = row_excerpts(batch.table, rows)
        ledger = ledger_of(batch, rows, np.full(len(rows), -1), over, told, excerpts, step)
        return Outcome(batch=batch.keep_rows(keep), rejected=(ledger,))
    if over == "text":
        parts = batch.parts()
        where = np.flatnonzero(parts.is_text)[~keep]
        row, element = parts.row[where], parts.position[where]
        excerpts = [t[:200] for t in parts.values.field("text").take(pa.array(where)).to_pylist()]
        edited = batch.keep_texts(keep)
    else:
        media = batch.media()
        row, element = media.row[~keep], media.position[~keep]
        uris = media.column("uri").filter(pa.array(~keep)).to_pylist()
        excerpts = [(uri or "")[:200] for uri in uris]
        edited = batch.keep_media(keep)
    ledger = ledger_of(batch, row, element, over, told, excerpts, step)
    return drop_emptied(batch, edited, ledger, over, step)


def ledger_of(
    batch: Batch, rows: Ints, element: Ints, over: str, told: Told, excerpt: list[str], step: str
) -> pa.Table:
    """Return the ledger entries of elements (int64[K], -1 for samples) of `rows` (int64[K])."""
    return entries(
        batch.table,
        rows,
        step=step,
        over=over,
        element=element,
        score_name=told.score_name,
        score=told.score,
        threshold=told.threshold,
        reason=told.reason,
        excerpt=excerpt,
    )


def drop_emptied(before: Batch, edited: Batch, ledger: pa.Table, over: str, step: str) -> Outcome:
    """Drop the samples that had parts before an edit and have none after it."""
    had = np.bincount(before.parts().row, minlength=len(before)) > 0
    has = np.bincount(edited.parts().row, minlength=len(edited)) > 0
    empty = np.flatnonzero(had & ~has)
    if len(empty) == 0:
        return Outcome(batch=edited, rejected=(ledger,))
    blank = [""] * len(empty)
    nan = [float("nan")] * len(empty)
    said = [f"nothing left after {step}"] * len(empty)
    told = Told(score_name=blank, score=nan, threshold=nan, reason=said)
    excerpts = row_excerpts(before.table, empty)
    rows = ledger_of(before, empty, np.full(len(empty), -1), over, told, excerpts, step)
    return Outcome(batch=edited.keep_rows(~had | has), rejected=(ledger, rows))
