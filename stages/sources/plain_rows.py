"""Rows of other people's tables and JSON lines as record rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from stages.record import KINDS, SCHEMA, content_id, document, text_part

FREE_COLUMNS: Final = ("score.", "cluster.")
"""Prefixes of the columns that a record may have beside those of the schema."""


class BadRowError(Exception):
    """A row that cannot become a sample; sources turn it into a Fault."""


def text_row(row: Mapping[str, Any], *, text_column: str, path: str, offset: int) -> dict[str, Any]:
    """Return a sample of kind "text": one document of one part.

    Args:
        row: has the text; `url` becomes the source's uri, everything else goes to `meta`.
        text_column: name of the text.
        path: the file.
        offset: where the row lies in it, bytes or rows.

    Raises:
        BadRowError: when there is no text.
    """
    text = row.get(text_column)
    if text_column not in row:
        raise BadRowError(f"has neither 'messages' nor {text_column!r}; it has {sorted(row)}")
    if not isinstance(text, str) or not text.strip():
        raise BadRowError(f"{text_column!r} is {_short(text)}, it must be a text")
    url = row.get("url")
    rest = {name: value for name, value in row.items() if name not in (text_column, "url")}
    meta = meta_of(rest)
    return {
        "id": content_id(Path(path).name, str(offset), json.dumps(meta), str(url), text),
        "kind": "text",
        "source": {
            "dataset": path,
            "uri": url if isinstance(url, str) else None,
            "offset": offset,
        },
        "messages": document([text_part(text)]),
        "meta": meta,
    }


def record_row(row: Mapping[str, Any], *, path: str, offset: int) -> dict[str, Any]:
    """Return a row that follows the record schema; columns that it does not know go to `meta`.

    Raises:
        BadRowError: when its kind is unknown.
    """
    if row.get("kind") not in KINDS:
        raise BadRowError(f"kind is {_short(row.get('kind'))}, it must be one of {sorted(KINDS)}")
    known = {
        name: value
        for name, value in row.items()
        if value is not None and (name in SCHEMA.names or name.startswith(FREE_COLUMNS))
    }
    rest = {name: value for name, value in row.items() if name not in known}
    own = known.get("meta", [])
    pairs = meta_of(own if isinstance(own, Mapping) else dict(own))
    known.setdefault("id", content_id(Path(path).name, str(offset), json.dumps(row)))
    return {**known, "meta": [*pairs, *meta_of(rest)]}


def meta_of(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (name, text) pairs in order of name; anything but text is written as JSON.

    >>> meta_of({"dump": "2026-10", "tokens": 12, "gone": None})
    [('dump', '2026-10'), ('tokens', '12')]
    """
    return [
        (name, value if isinstance(value, str) else json.dumps(value, default=str))
        for name, value in sorted(values.items())
        if value is not None
    ]


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
