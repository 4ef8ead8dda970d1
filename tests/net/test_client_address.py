"""Whose request a proxy brings: what our proxies wrote is believed, and nothing that a client can write."""

from __future__ import annotations

from random import Random

import pytest

from imserver.net.client_address import MAX_HOPS, MAX_LINE_CHARS, client_address
from imserver.networks import UNIX, Proxies, canonical, counted_as

OURS = Proxies(["127.0.0.1", "10.0.0.0/8", "2001:db8:ff::/48", UNIX])
PROXY, CLIENT = "10.0.0.1", "203.0.113.9"
F, X = "Forwarded", "X-Forwarded-For"

#: Header lines, and who is the client of a request that `PROXY` brings.
READ: list[tuple[list[tuple[str, str]], str]] = [
    ([], PROXY),
    ([(X, CLIENT)], CLIENT),
    ([("x-FORWARDED-for", f" {CLIENT}\t")], CLIENT),
    ([(X, f"198.51.100.1, {CLIENT}")], CLIENT),
    ([(X, f"198.51.100.1, {CLIENT}, 10.0.0.7, 127.0.0.1")], CLIENT),
    ([(X, "198.51.100.1"), (X, CLIENT)], CLIENT),
    ([(X, f"{CLIENT}:4711")], CLIENT),
    ([(X, "2001:db8::1")], "2001:db8::1"),
    ([(X, "[2001:DB8:0::1]:80")], "2001:db8::1"),
    ([(X, f"::ffff:{CLIENT}")], CLIENT),
    ([(X, "::ffff:10.0.0.2")], "10.0.0.2"),
    ([(X, "10.0.0.3, 10.0.0.2")], "10.0.0.3"),
    ([(F, f"for={CLIENT}")], CLIENT),
    ([(F, f"For={CLIENT};Proto=https;by=10.0.0.1;host=a.example")], CLIENT),
    ([(F, f'proto=http ; for="{CLIENT}:80"')], CLIENT),
    ([(F, 'for="[2001:db8:cafe::17]:4711"')], "2001:db8:cafe::17"),
    ([(F, 'for="[2001:db8:cafe::17]"')], "2001:db8:cafe::17"),
    ([(F, f'for=198.51.100.1, for="{CLIENT}", for=10.1.2.3')], CLIENT),
    ([(F, "for=198.51.100.1"), (F, f"for={CLIENT}")], CLIENT),
    ([(F, 'for="\\2\\03.0.113.9";host="a,;\\"b"')], CLIENT),
    ([(F, 'for="[2001:db8:ff::1]", for=10.0.0.9')], "2001:db8:ff::1"),
    # The proxy that wrote it hides whom it serves, and stands for him.
    *(
        ([(F, f"for=198.51.100.1, {hop}, for=10.0.0.9")], "10.0.0.9")
        for hop in ("for=unknown", "for=_hidden", 'for="_hidden:_80"', "by=203.0.113.1", 'for="2001:db8::1"')
    ),
    *(
        ([(X, f"198.51.100.1, {hop}, 10.0.0.9")], "10.0.0.9")
        for hop in ("unknown", "", "1.2.3", "1.2.3.4.5", "[1.2.3.4]", "fe80::1%eth0", "１.２.３.４", "\x00")
    ),
    # A line that is not of RFC 7239 names nobody, whatever a proxy appended to it.
    *(
        ([(F, line)], PROXY)
        for line in (
            "",
            ",",
            f"for={CLIENT},",
            f'for=", for={CLIENT}',
            "for",
            f"for={CLIENT};for=1.1.1.1",
            f"for=1.1.1.1;For={CLIENT}",
            "for=2001:db8::1",
        )
    ),
    ([(F, 'for="'), (F, f"for={CLIENT}")], CLIENT),
    # Both headers: one of them may be as the client sent it.
    ([(F, f"for={CLIENT}"), (X, CLIENT)], CLIENT),
    ([(F, "for=198.51.100.1"), (X, CLIENT)], PROXY),
    ([(F, ""), (X, CLIENT)], PROXY),
]


@pytest.mark.parametrize(("headers", "client"), READ)
def test_who_is_the_client_of_a_request_that_a_proxy_brings(
    headers: list[tuple[str, str]], client: str
) -> None:
    assert client_address(headers, PROXY, OURS) == client


@pytest.mark.parametrize("peer", [CLIENT, "2001:db8::1", "not an address"])
def test_of_who_is_no_proxy_of_ours_nothing_is_believed(peer: str) -> None:
    headers = [(F, "for=192.0.2.1"), (X, "192.0.2.1")]
    assert client_address(headers, peer, OURS) == peer
    assert client_address(headers, UNIX, Proxies(["127.0.0.1"])) == UNIX
    assert client_address(headers, PROXY, Proxies()) == PROXY


def test_a_proxy_on_a_unix_socket_is_believed_if_it_is_listed() -> None:
    assert client_address([(X, CLIENT)], UNIX, OURS) == CLIENT
    assert client_address([(X, "unknown")], UNIX, OURS) == UNIX


@pytest.mark.parametrize("seed", range(20))
def test_nothing_that_a_client_writes_names_somebody_else(seed: int) -> None:
    """Two proxies of ours append to it: the client is who the first of them saw, or the proxy stands for it."""
    rng = Random(seed)
    pieces = [
        "for=192.0.2.66",
        "192.0.2.66",
        'for="',
        '"',
        ",",
        ";",
        " ",
        "=",
        "\\",
        "for",
        "[",
        "::1",
        "by=",
        "unknown",
        "10.0.0.3",
    ]
    for _ in range(200):
        sent = "".join(rng.choice(pieces) for _ in range(rng.randrange(8)))
        name, first, second = rng.choice(
            (
                (F, f"for={CLIENT}", "for=10.0.0.2"),
                (F, f'for="{CLIENT}"', 'for="[2001:db8:ff::1]"'),
                (X, CLIENT, "10.0.0.2"),
            )
        )
        other = [(X if name == F else F, sent)] if rng.random() < 0.3 else []
        lines = (
            [(name, sent), (name, f"{first}, {second}")]
            if rng.random() < 0.5
            else [(name, f"{sent}, {first}, {second}")]
        )
        assert client_address([*other, *lines], PROXY, OURS) in {CLIENT, PROXY}, (other, lines)


def test_headers_without_end_are_read_only_at_their_end() -> None:
    many = ["198.51.100.1"] * 10_000
    assert client_address([(X, ", ".join([*many, CLIENT]))], PROXY, OURS) == CLIENT
    assert client_address([(X, line) for line in [*many, CLIENT]], PROXY, OURS) == CLIENT
    assert client_address([(F, f"for={line}") for line in [*many, CLIENT]], PROXY, OURS) == CLIENT
    long = ", ".join(f"for={one}" for one in [*many, CLIENT])
    assert len(long) > MAX_LINE_CHARS
    assert client_address([(F, long)], PROXY, OURS) == PROXY, "too long to be read"
    loop = [(X, ", ".join([CLIENT, *(f"10.0.0.{number}" for number in range(1, 2 * MAX_HOPS))]))]
    assert client_address(loop, PROXY, OURS) == f"10.0.0.{MAX_HOPS}", (
        "so many proxies in a row are none of ours"
    )


#: As it is written, and what it counts as.
COUNTED: list[tuple[str, str | None]] = [
    ("192.0.2.1", "192.0.2.1"),
    ("::ffff:192.0.2.1", "192.0.2.1"),
    ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
    ("2001:db8:1:2::", "2001:db8:1:2::/64"),
    ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
    ("fe80::1%eth0", "fe80::/64"),
    ("::1", "::/64"),
    (UNIX, None),
    ("", None),
]


@pytest.mark.parametrize(("address", "counted"), COUNTED)
def test_an_address_counts_as_its_network(address: str, counted: str | None) -> None:
    assert counted_as(address) == counted


@pytest.mark.parametrize("entry", ["", "10.0.0.1/8", "localhost", "10.0.0.0/33", "UNIX", "10.0.0.1-9", "*"])
def test_a_list_of_proxies_has_no_typing_errors(entry: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Proxies(["127.0.0.1", entry])


def test_proxies_are_found_by_address_and_by_network() -> None:
    for address in ("127.0.0.1", "::ffff:127.0.0.1", "10.255.0.1", "2001:db8:ff:1::9", UNIX):
        assert address in OURS
    for address in ("127.0.0.2", "11.0.0.1", "2001:db8:fe::1", "", "10.0.0.1x"):
        assert address not in OURS
    assert UNIX not in Proxies(["10.0.0.0/8"])
    assert not Proxies()
    assert Proxies([UNIX])
    assert canonical("10.0.0.1x") is None
