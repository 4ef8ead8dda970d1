"""A request over HTTP and its answer, as everybody sees them who answers one, and bounds for whoever is not the listener.

Plugins and features have the same: of a body, of time, and of requests at once.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from imserver.errors import Refusal, RefusalCode
from imserver.networks import IPV6_SITE_BITS, counted_as

#: The body of a request, which is kept in memory, and how long it may take to come in (seconds).
MAX_BODY_BYTES = 64 * 1024
BODY_DEADLINE_S = 10.0
#: One call of a handler (seconds).
HANDLER_DEADLINE_S = 5.0
#: Requests that one feature has in work, and those of one address among them; above that they are to come again.
MAX_AT_ONCE = 64
MAX_OF_AN_ADDRESS = 32
#: HTTP statuses of refusals.
STATUS_OF = {
    RefusalCode.INVALID: 400,
    RefusalCode.FORBIDDEN: 403,
    RefusalCode.NOT_FOUND: 404,
    RefusalCode.CONFLICT: 409,
    RefusalCode.KEY_REUSED: 409,
    RefusalCode.GONE: 410,
    RefusalCode.TOO_LARGE: 413,
    RefusalCode.RATE_LIMITED: 429,
    RefusalCode.OVERLOADED: 503,
    RefusalCode.STORE_FULL: 503,
}


class Asked(NamedTuple):
    """A request. `target` is as it came, `headers` have small names, `body` is read only as far as somebody wants it.
    `address` is the client's, also behind proxies of ours; `unix` for who came by a Unix socket."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: AsyncIterator[bytes]
    address: str = ""

    @property
    def path(self) -> str:
        """Without what is asked behind it."""
        return self.target.partition("?")[0]

    async def read(self) -> bytes:
        """All of the body."""
        return b"".join([chunk async for chunk in self.body])


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks, as far as the listener knows it from cookies: what a plugin keeps of the visitor, and who is signed in."""

    session: Mapping[str, str] = field(default_factory=dict)
    user_id: str | None = None


#: A visitor of whom nothing is known.
NOBODY = Visitor()
#: Who asks, as a plugin may know it.
VisitorOf = Callable[[str], Awaitable[Visitor]]


class Page(NamedTuple):
    """An answer, but for the headers of every answer. A page for HEAD may keep its body: it is not sent.

    `document`: it is part of a web page of ours (HTML, a service worker), and gets the headers of those. `session`: what the
    listener keeps for a plugin and this visitor from now on (None: what there is)."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes
    document: bool = False
    session: tuple[str, Mapping[str, str]] | None = None


Answering = Callable[[Asked], Awaitable[Page]]


class InWork:
    """How many requests are in work: `most` in all, and of one address `of_an_address`, so that none keeps all others out.

    That part is to be wide, for carriers put thousands of people behind one address. Of IPv6 a whole /48 counts as one: with
    two of the 65,536 networks that its owner has, all of the room could be taken."""

    def __init__(self, most: int, of_an_address: int) -> None:
        self._most = most
        self._of_an_address = of_an_address
        self._all = 0
        self._of: Counter[str] = Counter()

    @contextmanager
    def one(self, address: str) -> Iterator[None]:
        """The place of one more, from this address, as long as it is in work. Raises `Refusal` if there is none: OVERLOADED, or
        RATE_LIMITED if it is this address that has too many."""
        counted = counted_as(address, IPV6_SITE_BITS) or ""  # who comes by a Unix socket has none
        if self._all >= self._most:
            raise Refusal(RefusalCode.OVERLOADED, "too many requests at once", retry_after_ms=1000)
        if counted and self._of[counted] >= self._of_an_address:
            text = "too many requests at once from one address; please try again in a moment"
            raise Refusal(RefusalCode.RATE_LIMITED, text, retry_after_ms=1000)
        self._all += 1
        self._of[counted] += 1
        try:
            yield
        finally:
            self._all -= 1
            self._of[counted] -= 1
            if not self._of[counted]:
                del self._of[counted]


class Unanswerable(Exception):
    """The request cannot be handled: with this status, for this reason."""

    def __init__(self, status: int, text: str, **headers: str) -> None:
        super().__init__(text)
        self.status = status
        self.headers = headers


def said(status: int, words: Mapping[str, Any], **headers: str) -> Page:
    """An answer in JSON. In `headers` `_` stands for `-`."""
    named = [("content-type", "application/json")]
    named += [(name.replace("_", "-"), value) for name, value in headers.items()]
    return Page(status, named, msgspec.json.encode(words) + b"\n")


def refused(refusal: Refusal) -> tuple[int, dict[str, str], dict[str, str]]:
    """Status, words and headers of the answer to a refused request."""
    headers = {}
    if refusal.retry_after_ms:
        headers["retry-after"] = str(-(-refusal.retry_after_ms // 1000))
    return STATUS_OF.get(refusal.code, 400), {"error": refusal.text, "code": refusal.code.name}, headers


async def read_body(
    headers: Mapping[str, str], body: AsyncIterator[bytes], *, most: int, within_s: float
) -> bytes:
    """All of a body. Raises `Unanswerable` for one of more than `most` bytes, as soon as that is known, and for a slow one."""
    told = headers.get("content-length", "0")
    if not (told.isascii() and told.isdigit()):
        raise Unanswerable(400, "content-length is a number")
    if len(told) > 18 or int(told) > most:  # not read at all; int() of very long digits is not for us either
        raise Unanswerable(413, f"a body has at most {most} bytes")
    data = bytearray()
    try:
        async with asyncio.timeout(within_s):
            async for chunk in body:
                data += chunk
                if len(data) > most:
                    raise Unanswerable(413, f"a body has at most {most} bytes")
    except TimeoutError:
        raise Unanswerable(408, "the body did not come in time") from None
    return bytes(data)
