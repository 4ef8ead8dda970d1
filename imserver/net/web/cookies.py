"""The cookie by which a browser is signed in: made for it, found among what it sends, and taken away.

Scripts cannot read it, it goes to this host alone, and no page of another site makes a browser send it with what it posts.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import TypeVar

from imserver.chat.browsers import BROWSER_DAYS
from imserver.net.web.site import host_of

#: Browsers keep no cookie for longer.
MAX_AGE_S = BROWSER_DAYS * 24 * 3600
#: Of one name, and such as we make them; each is looked up. On plain HTTP a browser may be given others by whatever runs on
#: another port of the same host.
MAX_OF_A_NAME = 32
T = TypeVar("T")
_ATTRIBUTES = "Path=/; HttpOnly; SameSite=Lax"


class Cookies:
    """`secure`: browsers come by HTTPS. Then the name begins with a prefix under which only this very host can set it."""

    def __init__(self, *, secure: bool) -> None:
        self._secure = secure

    def name(self, host: str, of: str = "") -> str:
        """What it is called for this Host header. Cookies know no ports: two servers on one machine would take each other's
        away, so without TLS, where servers are tried, the port is part of the name. `of`: one of another purpose."""
        if self._secure:
            return f"__Host-im{of}"
        port = host[len(host_of(host)) :].removeprefix(":")
        return f"im{of}-{port or 80}"

    def found(self, header: str, name: str, read: Callable[[str], T | None]) -> list[T]:
        """What `read` makes of the values under this name, without those that are none of ours. The last that is sent comes
        first: ours is for the whole host, and those for a part of it stand before it (RFC 6265, 5.4)."""
        values = dict.fromkeys(reversed(_values(header, name)))
        whole = (one for one in map(read, values) if one is not None)
        return list(islice(whole, MAX_OF_A_NAME))

    def sends(self, header: str, name: str) -> bool:
        """Whether there is any under this name."""
        return bool(_values(header, name))

    def given(self, name: str, value: str) -> tuple[str, str]:
        """The header that sets it."""
        return "set-cookie", f"{name}={value}; Max-Age={MAX_AGE_S}; {self._attributes}"

    def taken(self, name: str) -> tuple[str, str]:
        """The header that takes it away."""
        return "set-cookie", f"{name}=; Max-Age=0; {self._attributes}"

    @property
    def _attributes(self) -> str:
        return f"{_ATTRIBUTES}; Secure" if self._secure else _ATTRIBUTES


def _values(header: str, name: str) -> list[str]:
    parts = (part.strip().partition("=") for part in header.split(";"))
    return [value for given, _, value in parts if given == name]
