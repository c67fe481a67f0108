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

SITES: tuple[Site, ...] = (
    *(Site(template=f"docs/{name}", banks=("en_docs",) * 3) for name in DOCS),
)
