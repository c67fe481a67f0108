"""What may become of an address: the words, their classes, and whether to ask again.

A status is "ok", "http CODE", one of the words below, "not an image (MIME)" or "not a video
(MIME)" with a MIME type that `stages.mime` knows, or "refused: ...".
"""

from __future__ import annotations

from typing import Final

OK: Final = "ok"

CONNECT: Final = "timeout: connect"
FIRST_BYTE: Final = "timeout: first byte"
READ: Final = "timeout: read"
TOTAL: Final = "timeout: total"
TOO_SLOW: Final = "too slow"
TOO_LARGE: Final = "too large"
DNS: Final = "dns"
TLS: Final = "tls"
UNREACHABLE: Final = "no connection"
RESET: Final = "connection reset"
CUT_SHORT: Final = "body cut short"
NO_HTTP: Final = "not HTTP"
BAD_CODING: Final = "unreadable content-encoding"
LOOP: Final = "redirect loop"
TOO_MANY: Final = "too many redirects"
NOWHERE: Final = "redirect to nowhere"
GIVEN_UP: Final = "host given up"
ROBOTS_DOWN: Final = "robots.txt unreachable"
UNEXPECTED: Final = "unexpected"
NO_ADDRESS: Final = "refused: not an address"
SCHEME: Final = "refused: scheme"
CREDENTIALS: Final = "refused: credentials in the address"
PORT: Final = "refused: port"
PRIVATE: Final = "refused: private address"
ROBOTS: Final = "refused: robots.txt"
CRAWL_DELAY: Final = "refused: crawl-delay"
ROBOTS_TAG: Final = "refused: X-Robots-Tag"

_CLASSES: Final = {
    OK: OK,
    CONNECT: "timeout",
    FIRST_BYTE: "timeout",
    READ: "timeout",
    TOTAL: "timeout",
    TOO_SLOW: "timeout",
    TOO_LARGE: "size",
    "too small": "size",
    "empty": "content",
    DNS: "dns",
    TLS: "tls",
    UNREACHABLE: "connection",
    RESET: "connection",
    CUT_SHORT: "connection",
    NO_HTTP: "connection",
    GIVEN_UP: "connection",
    ROBOTS_DOWN: "robots.txt",
    BAD_CODING: "content",
    LOOP: "redirect",
    TOO_MANY: "redirect",
    NOWHERE: "redirect",
    UNEXPECTED: "unexpected",
}
_TRANSIENT: Final = {"timeout", "connection", "dns", "robots.txt"}
_TRANSIENT_CODES: Final = {408, 425, 429, 500, 502, 503, 504, *range(520, 528), 530}
_OURS: Final = {"refused", "size", "redirect", "unexpected"}


class FetchError(Exception):
    """An address that gives no medium.

    Attributes:
        status: why.
        code: the HTTP status code, 0 without an answer.
        wait_s: for how long the site asks to be left alone, seconds; 0 if it does not.
        is_final: whether another attempt in the same run would be in vain.
    """

    def __init__(
        self, status: str, *, code: int = 0, wait_s: float = 0.0, is_final: bool = False
    ) -> None:
        super().__init__(status)
        self.status = status
        self.code = code
        self.wait_s = wait_s
        self.is_final = is_final or not is_transient(status)


def http(code: int) -> str:
    """Return the status of an answer with another code than 200.

    >>> http(404)
    'http 404'
    """
    return f"http {code}"


def class_of(status: str) -> str:
    """Return the class of a status.

    >>> class_of("http 404"), class_of("timeout: total"), class_of("refused: robots.txt")
    ('http 4xx', 'timeout', 'refused')
    """
    if status in _CLASSES:
        return _CLASSES[status]
    if status.startswith("http "):
        return f"http {status[5:6]}xx"
    return "refused" if status.startswith("refused: ") else "content"


def is_transient(status: str) -> bool:
    """Tell whether the same question may get another answer soon.

    >>> is_transient("http 503"), is_transient("http 404"), is_transient("connection reset")
    (True, False, True)
    """
    code = status.removeprefix("http ")
    if code != status:
        return code.isdigit() and int(code) in _TRANSIENT_CODES
    return class_of(status) in _TRANSIENT


def is_ours(status: str) -> bool:
    """Tell whether the answer hangs on our options, so that others may change it."""
    return class_of(status) in _OURS
