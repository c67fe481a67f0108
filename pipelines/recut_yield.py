"""What another threshold gives and takes: the yield of a run beside that of its parent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipelines.account.summary import Summary
from pipelines.card import totals
from pipelines.ledger import StepCount

Row = tuple[str, int, int]


def told_yield(before: Summary, now: Summary, steps: Sequence[str]) -> str:
    """Return a table of documents, pictures and tokens, then of what each step dropped.

    Args:
        before: the run that was cut.
        now: the run cut from it.
        steps: names of those that changed.
    """
    dropped = [row for step in steps for row in _dropped(step, before, now)]
    width = max(len(name) for name, _, _ in [*dropped, ("visual tokens", 0, 0)])
    head = f"{'':<{width}}{'before':>14}{'now':>14}{'change':>14}"
    rows = [*zip(_yield(before), _yield(now), strict=True)]
    lines = [_line((name, old, new), width) for (name, old), (_, new) in rows]
    return "\n".join([head, *lines, *(_line(row, width) for row in dropped)])


def _yield(summary: Summary) -> Iterator[tuple[str, int]]:
    known = totals(summary)
    visual = known.get("n_image_tokens", 0)
    yield "documents", summary.profile.rows
    yield "pictures", summary.profile.media.get("image", 0)
    yield "text tokens", known.get("n_tokens", 0) - visual
    yield "visual tokens", visual


def _dropped(step: str, before: Summary, now: Summary) -> Iterator[Row]:
    none = StepCount(name=step)
    old, new = (each.counts.get(step, none) for each in (before, now))
    yield f"{step}: dropped", old.dropped, new.dropped
    if old.elements_in or new.elements_in:
        yield f"{step}: parts dropped", old.elements_dropped, new.elements_dropped


def _line(row: Row, width: int) -> str:
    name, old, new = row
    share = f"  {(new - old) / old:+.1%}" if old else ""
    return f"{name:<{width}}{old:>14,}{new:>14,}{new - old:>+14,}{share}"
