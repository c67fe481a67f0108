"""The two sides of interleaved documents: what the pictures bring and what the text does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stages.batch import Batch
from stages.elements import Floats, Ints, Mask, MediaList, Parts
from stages.geometry import MAX_RATIO, grid_thw, smart_resize
from stages.media_scores import media_scores
from stages.picture_sides import sides_of
from stages.text_information import new_share, tokens_of

FAR = np.iinfo(np.int64).max
"""Gap of a text part to a picture in a document without any."""


@dataclass(frozen=True, kw_only=True)
class Sides:
    """M media and T text parts of N rows.

    Attributes:
        media_row: int64[M], the row of each medium.
        visual_tokens: float32[M], at the size that the model sees; NaN where unknown.
        visual: float32[M], those tokens by how much each picture shows.
        text_row: int64[T], the row of each text part.
        text_tokens: float32[T], roughly.
        text: float32[T], those tokens by how much of the document's text is new.
        gap: int64[T], parts between the text and the nearest picture of its row, or FAR.
    """

    media_row: Ints
    visual_tokens: Floats
    visual: Floats
    text_row: Ints
    text_tokens: Floats
    text: Floats
    gap: Ints


def sides_of_documents(batch: Batch, *, min_pixels: int, max_pixels: int) -> Sides:
    """Return the sides of each row of a batch.

    Args:
        batch: any rows; pictures that were not measured for `density.information` count fully.
        min_pixels: fewest pixels of a picture as the model sees it.
        max_pixels: most pixels of a picture as the model sees it.
    """
    media, parts = batch.media(), batch.parts()
    tokens = visual_tokens(media, min_pixels=min_pixels, max_pixels=max_pixels)
    information = media_scores(media, "density.information")
    text = parts.values.field("text").filter(pa.array(parts.is_text)).fill_null("")
    row = parts.row[parts.is_text]
    text_tokens = tokens_of(pc.binary_length(text).to_pylist())
    return Sides(
        media_row=media.row,
        visual_tokens=tokens,
        visual=tokens * np.where(np.isnan(information), 1, information).astype(np.float32),
        text_row=row,
        text_tokens=text_tokens,
        text=text_tokens * _new_shares(text, row, len(batch))[row],
        gap=_gaps(parts),
    )


def visual_tokens(media: MediaList, *, min_pixels: int, max_pixels: int) -> Floats:
    """Return float32[M]: the tokens of each picture; NaN for videos and sizes that none has."""
    width, height = sides_of(media)
    short, long = np.minimum(width, height), np.maximum(width, height)
    found = np.full(len(media), np.nan, np.float32)
    for at in np.flatnonzero((short >= 1) & (long <= MAX_RATIO * short)).tolist():
        size = smart_resize(
            int(height[at]), int(width[at]), min_pixels=min_pixels, max_pixels=max_pixels
        )
        found[at] = grid_thw(*size).tokens
    return found


def sums(values: Floats, row: Ints, rows: int) -> npt.NDArray[np.float64]:
    """Return float64[N], the sum over the elements of each row."""
    return np.bincount(row, weights=values, minlength=rows).astype(np.float64)


def _new_shares(text: pa.Array, row: Ints, rows: int) -> Floats:
    """Return float32[N], how much of the text of each row is new."""
    whole: list[list[str]] = [[] for _ in range(rows)]
    for at, each in zip(row.tolist(), text.to_pylist(), strict=True):
        whole[at].append(each)
    return np.array([new_share("\n\n".join(each).encode()) for each in whole], np.float32)


def _gaps(parts: Parts) -> Ints:
    """Return int64[T], parts between each text part and the nearest medium of its row."""
    text, shows = np.flatnonzero(parts.is_text), np.flatnonzero(parts.is_media)
    after = np.searchsorted(shows, text)
    gaps = np.full(len(text), FAR, np.int64)
    for side in (after - 1, after):
        there: Mask = (side >= 0) & (side < len(shows))
        near = shows[np.clip(side, 0, max(len(shows) - 1, 0))] if len(shows) else text
        there &= parts.row[near] == parts.row[text]
        gaps = np.where(there, np.minimum(gaps, np.abs(near - text) - 1), gaps)
    return gaps
