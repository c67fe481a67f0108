"""What another option of a step may change about rows that went through it once.

A filter stores what it scores and drops by limits alone. Where nothing but limits changed, the
scores say of most rows what becomes of them; of the others this module says who they are.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.recipe import Step
from pipelines.walk import Told
from stages.elements import Floats, Ints, Mask, MediaList, Parts, media_of, parts_of
from stages.stage import Filter, Generator, Limit, Stage

WRITTEN = {"media": "media", "text": "messages"}
"""The column that holds the scores of elements of a level."""


@cache
def limit_options(cls: type[Filter]) -> frozenset[str]:
    """Return the options that set limits and nothing else: no other method reads them.

    They are found in the source of the class. Where it hands itself on as a whole, who knows what
    is read there: then there are none.
    """
    options = frozenset(each.name for each in fields(cls))
    for_limits: set[str] = set()
    for_others: set[str] = set()
    for each in cls.__mro__[: cls.__mro__.index(Filter)]:
        for name, method in vars(each).items():
            if name != "__post_init__":  # checks them
                read = _read_by(method, options)
                (for_limits if name == "limits" else for_others).update(read)
    return options & (for_limits - for_others)


def _read_by(method: object, options: frozenset[str]) -> set[str]:
    """Return the attributes that a method's source names; all options where it names `self`."""
    function = getattr(method, "fget", None) or getattr(method, "func", None) or method
    if not inspect.isfunction(function):
        return set()
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except OSError:  # made by @dataclass
        return set()
    attributes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    inside = {id(node.value) for node in attributes}
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == "self"]
    whole = any(id(node) not in inside for node in names)
    return {node.attr for node in attributes} | (options if whole else frozenset())


def changed_options(old: Step, new: Step) -> list[str]:
    """Return the names of the options that differ; the operators are of one class."""
    before, after = old.operator, new.operator
    names = [each.name for each in fields(before)]
    return [name for name in names if getattr(before, name) != getattr(after, name)]


@dataclass(frozen=True, kw_only=True)
class Changed:
    """A step with other options than before.

    Attributes:
        place: of the step in its segment.
        old: the step before.
        new: the step now.
    """

    place: int
    old: Step
    new: Step

    @property
    def limits(self) -> list[tuple[Limit, Limit]]:
        """The limits before and now, when nothing else changed; else none."""
        before, after = self.old.operator, self.new.operator
        if not isinstance(before, Filter) or not isinstance(after, Filter):
            return []
        if not set(changed_options(self.old, self.new)) <= limit_options(type(before)):
            return []
        pairs = list(zip(before.limits(), after.limits(), strict=False))
        same = len(before.limits()) == len(after.limits())
        names = [limit.score for limit in after.limits()]
        fit = same and all(old.score == new.score for old, new in pairs)
        return pairs if fit and len(set(names)) == len(names) else []

    @property
    def tightened(self) -> list[Limit]:
        """The limits now of which some value that was kept before is not kept."""
        return [new for old, new in self.limits if not _contains(new, old)]


def _contains(outer: Limit, inner: Limit) -> bool:
    """Tell whether all values that the inner limit keeps are kept by the outer."""
    low, high = (-np.inf if limit.min is None else limit.min for limit in (outer, inner))
    if low > high:
        return False
    low, high = (np.inf if limit.max is None else limit.max for limit in (outer, inner))
    return low >= high


@dataclass(frozen=True, kw_only=True)
class Committed:
    """What a unit of a segment left.

    Attributes:
        kept: its rows.
        rejected: the ledger of the segment's own steps.
        failed: ids of rows on which a step failed.
    """

    kept: pa.Table
    rejected: pa.Table
    failed: frozenset[str]


def touched(committed: Committed, changes: Sequence[Changed], steps: Sequence[Step]) -> set[str]:
    """Return the ids of rows whose fate the stored scores do not tell, or tell to be another.

    Of each row that is not among them, the kept row is the same, and so is the ledger but for
    what `retold` says.

    Args:
        committed: of a unit whose ids are unique and whose steps generate no rows.
        changes: of the segment.
        steps: of the segment, as they were.
    """
    ids: set[str] = set()
    for change in changes:
        if change.limits:
            ids |= _let_go(committed, change)
            ids |= _caught(committed, change, steps) if change.tightened else set()
        else:
            ids |= _reached(committed, change.place, steps)
    return ids


def _ids(table: pa.Table, mask: Mask | None = None) -> set[str]:
    column = table.column("id")
    return set((column if mask is None else column.filter(pa.array(mask))).to_pylist())


def _places(rejected: pa.Table, steps: Sequence[Step]) -> Ints:
    """Return int64[K], the place in the segment of the step of each ledger entry."""
    names = pa.array([step.name for step in steps], pa.string())
    place = pc.index_in(rejected.column("step"), value_set=names)
    found: Ints = place.to_numpy().astype(np.int64)
    return found


def _reached(committed: Committed, place: int, steps: Sequence[Step]) -> set[str]:
    """Return the rows that a step was given, or at least edited by it or behind it."""
    return _ids(committed.kept) | _ids(
        committed.rejected, _places(committed.rejected, steps) >= place
    )


def _let_go(committed: Committed, change: Changed) -> set[str]:
    """Return the rows with an element that the step dropped for a limit that is not broken now,
    or not the first one broken."""
    entries = _entries(committed.rejected, change)
    score = entries.column("score").to_numpy()
    name = entries.column("score_name").to_numpy(zero_copy_only=False)
    sure = np.zeros(entries.num_rows, dtype=np.bool_)
    for old, new in change.limits:
        sure |= (name == new.score) & ~new.keeps(score)
        if not _contains(new, old):  # an element may break it before it breaks those behind it
            break
    return _ids(entries, ~sure)


def _entries(rejected: pa.Table, change: Changed) -> pa.Table:
    """Return the entries of elements that a step dropped, not of rows that this emptied."""
    mine = pc.and_(
        pc.equal(rejected.column("step"), change.new.name),
        pc.not_equal(rejected.column("score_name"), ""),
    )
    return rejected.filter(mine)


def _caught(committed: Committed, change: Changed, steps: Sequence[Step]) -> set[str]:
    """Return the rows that may have an element which the step kept and does not keep now."""
    operator = change.new.operator
    assert isinstance(operator, Filter)
    behind = steps[change.place + 1 :]
    column = WRITTEN.get(operator.over)
    if any(isinstance(s.operator, Stage) and column in s.operator.writes for s in behind):
        return _reached(committed, change.place, steps)  # it may have dropped elements
    place = _places(committed.rejected, steps)
    lost = place > change.place
    rows = committed.rejected.column("element").to_numpy() == -1
    if operator.over == "sample":
        lost &= rows  # those that are kept have their scores
    else:
        lost |= rows & (place == change.place)  # emptied; other elements may have been kept
    return _ids(committed.rejected, lost) | _ids(committed.kept, _broken(committed.kept, change))


def _broken(kept: pa.Table, change: Changed) -> Mask:
    """Return bool[N] over rows: whether an element of the row breaks a tightened limit."""
    operator, step = change.new.operator, change.new.name
    assert isinstance(operator, Filter)
    broken = np.zeros(kept.num_rows, dtype=np.bool_)
    if not kept.num_rows:
        return broken
    if operator.over == "sample":
        for limit in change.tightened:
            column = kept.column(f"score.{step}.{limit.score}").fill_null(np.nan)
            broken |= ~limit.keeps(column.to_numpy())
        return broken
    elements: Parts | MediaList = parts_of(kept) if operator.over == "text" else media_of(kept)
    for limit in change.tightened:
        values = _stored(elements.values, f"{step}.{limit.score}")
        broken[elements.row[~limit.keeps(values)]] = True
    return broken


def _stored(elements: pa.StructArray, key: str) -> Floats:
    """Return float32[E], the score of each element under a key, NaN where it has none."""
    found = pc.map_lookup(elements.field("scores"), key, "last")
    values: Floats = found.fill_null(np.nan).to_numpy(zero_copy_only=False)
    return values


def retold(rejected: pa.Table, changes: Sequence[Changed]) -> pa.Table:
    """Return ledger entries with the thresholds, and what is said of them, of the limits now.

    Args:
        rejected: entries of rows that are not `touched`.
        changes: of the segment.
    """
    for change in changes:
        if change.limits:
            rejected = _retold_by(rejected, change)
    return rejected


def _retold_by(rejected: pa.Table, change: Changed) -> pa.Table:
    operator = change.new.operator
    assert isinstance(operator, Filter)
    mine = pc.and_(
        pc.equal(rejected.column("step"), change.new.name),
        pc.not_equal(rejected.column("score_name"), ""),
    )
    where = np.flatnonzero(mine.to_numpy())
    by_name = {limit.score: limit for limit in operator.limits()}
    limits = [by_name[rejected.column("score_name")[i].as_py()] for i in where.tolist()]
    score = rejected.column("score").to_numpy()
    told = Told.of(limits, dict.fromkeys(by_name, score), where, None)
    threshold = rejected.column("threshold").to_numpy().copy()
    threshold[where] = told.threshold
    reason = np.array(rejected.column("reason").to_pylist(), dtype=object)
    if type(operator).reasons is Filter.reasons:  # its own words name no threshold
        reason[where] = told.reason
    columns = {
        "threshold": pa.array(threshold, pa.float32()),
        "reason": pa.array(reason.tolist(), pa.string()),
    }
    for name, column in columns.items():
        rejected = rejected.set_column(rejected.column_names.index(name), name, column)
    return rejected


def generates(steps: Sequence[Step]) -> bool:
    """Tell whether a step makes new rows, whose fate is not that of the rows that came in."""
    return any(isinstance(step.operator, Generator) for step in steps)
