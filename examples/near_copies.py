"""The planted copies: one page under two URLs, and near-duplicates in clusters of 2, 3 and 5."""

from __future__ import annotations

from dataclasses import dataclass

EXACT_COPIES = {"print/millstones.html": "mills/millstones.html"}


@dataclass(frozen=True, kw_only=True)
class NearCopy:
    """A page again, with a few words changed, under another URL and in another layout."""

    source: str
    target: str
    layout: str
    changes: tuple[tuple[str, str], ...]


NEAR_COPIES = (
    # a cluster of two
    NearCopy(
        source="mills/counting-teeth.html",
        target="archive/counting-teeth.html",
        layout="ledger",
        changes=(
            ("There is a quiet pleasure in", "There is a quiet joy in"),
            ("the gears run quietly for twenty years", "the wheels run quietly for twenty years"),
            ("for those who would rather change", "for anyone who would rather change"),
        ),
    ),
    # a cluster of three
    NearCopy(
        source="instruments/compass-declination.html",
        target="archive/three-norths.html",
        layout="field",
        changes=(
            ("by the width of a village", "by the length of a village"),
            ("a car at ten steps by about two", "a tractor at ten steps by about two"),
        ),
    ),
    NearCopy(
        source="instruments/compass-declination.html",
        target="club/compass-evening.html",
        layout="plain",
        changes=(
            ("ignores the difference for an hour", "forgets the difference for an hour"),
            ("If the two agree, believe them.", "If both agree, believe them."),
        ),
    ),
    # a cluster of five
    NearCopy(
        source="weather/first-frost.html",
        target="archive/first-frost.html",
        layout="ledger",
        changes=(
            (
                "the notebook that hangs behind the mill door",
                "the notebook kept behind the mill door",
            ),
            ("only forty steps apart", "only fifty steps apart"),
        ),
    ),
    NearCopy(
        source="weather/first-frost.html",
        target="club/frost-evening.html",
        layout="plain",
        changes=(
            ("such as lemons, fuchsias and basil", "such as lemons, oleanders and basil"),
            ("compare the two for a week", "compare them for a week"),
        ),
    ),
    NearCopy(
        source="weather/first-frost.html",
        target="news/first-frost-this-year.html",
        layout="field",
        changes=(
            ("Over twenty-two autumns", "Over twenty-three autumns"),
            ("no weather report will ever tell it", "no weather report will ever print it"),
        ),
    ),
    NearCopy(
        source="weather/first-frost.html",
        target="print/first-frost.html",
        layout="plain",
        changes=(("A last word on the thermometer itself.", "One last word on thermometers."),),
    ),
)
