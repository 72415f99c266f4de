"""Where a tool's requests may go: not into the network that the server itself stands in.

A model writes arguments, users write what models read, and a redirect is written by whoever answers. So the address
that a name resolves to is checked, at every request and redirect, and that very address is connected to.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from turnstream import errors

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

_NAT64 = ip_network("64:ff9b::/96")
# All that is assigned for the internet (RFC 4291, section 2.4). Python's own list misses old forms that carry an
# address of version 4 (::a.b.c.d, ::ffff:0:a.b.c.d), local NAT64 (RFC 8215) and site-local addresses.
_INTERNET_6 = ip_network("2000::/3")
# Public by their numbers, and yet the host's own: metadata and wire servers of Azure and Oracle.
_CLOUDS = (ip_network("168.63.129.16/32"), ip_network("192.0.0.0/24"))


class ForbiddenError(OSError):
    """The address is loopback, private, link-local, a metadata service or the like, and nobody allowed it."""


class Guard:
    """``allow`` names what may be reached although it is not public: a host name, an address or a network, each with a
    port if only that is meant: ``localhost:8080``, ``10.1.0.0/16``, ``[::1]:9000``.
    """

    def __init__(self, allow: Sequence[str] = ()) -> None:
        self._names: set[tuple[str, int | None]] = set()
        self._networks: list[tuple[Network, int | None]] = []
        for entry in allow:
            host, port = _split(entry)
            try:
                self._networks.append((ip_network(host, strict=False), port))
            except ValueError:
                if not host or "/" in host:
                    raise errors.ConfigurationError(f"{entry!r} is not a host, an address or a network") from None
                self._names.add((_plain(host), port))

    def check(self, host: str, port: int, address: str) -> None:
        """Raises `ForbiddenError` if ``host``, which resolved to ``address``, may not be reached."""
        found = ip_address(address.partition("%")[0])
        if _is_public(found) or {(_plain(host), port), (_plain(host), None)} & self._names:
            return
        if not any(found in network and allowed in (None, port) for network, allowed in self._networks):
            raise ForbiddenError("the address is not public")

    def check_literal(self, host: str, port: int) -> None:
        """The same for a host that is an address: no resolver is asked for those."""
        try:
            ip_address(host.partition("%")[0])
        except ValueError:
            return
        self.check(host, port, host)


class Resolver(AbstractResolver):
    """Gives only addresses that the guard allows. One that it forbids makes all of them suspect."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        for result in found:
            self._guard.check(host, port, result["host"])
        return found

    async def close(self) -> None:
        await self._resolver.close()


def _is_public(address: Address) -> bool:
    return all(_is_global(inner) for inner in _inside(address))


def _is_global(address: Address) -> bool:
    assigned = isinstance(address, IPv4Address) or address in _INTERNET_6
    public = address.is_global and not address.is_multicast
    return assigned and public and not any(address in network for network in _CLOUDS)


def _inside(address: Address) -> list[Address]:
    """The address, and those of version 4 that it carries and a gateway would connect to."""
    if isinstance(address, IPv4Address):
        return [address]
    if address.ipv4_mapped:
        return [address.ipv4_mapped]
    if address in _NAT64:
        return [IPv4Address(int(address) & 0xFFFFFFFF)]
    carried: list[Address] = [address]
    if address.sixtofour:
        carried.append(address.sixtofour)
    if address.teredo:
        carried += address.teredo
    return carried


def _split(entry: str) -> tuple[str, int | None]:
    if entry.startswith("["):
        host, _, rest = entry[1:].partition("]")
        port = rest.removeprefix(":")
    elif entry.count(":") == 1:
        host, _, port = entry.partition(":")
    else:
        host, port = entry, ""
    if port and not (port.isascii() and port.isdigit()):
        raise errors.ConfigurationError(f"{entry!r} has a port that is not a number")
    return host, int(port) if port else None


def _plain(host: str) -> str:
    return host.rstrip(".").lower()
