"""Decontamination: hits planted in real pages and pictures, and what only looks like a hit.

    python -m benchmarks.decontamination --pages news.warc.gz --passages blog.warc.gz \\
        --questions questions.json [--pictures FOLDER ...] [--alike FOLDER ...] [--clip tiny]

Texts. The evaluation sets are the questions of a JSON file (list of {question, answer}), half of
them with an instruction behind them as evaluation harnesses add one, and paragraphs of the pages
of `--passages`. Each hit, and each hard negative, is planted in the middle of a page of `--pages`.
Rules: any run of 13 words in common (GPT-3's), and more than half of the evaluation text covered
by runs of 13 (EvalTextOverlap) or of 8. The pages as they are come last.

Pictures. The evaluation set are the pictures of the folders, half of those that are all alike,
and drawings; hits are their changed copies, negatives the other half, other drawings, and charts
of the same title with other numbers. Rules: hashes within 4 or 10 bits, the latter with a limit
to the likeness of fine detail (EvalImageMatch), and the cosine of embeddings (EvalImageEmbedding).
"""

from __future__ import annotations

import argparse
import json
import random
import re
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image

from benchmarks.planted_pictures import CHANGES, drawings, embedder, jpeg, pictures_in
from filters.eval_image_match import EvalImageMatch
from filters.eval_text_overlap import EvalTextOverlap
from stages.elements import Floats
from stages.evals import text_index
from stages.evals.picture_index import best_match, grey_of, load_picture_index
from stages.extract_page import ExtractPage
from stages.media import MediaStore
from stages.perceptual_hash import hash_of
from stages.record import document, table_of, text_part
from stages.sources.read_warc import ReadWarc
from stages.stage import Batch
from synth.renders.charts import DAYS, GRAINS, bars, pie

PER_KIND = 100
INSTRUCTION = (
    "Answer the question using a single word or phrase, or a number with its unit where the chart "
    "shows one, and nothing else."
)
LICENCE = (
    "Permission is hereby granted, free of charge, to any person obtaining a copy of this software "
    "and associated documentation files, to deal in the software without restriction, including "
    "without limitation the rights to use, copy, modify, merge, publish, distribute, sublicense, "
    "and sell copies of the software."
)
COSINES = (0.95, 0.97, 0.99)
DETAILS = (0.65, 0.75, 0.85)
PICTURE_RULES = [
    *("hash 4", "hash 10"),
    *(f"detail {d}" for d in DETAILS),
    *(f"cos {c}" for c in COSINES),
]


def texts_in(warc: str) -> list[str]:
    """Return the text of each page."""
    source, extract = ReadWarc(paths=(warc,)), ExtractPage().build()
    texts = []
    for unit in source.units():
        for chunk in source.read(unit):
            batch = extract(Batch(table=chunk.rows, store=MediaStore(root=Path("unused"))))
            for messages in batch.table.column("messages").to_pylist():
                parts = [part["text"] for m in messages or [] for part in m["parts"]]
                texts.append("\n\n".join(part for part in parts if part))
    return [text for text in texts if len(text.split()) > 100]


def batch_of(texts: list[str]) -> Batch:
    rows = [{"id": f"{n:032x}", "messages": document([text_part(t)])} for n, t in enumerate(texts)]
    return Batch(table=table_of(rows), store=MediaStore(root=Path("unused")))


def planted(page: str, text: str) -> str:
    words = page.split()
    return " ".join([*words[: len(words) // 2], text, *words[len(words) // 2 :]])


def part(text: str, share: float) -> str:
    words = text.split()
    return " ".join(words[: round(len(words) * share)])


def one_in_ten(text: str) -> str:
    """Return the text with the words 5, 15, 25, ... changed."""
    return " ".join("something" if i % 10 == 5 else w for i, w in enumerate(text.split()))


def loud(text: str) -> str:
    return re.sub(r"[,.?]", " –", text).upper()


def sibling(text: str, others: list[str], draw: random.Random) -> str:
    """Return the question as it would be asked of another chart: other names, other numbers."""
    names = [w for other in others for w in other.split()[1:] if w[:1].isupper() or w[:1].isdigit()]
    names_in = [i for i, w in enumerate(text.split()) if i and (w[:1].isupper() or w[:1].isdigit())]
    words = text.split()
    for i in names_in:
        words[i] = draw.choice(names)
    return " ".join(words) if len(names_in) > 1 else ""


def text_cases(
    questions: list[str], passages: list[str], draw: random.Random
) -> tuple[list[str], dict[str, list[str]], dict[str, list[str]]]:
    """Return the evaluation texts, hits by kind and hard negatives by kind."""
    asked = [f"{q} {INSTRUCTION}" if i % 2 else q for i, q in enumerate(questions)]
    chosen = draw.sample([q for q in questions if len(q.split()) >= 8], PER_KIND)
    read = draw.sample(passages, min(PER_KIND, len(passages)))
    licensed = [f"{part(p, 0.6)} {LICENCE} {p}" for p in read[:30]]
    hits = {
        "question": chosen,
        "question, capitals and other marks": [loud(q) for q in chosen],
        "question, one word in ten changed": [one_in_ten(q) for q in chosen],
        "three quarters of a question": [part(q, 0.75) for q in chosen],
        "passage": read,
        "passage, one word in ten changed": [one_in_ten(p) for p in read],
        "two thirds of a passage": [part(p, 2 / 3) for p in read],
    }
    negatives = {
        "question of another chart": [s for q in chosen if (s := sibling(q, questions, draw))],
        "quotation, 20 words of a passage": [" ".join(p.split()[10:30]) for p in read],
        "quotation, a third of a passage": [part(p, 1 / 3) for p in read],
        "instruction of the harness": [f"Models were told: {INSTRUCTION}"] * PER_KIND,
        "licence that passages quote": [LICENCE] * PER_KIND,
    }
    return [*asked, *passages, *licensed], hits, negatives


def shares(evals: Path, texts: list[str], ngram: int) -> Floats:
    score = EvalTextOverlap(evals_path=str(evals), ngram=ngram).build()
    batches = [batch_of(texts[start : start + 256]) for start in range(0, len(texts), 256)]
    return np.concatenate([score(batch)["share"] for batch in batches])


def any_run(evals: Path, texts: list[str]) -> Floats:
    """Return 1 where a run of 13 words is shared, no frequent run left out, 0 elsewhere."""
    before = text_index.MAX_TEXTS
    text_index.load_text_index.cache_clear()
    text_index.MAX_TEXTS = 10**9
    try:
        return np.sign(shares(evals, texts, 13))
    finally:
        text_index.MAX_TEXTS = before
        text_index.load_text_index.cache_clear()


TEXT_RULES: dict[str, Callable[[Path, list[str]], Floats]] = {
    "any run of 13": any_run,
    "half, runs of 13": lambda evals, texts: shares(evals, texts, 13),
    "half, runs of 8": lambda evals, texts: shares(evals, texts, 8),
}


def try_texts(pages: list[str], questions: list[str], passages: list[str]) -> None:
    evals, hits, negatives = text_cases(questions, passages, random.Random(0))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "set.jsonl"
        path.write_text("\n".join(json.dumps({"text": text}) for text in evals))
        print(f"texts: {len(evals)} evaluation texts, {len(pages)} pages; share that is dropped")
        print(f"{'':<40}{'number':>8}" + "".join(f"{rule:>18}" for rule in TEXT_RULES))
        totals = [_table(path, pages, kinds) for kinds in (hits, negatives)]
        _table(path, pages, {"pages as they are": [""] * len(pages)})
        for rule in TEXT_RULES:
            true, false = (total[rule] for total in totals)
            recall = true / sum(map(len, hits.values()))
            print(f"{rule}: recall {recall:.3f}, precision {true / (true + false):.3f}")
        operator, batch = EvalTextOverlap(evals_path=str(path)), batch_of(pages)
        score = operator.build()
        batch.tokens()
        start = time.process_time()
        share = score(batch)["share"]
        took = time.process_time() - start
    print(
        f"{len(pages) / took:,.0f} pages per CPU second beyond their tokens; nearest page: ", end=""
    )
    print(f"{share.max():.2f}, {operator.reasons(batch)[int(share.argmax())]}")


def _table(path: Path, pages: list[str], kinds: Mapping[str, list[str]]) -> dict[str, float]:
    """Print what share of each kind every rule drops; return how many it drops of all."""
    total = dict.fromkeys(TEXT_RULES, 0.0)
    for name, texts in kinds.items():
        made = [planted(pages[i % len(pages)], text) for i, text in enumerate(texts)]
        found = {rule: float((of(path, made) > 0.5).sum()) for rule, of in TEXT_RULES.items()}
        row = "".join(f"{found[rule] / len(made):>18.2f}" for rule in TEXT_RULES)
        print(f"{name:<40}{len(made):>8}{row}")
        for rule in TEXT_RULES:
            total[rule] += found[rule]
    return total


def alike_charts(count: int) -> tuple[list[Image.Image], list[Image.Image]]:
    """Return charts, and as many with the same titles and names and other numbers."""
    made = [], []
    for number in range(count):
        draw = Random(number)
        for charts in made:
            values = [draw.randint(20, 95) for _ in range(5)]
            kind, names = (bars, DAYS[:5]) if number % 2 else (pie, GRAINS[:5])
            seeded = Random(number)
            charts.append(
                kind(seeded, title="Visitors", names=names, values=values)[0].convert("RGB")
            )
    return made


def try_pictures(folders: list[str], alike: list[str], model: str) -> None:
    same_kind = pictures_in(*alike)
    charts, others = alike_charts(40)
    evals = [*pictures_in(*folders), *same_kind[::2], *drawings(60), *charts]
    hits = {name: [apply(image) for image in evals] for name, apply in CHANGES.items()}
    images = {
        "other pictures of one kind": same_kind[1::2],
        "other drawings": drawings(60, seed=10_000),
        "charts with other numbers": others,
    }
    negatives = {name: [jpeg(image) for image in kind] for name, kind in images.items()}
    with tempfile.TemporaryDirectory() as folder:
        for number, image in enumerate(evals):
            (Path(folder) / f"{number:04d}.jpg").write_bytes(jpeg(image, 92))
        rules = picture_rules(folder, model)
        print(f"\npictures: {len(evals)} evaluation pictures; share that is dropped")
        print(f"{'':<30}{'number':>8}" + "".join(f"{rule:>12}" for rule in PICTURE_RULES))
        true, false = (_picture_table(rules, kinds) for kinds in (hits, negatives))
    for rule in PICTURE_RULES:
        recall = true[rule] / sum(map(len, hits.values()))
        precision = true[rule] / max(true[rule] + false[rule], 1)
        print(f"{rule}: recall {recall:.3f}, precision {precision:.3f}")


def picture_rules(folder: str, model: str) -> Callable[[list[bytes]], dict[str, int]]:
    """Return what counts, of pictures, how many each rule drops."""
    index, embed = load_picture_index(folder), embedder(model)
    known = embed([(Path(folder) / name).read_bytes() for name in index.names])

    def count(pictures: list[bytes]) -> dict[str, int]:
        found = dict.fromkeys(PICTURE_RULES, 0)
        for data in pictures:
            grey = grey_of(data)
            hash_ = None if grey is None else hash_of(grey)
            if hash_ is None:
                continue
            bits = int(np.bitwise_count(index.hashes ^ np.uint64(hash_)).min())
            match = best_match(index, hash_, lambda data=data: data, EvalImageMatch().radius)
            found["hash 4"] += bits <= 4
            found["hash 10"] += bits <= 10
            for limit in DETAILS:
                found[f"detail {limit}"] += match is not None and match.likeness > limit
        cosines = (embed(pictures) @ known.T).max(axis=1)
        return found | {f"cos {c}": int((cosines > c).sum()) for c in COSINES}

    return count


def _picture_table(
    rules: Callable[[list[bytes]], dict[str, int]], kinds: Mapping[str, list[bytes]]
) -> dict[str, int]:
    """Print what share of each kind every rule drops; return how many it drops of all."""
    total = dict.fromkeys(PICTURE_RULES, 0)
    for name, pictures in kinds.items():
        found = rules(pictures) if pictures else dict.fromkeys(PICTURE_RULES, 0)
        row = "".join(f"{found[rule] / max(len(pictures), 1):>12.2f}" for rule in PICTURE_RULES)
        print(f"{name:<30}{len(pictures):>8}{row}")
        for rule in PICTURE_RULES:
            total[rule] += found[rule]
    return total


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--pages", required=True)
    parser.add_argument("--passages", required=True)
    parser.add_argument("--questions", required=True)
    parser.add_argument("--pictures", nargs="*", default=[])
    parser.add_argument("--alike", nargs="*", default=[])
    parser.add_argument("--clip", default="tiny")
    options = parser.parse_args()
    told = json.loads(Path(options.questions).read_text(encoding="utf-8"))
    paragraphs = [p for text in texts_in(options.passages) for p in text.split("\n\n")]
    passages = sorted({p for p in paragraphs if 60 <= len(p.split()) <= 200})
    try_texts(texts_in(options.pages), [each["question"] for each in told], passages)
    try_pictures(options.pictures, options.alike, options.clip)


if __name__ == "__main__":
    main()
