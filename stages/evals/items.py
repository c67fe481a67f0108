"""What evaluation sets hold, found in whatever columns: texts and pictures, each with a name.

A set is a Parquet file (also of Hugging Face's layout, pictures as {bytes, path}), a JSONL file, a
text file or a picture; a folder of them is searched to any depth. A name says where an item
stands, and leads back to it:

mmmu/test.parquet#12/question         the column of a row
mmmu/test.parquet#12/options[2]       an entry of a list in it
charts/bar_07.png                     a file that is one item
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from stages.errors import NotReadyError

PICTURES: Final = (".jpg", ".jpeg", ".png", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".avif")
TABLES: Final = (".parquet", ".jsonl")
TEXTS: Final = (".txt", ".md")
ROWS: Final = 64
"""Rows of a Parquet file that are Python objects at a time: pictures are large."""

Kind = Literal["text", "picture"]


@dataclass(frozen=True, kw_only=True)
class Item:
    """A text or a picture of an evaluation set.

    Attributes:
        name: where it stands.
        content: the text, or the bytes of the picture.
    """

    name: str
    content: Any


def items(path: str, kind: Kind) -> Iterator[Item]:
    """Yield the texts or the pictures of a file or folder, file by file in order of their names.

    Raises:
        NotReadyError: when there is no such file or folder, when none in it is an evaluation set,
            or when one cannot be read; the message names it.
    """
    root = Path(path)
    for file in _files(root):
        label = str(file.relative_to(root)) if root.is_dir() else file.name
        for row, value in _rows(file, kind):
            yield from _leaves(value, f"{label}#{row}" if row >= 0 else label, kind)


def item(path: str, name: str, kind: Kind) -> Item | None:
    """Return the item of a name; None when it is not there (any more)."""
    root = Path(path)
    label, row = _place(name)
    file = root / label if root.is_dir() else root
    if not file.is_file():
        return None
    for number, value in _rows(file, kind, wanted=row):
        prefix = f"{label}#{number}" if number >= 0 else label
        for each in _leaves(value, prefix, kind) if number == row else ():
            if each.name == name:
                return each
    return None


def _place(name: str) -> tuple[str, int]:
    """Return file and row of a name, -1 for a file that is one item.

    >>> _place("a/b.parquet#12/question"), _place("c#1.png")
    (('a/b.parquet', 12), ('c#1.png', -1))
    """
    found = re.fullmatch(r"(.+\.(?:parquet|jsonl))#(\d+)(?:[/\[].*)?", name, re.DOTALL)
    return (found[1], int(found[2])) if found else (name, -1)


def _files(root: Path) -> list[Path]:
    if root.is_file():
        return [root]
    endings = (*PICTURES, *TABLES, *TEXTS)
    found = [f for f in sorted(root.rglob("*")) if f.suffix.lower() in endings and f.is_file()]
    if not found:
        what = "no such file or folder" if not root.is_dir() else "nothing in it is one"
        raise NotReadyError(
            f"cannot read evaluation sets from {str(root)!r} ({what}); name a file or a folder of "
            f"files that end in {', '.join(endings)}"
        )
    return found


def _rows(file: Path, kind: Kind, wanted: int = -1) -> Iterator[tuple[int, Any]]:
    """Yield number and value of each row, or of those around the wanted one; -1: all of a file."""
    ending = file.suffix.lower()
    try:
        if ending == ".parquet":
            yield from _of_parquet(file, kind, wanted)
        elif kind == "text" and ending == ".jsonl":
            with file.open(encoding="utf-8") as lines:
                yield from enumerate(json.loads(line) for line in lines if line.strip())
        elif kind == "picture" and ending in PICTURES:
            yield -1, file.read_bytes()
        elif kind == "text" and ending in TEXTS:
            yield -1, file.read_text(encoding="utf-8-sig")
    except (OSError, ValueError, pa.ArrowException) as error:
        raise NotReadyError(
            f"cannot read the evaluation set {str(file)!r} ({error}); repair it or take it away"
        ) from error


def _of_parquet(file: Path, kind: Kind, wanted: int) -> Iterator[tuple[int, Any]]:
    """Yield rows of the columns that can hold such items, without the others."""
    with pq.ParquetFile(file) as parquet:
        schema = parquet.schema_arrow
        columns = [field.name for field in schema if _holds(field.type, kind)]
        start = 0
        for group in range(parquet.num_row_groups if columns else 0):
            count = parquet.metadata.row_group(group).num_rows
            if wanted < 0 or start <= wanted < start + count:
                batches = parquet.iter_batches(ROWS, row_groups=[group], columns=columns)
                rows = (row for batch in batches for row in batch.to_pylist())
                yield from enumerate(rows, start)
            start += count


def _holds(type_: pa.DataType, kind: Kind) -> bool:
    """Tell whether values of a type may hold texts, or the bytes of pictures."""
    if pa.types.is_nested(type_):
        inner = {type_.field(i).name: type_.field(i).type for i in range(type_.num_fields)}
        return any(_holds(each, kind) for each in _told(inner).values())
    if kind == "text":
        return bool(pa.types.is_string(type_) or pa.types.is_large_string(type_))
    return bool(pa.types.is_binary(type_) or pa.types.is_large_binary(type_))


def _told(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields; of a picture in Hugging Face's layout its bytes alone, under no name."""
    return {"": fields["bytes"]} if fields.keys() == {"bytes", "path"} else fields


def _leaves(value: Any, name: str, kind: Kind) -> Iterator[Item]:
    """Yield the texts or pictures in a value, however deep."""
    if isinstance(value, dict):
        for key, each in _told(value).items():
            yield from _leaves(each, f"{name}/{key}" if key else name, kind)
    elif isinstance(value, list | tuple):
        for number, each in enumerate(value):
            yield from _leaves(each, f"{name}[{number}]", kind)
    elif value and isinstance(value, str if kind == "text" else bytes):
        yield Item(name=name, content=value)
