"""Formulas as TeX, where a page gives it: MathML annotations, alt texts, MathJax scripts."""

from __future__ import annotations

import re
from typing import Final

from selectolax.lexbor import LexborNode

_LONGEST: Final = 20_000
_DISPLAY_STYLE: Final = re.compile(r"^\{\\displaystyle\s*(.*)\}$", re.DOTALL)


def tex_of_math(node: LexborNode) -> tuple[str, bool]:
    """Return the TeX of a `<math>` and whether it stands on a line of its own.

    Without TeX, the characters of the formula in order are the best there is.
    """
    attributes = node.attributes
    stands_alone = attributes.get("display") == "block"
    annotation = node.css_first('annotation[encoding="application/x-tex"]')
    if annotation is not None:
        return _tidy(annotation.text()), stands_alone
    return _tidy(attributes.get("alttext") or node.text(separator=" ")), stands_alone


def tex_of_script(node: LexborNode) -> tuple[str, bool]:
    """Return the TeX of a MathJax `<script>`, empty for any other script."""
    kind = node.attributes.get("type") or ""
    if not kind.startswith("math/tex"):
        return "", False
    return _tidy(node.text()), "mode=display" in kind


def _tidy(tex: str) -> str:
    tex = " ".join(tex[:_LONGEST].split())
    found = _DISPLAY_STYLE.match(tex)
    return found[1].strip() if found else tex
