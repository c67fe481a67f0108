"""Feed mutated pages, WARC files and pictures to the readers of hostile bytes, guided by coverage.

    pip install atheris
    python -m tests.fuzz read_page /tmp/corpus/pages -max_total_time=1200 -max_len=60000
    python -m tests.fuzz read_warc /tmp/corpus/warcs -max_total_time=1200 -max_len=200000
    python -m tests.fuzz verify /tmp/corpus/pictures -max_total_time=1200 -max_len=60000

A corpus that is missing is made of the example site. What a reader must never do ends the run
and leaves the input beside: raise, take longer than `TIMEOUT_S`, or return what it may not.
Every input so found becomes a test. Compiled functions are run, not followed.
"""

from __future__ import annotations

import gzip
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import atheris

ROOT = Path(__file__).resolve().parents[1]
COMPILED = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in (ROOT / "stages").rglob("*.py")
    if "import njit" in path.read_text()
]
TIMEOUT_S = 20
SITE = ROOT / "examples" / "site"

with atheris.instrument_imports(include=["stages"], exclude=COMPILED):
    from stages.decode import Limits, decode, verify
    from stages.extraction.document import Page, read_page, warm_up
    from stages.sources.read_warc import ReadWarc
    from stages.stage import Unit

WARC = Path(tempfile.mkdtemp()) / "fuzzed.warc.gz"


def fuzz_read_page(data: bytes) -> None:
    """A page gives a document whose image parts all show a medium, whatever its bytes."""
    found = read_page(Page(data, "text/html", "http://mill.example/"))
    shown = [part["index"] for part in found.parts if part["type"] == "image"]
    assert all(0 <= index < len(found.media) for index in shown)
    "".join(part.get("text", "") for part in found.parts).encode()


def fuzz_read_warc(data: bytes) -> None:
    """A file gives rows and faults: each row's bytes are those of a page within the limit."""
    WARC.write_bytes(data)
    source = ReadWarc(paths=(str(WARC),))
    for chunk in source.read(Unit(index=0, path=str(WARC), start=0, stop=len(data))):
        assert chunk.rows.num_rows + len(chunk.faults) or chunk.assets is not None


def fuzz_verify(data: bytes) -> None:
    """Proving a picture whole says what decoding it says."""
    limits = Limits(max_pixels=1 << 20)
    assert verify(data, limits).status == decode(data, limits)[0].status


TARGETS: dict[str, Callable[[bytes], None]] = {
    "read_page": fuzz_read_page,
    "read_warc": fuzz_read_warc,
    "verify": fuzz_verify,
}


def seeds(target: str) -> Iterator[bytes]:
    """Yield what to begin with."""
    if target == "read_warc":
        from examples.crawl_site import crawl

        whole = crawl(SITE, WARC.with_name("site.warc.gz")).read_bytes()
        yield whole[:100_000]
        yield gzip.decompress(whole)[:200_000]
        return
    suffixes = (".html",) if target == "read_page" else (".png", ".jpg", ".gif", ".webp")
    files = sorted(path for path in SITE.rglob("*") if path.suffix in suffixes)
    yield from (file.read_bytes() for file in files if file.stat().st_size < 60_000)


def main() -> None:
    target, corpus = sys.argv[1], Path(sys.argv[2])
    if not corpus.is_dir():
        corpus.mkdir(parents=True)
        for number, seed in enumerate(seeds(target)):
            (corpus / f"seed-{number}").write_bytes(seed)
    if target == "read_page":
        warm_up()
    options = [f"-timeout={TIMEOUT_S}", f"-artifact_prefix={corpus}-", *sys.argv[3:]]
    atheris.Setup([sys.argv[0], str(corpus), *options], TARGETS[target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
