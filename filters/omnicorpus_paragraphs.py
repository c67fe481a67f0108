"""Drop paragraphs that are page furniture, by the rules that OmniCorpus found with people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.character_counts import count_characters
from stages.elements import Floats, Ints, Mask
from stages.stage import Batch, Filter, Level, Limit, ScoreFn, Scores
from stages.text_kinds import heading_levels, is_paragraph, near_media, texts_of
from stages.token_kernels import DIGIT, UPPER
from stages.tokens import share
from stages.word_lists import in_language

_MONTH: Final = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sep(?:tember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_DATE: Final = rf"\b{_MONTH}\s[0-9]{{1,2}},\s[0-9]{{4}}\b|\b[0-9]{{1,2}}\s{_MONTH}\s[0-9]{{4}}\b"
_TIME: Final = (
    r"\b[0-9]{1,2}[:.][0-9]{2}\s?[ap]\.?m\b|\b[0-9]{1,2}\s?[ap]\.?m\b"
    r"|\b(?:[01]?[0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9])?\b"
)
_PHONE: Final = r"\b[0-9]{3}-[0-9]{3}-[0-9]{4}\b|\([0-9]{3}\)\s?[0-9]{3}-[0-9]{4}\b"

# name of the score, longest paragraph in words, whether headings are judged too, pattern
_PATTERNS: Final = (
    (
        "social_counter",
        20,
        False,
        r"(?:^|\W)(?:(?:dis)?likes|followers|subscribers|shares|comments|reviews)[:.\s]*$"
        r"|(?:^|[0-9][km]?\s*)(?:like|share|comment|review)[:.\s]*$",
    ),
    ("call_to_action", 10, False, r"sign[ -](?:in|up)\b|read more|items? in (?:your )?cart"),
    (
        "navigation",
        20,
        False,
        r"^advertisements?$|\b(?:most (?:read|viewed|shared|liked)|top threads|more here)\b"
        r"|\bfor more (?:info(?:rmation)?|details?)\b|^(?:contact (?:us|information)|call us)\b"
        r"|^(?:showing [0-9]+.*results|there are no reviews|log ?in|subscribe|watch on youtube)\b"
        r"|\bthings to do$|^users online",
    ),
    ("contact", 79, False, _PHONE),
    ("date_or_time", 19, False, rf"{_DATE}|{_TIME}"),
    (
        "date_or_address",
        9,
        True,
        r"\bpublished (?:on|by)\b|\b[0-9]{4}-[0-9]{2}-[0-9]{2}\b|\b[0-9]{2}-[0-9]{2}-[0-9]{2}\b"
        r"|\b[0-9]{4}/[0-9]{2}/[0-9]{2}\b|\b[0-9]{2}/[0-9]{2}/[0-9]{4}\b|(?:^|\s)@\w+"
        r"|\b[\w.%+-]+@[\w-]+\.\w{2,}|https?://",
    ),
    ("byline", 9, True, r"^\W*by\s|\(photo:"),
    (
        "credit",
        1_000_000,
        False,
        r"^special thanks\b|\bpublished\s+by\b|\ball photo credits\b|\(cf\.[^()]*\)$"
        r"|\([\w\s&,]+,\s*[0-9]{4}\)$",
    ),
    (
        "unfinished",
        1_000_000,
        False,
        r"\b(?:read (?:more|next|on|the (?:rest|full (?:article|story)))|learn more|see more"
        r"|show more|click here|continue (?:reading|watching)|explore more)\W*$",
    ),
    ("sponsored", 9, True, r"\bsponsored\b"),
)
_POSITIONAL: Final = ("reference", "closing_note", "empty_heading", "comments", "picture_credit")
_NUMBERED: Final = r"^\s*\[[0-9]{1,2}\]\s.*\."
_REFERENCES: Final = r"\breferences?\b"
_COMMENTS: Final = (
    r"^\W*(?:[0-9,]+\s+)?(?:comments?|replies|responses|leave a (?:comment|reply))\W*$"
)
_PICTURE_CREDIT: Final = r"\b(?:download|getty|images?|photos?|source)\b"
_LAST_TEXTS = 5


@dataclass(frozen=True, kw_only=True)
class OmnicorpusParagraphs(Filter):
    """Drop paragraphs by OmniCorpus's rules, each of which people found on samples of pages.

    Paragraphs are text parts without a mark: headings, lists, tables, code, formulas and
    quotations stay, except where a rule names headings. A paragraph is dropped
    - words: of fewer than 5 words; characters: of fewer than 10 characters
    - uppercase_share, digit_share: of more than 0.8 capitals among what is no white space, or
      0.8 digits, unless a picture is within 10 parts
    - social_counter: of up to 20 words, ending in "likes", "followers", "comments", ..., or in
      one of these behind a number: "1 comment"
    - call_to_action: of up to 10 words with "sign in", "sign up", "read more", "item in cart"
    - navigation: of up to 20 words that belong to the page: "advertisement", "most read",
      "for more details", "contact us", "showing 9 results", ...
    - contact: of fewer than 80 words with a phone number
    - date_or_time: of fewer than 20 words with a date or a time of day
    - date_or_address: of fewer than 10 words (headings too) with a date in figures, a user name,
      an e-mail address, a URL, or "published on"
    - byline, sponsored: of fewer than 10 words (headings too) beginning with "by", or with
      "(Photo:"; saying "sponsored"
    - credit: with "special thanks" at its beginning, "published by", or a citation in brackets
      at its end: "(Miller and Stone, 1912)"
    - unfinished: ending in "read more", "click here", "continue reading", ...
    - reference: like "[1] A book.", all of them when the last is among the last 5 texts; from a
      text of fewer than 10 words with "reference" in the last quarter on, everything
    - closing_note: in brackets as a whole, and last of the document
    - empty_heading: a heading before another of its level
    - comments: everything below a heading "Comments"
    - picture_credit: of fewer than 8 words, next to a picture, with "photo", "source", ...
    The rules on words and symbols that mean something hold for English: they abstain on rows
    tagged with another language. OmniCorpus applies all rules up to three times, since one drop
    may bring another: repeat the step for that. Its lists of phrases are longer and partly of
    single sites; those here are Quern's, of the same sense, and match whole words. Its rule on
    flagged words (0.02) is `filters.flagged_words` over "text".

    Reads: messages, tags.
    Writes: scores words, characters, uppercase_share, digit_share; 1 where the rule applies, 0
        where not: the others.
    Source: Li et al. 2024 (OmniCorpus), arXiv:2406.08418, section 3.4, and its released rules.

    Attributes:
        min_words: fewest of a paragraph.
        min_characters: fewest of a paragraph.
        max_uppercase_share: of the characters that are no white space.
        max_digit_share: of all characters.
        picture_distance: in parts; so near to a picture the shares are not judged.
    """

    reads: ClassVar[tuple[str, ...]] = ("messages", "tags")
    source: ClassVar[str] = "Li et al. 2024 (OmniCorpus), arXiv:2406.08418, section 3.4"
    levels: ClassVar[tuple[Level, ...]] = ("text",)
    over: Level = "text"
    min_words: int = 5
    min_characters: int = 10
    max_uppercase_share: float = 0.8
    max_digit_share: float = 0.8
    picture_distance: int = 10

    def limits(self) -> tuple[Limit, ...]:
        """Return the bounds; a rule of the others must not apply."""
        rules = (*(name for name, *_ in _PATTERNS), *_POSITIONAL)
        return (
            Limit(score="words", min=self.min_words),
            Limit(score="characters", min=self.min_characters),
            Limit(score="uppercase_share", max=self.max_uppercase_share),
            Limit(score="digit_share", max=self.max_digit_share),
            *(Limit(score=name, max=0) for name in rules),
        )

    def build(self) -> ScoreFn:
        """Return the function that gives the scores."""

        def score(batch: Batch) -> Scores:
            parts = batch.parts()
            texts = pc.utf8_trim_whitespace(texts_of(parts))
            paragraph, english = is_paragraph(texts), in_language(batch, "en", "text")
            words = batch.tokens().count("words", "text")
            levels = heading_levels(texts)
            counts = {"words": words, "characters": batch.tokens().count("chars", "text")}
            scores = {name: _where(paragraph, count) for name, count in counts.items()}
            scores |= self._shares(batch, paragraph)
            for name, longest, headings, pattern in _PATTERNS:
                judged = english & (paragraph | (headings & (levels > 0)))
                found = _matches(texts, pattern, judged & (words <= longest))
                scores[name] = _where(judged, found)
            by_place = _by_place(batch, texts, words, levels)
            judged = english & (words > 0)
            return scores | {name: _where(judged, by_place[name]) for name in _POSITIONAL}

        return score

    def _shares(self, batch: Batch, paragraph: Mask) -> dict[str, Floats]:
        tokens, parts = batch.tokens(), batch.parts()
        judged = paragraph & ~near_media(parts, self.picture_distance)[parts.is_text]
        upper, digits = count_characters(tokens.data, tokens.lines, (UPPER, DIGIT))
        written = tokens.total(tokens.words["chars"], "words", "text")
        every = tokens.count("chars", "text")
        return {
            "uppercase_share": share(tokens.total(upper, "lines", "text"), written * judged),
            "digit_share": share(tokens.total(digits, "lines", "text"), every * judged),
        }


def _where(judged: Mask, values: Ints | Mask) -> Floats:
    return np.where(judged, values, np.nan).astype(np.float32)


def _matches(texts: pa.StringArray, pattern: str, candidates: Mask) -> Mask:
    """Return bool[T]: which of the candidates the pattern is found in, in whatever case."""
    found = np.zeros(len(texts), np.bool_)
    few = texts.filter(pa.array(candidates))
    hits = pc.match_substring_regex(few, pattern, ignore_case=True)
    found[candidates] = hits.to_numpy(zero_copy_only=False)
    return found


def _by_place(batch: Batch, texts: pa.StringArray, words: Ints, levels: Ints) -> dict[str, Mask]:
    """Return which of the rules that look at the neighbours apply to each text."""
    parts = batch.parts()
    place = np.flatnonzero(parts.is_text)  # among all parts
    row = parts.row[place]
    last = np.r_[row[1:] != row[:-1], True][: len(row)]
    level = np.zeros(len(parts.row) + 1, np.int64)
    level[place] = levels
    next_row = np.r_[parts.row[1:], -1][: len(parts.row)]
    followed = (next_row == parts.row)[place] & (levels > 0) & (level[place + 1] == levels)
    beside = near_media(parts, 1)[place]
    short_and_beside = beside & (words < 8) & (levels == 0)
    return {
        "reference": _references(texts, words, row),
        "closing_note": last & _matches(texts, r"(?s)^\(.*\)$", last),
        "empty_heading": followed,
        "comments": _under_comments(texts, levels, row),
        "picture_credit": _matches(texts, _PICTURE_CREDIT, short_and_beside),
    }


def _references(texts: pa.StringArray, words: Ints, row: Ints) -> Mask:
    everything = np.ones(len(row), np.bool_)
    first, behind = np.searchsorted(row, row), np.searchsorted(row, row, side="right")
    place = np.arange(len(row))
    numbered = _matches(texts, _NUMBERED, everything)
    at_end = numbered & (behind - place <= _LAST_TEXTS)
    numbered &= np.isin(row, row[at_end])
    in_last_quarter = behind - place <= (behind - first) // 4
    heading = _matches(texts, _REFERENCES, in_last_quarter & (words < 10))
    return numbered | _from_on(heading, row)


def _from_on(begins: Mask, row: Ints) -> Mask:
    """Return bool[T]: the texts marked, and all behind them in their row."""
    seen = np.r_[0, np.cumsum(begins)]
    first = np.searchsorted(row, row)
    since: Mask = seen[1:] > seen[first]
    return since


def _under_comments(texts: pa.StringArray, levels: Ints, row: Ints) -> Mask:
    begins = _matches(texts, _COMMENTS, levels > 0)
    under = np.zeros(len(row), np.bool_)
    for start in np.flatnonzero(begins):
        end = int(np.searchsorted(row, row[start], side="right"))
        higher = np.flatnonzero(
            (levels[start + 1 : end] > 0) & (levels[start + 1 : end] <= levels[start])
        )
        under[start : start + 1 + higher[0] if len(higher) else end] = True
    return under
