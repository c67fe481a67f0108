"""Drop media whose address says that they are logos, avatars or pornography."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.stage import Batch, Filter, Level, Limit, ScoreFn, Scores


@dataclass(frozen=True, kw_only=True)
class MediaUrl(Filter):
    """Drop media whose URL holds one of a few strings, in whatever case.

    Works before anything is fetched. The strings are looked for anywhere in the URL, so "logo"
    also drops a picture in a folder "logos". Media without a URL, and those that lie in the URL
    itself ("data:"), are not judged.

    Reads: media (uri).
    Writes: score blocked_strings of each medium, how many of the strings its URL holds.
    Source: Awadalla et al. 2024 (MINT-1T), arXiv:2406.11271, section 2.

    Attributes:
        strings: that a URL must not hold.
    """

    reads: ClassVar[tuple[str, ...]] = ("media",)
    source: ClassVar[str] = "Awadalla et al. 2024, arXiv:2406.11271, section 2"
    levels: ClassVar[tuple[Level, ...]] = ("media",)
    over: Level = "media"
    strings: tuple[str, ...] = ("logo", "avatar", "porn", "xxx")

    def __post_init__(self) -> None:
        super().__post_init__()
        if "" in self.strings:
            raise ValueError("strings holds '', which every URL holds; leave it out")

    def limits(self) -> tuple[Limit, ...]:
        """Return that no string may occur."""
        return (Limit(score="blocked_strings", max=0),)

    def build(self) -> ScoreFn:
        """Return the function that looks at the URLs."""
        strings = [string.lower() for string in self.strings]

        def score(batch: Batch) -> Scores:
            urls = pc.utf8_lower(batch.media().column("uri").cast(pa.string()))
            judged = pc.and_not(pc.is_valid(urls), pc.starts_with(urls, "data:")).fill_null(False)
            found = np.zeros(len(urls), np.float32)
            for string in strings:
                holds = pc.match_substring(urls, string).fill_null(False)
                found += holds.to_numpy(zero_copy_only=False)
            judged = judged.to_numpy(zero_copy_only=False)
            return {"blocked_strings": np.where(judged, found, np.float32(np.nan))}

        return score
