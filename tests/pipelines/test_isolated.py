"""Steps in processes of their own: what stops the run, and what costs a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest

from pipelines.folder import RunFolder
from pipelines.isolated import run_unit_isolated
from pipelines.plan import Segment
from pipelines.recipe import Step
from pipelines.unit import Job, Task
from stages.errors import RecordError, SourceError, StorageError
from stages.sources.read_jsonl import ReadJsonl
from stages.stage import Batch, Stage, StageFn, Unit

ERRORS = {error.__name__: error for error in (StorageError, RecordError, SourceError)}


@dataclass(frozen=True, kw_only=True)
class Raises(Stage):
    """Raises the error of a name."""

    source: ClassVar = "Quern"
    error: str = "StorageError"

    def build(self) -> StageFn:
        def fail(batch: Batch) -> Batch:
            raise ERRORS[self.error]("the disk is full")

        return fail


def isolated(tmp_path, operator: Stage) -> dict[str, object]:
    path = tmp_path / "a.jsonl"
    if not path.exists():
        path.write_text('{"text": "meal"}\n')
    step = Step(name="fails", operator=operator)
    segment = Segment(
        index=1, entry=None, steps=(step,), exit=None, regrouped=False, fingerprint="x"
    )
    job = Job(
        folder=RunFolder(root=tmp_path / "run"),
        source=ReadJsonl(paths=(str(path),)),
        segment=segment,
        seed=0,
        buckets=2,
    )
    unit = Unit(index=0, path=str(path), start=0, stop=path.stat().st_size)
    return run_unit_isolated(job, Task(unit=unit, fingerprint="y"))


def test_storage_trouble_stops_the_run_and_costs_no_row(tmp_path):
    with pytest.raises(StorageError, match="the disk is full"):
        isolated(tmp_path, Raises())
    assert not (tmp_path / "run" / "segments" / "1" / "00000.done").exists()


def test_a_fault_of_the_row_costs_the_row(tmp_path):
    assert isolated(tmp_path, Raises(error="RecordError"))["quarantined"] == 1
    assert isolated(tmp_path, Raises(error="SourceError"))["quarantined"] == 1


def test_input_that_is_gone_stops_the_run(tmp_path, monkeypatch):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "meal"}\n')
    monkeypatch.setattr("pipelines.isolated.begin", _gone_before(path))
    with pytest.raises(SourceError, match="cannot read"):
        isolated(tmp_path, Raises())


def _gone_before(path):
    from pipelines.unit import begin

    def begin_without_input(*arguments, **named):
        path.unlink()
        return begin(*arguments, **named)

    return begin_without_input
