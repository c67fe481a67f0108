"""What the tiny Qwen2.5-VL knows of drawn pictures that it never saw.

    python -m benchmarks.tiny_qwen_vl --weights MODEL --train RUN --held RUN [--rows 900]

`--train` is the run that it was trained on, `--held` one of another seed; `MODEL` a folder of
weights. Told are, for captions, counts, readings and all questions, the share of answers that are
right letter for letter (but for case, spaces and a full stop), their similarity (ANLS), and what
is right by saying the commonest training answer to questions that begin alike: the level of
chance of who does not look.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Final

import numpy as np

from stages.shards import Stamp, read_manifest
from stages.tokenizer import Tokenizer, load_tokenizer
from trainer.assemble import Assembly
from trainer.counts import read_counts
from trainer.evaluate import Question, answers_of, read_questions
from trainer.launch import shards_of
from trainer.task_metrics import anls, is_exact, normalised
from trainer.weights import load_model

COUNTS: Final = ("How many",)
READINGS: Final = (
    *("What word is", "What is on the warning", "What is the title", "What is the value"),
    *("With which letter", "What time does", "What does the thermometer", "How long is"),
)
BEGINNING: Final = 4
"""Words by which questions are alike."""


def asked(question: Question, tokenizer: Tokenizer) -> str:
    """Return the text of the last request."""
    text: str = tokenizer.model.decode(question.prompt.input_ids.tolist())
    return text.rpartition("user\n")[2].removesuffix("\nassistant\n").strip()


def families(question: Question, text: str) -> list[str]:
    """Return what a question is counted under."""
    if question.kind == "caption":
        return ["captions"]
    said = ["questions"]
    said += ["counts"] if text.startswith(COUNTS) else []
    said += ["readings"] if text.startswith(READINGS) else []
    return said


def likeness(question: Question, text: str) -> str:
    """Return the key of questions that begin alike; requests for captions are one."""
    if question.kind == "caption":
        return "caption"
    return " ".join(text.split()[:BEGINNING])


def questions_of(data: str, rows: int, tokenizer: Tokenizer) -> tuple[list[Question], Stamp]:
    """Return captions and questions of a run."""
    shards = shards_of(data)
    stamp = read_manifest(shards).stamp
    assert stamp is not None, f"{shards} holds no sample"
    assembly = Assembly.of(tokenizer.control, pack_tokens=1024, stamp=stamp)
    found = read_questions(read_counts(shards, stamp), assembly, tokenizer, rows)
    return [each for each in found if each.kind in ("caption", "qa")], stamp


def commonest(questions: list[Question], tokenizer: Tokenizer) -> dict[str, str]:
    """Return the answer given most often to questions that begin alike."""
    answers: dict[str, Counter[str]] = defaultdict(Counter)
    for each in questions:
        answers[likeness(each, asked(each, tokenizer))][normalised(each.answer)] += 1
    return {key: counted.most_common(1)[0][0] for key, counted in answers.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--train", required=True)
    parser.add_argument("--held", required=True)
    parser.add_argument("--rows", type=int, default=900)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    tokenizer = load_tokenizer("tiny")
    usual = commonest(questions_of(options.train, 6000, tokenizer)[0], tokenizer)
    questions, stamp = questions_of(options.held, options.rows, tokenizer)
    assembly = Assembly.of(tokenizer.control, pack_tokens=1024, stamp=stamp)
    answers = answers_of(load_model(options.weights), questions, assembly, tokenizer, 40)
    scores: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    for question, answer in zip(questions, answers, strict=True):
        text = asked(question, tokenizer)
        blind = is_exact(usual.get(likeness(question, text), ""), question.answer)
        told = (is_exact(answer, question.answer), anls(answer, question.answer), blind)
        for family in families(question, text):
            scores[family].append(told)
    table = {
        family: dict(
            zip(
                ("right", "similar", "chance"), np.round(np.mean(told, 0), 3).tolist(), strict=True
            ),
            asked=len(told),
        )
        for family, told in sorted(scores.items())
    }
    print("| | asked | right | similar (ANLS) | chance |\n| --- | --- | --- | --- | --- |")
    for family, row in table.items():
        print(
            f"| {family} | {row['asked']} | {row['right']} | {row['similar']} | {row['chance']} |"
        )
    for question, answer in list(zip(questions, answers, strict=True))[:: len(answers) // 12]:
        print(f"{asked(question, tokenizer)} {answer!r}, true {question.answer!r}")
    if options.out:
        options.out.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
