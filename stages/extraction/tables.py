"""Tell tables of data from tables of layout, and write the former as Markdown rows."""

from __future__ import annotations

from itertools import groupby
from typing import Final

from stages.extraction.tree import CODE, FORMULA, HEADING, IMAGE, TABLE, Piece, Span

_LONGEST_CELL: Final = 600
_MOST_PIECES_PER_CELL: Final = 4


def settle_table(pieces: list[Piece], spans: list[Span], first: int, first_span: int) -> None:
    """Replace the pieces of a table of data by its rows, in place; leave a layout table be.

    Pictures stay where they are: the rows up to that of a picture come before it.

    Args:
        pieces: all pieces so far; those from `first` on are the table's.
        spans: all spans so far; those from `first_span` on lie in the table.
        first: index of the table's first piece.
        first_span: index of the first span inside the table.
    """
    inside = pieces[first:]
    if not _holds_data(inside):
        return
    written = _write(inside)
    del pieces[first:]
    pieces.extend(written)
    for span in spans[first_span:]:
        span.start = min(span.start, len(pieces))
        span.stop = min(span.stop, len(pieces))


def _holds_data(pieces: list[Piece]) -> bool:
    if any(piece.kind in (HEADING, CODE, FORMULA) for piece in pieces):
        return False
    cells = [piece for piece in pieces if piece.cell and piece.kind is not IMAGE]
    rows = [{piece.cell for piece in row} for _, row in groupby(cells, lambda piece: piece.row)]
    if len(rows) < 2 or max(map(len, rows)) < 2:
        return False
    count = sum(map(len, rows))
    longest = max(piece.size for piece in cells)
    return longest <= _LONGEST_CELL and len(cells) <= _MOST_PIECES_PER_CELL * count


def _write(pieces: list[Piece]) -> list[Piece]:
    written: list[Piece] = []
    gathered: list[Piece] = []
    for row, group in groupby(pieces, lambda piece: piece.row):
        members = list(group)
        gathered.extend(piece for piece in members if row and piece.kind is not IMAGE)
        apart = [piece for piece in members if not row or piece.kind is IMAGE]
        if apart:
            written.extend(_rows(gathered))
            gathered = []
            written.extend(apart)
    return [*written, *_rows(gathered)]


def _rows(pieces: list[Piece]) -> list[Piece]:
    if not pieces:
        return []
    lines: list[str] = []
    for _, row in groupby(pieces, lambda piece: piece.row):
        cells = [_cell(list(cell)) for _, cell in groupby(row, lambda piece: piece.cell)]
        lines.append(f"| {' | '.join(cells)} |")
        if len(lines) == 1:
            lines.append("|" + " --- |" * len(cells))
    table = Piece(
        kind=TABLE,
        text="\n".join(lines),
        size=sum(piece.size for piece in pieces),
        links=sum(piece.links for piece in pieces),
        owner=pieces[0].owner,
    )
    return [table]


def _cell(pieces: list[Piece]) -> str:
    return " ".join(piece.text for piece in pieces).replace("\n", " ").replace("|", r"\|")
