"""Short stock phrases of publishing that are never part of a text."""

from __future__ import annotations

import re
from typing import Final

LONGEST_PHRASE: Final = 120
_WHOLE: Final = re.compile(
    r"""(?:advertisement|advertising|anzeige|werbung|publicité|publicidad|pubblicità|sponsored
    |loading(?:\.\.\.|…)?|share|share\ this|share\ on\ \w+|tweet|teilen|partager|compartir|print
    |drucken|e-?mail|facebook|twitter|whatsapp|pinterest|linkedin|reddit|copy\ link|link\ copied!?
    |comments?|kommentare?|commentaires?|\d+\ (?:comments?|kommentare?|commentaires?|shares?)
    |read\ more|weiterlesen|mehr|lire\ la\ suite|leer\ más|continue\ reading|show\ more|view\ more
    |learn\ more|click\ here|skip\ to\ (?:main\ )?content|back\ to\ top|nach\ oben|zum\ seitenanfang
    |subscribe|sign\ up|log\ ?in|follow\ us|gallery|image|photo|video|menu|close|search|suche
    |related\ (?:articles?|stories|posts?|content)
    |mehr\ zum\ thema|das\ könnte\ sie\ auch\ interessieren
    |a\ lire\ aussi|à\ lire\ aussi|广告|分享到?|広告|シェア)\W*""",
    re.IGNORECASE | re.VERBOSE,
)
_START: Final = re.compile(
    r"""(?:(?:read|see|watch|listen)\ (?:also|more|next|too)\s*[:–-]|also\ read\b|related\s*:
    |more\ (?:from|on|about)\s*[:–-]|recommended\s*:|lesen\ sie\ (?:auch|hier|mehr)\b
    |mehr\ zum\ thema\b
    |lire\ aussi\b|à\ lire\ aussi\b|a\ lire\ (?:aussi|également)\b|(?:lea|lee|leer)\ también\b
    |te\ puede\ interesar\b|leggi\ anche\b|leia\ (?:também|mais)\b|читайте\ также\b
    |(?:follow|like|find)\ (?:us|me|him|her)\ on\b|folgen\ sie\ uns\b|suivez[- ]nous\b|síguenos\b
    |sign\ up\ (?:for|to)\ (?:our|the)\b|subscribe\ to\ (?:our|the)\b
    |share\ this\ (?:article|post|story)\b
    |all\ rights\ reserved\b|alle\ rechte\ vorbehalten\b|tous\ droits\ réservés\b
    |copyright\ (?:©|\(c\)|\d{4})|©|\(c\)\ (?:19|20)\d\d|posted\ (?:by|on|in)\b|filed\ under\b
    |tags?\s*:
    |tagged\ (?:with|in|as)?\b|categor(?:y|ies|ía)\s*:|kategorien?\s*:|schlagw[oö]rte?r?\s*:
    |(?:image|photo|picture)\ (?:copyright|credit|caption)\b|photo\s*(?:by|:)|foto\s*:|bild\s*:
    |published\s*:|last\ (?:updated|modified)\b|updated\s*:|print\ this\b|email\ this\b
    |leave\ a\ (?:reply|comment)\b|post\ a\ comment\b|no\ comments\b|click\ to\ share\b
    |your\ email\ address\ will\ not\ be\ published)""",
    re.IGNORECASE | re.VERBOSE,
)


def is_stock_phrase(text: str) -> bool:
    """Tell whether a text is a share button's label, a credit line or the like."""
    return bool(_WHOLE.fullmatch(text) or _START.match(text))
