"""The site that a page belongs to, by its address."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc
import xxhash
from tld import get_tld

from stages.stage import Batch

Sites = npt.NDArray[np.uint64]
Site = Literal["domain", "host"]

NO_SITE = 0
"""The key of pages without a site."""


def host_of(uri: str) -> str:
    """Return the lower-case host of an address, "" where there is none.

    >>> host_of("https://User@Mill.example:80/a"), host_of("file:///a"), host_of("http://[")
    ('mill.example', '', '')
    """
    try:
        return urlsplit(uri).hostname or ""
    except ValueError:  # an unclosed [
        return ""


def domain_of(host: str) -> str:
    """Return the part of a host that one can register, or the host where there is none.

    Hosting services on the public suffix list count like top-level domains: their customers
    have sites of their own.

    >>> domain_of("www.mill.co.uk"), domain_of("a.alice.blogspot.com"), domain_of("10.0.0.1")
    ('mill.co.uk', 'alice.blogspot.com', '10.0.0.1')
    """
    found = get_tld(f"http://{host}/", as_object=True, fail_silently=True, search_private=True)
    return host if found is None or isinstance(found, str) else found.fld


def site_keys(batch: Batch, by: Site) -> Sites:
    """Return uint64[N], a number per row, equal for pages of one site; NO_SITE without one."""
    uris = pc.struct_field(batch.table.column("source"), "uri").to_pylist()
    hosts = [host_of(uri or "") for uri in uris]
    keys = {host: _key(host, by) for host in set(hosts)}
    return np.array([keys[host] for host in hosts], np.uint64)


def _key(host: str, by: Site) -> int:
    if not host:
        return NO_SITE
    return xxhash.xxh3_64_intdigest((host if by == "host" else domain_of(host)).encode())
