"""Numbers and hostile strings in words: for the pages that people read."""

from __future__ import annotations

import re
from typing import Final

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]+")
_MARKDOWN: Final = re.compile(r"([\\`*_{}\[\]<>#|~$&!])")


def share(part: float, whole: float) -> str:
    """Return a share in percent, "–" of nothing.

    >>> share(1, 8), share(1, 3000), share(3000, 3000), share(0, 0)
    ('12.5 %', '0.03 %', '100 %', '–')
    """
    if not whole:
        return "–"
    percent = 100 * part / whole
    digits = 0 if percent in (0, 100) else 1 if percent >= 1 else 2
    return f"{percent:.{digits}f} %"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun.

    >>> counted(1, "picture"), counted(12000, "picture")
    ('1 picture', '12,000 pictures')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """Return a duration in the unit that suits it.

    >>> duration(0.0123), duration(75.0), duration(7300.0)
    ('0.01 s', '75 s', '2 h 2 min')
    """
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 600:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def size(count: float) -> str:
    """Return a number of bytes in the unit that suits it.

    >>> size(512), size(31061), size(5.2e9)
    ('512 B', '31.1 kB', '5.2 GB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def one_line(text: object, limit: int = 200) -> str:
    """Return a string on one line, without control characters, cut after `limit` characters.

    >>> one_line("a\\n b\\x00c", 4)
    'a b …'
    """
    flat = re.sub(r"\s+", " ", _CONTROL.sub(" ", str(text))).strip()
    return flat if len(flat) <= limit else f"{flat[:limit]}…"


def visible(text: str) -> str:
    """Return a text without control characters but newlines and tabs."""
    return re.sub(_CONTROL, lambda found: "".join(c for c in found[0] if c in "\n\t"), text)


def markdown(text: object, limit: int = 200) -> str:
    r"""Return a string that Markdown shows as it is, also inside a table.

    >>> markdown("a|b <i>")
    'a\\|b \\<i\\>'
    """
    return _MARKDOWN.sub(r"\\\1", one_line(text, limit))


def code(text: object, limit: int = 200) -> str:
    r"""Return a string as a Markdown code span, fit for a table.

    >>> print(code("a`|b"))
    `a'\|b`
    """
    flat = one_line(text, limit).replace("`", "'").replace("|", "\\|")
    return f"`{flat}`" if flat else ""
