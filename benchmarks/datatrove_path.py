"""The peer of `benchmarks.text_path`, run by the Python of an environment with datatrove.

    python datatrove_path.py CRAWL_FOLDER OUT_FOLDER WORKERS

WARC files to filtered, deduplicated Parquet by datatrove's own blocks with their defaults, in the
order of its FineWeb example, but without the language filter, whose model it downloads, and with
10 s for a page, since its default of 1 s loses pages while a worker starts. It imports nothing of
Quern, whose requirements differ from datatrove's.
"""

from __future__ import annotations

import sys

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import (
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
    MinhashDedupSignature,
)
from datatrove.pipeline.extractors import Trafilatura
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)
from datatrove.pipeline.readers import JsonlReader, WarcReader
from datatrove.pipeline.writers import JsonlWriter, ParquetWriter

BANDS = 14  # of datatrove's default configuration


def run(pipeline: list[object], tasks: int, workers: int, logs: str) -> None:
    """Run the steps on as many workers."""
    LocalPipelineExecutor(
        pipeline=pipeline, tasks=tasks, workers=workers, logging_dir=logs, skip_completed=False
    ).run()


def main() -> None:
    crawl, out, workers = sys.argv[1], sys.argv[2], int(sys.argv[3])
    kept = f"{out}/kept"
    run(
        [
            WarcReader(crawl, glob_pattern="*.warc.gz"),
            Trafilatura(favour_precision=True, timeout=10),
            GopherRepetitionFilter(),
            GopherQualityFilter(),
            C4QualityFilter(filter_no_terminal_punct=False),
            FineWebQualityFilter(),
            JsonlWriter(kept),
        ],
        workers,
        workers,
        f"{out}/logs/1",
    )
    run(
        [JsonlReader(kept), MinhashDedupSignature(f"{out}/signatures")],
        workers,
        workers,
        f"{out}/logs/2",
    )
    bands = [MinhashDedupBuckets(f"{out}/signatures", f"{out}/buckets")]
    run(bands, BANDS, workers, f"{out}/logs/3")
    cluster = [MinhashDedupCluster(f"{out}/buckets", f"{out}/remove")]
    run(cluster, 1, 1, f"{out}/logs/4")
    run(
        [JsonlReader(kept), MinhashDedupFilter(f"{out}/remove"), ParquetWriter(f"{out}/parquet")],
        workers,
        workers,
        f"{out}/logs/5",
    )


if __name__ == "__main__":
    main()
