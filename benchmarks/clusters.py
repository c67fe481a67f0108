"""Generated texts with everything that deduplication meets, and what should become of it."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.texts import Writer, corpus, similarity

SIZES = ((2, 100), (5, 40), (10, 20), (50, 6), (200, 2), (1000, 1))
"""Sizes of planted clusters, and how many there are of each."""
SPACES = (" ", "\n", "  ", "\t", " \r\n ", "\u00a0", "\n\n")
PAIRS = 300


@dataclass(frozen=True, kw_only=True)
class Group:
    """Texts that belong together, or only look as if.

    Attributes:
        kind: what was planted.
        members: numbers of the texts.
        same: whether one of them should stay, or all.
    """

    kind: str
    members: tuple[int, ...]
    same: bool


def planted(count: int, *, threshold: float = 0.75, seed: int = 1) -> tuple[list[str], list[Group]]:
    """Return `count` shuffled texts, 6,000 at least, and the groups planted in them.

    Pairs of a similarity between 0.7 and the threshold are in no group.
    """
    writer = Writer(seed + 1)
    texts: list[str] = []
    groups: list[Group] = []

    def plant(kind: str, members: list[str], *, same: bool) -> None:
        numbers = range(len(texts), len(texts) + len(members))
        texts.extend(members)
        groups.append(Group(kind=kind, members=tuple(numbers), same=same))

    for size, times in SIZES:
        for _ in range(times):
            first = writer.take(writer.draw.randint(200, 800))
            copies = [writer.block(first, 0.03) for _ in range(size - 1)]
            members = [" ".join(words) for words in (first, *copies)]
            plant("clusters of 2 to 1,000", members, same=True)
    for number in range(PAIRS):
        first = writer.take(writer.draw.randint(200, 800))
        spaced = "".join(word + writer.draw.choice(SPACES) for word in first)
        plant("white space only", [" ".join(first), spaced], same=True)
        first = writer.take(writer.draw.randint(200, 800))
        cut = first[: round(len(first) * (0.85, 0.6, 0.4)[number % 3])]
        alike = similarity(first, cut) >= threshold
        kind = "cut to 0.85" if alike else "cut to 0.4 or 0.6"
        plant(kind, [" ".join(first), " ".join(cut)], same=alike)
    for _ in range(10):
        frame = writer.take(120)
        pages = [frame[:60] + writer.take(180) + frame[60:] for _ in range(100)]
        plant("shared boilerplate, 0.4 of a text", [" ".join(p) for p in pages], same=False)
    _add_pairs(texts, groups, count, threshold, seed)
    return _shuffled(texts, groups, writer)


def _add_pairs(
    texts: list[str], groups: list[Group], count: int, threshold: float, seed: int
) -> None:
    """Add the pairs of `corpus`, and its texts without any."""
    start = len(texts)
    given = corpus(count - start, seed=seed)
    texts.extend(given.texts)
    for a, b, score in given.pairs:
        if score >= threshold or score < 0.7:
            same = score >= threshold
            kind = "edited pairs, J >= 0.75" if same else "edited pairs, J < 0.7"
            groups.append(Group(kind=kind, members=(start + a, start + b), same=same))
    paired = {member for group in groups for member in group.members}
    between = {start + member for a, b, _ in given.pairs for member in (a, b)}
    alone = tuple(n for n in range(start, len(texts)) if n not in paired | between)
    groups.append(Group(kind="alone", members=alone, same=False))


def _shuffled(
    texts: list[str], groups: list[Group], writer: Writer
) -> tuple[list[str], list[Group]]:
    order = list(range(len(texts)))
    writer.draw.shuffle(order)
    place = {old: new for new, old in enumerate(order)}
    moved = [
        Group(kind=g.kind, members=tuple(place[m] for m in g.members), same=g.same) for g in groups
    ]
    return [texts[old] for old in order], moved
