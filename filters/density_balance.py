"""Drop or trim documents whose pictures outweigh their text, or whose text their pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from stages.document_sides import FAR, Sides, sides_of_documents, sums
from stages.elements import Floats, Ints
from stages.geometry import MAX_PIXELS, MIN_PIXELS
from stages.media_scores import media_scores
from stages.stage import Batch, Filter, Level, Limit, ScoreFn, Scores

Weights = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class DensityBalance(Filter):
    """Keep documents in which pictures and text carry about equally much.

        ratio = sum of a picture's tokens x density.information / (text tokens x new share)
        balance = min(ratio / target_ratio, target_ratio / ratio)

    A picture has the tokens that the model sees at its smart-resized size; an empty picture or
    one that shows only text carries nothing (`stages.measure_density`; one that was not measured
    counts fully). Text that can be compressed far, because it repeats itself, carries little.

    - over media, an overlong side of pictures is trimmed: the score of a picture is the balance
      of the document with this one and all more valuable ones, so those that would break it go.
      The more it relates to the text (clip.best), the more valuable; then the earlier.
    - over text, an overlong side of text is trimmed likewise; the nearer to a picture, the more
      valuable.
    - over sample, what neither can mend is dropped.

    The most valuable picture and the text nearest to a picture are not judged, nor are documents
    without pictures, or with one of unknown size. It fails on pictures of much noise, and where
    text that tells little is new in every word.

    Reads: messages, media (type, width_px, height_px, scores).
    Writes: score balance in [0, 1]; over sample also ratio, visual_tokens and text_tokens,
        float32 >= 0, before they are weighed.
    Source: Bai et al. 2025, arXiv:2502.13923, section 2.2.1 (information density balance); the
        measure is Quern's.

    Attributes:
        over: whole documents, or which of their sides to trim.
        min_balance: least kept: 0.05 is 20 times more on one side than on the other.
        target_ratio: pictures to text that is in balance; the middle page of a blog full of figures
            has 0.65, of a site with a picture or two a page 0.27.
        min_pixels: fewest pixels of a picture as the model sees it.
        max_pixels: most pixels of a picture as the model sees it.
    """

    reads: ClassVar = ("messages", "media")
    source: ClassVar = "Qwen2.5-VL technical report, arXiv:2502.13923, section 2.2.1"
    levels: ClassVar[tuple[Level, ...]] = ("sample", "media", "text")
    min_balance: float = 0.05
    target_ratio: float = 0.5
    min_pixels: int = MIN_PIXELS
    max_pixels: int = MAX_PIXELS

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.min_balance > 1:
            raise ValueError(f"min_balance lies in [0, 1], got {self.min_balance}")
        if not self.target_ratio > 0:
            raise ValueError(f"target_ratio must be above 0, got {self.target_ratio}")

    def limits(self) -> tuple[Limit, ...]:
        """Return the least balance."""
        return (Limit(score="balance", min=self.min_balance),)

    def build(self) -> ScoreFn:
        """Return the function that weighs the two sides."""
        return {"sample": self._samples, "media": self._media, "text": self._texts}[self.over]

    def _samples(self, batch: Batch) -> Scores:
        sides, rows = self._sides(batch), len(batch)
        visual, text = (
            sums(sides.visual, sides.media_row, rows),
            sums(sides.text, sides.text_row, rows),
        )
        shows = np.bincount(sides.media_row, minlength=rows) > 0
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio = np.where(shows, visual / text, np.nan)
            balance = np.minimum(ratio / self.target_ratio, self.target_ratio / ratio)
        scores = {
            "balance": balance,
            "ratio": ratio,
            "visual_tokens": sums(sides.visual_tokens, sides.media_row, rows),
            "text_tokens": sums(sides.text_tokens, sides.text_row, rows),
        }
        return {name: values.astype(np.float32) for name, values in scores.items()}

    def _media(self, batch: Batch) -> Scores:
        sides = self._sides(batch)
        relation = np.nan_to_num(media_scores(batch.media(), "clip.best"), nan=-np.inf)
        text = sums(sides.text, sides.text_row, len(batch))[sides.media_row]
        kept = _kept(sides.visual, sides.media_row, -relation)
        with np.errstate(invalid="ignore", divide="ignore"):
            return {"balance": _one_sided(self.target_ratio * text / kept)}

    def _texts(self, batch: Batch) -> Scores:
        sides = self._sides(batch)
        visual = sums(sides.visual, sides.media_row, len(batch))[sides.text_row]
        kept = _kept(sides.text, sides.text_row, sides.gap)
        with np.errstate(invalid="ignore", divide="ignore"):
            balance = _one_sided(visual / (self.target_ratio * kept))
        return {"balance": np.where((sides.gap < FAR) & (visual > 0), balance, np.float32(np.nan))}

    def _sides(self, batch: Batch) -> Sides:
        return sides_of_documents(batch, min_pixels=self.min_pixels, max_pixels=self.max_pixels)


def _kept(weight: Floats, row: Ints, worth: npt.NDArray[np.number]) -> Weights:
    """Return float64[E], the weight of each element and all of its row that are worth more.

    Args:
        weight: float32[E].
        row: int64[E], ascending.
        worth: E ranks, the smallest first; equal ones in their order.

    Returns:
        NaN for the first of each row, which stays in any case, and for rows of unknown weight.
    """
    order = np.lexsort((worth, row))
    first = np.searchsorted(row, row)
    unknown = np.bincount(row, weights=np.isnan(weight)) > 0
    running = np.r_[0, np.cumsum(np.nan_to_num(weight[order]).astype(np.float64))]
    kept = np.empty(len(row))
    kept[order] = running[1:] - running[first]
    kept[order[first]] = np.nan
    return np.where(unknown[row], np.nan, kept)


def _one_sided(balance: Weights) -> Floats:
    """Return float32[E]: 1 where the other side is the heavier one."""
    return np.minimum(balance, 1).astype(np.float32)
