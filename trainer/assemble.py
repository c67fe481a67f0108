"""Rows to a pack: documents end to end, with labels, positions and patches in window order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import torch

from stages.chat import END_OF_TEXT, PADS
from stages.geometry import MERGE, Grid
from stages.shards import Stamp
from trainer.inputs import ModelInputs, Pack
from trainer.pixels import (
    PATCH_VALUES,
    BadRowError,
    Bytes,
    normalise,
    picture_patches,
    video_patches,
)
from trainer.positions import TOKENS_PER_SECOND, mrope_positions
from trainer.rows import Row
from trainer.windows import vision_layout

Ints = npt.NDArray[np.int64]

IGNORED: Final = -100
"""Label of a token after which nothing is to be predicted."""
DUMMY: Final = Grid(1, MERGE, MERGE)
"""Grid of the picture of a pack without media."""


class Fault(NamedTuple):
    """A row that was left out of its pack, and why."""

    row: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Assembly:
    """What makes packs of rows.

    Attributes:
        pack_tokens: length of a pack.
        stamp: what the rows were tokenized for.
        image_pad: id of the tokens of pictures.
        video_pad: id of the tokens of videos.
        padding: id that fills a pack.
        tokens_per_second: steps of the time axis in a second.
    """

    pack_tokens: int
    stamp: Stamp
    image_pad: int
    video_pad: int
    padding: int
    tokens_per_second: float = TOKENS_PER_SECOND

    @classmethod
    def of(cls, control: Mapping[str, int], *, pack_tokens: int, stamp: Stamp) -> Self:
        """Return it with the ids of a tokenizer's control tokens."""
        return cls(
            pack_tokens=pack_tokens,
            stamp=stamp,
            image_pad=control[PADS["image"]],
            video_pad=control[PADS["video"]],
            padding=control[END_OF_TEXT],
        )

    def pack(self, rows: Sequence[Row]) -> tuple[Pack, tuple[Fault, ...]]:
        """Return the pack of the rows, without those that cannot be trained on, and these."""
        documents: list[_Document] = []
        faults: list[Fault] = []
        for row in rows:
            try:
                room = self.pack_tokens - sum(len(each.ids) for each in documents)
                documents.append(self._document(row, room))
            except ValueError as error:  # a BadRowError, or what no shard of ours can hold
                faults.append(Fault(row.id, str(error)))
        return self._join(documents), tuple(faults)

    def _document(self, row: Row, room: int) -> _Document:
        ids = row.input_ids.astype(np.int64)
        if len(ids) > room:
            raise BadRowError(f"{len(ids)} tokens do not fit into what is left of the pack: {room}")
        is_medium = (ids == self.image_pad) | (ids == self.video_pad)
        return _Document(
            row=row,
            ids=ids,
            labels=shifted_labels(ids, row.label_spans),
            positions=mrope_positions(
                is_medium,
                row.grids,
                row.seconds_per_grid,
                tokens_per_second=self.tokens_per_second,
            ),
            medium_at=np.flatnonzero(is_medium),
            patches=self._patches(row, ids[is_medium] == self.video_pad),
        )

    def _patches(self, row: Row, is_video: npt.NDArray[np.bool_]) -> list[Bytes]:
        """Return the patches of each medium; `is_video` is of each medium's token."""
        images, videos = iter(row.images), iter(zip(row.videos, row.frame_times_s, strict=True))
        starts = np.cumsum([0, *(grid.tokens for grid in row.grids)])[:-1]
        videos_shown = is_video[starts]
        shown = (int((~videos_shown).sum()), int(videos_shown.sum()))
        if shown != (len(row.images), len(row.videos)):
            raise BadRowError(
                f"its tokens show {shown[0]} pictures and {shown[1]} videos, the shard holds "
                f"{len(row.images)} and {len(row.videos)}"
            )
        return [
            video_patches(*next(videos), grid)
            if video
            else picture_patches(next(images), grid, self.stamp)
            for video, grid in zip(videos_shown, row.grids, strict=True)
        ]

    def _join(self, documents: list[_Document]) -> Pack:
        rows = tuple(each.row.id for each in documents)
        groups = [each.row.group for each in documents]
        if (rest := self.pack_tokens - sum(len(each.ids) for each in documents)) > 0:
            documents = [*documents, _padding(rest, self.padding)]
            groups.append(-1)
        labels = np.concatenate([each.labels for each in documents])
        return Pack(
            inputs=_inputs(documents),
            labels=torch.from_numpy(labels),
            document_group=torch.tensor(groups, dtype=torch.int32),
            n_label_tokens=int(np.count_nonzero(labels != IGNORED)),
            rows=rows,
        )


def shifted_labels(ids: Ints, spans: Ints) -> Ints:
    """Return int64[L]: for each token the next one, where that is to be predicted, else -100.

    >>> shifted_labels(np.array([7, 8, 9, 5]), np.array([[1, 3]])).tolist()
    [8, 9, -100, -100]

    Raises:
        BadRowError: when a span does not lie in the document.
    """
    labels = np.full(len(ids), IGNORED, np.int64)
    for start, end in spans:
        if not 1 <= start <= end <= len(ids):
            raise BadRowError(f"label span [{start}, {end}) is not within {len(ids)} tokens")
        labels[start - 1 : end - 1] = ids[start:end]
    return labels


@dataclass(frozen=True, kw_only=True, eq=False)
class _Document:
    """A row made ready.

    Attributes:
        row: the row.
        ids: int64[L].
        labels: int64[L], shifted.
        positions: int64[3, L].
        medium_at: int64[M], which tokens stand for media.
        patches: uint8[P, 1176] of each medium.
    """

    row: Row
    ids: Ints
    labels: Ints
    positions: Ints
    medium_at: Ints
    patches: list[Bytes]


_NO_ROW: Final = Row(
    id="",
    group=-1,
    input_ids=np.empty(0, np.int32),
    label_spans=np.empty((0, 2), np.int64),
    grids=(),
    seconds_per_grid=(),
    images=(),
    videos=(),
    frame_times_s=(),
)


def _padding(length: int, padding: int) -> _Document:
    return _Document(
        row=_NO_ROW,
        ids=np.full(length, padding, np.int64),
        labels=np.full(length, IGNORED, np.int64),
        positions=mrope_positions(np.zeros(length, np.bool_), (), ()),
        medium_at=np.empty(0, np.int64),
        patches=[],
    )


def _inputs(documents: Sequence[_Document]) -> ModelInputs:
    lengths = [len(each.ids) for each in documents]
    starts = np.cumsum([0, *lengths], dtype=np.int64)
    grids = [grid for each in documents for grid in each.row.grids]
    at = np.concatenate(
        [each.medium_at + start for each, start in zip(documents, starts, strict=False)]
    )
    patches = [piece for each in documents for piece in each.patches]
    if not grids:
        grids, at = [DUMMY], np.full(DUMMY.tokens, -1, np.int64)
        patches = [np.zeros((DUMMY.patches, PATCH_VALUES), np.uint8)]
    layout = vision_layout(grids)
    return ModelInputs(
        input_ids=torch.from_numpy(np.concatenate([each.ids for each in documents])),
        positions=torch.from_numpy(np.concatenate([each.positions for each in documents], axis=1)),
        cu_documents=torch.from_numpy(starts.astype(np.int32)),
        max_document=_power_of_two(max(lengths)),
        pixels=torch.from_numpy(normalise(np.concatenate(patches), layout.order)),
        patch_hw=torch.from_numpy(layout.patch_hw),
        cu_windows=torch.from_numpy(layout.cu_windows),
        max_window=layout.max_window,
        cu_frames=torch.from_numpy(layout.cu_frames),
        max_frame=_power_of_two(layout.max_frame),
        merged_at=torch.from_numpy(at[layout.order]),
    )


def _power_of_two(length: int) -> int:
    """Return the next power of two: few different bounds, so code compiled for one serves many."""
    return 1 << (length - 1).bit_length()
