"""Unicode classes of characters as a lookup table, made once per process from `unicodedata`.

Bit          Characters
-----------  ---------------------------------------------------------------------------
LETTER       general category L*
DIGIT        general category N*
MARK         general category M*: accents and vowel signs, part of the letter before them
UPPER        category Lu or Lt
LOWER        category Ll
SPACE        `str.isspace()`, and U+200B, the break that Khmer and Thai pages put between words
IDEOGRAPH    Han, hiragana, katakana, bopomofo, Yi: each character is a word (UAX #29 §4.1)
UNSPACED     IDEOGRAPH, and Thai, Lao, Khmer, Burmese: no space between words (UAX #14, class SA)
TERMINAL     ends a sentence
QUOTE        closing quotation marks; the straight and the single ones count as closing
CLOSER       may stand between the end of a sentence and the next one: QUOTE, closing brackets
BULLET       begins a list item
DASH         begins a list item when it stands alone
"""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

from stages.token_kernels import (
    BULLET,
    CLOSER,
    DASH,
    DIGIT,
    IDEOGRAPH,
    LETTER,
    LOWER,
    MARK,
    QUOTE,
    SPACE,
    TERMINAL,
    UNSPACED,
    UPPER,
)

_TABLE_SIZE: Final = 0x32400  # behind it: private use, unassigned, and selectors without a class

_BY_CATEGORY: Final = {
    "Lu": LETTER | UPPER,
    "Lt": LETTER | UPPER,
    "Ll": LETTER | LOWER,
    "Lm": LETTER,
    "Lo": LETTER,
    "Nd": DIGIT,
    "Nl": DIGIT,
    "No": DIGIT,
    "Mn": MARK,
    "Mc": MARK,
    "Me": MARK,
    "Pe": CLOSER,
    "Pf": CLOSER | QUOTE,
}
_BY_CHARACTER: Final = {
    TERMINAL: ".!?。！？｡．؟۔।॥።։၊။។៕",
    QUOTE | CLOSER: "\"'」』﹂﹄“‘«",  # the last three close quotations in German and Danish
    BULLET: "•‣⁃▪▫■□●○◦◆◇►▶·∙∗※",
    DASH: "-*+–—",
}
_IDEOGRAPH_RANGES: Final = (
    (0x3005, 0x3007),
    (0x3021, 0x3029),
    (0x3031, 0x3035),
    (0x3038, 0x303C),
    (0x3041, 0x30FF),  # hiragana, katakana
    (0x3100, 0x312F),  # bopomofo
    (0x31A0, 0x31BF),
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xA000, 0xA48C),  # Yi
    (0xF900, 0xFAFF),
    (0xFF66, 0xFF9D),  # halfwidth katakana
    (0x1AFF0, 0x1B16F),  # kana extensions
    (0x20000, 0x323AF),
)
_SOUTH_EAST_ASIAN_RANGES: Final = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Burmese
    (0x1780, 0x17FF),  # Khmer
    (0x19E0, 0x19FF),
    (0xA9E0, 0xA9FF),
    (0xAA60, 0xAA7F),
)


@cache
def class_table() -> npt.NDArray[np.uint16]:
    """Return uint16[0x32400], the class bits of each code point."""
    categories = map(unicodedata.category, map(chr, range(_TABLE_SIZE)))
    table = np.fromiter((_BY_CATEGORY.get(each, 0) for each in categories), np.uint16)
    for bits, characters in _BY_CHARACTER.items():
        table[[ord(each) for each in characters]] |= bits
    spaces = [code for code in range(0x3001) if chr(code).isspace()]
    table[[*spaces, 0x200B]] = SPACE
    written = (table & (LETTER | DIGIT)) > 0
    for first, last in _IDEOGRAPH_RANGES:
        table[first : last + 1][written[first : last + 1]] |= IDEOGRAPH | UNSPACED
    for first, last in _SOUTH_EAST_ASIAN_RANGES:
        letters = (table[first : last + 1] & LETTER) > 0
        table[first : last + 1][letters] |= UNSPACED
    return table


@cache
def lower_table() -> npt.NDArray[np.uint32]:
    """Return uint32[0x32400], each code point's lower case where that is one character."""
    lowered = (chr(code).lower() for code in range(_TABLE_SIZE))
    return np.fromiter(
        (ord(text) if len(text) == 1 else code for code, text in enumerate(lowered)), np.uint32
    )
