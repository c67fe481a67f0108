"""What `run.json` says: the run as a whole and its steps, as typed values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, TypeVar

from pipelines.folder import RunFolder, read_json
from stages.errors import StorageError

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class RunInfo:
    """What `run.json` says of the run as a whole; its keys are these names.

    Attributes:
        name: of the data set.
        description: of the data set, a sentence.
        source: use, options, code and paths of the source.
        write: use, options and code of the writer, or None.
        seed: of every random draw.
        versions: package to version.
        machine: platform, cpus, memory_bytes, python.
        command: what was typed.
        sessions: how often the run was started until it ended.
        started: ISO time, UTC.
        ended: ISO time, UTC.
        seconds: wall time of the last session.
        state: `done` or `stopped`.
        error: what stopped it, "" if nothing did.
        shards: the manifest, empty without any.
        parent: of a run cut from another, `run` (its folder), `started` and `changes`, a place to
            the value there and the value now; else empty.
    """

    name: str
    description: str
    source: Mapping[str, Any]
    write: Mapping[str, Any] | None
    seed: int
    versions: Mapping[str, str]
    machine: Mapping[str, Any]
    command: Sequence[str]
    sessions: int
    started: str
    ended: str
    seconds: float
    state: str
    error: str = ""
    shards: Mapping[str, Any] = field(default_factory=dict)
    parent: Mapping[str, Any] = field(default_factory=dict)

    @property
    def cut_from(self) -> str:
        """What the run was cut from and what changed, a sentence; "" of any other run."""
        if not self.parent:
            return ""
        changes = self.parent["changes"].items()
        said = ", ".join(f"{place} {new} instead of {old}" for place, (old, new) in changes)
        return f"Cut from the run {self.parent['run']} of {self.parent['started']} with {said}."


@dataclass(frozen=True, kw_only=True)
class Bound:
    """The range of a score that a filter keeps; None leaves a side open."""

    score: str
    min: float | None = None
    max: float | None = None


@dataclass(frozen=True, kw_only=True)
class StepInfo:
    """What `run.json` says of one step; its keys are these names.

    Attributes:
        name: the step's name in ledger and scores.
        use: import path of the operator.
        options: of the operator.
        code: hash of the operator's code.
        kind: Stage, Filter, Regroup or Generator.
        over: what it judges: sample, text or media.
        reads: columns.
        writes: columns.
        cites: the paper that the operator follows.
        limits: what a filter keeps; where they are not told, the ledger shows those that dropped.
    """

    name: str
    use: str
    options: Mapping[str, Any]
    code: str
    kind: str
    over: str | None
    reads: Sequence[str]
    writes: Sequence[str]
    cites: str
    limits: Sequence[Mapping[str, Any]] = ()

    @property
    def bounds(self) -> dict[str, Bound]:
        """The limits by score."""
        return {limit["score"]: Bound(**limit) for limit in self.limits}


def read_run(folder: RunFolder) -> tuple[RunInfo, tuple[StepInfo, ...], dict[int, float]]:
    """Return the run, its steps, and the seconds of each finished segment by index.

    Raises:
        StorageError: when `run.json` is missing, damaged or of another version.
    """
    path = folder.root / "run.json"
    content = read_json(path)
    if content is None:
        trouble = "is not a JSON object" if path.exists() else "is missing"
        raise StorageError(f"{folder.root} is not a finished run: run.json {trouble}")
    try:
        run = _of(RunInfo, content)
        steps = tuple(_of(StepInfo, step) for step in content["steps"])
        seconds = {int(each["index"]): float(each["seconds"]) for each in content["segments"]}
    except (KeyError, TypeError, ValueError) as error:
        raise StorageError(
            f"{path} lacks {error}; another version of Quern wrote it, run the same command again"
        ) from error
    return run, steps, seconds


def _of(cls: type[T], content: Mapping[str, Any]) -> T:
    """Return the dataclass made from the keys that are its fields.

    Raises:
        KeyError: naming a key that is missing.
    """
    wanted = fields(cls)  # type: ignore[arg-type]
    optional = {f.name for f in wanted if not (f.default is MISSING is f.default_factory)}
    given = [f.name for f in wanted if f.name in content or f.name not in optional]
    return cls(**{name: content[name] for name in given})
