"""Address guard: allows or refuses a connection by the IP address itself, at connect time.

A host name proves nothing (its DNS answer can change between a check and the connection, and one of two answers can be
private), so `AddressGuard.open_socket` opens every socket, of every redirect. No private address can be reached unless
the operator's configuration names its network.
"""

import ipaddress
import socket
from collections.abc import Sequence
from typing import Any

from yarl import URL

from bot.errors import SourceError, SourceFault

PORTS = (80, 443, 8080, 8443)

_NOT_PUBLIC_V4 = (
    ipaddress.IPv4Network("192.0.0.0/24"),  # IETF protocol assignments, wholly (RFC 6890)
    ipaddress.IPv4Network("192.88.99.0/24"),  # 6to4 relays (RFC 7526)
)
_PUBLIC_V6 = ipaddress.IPv6Network("2000::/3")  # all that IANA has allocated
_NOT_PUBLIC_V6 = (
    ipaddress.IPv6Network("2001::/23"),  # protocol assignments, Teredo among them
    ipaddress.IPv6Network("2001:db8::/32"),  # documentation
    ipaddress.IPv6Network("2002::/16"),  # 6to4: has an IPv4 address within
    ipaddress.IPv6Network("3fff::/20"),  # documentation (RFC 9637)
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: the last four bytes are an IPv4 address


class AddressRefusedError(OSError):
    """The guard opened no socket, because of `fault`.

    The text is the same for each refusal of a kind: only then asyncio raises one of several unchanged.
    """

    def __init__(self, fault: SourceFault) -> None:
        super().__init__(str(fault))
        self.fault = fault


class AddressGuard:
    """Allows public addresses on `allow_ports`, and `allow_networks` (CIDRs) on any port."""

    def __init__(self, allow_networks: Sequence[str] = (), allow_ports: Sequence[int] = PORTS) -> None:
        self._networks = [ipaddress.ip_network(network, strict=False) for network in allow_networks]
        self._ports = frozenset(allow_ports)

    def check_address(self, ip: str, port: int) -> None:
        """Raise AddressRefusedError unless a connection to `ip` (a literal, as getaddrinfo gives it) is allowed."""
        address = _embedded(ipaddress.ip_address(ip.partition("%")[0]))
        if self._is_own(address):
            return
        if not is_public(address):
            raise AddressRefusedError(SourceFault.NOT_PUBLIC)
        if port not in self._ports:
            raise AddressRefusedError(SourceFault.PORT)

    def check_url(self, url: URL, *, by_name: bool = False) -> None:
        """Raise SourceError for an address that can be refused before anything is sent.

        A literal IP address is checked like a connection. `by_name` is for a proxy that resolves the names, so that
        nothing else can check them: local names and other ports are refused too.
        """
        host, port = (url.raw_host or "").rstrip("."), url.port or 0
        try:
            if _is_literal(host):
                self.check_address(host, port)
            elif by_name:
                self._check_name(host, port)
        except AddressRefusedError as error:
            raise SourceError(error.fault) from error

    def check_source(self, url: URL) -> None:
        """Raise SourceError for an address that no poll could reach, before it becomes a source.

        Local names and other ports are refused too, unless the operator named networks: then a name may lead there.
        """
        self.check_url(url, by_name=not self._networks)

    def check_secrecy(self, url: URL) -> None:
        """Raise SourceError unless what is sent is encrypted, or stays in a network the operator named.

        A name proves nothing, so over http only a literal address counts as one in that network.
        """
        host = url.raw_host or ""
        if url.scheme != "https" and not (_is_literal(host) and self._is_own(_embedded(ipaddress.ip_address(host)))):
            raise SourceError(SourceFault.SECRET_OVER_HTTP)

    def open_socket(self, addr_info: tuple[Any, ...]) -> socket.socket:
        """Return a socket for one of getaddrinfo's answers, as aiohttp's `socket_factory`; may raise as above."""
        family, kind, protocol, _, address = addr_info
        self.check_address(str(address[0]), int(address[1]))
        return socket.socket(family, kind, protocol)

    def _is_own(self, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
        return any(address in network for network in self._networks)

    def _check_name(self, host: str, port: int) -> None:
        if "." not in host or host.endswith((".localhost", ".local", ".internal", ".home.arpa", ".lan")):
            raise AddressRefusedError(SourceFault.NOT_PUBLIC)
        if port not in self._ports:
            raise AddressRefusedError(SourceFault.PORT)


def is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Return whether anyone on the internet could reach this address.

    For IPv6 only what IANA has allocated counts; for IPv4, CPython's table without what it wrongly takes for global.
    """
    if isinstance(address, ipaddress.IPv6Address):
        return address in _PUBLIC_V6 and not any(address in network for network in _NOT_PUBLIC_V6)
    odd = address.is_multicast or address.is_reserved or any(address in network for network in _NOT_PUBLIC_V4)
    return address.is_global and not odd


def _embedded(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Return the IPv4 address inside a mapped (RFC 4291) or NAT64 (RFC 6052) one: packets are sent there."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
