"""Drop pictures whose CLIP embedding is nearly that of a picture of an evaluation set."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from stages.elements import Floats, Ints
from stages.embeddings import media_embeddings
from stages.engines.clip import Clip
from stages.errors import NotReadyError
from stages.evals.embedded import load_embedded, nearest
from stages.evals.items import items
from stages.evals.told import told
from stages.stage import Batch, Filter, Level, Limit, Resources, ScoreFn, Scores


@dataclass(frozen=True, kw_only=True)
class EvalImageEmbedding(Filter):
    """Drop pictures that CLIP takes for one of the evaluation sets.

    Finds what no hash does: a copy cut to half its width, a photograph of a page. It also finds
    what only means the same: two charts of one make have nearly one embedding. So the limit is
    high; use EvalImageMatch for copies, this one beside it, and look at the run's evidence page.

    The evaluation pictures are embedded when a worker starts, by the same model as the run's.

    Reads: `embedding.clip`, media (sha256).
    Writes: score cosine of each picture with the nearest evaluation picture, in [-1, 1]; NaN
    without an embedding. The ledger names the evaluation picture.
    Source: Gadre et al. 2023, arXiv:2304.14108, section 3.2 (DataComp: evaluation pictures found
    by embeddings, theirs of a copy detector); the limit: benchmarks/decontamination.py.

    Attributes:
        evals_path: file or folder of evaluation sets: pictures, or Parquet; "" for none.
        clip: the model that EmbedClip used.
        max_cosine: highest cosine kept.
    """

    reads: ClassVar[tuple[str, ...]] = ("media", "embedding.clip")
    source: ClassVar[str] = "Gadre et al. 2023, arXiv:2304.14108, section 3.2"
    levels: ClassVar[tuple[Level, ...]] = ("media",)
    resources: ClassVar[Resources] = Resources(workers=1)
    over: Level = "media"
    evals_path: str = ""
    clip: Clip = field(default_factory=Clip)
    max_cosine: float = 0.97

    def check(self) -> None:
        """Look whether there are evaluation pictures, and the model.

        Raises:
            NotReadyError: when either is missing.
        """
        if not self.evals_path or next(items(self.evals_path, "picture"), None) is None:
            raise NotReadyError(
                f"there is no picture in evals_path {self.evals_path!r}; name evaluation sets "
                f"with pictures, or leave the step out"
            )
        self.clip.check()

    def limits(self) -> tuple[Limit, ...]:
        """Return the upper bound of the cosine."""
        return (Limit(score="cosine", max=self.max_cosine),)

    def build(self) -> ScoreFn:
        """Embed the evaluation sets and return the function that compares pictures with them."""
        load_embedded(self.evals_path, self.clip)

        def score(batch: Batch) -> Scores:
            return {"cosine": self._nearest(batch)[0]}

        return score

    def reasons(self, batch: Batch) -> list[str]:
        """Return which evaluation picture each medium is nearest to."""
        names = load_embedded(self.evals_path, self.clip).names
        cosine, which = self._nearest(batch)
        pairs = zip(cosine.tolist(), which.tolist(), strict=True)
        return [
            told(names[at], f"cosine {near:.3f}") if near == near else "not compared"
            for near, at in pairs
        ]

    def _nearest(self, batch: Batch) -> tuple[Floats, Ints]:
        """Return float32[M], NaN where nothing is compared, and int64[M]."""
        known = load_embedded(self.evals_path, self.clip)
        cosine = np.full(len(batch.media()), np.nan, np.float32)
        which = np.zeros(len(cosine), np.int64)
        if known.names:
            vectors = media_embeddings(batch.table, "clip")
            there = np.flatnonzero(np.isfinite(vectors).any(axis=1))
            if len(there):
                cosine[there], which[there] = nearest(known, vectors[there])
        return cosine, which
