"""A CLIP model in memory: batches across documents, pictures made ready while the model works."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from stages.elements import Floats, Ints
from stages.engines.threads import one_thread
from stages.pictures import Pixels

_AHEAD: Final = 2  # batches that are made ready while the model works


@dataclass(frozen=True, kw_only=True, eq=False)
class LoadedClip:
    """A CLIP model in memory.

    Attributes:
        dim: length of the vectors.
        side_px: of the picture that the model sees; larger ones are made smaller.
        batch_size: as in `Clip`.
        workers: threads that make pictures ready.
    """

    dim: int
    side_px: int
    batch_size: int
    workers: int
    _model: Any
    _tokenizer: Any
    _resize: Any
    _mean: Any
    _std: Any

    def embed_images(self, pictures: Sequence[npt.NDArray[np.uint8]]) -> Floats:
        """Return float32[N, D] of length 1 for N pictures, uint8[H, W, 3] RGB of any size."""
        import torch

        found = []
        with torch.inference_mode(), one_thread():
            for pixels in self._resized(pictures):
                batch = self._on_device(torch.from_numpy(pixels)).permute(0, 3, 1, 2)
                batch = batch.to(torch.float32).div_(255).sub_(self._mean).div_(self._std)
                batch = batch.to(self._dtype, memory_format=torch.channels_last)
                found.append(self._model.encode_image(batch, normalize=True))
            return self._rows(found)

    def embed_texts(self, texts: Sequence[str]) -> Floats:
        """Return float32[N, D] of length 1; what is longer than the model's context is cut.

        Equal texts are embedded once, and texts of like length together.
        """
        import torch

        different = list(dict.fromkeys(texts))
        if not different:
            return np.empty((0, self.dim), np.float32)
        tokens = torch.cat([self._tokenizer(text) for text in _chunks(different, 1024)])
        longest = _lengths(tokens)
        order = np.argsort(longest, kind="stable")
        with torch.inference_mode(), one_thread():
            found = [
                self._encode_text(tokens[at], longest[at]) for at in _chunks(order, self.batch_size)
            ]
            rows = self._rows(found)
        place = dict(zip((different[at] for at in order), range(len(order)), strict=True))
        return rows[[place[text] for text in texts]]

    def _resized(self, pictures: Sequence[npt.NDArray[np.uint8]]) -> Iterator[Pixels]:
        """Yield uint8[B, S, S, 3], the pictures of each batch as the model sees them."""
        ready: deque[list[Future[Pixels]]] = deque()
        with ThreadPoolExecutor(self.workers) as pool:
            for batch in _chunks(pictures, self.batch_size):
                ready.append([pool.submit(self._one_resized, picture) for picture in batch])
                if len(ready) > _AHEAD:
                    yield np.stack([each.result() for each in ready.popleft()])
            while ready:
                yield np.stack([each.result() for each in ready.popleft()])

    def _one_resized(self, picture: npt.NDArray[np.uint8]) -> Pixels:
        from PIL import Image

        return np.asarray(self._resize(Image.fromarray(picture)))

    def _encode_text(self, tokens: Any, longest: Ints) -> Any:
        tower: Any = getattr(self._model, "text", None)
        if not _is_causal(tower):
            return self._model.encode_text(self._on_device(tokens), normalize=True)
        # What stands behind the end of a text is never looked at, so it need not be computed.
        length, mask = int(longest.max()), tower.attn_mask
        tower.attn_mask = mask[:length, :length]
        try:
            short = self._on_device(tokens[:, :length].contiguous())
            return self._model.encode_text(short, normalize=True)
        finally:
            tower.attn_mask = mask

    def _on_device(self, tensor: Any) -> Any:
        """Return the tensor on the model's device; from pinned memory nobody waits for it."""
        device = self._mean.device
        if device.type == "cuda":
            tensor = tensor.pin_memory()
        return tensor.to(device, non_blocking=True)

    @property
    def _dtype(self) -> Any:
        return next(self._model.visual.parameters()).dtype

    def _rows(self, found: Sequence[Any]) -> Floats:
        """Return what the model gave, fetched from its device at once."""
        import torch

        if not found:
            return np.empty((0, self.dim), np.float32)
        rows = torch.nn.functional.normalize(torch.cat(list(found)).float(), dim=-1)
        vectors: Floats = rows.cpu().numpy()
        return vectors


def _chunks(items: Any, size: int) -> Iterator[Any]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _lengths(tokens: Any) -> Ints:
    """Return int64[N], the tokens of each text up to its end, the highest id in it."""
    ends: Ints = tokens.argmax(dim=-1).numpy() + 1
    return ends


def _is_causal(tower: Any) -> bool:
    """Tell whether a text tower looks at what stands before, and is read where the text ends."""
    return (
        getattr(tower, "attn_mask", None) is not None
        and getattr(tower, "pool_type", "") == "argmax"
        and getattr(tower, "cls_emb", None) is None
        and not getattr(tower, "use_pad_mask", False)
    )
