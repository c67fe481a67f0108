"""Cut stretches out of text parts, and close the gaps so that the rest reads on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.elements import Ints, Parts, set_field


def without(text: str, stretches: Iterable[tuple[int, int]]) -> str:
    r"""Return a text without some stretches, given as (first byte, byte behind the last).

    White space on both sides of a cut becomes that of one side: the wider line break of the
    two, or one of the spaces. At the beginning and the end of the text none is left.

    >>> without("one\ntwo\n\nthree four", [(4, 7), (9, 14)])
    'one\n\nfour'

    Args:
        text: where to cut.
        stretches: ascending, apart from each other, at the borders of characters.
    """
    data, at = text.encode(), 0
    pieces = []
    for start, stop in stretches:
        pieces.append(data[at:start].decode())
        at = stop
    left, *others = [*pieces, data[at:].decode()]
    for right in others:
        left = _joined(left, right)
    return left if others and others[-1].strip() else left.rstrip()


def _joined(left: str, right: str) -> str:
    before, after = left.rstrip(), right.lstrip()
    if not before:
        return after
    gaps = left[len(before) :], right[: len(right) - len(after)]
    breaks = max(gap.count("\n") for gap in gaps)
    if not breaks:
        return before + (gaps[0] or gaps[1]) + after
    indent = next(gap for gap in reversed(gaps) if "\n" in gap).rpartition("\n")[2]
    return before + "\n" * breaks + indent + after


def cut_parts(
    parts: Parts, where: Ints, start: Sequence[int], stop: Sequence[int]
) -> tuple[pa.StructArray, list[str]]:
    """Return the parts with K stretches cut out, and the text of each stretch.

    Args:
        parts: of a table.
        where: int64[K], ascending, the part of each stretch.
        start: its first byte; ascending in one part.
        stop: the byte behind its last.
    """
    touched, first = np.unique(where, return_index=True)
    texts = parts.values.field("text")
    old = texts.take(pa.array(touched)).to_pylist()
    stretches = list(zip(start, stop, strict=True))
    ends = np.r_[first, len(where)].tolist()
    pieces, new = [], []
    for text, a, b in zip(old, ends[:-1], ends[1:], strict=True):
        data = text.encode()
        pieces += [data[i:j].decode(errors="replace") for i, j in stretches[a:b]]
        new.append(without(text, stretches[a:b]))
    at = np.full(len(texts), -1, np.int64)
    at[touched] = np.arange(len(touched))
    chosen = pa.array(new, pa.string()).take(pa.array(at, mask=at < 0))
    return set_field(parts.values, "text", pc.if_else(pa.array(at >= 0), chosen, texts)), pieces
