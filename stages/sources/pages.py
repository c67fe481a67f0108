"""Chunks of raw pages, of a size that suits the steps behind them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import pyarrow as pa

from stages.elements import set_column
from stages.record import PAYLOAD, table_of

CHUNK_ROWS: Final = 256
CHUNK_BYTES: Final = 32 << 20


def page_table(pages: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Return a record table that has the payload column even without a page."""
    table = table_of(pages)
    if table.num_rows == 0:
        return set_column(table, PAYLOAD, pa.array([], pa.large_binary()))
    return table
