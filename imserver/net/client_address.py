"""Client address behind HTTP proxies: read from `Forwarded` (RFC 7239) and `X-Forwarded-For`, if proxies of ours wrote them.

A header grows to the right: each proxy appends the peer that it had. So the entries are read from the right, as long as a proxy
of ours wrote them; the first address that is none is the client's. What stands left of it anybody may have written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from imserver.networks import Proxies, canonical

#: Hops that are followed. Four proxies of one's own in a row are many already; nothing is believed behind so many.
MAX_HOPS = 16
#: A longer line of `Forwarded`, which can only be read from its beginning, is not read (characters).
MAX_LINE_CHARS = 8192

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_PAIR = rf"({_TOKEN})=({_TOKEN}|{_QUOTED})"
#: One pair and what stands behind it: `;` another pair of this hop, `,` the next hop, or the end.
_STEP = re.compile(rf"[ \t]*{_PAIR}[ \t]*([;,]|$)")
#: An address with or without a port. IPv6 stands in brackets.
_NODE = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*)\]|(?P<four>[0-9.]+))(?::\d{1,5})?")


def client_address(headers: Iterable[tuple[str, str]], peer: str, proxies: Proxies) -> str:
    """The address of the client whose request `peer` brings; `headers` are all lines of the request, in their order.

    A peer that is no proxy of ours is the client, whatever it sends. A hop that names no address (`unknown`, `_hidden`,
    garbage) hides what is behind it: then the proxy that named it stands for the client. If there are both headers and they do
    not agree, a proxy passed on one of them as the client wrote it: neither is believed, and `peer` stands for the client.
    """
    if peer not in proxies:
        return canonical(peer) or peer
    lines: dict[str, list[str]] = {"forwarded": [], "x-forwarded-for": []}
    for name, value in headers:
        if (found := lines.get(name.lower())) is not None:
            found.append(value)
    told = {
        _behind(peer, hops(reversed(lines[name])), proxies)
        for name, hops in (("forwarded", _forwarded), ("x-forwarded-for", _x_forwarded_for))
        if lines[name]
    }
    return told.pop() if len(told) == 1 else canonical(peer) or peer


def _behind(peer: str, hops: Iterator[str | None], proxies: Proxies) -> str:
    """Follow the hops, the nearest first, from one proxy of ours to the next."""
    address = canonical(peer) or peer
    for _, hop in zip(range(MAX_HOPS), hops, strict=False):
        if hop is None:
            break
        address = hop
        if address not in proxies:
            break
    return address


def _forwarded(lines: Iterable[str]) -> Iterator[str | None]:
    for line in lines:
        yield from reversed(_elements(line))


def _elements(line: str) -> list[str | None]:
    """The `for` of each hop in a line, from the left. A line that is not of RFC 7239 is one hop that names no address: a quote
    that the client left open may swallow what a proxy appended."""
    hops: list[str | None] = []
    pairs: dict[str, str] = {}
    at, end = 0, ","
    if len(line) > MAX_LINE_CHARS:
        return [None]
    while end:
        step = _STEP.match(line, at)
        if step is None or step[1].lower() in pairs:
            return [None]
        name, value, end = step.groups()
        pairs[name.lower()] = value
        at = step.end()
        if end != ";":
            hops.append(_node(_unquoted(pairs.get("for", "")), bare_ipv6=False))
            pairs = {}
    return hops


def _unquoted(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value


def _x_forwarded_for(lines: Iterable[str]) -> Iterator[str | None]:
    for line in lines:
        for part in reversed(line.rsplit(",", MAX_HOPS)):
            yield _node(part.strip(" \t"), bare_ipv6=True)


def _node(text: str, *, bare_ipv6: bool) -> str | None:
    """The address in one hop, with or without a port; None if it names none."""
    found = _NODE.fullmatch(text)
    if found is not None:
        return canonical(found["six"] or found["four"])
    return canonical(text) if bare_ipv6 and "%" not in text else None
