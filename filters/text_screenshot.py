"""Drop pictures of text: screenshots of paragraphs, scanned pages, tables, receipts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from stages.picture_measures import measures_of
from stages.stage import Batch, Filter, Level, Limit, ScoreFn, Scores


@dataclass(frozen=True, kw_only=True)
class TextScreenshot(Filter):
    """Drops pictures that show little but lines of text.

    In an interleaved document such a picture says what its text should say. Of what is drawn,
    the share that stands in rows of strokes, with gaps between the rows, is counted as text; so
    grids, charts with labels and drawings are not. Text is told apart from about 4 pixels in
    height where the short side has 384. Leave this filter out of recipes for OCR.

    Measured: pages, tables and receipts 0.6 to 0.85; screens up to 0.66, charts up to 0.35,
    photographs up to 0.3; photographs of pages and large single words are missed
    (benchmarks/RESULTS.md). Pictures whose bytes are not there or cannot be decoded are not
    judged.

    Reads: media (type, status, sha256, location) and the bytes of pictures.
    Writes: score text_share of each picture, in [0, 1].
    Source: Quern.

    Attributes:
        max_text_share: largest kept, of what is drawn.
    """

    reads: ClassVar[tuple[str, ...]] = ("media",)
    source: ClassVar[str] = "Quern"
    levels: ClassVar[tuple[Level, ...]] = ("media",)
    over: Level = "media"
    max_text_share: float = 0.65

    def limits(self) -> tuple[Limit, ...]:
        """Return the upper bound of the share."""
        return (Limit(score="text_share", max=self.max_text_share),)

    def build(self) -> ScoreFn:
        """Return the function that measures the pictures."""

        def score(batch: Batch) -> Scores:
            return {"text_share": measures_of(batch)["text"]}

        return score
