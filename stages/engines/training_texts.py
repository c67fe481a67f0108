"""Texts to train small models on: files, rows of runs, the example site; and where models lie."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from stages.elements import parts_of

_HERE: Final = Path(__file__).parent
_PAGES: Final = _HERE.parents[1] / "examples/pages"
TINY_NGRAM: Final = _HERE / "weights/tiny_ngram.npz"
TINY_WORDS: Final = _HERE / "weights/tiny_words.txt"
LIGHT_TEXT_QUALITY: Final = _HERE / "weights/light_text_quality.npz"


def example_texts() -> Iterator[str]:
    """Yield the texts of the example site's English pages, without their heads and marks."""
    for page in sorted(_PAGES.rglob("*.md")):
        if page.parent.name not in ("de", "fr", "ja", "zh", "about", "shop", "drafts"):
            body = page.read_text(encoding="utf-8").split("---\n", 1)[1]
            yield re.sub(r"!\[\]\([^)\s]*|^#+ |[*_`|)]", "", body, flags=re.MULTILINE)


def texts_of(path: Path) -> list[str]:
    """Return the texts of a text file (one) or of a Parquet file of rows (its text parts)."""
    if path.suffix != ".parquet":
        return [path.read_text(encoding="utf-8")]
    parts = parts_of(pq.read_table(path, columns=["messages"]))
    texts: list[str] = parts.values.field("text").filter(pa.array(parts.is_text)).to_pylist()
    return [text for text in texts if text]
