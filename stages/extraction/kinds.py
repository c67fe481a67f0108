"""The kinds of tags: what is done with each, what is read of it, and what it says by itself."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from stages.extraction import gather, markup
from stages.extraction.vocabulary import FOOT, FORM, META, SIDE

TRAIT: Final = np.dtype([(name, np.int32) for name in ("action", "known", "kind", "level")])

FORMULA_BOX: Final = "quern-formula"
"""Put into a page in place of a formula on a line of its own."""


class _Kind(NamedTuple):
    """What holds for some tags; the fields are those of `TRAIT`, and what `markup` wants."""

    action: int
    known: int = 0
    kind: int = 0
    level: int = 0
    reads: int = markup.READ_BOX
    traits: int = 0


_SKIPPED: Final = _Kind(gather.SKIPPED, reads=markup.READ_NOTHING, traits=markup.UNREAD)
_RAW: Final = _SKIPPED._replace(traits=markup.RAW)
_VOID: Final = _SKIPPED._replace(traits=markup.VOID)
_EMPTY: Final = _Kind(gather.INLINE, reads=markup.READ_NOTHING, traits=markup.VOID)
_OPENED: Final = _Kind(gather.BOX)

_KINDS: Final[dict[str, _Kind]] = {
    """template svg canvas select option button textarea nav head datalist audio video dialog
    menu map frameset meter progress title""": _SKIPPED,
    "script style iframe noembed noframes plaintext": _RAW,
    "input embed frame link meta base basefont bgsound area col keygen param track": _VOID,
    """b i em strong u s small big font tt code kbd samp var sub abbr acronym cite q dfn mark del
    ins strike time label bdi bdo ruby rb rt nobr data output""": _Kind(
        gather.INLINE, reads=markup.READ_NOTHING
    ),
    "wbr": _EMPTY,
    "a": _Kind(gather.LINK, reads=markup.READ_INLINE),
    "span sup": _Kind(gather.PHRASE, reads=markup.READ_INLINE),
    "p dd tbody thead tfoot": _Kind(gather.LIGHT_BOX),
    "br": _EMPTY._replace(action=gather.LINE_END),
    "hr": _EMPTY._replace(action=gather.RULE),
    "article": _Kind(gather.BOX, known=4, traits=markup.IS_BODY),
    "main": _Kind(gather.BOX, known=3),
    "aside": _Kind(gather.BOX, known=SIDE),
    "footer": _Kind(gather.BOX, known=FOOT),
    "form": _Kind(gather.BOX, known=FORM),
    "address": _Kind(gather.BOX, known=META),
    "ul ol dl dir": _Kind(gather.LIST),
    "li dt": _Kind(gather.LIST_ITEM, kind=gather.ITEM),
    "blockquote": _Kind(gather.TEXT_OF_KIND, kind=gather.QUOTE),
    "figcaption caption": _Kind(gather.TEXT_OF_KIND, kind=gather.CAPTION),
    FORMULA_BOX: _Kind(gather.TEXT_OF_KIND, kind=gather.FORMULA),
    "figure": _Kind(gather.FIGURE),
    "pre listing": _Kind(gather.VERBATIM),
    "xmp": _Kind(gather.VERBATIM, traits=markup.RAW),
    "picture": _Kind(gather.PICTURE, reads=markup.READ_NOTHING),
    "source": _EMPTY._replace(action=gather.SOURCE),
    "img": _Kind(gather.SHOWN_IMAGE, reads=markup.READ_PICTURE, traits=markup.VOID),
    "image amp-img": _Kind(gather.SHOWN_IMAGE, reads=markup.READ_PICTURE),
    "noscript": _Kind(gather.NOSCRIPT, reads=markup.READ_NOTHING),
    "table": _Kind(gather.TABLE_BOX),
    "tr": _Kind(gather.ROW),
    "td th": _Kind(gather.CELL),
    **{
        f"h{level}": _Kind(gather.TEXT_OF_KIND, kind=gather.HEADING, level=level)
        for level in range(2, 7)
    },
    "h1": _Kind(gather.TEXT_OF_KIND, kind=gather.HEADING, level=1, traits=markup.IS_BODY),
}
_NAMED: Final = {name: kind for names, kind in _KINDS.items() for name in names.split()}
_READ_IN_NEED: Final = ("nav", "button", "menu", "dialog")
_SLOTS: Final = 1 << 9


class KindTables(NamedTuple):
    """The kinds as `markup.scan` and `gather.gather` read them; kind 0 is any unknown tag.

    Attributes:
        keys: uint64[_SLOTS], an open hash table of the names of tags.
        numbers: int16[_SLOTS], the number of the kind of each.
        reads: int8[K], what to read of each kind.
        traits: int8[K], traits of each kind for `markup`.
        actions: record[K] of dtype TRAIT.
        actions_in_need: the same, where navigation is read too.
        names: the name of each kind.
    """

    keys: npt.NDArray[np.uint64]
    numbers: npt.NDArray[np.int16]
    reads: npt.NDArray[np.int8]
    traits: npt.NDArray[np.int8]
    actions: npt.NDArray[np.void]
    actions_in_need: npt.NDArray[np.void]
    names: tuple[str, ...]


def _tables() -> KindTables:
    kinds = [_OPENED, *_NAMED.values()]
    keys, numbers = np.zeros(_SLOTS, np.uint64), np.zeros(_SLOTS, np.int16)
    for number, name in enumerate(_NAMED, start=1):
        slot = int(key := markup.fnv(name)) % _SLOTS
        while keys[slot]:
            slot = (slot + 1) % _SLOTS
        keys[slot], numbers[slot] = key, number
    actions = np.array([kind[:4] for kind in kinds], TRAIT)
    in_need = actions.copy()
    names = ("", *_NAMED)
    for name in _READ_IN_NEED:
        in_need[names.index(name)]["action"] = gather.BOX
    return KindTables(
        keys=keys,
        numbers=numbers,
        reads=np.array([kind.reads for kind in kinds], np.int8),
        traits=np.array([kind.traits for kind in kinds], np.int8),
        actions=actions,
        actions_in_need=in_need,
        names=names,
    )


KINDS: Final = _tables()
