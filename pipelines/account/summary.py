"""What a run folder tells of its run, for card and report; reads no rows but narrow columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from pipelines.account.committed import SegmentSummary, committed_segments, reached
from pipelines.account.contents import Profile, profile
from pipelines.account.run_info import RunInfo, StepInfo, read_run
from pipelines.folder import RunFolder
from pipelines.ledger import StepCount
from stages.shards import Manifest, read_manifest

SOURCE_STEP: Final = "read"


@dataclass(frozen=True, kw_only=True)
class Summary:
    """A run, as its folder tells.

    Attributes:
        folder: the run folder.
        run: the run as a whole.
        steps: in order, those too that a stopped run did not reach.
        segments: those that have committed units, in order.
        manifest: of the shards, None without any.
        profile: of the rows kept by the last segment.
    """

    folder: RunFolder
    run: RunInfo
    steps: tuple[StepInfo, ...]
    segments: tuple[SegmentSummary, ...]
    manifest: Manifest | None
    profile: Profile

    @cached_property
    def counts(self) -> dict[str, StepCount]:
        """What each step did, by name, in order; the source's is SOURCE_STEP."""
        return {count.name: count for segment in self.segments for count in segment.counts}

    @property
    def rows_read(self) -> int:
        """Rows that the source gave."""
        return next(iter(self.counts.values())).rows_in if self.counts else 0

    @property
    def quarantined(self) -> int:
        """Rows on which an operator failed."""
        return sum(count.quarantined for count in self.counts.values())

    @property
    def faults(self) -> list[Mapping[str, Any]]:
        """The first pieces of input that could not be read."""
        return [fault for segment in self.segments for fault in segment.faults]

    @property
    def n_faults(self) -> int:
        """How many pieces of input could not be read."""
        return sum(segment.n_faults for segment in self.segments)


def read_summary(folder: RunFolder) -> Summary:
    """Read what a run folder tells.

    Raises:
        StorageError: when the folder holds no run that ended or stopped, or is damaged.
    """
    run, steps, seconds = read_run(folder)
    indexes = sorted(seconds) if run.state == "done" else reached(folder)
    names = [SOURCE_STEP, *(step.name for step in steps)]
    segments = committed_segments(folder, indexes, seconds, names)
    return Summary(
        folder=folder,
        run=run,
        steps=steps,
        segments=segments,
        manifest=read_manifest(folder.shards) if run.shards else None,
        profile=profile(segments[-1].units) if segments else Profile(),
    )
