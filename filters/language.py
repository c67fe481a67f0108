"""Drop samples in other languages, or whose language is uncertain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.elements import Floats, Mask
from stages.errors import RecordError
from stages.stage import Batch, Filter, Limit, ScoreFn, Scores
from stages.tag_language import CONFIDENCE, LANGUAGE_TAG


@dataclass(frozen=True, kw_only=True)
class Language(Filter):
    """Drop samples whose text is not, or not surely, in one of the languages wanted.

    - FineWeb keeps English with a confidence of at least 0.65
    - OBELICS keeps English with a confidence of at least 0.8

    The filter reads what `stages.tag_language.TagLanguage` wrote, so that stage goes before it.

    Reads: tags, meta.
    Writes: score language_confidence in [0, 1]; 0 for a language that is not wanted.
    Source: Penedo et al. 2024 (FineWeb), arXiv:2406.17557, section 3.3; Laurençon et al. 2023
        (OBELICS), arXiv:2306.16527, appendix A.

    Attributes:
        languages: codes as TagLanguage writes them (en, zh, ...); none: any language.
        min_confidence: probability in [0, 1].
    """

    reads: ClassVar[tuple[str, ...]] = ("tags", "meta")
    source: ClassVar[str] = "FineWeb, arXiv:2406.17557, section 3.3; OBELICS, arXiv:2306.16527"
    languages: tuple[str, ...] = ()
    min_confidence: float = 0.65

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.min_confidence <= 1:
            raise ValueError(
                f"min_confidence is a probability in [0, 1], got {self.min_confidence}"
            )

    def limits(self) -> tuple[Limit, ...]:
        """Return the lower bound of the confidence."""
        return (Limit(score="language_confidence", min=self.min_confidence),)

    def build(self) -> ScoreFn:
        """Return the function that reads the confidence of the languages wanted."""

        def score(batch: Batch) -> Scores:
            confidence = _confidence(batch.table)
            if self.languages:
                confidence[~_tagged(batch.table, self.languages)] = 0
            return {"language_confidence": confidence}

        return score

    def reasons(self, batch: Batch) -> list[str]:
        """Return the language of each row, which the score does not say, and how sure it is."""
        tags = batch.table.column("tags").to_pylist()
        found = [next(each for each in row if each.startswith(LANGUAGE_TAG)) for row in tags]
        sure = _confidence(batch.table)
        return [f"{tag}, confidence {each:.2f}" for tag, each in zip(found, sure, strict=True)]


def _confidence(table: pa.Table) -> Floats:
    """Return float32[N], the confidence that the tagging stage wrote.

    Raises:
        RecordError: when a row was not tagged.
    """
    written = pc.map_lookup(table.column("meta"), CONFIDENCE, "last")
    if written.null_count:
        row = int(np.flatnonzero(written.is_null().to_numpy())[0])
        raise RecordError(
            f"row {table.column('id')[row]} has no {CONFIDENCE} in meta; put the step "
            f"stages.tag_language.TagLanguage before filters.language.Language"
        )
    return np.array(written.cast(pa.float32()).to_numpy())


def _tagged(table: pa.Table, languages: tuple[str, ...]) -> Mask:
    """Return bool[N], whether a row bears the tag of one of the languages."""
    wanted = pa.array([LANGUAGE_TAG + language for language in languages])
    tags = table.column("tags")
    row = pc.list_parent_indices(tags).filter(pc.is_in(pc.list_flatten(tags), value_set=wanted))
    tagged = np.zeros(table.num_rows, np.bool_)
    tagged[row.to_numpy()] = True
    return tagged
