"""Pictures of finished shards with what is true of them, small and in memory, to train on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from PIL import Image

from stages.decode import Limits, decode_rgb
from stages.errors import SourceError
from stages.input_paths import expand
from stages.pictures import Pixels

DRAWING, SPOILT = "drawing:", "spoilt:"


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """N pictures.

    Attributes:
        pixels: uint8[N, S, S, 3], squeezed into squares.
        captions: the alternative text of each.
        facts: the sentences that hold of each; none of spoilt ones, which they no longer tell
            from others.
        names: nouns that a text brings each up by; none of spoilt ones.
        drawings: which drawing each is.
        spoilt: how each was spoilt, "" if it was not.
    """

    pixels: Pixels
    captions: tuple[str, ...]
    facts: tuple[tuple[str, ...], ...]
    names: tuple[tuple[str, ...], ...]
    drawings: tuple[str, ...]
    spoilt: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.captions)


def read_rendered(paths: Sequence[str], side_px: int) -> Rendered:
    """Return the pictures of shards, or of folders of them.

    Args:
        paths: shards, folders or patterns; what `quern run pipelines/recipes/renders.yaml` wrote.
        side_px: S.

    Raises:
        SourceError: when there is none, or a shard lacks captions.
    """
    rows = [
        row for file in expand(paths, (".parquet",)) for row in _rows(Path(str(file.path)), side_px)
    ]
    return Rendered(
        pixels=np.stack([row["pixels"] for row in rows]),
        captions=tuple(row["caption"] for row in rows),
        facts=tuple(row["facts"] for row in rows),
        names=tuple(row["names"] for row in rows),
        drawings=tuple(row["drawing"] for row in rows),
        spoilt=tuple(row["spoilt"] for row in rows),
    )


def _rows(path: Path, side_px: int) -> Iterator[dict[str, Any]]:
    with pq.ParquetFile(path) as shard:
        for batch in shard.iter_batches(256, columns=["images", "media", "tags", "meta"]):
            for row in batch.to_pylist():
                yield _row(row, path, side_px)


def _row(row: dict[str, Any], path: Path, side_px: int) -> dict[str, Any]:
    tags, caption = row["tags"] or [], row["media"][0]["alt"]
    if not caption:
        raise SourceError(f"{path}: a picture has no alternative text; read shards of renders.yaml")
    spoilt = _tagged(tags, SPOILT)
    meta = {entry["key"]: entry["value"] for entry in row["meta"] or []}
    facts, names = (
        () if spoilt else tuple(filter(None, meta.get(key, "").split("\n")))
        for key in ("facts", "names")
    )
    return {
        "pixels": squeezed(decode_rgb(row["images"][0]["bytes"], Limits()), side_px),
        "caption": caption,
        "facts": facts,
        "names": names,
        "drawing": _tagged(tags, DRAWING),
        "spoilt": spoilt,
    }


def _tagged(tags: Sequence[str], prefix: str) -> str:
    return next((tag.removeprefix(prefix) for tag in tags if tag.startswith(prefix)), "")


def squeezed(pixels: Pixels, side_px: int) -> Pixels:
    """Return uint8[S, S, 3]: the whole picture, its sides made equal, as the tiny CLIP sees it."""
    image = Image.fromarray(pixels)
    return np.asarray(image.resize((side_px, side_px), Image.Resampling.BICUBIC))
