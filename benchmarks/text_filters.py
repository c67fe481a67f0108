"""Gopher, repetition, C4 and FineWeb filters over 3 KB texts, beside datatrove's.

    python -m benchmarks.text_filters [--texts 1000] [--rounds 3] [--jsonl FILE]
                                      [--peer-python PATH]

Speed is texts per CPU second on one core, from text to the decisions of all four filters, every
filter judging every text. `--peer-python` is the Python of an environment of its own with
`datatrove[processing]` and spacy; without it Quern runs alone. `--jsonl` takes texts from the
field `text` of a file in place of generated ones. "Same" is the share of texts on which the two
agree whether to keep them; they split words differently (spaCy there, white space here).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.texts import Writer
from filters.c4_rules import C4Rules
from filters.fineweb_rules import FineWebRules
from filters.gopher_quality import GopherQuality
from filters.text_repetition import TextRepetition
from stages.media import MediaStore
from stages.record import document, table_of, text_part
from stages.stage import Batch

FILTERS = {
    "gopher_quality": GopherQuality(),
    "text_repetition": TextRepetition(),
    "c4_rules": C4Rules(),
    "fineweb_rules": FineWebRules(),
}
PEER = Path(__file__).with_name("datatrove_filters.py")
COMMON = ("the", "of", "and", "to", "that", "have", "with", "be")


def generated(count: int) -> list[str]:
    """Return texts of about 3,000 characters: paragraphs of sentences with usual short words."""
    writer = Writer(seed=1)
    texts = []
    for _ in range(count):
        lines: list[str] = []
        while sum(map(len, lines)) < 2900:
            words = writer.take(writer.draw.randint(20, 90))
            for at in range(2, len(words) - 1, 4):
                words[at] = writer.draw.choice(COMMON)
            lines.append(" ".join(words).rstrip(".") + ".")
        texts.append("\n".join(lines))
    return texts


def quern(texts: list[str]) -> dict[str, Any]:
    """Return the seconds of one core and what each filter keeps."""
    table = table_of({"messages": document([text_part(text)])} for text in texts)
    start = time.process_time()
    batch = Batch(table=table, store=MediaStore(root=Path("media")))
    kept = {}
    for name, each in FILTERS.items():
        scores = each.build()(batch)
        keeps = [limit.keeps(scores[limit.score]) for limit in each.limits()]
        kept[name] = np.logical_and.reduce(keeps).tolist()
    return {"seconds": time.process_time() - start, "kept": kept}


def datatrove(python: str, texts: list[str]) -> dict[str, Any]:
    """Return the same of datatrove's filters."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(texts, file)
        file.flush()
        done = subprocess.run([python, PEER, file.name], check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def report(texts: list[str], results: dict[str, list[dict[str, Any]]]) -> None:
    """Print the table of speeds and that of decisions."""
    chars = statistics.mean(map(len, texts))
    print(f"{len(texts)} texts of {chars:,.0f} characters\n")
    print("| | texts per CPU s: median | lowest | highest |\n|-|-|-|-|")
    medians = {}
    for name, runs in results.items():
        rates = sorted(len(texts) / run["seconds"] for run in runs)
        medians[name] = statistics.median(rates)
        print(f"| {name} | {medians[name]:,.0f} | {rates[0]:,.0f} | {rates[-1]:,.0f} |")
    if "datatrove" not in results:
        return
    print(f"\nratio of the medians: {medians['quern'] / medians['datatrove']:,.0f}\n")
    print("| filter | quern keeps | datatrove keeps | same |\n|-|-|-|-|")
    for name in FILTERS:
        ours, theirs = (np.array(results[each][0]["kept"][name]) for each in results)
        print(
            f"| {name} | {ours.mean():.3f} | {theirs.mean():.3f} | {(ours == theirs).mean():.3f} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jsonl", type=Path)
    parser.add_argument("--peer-python")
    options = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    if options.jsonl:
        lines = options.jsonl.read_text().splitlines()[: options.texts]
        texts = [json.loads(line)["text"] for line in lines]
    else:
        texts = generated(options.texts)
    quern(texts[:10])  # compiles
    results: dict[str, list[dict[str, Any]]] = {"quern": []}
    if options.peer_python:
        results["datatrove"] = []
    for _ in range(options.rounds):
        results["quern"].append(quern(texts))
        if options.peer_python:
            results["datatrove"].append(datatrove(options.peer_python, texts))
    report(texts, results)


if __name__ == "__main__":
    main()
