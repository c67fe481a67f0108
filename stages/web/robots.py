"""What a site allows: robots.txt (RFC 9309) and the X-Robots-Tag header."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from protego import Protego

MAX_BYTES: Final = 500 << 10  # RFC 9309, section 2.5: what a crawler must read at least
_AGENT_LINE: Final = re.compile(r"^\s*user-?\s?agent\s*:?\s*(.*?)\s*(?:#.*)?$", re.I)
_FORBIDDING: Final = {"noai", "noindex", "noimageindex", "noimageai", "none"}
_WITH_VALUE: Final = {
    "unavailable_after",
    "max-snippet",
    "max-image-preview",
    "max-video-preview",
}


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What a robots.txt says to one agent.

    Attributes:
        agent: the agent's name.
        file: the parsed file; None allows everything.
    """

    agent: str
    file: Protego | None = None

    def allow(self, url: str) -> bool:
        """Tell whether the URL may be asked."""
        return self.file is None or bool(self.file.can_fetch(url, self.agent))

    @property
    def crawl_delay_s(self) -> float:
        """The time to leave between two requests, seconds; 0 if nothing is said."""
        return 0.0 if self.file is None else float(self.file.crawl_delay(self.agent) or 0.0)


def rules_of(body: bytes, agent: str) -> Rules:
    """Return the rules of a robots.txt, of which the first MAX_BYTES are read."""
    text = body[:MAX_BYTES].decode("utf-8-sig", "replace").replace("\0", "")
    return Rules(agent=agent, file=Protego.parse(_without_others(text, agent.lower())))


def _without_others(text: str, agent: str) -> str:
    """Return the file with all agents but ours and * under one name; names match as a whole.

    Parsing takes time and memory in proportion to names times rules, which in a hostile file
    of this size are millions.
    """
    lines = []
    for line in text.splitlines():
        named = _AGENT_LINE.match(line)
        name = named[1].lower().partition("/")[0].strip() if named else "*"
        ours = {"*": line, agent: f"User-agent: {agent}"}
        lines.append(ours.get(name, "User-agent: others-than-you"))
    return "\n".join(lines)


def tag_forbids(values: Iterable[str], agent: str) -> bool:
    """Tell whether the values of X-Robots-Tag forbid an agent to use what they come with.

    >>> tag_forbids(["nofollow", "otherbot: noai"], "quern"), tag_forbids(["quern: noai"], "quern")
    (False, True)
    """
    for value in values:
        named = ""
        for piece in value.lower().split(","):
            name, colon, rest = piece.partition(":")
            if colon and name.strip() not in _WITH_VALUE:
                named, piece = name.strip(), rest
            if piece.strip() in _FORBIDDING and named in ("", "*", agent.lower()):
                return True
    return False
