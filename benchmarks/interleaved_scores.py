"""Whether relevance, complementarity and density balance order documents as they should.

    python -m benchmarks.interleaved_scores [--documents 300] [--seed 1] [--clip tiny] [--qwen tiny]
    python -m benchmarks.interleaved_scores --real RUN --out FOLDER [--clip tiny]

The first builds documents in six variants each (`benchmarks.criteria_documents`), on rendered
topics and from the example site, and prints for each criterion and estimator in how many of them
the one variant scores above the other (a tie is half), with the 95 % interval of Wilson; and how
often it does across all documents, as a threshold needs it. What complementarity takes for a
stray and for a told cosine is measured on other documents, of seed + 1. --qwen adds the two
estimators that need a Qwen2.5-VL, on fewer documents.

The second draws contact sheets of the documents that a run kept: best and worst by criterion.
"""

from __future__ import annotations

import argparse
import itertools
import math
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.criteria_documents import VARIANTS, Variants, rendered, row_of, site
from benchmarks.criteria_sheets import write_sheets
from filters.clip_relevance import ClipRelevance
from filters.complementarity import BEARING, Complementarity
from filters.density_balance import DensityBalance
from filters.text_quality import TextQuality
from stages.embed_clip import EmbedClip
from stages.engines.clip import Clip
from stages.engines.qwen_vl import QwenVL
from stages.information_gain import InformationGain
from stages.measure_density import MeasureDensity
from stages.media import MediaStore, write_pack
from stages.media_scores import mean_scores, media_scores, sample_means
from stages.propositions import Propositions
from stages.record import table_of
from stages.stage import Batch, Filter, Stage

RELEVANCE = (
    ("redundant", "decorative"),
    ("complementary", "decorative"),
    ("decorative", "wrong"),
    ("redundant", "wrong"),
    ("complementary", "wrong"),
    ("redundant", "complementary"),  # wanted about equal
)
COMPLEMENTARITY = (
    ("complementary", "redundant"),
    ("complementary", "decorative"),
    ("complementary", "wrong"),
)
BALANCE = tuple(itertools.product(("redundant", "complementary"), ("text-heavy", "image-heavy")))
Z95 = 1.959964

Scores = Mapping[str, npt.NDArray[np.float32]]
Criterion = tuple[Filter, str, Sequence[tuple[str, str]]]
"""A filter over samples, the name of its score, and which variants score above which."""


def main() -> None:
    options = _options()
    stages: list[Stage] = [EmbedClip(clip=Clip(model=options.clip)), MeasureDensity()]
    stray, told = _cosines(_measured(rendered(options.documents, options.seed + 1), stages))
    print(f"on other documents: stray cosine {stray:.3f}, told cosine {told:.3f}\n")
    filters = _filters(stray, told)
    if options.real:
        judges: dict[str, tuple[Filter, str]] = {
            name: (filter_, score) for name, (filter_, score, _) in filters.items()
        }
        judges["text quality"] = (TextQuality(), "text_quality")
        write_sheets(options.real, options.out, stages, judges)
        return
    sets = {
        "rendered": rendered(options.documents, options.seed),
        "example site": site(options.seed),
    }
    for name, documents in sets.items():
        _print_table(name, _measured(documents, stages), filters)
    if options.qwen:
        qwen = QwenVL(model=options.qwen)
        slow: list[Stage] = [InformationGain(qwen=qwen), Propositions(qwen=qwen)]
        few = itertools.islice(rendered(options.documents, options.seed), options.qwen_documents)
        _print_table(f"rendered, {options.qwen}", _measured(few, slow), _qwen_filters())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--documents", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--clip", default="tiny")
    parser.add_argument("--qwen", default="")
    parser.add_argument("--qwen-documents", type=int, default=60)
    parser.add_argument("--real", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs/criteria"))
    return parser.parse_args()


def _filters(stray: float, told: float) -> dict[str, Criterion]:
    """Return, by what the table calls them, filters over samples, their score and its orders."""
    measures = ("mean", "best", "near", "document")
    relevance = {
        f"relevance, {measure}": (
            ClipRelevance(over="sample", measure=measure),  # type: ignore[arg-type]
            "relevance",
            RELEVANCE,
        )
        for measure in measures
    }
    residual = Complementarity(over="sample", stray_cosine=stray, told_cosine=told)
    return {
        **relevance,
        "complementarity, residual": (residual, "complementarity", COMPLEMENTARITY),
        "balance": (DensityBalance(), "balance", BALANCE),
    }


def _qwen_filters() -> dict[str, Criterion]:
    return {
        f"complementarity, {estimator}": (
            Complementarity(over="sample", estimator=estimator),  # type: ignore[arg-type]
            "complementarity",
            COMPLEMENTARITY,
        )
        for estimator in ("information_gain", "propositions")
    }


def _measured(documents: Iterable[Variants], stages: Sequence[Stage]) -> dict[str, Batch]:
    """Return the documents of each variant, in one order, with what the stages measure."""
    folder = Path(tempfile.mkdtemp(prefix="criteria-"))
    rows: dict[str, list[dict[str, object]]] = {variant: [] for variant in VARIANTS}
    with write_pack(folder / "0.pack") as pack:
        for variants in documents:
            for variant in VARIANTS:
                rows[variant].append(row_of(variants[variant], pack))
    built = [stage.build() for stage in stages]
    batches = {}
    for variant, some in rows.items():
        batch = Batch(table=table_of(some), store=MediaStore(root=folder))
        for apply in built:
            batch = apply(batch)
        batches[variant] = batch
    return batches


def _cosines(batches: Mapping[str, Batch]) -> tuple[float, float]:
    """Return the cosines between which complementarity lies.

    The first is the middle relevance of wrong pictures, the second the middle cosine of told
    pictures with all sentences together.
    """
    wrong = batches["wrong"].media()
    relevance = mean_scores(wrong, BEARING)
    residual = media_scores(batches["redundant"].media(), "clip.residual")
    stray, told = float(np.nanmedian(relevance)), float(np.nanmedian(np.sqrt(1 - residual)))
    if not told > max(stray, 0):
        raise SystemExit(f"the model finds captions no closer than strangers: {told}, {stray}")
    return max(stray, 0.0), told


def _print_table(
    name: str,
    batches: Mapping[str, Batch],
    filters: Mapping[str, Criterion],
) -> None:
    count = len(batches[VARIANTS[0]])
    print(f"{count} documents, {name}\n")
    print("| criterion | order | pairs right [95 %] | across documents |")
    print("|---|---|---|---|")
    for criterion, (filter_, score, orders) in filters.items():
        found = {variant: filter_.build()(batch)[score] for variant, batch in batches.items()}
        for more, less in orders:
            print(f"| {criterion} | {more} > {less} | {_pairs(found, more, less)} |")
    print()
    _print_middles(batches, filters)


def _pairs(found: Scores, more: str, less: str) -> str:
    judged = ~(np.isnan(found[more]) | np.isnan(found[less]))
    high, low = found[more][judged], found[less][judged]
    if not len(high):
        return "not judged | -"
    right = float(np.sum(high > low) + 0.5 * np.sum(high == low))
    start, end = wilson(right, len(high))
    across = (high[:, None] > low).mean() + 0.5 * (high[:, None] == low).mean()
    of = f" of {len(high)}" if len(high) < len(judged) else ""
    return f"{right / len(high):.3f} [{start:.3f}, {end:.3f}]{of} | {across:.3f}"


def wilson(right: float, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927).

    >>> [round(edge, 3) for edge in wilson(95, 100)]
    [0.888, 0.978]
    """
    if not count:
        return 0.0, 1.0
    share, spread = right / count, Z95**2 / count
    middle = share + spread / 2
    half = math.sqrt(spread * (share * (1 - share) + spread / 4))
    return (middle - half) / (1 + spread), (middle + half) / (1 + spread)


def _print_middles(
    batches: Mapping[str, Batch],
    filters: Mapping[str, Criterion],
) -> None:
    """Print the 10th, 50th and 90th percentile of each score and measurement."""
    print("| 10th, 50th, 90th percentile |", " | ".join(VARIANTS), "|")
    print("|---|" + "---|" * len(VARIANTS))
    for criterion, (filter_, score, _) in filters.items():
        cells = [_middle(filter_.build()(batches[variant])[score]) for variant in VARIANTS]
        print(f"| {criterion} |", " | ".join(cells), "|")
    for measure in ("clip.residual", "clip.assigned", "gain.text", "gain.facts"):
        means = {
            variant: sample_means(batch.media(), media_scores(batch.media(), measure), len(batch))
            for variant, batch in batches.items()
        }
        if not all(np.isnan(values).all() for values in means.values()):
            print(f"| {measure} |", " | ".join(_middle(means[each]) for each in VARIANTS), "|")
    print()


def _middle(values: npt.NDArray[np.float32]) -> str:
    judged = values[~np.isnan(values)]
    if not len(judged):
        return "-"
    return " ".join(f"{value:.2f}" for value in np.percentile(judged, [10, 50, 90]))


if __name__ == "__main__":
    main()
