"""Batches whose pictures lie in a pack, for tests of what looks at pixels."""

import io
from dataclasses import asdict
from pathlib import Path

from PIL import Image

from stages.media import write_pack
from stages.stage import Batch, Filter
from tests.fakes import batch_of, sample


def encoded(image: Image.Image, format_: str = "PNG", **options: object) -> bytes:
    """Return the picture as a file."""
    out = io.BytesIO()
    image.save(out, format_, **options)
    return out.getvalue()


def stored(folder: Path, *files: bytes) -> Batch:
    """Return a batch of one row that shows the files, in their order."""
    media = []
    with write_pack(folder / "0.pack") as pack:
        for data in files:
            sha256, location = pack.add(data)
            media.append({"sha256": sha256, "status": "ok", "location": asdict(location)})
    return batch_of([sample("page", media=media)], folder)


def kept(operator: Filter, batch: Batch) -> list[bool]:
    """Return which elements lie within all limits of a filter."""
    scores = operator.build()(batch)
    each = [limit.keeps(scores[limit.score]).tolist() for limit in operator.limits()]
    return [all(element) for element in zip(*each, strict=True)]
