"""Walk a parsed page once and write down its pieces in document order.

The walk keeps its own stack and visits every node once, so that neither depth nor breadth of a
hostile page costs more than its number of nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from selectolax.lexbor import LexborHTMLParser, LexborNode

from stages.extraction.captions import pair_captions
from stages.extraction.formulas import tex_of_math, tex_of_script
from stages.extraction.gather import Gatherer, Leave, is_hidden
from stages.extraction.images import (
    Attributes,
    is_icon,
    read_image,
    stands_for_formula,
    stands_for_text,
)
from stages.extraction.names import Names
from stages.extraction.tables import settle_table
from stages.extraction.tree import CAPTION, HEADING, ITEM, QUOTE, Tree
from stages.extraction.vocabulary import FOOT, FORM, META, SIDE

Enter = Callable[[Gatherer, LexborNode], "Leave | None"]

_DROPPED_INLINE_NAMES: Final = """
    katex-html MathJax MathJax_Preview MathJax_SVG MathJax_CHTML MathJax_Display mjx-chtml
    mw-editsection lineno linenos ln lnum line-number line-numbers gutter sr-only
    screen-reader-text visually-hidden visuallyhidden noprint reference headerlink anchor-link
    headeranchor anchorjs-link
"""
_DROPPED_INLINE: Final = frozenset(_DROPPED_INLINE_NAMES.split())


def walk(root: LexborNode, *, base: str, everything: bool = False) -> Tree:
    """Return the pieces and spans under `root`.

    Args:
        root: the element to read; its siblings are left alone.
        base: absolute address that relative ones are joined to.
        everything: also read navigation, and flag nothing as junk; for pages that would
            come out empty otherwise.
    """
    gatherer = Gatherer(base=base, everything=everything)
    actions = _ACTIONS_FOR_EVERYTHING if everything else _ACTIONS
    _enter_body(gatherer, root)
    stack: list[tuple[LexborNode, Leave | None]] = []
    node = root.first_child
    steps = 1
    while node is not None:
        steps += 1
        tag = node.tag_id
        if tag == _TEXT:
            gatherer.text(node)
        elif (enter := actions.get(tag, _enter_box)) is not _enter_skipped:
            leave = enter(gatherer, node)
            child = None if leave is _skip else node.first_child
            if child is not None:
                stack.append((node, leave))
                node = child
                continue
            if leave is not None:
                leave(gatherer)
        node = node.next
        while node is None and stack:
            closed, leave = stack.pop()
            if leave is not None:
                leave(gatherer)
            node = closed.next
    gatherer.close()
    gatherer.tree.steps = steps
    return gatherer.tree


def _skip(gatherer: Gatherer) -> None:
    """Stand for "leave the children unread" among the leave actions."""


def _enter_skipped(gatherer: Gatherer, node: LexborNode) -> Leave:
    return _skip


def _enter_body(gatherer: Gatherer, node: LexborNode) -> None:
    """Open the root span; a body's names tell of the page's state and are not heeded."""
    everything, gatherer.everything = gatherer.everything, True
    gatherer.open(node)
    gatherer.everything = everything
    gatherer.tree.spans[0].tier = 0


def _enter_inline(gatherer: Gatherer, node: LexborNode) -> None:
    return None


def _enter_box(gatherer: Gatherer, node: LexborNode) -> Leave:
    if not gatherer.open(node):
        return _skip
    return Gatherer.close


def _enter_light(gatherer: Gatherer, node: LexborNode) -> Leave:
    if not gatherer.open(node, light=True):
        return _skip
    return Gatherer.close


def _named(known: Names) -> Enter:
    """Return the action for a tag that says something about its content."""

    def enter(gatherer: Gatherer, node: LexborNode) -> Leave:
        if not gatherer.open(node, known):
            return _skip
        return Gatherer.close

    return enter


def _of_kind(kind: str, level: int = 0) -> Enter:
    """Return the action for a tag whose text is of one kind."""

    def enter(gatherer: Gatherer, node: LexborNode) -> Leave:
        if not gatherer.open(node, light=True):
            return _skip
        gatherer.push(kind, level)
        return Gatherer.pop

    return enter


def _enter_item(gatherer: Gatherer, node: LexborNode) -> Leave:
    if not gatherer.open(node, light=True):
        return _skip
    gatherer.push(ITEM, max(gatherer.in_list, 1))
    return Gatherer.pop


def _enter_list(gatherer: Gatherer, node: LexborNode) -> Leave:
    if not gatherer.open(node):
        return _skip
    gatherer.in_list += 1
    return _leave_list


def _leave_list(gatherer: Gatherer) -> None:
    gatherer.close()
    gatherer.in_list -= 1


def _enter_break(gatherer: Gatherer, node: LexborNode) -> None:
    gatherer.line_break()


def _enter_rule(gatherer: Gatherer, node: LexborNode) -> None:
    gatherer.flush()


def _enter_link(gatherer: Gatherer, node: LexborNode) -> Leave | None:
    attributes = node.attributes
    if "href" not in attributes or (gatherer.kind is HEADING and _is_fragment(attributes)):
        return None
    if _is_dropped(attributes.get("class")):
        return _skip
    gatherer.in_link += 1
    return _leave_link


def _is_fragment(attributes: Attributes) -> bool:
    return (attributes.get("href") or "").startswith("#")


def _leave_link(gatherer: Gatherer) -> None:
    gatherer.in_link -= 1


def _enter_span(gatherer: Gatherer, node: LexborNode) -> Leave | None:
    attributes = node.attributes
    if attributes and (_is_dropped(attributes.get("class")) or is_hidden(attributes)):
        return None if gatherer.everything else _skip
    return None


def _is_dropped(names: str | None) -> bool:
    return bool(names) and not _DROPPED_INLINE.isdisjoint((names or "").split())


def _enter_pre(gatherer: Gatherer, node: LexborNode) -> Leave:
    if not gatherer.open(node):
        return _skip
    gatherer.in_pre += 1
    return _leave_pre


def _leave_pre(gatherer: Gatherer) -> None:
    gatherer.in_pre -= 1
    if not gatherer.in_pre:
        gatherer.end_code()
    gatherer.close()


def _enter_figure(gatherer: Gatherer, node: LexborNode) -> Leave:
    if not gatherer.open(node):
        return _skip
    gatherer.figures.append(len(gatherer.tree.pieces))
    return _leave_figure


def _leave_figure(gatherer: Gatherer) -> None:
    gatherer.close()
    pair_captions(gatherer.tree.pieces, gatherer.figures.pop(), named=False)


def _enter_picture(gatherer: Gatherer, node: LexborNode) -> Leave:
    gatherer.sources = []
    return _leave_picture


def _leave_picture(gatherer: Gatherer) -> None:
    gatherer.sources = []


def _enter_source(gatherer: Gatherer, node: LexborNode) -> None:
    gatherer.sources.append(node.attributes)


def _enter_image(gatherer: Gatherer, node: LexborNode) -> None:
    attributes = node.attributes
    names = attributes.get("class") or ""
    alt = (attributes.get("alt") or "").strip()
    if alt and stands_for_formula(names):
        gatherer.inline(f"${alt}$")
    elif alt and stands_for_text(names):
        gatherer.inline(alt)
    elif gatherer.everything or not is_icon(names):
        image = read_image(attributes, sources=gatherer.sources, base=gatherer.base)
        if image is not None:
            gatherer.add_image(image)


def _enter_noscript(gatherer: Gatherer, node: LexborNode) -> Leave | None:
    """Read only the pictures in it: the fallbacks of lazily loaded ones.

    One with broken markup inside never ends, and holds the page: it is read like any element,
    and so are those inside it, without looking at them again.
    """
    if gatherer.in_long_noscript:
        return None
    if not gatherer.in_noscript and len(node.text_lexbor()) > _LONGEST_NOSCRIPT:
        gatherer.in_long_noscript = 1
        return _leave_long_noscript
    gatherer.in_noscript += 1
    return _leave_noscript


def _leave_noscript(gatherer: Gatherer) -> None:
    gatherer.in_noscript -= 1


def _leave_long_noscript(gatherer: Gatherer) -> None:
    gatherer.in_long_noscript = 0


def _enter_math(gatherer: Gatherer, node: LexborNode) -> Leave:
    tex, stands_alone = tex_of_math(node)
    _add_tex(gatherer, tex, stands_alone)
    return _skip


def _enter_script(gatherer: Gatherer, node: LexborNode) -> Leave:
    tex, stands_alone = tex_of_script(node)
    _add_tex(gatherer, tex, stands_alone)
    return _skip


def _add_tex(gatherer: Gatherer, tex: str, stands_alone: bool) -> None:
    if tex and stands_alone:
        gatherer.add_formula(tex)
    elif tex:
        gatherer.inline(f"${tex}$")


def _enter_table(gatherer: Gatherer, node: LexborNode) -> Leave:
    if not gatherer.open(node):
        return _skip
    tree = gatherer.tree
    gatherer.tables.append((len(tree.pieces), len(tree.spans), gatherer.row, gatherer.cell))
    gatherer.row = gatherer.cell = 0
    return _leave_table


def _leave_table(gatherer: Gatherer) -> None:
    gatherer.flush()
    tree = gatherer.tree
    first, first_span, row, cell = gatherer.tables.pop()
    if first >= 0:
        settle_table(tree.pieces, tree.spans, first, first_span)
    gatherer.row, gatherer.cell = row, cell
    if gatherer.tables:  # a table around another one is there for layout
        gatherer.tables[-1] = (-1, *gatherer.tables[-1][1:])
    gatherer.close()


def _enter_row(gatherer: Gatherer, node: LexborNode) -> Leave:
    if not gatherer.open(node, light=True):
        return _skip
    gatherer.row = gatherer.number = gatherer.number + 1
    return Gatherer.close


def _enter_cell(gatherer: Gatherer, node: LexborNode) -> Leave:
    if not gatherer.open(node, light=True):
        return _skip
    gatherer.cell = gatherer.number = gatherer.number + 1
    return _leave_cell


def _leave_cell(gatherer: Gatherer) -> None:
    gatherer.close()
    gatherer.cell = 0


_LONGEST_NOSCRIPT: Final = 3000


def _tag_ids(names: Iterable[str]) -> list[int]:
    parser = LexborHTMLParser("")
    return [parser.create_node(name).tag_id for name in names]


_TEXT: Final = 2  # LXB_TAG__TEXT
_TAGS: Final[dict[str, Enter]] = {
    """script style template iframe svg canvas select option button input textarea nav head
    datalist audio video dialog menu map embed frame frameset noframes meter
    progress title link meta base""": _enter_skipped,
    """b i em strong u s small big font tt code kbd samp var sub abbr acronym cite q dfn mark del
    ins strike time label bdi bdo ruby rb rt nobr wbr data output""": _enter_inline,
    "a": _enter_link,
    "span sup": _enter_span,
    "p dd tbody thead tfoot": _enter_light,
    "br": _enter_break,
    "hr": _enter_rule,
    "article": _named(Names(4, 0, 0)),
    "main": _named(Names(3, 0, 0)),
    "aside": _named(Names(0, SIDE, 0)),
    "footer": _named(Names(0, FOOT, 0)),
    "form": _named(Names(0, FORM, 0)),
    "address": _named(Names(0, META, 0)),
    "ul ol dl dir": _enter_list,
    "li dt": _enter_item,
    "blockquote": _of_kind(QUOTE),
    "figcaption caption": _of_kind(CAPTION),
    "figure": _enter_figure,
    "pre listing xmp": _enter_pre,
    "picture": _enter_picture,
    "source": _enter_source,
    "img image amp-img": _enter_image,
    "noscript": _enter_noscript,
    "math": _enter_math,
    "script": _enter_script,
    "table": _enter_table,
    "tr": _enter_row,
    "td th": _enter_cell,
    **{f"h{level}": _of_kind(HEADING, level) for level in range(1, 7)},
}
_ACTIONS: Final[dict[int, Enter]] = {
    tag: action for names, action in _TAGS.items() for tag in _tag_ids(names.split())
}
_ACTIONS[4] = _ACTIONS[10] = _enter_skipped  # comments and doctypes
_ACTIONS_FOR_EVERYTHING: Final = {
    **_ACTIONS,
    **dict.fromkeys(_tag_ids(["nav", "button", "menu", "dialog", "object"]), _enter_box),
}
