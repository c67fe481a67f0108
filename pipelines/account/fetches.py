"""What the web answered: addresses per status and class, the hosts that failed most."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.folder import RunFolder
from stages.web.journal import ASKED, Part, latest, parts_of
from stages.web.status import OK, class_of, is_transient

_COLUMNS = ("key", "round", "status", "host", "code", "bytes", "seconds", "attempts")


@dataclass(frozen=True, kw_only=True)
class StatusCount:
    """The addresses of one status.

    Attributes:
        status: see `stages/web/status.py`.
        kind: the status's class.
        count: addresses.
        hosts: that they name.
        is_transient: whether another run would ask them again.
    """

    status: str
    kind: str
    count: int
    hosts: int
    is_transient: bool


@dataclass(frozen=True, kw_only=True)
class HostCount:
    """The addresses of one host.

    Attributes:
        host: its name.
        count: addresses.
        failed: those that gave no medium.
        worst: the status of most of the failed.
    """

    host: str
    count: int
    failed: int
    worst: str


@dataclass(frozen=True, kw_only=True)
class Fetches:
    """What one step got from the web.

    Attributes:
        step: name of the step.
        statuses: most frequent first.
        hosts: those with most failures, worst first.
        n_hosts: how many hosts there were.
        bytes: of all bodies that were read to their end.
        attempts: questions, without those after redirects and robots.txt.
        seconds: median of the time that an address took.
        slow_seconds: the time that 95 in 100 addresses stayed below.
    """

    step: str
    statuses: tuple[StatusCount, ...]
    hosts: tuple[HostCount, ...]
    n_hosts: int
    bytes: int
    attempts: int
    seconds: float
    slow_seconds: float

    @property
    def count(self) -> int:
        """Addresses asked."""
        return sum(each.count for each in self.statuses)

    @property
    def ok(self) -> int:
        """Addresses that gave a medium."""
        return sum(each.count for each in self.statuses if each.status == OK)

    @property
    def transient(self) -> int:
        """Addresses whose trouble may pass."""
        return sum(each.count for each in self.statuses if each.is_transient)


def fetches(folder: RunFolder, hosts: int) -> list[Fetches]:
    """Return what each step asked of the web, by the tables beside the media.

    Args:
        folder: the run folder.
        hosts: how many of the worst hosts are told.
    """
    by_step: dict[str, list[Part]] = defaultdict(list)
    for part in parts_of(folder.media):
        by_step[part.step].append(part)
    return [_of_step(step, parts, hosts) for step, parts in sorted(by_step.items())]


def _of_step(step: str, parts: list[Part], hosts: int) -> Fetches:
    pairs: Counter[tuple[str, str]] = Counter()  # of host and status
    bytes_ = attempts = 0
    seconds = [pa.array([], pa.float32())]
    for table in _buckets(parts):
        counted = table.group_by(["host", "status"]).aggregate([("key", "count")]).to_pylist()
        for row in counted:
            pairs[row["host"], row["status"]] += row["key_count"]
        bytes_ += pc.sum(table.column("bytes")).as_py() or 0
        attempts += pc.sum(table.column("attempts")).as_py() or 0
        seconds += table.filter(pc.greater(table.column("attempts"), 0)).column("seconds").chunks
    quantiles = pc.quantile(pa.concat_arrays(seconds), q=[0.5, 0.95]).to_pylist()
    found = _hosts(pairs)
    return Fetches(
        step=step,
        statuses=_statuses(pairs),
        hosts=tuple(found[:hosts]),
        n_hosts=len({host for host, _ in pairs if host}),
        bytes=bytes_,
        attempts=attempts,
        seconds=quantiles[0] or 0.0,
        slow_seconds=quantiles[1] or 0.0,
    )


def _buckets(parts: list[Part]) -> Iterator[pa.Table]:
    """Yield the last rows of each bucket's addresses, a bucket at a time."""

    def bucket(part: Part) -> tuple[int, int]:
        return part.of, part.bucket

    empty = pa.schema([ASKED.field(name) for name in _COLUMNS]).empty_table()
    for _, members in groupby(sorted(parts, key=bucket), bucket):  # a stable sort
        yield latest([empty, *(part.read(_COLUMNS) for part in members)])


def _statuses(pairs: Counter[tuple[str, str]]) -> tuple[StatusCount, ...]:
    counts: Counter[str] = Counter()
    hosts: dict[str, set[str]] = defaultdict(set)
    for (host, status), count in pairs.items():
        counts[status] += count
        hosts[status].add(host)
    return tuple(
        StatusCount(
            status=status,
            kind=class_of(status),
            count=count,
            hosts=len(hosts[status]),
            is_transient=is_transient(status),
        )
        for status, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    )


def _hosts(pairs: Counter[tuple[str, str]]) -> list[HostCount]:
    """Return the hosts that failed at all, by number of failures."""
    by_host: dict[str, Counter[str]] = defaultdict(Counter)
    for (host, status), count in pairs.items():
        by_host[host][status] += count
    found = []
    for host, statuses in by_host.items():
        failures = Counter({status: n for status, n in statuses.items() if status != OK})
        if failures:
            worst = min(failures, key=lambda status: (-failures[status], status))
            found.append(
                HostCount(host=host, count=statuses.total(), failed=failures.total(), worst=worst)
            )
    return sorted(found, key=lambda each: (-each.failed, each.host))
