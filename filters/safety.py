"""Drop pictures that are not safe for work, and those on a list of known ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, Literal

import numpy as np

from stages.elements import Floats, Ints
from stages.engines.safety import SafetyHead
from stages.head_scores import head_scores
from stages.known_pictures import KnownPictures
from stages.stage import Batch, Filter, Level, Limit, ScoreFn, Scores

POLICIES: Final = {"omnicorpus": 0.8, "strict": 0.1, "lenient": 0.98}
"""Largest probability that each policy keeps."""
MAX_RADIUS: Final = 10


@dataclass(frozen=True, kw_only=True)
class Safety(Filter):
    """Drops pictures that a safety head on their CLIP embeddings finds unsafe.

    - "omnicorpus" keeps up to 0.8
    - "strict" keeps up to 0.1, as Stable Diffusion 2.0 did with LAION's head
    - "lenient" keeps up to 0.98, as Stable Diffusion 2.1 did
    - `over="sample"` drops the whole document for one such picture, as MINT-1T does

    A picture on the list of known ones is dropped by every policy. Pictures without an embedding
    are judged by the list alone, documents without pictures are not judged.

    Reads: media (type, status, sha256, location), `embedding.clip`; with a list the bytes.
    Writes: scores of each picture, or the highest of a document's: unsafe, a probability in
        [0, 1]; known, 1 on the list, else 0.
    Source: Li et al. 2024 (OmniCorpus), arXiv:2406.08418, section 3.3; Awadalla et al. 2024
        (MINT-1T), arXiv:2406.11271, section 2; the head is LAION's.

    Attributes:
        over: pictures or whole documents.
        head: the weights; they must be made for the CLIP model that wrote the embeddings.
        policy: one of those above, or "own" for `max_probability`.
        max_probability: largest kept by the policy "own".
        known_path: text file of a hash a line, SHA-256 of the file or perceptual; "" for none.
        radius: bits in which a perceptual hash may differ from a known one, 0 to 10.
    """

    reads: ClassVar[tuple[str, ...]] = ("media", "embedding.clip")
    source: ClassVar[str] = "OmniCorpus, arXiv:2406.08418; MINT-1T, arXiv:2406.11271"
    levels: ClassVar[tuple[Level, ...]] = ("media", "sample")
    over: Level = "media"
    head: SafetyHead = SafetyHead()  # noqa: RUF009  it is frozen
    policy: Literal["omnicorpus", "strict", "lenient", "own"] = "omnicorpus"
    max_probability: float = 0.8
    known_path: str = ""
    radius: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.policy not in (*POLICIES, "own"):
            raise ValueError(f"policy is {self.policy!r}, it must be one of {[*POLICIES, 'own']}")
        if not 0 <= self.radius <= MAX_RADIUS:
            raise ValueError(f"radius must lie in [0, {MAX_RADIUS}] bits, got {self.radius}")

    def check(self) -> None:
        """Look whether the head's weights and the list are there.

        Raises:
            NotReadyError: when they are not.
        """
        self.head.check()
        if self.known_path:
            KnownPictures.read(self.known_path)

    def limits(self) -> tuple[Limit, ...]:
        """Return the upper bound of the probability; what is known is dropped."""
        most = POLICIES.get(self.policy, self.max_probability)
        return (Limit(score="known", max=0), Limit(score="unsafe", max=most))

    def build(self) -> ScoreFn:
        """Load head and list and return the function that judges the pictures."""
        head = self.head.load()
        known = KnownPictures.read(self.known_path) if self.known_path else None

        def score(batch: Batch) -> Scores:
            unsafe = head_scores(batch, head)
            found = known.found_in(batch, self.radius) if known else np.zeros_like(unsafe)
            scores = {"known": found, "unsafe": unsafe}
            if self.over == "media":
                return scores
            row = batch.media().row
            return {name: _worst(values, row, len(batch)) for name, values in scores.items()}

        return score


def _worst(values: Floats, row: Ints, rows: int) -> Floats:
    """Return float32[N], the largest value of each row; NaN for rows that have none."""
    worst = np.full(rows, np.nan, np.float32)
    np.fmax.at(worst, row, values)
    return worst
