"""How pleasing a picture is, judged on its CLIP embedding by LAION's aesthetic head."""

from __future__ import annotations

from dataclasses import dataclass

from stages.engines.clip import TINY
from stages.engines.heads import HeadFn, head_file, read_linear, read_torch


@dataclass(frozen=True, kw_only=True)
class AestheticHead:
    """A head on unit CLIP embeddings.

    LAION's improved aesthetic predictor (`sac+logos+ava1-l14-linearMSE.pth`) reads embeddings of
    OpenAI's ViT-L/14, D = 768, through linear layers 768-1024-128-64-16-1 with nothing between
    them, and gives ratings as people gave them, about 1 to 10. The tiny head reads those of the
    tiny CLIP and gives the probability, times 10, that a drawing is clean: neither noisy nor
    blurred nor cluttered nor watermarked.

    Source: https://github.com/christophschuhmann/improved-aesthetic-predictor

    Attributes:
        weights: a PyTorch file (.pth), a file of one layer (.safetensors), or "tiny".
    """

    weights: str = TINY

    def check(self) -> None:
        """Look whether the file is there.

        Raises:
            MissingWeightsError: when not.
        """
        head_file(self.weights, "aesthetic")

    def load(self) -> HeadFn:
        """Return the function from float32[N, D] to float32[N].

        Raises:
            MissingWeightsError: when the file is missing.
            NotReadyError: when it holds something else.
        """
        path = head_file(self.weights, "aesthetic")
        if path.suffix == ".safetensors":
            clean = read_linear(path)
            return lambda vectors: 10 * clean(vectors)
        return read_torch(path)
