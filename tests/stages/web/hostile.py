"""A local server that misbehaves on request, in a thread of its own, and names that lead to it."""

import asyncio
import gzip
import io
import socket
import threading
import time
from collections import Counter, defaultdict
from contextlib import contextmanager

from PIL import Image


def png(colour="red", side=8):
    out = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(out, "PNG")
    return out.getvalue()


PNG = png()
HTML = b"<!doctype html><title>Log in</title><form>password</form>"


def response(body=PNG, status="200 OK", type_="image/png", length=None, **headers):
    """Return the bytes of an HTTP response; `length` None tells the true one."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {type_}"]
    lines.append(f"Content-Length: {len(body) if length is None else length}")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + body


def redirect(location, status="302 Found"):
    return response(b"", status, Location=location)


def reset(writer):
    """Close a connection with RST instead of FIN."""
    linger = (1).to_bytes(4, "little") + (0).to_bytes(4, "little")
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


async def drip(writer, data, pause_s, head=b""):
    writer.write(head)
    for at in range(len(data)):
        writer.write(data[at : at + 1])
        await writer.drain()
        await asyncio.sleep(pause_s)


class Hostile:
    """Answers by path; see `behaviours`.

    Attributes:
        port: that it listens at.
        asked: (host, path, time, headers) of each request, in order.
        most: most requests at a time, by host.
        at_once: most requests at a time.
    """

    def __init__(self, context=None):
        self.asked, self.most, self.at_once = [], Counter(), 0
        self.pages = {}
        self._now = Counter()
        self._seen = defaultdict(int)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._servers = []
        self.port = 0
        for address in ("127.0.0.1", "127.0.0.2"):
            starting = asyncio.start_server(self._serve, address, self.port, ssl=context)
            server = asyncio.run_coroutine_threadsafe(starting, self._loop).result()
            self.port = server.sockets[0].getsockname()[1]
            self._servers.append(server)

    def close(self):
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _stop(self):
        for server in self._servers:
            server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.01)  # for connections to be gone

    def url(self, path, host="127.0.0.1", scheme="http"):
        return f"{scheme}://{host}:{self.port}{path}"

    def paths(self, *, robots=False):
        return [path for _, path, _, _ in self.asked if robots or path != "/robots.txt"]

    async def _serve(self, reader, writer):
        host = ""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").split("\r\n")
            headers = {k.lower(): v for k, _, v in (x.partition(": ") for x in lines if x)}
            host = headers["host"].partition(":")[0]
            path = first.split()[1]
            self.asked.append((host, path, time.monotonic(), headers))
            self._now[host] += 1
            self.most[host] = max(self.most[host], self._now[host])
            self.at_once = max(self.at_once, self._now.total())
            await self._answer(path, writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client went away
        except asyncio.CancelledError:
            writer.transport.abort()  # the test is over, and nobody reads what is still to be sent
        finally:
            self._now[host] -= 1
            writer.close()

    async def _answer(self, path, writer):
        page, name = self.pages.get(path), path
        if page is None and path != "/robots.txt":
            name = path.partition("?")[0].lstrip("/").partition("/")[0]
            page = BEHAVIOURS.get(name)
        self._seen[name] += 1
        page = page(self._seen[name]) if callable(page) else page
        if page is None:
            page = response(b"no", "404 Not Found", "text/plain")
        if isinstance(page, bytes):
            writer.write(page)
        else:
            await page[0](writer, *page[1:])


async def _never(writer):
    await asyncio.sleep(60)


async def _endless(writer):
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n" + PNG)
    while True:
        writer.write(bytes(1 << 16))
        await writer.drain()


async def _reset(writer, data):
    writer.write(data)
    await writer.drain()
    await asyncio.sleep(0.05)
    reset(writer)


async def _flood(writer):
    writer.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(100_000):
        writer.write(f"X-{number}: {'y' * 100}\r\n".encode())
        await writer.drain()


async def _pause_in_body(writer):
    writer.write(response(PNG, length=len(PNG) + 100))
    await writer.drain()
    await asyncio.sleep(60)


BOMB = gzip.compress(bytes(50_000_000))
BUSY = "429 Too Many Requests"
BEHAVIOURS = {
    "ok": response(),
    "gzipped": response(gzip.compress(PNG), Content_Encoding="gzip"),
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    + f"{len(PNG):x}\r\n".encode()
    + PNG
    + b"\r\n0\r\n\r\n",
    "unframed": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + PNG,
    "drip": (drip, PNG, 0.05, response(b"", length=len(PNG))),
    "drip_header": (drip, b"HTTP/1.1 200 OK\r\nX: " + b"y" * 5000, 0.05),
    "endless": (_endless,),
    "loop": lambda n: redirect("/loop2"),
    "loop2": redirect("/loop"),
    "far": lambda n: redirect(f"/far/{n}/" + "x" * n),
    "nowhere": response(b"", "302 Found"),
    "to_file": redirect("file:///etc/passwd"),
    "to_ok": redirect("/ok", "307 Temporary Redirect"),
    "long": response(PNG + b"more", length=len(PNG)),
    "short": response(PNG, length=len(PNG) + 10),
    "huge": response(PNG, length=10**15),
    "bomb": response(BOMB, Content_Encoding="gzip"),
    "matryoshka": response(b"x", Content_Encoding="gzip, gzip, gzip"),
    "odd_coding": response(b"x", Content_Encoding="rot13"),
    "wrong_type": response(PNG, type_="text/html"),
    "login": response(HTML, type_="image/png"),
    "empty": response(b""),
    "busy": lambda n: (
        response(b"", "429 Too Many Requests", Retry_After="1") if n == 1 else response()
    ),
    "busy_for_days": response(b"", "429 Too Many Requests", Retry_After="200000"),
    "shaky": lambda n: response(b"", "503 Service Unavailable") if n < 3 else response(),
    "broken": response(b"", "500 Internal Server Error"),
    "gone": response(b"", "410 Gone"),
    "reset": (_reset, b""),
    "reset_in_body": (_reset, response(PNG, length=len(PNG) + 10)),
    "garbage": b"\x00\x01\x02 this is not HTTP at all \r\n\r\n\xff\xfe",
    "flood": (_flood,),
    "long_header": response(PNG, X_Long="y" * 20_000),
    "never": (_never,),
    "pause": (_pause_in_body,),
    "closed": b"",
    "no_content": b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
    "not_modified": b"HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n",
    "partial": response(PNG, "206 Partial Content", Content_Range="bytes 0-9/100"),
    "continue": b"HTTP/1.1 100 Continue\r\n\r\n" + response(),
    "noai": response(PNG, X_Robots_Tag="noai"),
    "tag_for_others": response(PNG, X_Robots_Tag="otherbot: noindex, noai"),
    "tag_for_us": response(PNG, X_Robots_Tag="Quern: noimageai"),
    "cookie": response(PNG, Set_Cookie="a=b; Path=/"),
}


@contextmanager
def names(monkeypatch, table):
    """Let names be looked up in a table of address or list of addresses, one for each look-up."""
    looked_up = []

    def look_up(host, port, family=0, type=0, proto=0, flags=0):
        looked_up.append(host)
        found = table.get(host)
        if found is None:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        address = (
            found if isinstance(found, str) else found[min(looked_up.count(host), len(found)) - 1]
        )
        kind = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [(kind, socket.SOCK_STREAM, 6, "", (address, port))]

    with monkeypatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", look_up)
        yield looked_up
