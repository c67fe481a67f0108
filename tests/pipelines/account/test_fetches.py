"""What is told of the web: counts of the last answers, and the hosts that failed most."""

import io

import pytest

from pipelines.account.fetches import fetches
from pipelines.folder import RunFolder
from stages.web.fetcher import Fetch
from stages.web.journal import Journal, row_of


def write(folder, answers, *, round_=0, bucket=0, step="fetch_media"):
    """Commit a chunk of (number, host, status, bytes)."""
    journal = Journal(folder=folder.media, step=step, bucket=bucket, of=2)
    spool, rows = io.BytesIO(), []
    for number, host, status, size in answers:
        data = bytes([number]) * size if status == "ok" else b""
        fetch = Fetch(
            status=status, data=data, received=size, host=host, attempts=1, seconds=number
        )
        rows.append(row_of(f"http://{host}/{number}", "image", "terms", fetch, spool))
    keys = [bytes([bucket, number]) * 8 for number, *_ in answers]
    journal.write(keys, round_, rows, spool)


@pytest.fixture
def folder(tmp_path):
    return RunFolder(root=tmp_path)


def test_a_run_that_asked_nothing_tells_nothing(folder):
    assert fetches(folder, 10) == []


def test_addresses_are_counted_by_status_class_and_host(folder):
    write(folder, [(1, "a.example", "ok", 10), (2, "a.example", "http 404", 5)])
    write(folder, [(3, "b.example", "dns", 0), (4, "a.example", "ok", 20)], bucket=1)
    (told,) = fetches(folder, 10)
    assert (told.step, told.count, told.ok, told.transient) == ("fetch_media", 4, 2, 1)
    assert (told.n_hosts, told.bytes, told.attempts) == (2, 35, 4)
    assert [(s.status, s.kind, s.count, s.hosts) for s in told.statuses] == [
        ("ok", "ok", 2, 1),
        ("dns", "dns", 1, 1),
        ("http 404", "http 4xx", 1, 1),
    ]
    assert [(h.host, h.count, h.failed, h.worst) for h in told.hosts] == [
        ("a.example", 3, 1, "http 404"),
        ("b.example", 1, 1, "dns"),
    ]
    assert (told.seconds, told.slow_seconds) == (2.5, pytest.approx(3.85))


def test_the_last_answer_counts(folder):
    write(folder, [(1, "a.example", "http 503", 0), (2, "a.example", "http 404", 0)])
    write(folder, [(1, "a.example", "ok", 10)], round_=1)
    (told,) = fetches(folder, 10)
    assert {s.status: s.count for s in told.statuses} == {"ok": 1, "http 404": 1}


def test_the_worst_hosts_come_first_and_so_many(folder):
    write(folder, [(n, f"h{n % 3}.example", "dns", 0) for n in range(5)])
    (told,) = fetches(folder, 2)
    assert [(each.host, each.failed) for each in told.hosts] == [
        ("h0.example", 2),
        ("h1.example", 2),
    ]


def test_steps_are_told_apart(folder):
    write(folder, [(1, "a.example", "ok", 10)], step="one")
    write(folder, [(1, "a.example", "dns", 0)], step="two")
    assert [(each.step, each.ok) for each in fetches(folder, 1)] == [("one", 1), ("two", 0)]
