"""Documents of random tokens and patches, a model small enough for tests, and both as inputs."""

from dataclasses import dataclass

import numpy as np
import torch

from stages.geometry import Grid
from trainer.inputs import ModelInputs
from trainer.model_config import LanguageConfig, ModelConfig, TokenIds, VisionConfig
from trainer.positions import mrope_positions
from trainer.windows import vision_layout

TOKENS = TokenIds(image=90, video=91, vision_start=92, vision_end=93, begin=94, end=95)


def small_config(*, tied=True, vision_depth=9, full_blocks=(3, 8), init_std=0.15):
    """Return a shape whose weights are large enough for positions and windows to matter."""
    return ModelConfig(
        vision=VisionConfig(
            width=32, depth=vision_depth, heads=2, inner=40, full_blocks=full_blocks
        ),
        language=LanguageConfig(
            width=64, depth=3, heads=4, kv_heads=2, inner=80, vocabulary=96, sections=(2, 3, 3)
        ),
        tokens=TOKENS,
        tied=tied,
        init_std=init_std,
    )


@dataclass(frozen=True)
class Document:
    """Token ids, and the patches of the media in the order of the image processor."""

    ids: np.ndarray
    grids: list[Grid]
    seconds: list[float]
    kinds: list[str]
    pixels: np.ndarray

    @property
    def is_medium(self):
        return np.isin(self.ids, [TOKENS.image, TOKENS.video])

    @property
    def positions(self):
        return mrope_positions(self.is_medium, self.grids, self.seconds)


def document(*parts, seed=0):
    """Return a document of parts: a number of text tokens, or (kind, grid, seconds per grid)."""
    rng = np.random.default_rng(seed)
    ids, grids, seconds, kinds = [], [], [], []
    for part in parts:
        if isinstance(part, int):
            ids += rng.integers(0, 90, part).tolist()
        else:
            kind, grid, seconds_per_grid = part
            grids.append(Grid(*grid))
            seconds.append(seconds_per_grid)
            kinds.append(kind)
            pads = [getattr(TOKENS, kind)] * grids[-1].tokens
            ids += [TOKENS.vision_start, *pads, TOKENS.vision_end]
    pixels = rng.standard_normal((sum(grid.patches for grid in grids), 1176)).astype(np.float32)
    return Document(np.array(ids), grids, seconds, kinds, pixels)


def image(h, w):
    return ("image", (1, h, w), 0.0)


def video(t, h, w, seconds_per_grid):
    return ("video", (t, h, w), seconds_per_grid)


def packed(documents):
    """Return documents as the model's inputs; where no document has media, with a dummy."""
    grids = [grid for each in documents for grid in each.grids]
    pixels = np.concatenate([each.pixels for each in documents])
    at = np.flatnonzero(np.concatenate([each.is_medium for each in documents]))
    if not grids:
        grids, pixels, at = [Grid(1, 4, 4)], np.zeros((16, 1176), np.float32), np.full(4, -1)
    layout = vision_layout(grids)
    lengths = [len(each.ids) for each in documents]
    return ModelInputs(
        input_ids=torch.from_numpy(np.concatenate([each.ids for each in documents])),
        positions=torch.from_numpy(np.concatenate([each.positions for each in documents], axis=1)),
        cu_documents=torch.from_numpy(np.cumsum([0, *lengths], dtype=np.int32)),
        max_document=max(lengths),
        pixels=torch.from_numpy(pixels.reshape(-1, 4, 1176)[layout.order].reshape(-1, 1176)),
        patch_hw=torch.from_numpy(layout.patch_hw),
        cu_windows=torch.from_numpy(layout.cu_windows),
        max_window=layout.max_window,
        cu_frames=torch.from_numpy(layout.cu_frames),
        max_frame=layout.max_frame,
        merged_at=torch.from_numpy(at[layout.order]),
    )


def for_transformers(each):
    """Return a document as the keyword arguments of transformers' model, positions included."""
    given = {
        "input_ids": torch.from_numpy(each.ids)[None],
        "position_ids": torch.from_numpy(each.positions)[:, None],
    }
    ends = np.cumsum([grid.patches for grid in each.grids])[:-1]
    media = list(zip(each.kinds, each.grids, np.split(each.pixels, ends), strict=False))
    for kind, pixels, grids in (
        ("image", "pixel_values", "image_grid_thw"),
        ("video", "pixel_values_videos", "video_grid_thw"),
    ):
        mine = [(grid, values) for found, grid, values in media if found == kind]
        if mine:
            given[grids] = torch.tensor([grid for grid, _ in mine])
            given[pixels] = torch.from_numpy(np.concatenate([values for _, values in mine]))
    return given
