"""The dataset card of a run: README.md for the Hugging Face Hub, pictures, Croissant metadata."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipelines.account.croissant import croissant
from pipelines.account.figures import CELL_PX, contact_sheet, histograms_png
from pipelines.account.histograms import Histogram, histograms
from pipelines.account.known_limits import known_limits
from pipelines.account.samples import Picture, kept_pictures
from pipelines.account.summary import Summary, read_summary
from pipelines.account.thumbnails import open_picture
from pipelines.account.wording import code, duration, markdown, share, size
from pipelines.folder import RunFolder
from stages.files import write_bytes
from stages.geometry import MERGE
from stages.media import MediaStore
from stages.places import AnyPath, names_in, remove

TEMPLATES: Final = Path(__file__).parent / "templates"
SHEET: Final = "pictures.png"
MAX_PICTURES: Final = 24
LICENCES: Final = re.compile(
    r"mit|apache-2\.0|bsd-[23]-clause|cc0-1\.0|pddl|odc-by|odbl|gfdl|gpl-3\.0|"
    r"cc-by(-nc)?(-sa|-nd)?-(2\.0|2\.5|3\.0|4\.0)"
)
"""Licences that the Hub knows by these names."""
TASKS: Final[Mapping[str, str]] = {
    "interleaved": "image-text-to-text",
    "caption": "image-to-text",
    "grounding": "object-detection",
    "ocr": "image-to-text",
    "video": "video-text-to-text",
    "agent": "image-text-to-text",
    "qa": "visual-question-answering",
    "text": "text-generation",
}
"""The Hub's name of the task that a kind of sample is for."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A picture of the contact sheet, by its number there."""

    number: int
    picture: Picture


def write_card(folder: RunFolder) -> AnyPath:
    """Write `card/` of a run and return the path of its README.md.

    Published, the content of `card/` is the root of a repository that has `shards/` in it.

    Raises:
        StorageError: when the folder holds no run that ended or stopped, or cannot be written.
    """
    summary = read_summary(folder)
    judged = histograms(summary)
    card = folder.root / "card"
    stale = [name for name in names_in(card) if name == SHEET or name.startswith("scores-")]
    remove(card / name for name in stale)
    figures = _write_histograms(card, judged)
    shown = _write_sheet(card, summary)
    front = front_matter(summary)
    metadata = croissant(summary, licence=front["license"])
    write_bytes(card / "croissant.json", json.dumps(metadata, indent=1).encode())
    text = (
        _environment()
        .get_template("card.md.jinja")
        .render(
            front=yaml.safe_dump(front, sort_keys=False, allow_unicode=True).strip(),
            summary=summary,
            totals=totals(summary),
            figures=figures,
            shown=shown,
            sheet=SHEET,
            limits=known_limits(summary, judged),
            sampled=not all(each.whole for each in judged),
            command=shlex.join(summary.run.command),
        )
    )
    write_bytes(card / "README.md", text.encode())
    return card / "README.md"


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=False,  # Markdown: every string of the run goes through `md` or `code`
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"md": markdown, "code": code, "duration": duration, "size": size}
    environment.filters["count"] = lambda number: f"{number:,}"
    environment.globals["share"] = share
    return environment


def totals(summary: Summary) -> dict[str, int]:
    """Return the counts that a reader asks for first; those unknown are left out."""
    known = dict(summary.manifest.totals if summary.manifest else summary.profile.totals)
    if "n_patches" in known:
        known.setdefault("n_image_tokens", known["n_patches"] // MERGE**2)
    return known


def front_matter(summary: Summary) -> dict[str, Any]:
    """Return the metadata that the Hub reads at the head of the card."""
    profile = summary.profile
    languages = {code.lower().partition("-")[0] for code in profile.languages if code}
    content: dict[str, Any] = {
        "pretty_name": summary.run.name,
        **_licence(profile.licences),
        "language": sorted(code for code in languages if re.fullmatch("[a-z]{2,3}", code)),
        "size_categories": [size_category(profile.rows)],
        "task_categories": sorted({TASKS[kind] for kind in profile.kinds if kind in TASKS}),
        "tags": ["quern", "croissant", *sorted(kind for kind in profile.kinds if kind)],
    }
    if summary.manifest and summary.manifest.shards:
        files = [{"split": "train", "path": "shards/*.parquet"}]
        content["configs"] = [{"config_name": "default", "data_files": files}]
    return {key: value for key, value in content.items() if value != []}


def _licence(licences: Mapping[str, int]) -> dict[str, str]:
    """Return the licence of all samples, `unknown`, or `other` when they differ."""
    named = {name for name in licences if name}
    if not named:
        return {"license": "unknown"}
    if len(licences) == 1 and LICENCES.fullmatch(only := min(named).lower()):
        return {"license": only}
    return {"license": "other", "license_name": "per-sample"}


def size_category(rows: int) -> str:
    """Return the Hub's name of a number of rows.

    >>> size_category(999), size_category(1000), size_category(10**13)
    ('n<1K', '1K<n<10K', 'n>1T')
    """
    bounds = ["1K", "10K", "100K", "1M", "10M", "100M", "1B", "10B", "100B", "1T"]
    place = max(len(str(rows)) - 3, 0)
    if place == 0:
        return "n<1K"
    return f"{bounds[place - 1]}<n<{bounds[place]}" if place < len(bounds) else "n>1T"


def _write_histograms(card: AnyPath, judged: Sequence[Histogram]) -> dict[str, str]:
    """Write a PNG per step that has scores; return step to file name."""
    figures = {}
    with_values = [each for each in judged if each.n_kept or each.n_dropped]
    for step, group in groupby(with_values, key=lambda each: each.step):
        name = f"scores-{re.sub(r'[^A-Za-z0-9_-]', '_', step)}.png"
        write_bytes(card / name, histograms_png(list(group)))
        figures[step] = name
    return figures


def _write_sheet(card: AnyPath, summary: Summary) -> list[Shown]:
    """Write the contact sheet; return what it shows."""
    store = MediaStore(root=summary.folder.media)
    found = [
        (picture, image)
        for picture in kept_pictures(summary, MAX_PICTURES)
        if (image := open_picture(store, picture, CELL_PX - 8)) is not None
    ]
    if found:
        write_bytes(card / SHEET, contact_sheet([image for _, image in found]))
    return [Shown(number=i, picture=picture) for i, (picture, _) in enumerate(found, 1)]
