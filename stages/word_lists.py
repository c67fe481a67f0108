"""Words looked up in lists: their share of a text, lists in files, and whom a list applies to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from stages.elements import Floats, Ints, Mask
from stages.errors import NotReadyError
from stages.stage import Batch, Level
from stages.tokens import Tokens, share


def read_entries(path: str) -> tuple[str, ...]:
    """Return the lines of a UTF-8 file in lower case, without the white space around them.

    Blank lines are left out.

    Raises:
        NotReadyError: when there is no such file, or nothing in it.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise NotReadyError(
            f"cannot read the list {path!r} ({error}); name a UTF-8 text file, one entry a line"
        ) from error
    entries = tuple(line.strip().lower() for line in text.splitlines() if line.strip())
    if not entries:
        raise NotReadyError(f"the list {path!r} is empty; write one entry a line")
    return entries


def word_share(tokens: Tokens, cores: npt.NDArray[np.uint64], over: Level) -> Floats:
    """Return float32[S]: the share of words that are in a list, in whatever case.

    Args:
        tokens: of the batch.
        cores: uint64[K], what `core_hashes` gave for the list.
        over: samples or text parts.
    """
    found = _is_in(tokens.words["core"], np.sort(cores))
    return share(tokens.total(found, "words", over), tokens.count("words", over))


def _is_in(values: npt.NDArray[np.uint64], known: npt.NDArray[np.uint64]) -> Mask:
    """Return bool[V]; `known` ascends."""
    if len(known) == 0:
        return np.zeros(len(values), np.bool_)
    place: Ints = np.minimum(np.searchsorted(known, values), len(known) - 1)
    found: Mask = known[place] == values
    return found


def in_language(batch: Batch, language: str, over: Level) -> Mask:
    """Return bool[S], false where the row bears the tag of another language, as "lang:de"."""
    tags = pc.list_flatten(batch.table.column("tags"))
    row = pc.list_parent_indices(batch.table.column("tags"))
    is_other = pc.and_(pc.starts_with(tags, "lang:"), pc.not_equal(tags, f"lang:{language}"))
    same = np.ones(len(batch), np.bool_)
    same[row.filter(is_other).to_numpy()] = False
    return same if over == "sample" else np.repeat(same, batch.tokens().row_texts)
