"""The peer of `benchmarks.text_filters`, run by the Python of an environment with datatrove.

    python datatrove_filters.py TEXTS.json

Prints JSON: seconds of one core, and per filter whether each text is kept. It imports nothing of
Quern, whose requirements differ from datatrove's.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from datatrove.data import Document
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)


def main() -> None:
    texts = json.loads(Path(sys.argv[1]).read_text())
    filters = {
        "gopher_quality": GopherQualityFilter(),
        "text_repetition": GopherRepetitionFilter(),
        "c4_rules": C4QualityFilter(),
        # the paper's 0.1; the code has 0.01
        "fineweb_rules": FineWebQualityFilter(char_duplicates_ratio=0.1),
    }
    for each in filters.values():
        each.filter(Document(text="Warm up the tokenizer.", id="0"))
    kept: dict[str, list[bool]] = {name: [] for name in filters}
    start = time.process_time()
    for text in texts:
        for name, each in filters.items():  # C4QualityFilter edits its document: each gets its own
            kept[name].append(each.filter(Document(text=text, id="0")) is True)
    print(json.dumps({"seconds": time.process_time() - start, "kept": kept}))


if __name__ == "__main__":
    main()
