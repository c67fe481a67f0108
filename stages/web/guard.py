"""Which addresses are never connected to, looked up and checked where the connection is made.

A name is looked up by `GuardedResolver`, whose answer is what the connector connects to: there
is no second look-up in between that could answer otherwise (DNS rebinding). `SocketMaker`
checks once more, for addresses that stand in a URL as numbers.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from stages.web.options import Web
from stages.web.status import CREDENTIALS, NO_ADDRESS, PORT, PRIVATE, SCHEME, FetchError

IP = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052; 64:ff9b:1::/48 is local
_SPECIAL: Final = """
    0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24
    192.0.2.0/24 192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24
    224.0.0.0/3 168.63.129.16/32 2001::/23 2001:db8::/32 3fff::/20
"""
"""IANA's special-purpose addresses, multicast and reserved ones, a cloud's metadata at a public
address, and the special parts of IPv6's global unicast."""
_REFUSED: Final = tuple(map(ipaddress.ip_network, _SPECIAL.split()))
_UNICAST: Final = ipaddress.IPv6Network("2000::/3")  # all that is global of IPv6
_LOOKUPS: Final = 32  # names looked up at a time


def is_public(address: str) -> bool:
    """Tell whether an IP address is one of the public internet, also inside an IPv6 address.

    >>> is_public("93.184.215.14"), is_public("127.0.0.1"), is_public("::ffff:10.0.0.1")
    (True, False, False)
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    inner = _embedded(ip)
    if inner is not None:
        return is_public(str(inner))
    special = any(ip in network for network in _REFUSED)
    return not special and (ip.version == 4 or ip in _UNICAST)


def _embedded(ip: IP) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that an IPv6 address leads to: mapped, NAT64 or 6to4."""
    if ip.version == 4:
        return None
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour


def plain(uri: str) -> str:
    """Return the address that is asked for a URI: without its fragment, written in one way.

    >>> plain(" HTTP://A.example/x y.png#top")
    'http://a.example/x%20y.png'
    """
    try:
        return str(URL(uri.strip()).with_fragment(None))
    except (ValueError, UnicodeError):
        return uri


def parse(uri: str, web: Web) -> URL:
    """Return an address that may be asked, without its fragment.

    Raises:
        FetchError: when it may not.
    """
    try:
        url = URL(uri.strip()).with_fragment(None)
        return checked(url, web)
    except (ValueError, UnicodeError, TypeError) as error:
        raise FetchError(NO_ADDRESS) from error


def checked(url: URL, web: Web) -> URL:
    """Return the URL.

    Raises:
        FetchError: when it may not be asked.
    """
    if url.scheme not in ("http", "https"):
        raise FetchError(SCHEME)
    if not url.raw_host or len(str(url)) > 8000:
        raise FetchError(NO_ADDRESS)
    if url.user is not None or url.password is not None:
        raise FetchError(CREDENTIALS)
    if url.port not in web.ports:
        raise FetchError(PORT)
    if not web.allow_private:
        _check_literal(url.raw_host)
    return url


def _check_literal(host: str) -> None:
    try:
        public = is_public(host)
    except ValueError:
        return  # a name: looked up and checked when it is connected to
    if not public:
        raise FetchError(PRIVATE)


class GuardedResolver(AbstractResolver):
    """Looks up names and refuses those that lead to a private address.

    Attributes:
        web: whether private addresses are allowed.
    """

    def __init__(self, web: Web) -> None:
        self.web = web
        self._pool = ThreadPoolExecutor(_LOOKUPS, thread_name_prefix="dns")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a name.

        Raises:
            FetchError: when one of them is private.
            OSError: when it has none.
        """
        loop = asyncio.get_running_loop()
        infos = await loop.run_in_executor(self._pool, _look_up, host, port, family)
        for _, _, _, _, address in infos:
            _check_address(str(address[0]), self.web)
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=port,
                family=kind,
                proto=proto,
                flags=socket.AI_NUMERICHOST,
            )
            for kind, _, proto, _, address in infos
        ]

    async def close(self) -> None:
        """Forget the look-ups that nobody waits for any more."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _look_up(host: str, port: int, family: int) -> list[Any]:
    try:
        return list(socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM))
    except UnicodeError as error:  # a label that is empty or too long
        raise OSError(f"{host!r} is no name") from error


def _check_address(address: str, web: Web) -> None:
    if not (web.allow_private or web.proxy or is_public(address)):
        raise FetchError(PRIVATE)


class SocketMaker:
    """Makes the socket for an address that may be connected to."""

    def __init__(self, web: Web) -> None:
        self.web = web

    def __call__(self, info: Any) -> socket.socket:
        """Return a socket for the address of a `getaddrinfo` entry.

        Raises:
            FetchError: when it may not be connected to.
        """
        family, kind, proto, _, address = info
        _check_address(str(address[0]), self.web)
        return socket.socket(family=family, type=kind, proto=proto)
