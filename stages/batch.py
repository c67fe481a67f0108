"""Rows in flight, with what the operators of one task share: tokens and decoded pictures."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from stages.elements import (
    Mask,
    MediaList,
    Parts,
    captions_of,
    drop_media,
    drop_parts,
    media_of,
    parts_of,
)
from stages.media import MediaStore
from stages.pictures import PictureCache

if TYPE_CHECKING:
    from stages.tokens import Tokens


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Some rows in flight, with what operators of the same task share.

    Batches are values: operators return new ones. Tokens and decoded pictures are made when
    first asked for, and follow the rows through edits.

    Attributes:
        table: the rows, following the record schema.
        store: reads the bytes of media.
        seed: the run's seed; every random draw comes from (seed, row id).
        pictures: decoded pictures shared by all batches of a task.
    """

    table: pa.Table
    store: MediaStore
    seed: int = 0
    pictures: PictureCache = field(default_factory=PictureCache, compare=False)
    _tokens: list[Tokens] = field(default_factory=list, compare=False, repr=False)

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def parts(self) -> Parts:
        """Return the parts of all messages, flat."""
        return parts_of(self.table)

    def media(self) -> MediaList:
        """Return the media of all rows, flat."""
        return media_of(self.table)

    def tokens(self) -> Tokens:
        """Return words and lines of all text parts; computed once per task."""
        if not self._tokens:
            from stages.tokens import tokenize  # imports numba: 0.5 s that sources do not need

            parts = self.parts()
            text = parts.values.field("text").filter(pa.array(parts.is_text))
            row = parts.row[parts.is_text]
            self._tokens.append(tokenize(text, row=row, rows=len(self)))
        return self._tokens[0]

    def with_table(self, table: pa.Table, *, same_texts: bool = False) -> Batch:
        """Return a batch of the same rows with other columns; tokens stay if the texts did.

        Args:
            table: the rows.
            same_texts: whether the caller knows that no text changed, though messages did.
        """
        same = same_texts or table.column("messages").equals(self.table.column("messages"))
        return replace(self, table=table, _tokens=list(self._tokens) if same else [])

    def with_rows(self, table: pa.Table) -> Batch:
        """Return a batch of other rows."""
        return replace(self, table=table, _tokens=[])

    def alone(self) -> Batch:
        """Return the batch without what it shares, to be sent to another process."""
        return replace(self, pictures=PictureCache(), _tokens=[])

    def keep_rows(self, keep: Mask) -> Batch:
        """Return the batch without the rows where `keep` (bool[N]) is false."""
        tokens = [tokens.keep_rows(keep) for tokens in self._tokens]
        return replace(self, table=self.table.filter(pa.array(keep)), _tokens=tokens)

    def keep_texts(self, keep: Mask) -> Batch:
        """Return the batch without the text parts where `keep` (bool[T]) is false."""
        tokens = [tokens.keep_texts(keep) for tokens in self._tokens]
        keep_part = np.ones(len(self.parts().row), dtype=np.bool_)
        keep_part[self.parts().is_text] = keep
        return replace(self, table=drop_parts(self.table, keep_part), _tokens=tokens)

    def keep_media(self, keep: Mask) -> Batch:
        """Return the batch without the media where `keep` (bool[M]) is false.

        A text part that is the caption of a dropped medium, and of no other of its row, goes
        with it: left alone it would read as the caption of the next picture.
        """
        orphans = captions_of(self.table, ~keep)
        batch = self.keep_texts(~orphans) if orphans.any() else self
        return replace(batch, table=drop_media(batch.table, keep), _tokens=list(batch._tokens))
