"""The sites that pages are made of: a template, a bank of texts for each page, a charset."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Site:
    """A template and its pages.

    Attributes:
        kind: what kind of pages they are.
        template: path of the template without suffix.
        banks: the bank of each page.
        first: number of the first page among those of its template in its kind.
        charset: encoding of the bytes.
        says_charset: whether the HTTP header names it.
    """

    kind: str
    template: str
    banks: tuple[str, ...]
    first: int = 0
    charset: str = "utf-8"
    says_charset: bool = True


DOCS = ("sphinx", "rtd", "mkdocs_material", "docusaurus", "javadoc")
DOCS += ("doxygen", "manpage", "docbook", "rustdoc", "gitbook")
WIKIS = ("vector_2010", "vector_2022", "dokuwiki", "moinmoin", "fandom", "confluence", "forge")
WIKIS += ("hashed",)
FORUMS = ("phpbb", "discourse", "xenforo", "qna", "pipermail", "hyperkitty", "threads_old")
FORUMS += ("hashed",)
SHOPS = ("woocommerce", "shopify", "magento", "market_a", "market_b", "hashed", "prestashop")

OWN_CHARSETS = {
    "ja": ("shift_jis", "euc_jp"),
    "zh_cn": ("gb18030", "gb18030"),
    "zh_tw": ("big5", "big5"),
    "ko": ("euc_kr", "euc_kr"),
    "ar": ("windows-1256", "iso-8859-6"),
    "he": ("windows-1255", "windows-1255"),
}
"""Bank to what its old-style pages and its portal are encoded in, where that is not UTF-8."""


def _sites(kind: str, names: tuple[str, ...], *banks: str) -> tuple[Site, ...]:
    """Return sites of one kind that share their banks."""
    return tuple(Site(kind=kind, template=f"{kind}/{name}", banks=banks) for name in names)


def _world(kind: str, name: str, *banks: str) -> tuple[Site, ...]:
    """Return a site in several languages."""
    return tuple(
        Site(kind=kind, template=f"world/{name}", banks=(bank,), first=first)
        for first, bank in enumerate(banks)
    )


def _local(kind: str, name: str, says_charset: bool, *banks: str) -> tuple[Site, ...]:
    """Return a site in several languages, each encoded as was usual there."""
    return tuple(
        Site(
            kind=kind,
            template=f"world/{name}",
            banks=(bank,),
            first=first,
            charset=OWN_CHARSETS.get(bank, ("utf-8", "utf-8"))[says_charset],
            says_charset=says_charset,
        )
        for first, bank in enumerate(banks)
    )


def _old(kind: str, name: str, charset: str, *banks: str) -> Site:
    """Return a site whose charset stands in its pages alone."""
    template = f"{kind}/{name}"
    return Site(kind=kind, template=template, banks=banks, charset=charset, says_charset=False)


CJK = ("ja", "zh_cn", "zh_tw", "ko")
RTL = ("ar", "he", "fa", "ur")

SITES: tuple[Site, ...] = (
    *_sites("docs", DOCS, *("en_docs",) * 3),
    *_sites("wiki", WIKIS[:6], *("en_wiki",) * 4),
    *_sites("wiki", WIKIS[6:], *("en_wiki",) * 3),
    *_sites("forum", FORUMS[:3], *("en_forum",) * 4),
    *_sites("forum", FORUMS[3:], *("en_forum",) * 3),
    _old("forum", "vbulletin", "windows-1252", *("en_forum",) * 3),
    *_sites("shop", SHOPS[:5], *("en_shop",) * 4),
    *_sites("shop", SHOPS[5:], *("en_shop",) * 3),
    _old("shop", "tables", "iso-8859-15", *("en_shop",) * 4),
    *_world("cjk", "wordpress", *CJK),
    *_world("cjk", "blog", *CJK),
    *_world("cjk", "wiki", *CJK),
    *_world("cjk", "soup", *CJK),
    *_world("cjk", "shop", *CJK),
    *_world("cjk", "vertical", "ja", "zh_tw"),
    *_local("cjk", "portal", True, *CJK),
    *_local("cjk", "table_old", False, *CJK),
    *_world("rtl", "wordpress", *RTL),
    *_world("rtl", "blog", *RTL),
    *_world("rtl", "wiki", *RTL),
    *_world("rtl", "soup", "fa", "ar", "he"),
    *_world("rtl", "shop", "he", "fa", "ar"),
    *_world("rtl", "help", *RTL),
    *_local("rtl", "portal", True, *RTL),
    *_local("rtl", "table_old", False, *RTL),
)
