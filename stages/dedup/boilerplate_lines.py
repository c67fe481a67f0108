"""Drop lines that recur on many pages of one site: menus, notices, slogans."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa

from stages.dedup.pieces import Records, bucket_of_key, grouped, pieces_of, places_of, stretches
from stages.dedup.shingles import mix
from stages.dedup.sites import NO_SITE, Site, Sites, site_keys
from stages.elements import Ints, Mask
from stages.stage import Batch, Bucket, Level, Projection, Regroup


@dataclass(frozen=True, kw_only=True)
class BoilerplateLines(Regroup):
    """Drops lines that say the same on several pages, and a share of the pages, of a site.

    Lines are equal when they differ in letter case and white space alone, and in their numbers
    unless `digits` is off. A line without a letter is not judged (rulers, brackets, table
    borders), nor is a page without a host in its address. A text part, and a sample, that this
    leaves empty goes with its lines.

    Reads: messages, source (uri).
    Writes: messages (without what was dropped). A decision's score is the share of the site's
    pages that bear the line, in (0, 1].
    Source: Laurençon et al. 2023, arXiv:2306.16527, appendix A.1 (OBELICS: paragraphs met more
    than twice in a domain go; min_share 0); Wenzek et al. 2020, arXiv:1911.00359 (CCNet).

    Attributes:
        min_pages: pages of the site that bear the line, at least.
        min_share: share of the site's pages that bear it, at least, in [0, 1].
        site: what a site is: the domain that one can register, or the host.
        keep: whether the line stays on the first page in the order of the run, or on none.
        headings: whether headings ("# ...") are judged.
        digits: whether lines that differ in their numbers are equal.
        min_chars: a shorter line is not judged, characters.
        max_chars: a longer line is not judged, characters.
    """

    reads: ClassVar = ("messages", "source")
    writes: ClassVar = ("messages",)
    source: ClassVar = "OBELICS, arXiv:2306.16527; CCNet, arXiv:1911.00359"
    over: ClassVar[Level] = "text"

    min_pages: int = 3
    min_share: float = 0.1
    site: Site = "domain"
    keep: Literal["none", "first"] = "none"
    headings: bool = False
    digits: bool = True
    min_chars: int = 4
    max_chars: int = 1_000

    def __post_init__(self) -> None:
        if self.min_pages < 2:
            raise ValueError(f"min_pages counts pages and must be at least 2, got {self.min_pages}")
        if not 0 <= self.min_share <= 1:
            raise ValueError(f"min_share is a share and must lie in [0, 1], got {self.min_share}")
        if not 0 < self.min_chars <= self.max_chars:
            raise ValueError(
                f"min_chars must lie in [1, max_chars], got {self.min_chars} and {self.max_chars}"
            )

    def project(self, batch: Batch) -> Projection:
        """Return the lines that are judged, and beside them the number of pages of each site."""
        sites = site_keys(batch, self.site)
        found, pages = np.unique(sites[sites != NO_SITE], return_counts=True)
        parts = batch.parts()
        texts = parts.values.field("text").filter(pa.array(parts.is_text))
        lines = pieces_of(texts, digits=self.digits)
        places = places_of(parts, lines)
        judged = self._judged(lines) & (sites[places["row"]] != NO_SITE)
        columns = {name: values[judged] for name, values in places.items()}
        columns["site"] = sites[columns["row"]]
        columns["key"] = mix(columns["key"] ^ mix(columns["site"]))
        return Projection(rows=pa.table(columns), beside=pa.table({"site": found, "pages": pages}))

    def _judged(self, lines: Records) -> Mask:
        length = lines["chars"]
        judged = (lines["letters"] > 0) & (length >= self.min_chars) & (length <= self.max_chars)
        return judged & ~lines["heading"] if not self.headings else judged

    def partition(self, rows: pa.Table, buckets: int) -> Ints:
        """Return the bucket of each line of a site."""
        return bucket_of_key(rows, buckets)

    def decide(self, rows: pa.Table, bucket: Bucket) -> pa.Table:
        """Return a decision for each place that a line loses."""
        rows, group, pages = _on_pages(rows, self.min_pages)
        of = _pages_of_sites(rows.column("site").to_numpy(), bucket)
        share = (pages / of).astype(np.float32)
        gone = share >= np.float32(self.min_share)
        if self.keep == "first":
            gone &= np.r_[False, group[1:] == group[:-1]][: len(group)]
        rows, pages, of = rows.filter(pa.array(gone)), pages[gone], of[gone]
        told = zip(pages.tolist(), of.tolist(), strict=True)
        reasons = [f"on {page} of {all_} pages of its site" for page, all_ in told]
        return stretches(rows, share[gone], threshold=self.min_share, reason=reasons)


def _on_pages(rows: pa.Table, min_pages: int) -> tuple[pa.Table, Ints, Ints]:
    """Return the rows of lines that enough pages bear, by line, each line's in order of the run.

    Returns:
        The rows; int64[N], the number of the line; int64[N], how many pages bear it.
    """
    order, group = grouped(rows.column("key").to_numpy())
    unit, row = (rows.column(name).to_numpy()[order] for name in ("unit", "row"))
    new = np.r_[True, (np.diff(unit) != 0) | (np.diff(row) != 0) | (np.diff(group) != 0)]
    pages = np.bincount(group[new[: len(group)]], minlength=1)[group]
    enough = pages >= min_pages
    return rows.take(pa.array(order[enough])), group[enough], pages[enough]


def _pages_of_sites(site: Sites, bucket: Bucket) -> Ints:
    """Return int64[N], the number of pages that the run has of each row's site."""
    sites, which = np.unique(site, return_inverse=True)
    pages = np.zeros(len(sites), np.int64)
    for unit in range(bucket.units if len(sites) else 0):
        beside = bucket.beside(unit)
        found = beside.column("site").to_numpy()
        at = np.minimum(np.searchsorted(sites, found), len(sites) - 1)
        known = sites[at] == found
        pages[at[known]] += beside.column("pages").to_numpy()[known]
    return pages[which]
