"""Text filters over 3 KB texts: four families beside datatrove's, and each filter by itself.

    python -m benchmarks.text_filters [--texts 1000] [--rounds 3] [--jsonl FILE]
                                      [--peer-python PATH]

Speed is texts per CPU second on one core, from text to the decisions of all four filters, every
filter judging every text. `--peer-python` is the Python of an environment of its own with
`datatrove[processing]` and spacy; without it Quern runs alone. `--jsonl` takes texts from the
field `text` of a file in place of generated ones. "Same" is the share of texts on which the two
agree whether to keep them; they split words differently (spaCy there, white space here).

The second table has every text filter of the product by itself, the tokens made before; "all"
is one pass over the texts with all of them, tokens included. Each text is a document of its
paragraphs, tagged as English.
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
from filters.character_repetition import CharacterRepetition
from filters.character_shares import CharacterShares
from filters.common_words import CommonWords
from filters.fineweb_rules import FineWebRules
from filters.flagged_words import FlaggedWords
from filters.gopher_quality import GopherQuality
from filters.omnicorpus_document import OmnicorpusDocument
from filters.omnicorpus_paragraphs import OmnicorpusParagraphs
from filters.perplexity import Perplexity
from filters.punctuation import Punctuation
from filters.stop_words import StopWords
from filters.text_repetition import TextRepetition
from filters.word_count import WordCount
from filters.word_repetition import WordRepetition
from stages.engines.language_model import LanguageModel
from stages.media import MediaStore
from stages.record import document, table_of, text_part
from stages.stage import Batch, Filter

FILTERS: dict[str, Filter] = {
    "gopher_quality": GopherQuality(),
    "text_repetition": TextRepetition(),
    "c4_rules": C4Rules(),
    "fineweb_rules": FineWebRules(),
}
OTHERS: dict[str, Filter] = {
    "word_count": WordCount(),
    "character_shares": CharacterShares(),
    "stop_words": StopWords(),
    "flagged_words": FlaggedWords(words=("porn", "xxx")),
    "common_words": CommonWords(),
    "punctuation": Punctuation(),
    "character_repetition": CharacterRepetition(),
    "word_repetition": WordRepetition(),
    "omnicorpus_document": OmnicorpusDocument(),
    "omnicorpus_paragraphs": OmnicorpusParagraphs(),
    "perplexity": Perplexity(models=(LanguageModel(path="tiny"),)),
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


def each_alone(texts: list[str]) -> dict[str, float]:
    """Return the seconds of one core of making tokens, of each filter, and of all together."""
    table = table_of(
        {"messages": document(map(text_part, text.split("\n"))), "tags": ["lang:en"]}
        for text in texts
    )
    batch = Batch(table=table, store=MediaStore(root=Path("media")))
    seconds = {}
    start = time.process_time()
    batch.tokens()
    seconds["tokens"] = time.process_time() - start
    for name, operator in (FILTERS | OTHERS).items():
        function = operator.build()
        start = time.process_time()
        function(batch)
        seconds[name] = time.process_time() - start
    seconds["all"] = sum(seconds.values())
    return seconds


def report_each(texts: list[str], runs: list[dict[str, float]]) -> None:
    """Print the table of single filters."""
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    print("\n| | texts per CPU s | MB per CPU s |\n|-|-|-|")
    for name in runs[0]:
        seconds = statistics.median(run[name] for run in runs)
        print(f"| {name} | {len(texts) / seconds:,.0f} | {megabytes / seconds:,.0f} |")


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
    each_alone(texts[:10])
    results: dict[str, list[dict[str, Any]]] = {"quern": []}
    if options.peer_python:
        results["datatrove"] = []
    for _ in range(options.rounds):
        results["quern"].append(quern(texts))
        if options.peer_python:
            results["datatrove"].append(datatrove(options.peer_python, texts))
    report(texts, results)
    report_each(texts, [each_alone(texts) for _ in range(options.rounds)])


if __name__ == "__main__":
    main()
