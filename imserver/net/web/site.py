"""What a listener answers over HTTP: which hosts, which addresses, and the headers of every answer. Knows no socket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

#: On every answer that does not say otherwise. Nothing here is part of somebody else's page, runs as a script, tells where its
#: reader came from, or is kept on the way.
HEADERS = (
    ("cache-control", "no-store"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ("cross-origin-resource-policy", "same-origin"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
)
#: Hosts that are always answered: whoever asks for these is on this machine.
LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})


class Asked(NamedTuple):
    """A request. `target` is as it came, `headers` have small names, `body` is read only as far as somebody wants it."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: AsyncIterator[bytes]

    @property
    def path(self) -> str:
        """Without what is asked behind it."""
        return self.target.partition("?")[0]


class Page(NamedTuple):
    """An answer, but for the headers of every answer. A page for HEAD may keep its body: it is not sent."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes


Answering = Callable[[Asked], Awaitable[Page]]


class Site:
    """Addresses and who answers them. `hosts` are those of the list, without ports; None: any (a Unix socket has no host).
    `elsewhere`: addresses that somebody else answers before this is asked."""

    def __init__(self, hosts: Iterable[str] | None, elsewhere: Iterable[str] = ()) -> None:
        self._hosts = None if hosts is None else frozenset(host.lower() for host in hosts) | LOCAL_HOSTS
        self._elsewhere = frozenset(elsewhere)
        self._at: dict[str, Answering] = {}
        self._under: dict[str, Answering] = {}

    def at(self, path: str, answer: Answering) -> None:
        """Answer GET and HEAD of this path. Raises ValueError if it is answered already."""

        async def answering(asked: Asked) -> Page:
            if asked.method not in ("GET", "HEAD"):
                return said(405, {"error": f"{asked.method} is not for this address"}, allow="GET, HEAD")
            return await answer(asked)

        self._take(path)
        self._at[path] = answering

    def under(self, prefix: str, answer: Answering) -> None:
        """Answer whatever begins with this. Raises ValueError if that would hide an address that is answered, as `at` does."""
        self._take(prefix)
        self._under[prefix] = answer

    def _take(self, address: str) -> None:
        """Nobody hides what somebody else answers, whoever comes first."""
        for taken in (*self._elsewhere, *self._at, *self._under):
            within = taken in self._under and address.startswith(taken)
            if within or address == taken or (address.endswith("/") and taken.startswith(address)):
                raise ValueError(f"{address!r} would hide {taken!r}, which is answered already")

    async def answer(self, asked: Asked) -> Page:
        """The answer to a request."""
        wrong = self.wrong(asked)
        if wrong is not None:
            return wrong
        path = asked.path
        answering = self._at.get(path)
        if answering is None:
            answering = next((one for prefix, one in self._under.items() if path.startswith(prefix)), None)
        if answering is None:
            return said(404, {"error": "there is nothing here"})
        return await answering(asked)

    def wrong(self, asked: Asked) -> Page | None:
        """What is wrong with a request, whatever it asks for."""
        if self._hosts is not None and host_of(asked.headers.get("host", "")) not in self._hosts:
            return said(421, {"error": "this server does not answer for that host"})
        if not asked.target.startswith("/"):  # of a proxy's kind; it would name another host
            return said(400, {"error": "an address begins with /"})
        if asked.headers.get("content-encoding", "identity") != "identity":
            return said(415, {"error": "a body comes as it is, not compressed"})
        return None


def complete(page: Page) -> Page:
    """The page with the headers of every answer."""
    given = {name.lower() for name, _ in page.headers}
    return page._replace(headers=[*page.headers, *(header for header in HEADERS if header[0] not in given)])


def host_of(header: str) -> str:
    """The host in a Host header, without its port, in small letters; empty for what is none."""
    host, colon, port = header.rpartition(":")
    if not colon or header.endswith("]"):
        return header.lower()
    return host.lower() if port.isascii() and port.isdigit() else ""


def said(status: int, words: Mapping[str, Any], **headers: str) -> Page:
    """An answer in JSON. In `headers` `_` stands for `-`."""
    named = [("content-type", "application/json")]
    named += [(name.replace("_", "-"), value) for name, value in headers.items()]
    return Page(status, named, msgspec.json.encode(words) + b"\n")
