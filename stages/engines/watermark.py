"""How likely a picture bears a watermark, judged on its CLIP embedding."""

from __future__ import annotations

from dataclasses import dataclass

from stages.engines.clip import TINY
from stages.engines.heads import HeadFn, head_file, read_linear


@dataclass(frozen=True, kw_only=True)
class WatermarkHead:
    """A head of one layer on unit CLIP embeddings that gives a probability in [0, 1].

    The tiny head reads embeddings of the tiny CLIP and knows half-transparent words printed
    across drawings. A head for another CLIP is trained by `stages.engines.train_tiny_heads` on
    pictures with and without.

    Source: Quern; the linear probe is that of Radford et al. 2021, arXiv:2103.00020, section 3.2.

    Attributes:
        weights: a file of one layer (.safetensors), or "tiny".
    """

    weights: str = TINY

    def check(self) -> None:
        """Look whether the file is there.

        Raises:
            MissingWeightsError: when not.
        """
        head_file(self.weights, "watermark")

    def load(self) -> HeadFn:
        """Return the function from float32[N, D] to float32[N].

        Raises:
            MissingWeightsError: when the file is missing.
            NotReadyError: when it holds something else.
        """
        return read_linear(head_file(self.weights, "watermark"))
