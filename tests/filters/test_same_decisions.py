"""Filters and a plain reading of their rules decide alike on texts of any script and shape.

Everything here is strings, lists and `unicodedata`; nothing comes from the compiled tokenizer.
"""

import re
import unicodedata
from collections import Counter
from itertools import groupby
from math import isqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.c4_rules import C4Rules
from filters.character_repetition import CharacterRepetition
from filters.character_shares import CharacterShares
from filters.common_words import CommonWords
from filters.fineweb_rules import FineWebRules
from filters.flagged_words import FlaggedWords
from filters.gopher_quality import GopherQuality
from filters.punctuation import Punctuation
from filters.stop_words import StopWords
from filters.text_repetition import TextRepetition
from filters.word_count import WordCount
from filters.word_repetition import WordRepetition
from stages.engines.training_texts import TINY_WORDS
from tests.filters.test_text_repetition import reference as repetition
from tests.stages.test_tokens import (
    is_ideograph,
    is_written,
    reference_core,
    reference_lines,
    reference_words,
)
from tests.text_batches import batch_of

PIECES = [
    *("the", "The", "mill", "of", "and", "that", "wheel", "NASA", "3.5", "1912", "don't", "#tag"),
    *("##", "#", "...", "…", "-", "•", "*", "a", ".", "!", "?", ",", "{", "“", "”", '"', ")", "("),
    *("lorem ipsum", "JavaScript", "use cookies", "terms of use", "donau" * 12, "e.g."),
    *(
        "你好",
        "水車は粉をひく。",
        "カナ",
        "か\u3099",
        "กา",
        "हिन्दी",
        "Éß",
        "ΑΒγ",
        "шум",
        "كتاب",
        "؟",
    ),
    *("😀", "👩‍🚀", "«", "\u00a0", "\u200b", "\u2028", "\t", "\r", "\u3000", "ǅ", "Ⅷ", "²"),
    *(" ", " ", " ", " ", " ", " ", "\n", "\n", "\n\n", ". ", ".\n", "the mill. "),
]
text = st.lists(st.sampled_from(PIECES), max_size=60).map("".join) | st.text(max_size=40)
again = text.flatmap(lambda one: st.sampled_from([one, one + one, one + "\n" + one, one * 3]))
documents = st.lists(st.lists(st.none() | again, max_size=3), max_size=3)

TERMINAL = ".!?。！？｡．؟۔।॥።։၊။។៕"
CLOSING = "\"'」』﹂﹄“‘«”’»"  # the quotation marks among PIECES and what is like them


class Plain:
    """A document's words, lines and paragraphs."""

    def __init__(self, parts: list[str | None]) -> None:
        self.lines = [line for part in parts for line in reference_lines(part)]
        self.in_lines = [reference_words(line) for line in self.lines]
        self.words = [word for line in self.in_lines for word in line]
        self.chars = sum(map(len, self.lines))
        self.paragraphs = [tuple(lines) for part in parts for lines in self._paragraphs(part or "")]
        marked = sum(any(map(is_unspaced, word)) for word in self.words)
        self.unspaced = 2 * marked > len(self.words)

    @staticmethod
    def _paragraphs(part: str) -> list[list[str]]:
        lines = [(reference_lines(line) or [""])[0] for line in part.split("\n")]
        return [list(group) for filled, group in groupby(lines, key=bool) if filled]


def is_unspaced(character: str) -> bool:
    south_east = unicodedata.name(character, "").startswith(("THAI", "LAO", "KHMER", "MYANMAR"))
    return is_ideograph(character) or (south_east and unicodedata.category(character)[0] == "L")


def share(part: float, whole: float) -> float:
    return part / whole if whole else np.nan


def is_closing(character: str) -> bool:
    return character in CLOSING or unicodedata.category(character) == "Pf"


def ends_sentence(word: str) -> bool:
    while word and (is_closing(word[-1]) or unicodedata.category(word[-1]) == "Pe"):
        word = word[:-1]
    return word != "" and word[-1] in TERMINAL


def starts_small(word: str) -> bool:
    first = next(filter(is_written, word), "A")
    return unicodedata.category(first) == "Ll"


def gopher(plain: Plain) -> dict[str, float]:
    words, lines = plain.words, plain.lines
    marks = sum(
        word.count("#")
        for line in plain.in_lines
        for word in (line[1:] if re.fullmatch("#{1,6}", line[0]) else line)
    )
    bullets = sum(
        line[0] in "•‣⁃▪▫■□●○◦◆◇►▶·∙∗※" or words_of[0] in list("-*+–—")
        for line, words_of in zip(lines, plain.in_lines, strict=True)
    )
    stop = {reference_core(word) for word in words} & set(GopherQuality().stop_words)
    judged = bool(words) and not plain.unspaced
    length = share(sum(map(len, words)), len(words))
    return {
        "words": len(words),
        "mean_word_length": length if judged else np.nan,
        "hash_mark_ratio": share(marks, len(words)),
        "ellipsis_ratio": share(
            sum(word.count("...") + word.count("…") for word in words), len(words)
        ),
        "bullet_line_share": share(bullets, len(lines)),
        "ellipsis_line_share": share(
            sum(line.endswith(("...", "…")) for line in lines), len(lines)
        ),
        "alphabetic_word_share": share(
            sum(any(unicodedata.category(c)[0] == "L" for c in word) for word in words), len(words)
        ),
        "stop_words": len(stop) if judged else np.nan,
    }


def c4(plain: Plain) -> dict[str, float]:
    unwanted = ("javascript", "terms of use", "use cookies")
    clean = [
        (line, words)
        for line, words in zip(plain.lines, plain.in_lines, strict=True)
        if len(words) >= 3
        and (line[-1] in TERMINAL or is_closing(line[-1]))
        and not line.endswith(("...", "…"))
        and not any(each in ascii_lower(line) for each in unwanted)
    ]
    sentences = sum(
        ends_sentence(word) and not (behind and starts_small(behind))
        for _, words in clean
        for word, behind in zip(words, [*words[1:], ""], strict=True)
    )
    return {
        "clean_char_share": share(sum(len(line) for line, _ in clean), plain.chars),
        "lorem_ipsum_lines": sum("lorem ipsum" in ascii_lower(line) for line in plain.lines),
        "curly_bracket_lines": sum("{" in line for line in plain.lines),
        "sentences": sentences,
    }


def ascii_lower(line: str) -> str:
    return re.sub("[A-Z]", lambda match: match[0].lower(), line)


def fineweb(plain: Plain) -> dict[str, float]:
    ends = [line[-1] in TERMINAL or is_closing(line[-1]) for line in plain.lines]
    keys = [tuple(words) for words in plain.in_lines]
    repeated = sum(len(line) for at, line in enumerate(plain.lines) if keys[at] in keys[:at])
    short = sum(len(line) < 30 for line in plain.lines)
    judged = bool(plain.lines) and not plain.unspaced
    return {
        "punctuated_line_share": share(sum(ends), len(ends)),
        "duplicate_line_char_share": share(repeated, plain.chars),
        "short_line_share": share(short, len(plain.lines)) if judged else np.nan,
    }


def gopher_repetition(plain: Plain) -> dict[str, float]:
    keys = [tuple(words) for words in plain.in_lines]
    paragraphs = [tuple(tuple(reference_words(x)) for x in each) for each in plain.paragraphs]
    chars = [sum(map(len, each)) for each in plain.paragraphs]
    again = [at for at, key in enumerate(keys) if key in keys[:at]]
    whole = [at for at, key in enumerate(paragraphs) if key in paragraphs[:at]]
    ngrams = repetition(plain.words)
    return {
        "duplicate_line_share": share(len(again), len(keys)),
        "duplicate_line_char_share": share(sum(len(plain.lines[at]) for at in again), plain.chars),
        "duplicate_paragraph_share": share(len(whole), len(paragraphs)),
        "duplicate_paragraph_char_share": share(sum(chars[at] for at in whole), plain.chars),
        **{name: np.nan if plain.unspaced else value for name, value in ngrams.items()},
    }


def character_repetition(plain: Plain) -> dict[str, float]:
    joined = "\n".join(plain.lines)
    counts = Counter(joined[at : at + 10] for at in range(len(joined) - 9))
    frequent = [count for _, count in counts.most_common(isqrt(len(counts))) if count > 1]
    return {"character_repetition_share": share(sum(frequent), counts.total())}


def word_repetition(plain: Plain) -> dict[str, float]:
    words = [core for word in plain.words if (core := reference_core(word))]
    counts = Counter(tuple(words[at : at + 5]) for at in range(len(words) - 4))
    repeated = sum(count for count in counts.values() if count > 1)
    whole = 0 if plain.unspaced else counts.total()
    return {"word_repetition_share": share(repeated, whole)}


def punctuation(plain: Plain) -> dict[str, float]:
    marks = runs = 0
    for line in plain.lines:
        kinds = ["m" if c in ",;:?!." else "w" if c in "_'" or _in_word(c) else " " for c in line]
        marks += kinds.count("m")
        runs += sum(kind == "w" for kind, _ in groupby(kinds))
    judged = not plain.unspaced and marks + runs >= 12
    return {"punctuation_share": share(marks, marks + runs if judged else 0)}


def _in_word(character: str) -> bool:
    return unicodedata.category(character)[0] in "LNM" and ord(character) < 0x32400


def shares_of_characters(plain: Plain) -> dict[str, float]:
    kinds = [unicodedata.category(each) for line in plain.lines for each in line]
    special = sum(kind[0] not in "LM" for kind in kinds)
    return {
        "uppercase_share": share(sum(kind in ("Lu", "Lt") for kind in kinds), plain.chars),
        "digit_share": share(sum(kind[0] == "N" for kind in kinds), plain.chars),
        "special_share": share(special, plain.chars),
    }


def of_list(name: str, entries: set[str], plain: Plain, *, spaced: bool) -> dict[str, float]:
    found = sum(reference_core(word) in entries for word in plain.words)
    judged = not (spaced and plain.unspaced)
    return {name: share(found, len(plain.words) if judged else 0)}


COMMON = set(TINY_WORDS.read_text(encoding="utf-8").splitlines())
STOP = set(StopWords().stop_words)
CASES = [
    (GopherQuality, {"min_words": 3}, gopher),
    (C4Rules, {}, c4),
    (FineWebRules, {}, fineweb),
    (TextRepetition, {}, gopher_repetition),
    (CharacterRepetition, {}, character_repetition),
    (WordRepetition, {}, word_repetition),
    (Punctuation, {"min_judged": 12}, punctuation),
    (CharacterShares, {"max_uppercase_share": 0.2}, shares_of_characters),
    (WordCount, {"min_words": 3, "max_words": 30}, lambda plain: {"words": len(plain.words)}),
    (CommonWords, {}, lambda p: of_list("common_word_share", COMMON, p, spaced=True)),
    (StopWords, {}, lambda p: of_list("stop_word_share", STOP, p, spaced=True)),
    (
        FlaggedWords,
        {"words": ("mill", "nasa", "水")},
        lambda p: of_list("flagged_word_share", {"mill", "nasa", "水"}, p, spaced=False),
    ),
]


@pytest.mark.parametrize("over", ["sample", "text"])
@pytest.mark.parametrize(
    ("cls", "options", "reading"), CASES, ids=lambda each: getattr(each, "__name__", "")
)
@settings(max_examples=30, deadline=None)
@given(rows=documents)
def test_a_filter_decides_as_a_plain_reading_of_its_rules(cls, options, reading, over, rows):
    operator = cls(over=over, **options)
    scores = operator.build()(batch_of(*rows))
    elements = rows if over == "sample" else [[part] for row in rows for part in row]
    for number, parts in enumerate(elements):
        expected = reading(Plain(parts))
        for limit in operator.limits():
            found = scores[limit.score][number : number + 1]
            plain = np.array([expected[limit.score]], np.float32)
            np.testing.assert_array_equal(found, plain, f"{limit.score} of {parts!r}")
            assert limit.keeps(found) == limit.keeps(plain)
