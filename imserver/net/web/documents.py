"""Headers of web pages of ours: what they may load, to whom they may speak, and who may show them in a frame."""

from __future__ import annotations

from collections.abc import Sequence

from imserver.config import HttpConfig
from imserver.http_requests import Asked, Page
from imserver.net.web.site import CSP

#: Scripts, styles and pictures of this server alone; nothing inline, no `eval`, no other server. `blob:` and `data:` are
#: what a page makes itself: pictures before they are sent, a recording.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:;"
    " connect-src 'self' {socket}; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self';"
    " frame-ancestors {ancestors}"
)


def is_secure(http: HttpConfig) -> bool:
    """Whether browsers reach this listener by HTTPS: its own, or that of a proxy in front."""
    return bool(http.tls_certificate) or http.public_url.lower().startswith("https://")


class Documents:
    """The headers of documents. `ancestors`: origins whose pages may show ours in a frame."""

    def __init__(self, ancestors: Sequence[str], *, secure: bool) -> None:
        self._ancestors = " ".join(ancestors) or "'none'"
        self._scheme = "wss" if secure else "ws"

    def finished(self, asked: Asked, page: Page) -> Page:
        """The page; with the headers of documents, if it is one. Its host was checked before: it is one of our list."""
        if not page.document:
            return page
        # Older browsers do not count the socket's scheme as part of 'self'.
        socket = f"{self._scheme}://{asked.headers.get('host', '')}"
        policy = _POLICY.format(socket=socket, ancestors=self._ancestors)
        # No window of another site keeps a handle on ours.
        headers = [*page.headers, (CSP, policy), ("cross-origin-opener-policy", "same-origin")]
        return page._replace(headers=headers)
