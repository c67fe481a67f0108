"""How likely a picture is not safe for work, judged on its CLIP embedding."""

from __future__ import annotations

from dataclasses import dataclass

from stages.engines.clip import TINY
from stages.engines.heads import HeadFn, head_file, read_autokeras, read_linear


@dataclass(frozen=True, kw_only=True)
class SafetyHead:
    """A head on unit CLIP embeddings that gives a probability in [0, 1].

    LAION's CLIP-based NSFW detectors are read as they are published, zipped SavedModels of
    AutoKeras, without TensorFlow: `clip_autokeras_binary_nsfw.zip` for OpenAI's ViT-L/14,
    D = 768, and `clip_autokeras_nsfw_b32.zip` for its ViT-B/32, D = 512.

    The tiny head knows nothing of the kind: it stands in with something harmless that drawings
    show, warning signs, so that the steps around it run and are tested. It judges no real picture.

    Source: https://github.com/LAION-AI/CLIP-based-NSFW-Detector

    Attributes:
        weights: such a zip file, a file of one layer (.safetensors), or "tiny".
    """

    weights: str = TINY

    def check(self) -> None:
        """Look whether the file is there.

        Raises:
            MissingWeightsError: when not.
        """
        head_file(self.weights, "safety")

    def load(self) -> HeadFn:
        """Return the function from float32[N, D] to float32[N].

        Raises:
            MissingWeightsError: when the file is missing.
            NotReadyError: when it holds something else.
        """
        path = head_file(self.weights, "safety")
        return read_linear(path) if path.suffix == ".safetensors" else read_autokeras(path)
