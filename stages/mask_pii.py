"""Replace e-mail addresses, phone numbers, IP addresses and secret keys by placeholders."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from dataclasses import dataclass
from typing import ClassVar, Final

import pyarrow as pa
import pyarrow.compute as pc

from stages.elements import set_column, set_field, with_parts
from stages.record import SCHEMA
from stages.stage import Batch, Stage, StageFn

KINDS: Final = ("email", "ip", "phone", "secret")
"""What is masked; the placeholder of an e-mail address is "[email]", its count "pii_email"."""

# Every quantifier is bounded, possessive, or followed by what it cannot match itself, and what
# is of any length begins only behind a character that it cannot hold: so the time is linear in
# the text. What touches a placeholder is left as it is.
_BEFORE: Final = "".join(rf"(?<!\[{kind}\])" for kind in KINDS)
_AFTER: Final = rf"(?!\[(?:{'|'.join(KINDS)})\])"

_KEY: Final = r"""
    -----BEGIN[ ][A-Z ]{0,30}PRIVATE[ ]KEY-----[A-Za-z0-9+/=\s]*+
        -----END[ ][A-Z ]{0,30}PRIVATE[ ]KEY-----
  | (?<![\w-]) (?:
        (?: AKIA | ASIA ) [0-9A-Z]{16}                    # Amazon
      | gh[oprsu]_ [A-Za-z0-9]{36,251}+                   # GitHub
      | github_pat_ [A-Za-z0-9_]{22,251}+
      | glpat- [A-Za-z0-9_-]{20,251}+                     # GitLab
      | xox[abeprs]- [A-Za-z0-9-]{10,251}+                # Slack
      | AIza [A-Za-z0-9_-]{35}                            # Google
      | hf_ [A-Za-z]{34}                                  # Hugging Face
      | [rs]k_(?:live|test)_ [A-Za-z0-9]{16,251}+         # Stripe
      | sk- (?=[A-Za-z_-]{0,250}[0-9]) (?=[a-z0-9_-]{0,250}[A-Z]) [A-Za-z0-9_-]{20,251}+  # OpenAI
      | eyJ[A-Za-z0-9_-]{8,}+ \.eyJ[A-Za-z0-9_-]{8,}+ \.[A-Za-z0-9_-]{8,}+   # JSON Web Token
    ) (?![\w-])"""
_KEY_LABEL: Final = r"""
    (?<![\w-])(?i: api[ _-]?key | (?:secret|access)[ _-]key | (?:access|auth)[ _-]token )
    ["']?\ {0,3}[:=]\ {0,3}["']?"""
_EMAIL: Final = r"""
    (?<![\w.%+@-]) (?!git@) [A-Za-z0-9][\w.%+-]{0,63}+ @
    (?!\dx\.) (?:[A-Za-z0-9-]{1,63}+\.){1,8}                # pictures for screens: a@2x.png
    (?!(?:png|jpe?g|gif|webp|svg|css|js)\b) [A-Za-z]{2,24}+ (?![\w@-])"""
_PHONE: Final = r"""
    (?<![\w.+-]) \+ [1-9](?:[ .()\/-]{0,2}[0-9]){7,14}+
  | (?<![\w.+$€£-]) (?:1[ .-])? (?: \([2-9][0-9]{2}\)\ ? | [2-9][0-9]{2}[ .-] )
        [2-9][0-9]{2} [.-] [0-9]{4}"""
_PHONE_LABEL: Final = r"""
    (?<![\w.@-])(?i: tel | telephone | phone | fax | mobile | telefon | telefax | whatsapp )
    (?i: \ ?(?:no|nr|number)\b )? [.:]{0,2}\ {0,3}"""
_LABELLED_PHONE: Final = r"""
    (?! [0-9]{4}-[0-9]{2}-[0-9]{2} | [0-9]{1,2}[./-][0-9]{1,2}[./-][0-9]{4} )  # dates
    \(? [0-9](?:[ .()\/-]{0,2}[0-9]){6,13}+"""
_PATTERN: Final = re.compile(
    rf"""{_BEFORE} (?:
    (?P<secret> {_KEY} )
  | (?P<key_label> {_KEY_LABEL} ) (?=[^0-9\s]{{0,250}}[0-9]) [A-Za-z0-9_+/.-]{{16,251}}+
        (?![\w+/-])
  | (?P<email> {_EMAIL} )
  | (?P<ip> (?<![\w.:]) (?: [0-9]{{1,3}}(?:\.[0-9]{{1,3}}){{3}} (?!\.?\w)
        | [23][0-9A-Fa-f]{{0,3}}:[0-9A-Fa-f:]{{2,40}}+ (?![\w:]) ) )
  | (?P<phone> (?: {_PHONE} ) (?![\w+-]|[.,/][0-9]) )
  | (?P<phone_label> {_PHONE_LABEL} ) (?P<number> {_LABELLED_PHONE} ) (?![\w+-]|[.,/][0-9])
    ) {_AFTER}""",
    re.VERBOSE | re.ASCII,
)
_CANDIDATE: Final = (  # RE2, for all texts at once: most hold nothing that could be masked
    r"@|[0-9](?:[ .()/-]{0,2}[0-9]){6}|[0-9]\.[0-9]+\.[0-9]+\.[0-9]|:[0-9A-Fa-f]*:"
    r"|[A-Za-z0-9_+/.-]{15}|eyJ|PRIVATE KEY"
)
_NUMBERED: Final = re.compile(
    r"(?:^|[\s(])(?:v|ver|version|release|build|firmware|section|sec|chapter|clause|figure"
    r"|table|§)[.:]?\s?$",
    re.IGNORECASE,
)
_DECIMAL: Final = re.compile(r"\+[0-9]+\.[0-9]+|\+[0-9]{1,3}(?:[ .]000)+")


@dataclass(frozen=True, kw_only=True)
class MaskPii(Stage):
    r"""Replace what identifies people or opens accounts in text parts by fixed placeholders.

    [email]   e-mail addresses
    [phone]   numbers with a country code ("+49 30 1234567"), North American ones with marks
              between their groups, and any of 7 to 14 digits behind "tel", "phone", "fax", ...
    [ip]      public IPv4 addresses, but not numbers behind "version", "section" and the like
              nor four single digits ("1.2.3.4"); global IPv6 addresses
    [secret]  keys with the prefixes of known services, JSON Web Tokens, private keys in PEM,
              and keys behind "api_key =" and the like

    Rather precise than complete: names, postal addresses, and phone numbers without any of these
    signs stay. Masking twice gives what masking once gave.

    Reads: messages, meta.
    Writes: messages; meta: pii_email, pii_phone, pii_ip, pii_secret, how many were replaced, as
        decimals, absent when none; earlier counts are added to.
    Source: Penedo et al. 2024 (FineWeb), arXiv:2406.17557, which masks e-mail addresses and
        public IP addresses; phone numbers and keys are Quern's.
    """

    reads: ClassVar[tuple[str, ...]] = ("messages", "meta")
    writes: ClassVar[tuple[str, ...]] = ("messages", "meta")
    source: ClassVar[str] = "Quern; Penedo et al. 2024, arXiv:2406.17557"

    def build(self) -> StageFn:
        """Return the function that masks a batch."""

        def mask(batch: Batch) -> Batch:
            parts = batch.parts()
            texts = parts.values.field("text")
            candidates = pc.match_substring_regex(texts, _CANDIDATE).fill_null(False)
            places = pc.indices_nonzero(pc.and_(candidates, pa.array(parts.is_text))).to_pylist()
            found: dict[int, Counter[str]] = {}
            masked = texts.to_pylist() if places else []
            for place in places:
                masked[place], counts = mask_text(masked[place])
                if counts:
                    found.setdefault(int(parts.row[place]), Counter()).update(counts)
            if not found:
                return batch
            values = set_field(parts.values, "text", pa.array(masked, texts.type))
            everything = parts.row >= 0
            table = with_parts(batch.table, parts, everything, values)
            return batch.with_table(_with_counts(table, found))

        return mask


def mask_text(text: str) -> tuple[str, Counter[str]]:
    """Return the text with placeholders, and how many there are of each kind.

    >>> mask_text("Write to miller@mill.example.")
    ('Write to [email].', Counter({'email': 1}))
    """
    counts: Counter[str] = Counter()

    def replaced(match: re.Match[str]) -> str:
        label = match["key_label"] or match["phone_label"] or ""
        kind = _kind(match)
        if not kind:
            return match[0]
        counts[kind] += 1
        return f"{label}[{kind}]"

    before = -1
    while counts.total() > before:  # a placeholder may show that what stood beside it is one too
        before = counts.total()
        text = _PATTERN.sub(replaced, text)
    return text, counts


def _kind(match: re.Match[str]) -> str:
    """Return what a match is, or "" where it only looks like it."""
    if match["ip"]:
        before = match.string[max(0, match.start() - 12) : match.start()]
        return "ip" if _is_public(match["ip"]) and not _NUMBERED.search(before) else ""
    if match["phone"]:
        return "" if _DECIMAL.fullmatch(match["phone"]) else "phone"
    if match["number"]:
        return "phone"
    return "email" if match["email"] else "secret"


def _is_public(text: str) -> bool:
    """Return whether it is an address of the public Internet and no section's number."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return address.is_global and re.fullmatch(r"[0-9](?:\.[0-9]){3}", text) is None


def _with_counts(table: pa.Table, found: dict[int, Counter[str]]) -> pa.Table:
    """Return the table with the counts of the rows added to their `meta`."""
    metas = table.column("meta").to_pylist()
    for row, counts in found.items():
        meta = dict(metas[row] or [])
        for kind, count in sorted(counts.items()):
            key = f"pii_{kind}"
            meta[key] = str(int(meta.get(key) or 0) + count)
        metas[row] = list(meta.items())
    return set_column(table, "meta", pa.array(metas, SCHEMA.field("meta").type))
