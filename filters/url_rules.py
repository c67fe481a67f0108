"""Drop samples whose address is on a list of blocked domains or holds a blocked string."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np

from stages.elements import Floats
from stages.errors import NotReadyError
from stages.stage import Batch, Filter, Limit, ScoreFn, Scores
from stages.word_lists import read_entries

_HOST: Final = re.compile(r"[a-z][a-z0-9+.\-]*://(?:[^/?#\\]*@)?([^/?#\\:@]+)")


@dataclass(frozen=True, kw_only=True)
class UrlRules(Filter):
    """Drop samples from blocked domains, and those whose URL holds a blocked string.

    A domain blocks its subdomains too: "mill.example" blocks www.mill.example, and not
    windmill.example. Neither rule looks at upper and lower case. Quern brings no list: entries
    stand in an option, in a file (UTF-8, one entry a line), or both. Samples without a URL are
    not judged.

    Reads: source (uri).
    Writes: scores blocked_domain and blocked_string: 1 blocked, 0 not.
    Source: Penedo et al. 2023 (RefinedWeb), arXiv:2306.01116, appendix G.1.

    Attributes:
        domains: as in "mill.example", without scheme, port and path.
        domains_path: file of domains; "" for none.
        strings: that a URL must not hold.
        strings_path: file of strings; "" for none.
    """

    reads: ClassVar[tuple[str, ...]] = ("source",)
    source: ClassVar[str] = "Penedo et al. 2023, arXiv:2306.01116, appendix G.1"
    domains: tuple[str, ...] = ()
    domains_path: str = ""
    strings: tuple[str, ...] = ()
    strings_path: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        for domain in self.domains:
            _check_domain(domain)
        if "" in self.strings:
            raise ValueError("strings holds '', which every URL holds; leave it out")

    def check(self) -> None:
        """Read the files.

        Raises:
            NotReadyError: when one cannot be read, when an entry is not a domain, or when
                nothing is blocked.
        """
        if not self._blocked_domains() and not self._blocked_strings():
            raise NotReadyError(
                "nothing is blocked; set domains, domains_path, strings or strings_path"
            )

    def limits(self) -> tuple[Limit, ...]:
        """Return that neither score may be 1."""
        return (Limit(score="blocked_domain", max=0), Limit(score="blocked_string", max=0))

    def build(self) -> ScoreFn:
        """Read the files and return the function that looks at the URLs."""
        domains, strings = self._blocked_domains(), self._blocked_strings()

        def by_domain(url: str) -> bool:
            return any(domain in domains for domain in _domains_of(url))

        def by_string(url: str) -> bool:
            return any(string in url for string in strings)

        def score(batch: Batch) -> Scores:
            sources = batch.table.column("source").to_pylist()
            urls = [((source or {}).get("uri") or "").lower() for source in sources]
            return {
                "blocked_domain": _judge(urls, [by_domain(url) for url in urls]),
                "blocked_string": _judge(urls, [by_string(url) for url in urls]),
            }

        return score

    def _blocked_domains(self) -> frozenset[str]:
        given = frozenset(domain.lower() for domain in self.domains)
        if not self.domains_path:
            return given
        entries = read_entries(self.domains_path)
        try:
            for entry in entries:
                _check_domain(entry)
        except ValueError as error:
            raise NotReadyError(f"domains_path {self.domains_path!r}: {error}") from error
        return given | frozenset(entries)

    def _blocked_strings(self) -> tuple[str, ...]:
        given = tuple(string.lower() for string in self.strings)
        return (*given, *read_entries(self.strings_path)) if self.strings_path else given


def _check_domain(domain: str) -> None:
    if not re.fullmatch(r"[\w\-]+(\.[\w\-]+)*", domain):
        raise ValueError(f"{domain!r} is no domain; write it as 'mill.example'")


def _domains_of(url: str) -> Iterator[str]:
    """Yield the host of a URL in lower case and the domains that it lies in."""
    host = _HOST.match(url)
    domain = host[1].rstrip(".") if host else ""
    while domain:
        yield domain
        domain = domain.partition(".")[2]


def _judge(urls: list[str], blocked: list[bool]) -> Floats:
    """Return float32[N], 1 blocked, 0 not; NaN where there is no URL."""
    has_url = np.array([url != "" for url in urls], np.bool_)
    return np.where(has_url, np.array(blocked, np.float32), np.float32(np.nan))
