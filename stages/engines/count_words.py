"""List the common words of texts, for `filters.common_words`.

    python -m stages.engines.count_words --read FILE ... --out LIST [--min-count 3]

reads text files (UTF-8) and Parquet files of rows as runs write them, and writes the words that
occur at least `--min-count` times, one a line, the most frequent first. Without files it reads
the example site: `--min-count 1` makes the tiny list.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from stages.engines.training_texts import TINY_WORDS, example_texts, texts_of
from stages.tokens import tokenize


def common_words(texts: Sequence[str], *, min_count: int = 3) -> list[str]:
    """Return the words of texts by falling frequency, then by the alphabet.

    Args:
        texts: as many as there are.
        min_count: rarer words are left out.

    >>> common_words(["The mill, the wheel."], min_count=1)
    ['the', 'mill', 'wheel']
    """
    tokens = tokenize(pa.array(texts, pa.string()), row=np.arange(len(texts)), rows=len(texts))
    _, first, counts = np.unique(tokens.words["core"], return_index=True, return_counts=True)
    data = tokens.data.tobytes()
    found = []
    for place, count in zip(first[counts >= min_count], counts[counts >= min_count], strict=True):
        word = tokens.words[place]
        text = _bare(data[word["start"] : word["end"]].decode())
        if text:
            found.append((-int(count), text))
    return [text for _, text in sorted(found)]


def _bare(word: str) -> str:
    """Return a word in lower case without the marks around it; "" for marks alone."""
    letters = [place for place, each in enumerate(word) if each.isalnum()]
    return word[letters[0] : letters[-1] + 1].lower() if letters else ""


def main(arguments: Sequence[str] | None = None) -> None:
    """Count and write a list, as the command says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--read", type=Path, nargs="+", default=[])
    parser.add_argument("--out", type=Path, default=TINY_WORDS)
    parser.add_argument("--min-count", type=int, default=3)
    options = parser.parse_args(arguments)
    texts = [text for path in options.read for text in texts_of(path)]
    words = common_words(texts or list(example_texts()), min_count=options.min_count)
    options.out.write_text("\n".join(words) + "\n", encoding="utf-8")
    print(f"{len(words):,} words: {options.out}")


if __name__ == "__main__":
    main()
