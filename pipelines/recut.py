"""Another threshold in seconds: a new run cut from a finished one by the scores that it stored.

Segments before the first step that changed are taken over as they are. In its own segment, rows
whose fate the stored scores tell are taken over too, and only the others walk again; what comes
behind, deduplication included, is milled as usual. No step that loads a model runs, nor does
Ray: a step with `checkpoint: true` behind the models makes everything after it free to change.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.account.summary import read_summary
from pipelines.card import write_card
from pipelines.changed import Changed, changed_options
from pipelines.decide import Decision, decide
from pipelines.folder import RunFolder, folder_at, read_json
from pipelines.links import give
from pipelines.mill import Result, ShardTask, mill, write_shard
from pipelines.plan import Segment
from pipelines.progress import Display
from pipelines.recut_plan import Plan, plan_recut
from pipelines.recut_unit import Before, cut_unit
from pipelines.recut_yield import told_yield
from pipelines.report import write_report
from pipelines.run_note import about_run, note_run, told_of
from pipelines.unit import Job, Task, run_unit
from stages.errors import QuernError, StorageError
from stages.files import write_bytes
from stages.places import AnyPath, at_once, exists, names_in, read_bytes
from stages.shards import ShardInfo


def recut(run: str, settings: Sequence[str], out: str = "") -> RunFolder:
    """Cut a new run from a finished one; the same command again goes on where it stopped.

    Args:
        run: folder of the finished run.
        settings: `place=value` as in `quern run --set`.
        out: the new folder; "" names it after the run and what changed.

    Returns:
        The new run folder.

    Raises:
        RecipeError: naming every setting that is wrong or that recut cannot do.
        QuernError: what stopped it.
    """
    started = time.perf_counter()
    plan = plan_recut(folder_at(run), settings)
    before, root = read_summary(plan.parent), plan.parent.root
    folder = folder_at(out or root.parent / f"{root.name}-{_digest(plan.changes)}")
    display = Display()
    with folder.lock():
        about = {**about_run(plan.new, folder), "parent": _parent(plan)}
        _check_folder(folder, about["parent"])
        note_run(folder, about, started, {"state": "stopped", "error": "cut off"})
        try:
            result, workers = mill_cut(plan, folder, display)
        except BaseException as error:
            note_run(folder, about, started, {"state": "stopped", "error": str(error)})
            raise
        note_run(folder, about, started, told_of(result))
        card, report = write_card(folder), write_report(folder)
    display.say("\n" + told_yield(before, read_summary(folder), plan.steps))
    if workers.rows:
        display.say(
            f"\n{workers.walked:,} of {workers.rows:,} rows of segment {plan.first} went through "
            f"its steps again"
        )
    display.say(f"\ncut in  {time.perf_counter() - started:.1f} s")
    display.say(f"card    {card}\nreport  {report}")
    return folder


def mill_cut(plan: Plan, folder: RunFolder, display: Display) -> tuple[Result, CutWorkers]:
    """Take over what comes before the first change and mill the rest.

    Raises:
        QuernError: what stopped it; the same again goes on from there.
    """
    workers = CutWorkers(plan=plan)
    _take_over(plan, folder)
    return mill(plan.new, folder, workers, display), workers


def _digest(changes: dict[str, Any]) -> str:
    text = json.dumps(changes, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()


def _parent(plan: Plan) -> dict[str, Any]:
    told = read_json(plan.parent.root / "run.json") or {}
    content = {
        "run": str(plan.parent.root),
        "started": told.get("started", ""),
        "command": told.get("command", []),
        "changes": plan.changes,
    }
    plain: dict[str, Any] = json.loads(json.dumps(content, default=str))
    return plain


def _check_folder(folder: RunFolder, parent: dict[str, Any]) -> None:
    """Refuse to write over another run."""
    before = read_json(folder.root / "run.json")
    if before is None and not names_in(folder.root / "segments"):
        return
    known = (before or {}).get("parent", {})
    if any(known.get(key) != parent[key] for key in ("run", "changes")):
        raise StorageError(f"{folder.root} holds another run; name another folder with --out")


def _take_over(plan: Plan, folder: RunFolder) -> None:
    """Give the new folder the files of all that comes before the first change, marks last."""
    parent = plan.parent.root
    names = ["media"]
    for index in range(1, plan.first):
        names += [f"segments/{index}", f"buckets/{index}", f"decisions/{index}"]
    files = [(name, each) for name in names for each in sorted(names_in(parent / name))]
    files = [(name, each) for name, each in files if not each.endswith((".tmp", ".started"))]
    data = [f"{name}/{each}" for name, each in files if not each.endswith(".done")]
    marks = [f"{name}/{each}" for name, each in files if each.endswith(".done")]
    if exists(plan.parent.retried):
        data.append("decisions/retried.json")
    for relative in (data, marks):
        given = at_once(
            lambda each: give(parent / each, folder.root / each), relative, remote=folder.is_remote
        )
        list(given)
    text: AnyPath = parent / "recipe.yaml"
    if exists(text):
        write_bytes(folder.root / "recipe.yaml", read_bytes(text))


@dataclass(kw_only=True)
class CutWorkers:
    """Does the work of a cut in this process.

    Attributes:
        plan: of the cut.
        rows: rows that entered the segment of the first change.
        walked: those of them that went through its steps.
    """

    plan: Plan
    rows: int = 0
    walked: int = 0

    def units(self, job: Job, tasks: Sequence[Task]) -> Iterator[dict[str, Any]]:
        """Cut the units of the first segment that changed; do those of later ones."""
        self._check(job.segment)
        before = self._before(job.segment.index)
        for task in tasks:
            if job.segment.index > self.plan.first:
                yield run_unit(job, task)
                continue
            report, walked = cut_unit(job, before, task)
            self.walked += walked
            self.rows += next((count["rows_in"] for count in report["counts"]), 0)
            yield report

    def _check(self, segment: Segment) -> None:
        """Refuse to do again what is taken over: models may stand there, or the web."""
        if segment.index < self.plan.first:
            raise QuernError(
                f"segment {segment.index} of {self.plan.parent.root} has changed since it was "
                f"taken over; name another folder with --out"
            )

    def _before(self, index: int) -> Before:
        old, new = self.plan.segments[index - 1]
        changes = tuple(
            Changed(place=place, old=one, new=other)
            for place, (one, other) in enumerate(zip(old.steps, new.steps, strict=True))
            if changed_options(one, other)
        )
        return Before(folder=self.plan.parent, segment=old, changes=changes)

    def decisions(self, decisions: Sequence[Decision]) -> Iterator[str]:
        """Decide."""
        self._check(decisions[0].segment)
        yield from map(decide, decisions)

    def shards(self, tasks: Sequence[ShardTask]) -> Iterator[ShardInfo]:
        """Write shards."""
        yield from map(write_shard, tasks)
