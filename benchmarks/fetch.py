"""Pictures fetched from a local server: how many a second, and what a picture costs.

    python -m benchmarks.fetch [--peer-python PYTHON]

A server in a process of its own answers each request after 30 ms with a JPEG of about 100 KB;
2,000 of them stand on eight addresses 127.0.0.x, a host each. Fetched by `FetchMedia` in one
process, pauses between requests off, robots.txt on, into packs and tables in a fresh folder;
beside it by img2dataset (if the path of a Python that has it is given) with one process, as many
threads as Quern has connections, pictures stored as they came. Each fetcher is a fresh process;
its CPU seconds and peak memory are those of that process and its children.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

PICTURES = 2_000
HOSTS = [f"127.0.0.{n}" for n in range(11, 19)]
LATENCY_S = 0.03
CONNECTIONS = 64
MEASURED = "measured "


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What fetching cost: pictures got, their bytes, seconds, CPU seconds, peak memory in bytes."""

    pictures: int
    bytes: int
    seconds: float
    cpu_s: float
    peak: int

    def line(self, name: str) -> str:
        """Return the row of the table."""
        return (
            f"{name:<28}{self.pictures:>9,}{self.pictures / self.seconds:>12,.0f}"
            f"{self.bytes / 1e6 / self.seconds:>9,.1f}{1000 * self.cpu_s / self.pictures:>14.2f}"
            f"{self.peak / 1e6:>10,.0f}"
        )


def picture() -> bytes:
    import numpy as np
    from PIL import Image

    noise = np.random.default_rng(0).integers(0, 256, (410, 410, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "JPEG", quality=75)
    return out.getvalue()


def serve() -> None:
    """Serve pictures on all hosts at one port; print the port."""
    body = picture()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await _head(reader):
            await asyncio.sleep(LATENCY_S)
            path = head.split(b" ")[1]
            if path == b"/robots.txt":
                writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            else:
                data = body + path  # bytes behind the end of a JPEG: each picture is another
                length = f"Content-Length: {len(data)}\r\n\r\n".encode()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n" + length + data)
            await writer.drain()
        writer.close()

    async def run() -> None:
        port = 0
        for host in HOSTS:
            server = await asyncio.start_server(answer, host, port, backlog=512)
            port = server.sockets[0].getsockname()[1]
        print(port, flush=True)
        await asyncio.Event().wait()

    asyncio.run(run())


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""


def urls(port: int) -> list[str]:
    return [f"http://{HOSTS[n % len(HOSTS)]}:{port}/{n}.jpg" for n in range(PICTURES)]


def with_quern(port: int, folder: Path) -> None:
    """Fetch all pictures as one bucket, and print what it cost."""
    import numpy as np
    import pyarrow as pa

    from stages.fetch_media import FetchMedia
    from stages.media import MediaStore
    from stages.record import document, media_part, table_of
    from stages.stage import Batch, Bucket
    from stages.web.options import Web

    web = Web(
        contact="https://quern.example",
        allow_private=True,
        ports=(port,),
        host_interval_s=0.0,
        host_connections=CONNECTIONS // len(HOSTS),
        connections=CONNECTIONS,
    )
    operator = FetchMedia(schemes=("http",), web=web)
    row = {
        "messages": document([media_part(n) for n in range(PICTURES)]),
        "media": [{"type": "image", "uri": url} for url in urls(port)],
    }
    rows = operator.project(Batch(table=table_of([row]), store=MediaStore(root=folder))).rows
    rows = rows.append_column("unit", pa.array(np.zeros(rows.num_rows), pa.int32()))

    def fetch() -> tuple[int, int]:
        place = Bucket(index=0, media=folder, beside=lambda _: pa.table({}))
        decided = operator.decide(rows, place)
        got = decided.filter(pa.compute.equal(decided.column("status"), "ok"))
        return got.num_rows, pa.compute.sum(got.column("length")).as_py()

    measured(fetch)


def with_img2dataset(port: int, folder: Path) -> None:
    """Fetch all pictures into files, and print what it cost."""
    from img2dataset import download

    listed = folder / "urls.txt"
    listed.write_text("\n".join(urls(port)))

    def fetch() -> tuple[int, int]:
        download(
            url_list=str(listed),
            output_folder=str(folder / "out"),
            output_format="webdataset",
            processes_count=1,
            thread_count=CONNECTIONS,
            resize_mode="no",
            skip_reencode=True,
            compute_hash="sha256",
            enable_wandb=False,
        )
        stats = [json.loads(path.read_text()) for path in folder.glob("out/*_stats.json")]
        got = sum(each["successes"] for each in stats)
        return got, sum(path.stat().st_size for path in folder.glob("out/*.tar"))

    measured(fetch)


def measured(fetch) -> None:
    start = time.perf_counter()
    before = _cpu_s()
    pictures, size = fetch()
    peak = max(resource.getrusage(who).ru_maxrss for who in _WHO) * 1024
    seconds, cpu_s = time.perf_counter() - start, _cpu_s() - before
    told = {"pictures": pictures, "bytes": size, "seconds": seconds, "cpu_s": cpu_s, "peak": peak}
    print(MEASURED + json.dumps(told), flush=True)


_WHO = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)


def _cpu_s() -> float:
    usages = [resource.getrusage(who) for who in _WHO]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def cost_of(python: str, what: str, port: int) -> Cost:
    """Run a fetcher in a fresh process."""
    with tempfile.TemporaryDirectory() as folder:
        out = subprocess.run(
            [python, __file__, what, str(port), folder],
            env={**os.environ, "PYTHONPATH": os.getcwd(), "NO_ALBUMENTATIONS_UPDATE": "1"},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout
    line = next(each for each in out.splitlines() if each.startswith(MEASURED))
    return Cost(**json.loads(line.removeprefix(MEASURED)))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--peer-python", default="", help="a Python that has img2dataset")
    python = parser.parse_args().peer_python
    server = subprocess.Popen([sys.executable, __file__, "serve"], stdout=subprocess.PIPE)
    assert server.stdout is not None
    try:
        port = int(server.stdout.readline())
        print(f"{PICTURES:,} pictures of {len(picture()) / 1e3:.0f} KB, {LATENCY_S * 1000:.0f} ms")
        print(
            f"{'':<28}{'pictures':>9}{'pictures/s':>12}{'MB/s':>9}{'CPU ms each':>14}"
            f"{'peak MB':>10}"
        )
        print(cost_of(sys.executable, "quern", port).line("Quern"))
        if python:
            print(cost_of(python, "img2dataset", port).line("img2dataset"))
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve()
    elif sys.argv[1:2] == ["quern"]:
        with_quern(int(sys.argv[2]), Path(sys.argv[3]))
    elif sys.argv[1:2] == ["img2dataset"]:
        with_img2dataset(int(sys.argv[2]), Path(sys.argv[3]))
    else:
        main()
