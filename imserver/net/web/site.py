"""What a listener answers over HTTP: which hosts, which addresses, and the headers of every answer. Knows no socket."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from imserver.http_requests import Answering, Asked, Page, said

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
CSP = "content-security-policy"
#: Hosts that are always answered: whoever asks for these is on this machine.
LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})


#: Whose addresses are those of the server itself.
OURS = "the server"


class Site:
    """Addresses and who answers them. `hosts` are those of the list, without ports; None: any (a Unix socket has no host).
    `reserved`: addresses that nobody else may have, whether somebody answers them before this is asked, or nobody does."""

    def __init__(self, hosts: Iterable[str] | None, reserved: Iterable[str] = ()) -> None:
        self._hosts = None if hosts is None else frozenset(host.lower() for host in hosts) | LOCAL_HOSTS
        #: Address -> whose it is.
        self._owners = dict.fromkeys(reserved, OURS)
        self._at: dict[str, Answering] = {}
        self._under: dict[str, Answering] = {}
        #: Whoever is asked for what nobody of these has.
        self.otherwise: Answering = _nothing

    def at(self, path: str, answer: Answering, methods: Sequence[str] = ("GET",), owner: str = OURS) -> None:
        """Answer these methods of this path, HEAD with GET. Raises ValueError if it is answered already."""
        self._take(path, owner)
        self._at[path] = _only(methods, answer)

    def under(
        self, prefix: str, answer: Answering, methods: Sequence[str] | None = None, owner: str = OURS
    ) -> None:
        """Answer whatever begins with this, by default of all methods. Raises ValueError if that would hide an address that is
        answered, as `at` does."""
        self._take(prefix, owner)
        self._under[prefix] = answer if methods is None else _only(methods, answer)

    def _take(self, address: str, owner: str) -> None:
        """Nobody hides what somebody else answers, whoever comes first."""
        for taken, whose in self._owners.items():
            within = taken in self._under and address.startswith(taken)
            if within or address == taken or (address.endswith("/") and taken.startswith(address)):
                raise ValueError(f"{address!r} of {owner} would hide {taken!r} of {whose}")
        self._owners[address] = owner

    def owner_of(self, path: str) -> str | None:
        """Whose address this is; None: whoever is asked otherwise."""
        within = (prefix for prefix in self._under if path.startswith(prefix))
        return self._owners.get(path) or next((self._owners[prefix] for prefix in within), None)

    async def answer(self, asked: Asked) -> Page:
        """The answer to a request."""
        wrong = self.wrong(asked)
        if wrong is not None:
            return wrong
        path = asked.path
        answering = self._at.get(path)
        if answering is None:
            answering = next((one for prefix, one in self._under.items() if path.startswith(prefix)), None)
        return await (answering or self.otherwise)(asked)

    def wrong(self, asked: Asked) -> Page | None:
        """What is wrong with a request, whatever it asks for."""
        if self._hosts is not None and host_of(asked.headers.get("host", "")) not in self._hosts:
            return said(421, {"error": "this server does not answer for that host"})
        if not asked.target.startswith("/"):  # of a proxy's kind; it would name another host
            return said(400, {"error": "an address begins with /"})
        if asked.headers.get("content-encoding", "identity") != "identity":
            return said(415, {"error": "a body comes as it is, not compressed"})
        return None


async def _nothing(asked: Asked) -> Page:
    return said(404, {"error": "there is nothing here"})


def _only(methods: Sequence[str], answer: Answering) -> Answering:
    allowed = sorted({*methods, "HEAD"} if "GET" in methods else methods)

    async def answering(asked: Asked) -> Page:
        if asked.method not in allowed:
            return said(405, {"error": f"{asked.method} is not for this address"}, allow=", ".join(allowed))
        return await answer(asked)

    return answering


def complete(page: Page) -> Page:
    """The page with the headers of every answer."""
    given = {name.lower() for name, _ in page.headers}
    if any(name == CSP and "frame-ancestors http" in value for name, value in page.headers):
        given.add("x-frame-options")  # it knows no list, and the policy that says who may goes before it
    return page._replace(headers=[*page.headers, *(header for header in HEADERS if header[0] not in given)])


def host_of(header: str) -> str:
    """The host in a Host header, without its port, in small letters; empty for what is none."""
    host, colon, port = header.rpartition(":")
    if not colon or header.endswith("]"):
        return header.lower()
    return host.lower() if port.isascii() and port.isdigit() else ""
