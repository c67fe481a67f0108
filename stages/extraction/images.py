"""Which picture an `<img>` shows: src, srcset, `<picture>`, lazy attributes, base, data: URLs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin, urlsplit

Attributes = Mapping[str, str | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Image:
    """A picture of the main text.

    Attributes:
        uri: absolute address, or a data: URL.
        alt: text in place of the picture, may be empty.
        title: its advisory title, may be empty.
        caption: text of its figure caption, may be empty.
    """

    uri: str
    alt: str = ""
    title: str = ""
    caption: str = ""


SMALLEST_EDGE_PX: Final = 33
"""Pictures declared smaller than this are icons, bullets and counters."""
LONGEST_URI: Final = 4096
LONGEST_DATA_URI: Final = 4 << 20
_PLACEHOLDER_CHARS: Final = 256  # a data: URL this short holds a blank or a one-pixel picture
_LONGEST_TEXT: Final = 2000

_LAZY_SETS: Final = ("data-srcset", "data-lazy-srcset", "data-original-set", "data-src-set")
_LAZY_SOURCES: Final = (
    "data-src",
    "data-original",
    "data-lazy-src",
    "data-lazy",
    "data-original-src",
    "data-hi-res-src",
    "data-full-src",
    "data-large-file",
    "data-orig-file",
    "data-actualsrc",
    "data-echo",
    "data-img-src",
    "data-pagespeed-lazy-src",
    "data-cfsrc",
    "data-runner-src",
    "data-srclarge",
    "file",
    "zoomfile",
)
_BLANK: Final = re.compile(
    r"(?:^|/)(?:blank|spacer|pixel|transparent|placeholder|loading|loader|lazyload|lazy|1x1|clear"
    r"|dot|empty|grey|gray|trans|preload|[a-z](?=\.gif))(?:[._-]?(?:image|img|gif|min|\d+(?:x\d+)?))?"
    r"\.(?:gif|png|svg|jpe?g)(?:\?|$)",
    re.IGNORECASE,
)
_TRACKER: Final = re.compile(
    r"https?://(?:[\w.-]*\b(?:pixels?|stats?|analytics|track(?:er|ing)|counter|matomo|piwik)\d*\.[\w.-]+"
    r"|[\w.-]*(?:scorecardresearch|doubleclick|quantserve|ioam|ivwbox|addthis|feedburner)\.\w+"
    r"|www\.facebook\.com/tr)[/?:]",
    re.ASCII | re.IGNORECASE,
)
_ICON: Final = re.compile(
    r"(?:^|[\s_-])(?:icon|logo|avatar|gravatar|sprite|spinner|badge|author|tracking|emblem)s?"
    r"(?:$|[\s_-])"
)
_ICON_ADDRESS: Final = re.compile(
    r"/(?:icons?|smil(?:ies|eys?)|emoji|emoticons|statusicon|avatars?|customavatars)/"
    r"|[-_](?:16|22|24|32)(?:x(?:16|22|24|32))?\.(?:png|gif|svg|webp|jpe?g)$",
    re.IGNORECASE,
)
_BRACKETED: Final = re.compile(r"\[\w{1,20}\]")  # the alt of the icon of a note or warning
_GLYPH: Final = re.compile(r"(?:^|[\s_-])(?:emoji|smiley|smilies|emoticon|twemoji)")
_TEX: Final = re.compile(r"(?:^|[\s_-])(?:latex|tex|math|mwe-math|equation|katex)(?:$|[\s_-])")
_SCHEME: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:")
_NUMBER: Final = re.compile(r"\s*(\d+)(?:\.\d+)?\s*(?:px)?\s*$")
_UNSHOWABLE: Final = ("image/avif", "image/jxl", "image/heic")


def read_image(attributes: Attributes, *, sources: Iterable[Attributes], base: str) -> Image | None:
    """Return the picture of an `<img>`, or None for an icon, a blank or a broken address.

    The largest candidate of the source sets wins, then lazy-loading attributes, then `src`.

    Args:
        attributes: those of the `<img>`.
        sources: those of the `<source>`s before it in the same `<picture>`.
        base: absolute address that relative ones are joined to.
    """
    if is_tiny(attributes) or _BRACKETED.fullmatch(attributes.get("alt") or ""):
        return None
    for candidate in _candidates(attributes, sources):
        uri = absolute(candidate, base)
        if uri and not _is_blank(uri):
            return Image(
                uri=uri, alt=_text(attributes.get("alt")), title=_text(attributes.get("title"))
            )
    return None


def is_tiny(attributes: Attributes) -> bool:
    """Tell whether the declared width or height, in CSS pixels, is that of an icon."""
    for name in ("width", "height"):
        found = _NUMBER.match(attributes.get(name) or "")
        if found and int(found[1][:9]) < SMALLEST_EDGE_PX:
            return True
    return False


def is_icon(names: str) -> bool:
    """Tell whether the class names of an `<img>` are those of an icon, logo or avatar.

    >>> is_icon("avatar avatar-96 photo")
    True
    """
    return bool(_ICON.search(names))


def is_icon_address(uri: str) -> bool:
    """Tell whether an address is that of an icon, to be heeded of a picture inside a line only.

    >>> is_icon_address("http://a.example/images/stock-tool-move-16.png")
    True
    """
    return bool(_ICON_ADDRESS.search(uri[-200:].partition("?")[0]))


def stands_for_text(names: str) -> bool:
    """Tell whether the class names of an `<img>` are those of an emoji."""
    return bool(_GLYPH.search(names))


def stands_for_formula(names: str) -> bool:
    """Tell whether the class names of an `<img>` are those of a formula with TeX as its alt."""
    return bool(_TEX.search(names))


def largest_of_set(srcset: str) -> str | None:
    """Return the address with the largest width or density descriptor of a srcset.

    >>> largest_of_set("a.jpg 320w, b.jpg 1280w, c.jpg 640w")
    'b.jpg'
    """
    best, best_size = None, -1.0
    for address, number, unit in _parse_set(srcset):
        size = _to_float(number) * (1.0 if unit == "w" else 0.001) if number else 0.001
        if size > best_size:
            best, best_size = address, size
    return best


def absolute(address: str, base: str) -> str | None:
    """Return the http(s), file or data: address, joined to the base; None for any other.

    >>> absolute("../b.png", "http://a.example/x/y/z.html")
    'http://a.example/x/b.png'
    """
    address = address.strip()
    if address.startswith(("https://", "http://")) and address.isascii() and " " not in address:
        return _checked(address.partition("#")[0])
    if address[:5].lower() == "data:":
        is_image = address[5:11].lower() == "image/"
        return address if is_image and len(address) <= LONGEST_DATA_URI else None
    address = address.replace("\n", "").replace("\t", "").replace("\r", "").replace(" ", "%20")
    if not address or address[0] == "#":
        return None
    try:
        if address[0] == "/" and "/." not in address and "://" in base:
            return _checked(_from_root(address, base).partition("#")[0])
        joined = urljoin(base, address[: LONGEST_URI + 1])
    except ValueError:
        return None
    return _checked(joined.partition("#")[0])


def _from_root(address: str, base: str) -> str:
    """Join an address without dots that begins with a slash; ten times as fast as `urljoin`."""
    parts = urlsplit(base)
    if address[1:2] != "/":
        return f"{parts.scheme}://{parts.netloc}{address}"
    urlsplit(address)  # raises for a broken host, as for any other address
    return f"{parts.scheme}:{address}"


def _checked(address: str) -> str | None:
    if len(address) > LONGEST_URI or "{" in address:
        return None
    if address.startswith(("http://", "https://", "file:")) or not _SCHEME.match(address):
        return address
    return None


def _candidates(attributes: Attributes, sources: Iterable[Attributes]) -> Iterable[str]:
    sets = [source for source in sources if source.get("type") not in _UNSHOWABLE]
    for source in [attributes, *sets]:
        for name in (*_LAZY_SETS, "srcset"):
            value = source.get(name)
            largest = largest_of_set(value) if value else None
            if largest:
                yield largest
    for name in _LAZY_SOURCES:
        value = attributes.get(name)
        if value and ("/" in value or "." in value) and value[:1] not in "{[":
            yield value
    if attributes.get("src"):
        yield attributes["src"] or ""


def _parse_set(srcset: str) -> Iterable[tuple[str, str, str]]:
    """Yield address, number and unit of each candidate; one pass, commas in addresses allowed."""
    if srcset.lstrip()[:5].lower() == "data:":
        yield srcset.split()[0], "", ""
        return
    address = ""
    for word in srcset.split():
        if not address:
            address = word
            if not word.endswith(","):
                continue
            yield word.rstrip(","), "", ""
            address = ""
            continue
        descriptor, comma, rest = word.partition(",")
        yield address, descriptor[:-1], descriptor[-1:]
        address = rest if comma else ""
    if address:
        yield address, "", ""


def _to_float(number: str) -> float:
    try:
        return float(number)
    except ValueError:
        return 0.0


def _is_blank(uri: str) -> bool:
    if uri[:5].lower() == "data:":
        return len(uri) < _PLACEHOLDER_CHARS
    return bool(_BLANK.search(uri[-80:]) or _TRACKER.match(uri))


def _text(value: str | None) -> str:
    return " ".join(value[:_LONGEST_TEXT].split()) if value else ""
