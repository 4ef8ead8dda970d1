"""Networks: how a peer's address is written, what it is counted as, and which peers are proxies of ours."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

#: What stands for the address of a Unix socket's peer, in the log and in lists of proxies.
UNIX = "unix"
#: Of an IPv6 address the network counts: who has one address there has all 2^64 of them (RFC 6177, RFC 8981).
IPV6_PREFIX_BITS = 64
#: What one customer of a provider may get, and anybody from a tunnel: 65,536 of those networks (RFC 6177).
IPV6_SITE_BITS = 48

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def canonical(text: str) -> str | None:
    """An IP address as the log writes it: IPv4 within IPv6 (`::ffff:192.0.2.1`) is IPv4, and a zone (`%eth0`) goes. None for
    what is no IP address."""
    address = _parsed(text)
    return None if address is None else str(address)


def counted_as(address: str, ipv6_bits: int = IPV6_PREFIX_BITS) -> str | None:
    """What limits count this address as: itself for IPv4, its /64 (or what is asked for) for IPv6. None for a peer that has
    none: the peers of a Unix socket do not count together."""
    parsed = _parsed(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((int(parsed), ipv6_bits), strict=False))
    return str(parsed) if parsed is not None else None


class Proxies:
    """Proxies of ours, as the configuration lists them: addresses, networks (`10.0.0.0/8`), and `unix` for all peers of a Unix
    socket. Raises ValueError for anything else, and for a network with bits behind its prefix."""

    __slots__ = ("_networks", "_trusts_unix")

    def __init__(self, entries: Iterable[str] = ()) -> None:
        listed = list(entries)
        self._trusts_unix = UNIX in listed
        self._networks: list[Network] = [ipaddress.ip_network(entry) for entry in listed if entry != UNIX]

    def __bool__(self) -> bool:
        return self._trusts_unix or bool(self._networks)

    @property
    def are_everybody(self) -> bool:
        """Whether all addresses of IPv4 or of IPv6 are listed as one network."""
        return any(network.prefixlen == 0 for network in self._networks)

    def __contains__(self, address: str) -> bool:
        """Whether the peer with this address is a proxy of ours."""
        if address == UNIX:
            return self._trusts_unix
        parsed = _parsed(address)
        return parsed is not None and any(parsed in network for network in self._networks)


def _parsed(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
