"""The cookie by which a browser is signed in: made for it, found among what it sends, and taken away.

Scripts cannot read it, it goes to this host alone, and no page of another site makes a browser send it with what it posts.
"""

from __future__ import annotations

from imserver.chat.browsers import BROWSER_DAYS
from imserver.net.web.site import host_of

#: Browsers keep no cookie for longer.
MAX_AGE_S = BROWSER_DAYS * 24 * 3600
#: Of one name; a browser that sends more of them has been given them by somebody else.
MAX_OF_A_NAME = 4
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

    def found(self, header: str, name: str) -> list[str]:
        """The values under this name, as they are sent, each once."""
        values: dict[str, None] = {}
        for part in header.split(";"):
            given, _, value = part.strip().partition("=")
            if given == name:
                values[value] = None
        return list(values)[:MAX_OF_A_NAME]

    def given(self, name: str, value: str) -> tuple[str, str]:
        """The header that sets it."""
        return "set-cookie", f"{name}={value}; Max-Age={MAX_AGE_S}; {self._attributes}"

    def taken(self, name: str) -> tuple[str, str]:
        """The header that takes it away."""
        return "set-cookie", f"{name}=; Max-Age=0; {self._attributes}"

    @property
    def _attributes(self) -> str:
        return f"{_ATTRIBUTES}; Secure" if self._secure else _ATTRIBUTES
