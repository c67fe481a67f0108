"""Title, date, language, site and licence of a page, from its head and a few known places."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urljoin, urlsplit

from selectolax.lexbor import LexborHTMLParser, LexborNode

from stages.extraction.images import Attributes, absolute

_LONGEST_TITLE: Final = 500
_SEPARATOR: Final = re.compile(r"\s+[|\-–—»·•:]+\s+|\s*\|\s*")
_ISO_DATE: Final = re.compile(r"(?<!\d)((?:19|20)\d\d)-?(\d\d)-?(\d\d)(?!\d)")
_DATE_IN_PATH: Final = re.compile(r"/((?:19|20)\d\d)[/-](\d{1,2})[/-](\d{1,2})(?:[/-]|$)")
_JSON_DATE: Final = 'datePublished"'
_JSON_LICENCE: Final = 'license"'
_VALUE: Final = re.compile(r'\s*:\s*"([^"]{8,200})"')
_CREATIVE_COMMONS: Final = re.compile(
    r"https?://(?:www\.)?creativecommons\.org/(?:licenses|publicdomain)/[\w.+/-]{2,60}", re.ASCII
)
_LANGUAGE: Final = re.compile(r"\s*([a-zA-Z]{2,3})(?:[-_]|\s*$|,|;)")

_TITLES: Final = ("og:title", "twitter:title", "dc.title", "citation_title", "parsely-title")
_DATES: Final = (
    "article:published_time",
    "og:article:published_time",
    "datepublished",
    "date",
    "dc.date.issued",
    "dc.date",
    "dcterms.created",
    "dcterms.date",
    "publishdate",
    "pubdate",
    "publication_date",
    "parsely-pub-date",
    "sailthru.date",
    "citation_publication_date",
    "last-modified",
)
_SITES: Final = ("og:site_name", "application-name", "publisher", "dc.publisher")
_NOTICE_WORDS: Final = ("licen", "copyright", "footer", "colophon", "rights", "creative")
_NOTICE_DEPTH: Final = 8
_LICENCES: Final = ("dc.rights", "dcterms.license", "dcterms.rights", "license", "copyright")


@dataclass(frozen=True, kw_only=True, slots=True)
class Metadata:
    """What a page says about itself; fields as in `article.Article`.

    Attributes:
        base: absolute address that relative ones are joined to.
    """

    title: str
    date: str
    language: str
    site: str
    licence: str
    base: str


def read_metadata(parser: LexborHTMLParser, *, html: str, less: bytes, url: str) -> Metadata:
    """Return what the page says about itself.

    Args:
        parser: the page, trimmed and parsed.
        html: the page, with its scripts.
        less: the page, trimmed.
        url: its absolute address.
    """
    metas, title, base = _head(parser)
    site = _first(metas, _SITES)
    return Metadata(
        title=_without_site((_first(metas, _TITLES) or title)[:_LONGEST_TITLE], site),
        date=_date(parser, metas, html, less) or _day_of_path(url),
        language=_language(parser, metas),
        site=site or _host(url),
        licence=_licence(parser, metas, html, less, url),
        base=(absolute(base, url) or url) if base else url,
    )


def _head(parser: LexborHTMLParser) -> tuple[dict[str, str], str, str]:
    """Return metas by lower-case name, title and base; the first of each counts."""
    metas: dict[str, str] = {}
    title = base = ""
    for node in parser.head.iter() if parser.head is not None else ():
        tag = node.tag
        if tag == "meta":
            _add_meta(metas, node.attributes)
        elif tag == "title":
            title = title or " ".join(node.text().split())
        elif tag == "base":
            base = base or node.attributes.get("href") or ""
    if not title:  # the head of a broken page ends early
        late = parser.css_first("title")
        title = " ".join(late.text().split()) if late is not None else ""
    return metas, title, base


def _add_meta(metas: dict[str, str], attributes: Attributes) -> None:
    name = attributes.get("property") or attributes.get("name") or attributes.get("itemprop")
    name = name or attributes.get("http-equiv")
    content = attributes.get("content")
    if name and content and not content.isspace():
        metas.setdefault(name.lower(), content.strip())


def _first(metas: dict[str, str], names: tuple[str, ...]) -> str:
    return next((" ".join(metas[name].split()) for name in names if name in metas), "")


def _without_site(title: str, site: str) -> str:
    """Cut the name of the site from either end of a title."""
    pieces = _SEPARATOR.split(title)
    if not site or len(pieces) < 2:
        return title
    if pieces[-1].casefold() == site.casefold():
        return title[: title.rfind(pieces[-1])].rstrip(" |-–—»·•:")
    if pieces[0].casefold() == site.casefold():
        return title[len(pieces[0]) :].lstrip(" |-–—»·•:")
    return title


def _date(parser: LexborHTMLParser, metas: dict[str, str], html: str, less: bytes) -> str:
    for name in _DATES[:-1]:
        if name in metas:
            day = _day(metas[name])
            if day:
                return day
    day = _day(_of_json(_JSON_DATE, html))
    if not day and (b"datetime" in less or b"datePublished" in less):
        node = parser.css_first('[itemprop="datePublished"], time[datetime]')
        if node is not None:
            attributes = node.attributes
            day = _day(attributes.get("datetime") or attributes.get("content") or "")
    return day


def _of_json(key: str, html: str) -> str:
    """Return the first value of a key in linked data; `str.find` is faster than a pattern."""
    at = html.find(key)
    found = _VALUE.match(html, at + len(key)) if at >= 0 else None
    return found[1] if found else ""


def _day(text: str) -> str:
    """Return a date as ISO 8601, empty when it is none.

    >>> _day("2019-03-12T09:30:00Z"), _day("Tue, 12 Mar 2019 09:30:00 GMT"), _day("soon")
    ('2019-03-12', '2019-03-12', '')
    """
    found = _ISO_DATE.search(text)
    try:
        if found:
            return date(int(found[1]), int(found[2]), int(found[3])).isoformat()
        return parsedate_to_datetime(text).date().isoformat()
    except (ValueError, TypeError, IndexError, OverflowError):
        return ""


def _day_of_path(url: str) -> str:
    found = _DATE_IN_PATH.search(url)
    return _day(f"{found[1]}-{int(found[2]):02d}-{int(found[3]):02d}") if found else ""


def _language(parser: LexborHTMLParser, metas: dict[str, str]) -> str:
    root = parser.root
    attributes = root.attributes if root is not None else {}
    for value in (
        attributes.get("lang"),
        attributes.get("xml:lang"),
        metas.get("content-language"),
        metas.get("og:locale"),
        metas.get("language"),
        metas.get("dc.language"),
    ):
        found = _LANGUAGE.match(value or "")
        if found:
            return found[1].lower()
    return ""


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").removeprefix("www.")
    except ValueError:
        return ""


def _licence(
    parser: LexborHTMLParser, metas: dict[str, str], html: str, less: bytes, url: str
) -> str:
    """Return what the page links as its licence; a Creative Commons link in a notice counts too."""
    if b"license" in less:
        for node in parser.css('a[rel~="license"], link[rel~="license"]'):
            href = node.attributes.get("href")
            if href:
                return _joined(url, href)
    found = _of_json(_JSON_LICENCE, html)
    if found.startswith(("http:", "https:")):
        return found
    if b"creativecommons" not in less:
        return ""
    declared = _CREATIVE_COMMONS.search(_first(metas, _LICENCES))
    if declared:
        return declared[0]
    links = {_plain(link) for link in _notices(parser)}
    return links.pop() if len(links) == 1 else ""


def _notices(parser: LexborHTMLParser) -> Iterator[str]:
    """Yield the Creative Commons links that speak of the page, not of one picture or quotation."""
    for node in parser.css('a[href*="creativecommons.org/"]'):
        link = _CREATIVE_COMMONS.search(node.attributes.get("href") or "")
        if link is not None and (_is_notice(node) or node.css_first("img") is not None):
            yield link[0]


def _is_notice(node: LexborNode) -> bool:
    """Tell whether an element stands in a footer, or in what is named as a notice of rights."""
    for _ in range(_NOTICE_DEPTH):
        names = f"{node.attributes.get('class')} {node.attributes.get('id')}".lower()
        if node.tag == "footer" or any(word in names for word in _NOTICE_WORDS):
            return True
        if node.parent is None or node.parent.tag in ("body", "html"):
            return False
        node = node.parent
    return False


def _plain(link: str) -> str:
    return link.replace("http://", "https://").rstrip("/.") + "/"


def _joined(url: str, href: str) -> str:
    try:
        return urljoin(url, href.strip())
    except ValueError:
        return ""
