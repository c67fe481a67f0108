"""Drop samples whose licence is not among those allowed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Final, Literal

import numpy as np

from stages.stage import Batch, Filter, Limit, ScoreFn, Scores

_URL: Final = re.compile(
    r"(?:https?:)?(?://)?(?:www\.)?creativecommons\.org/(?:licenses|publicdomain)/"
    r"(?P<terms>[a-z+-]+)(?:/(?P<version>[0-9]+(?:\.[0-9]+)*))?"
    r"(?:/(?P<port>[a-z]{2,5})(?=[/?#]|$))?",
    re.IGNORECASE,
)
_NAME: Final = re.compile(
    r"cc[ -]?(?P<terms>0|zero|pdm|by(?:[ -](?:sa|nc|nd))*)"
    r"(?:[ -]v?(?P<version>[0-9]+(?:\.[0-9]+)*))?(?:[ -](?P<port>[a-z]{2,5}))?",
    re.IGNORECASE,
)
_TERMS: Final = {"ZERO": "CC0", "0": "CC0", "MARK": "CC-PDM"}


@dataclass(frozen=True, kw_only=True)
class Licence(Filter):
    """Keep samples under one of the allowed licences.

    Creative Commons licences are compared by their short names, whether the sample gives the
    address ("https://creativecommons.org/licenses/by-sa/3.0/de/") or the name ("CC BY-SA 3.0
    DE"): both are "CC-BY-SA-3.0-DE". An allowed "CC-BY-SA" holds for all its versions and
    countries, "CC-BY-SA-4.0" for this version, and "CC-BY" not for "CC-BY-SA". Anything else,
    such as "MIT" or another address, must be written as the sample writes it; upper and lower
    case are equal. What a page declares is not always true of the pictures that it shows.

    Reads: source (licence).
    Writes: score allowed: 1 yes, 0 no.
    Source: Quern; the names are SPDX identifiers.

    Attributes:
        allowed: licences.
        unknown: whether samples that name no licence are kept (not judged) or dropped.
    """

    reads: ClassVar[tuple[str, ...]] = ("source",)
    source: ClassVar[str] = "Quern"
    allowed: tuple[str, ...] = ("CC0", "CC-PDM", "CC-BY", "CC-BY-SA")
    unknown: Literal["keep", "drop"] = "drop"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.unknown not in ("keep", "drop"):
            raise ValueError(f"unknown is {self.unknown!r}, it must be 'keep' or 'drop'")
        if "" in map(canonical_licence, self.allowed):
            raise ValueError("allowed holds '', which names no licence; set unknown instead")

    def limits(self) -> tuple[Limit, ...]:
        """Return that allowed must be 1."""
        return (Limit(score="allowed", min=1),)

    def build(self) -> ScoreFn:
        """Return the function that looks at the licences."""
        allowed = {canonical_licence(each) for each in self.allowed}
        of_unknown = np.nan if self.unknown == "keep" else 0.0

        def judge(licence: str) -> float:
            if not licence:
                return of_unknown
            return float(not allowed.isdisjoint(_names_of(licence)))

        def score(batch: Batch) -> Scores:
            licences = _licences(batch)
            return {"allowed": np.array([judge(each) for each in licences], np.float32)}

        return score

    def reasons(self, batch: Batch) -> list[str]:
        """Return the licence of each sample."""
        return [licence or "no licence" for licence in _licences(batch)]


def canonical_licence(text: str) -> str:
    """Return the short name of a Creative Commons licence, and other texts in lower case.

    >>> canonical_licence("http://creativecommons.org/licenses/by-sa/3.0/de/")
    'CC-BY-SA-3.0-DE'
    >>> canonical_licence("CC BY 4.0")
    'CC-BY-4.0'
    """
    text = text.strip()
    match = _URL.match(text) or _NAME.fullmatch(text)
    if match is None:
        return text.lower()
    terms = match["terms"].upper().replace(" ", "-")
    name = _TERMS.get(terms, f"CC-{terms}")
    return "-".join(filter(None, (name, match["version"], (match["port"] or "").upper())))


def _names_of(licence: str) -> set[str]:
    """Return a licence's own name and those without its country, and without its version."""
    match = re.fullmatch(r"(CC[A-Z0-9-]*?)(-[0-9.]+)(-[A-Z]+)?", licence)
    return {licence, match[1], match[1] + match[2]} if match else {licence}


def _licences(batch: Batch) -> list[str]:
    sources = batch.table.column("source").to_pylist()
    return [canonical_licence((source or {}).get("licence") or "") for source in sources]
