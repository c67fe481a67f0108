"""Drop pictures that are mainly a QR code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from stages.picture_measures import measures_of
from stages.stage import Batch, Filter, Level, Limit, ScoreFn, Scores


@dataclass(frozen=True, kw_only=True)
class QrCode(Filter):
    """Drops pictures of which a QR code covers much, as donation boxes and app links do.

    The code is looked for, not read, with the short side of the picture reduced to 384 pixels:
    most codes of up to 57 modules are found from a tenth of the picture on. A code in the
    corner of a poster stays below the threshold. The quiet ground around it is not counted.

    Pictures whose bytes are not there or cannot be decoded are not judged.

    Reads: media (type, status, sha256, location) and the bytes of pictures.
    Writes: score qr_share of each picture, in [0, 1]; 0 without a code.
    Source: ISO/IEC 18004:2015, section 6.3.3 (finder patterns); thresholds: Quern.

    Attributes:
        max_qr_share: largest kept, of the picture's area.
    """

    reads: ClassVar[tuple[str, ...]] = ("media",)
    source: ClassVar[str] = "ISO/IEC 18004:2015, section 6.3.3; thresholds: Quern"
    levels: ClassVar[tuple[Level, ...]] = ("media",)
    over: Level = "media"
    max_qr_share: float = 0.1

    def limits(self) -> tuple[Limit, ...]:
        """Return the upper bound of the share."""
        return (Limit(score="qr_share", max=self.max_qr_share),)

    def build(self) -> ScoreFn:
        """Return the function that looks for codes."""

        def score(batch: Batch) -> Scores:
            return {"qr_share": measures_of(batch)["qr_code"]}

        return score
