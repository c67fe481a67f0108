"""Drop pictures that show next to nothing: blank, of one colour, a mark on an empty ground."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from stages.picture_measures import measures_of
from stages.stage import Batch, Filter, Level, Limit, ScoreFn, Scores


@dataclass(frozen=True, kw_only=True)
class ImageUniformity(Filter):
    """Drops pictures of hardly any information: few grey levels, or nearly all of one colour.

    Colours are told apart by four bits of each channel. Drawings and charts on white are
    uniform too: of the thresholds, the defaults drop what is blank, not what is sparse. Both are
    measured with the short side reduced to 384 pixels.

    Pictures whose bytes are not there or cannot be decoded are not judged.

    Reads: media (type, status, sha256, location) and the bytes of pictures.
    Writes: scores of each picture: entropy_bits, of its grey levels, 0 to 8 bits;
        commonest_share in [0, 1], the part that has its commonest colour.
    Source: Shannon 1948, "A mathematical theory of communication", section 6 (entropy);
        thresholds: Quern.

    Attributes:
        min_entropy_bits: smallest kept.
        max_commonest_share: largest kept.
    """

    reads: ClassVar[tuple[str, ...]] = ("media",)
    source: ClassVar[str] = "Shannon 1948, section 6; thresholds: Quern"
    levels: ClassVar[tuple[Level, ...]] = ("media",)
    over: Level = "media"
    min_entropy_bits: float = 0.3
    max_commonest_share: float = 0.985

    def limits(self) -> tuple[Limit, ...]:
        """Return the bounds of the two scores."""
        return (
            Limit(score="entropy_bits", min=self.min_entropy_bits),
            Limit(score="commonest_share", max=self.max_commonest_share),
        )

    def build(self) -> ScoreFn:
        """Return the function that measures the pictures."""

        def score(batch: Batch) -> Scores:
            measures = measures_of(batch)
            return {
                "entropy_bits": measures["entropy_bits"],
                "commonest_share": measures["commonest"],
            }

        return score
