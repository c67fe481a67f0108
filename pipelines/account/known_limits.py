"""What a data set is not, told from its run: what failed, is unknown, or nobody looked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from pipelines.account.histograms import Histogram
from pipelines.account.summary import Summary
from pipelines.account.wording import counted, one_line, share

LOOKED_FOR: Final[Mapping[str, tuple[str, ...]]] = {
    "near-duplicates": ("dedup",),
    "unsafe pictures or text": ("safety", "nsfw", "toxic"),
    "personal data": ("personal", "pii", "privacy"),
    "overlap with benchmarks": ("benchmark", "contamination"),
    "factual errors": ("fact", "reward"),
}
"""What a step may look for, and the words that its import path then holds."""


def known_limits(summary: Summary, histograms: Sequence[Histogram]) -> list[str]:
    """Return the limits as sentences, in plain text."""
    return [
        *_incomplete(summary),
        *_unknown(summary),
        *_not_judged(histograms),
        *_not_looked_for(summary),
        "No person has read the samples: every decision was made by the steps listed above.",
    ]


def _incomplete(summary: Summary) -> Iterator[str]:
    run = summary.run
    if run.state != "done":
        yield (
            f"The run stopped before its end ({one_line(run.error) or 'no reason given'}); all "
            f"numbers are of what was finished until then."
        )
    if summary.n_faults:
        yield f"Input that could not be read is missing: {counted(summary.n_faults, 'fault')}."
    if summary.quarantined:
        failed = [
            f"{c.quarantined:,} by {c.name}" for c in summary.counts.values() if c.quarantined
        ]
        yield f"Rows set aside because a step failed on them: {', '.join(failed)}."
    if not summary.profile.totals and not summary.manifest:
        yield "The samples were not tokenized, so tokens and patches were not counted."


def _unknown(summary: Summary) -> Iterator[str]:
    profile = summary.profile
    if not profile.rows:
        yield "Nothing was kept."
        return
    nameless = profile.licences.get("", 0)
    if nameless:
        yield (
            f"{nameless:,} of {profile.rows:,} samples ({share(nameless, profile.rows)}) come "
            f"without a licence."
        )
    if nameless < profile.rows:
        yield "Licences are those that the sources state; nobody checked them."
    silent = profile.languages.get("", 0)
    if silent == profile.rows:
        yield "No step told the languages of the samples."
    elif silent:
        yield f"The language of {silent:,} of {profile.rows:,} samples is unknown."


def _not_judged(histograms: Sequence[Histogram]) -> Iterator[str]:
    nouns = {"sample": "samples", "text": "texts", "media": "pictures or videos"}
    for each in histograms:
        total = each.not_judged + each.n_kept
        if each.not_judged:
            yield (
                f"Step {each.step} gave no {each.score} to {share(each.not_judged, total)} of the "
                f"{nouns[each.over]} that it kept; what is not judged stays."
            )


def _not_looked_for(summary: Summary) -> Iterator[str]:
    used = [step.use.lower() for step in summary.steps]
    missing = [
        what
        for what, words in LOOKED_FOR.items()
        if not any(word in use for use in used for word in words)
    ]
    if missing:
        yield f"No step looked for: {', '.join(missing)}."
