"""`/api/joins…`: a guest's browser shows a code, asks its guest, and goes on as an older account (`chat/joins.py`)."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import msgspec

from imserver.chat.browsers import Came
from imserver.chat.joins import Joins
from imserver.http_requests import Asked, Page, said
from imserver.model import Join, SignedIn
from imserver.net.web.bodies import key_of, read_as, require_words
from imserver.net.web.user_agent import label_of

Handler = Callable[[Asked, bytes], Awaitable[Page]]


class JoinAsked(msgspec.Struct):
    """`shop`: for which shop the code is, as its page is named; "": for any."""

    shop: str = ""


class CodeSaid(msgspec.Struct):
    code: str
    #: 16 bytes in hex, the page's own: an answer that was lost can be asked for again.
    key: str = ""


class Front(Protocol):
    """What the rest of `/api` does for it."""

    async def known(self, asked: Asked) -> tuple[bytes, SignedIn]:
        """Who is signed in, and by which secret."""
        ...

    def secrets(self, asked: Asked) -> list[bytes]:
        """All that the browser holds, good or not."""
        ...

    def came(self, asked: Asked, came: Came) -> Page:
        """The answer to whoever is signed in now."""
        ...


class JoinRoutes:
    """The answers."""

    def __init__(self, front: Front, joins: Joins) -> None:
        self._front = front
        self._joins = joins

    def handlers(self, prefix: str) -> Mapping[str, Mapping[str, Handler]]:
        """Path -> method -> handler."""
        return {
            f"{prefix}joins": {"GET": self._standing, "POST": self._show},
            f"{prefix}joins/accept": {"POST": self._accept},
            f"{prefix}joins/refuse": {"POST": self._refuse},
        }

    async def _show(self, asked: Asked, data: bytes) -> Page:
        wanted = read_as(asked, data, JoinAsked)
        require_words((("shop", wanted.shop),))
        _, who = await self._front.known(asked)
        return said(200, _told(await self._joins.show(who, wanted.shop, asked.address)))

    async def _standing(self, asked: Asked, data: bytes) -> Page:
        _, who = await self._front.known(asked)
        return said(200, _told(await self._joins.standing(who)))

    async def _accept(self, asked: Asked, data: bytes) -> Page:
        wanted = read_as(asked, data, CodeSaid)
        label = label_of(asked.headers.get("user-agent", ""))
        came = await self._joins.accept(
            self._front.secrets(asked), wanted.code, key=key_of(wanted.key), label=label
        )
        return self._front.came(asked, came)

    async def _refuse(self, asked: Asked, data: bytes) -> Page:
        wanted = read_as(asked, data, CodeSaid)
        _, who = await self._front.known(asked)
        await self._joins.refuse(who, wanted.code)
        return said(200, {})


def _told(join: Join | None) -> dict[str, Any]:
    """`state`: `none`; `shown`, with `code` and `expires_at`; `asked`, with `about` as well."""
    if join is None:
        return {"state": "none"}
    told = {"code": join.code, "expires_at": join.expires_at}
    if join.account_id is None:
        return {"state": "shown", **told}
    return {"state": "asked", **told, "about": json.loads(join.about)}
