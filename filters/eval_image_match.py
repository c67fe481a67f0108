"""Drop pictures that are copies of a picture of an evaluation set."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Final

import numpy as np

from stages.elements import Mask
from stages.errors import NotReadyError
from stages.evals.items import items
from stages.evals.picture_index import Match, best_match, load_picture_index
from stages.evals.told import told
from stages.media import Location
from stages.picture_hashes import media_hashes
from stages.stage import Batch, Filter, Level, Limit, ScoreFn, Scores

MAX_RADIUS: Final = 16


@dataclass(frozen=True, kw_only=True)
class EvalImageMatch(Filter):
    """Drop pictures that are copies of one in the evaluation sets: resized, recompressed, cut,
    brightened, mirrored or marked.

    Perceptual hashes find what may be a copy: within `radius` bits of an evaluation picture or
    its mirror image. Charts and screens of one make are that near, too; so candidates are then
    compared in fine detail, and the score is the likeness to the evaluation picture that a
    candidate is most like.

    Reads: media (type, status, sha256, location), their bytes.
    Writes: score likeness of each picture, in [-1, 1]; 0 where no evaluation picture has a near
    hash, NaN where it has no hash itself (too flat, or its bytes are not there). The ledger names
    the evaluation picture. What is near and below the limit keeps its score and can be looked at
    in the run's evidence page.
    Source: Quern; Zauner 2010 (pHash). The limit: benchmarks/decontamination.py.

    Attributes:
        evals_path: file or folder of evaluation sets: pictures, or Parquet; "" for none.
        radius: bits of 64, up to 16, in which hashes may differ for a comparison in detail.
        max_likeness: highest likeness of fine detail kept, see `stages.evals.likeness`.
    """

    reads: ClassVar[tuple[str, ...]] = ("media",)
    source: ClassVar[str] = "Quern; Zauner 2010 (pHash)"
    levels: ClassVar[tuple[Level, ...]] = ("media",)
    over: Level = "media"
    evals_path: str = ""
    radius: int = 10
    max_likeness: float = 0.75

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.radius <= MAX_RADIUS:
            raise ValueError(f"radius must lie in [0, {MAX_RADIUS}] bits, got {self.radius}")

    def check(self) -> None:
        """Look whether there are evaluation pictures; they are hashed when a worker starts.

        Raises:
            NotReadyError: when there are none, or they cannot be read.
        """
        if not self.evals_path or next(items(self.evals_path, "picture"), None) is None:
            raise NotReadyError(
                f"there is no picture in evals_path {self.evals_path!r}; name evaluation sets "
                f"with pictures, or leave the step out"
            )

    def limits(self) -> tuple[Limit, ...]:
        """Return the upper bound of the likeness."""
        return (Limit(score="likeness", max=self.max_likeness),)

    def build(self) -> ScoreFn:
        """Read the evaluation sets and return the function that compares pictures with them."""
        load_picture_index(self.evals_path)

        def score(batch: Batch) -> Scores:
            found, matches = self._compared(batch)
            likeness = np.where(found, np.float32(0), np.float32(np.nan))
            for at, match in matches.items():
                likeness[at] = match.likeness
            return {"likeness": likeness}

        return score

    def reasons(self, batch: Batch) -> list[str]:
        """Return which evaluation picture each medium is most like."""
        said = ["like no eval item"] * len(batch.media())
        for at, match in self._compared(batch)[1].items():
            how = f"detail {match.likeness:.2f}, hash {match.distance_bits} bits away"
            said[at] = told(match.name, how)
        return said

    def _compared(self, batch: Batch) -> tuple[Mask, dict[int, Match]]:
        """Return bool[M], media with a hash, and the match of each that has one, by its place."""
        index, media = load_picture_index(self.evals_path), batch.media()
        hashes, found = media_hashes(batch, media)
        sha256, places = media.column("sha256"), media.column("location")
        known: dict[str, Match | None] = {}
        matches = {}
        for at in np.flatnonzero(found).tolist():
            name = sha256[at].as_py()
            if name not in known:
                read = partial(batch.store.read, Location(**places[at].as_py()))
                known[name] = best_match(index, int(hashes[at]), read, self.radius)
            match = known[name]
            if match is not None:
                matches[at] = match
        return found, matches
