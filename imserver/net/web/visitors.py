"""Who asks a plugin over HTTP: the account that a cookie signs in; and what it keeps of the visitor, in a cookie of ours.

A plugin sees neither cookie. What it keeps is the visitor's to read, and nobody's to change.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from functools import partial

import msgspec

from imserver.chat.accounts import Accounts
from imserver.http_requests import Asked, Page, Visitor
from imserver.net.web.api import Api
from imserver.net.web.cookies import Cookies


class Visitors:
    """Knows them for plugins, by `api` and `accounts`."""

    def __init__(self, api: Api, accounts: Accounts, cookies: Cookies) -> None:
        self._api = api
        self._accounts = accounts
        self._cookies = cookies

    async def visitor(self, asked: Asked, plugin: str) -> Visitor:
        """Who asks this plugin."""
        header = asked.headers.get("cookie", "")
        if not header:
            return Visitor()
        found = await self._api.who(asked)
        user_id = found[1].user.user_id if found is not None and found[1].active else None
        sessions = self._cookies.found(header, self._name(asked, plugin), partial(self._opened, plugin))
        return Visitor(next(iter(sessions), {}), user_id)

    def kept(self, asked: Asked, page: Page) -> Page:
        """The page; with the cookie of what its plugin keeps from now on."""
        if page.session is None or not self._accounts.signs:
            return page
        plugin, session = page.session
        name = self._name(asked, plugin)
        cookie = (
            self._cookies.given(name, self._sealed(plugin, session)) if session else self._cookies.taken(name)
        )
        return page._replace(headers=[*page.headers, cookie])

    def _name(self, asked: Asked, plugin: str) -> str:
        return self._cookies.name(asked.headers.get("host", ""), f"-{plugin}")

    def _sealed(self, plugin: str, session: Mapping[str, str]) -> str:
        data = msgspec.json.encode(session)
        return base64.urlsafe_b64encode(self._sum(plugin, data) + data).decode("ascii")

    def _opened(self, plugin: str, text: str) -> dict[str, str] | None:
        if not self._accounts.signs:
            return None
        try:
            data = base64.b64decode(text, altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        mark, data = data[:32], data[32:]
        if not hmac.compare_digest(mark, self._sum(plugin, data)):
            return None
        return msgspec.json.decode(data, type=dict[str, str])

    def _sum(self, plugin: str, data: bytes) -> bytes:
        return self._accounts.derived(b"visitor", f"{plugin}\0".encode() + data)
