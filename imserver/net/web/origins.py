"""Which web pages may open a socket. Nothing on it rests on a cookie: the list keeps others' pages from spending our room."""

from __future__ import annotations

from collections.abc import Iterable

#: What a browser sends for a page that has no origin of its own: a file, a sandbox. Allowed if it is listed.
NONE_OF_ITS_OWN = "null"
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


class Origins:
    """The page's own host, and those of a list. With `tls` the own host counts over https alone."""

    def __init__(self, listed: Iterable[str], *, tls: bool) -> None:
        self._listed = frozenset(canonical(origin) for origin in listed)
        self._schemes = ("https",) if tls else ("http", "https")  # without: a proxy in front may speak it

    def allow(self, origin: str, host: str) -> bool:
        """`origin` and `host` as their headers say it; "" for an origin that was not sent, which is no browser's page."""
        if not origin:
            return True
        named = canonical(origin)
        return named in self._listed or any(
            named == canonical(f"{scheme}://{host}") for scheme in self._schemes
        )


def canonical(origin: str) -> str:
    """In small letters, and without the port if it is the scheme's own."""
    named = origin.lower().removesuffix("/")
    return named.removesuffix(_DEFAULT_PORTS.get(named.partition("://")[0], "/"))
