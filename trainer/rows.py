"""Rows out of shards in the order in which packs want them, each chunk read once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stages.elements import media_of, parts_of
from stages.files import open_parquet
from stages.geometry import Grid
from trainer.counts import Counts

Ints = npt.NDArray[np.int64]
Ints32 = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]

_COLUMNS: Final = ("id", "input_ids", "label_spans", "grid_thw", "seconds_per_grid", "images")
_PART: Final = "messages.list.element.parts.list.element"
_OF_VIDEOS: Final = (
    "videos",
    f"{_PART}.type",
    f"{_PART}.index",
    "media.list.element.type",
    "media.list.element.frame_times_s",
)
AT_ONCE: Final = 64
"""Rows made of a chunk together; all of them would hold the chunk in memory twice."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Row:
    """A sample as it lies in a shard.

    Attributes:
        id: of the sample.
        group: index into `Counts.groups`.
        input_ids: int32[L].
        label_spans: int64[S, 2], [start, end) of trained tokens.
        grids: of the media in reading order, patches.
        seconds_per_grid: of the media, 0 for pictures.
        images: the files of the pictures, in reading order.
        videos: the files of the videos, in reading order.
        frame_times_s: for each video float64[F], the times of the frames that were sampled.
    """

    id: str
    group: int
    input_ids: Ints32
    label_spans: Ints
    grids: tuple[Grid, ...]
    seconds_per_grid: tuple[float, ...]
    images: tuple[bytes, ...]
    videos: tuple[bytes, ...]
    frame_times_s: tuple[Floats, ...]

    @property
    def nbytes(self) -> int:
        """Bytes that the row takes in memory, roughly."""
        return self.input_ids.nbytes + sum(map(len, (*self.images, *self.videos)))


@dataclass(kw_only=True)
class RowReader:
    """Reads the rows of some packs, in their order.

    A chunk is read when its first row is wanted; of it the rows that later packs want are held
    until they are. How much that is lies with the plan: a pool or two.

    Attributes:
        counts: of the shards.
        chunks_read: so far.
        bytes_held: now.
        most_bytes_held: at any time so far.
    """

    counts: Counts
    chunks_read: int = 0
    bytes_held: int = 0
    most_bytes_held: int = 0
    _held: dict[int, Row] = field(default_factory=dict)

    def read(self, packs: Sequence[Ints]) -> Iterator[tuple[Row, ...]]:
        """Yield the rows of each pack.

        Args:
            packs: numbers of rows as in `EpochPlan`, each once.

        Raises:
            StorageError: when a shard is missing or damaged.
        """
        wanted = np.sort(np.concatenate([np.empty(0, np.int64), *packs]))
        for pack in packs:
            yield tuple(self._row(int(number), wanted) for number in pack)

    def _row(self, number: int, wanted: Ints) -> Row:
        if number not in self._held:
            self._read_chunk(number, wanted)
        row = self._held.pop(number)
        self.bytes_held -= row.nbytes
        return row

    def _read_chunk(self, number: int, wanted: Ints) -> None:
        """Hold the wanted rows of a row's chunk; `wanted` ascends."""
        time, row = divmod(number, len(self.counts))
        chunk = int(self.counts.chunk_of[row])
        edges = self.counts.first[chunk : chunk + 2] + time * len(self.counts)
        numbers = wanted[slice(*np.searchsorted(wanted, edges))]
        for each, read in zip(numbers.tolist(), self._rows(chunk, numbers - edges[0]), strict=True):
            self._held[each] = read
            self.bytes_held += read.nbytes
        self.chunks_read += 1
        self.most_bytes_held = max(self.most_bytes_held, self.bytes_held)

    def _rows(self, chunk: int, places: Ints) -> Iterator[Row]:
        file, row_group = self.counts.chunks[chunk]
        with open_parquet(self.counts.folder / file) as shard:
            has_videos = "videos" in shard.schema_arrow.names
            columns = [*_COLUMNS, *_OF_VIDEOS] if has_videos else list(_COLUMNS)
            table = shard.read_row_group(row_group, columns=columns)
        groups = self.counts.group[self.counts.first[chunk] + places]
        for start in range(0, len(places), AT_ONCE):
            some = slice(start, start + AT_ONCE)
            yield from rows_of(table.take(pa.array(places[some])), groups[some].tolist())


def rows_of(table: pa.Table, groups: Sequence[int]) -> Iterator[Row]:
    """Yield the rows of a table that has the columns of a shard."""
    has_videos = "videos" in table.column_names
    table = table.combine_chunks()
    times = _frame_times(table) if has_videos else [()] * table.num_rows
    light = table.select([name for name in _COLUMNS if name != "input_ids"])
    ids, offsets = _flat(table.column("input_ids"))
    videos = table.column("videos").to_pylist() if has_videos else [()] * table.num_rows
    for index, row in enumerate(light.to_pylist()):
        yield Row(
            id=row["id"],
            group=groups[index],
            input_ids=ids[offsets[index] : offsets[index + 1]].copy(),
            label_spans=np.array(row["label_spans"], np.int64).reshape(-1, 2),
            grids=tuple(Grid(*grid) for grid in row["grid_thw"]),
            seconds_per_grid=tuple(row["seconds_per_grid"]),
            images=tuple(file["bytes"] for file in row["images"]),
            videos=tuple(file["bytes"] for file in videos[index]),
            frame_times_s=times[index],
        )


def _flat(column: Any) -> tuple[Ints32, Ints]:
    """Return the values of a list column, and where each list begins and ends among them."""
    lists = column.combine_chunks()
    lists = lists if isinstance(lists, pa.ListArray) else lists.chunk(0)
    return lists.values.to_numpy(), lists.offsets.to_numpy().astype(np.int64)


def _frame_times(table: pa.Table) -> list[tuple[Floats, ...]]:
    """Return for each row the frame times of its videos, in reading order."""
    parts, media = parts_of(table), media_of(table)
    first = np.r_[0, np.cumsum(np.bincount(media.row, minlength=table.num_rows))]
    entry = first[parts.row[parts.is_media]] + parts.media_index[parts.is_media]
    is_video = np.array(media.column("type").to_pylist(), object) == "video"
    times = media.column("frame_times_s").to_pylist()
    result: list[list[Floats]] = [[] for _ in range(table.num_rows)]
    for row, medium in zip(parts.row[parts.is_media], entry, strict=True):
        if is_video[medium]:
            result[row].append(np.array(times[medium] or (), np.float64))
    return [tuple(each) for each in result]
