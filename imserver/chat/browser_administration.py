"""What an operator does to browsers and links, beside a running server or on a stopped database; a part of `Administration`.

A browser: `device_id`, `label`, `made_at`, `seen_at` (UTC ms). A link: `id`, `state` (`open`, `used`, `expired`), `made_by` (a
device of the user, "" for an operator), `made_at`, `expires_at`, `used_at`, `used_by`; its secret is told once, at its making.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from imserver.chat.browsers import SECRET_BYTES, is_fresh, put_label, put_link, text_of
from imserver.chat.ports import Store
from imserver.chat.transaction import OPERATOR
from imserver.clock import Clock
from imserver.errors import Refusal, RefusalCode
from imserver.model import BOT, Link

#: Links that are listed.
MAX_LINKS = 200


class BrowserAdministration:
    """`named`: the account that an id names, or NOT_FOUND. `sessions`: how many sessions a user has."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        named: Callable[[str], Awaitable[str]],
        sessions: Callable[[str], int],
    ) -> None:
        self._store = store
        self._clock = clock
        self._named = named
        self._sessions = sessions

    async def browsers(self, user_id: str) -> dict[str, Any]:
        """`{"user_id", "browsers": […]}`, those that were seen last first. NOT_FOUND."""
        named = await self._named(user_id)
        found = await self._store.read(lambda reader: reader.browsers_of(named))
        return {"user_id": named, "browsers": [each._asdict() for each in found]}

    async def sign_out(self, user_id: str, device_id: str) -> dict[str, Any]:
        """End a browser, whatever copy of the database comes back: `{"user_id", "device_id", "label", "sessions_ended"}`.
        NOT_FOUND."""
        told = await self.browsers(user_id)
        named = told["user_id"]
        found = next((each for each in told["browsers"] if each["device_id"] == device_id), None)
        if found is None:
            raise Refusal(RefusalCode.INVALID, f"{named} has no browser {device_id!r}", detail="device_id")
        before = self._sessions(named)
        await self._store.put_on_record("sign_out", {"user": named, "device": device_id, "by": OPERATOR})
        ended = max(0, before - self._sessions(named))
        return {"user_id": named, "device_id": device_id, "label": found["label"], "sessions_ended": ended}

    async def label(self, user_id: str, device_id: str, label: str) -> dict[str, Any]:
        """Call it this. NOT_FOUND; INVALID."""
        named = await self._named(user_id)
        try:
            await self._store.write(partial(put_label, named, device_id, label, OPERATOR))
        except Refusal as refusal:
            if refusal.code is not RefusalCode.NOT_FOUND:
                raise
            raise Refusal(RefusalCode.INVALID, f"{named} has no browser {device_id!r}") from None
        return {"user_id": named, "device_id": device_id, "label": label}

    async def make_link(self, user_id: str) -> dict[str, Any]:
        """A link that signs one browser of this account in, once, within ten minutes: `{"user_id", "secret" (text),
        "expires_at"}`. NOT_FOUND; INVALID for a bot, and for a disabled account."""
        named = await self._named(user_id)
        person = await self._store.read(lambda reader: reader.person(named))
        if person is None or person.user.kind == BOT or person.disabled_at is not None:
            state = "a bot" if person is not None and person.user.kind == BOT else "disabled"
            raise Refusal(RefusalCode.INVALID, f"{named} is {state}: nobody signs in with that account")
        secret = secrets.token_bytes(SECRET_BYTES)
        expires_at = await self._store.write(partial(put_link, named, secret, "", OPERATOR))
        return {"user_id": named, "secret": text_of(secret), "expires_at": expires_at}

    async def links(self, user_id: str) -> dict[str, Any]:
        """`{"user_id", "links": […]}`, the newest first, at most `MAX_LINKS`. NOT_FOUND."""
        named = await self._named(user_id)
        found = await self._store.read(lambda reader: reader.links_of(named, MAX_LINKS))
        return {"user_id": named, "links": [self._told(each) for each in found]}

    async def revoke_link(self, user_id: str, link_no: int) -> dict[str, Any]:
        """Make a link useless, whatever copy of the database comes back. One that was used: end what came of it, see
        `sign_out`. NOT_FOUND; INVALID for a link that is not open."""
        named = await self._named(user_id)
        found = await self._store.read(lambda reader: reader.links_of(named, MAX_LINKS))
        link = next((each for each in found if each.link_no == link_no), None)
        if link is None or link.used_at is not None:
            why = "none of its links has this id" if link is None else f"it was used by {link.used_by}"
            raise Refusal(RefusalCode.INVALID, f"{named}: {why}", detail="link")
        await self._store.put_on_record("revoke_link", {"user": named, "link": link.secret_hash.hex()})
        return {"user_id": named, "id": link_no}

    def _told(self, link: Link) -> dict[str, Any]:
        state = (
            "used"
            if link.used_at is not None
            else "open"
            if is_fresh(link, self._clock.now_ms())
            else "expired"
        )
        told = link._asdict()
        del told["secret_hash"], told["user_id"]
        return {"id": told.pop("link_no"), "state": state, **told}
