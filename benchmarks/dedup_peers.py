"""One tool of `benchmarks.dedup`, run by the Python of the environment that has it.

    python dedup_peers.py NAME TEXTS.json

Prints JSON: CPU seconds of the process and its children from texts in memory to decisions, the
largest resident memory of the process, and the numbers of the texts that go. It imports nothing
of Quern, whose requirements differ from its peers'. Each tool has 128 permutations and shingles
of five words, is told a threshold of 0.75 where it takes one, and its defaults for the rest.
"""

from __future__ import annotations

import json
import os
import struct
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

THRESHOLD, NUM_PERM, NGRAM = 0.75, 128, 5


def shingles(text: str) -> set[str]:
    words = text.lower().split()
    return {" ".join(words[i : i + NGRAM]) for i in range(max(len(words) - NGRAM + 1, 1))}


def rensa(texts: list[str]) -> set[int]:
    """Candidates of 16 bands of 8, verified by their signatures; a text near a kept one goes."""
    from rensa import RMinHash, RMinHashLSH

    minhashes = RMinHash.from_token_sets((shingles(text) for text in texts), NUM_PERM, 1)
    index = RMinHashLSH(THRESHOLD, NUM_PERM, 16)
    dropped = set()
    for i, minhash in enumerate(minhashes):
        found = index.query(minhash)
        if any(minhash.jaccard(minhashes[other]) >= THRESHOLD for other in found):
            dropped.add(i)
        else:
            index.insert(i, minhash)
    return dropped


def datasketch(texts: list[str]) -> set[int]:
    """The bands that it chooses, not verified, as its guide has it; a text near a kept one goes."""
    from datasketch import MinHash, MinHashLSH
    from xxhash import xxh32_intdigest

    blank = MinHash(num_perm=NUM_PERM, scheme="affine32", hashfunc=xxh32_intdigest)
    index = MinHashLSH(threshold=THRESHOLD, num_perm=NUM_PERM)
    dropped = set()
    for i, text in enumerate(texts):
        minhash = blank.copy()
        minhash.update_batch([s.encode() for s in shingles(text)])
        if index.query(minhash):
            dropped.add(i)
        else:
            index.insert(i, minhash)
    return dropped


def datatrove(texts: list[str]) -> set[int]:
    """Its four steps with 14 buckets of 8, its default; it takes no threshold."""
    from datatrove.data import Document
    from datatrove.pipeline.dedup.minhash import (
        MinhashConfig,
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupSignature,
    )

    config = MinhashConfig(n_grams=NGRAM, num_buckets=14, hashes_per_bucket=8)
    with tempfile.TemporaryDirectory() as root:
        documents = (Document(text=text, id=str(i)) for i, text in enumerate(texts))
        MinhashDedupSignature(f"{root}/signatures", config=config).run(documents, 0, 1)
        for bucket in range(14):
            step = MinhashDedupBuckets(f"{root}/signatures", f"{root}/buckets", config=config)
            step.run(None, bucket, 14)
        MinhashDedupCluster(f"{root}/buckets", f"{root}/remove", config=config).run(None, 0, 1)
        removed = Path(root, "remove", "000000.remove").read_bytes()
    return {number for (number,) in struct.iter_unpack("<I", removed)}


def text_dedup(texts: list[str]) -> set[int]:
    """Its command `minhash`, one process, Parquet to disk, not verified."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from datasets import load_from_disk
    from text_dedup.minhash import main as command

    with tempfile.TemporaryDirectory() as root:
        table = pa.table({"text": texts, "number": list(range(len(texts)))})
        pq.write_table(table, f"{root}/texts.parquet")
        options = {
            "path": "parquet",
            "data_files": f"{root}/texts.parquet",
            "split": "train",
            "cache_dir": f"{root}/cache",
            "output": f"{root}/out",
            "column": "text",
            "num_proc": 1,
            "num_perm": NUM_PERM,
            "threshold": THRESHOLD,
        }
        arguments = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        command(arguments, standalone_mode=False)
        kept = load_from_disk(f"{root}/out")["number"]
        return set(range(len(texts))) - set(kept)


def data_juicer(texts: list[str]) -> set[int]:
    """Its operator document_minhash_deduplicator over a data set in memory, not verified."""
    from data_juicer.ops.deduplicator.document_minhash_deduplicator import (
        DocumentMinhashDeduplicator,
    )
    from datasets import Dataset

    operator = DocumentMinhashDeduplicator(
        window_size=NGRAM, num_permutations=NUM_PERM, jaccard_threshold=THRESHOLD
    )
    rows = Dataset.from_dict({"text": texts, "number": list(range(len(texts)))})
    kept, _ = operator.process(rows.map(operator.compute_hash))
    return set(range(len(texts))) - set(kept["number"])


PEERS: dict[str, Callable[[list[str]], set[int]]] = {
    "rensa": rensa,
    "datasketch": datasketch,
    "datatrove": datatrove,
    "text-dedup": text_dedup,
    "data-juicer": data_juicer,
}


def measured(work: Callable[[list[str]], set[int]], texts: list[str]) -> str:
    """Do the work and return what it cost and gave, as JSON."""
    before = sum(os.times()[:4])
    dropped = work(texts)
    seconds = sum(os.times()[:4]) - before
    (line,) = (
        line
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith("VmHWM")
    )
    told = {"seconds": seconds, "peak_mb": int(line.split()[1]) / 1024, "dropped": sorted(dropped)}
    return json.dumps(told)


def main() -> None:
    texts = json.loads(Path(sys.argv[2]).read_text())
    work = PEERS[sys.argv[1]]
    work(texts[:100] + texts[:2])  # imports, and loads what is loaded once
    print(measured(work, texts))


if __name__ == "__main__":
    main()
