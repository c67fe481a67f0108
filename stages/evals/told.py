"""How the ledger names the item of an evaluation set that an element is like."""

from __future__ import annotations

import re


def told(name: str, how: str) -> str:
    """Return the reason for dropping what is like an item.

    >>> told("mmmu.parquet#12/question", "34 of 40 words")
    'like eval item mmmu.parquet#12/question (34 of 40 words)'
    """
    return f"like eval item {name} ({how})"


def item_told(reason: str) -> str:
    """Return the name of the item in a reason that `told` made, "" in any other.

    >>> item_told("like eval item a (1).png (2 bits from it)"), item_told("too short")
    ('a (1).png', '')
    """
    found = re.fullmatch(r"like eval item (.+) \([^()]*\)", reason, re.DOTALL)
    return found[1] if found else ""
