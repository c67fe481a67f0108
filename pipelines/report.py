"""The report of a run: one HTML file that shows what was kept, what was dropped, and why.

Nothing in it leads out of it: no script, font or picture is fetched, addresses are plain text,
and a content security policy forbids what hostile text might try to slip in.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pipelines.account.dropped_pictures import dropped_pictures
from pipelines.account.evidence import evidence
from pipelines.account.fetches import fetches
from pipelines.account.figures import HEIGHT, WIDTH, bars, number
from pipelines.account.histograms import histograms
from pipelines.account.kept_pages import page_of
from pipelines.account.known_limits import known_limits
from pipelines.account.samples import (
    Dropped,
    DroppedSample,
    dropped_samples,
    kept_rows,
    quarantined_rows,
)
from pipelines.account.summary import Summary, read_summary
from pipelines.account.thumbnails import Thumbnails
from pipelines.account.wording import counted, duration, one_line, share, size
from pipelines.card import TEMPLATES, totals
from pipelines.folder import RunFolder
from stages.files import write_bytes
from stages.media import MediaStore
from stages.places import AnyPath, remove

MAX_DROPPED_PER_STEP: Final = 200
MAX_DROPPED: Final = 6_000
MAX_QUARANTINED: Final = 50
KEPT_SAMPLES: Final = 20
MAX_HOSTS: Final = 25
SIDE_PX: Final = 128
DROPPED_BUDGET: Final = 5 << 20
KEPT_BUDGET: Final = 4 << 20


def write_report(folder: RunFolder) -> AnyPath:
    """Write `report.html` of a run and return its path.

    Raises:
        StorageError: when the folder holds no run that ended or stopped, or cannot be written.
    """
    summary = read_summary(folder)
    judged = histograms(summary)
    store = MediaStore(root=folder.media)
    thumbnails = Thumbnails(store=store, max_bytes=KEPT_BUDGET)
    environment = _environment()
    script = environment.get_template("report.js.jinja").render()
    text = environment.get_template("report.html.jinja").render(
        summary=summary,
        run=summary.run,
        totals=totals(summary),
        seconds=sum(count.seconds for count in summary.counts.values()),
        histograms=[(each, bars(each)) for each in judged if each.n_kept or each.n_dropped],
        sampled=not all(each.whole for each in judged),
        box=(WIDTH, HEIGHT),
        dropped=_as_json(_dropped(summary, store)),
        pages=[page_of(kept, thumbnails) for kept in kept_rows(summary, KEPT_SAMPLES)],
        quarantined=quarantined_rows(summary, MAX_QUARANTINED),
        limits=known_limits(summary, judged),
        fetches=fetches(folder, MAX_HOSTS),
        evidence=_write_evidence(summary, environment),
        script=Markup(script),  # a file of ours, not of the run
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )
    path = folder.root / "report.html"
    write_bytes(path, text.encode())
    return path


def _write_evidence(summary: Summary, environment: Environment) -> str:
    """Write the evidence of decontamination beside the report; return its name, "" without any."""
    steps = evidence(summary)
    path = summary.folder.root / "evidence.html"
    if not steps:
        remove([path])  # of an earlier recipe in this folder
        return ""
    page = environment.get_template("evidence.html.jinja").render(run=summary.run, steps=steps)
    write_bytes(path, page.encode())
    return path.name


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "counted": counted,
        "count": lambda value: f"{value:,}",
        "duration": duration,
        "line": one_line,
        "number": number,
        "size": size,
    }
    environment.globals["share"] = share
    return environment


def _as_json(content: Any) -> Markup:
    """Return JSON that cannot end the script element that it stands in."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)  # no sign of HTML is left in it


def _dropped(summary: Summary, store: MediaStore) -> dict[str, Any]:
    """Return what the page's script shows: per step its entries, and thumbnails by key."""
    per_step = min(MAX_DROPPED_PER_STEP, MAX_DROPPED // max(len(summary.counts), 1))
    samples = dropped_samples(summary, max(per_step, 1))
    budget = DROPPED_BUDGET // max(len(samples), 1)
    thumbnails = Thumbnails(store=store, max_bytes=0)
    steps = []
    for sample in samples:
        thumbnails.max_bytes += budget
        steps.append(_step(summary, sample, thumbnails))
    return {"steps": steps, "thumbnails": thumbnails.uris}


def _step(summary: Summary, sample: DroppedSample, thumbnails: Thumbnails) -> dict[str, Any]:
    pictures = dropped_pictures(summary, sample.entries)
    shown = [
        [key for each in pictures.get(place, []) if (key := thumbnails.key(each, SIDE_PX))]
        for place in range(len(sample.entries))
    ]
    entries = [_entry(each, keys) for each, keys in zip(sample.entries, shown, strict=True)]
    return {"name": sample.step, "total": sample.total, "entries": entries}


def _entry(entry: Dropped, thumbnails: Sequence[str]) -> dict[str, Any]:
    return {
        "id": one_line(entry.id, 64),
        "uri": one_line(entry.uri, 300),
        "over": entry.over if entry.element >= 0 else "sample",
        "score_name": entry.score_name,
        "score": entry.score,
        "threshold": entry.threshold,
        "reason": one_line(entry.reason, 300),
        "excerpt": one_line(entry.excerpt, 300),
        "thumbnails": list(thumbnails),
    }
