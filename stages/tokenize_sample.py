"""Turn finished samples into token ids, label spans and patch grids, counted exactly once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from stages.chat import PADS, TEMPLATE, Control, Medium, Segment, Text, fill_template, render
from stages.elements import set_column
from stages.errors import RecordError
from stages.geometry import (
    Convention,
    Grid,
    Size,
    grid_thw,
    place_box,
    place_point,
    seconds_per_grid,
    smart_resize,
    video_resize,
)
from stages.shards import TOKEN_COLUMNS, Stamp
from stages.stage import Batch, Stage, StageFn
from stages.tokenizer import Tokenizer, load_tokenizer


@dataclass(frozen=True, kw_only=True)
class TokenizeSample(Stage):
    """Render each sample for Qwen2.5-VL and store what a trainer needs of it.

    The grids stand in reading order, one per place that shows a medium, as the pad tokens do.
    The first token is never a label: nothing comes before it to predict it from.

    Reads: messages, media (width_px, height_px, frame_times_s), regions.
    Writes:
        input_ids list<int32>; label_spans list<list<int32>>, [start, end) of trained tokens;
        grid_thw list<list<int32>>, [t, h, w] in patches; seconds_per_grid list<float32>, 0 for
        pictures; n_tokens, n_label_tokens, n_patches int32; stamp string, the `Stamp` as JSON.
    Source: Qwen2.5-VL technical report, arXiv:2502.13923, sections 2.1 and 2.3; labels as in
        Qwen's fine-tuning code.

    Attributes:
        processor: folder or hub name of the tokenizer and image processor, or "tiny".
        min_pixels: fewest pixels of a picture as the model sees it; 0: the processor's own.
        max_pixels: most pixels of a picture as the model sees it; 0: the processor's own.
        coordinates: "pixels" of the resized picture (Qwen2.5-VL) or "thousandths" of its sides
            (Qwen2-VL, Qwen3-VL).
    """

    reads: ClassVar = ("messages", "media", "regions")
    writes: ClassVar = (*TOKEN_COLUMNS, "stamp")
    source: ClassVar = "Qwen2.5-VL technical report, arXiv:2502.13923, sections 2.1 and 2.3"

    processor: str = "Qwen/Qwen2.5-VL-7B-Instruct"
    min_pixels: int = 0
    max_pixels: int = 0
    coordinates: Convention = "pixels"

    def __post_init__(self) -> None:
        if self.min_pixels < 0 or self.max_pixels < 0:
            raise ValueError(
                f"min_pixels and max_pixels count pixels, 0 takes the processor's own; "
                f"got {self.min_pixels} and {self.max_pixels}"
            )
        if self.coordinates not in ("pixels", "thousandths"):
            raise ValueError(
                f"coordinates is {self.coordinates!r}, it must be 'pixels' or 'thousandths'"
            )

    def check(self) -> None:
        """Look whether the tokenizer is on this machine."""
        load_tokenizer(self.processor)

    def build(self) -> StageFn:
        """Load the tokenizer and return the function on a batch."""
        tokenizer = load_tokenizer(self.processor)
        stamp = self._stamp(tokenizer)

        def tokenize(batch: Batch) -> Batch:
            table = batch.table
            views = [_View(row=row, stamp=stamp) for row in table.select(_READ).to_pylist()]
            columns = _token_columns(_encode(views, tokenizer))
            for name, column in columns.items():
                table = set_column(table, name, column)
            stamps = pa.array([stamp.to_json()] * len(views), pa.string())
            return batch.with_table(set_column(table, "stamp", stamps))

        return tokenize

    def _stamp(self, tokenizer: Tokenizer) -> Stamp:
        stamp = Stamp(
            tokenizer=tokenizer.fingerprint,
            template=TEMPLATE,
            min_pixels=self.min_pixels or tokenizer.min_pixels,
            max_pixels=self.max_pixels or tokenizer.max_pixels,
            coordinates=self.coordinates,
        )
        if stamp.min_pixels > stamp.max_pixels:
            raise ValueError(
                f"min_pixels {stamp.min_pixels} is over max_pixels {stamp.max_pixels}; "
                f"the processor's own are {tokenizer.min_pixels} and {tokenizer.max_pixels}"
            )
        return stamp


_READ = ["id", "messages", "media", "regions"]


@dataclass(frozen=True, kw_only=True)
class _View:
    """A sample as the target model sees it.

    Attributes:
        row: the sample's id, messages, media and regions.
        stamp: the pixel bounds and coordinates of the target.
    """

    row: Mapping[str, Any]
    stamp: Stamp

    def segments(self) -> list[Segment]:
        try:
            return render(self.row["messages"] or (), self._place)
        except RecordError as error:
            raise RecordError(f"sample {self.row['id']}: {error}") from error

    def show(self, medium: Medium) -> tuple[Grid, float, str]:
        """Return the patch grid, the seconds per step of it (0 for a picture) and the pad."""
        resized = self._resized(medium.number)
        times = self._frame_times(medium.number)
        if times is None:
            return grid_thw(*resized), 0.0, PADS["image"]
        return grid_thw(*resized, frames=len(times)), seconds_per_grid(times), PADS["video"]

    def _entry(self, column: str, number: int | None) -> Mapping[str, Any]:
        entries: Sequence[Mapping[str, Any]] = self.row[column] or ()
        if number is None or not 0 <= number < len(entries):
            raise RecordError(
                f"sample {self.row['id']}: a part refers to {column}[{number}], "
                f"the sample has {len(entries)}"
            )
        return entries[number]

    def _original(self, number: int) -> Size:
        medium = self._entry("media", number)
        if medium["width_px"] is None or medium["height_px"] is None:
            raise RecordError(
                f"sample {self.row['id']}: medium {number} ({medium['uri']}) has no size; "
                f"put stages.probe_media.ProbeMedia before TokenizeSample"
            )
        return Size(medium["height_px"], medium["width_px"])

    def _frame_times(self, number: int) -> Sequence[float] | None:
        """Return the times of a video's frames, s; None for a picture."""
        medium = self._entry("media", number)
        if medium["type"] != "video":
            return None
        if not medium["frame_times_s"]:
            raise RecordError(
                f"sample {self.row['id']}: video {number} ({medium['uri']}) has no "
                f"frame_times_s; sample its frames before TokenizeSample"
            )
        times: Sequence[float] = medium["frame_times_s"]
        return times

    def _resized(self, number: int) -> Size:
        original = self._original(number)
        times = self._frame_times(number)
        if times is not None:
            return video_resize(len(times), *original)
        return smart_resize(
            *original, min_pixels=self.stamp.min_pixels, max_pixels=self.stamp.max_pixels
        )

    def _place(self, part: Mapping[str, Any]) -> str:
        region = self._entry("regions", part["index"])
        sizes: dict[str, Any] = {
            "original": self._original(region["media"]),
            "resized": self._resized(region["media"]),
            "convention": self.stamp.coordinates,
        }
        box, point = region["box"] or [], region["point"] or []
        return fill_template(
            part["text"] or f"{{{part['type']}}}",
            label=region["label"] or "",
            box=place_box(box, **sizes).tolist() if box else (),
            point=place_point(point, **sizes).tolist() if point else (),
        )


@dataclass(kw_only=True)
class _Encoded:
    """The tokens of one sample, growing."""

    ids: list[int] = field(default_factory=list)
    spans: list[list[int]] = field(default_factory=list)
    grids: list[Grid] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def add(self, ids: Sequence[int], trained: bool) -> None:
        start = max(len(self.ids), 1)
        self.ids.extend(ids)
        if not trained or len(self.ids) <= start:
            return
        if self.spans and self.spans[-1][1] == start:
            self.spans[-1][1] = len(self.ids)
        else:
            self.spans.append([start, len(self.ids)])

    def show(self, grid: Grid, seconds: float, pad: int) -> None:
        self.grids.append(grid)
        self.seconds.append(seconds)
        self.add([pad] * grid.tokens, trained=False)


def _encode(views: Sequence[_View], tokenizer: Tokenizer) -> list[_Encoded]:
    """Encode the samples; each different text of the batch is encoded once."""
    rendered = [view.segments() for view in views]
    texts = {piece.text: None for row in rendered for piece in row if isinstance(piece, Text)}
    ids_of = dict(zip(texts, tokenizer.encode(list(texts)), strict=True))
    results = []
    for view, segments in zip(views, rendered, strict=True):
        encoded = _Encoded()
        for segment in segments:
            if isinstance(segment, Text):
                encoded.add(ids_of[segment.text], segment.trained)
            elif isinstance(segment, Control):
                encoded.add([tokenizer.control[segment.token]], segment.trained)
            else:
                grid, seconds, pad = view.show(segment)
                encoded.show(grid, seconds, tokenizer.control[pad])
        results.append(encoded)
    return results


def _token_columns(rows: Sequence[_Encoded]) -> dict[str, pa.Array]:
    spans = [row.spans for row in rows]
    return {
        "input_ids": _lists([np.array(row.ids, np.int32) for row in rows]),
        "label_spans": pa.array(spans, TOKEN_COLUMNS["label_spans"]),
        "grid_thw": pa.array([row.grids for row in rows], TOKEN_COLUMNS["grid_thw"]),
        "seconds_per_grid": pa.array(
            [row.seconds for row in rows], TOKEN_COLUMNS["seconds_per_grid"]
        ),
        "n_tokens": _int32(len(row.ids) for row in rows),
        "n_label_tokens": _int32(sum(end - start for start, end in row) for row in spans),
        "n_patches": _int32(sum(grid.patches for grid in row.grids) for row in rows),
    }


def _lists(arrays: Sequence[np.ndarray[Any, np.dtype[np.int32]]]) -> pa.Array:
    offsets = np.cumsum([0, *map(len, arrays)], dtype=np.int32)
    values = np.concatenate([np.empty(0, np.int32), *arrays])
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values))


def _int32(values: Iterable[int]) -> pa.Array:
    return pa.array(list(values), pa.int32())
