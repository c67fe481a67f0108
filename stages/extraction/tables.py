"""Tables of data become Markdown rows; tables used for layout stay the pieces they hold."""

from __future__ import annotations

from itertools import groupby
from typing import Final

import numpy as np

from stages.extraction import records
from stages.extraction.gather import CODE, FORMULA, HEADING, IMAGE, TABLE, TABLE_READ
from stages.extraction.tree import Records, Tree

_LONGEST_CELL: Final = 600
_MOST_PIECES_PER_CELL: Final = 4


def settle_tables(tree: Tree, notes: Records) -> None:
    """Replace the pieces of each table of data by its rows; leave layout tables be.

    Pictures stay where they are: the rows up to that of a picture come before it.

    Args:
        tree: the page, changed in place.
        notes: record[N] of dtype `records.NOTE`, in the order in which the elements ended; tables
            among them do not overlap.
    """
    notes = notes[(notes["what"] == TABLE_READ) & (notes["stop"] - notes["start"] > 1)]
    found = [
        (start, stop, written)
        for _, start, stop, _, _ in notes.tolist()
        if (written := _rows_of(tree, start, stop))
    ]
    if found:
        _replace(tree, found)


def _rows_of(tree: Tree, start: int, stop: int) -> list[int | list[int]]:
    """Return what a table becomes: pieces that stay, and groups of those that make one table."""
    inside = tree.pieces[start:stop]
    kinds, sizes = tree.kinds[start:stop], tree.sizes[start:stop]
    rows, cells = inside["row"].tolist(), inside["cell"].tolist()
    if not _holds_data(kinds, sizes, rows, cells):
        return []
    written: list[int | list[int]] = []
    gathered: list[int] = []
    for row, group in groupby(range(stop - start), rows.__getitem__):
        members = list(group)
        gathered.extend(start + i for i in members if row and kinds[i] != IMAGE)
        apart = [start + i for i in members if not row or kinds[i] == IMAGE]
        if apart:
            if gathered:
                written.append(gathered)
            gathered = []
            written.extend(apart)
    return [*written, gathered] if gathered else written


def _holds_data(kinds: list[int], sizes: list[int], rows: list[int], cells: list[int]) -> bool:
    if any(kind in (HEADING, CODE, FORMULA) for kind in kinds):
        return False
    filled = [i for i, cell in enumerate(cells) if cell and kinds[i] != IMAGE]
    widths = [len({cells[i] for i in row}) for _, row in groupby(filled, rows.__getitem__)]
    if len(widths) < 2 or max(widths) < 2:
        return False
    longest = max(sizes[i] for i in filled)
    return longest <= _LONGEST_CELL and len(filled) <= _MOST_PIECES_PER_CELL * sum(widths)


def _replace(tree: Tree, found: list[tuple[int, int, list[int | list[int]]]]) -> None:
    """Put the tables in the place of their cells, and move what points to pieces."""
    pieces = tree.pieces
    places = np.arange(len(pieces) + 1)  # where each piece, or boundary, comes to lie
    chunks: list[Records] = []
    tables: dict[int, str] = {}
    captions: dict[int, str] = {}
    done = length = 0
    for start, stop, written in found:
        chunks.append(pieces[done:start])
        places[done : start + 1] = np.arange(done, start + 1) - done + length
        length += start - done
        first = length
        for part in written:
            if isinstance(part, int):
                chunks.append(pieces[part : part + 1])
                if part in tree.captions:
                    captions[length] = tree.captions.pop(part)
            else:
                chunks.append(_table(pieces[part]))
                tables[length] = _markdown(tree, part)
            length += 1
        inside = np.arange(stop - start + 1) + first
        places[start : stop + 1] = np.minimum(inside, length)
        done = stop
    chunks.append(pieces[done:])
    places[done:] = np.arange(done, len(pieces) + 1) - done + length
    for caption_of, text in tree.captions.items():
        captions[int(places[caption_of])] = text
    tree.tables, tree.captions = tables, captions
    tree.set_pieces(np.concatenate(chunks))
    tree.spans["start"] = places[tree.spans["start"]]
    tree.spans["stop"] = places[tree.spans["stop"]]


def _table(cells: Records) -> Records:
    table = np.zeros(1, records.PIECE)
    table["kind"], table["owner"] = TABLE, cells["owner"][0]
    table["size"], table["links"] = cells["size"].sum(), cells["links"].sum()
    return table


def _markdown(tree: Tree, pieces: list[int]) -> str:
    rows, cells = tree.pieces["row"].tolist(), tree.pieces["cell"].tolist()
    lines: list[str] = []
    for _, row in groupby(pieces, rows.__getitem__):
        texts = [_cell(tree, list(cell)) for _, cell in groupby(row, cells.__getitem__)]
        lines.append(f"| {' | '.join(texts)} |")
        if len(lines) == 1:
            lines.append("|" + " --- |" * len(texts))
    return "\n".join(lines)


def _cell(tree: Tree, pieces: list[int]) -> str:
    text = " ".join(text for text in map(tree.text_of, pieces) if text)
    return text.replace("\n", " ").replace("|", r"\|")
