"""Bytes of a page to text: byte order mark, UTF-8, declared charsets, then detection.

A declaration is believed only if the bytes decode under it into plausible text, since servers
often declare a default that the page never heard of.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import Final

import charset_normalizer
import numpy as np

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SUPERSETS: Final = {
    "ascii": "cp1252",
    "us-ascii": "cp1252",
    "latin1": "cp1252",
    "latin-1": "cp1252",
    "iso-8859-1": "cp1252",
    "iso8859-1": "cp1252",
    "iso_8859-1": "cp1252",
    "iso-8859-9": "cp1254",
    "iso-8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "sjis": "cp932",
    "x-sjis": "cp932",
    "euc-kr": "cp949",
    "ks_c_5601-1987": "cp949",
    "big5": "big5hkscs",
    "utf-16": "utf-8",  # a page whose declaration could be read is not UTF-16
    "utf-16le": "utf-8",
    "utf-16be": "utf-8",
    "unicode": "utf-8",
    "utf8": "utf-8",
}
"""Label -> the codec that browsers use for it."""

_HEADER: Final = re.compile(r"charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_META: Final = re.compile(
    rb"<meta[^>]{0,300}?charset\s*=\s*[\"']?\s*([\w.:-]+)"
    rb"|<\?xml[^>]{0,100}?encoding\s*=\s*[\"']([\w.:-]+)",
    re.IGNORECASE,
)
_META_WITHIN: Final = 8192
_SAMPLE: Final = 1 << 16
_MARKUP: Final = re.compile(rb"<(script|style)\b.{0,100000}?</\1|<[^>]{0,5000}>", re.DOTALL | re.I)
_ACCENT_RUN: Final = re.compile("[\xa1-\xffŒœŠšŽžŸƒ]{4,}")
_MIXED_CASE: Final = re.compile("[а-я][А-Я]{2}")
_CONTROL: Final = re.compile("[\x80-\x9f]")
_MOST_BROKEN: Final = 0.01
_LATIN: Final = (
    *("cp1250", "cp1252", "cp1254", "cp1257", "cp1258", "cp037", "cp273", "cp437", "cp500"),
    *("cp775", "cp850", "cp852", "cp858", "cp1026", "cp1140", "hp-roman8", "latin", "mac-"),
    *(f"iso8859-{part}" for part in (1, 2, 3, 4, 9, 10, 13, 14, 15, 16)),
)
_CENTRAL: Final = re.compile(rb"<html[^>]{0,300}lang=[\"']?(?:pl|cs|sk|hu|sl|hr|bs|ro)\b", re.I)
_ISO_2022: Final = re.compile(rb"\x1b[$(][@BJ]")


def decode(raw: bytes, *, content_type: str = "") -> str:
    """Return the text of a page; bytes that no charset explains become U+FFFD.

    Args:
        raw: the page as it came.
        content_type: the HTTP header of that name, which may tell a charset.
    """
    for mark, codec in _BOMS:
        if raw.startswith(mark):
            return raw[len(mark) :].decode(codec, "replace")
    if _looks_like_utf16(raw):
        return raw.decode("utf-16-le" if raw[1:2] == b"\0" else "utf-16-be", "replace")
    if b"\x1b" in raw and _ISO_2022.search(raw[:_SAMPLE]):
        return raw.decode("iso2022_jp_2", "replace")
    text = _as_utf8(raw)
    if text is not None:
        return text
    for codec in _declared(raw, content_type):
        text = raw.decode(codec, "replace")
        if _is_plausible(text, codec):
            return text
    return raw.decode(_detected(raw), "replace")


def _looks_like_utf16(raw: bytes) -> bool:
    """Tell whether every other byte of the start is mostly zero, as in markup in UTF-16."""
    head = raw[:64]
    even, odd = head[0::2].count(0), head[1::2].count(0)
    return min(even, odd) == 0 and max(even, odd) > len(head) // 3 > 1


def _as_utf8(raw: bytes) -> str | None:
    """Return the text if the bytes are UTF-8, save for a few bad ones, else None."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("utf-8", "replace")
    beyond, count = _beyond_ascii(text)
    return text if beyond.count("\ufffd") <= _MOST_BROKEN * count else None


def _beyond_ascii(text: str) -> tuple[str, int]:
    """Return the characters beyond ASCII, one of ASCII after each run, and how many they are."""
    codes = np.frombuffer(text.encode("utf-32-le", "replace"), np.uint32)
    beyond = codes > 0x7F
    kept = beyond.copy()
    kept[1:] |= beyond[:-1]
    return codes[kept].tobytes().decode("utf-32-le"), int(np.count_nonzero(beyond))


def _declared(raw: bytes, content_type: str) -> Iterator[str]:
    header = _HEADER.search(content_type)
    labels = [header[1]] if header else []
    for found in _META.finditer(raw[:_META_WITHIN]):
        labels.append((found[1] or found[2]).decode("ascii", "replace"))
    for label in dict.fromkeys(labels):
        codec = _codec(label)
        if codec is not None:
            yield codec


def _codec(label: str) -> str | None:
    name = _SUPERSETS.get(label.lower(), label.lower())
    try:
        codec = codecs.lookup(name)
    except (LookupError, ValueError):
        return None
    return codec.name if codec._is_text_encoding else None


def _is_plausible(text: str, codec: str) -> bool:
    """Tell whether a decoding gives text that a person may have written.

    Wrong single-byte charsets never fail; they show in runs of accented letters, in Cyrillic
    words with capitals inside, and in control characters.
    """
    beyond, count = _beyond_ascii(text)
    broken = beyond.count("\ufffd")
    if broken > _MOST_BROKEN * max(count, 1):
        return codec.startswith("cp125") and broken <= 0.05 * count
    odd = sum(map(len, _ACCENT_RUN.findall(beyond))) + len(_MIXED_CASE.findall(beyond)) * 3
    odd += len(_CONTROL.findall(beyond))
    return odd <= 0.2 * count


def _detected(raw: bytes) -> str:
    """Return the most likely codec of undeclared bytes.

    Detection cannot tell Latin code pages apart on a page or two of text; there the declared
    language decides between the Central European and the Western one.
    """
    sample = b" ".join(_MARKUP.sub(b" ", raw[: 8 * _SAMPLE]).split())[:_SAMPLE]
    best = charset_normalizer.from_bytes(sample or raw[:_SAMPLE]).best()
    codec = _codec(best.encoding) if best is not None else None
    if codec is None or codec.startswith(_LATIN):
        return "cp1250" if _CENTRAL.search(raw[:_META_WITHIN]) else "cp1252"
    return codec
