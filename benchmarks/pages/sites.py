"""The sites that pages are made of: a template, a bank of texts for each page, a charset."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Site:
    """A template and its pages.

    Attributes:
        template: path of the template without suffix; the folder is the kind.
        banks: the bank of each page.
        charset: encoding of the bytes.
        says_charset: whether the HTTP header names it.
    """

    template: str
    banks: tuple[str, ...]
    charset: str = "utf-8"
    says_charset: bool = True


DOCS = ("sphinx", "rtd", "mkdocs_material", "docusaurus", "javadoc")
DOCS += ("doxygen", "manpage", "docbook", "rustdoc", "gitbook")

WIKIS = ("vector_2010", "vector_2022", "dokuwiki", "moinmoin", "fandom", "confluence", "forge")
WIKIS += ("hashed",)
FORUMS = ("phpbb", "discourse", "xenforo", "qna", "pipermail", "hyperkitty", "threads_old")
FORUMS += ("hashed",)

SHOPS = ("woocommerce", "shopify", "magento", "market_a", "market_b", "hashed", "prestashop")


def _sites(kind: str, names: tuple[str, ...], *banks: str) -> tuple[Site, ...]:
    """Return sites of one kind that share their banks."""
    return tuple(Site(template=f"{kind}/{name}", banks=banks) for name in names)


SITES: tuple[Site, ...] = (
    *_sites("docs", DOCS, *("en_docs",) * 3),
    *_sites("wiki", WIKIS[:6], *("en_wiki",) * 4),
    *_sites("wiki", WIKIS[6:], *("en_wiki",) * 3),
    *_sites("forum", FORUMS[:3], *("en_forum",) * 4),
    *_sites("forum", FORUMS[3:], *("en_forum",) * 3),
    Site(
        template="forum/vbulletin",
        banks=("en_forum",) * 3,
        charset="windows-1252",
        says_charset=False,
    ),
    *_sites("shop", SHOPS[:5], *("en_shop",) * 4),
    *_sites("shop", SHOPS[5:], *("en_shop",) * 3),
    Site(template="shop/tables", banks=("en_shop",) * 4, charset="iso-8859-15", says_charset=False),
)
