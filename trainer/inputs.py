"""What a step of the trainer gets: token ids, patches and all that attention needs to know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class ModelInputs:
    """Documents laid end to end, and the patches of their media in window order.

    The loader's workers compute everything here on the CPU, so that no step has to ask the
    accelerator for a number. An example: a picture of 4 x 4 patches (56 x 56 px) makes four
    tokens; a question about it, a text without media, and two tokens of padding are three
    documents of one pack with L = 13::

        token          < I I I I > what ?     a text .     p p
        index          0 1 2 3 4 5 6    7     8 9    10    11 12
        positions t    0 1 1 1 1 3 4    5     0 1    2     0  1
                  h    0 1 1 2 2 3 4    5     0 1    2     0  1
                  w    0 1 2 1 2 3 4    5     0 1    2     0  1
        cu_documents   [0, 8, 11, 13]               max_document 8

        patch row      0 1 2 3    4 5 6 7    8 9 10 11    12 13 14 15      P = 16
        patch_hw       0,0 0,1    0,2 0,3    2,0 2,1      2,2 2,3          four rows make one
                       1,0 1,1    1,2 1,3    3,0 3,1      3,2 3,3          merged token
        merged_at      1          2          3            4
        cu_windows     [0, 16]    cu_frames [0, 16]       max_window = max_frame = 16

    A picture over 112 px wide or high has more windows than one, and its rows are sorted by
    window: `merged_at` then is no longer ascending. A pack without media carries one small dummy
    picture with `merged_at` -1: it goes through the vision encoder, so that every rank takes part
    in every collective operation, and weighs nothing.

    Attributes:
        input_ids: int64[L], token ids.
        positions: int64[3, L], time, height and width of each token for the rotary embedding.
        cu_documents: int32[D + 1], where documents begin and end; padding is the last document.
        max_document: at least the length of the longest document, tokens.
        pixels: float32[P, 1176], normalised patches in window order; 4 neighbouring rows become
            one token.
        patch_hw: int64[P, 2], row and column of each patch in its picture.
        cu_windows: int32[W + 1], where windows begin and end among the patches.
        max_window: at least the length of the longest window, patches.
        cu_frames: int32[F + 1], where frames (time steps of the grids) begin and end.
        max_frame: at least the length of the longest frame, patches.
        merged_at: int64[P / 4], index into the tokens of each merged patch, -1 for a dummy's.
    """

    input_ids: Tensor
    positions: Tensor
    cu_documents: Tensor
    max_document: int
    pixels: Tensor
    patch_hw: Tensor
    cu_windows: Tensor
    max_window: int
    cu_frames: Tensor
    max_frame: int
    merged_at: Tensor

    def to(self, device: torch.device | str) -> Self:
        """Return the inputs on the device; from pinned memory the copy does not wait."""
        return replace(self, **_tensors(self, lambda each: each.to(device, non_blocking=True)))

    def pin_memory(self) -> Self:
        """Return the inputs in page-locked memory; a torch DataLoader calls this."""
        return replace(self, **_tensors(self, Tensor.pin_memory))


@dataclass(frozen=True, kw_only=True)
class Pack:
    """Inputs of fixed length with what the loss and the log need.

    `labels[i]` is the token that follows token i, so no step shifts anything. In a document
    where the answer `yes .` is trained on::

        token          what ?     yes .        | next document
        labels         -100 yes   .   -100     | ...

    Attributes:
        inputs: what the model reads.
        labels: int64[L], the id that follows each token within its document, where the model is
            to predict it, else -100.
        document_group: int32[D], index of each document in the trainer's table of (source
            dataset, kind), -1 for padding.
        n_label_tokens: labels that are not -100.
        rows: ids of the samples, in the order of the documents.
    """

    inputs: ModelInputs
    labels: Tensor
    document_group: Tensor
    n_label_tokens: int
    rows: tuple[str, ...]

    def to(self, device: torch.device | str) -> Self:
        """Return the pack on the device; from pinned memory the copy does not wait."""
        moved = _tensors(self, lambda each: each.to(device, non_blocking=True))
        return replace(self, inputs=self.inputs.to(device), **moved)

    def pin_memory(self) -> Self:
        """Return the pack in page-locked memory; a torch DataLoader calls this."""
        pinned = _tensors(self, Tensor.pin_memory)
        return replace(self, inputs=self.inputs.pin_memory(), **pinned)


def _tensors(holder: ModelInputs | Pack, change: Callable[[Tensor], Tensor]) -> dict[str, Any]:
    """Return the changed tensors of a dataclass by name."""
    values = {field.name: getattr(holder, field.name) for field in fields(holder)}
    return {name: change(value) for name, value in values.items() if isinstance(value, Tensor)}
