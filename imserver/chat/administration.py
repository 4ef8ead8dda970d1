"""Administration: what an operator does to accounts, tokens and sessions, beside a running server or on a stopped database.

Arguments and results are plain maps, lists, texts and numbers, ready for JSON. Each act leaves one row in the audit log, of the
source `operator`; one that changes nothing leaves none. What must hold whatever copy of the database comes back goes through
the ledger: `Store.put_on_record`, `chat/records.py`.

A user, as `user`, `users` and each act that changes one tell it: `user_id`, `display_name`, `language`, `kind` (`person` or
`bot`), `state` (`active` or `disabled`), `disabled_at` and `made_at` (UTC ms; `made_at` 0: before this was kept), and `roles`,
each as `{"role": …, "givers": [...]}`: `operator`, the names of plugins, or "" for what was there before givers were kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NoReturn, Protocol

from imserver.chat.accounts import DIGEST_PREFIX, issued_by, shown_token_id, token_id_of
from imserver.chat.browser_administration import BrowserAdministration
from imserver.chat.naming import account_named, put_account
from imserver.chat.ports import Store
from imserver.chat.quotas import DAY_MS
from imserver.chat.reader import Reader
from imserver.chat.transaction import OPERATOR, Transaction
from imserver.clock import Clock
from imserver.errors import Refusal, RefusalCode
from imserver.model import BOT, Person, UsedToken, User, valid_user_id
from imserver.user_ids import canonical_user_id

#: Rows of a page, unless the caller says otherwise; and at most.
PAGE_ROWS, MAX_PAGE_ROWS = 200, 1000
#: The end of revocations that stay. One of a text that was used here goes with it. What was never seen here may live for as
#: long as it likes: no token without `iat` says how old it is, and one that lives for too long only sleeps.
FOR_EVER = (1 << 53) - 1
ACTIVE, DISABLED = "active", "disabled"


class Sessions(Protocol):
    """The sessions of a running server."""

    def listed(self, user_id: str | None, after: str | None, limit: int) -> list[dict[str, Any]]:
        """Sessions in the order of their ids, behind this one: of a user, or all."""
        ...

    def count(self, user_id: str) -> int:
        """How many a user has."""
        ...

    def kick(self, user_id: str, device_id: str | None) -> int:
        """End the sessions of a user, or of one device of it, and say how many."""
        ...


def _nobody(tx: Transaction, user_id: str) -> None:
    """On a stopped database nobody is shown anything."""


class Administration:
    """What an operator may do. `live`: the sessions of the running server; None on a stopped database."""

    def __init__(self, store: Store, clock: Clock, live: Sessions | None = None) -> None:
        self._store = store
        self._clock = clock
        self.live = live
        #: Who shows names beside the chat: told of another one of a person, in the unit that gives it.
        self.renamed: Callable[[Transaction, str], None] = _nobody
        self.browsers = BrowserAdministration(store, clock, self._named, self._count)

    async def traced(self, user_id: str, *, contents: bool) -> None:
        """Keep in the audit log that an operator watches the frames of this user. Raises NOT_FOUND."""
        act = "trace.contents" if contents else "trace.begun"
        await self._store.write(lambda tx: tx.audit(OPERATOR, act, about_id=user_id))

    # -- accounts -----------------------------------------------------------------------------------------------------

    async def users(
        self,
        after: str | None = None,
        limit: int = PAGE_ROWS,
        *,
        state: str | None = None,
        kind: str | None = None,
        role: str | None = None,
    ) -> dict[str, Any]:
        """A page of users in the order of their ids (UTF-8 bytes), behind `after`: `{"users": [...], "next": id or None}`.
        `state`, `kind` and `role` leave out all others."""
        if state not in (None, ACTIVE, DISABLED):
            _invalid("state", f"{ACTIVE} or {DISABLED}")
        disabled = None if state is None else state == DISABLED
        rows = _rows(limit)
        people = await self._store.read(
            lambda reader: reader.people(after, rows + 1, disabled=disabled, kind=kind, role=role)
        )
        more = len(people) > rows
        return {
            "users": [_told(person) for person in people[:rows]],
            "next": people[rows - 1].user.user_id if more else None,
        }

    async def user(self, user_id: str) -> dict[str, Any]:
        """The user, and beside what stands above `tokens`, `sessions` and `conversations`: how many; and `used`: `bytes` in all
        and `day_bytes` of today, as they were written last. Raises NOT_FOUND."""
        named = await self._named(user_id)

        def query(reader: Reader) -> dict[str, Any]:
            now, before, used = self._clock.now_ms(), reader.revoked_before(named), reader.used(named)
            tokens = reader.tokens_of(named, MAX_PAGE_ROWS)
            return {
                **_told(reader.person(named) or _no_user(user_id)),
                "tokens": sum(self._state_of(token, now, before) == "live" for token in tokens),
                "conversations": reader.conversations_of(named),
                "used": {
                    "bytes": used.bytes,
                    "day_bytes": used.day_bytes if used.day == now // DAY_MS else 0,
                },
            }

        return {**await self._store.read(query), "sessions": self._count(named)}

    async def put_user(
        self,
        user_id: str,
        *,
        display_name: str | None = None,
        language: str | None = None,
        roles: Sequence[str] | None = None,
    ) -> dict[str, Any]:
        """Make the account, or change it; what is not given stays: `{"added": bool, "changed": bool, "user": {…}}`.

        `roles`: those that the operator gives from now on. What he gave before, and roles without a known giver, are taken if
        they are not among them; what a plugin gave stays until the plugin takes it, and the answer shows it."""

        def work(tx: Transaction) -> tuple[str, bool, bool]:
            old = account_named(tx, user_id)
            new = old or User(canonical_user_id(user_id), display_name=canonical_user_id(user_id))
            if display_name is not None:
                new = replace(new, display_name=display_name)
            if language is not None:
                new = replace(new, language=language)
            if new != old:
                put_account(tx, new)
                if old is not None and new.display_name != old.display_name:
                    self.renamed(tx, new.user_id)
            changed = new != old
            if roles is not None:
                for role in new.roles:
                    changed |= role not in roles and tx.take_role(new.user_id, role, OPERATOR)
                for role in roles:
                    changed |= tx.give_role(new.user_id, role, OPERATOR)
            if changed:
                tx.audit(OPERATOR, "user.added" if old is None else "user.changed", about_id=new.user_id)
            return new.user_id, old is None, changed

        named, added, changed = await self._store.write(work)
        return {"added": added, "changed": changed, "user": await self._shown(named)}

    async def disable(self, user_id: str) -> dict[str, Any]:
        """Shut a person out, from this moment, and whatever copy of the database comes back: his sessions end (REVOKED), no
        token lets him in, nothing of his is stored any more. What he wrote, owns and belongs to stays. The user, as it is
        now, with `changed` (False: it was so already) and `sessions_ended`. NOT_FOUND; INVALID for a bot."""
        return await self._switch(user_id, "disable", DISABLED)

    async def enable(self, user_id: str) -> dict[str, Any]:
        """Let him in again, with the tokens that were not revoked: the user, with `changed`. NOT_FOUND."""
        return await self._switch(user_id, "enable", ACTIVE)

    async def _switch(self, user_id: str, kind: str, state: str) -> dict[str, Any]:
        user_id = await self._named(user_id)
        before = await self._shown(user_id)
        if before["kind"] == BOT:
            _invalid("user_id", "a bot is its plugin's: end it in the configuration")
        if before["state"] == state:
            return {**before, "changed": False, "sessions_ended": 0}
        sessions = self._count(user_id)
        await self._store.put_on_record(kind, {"user": user_id})
        ended = max(0, sessions - self._count(user_id))
        return {**await self._shown(user_id), "changed": True, "sessions_ended": ended}

    # -- tokens -------------------------------------------------------------------------------------------------------

    async def tokens(self, user_id: str) -> dict[str, Any]:
        """What of this user's tokens was used here, those that end last first, at most `MAX_PAGE_ROWS`:
        `{"tokens": [...], "revoked_before": [...], "more": bool}`. NOT_FOUND.

        A token: `token_id` (its `jti`, or `sha256:…` for one that has none), `device_id`, `used_at` (first), `issued_at` and
        `expires_at` (UTC ms; None: unknown), `revoked` (bool) and `state`: `live`, `expired` or `revoked`.
        `revoked_before`: `device_id` (None: of all devices) and `before` (UTC ms)."""
        named = await self._named(user_id)

        def query(reader: Reader) -> tuple[list[UsedToken], list[tuple[str | None, int]]]:
            return reader.tokens_of(named, MAX_PAGE_ROWS + 1), reader.revoked_before(named)

        tokens, before = await self._store.read(query)
        now = self._clock.now_ms()
        return {
            "tokens": [
                {
                    "token_id": shown_token_id(token.token_id),
                    "device_id": token.device_id,
                    "used_at": token.bound_at,
                    "issued_at": token.issued_at,
                    "expires_at": token.expires_at,
                    "revoked": self._state_of(token, now, before) == "revoked",
                    "state": self._state_of(token, now, before),
                }
                for token in tokens[:MAX_PAGE_ROWS]
            ],
            "revoked_before": [{"device_id": device_id, "before": at} for device_id, at in before],
            "more": len(tokens) > MAX_PAGE_ROWS,
        }

    async def revoke(
        self,
        user_id: str,
        *,
        token_id: str | None = None,
        device_id: str | None = None,
        everything: bool = False,
    ) -> dict[str, Any]:
        """Revoke one token, all of a device that were issued before now, or all that were issued before now: exactly one of
        the three. Sessions that stand on them end. `{"user_id", "token_id" | None, "device_id" | None, "before" | None,
        "known": bool, "sessions_ended": n}`; `known`: False for a token or a device that was never used here, which is revoked
        all the same. `token_id`: as `tokens` shows it. NOT_FOUND without such a user; INVALID."""
        if (token_id is not None) + (device_id is not None) + everything != 1:
            _invalid("token_id", "one of token_id, device_id, everything")
        # Before it is on record, where it stays: what the database cannot take would be in its way at every start, and no
        # device ("") is a name for all.
        for what, given in (("device_id", device_id), ("token_id", token_id)):
            if given is not None and not valid_user_id(given.removeprefix(DIGEST_PREFIX)):
                _invalid(what, "1-64 bytes of UTF-8 without control characters")
        user_id = await self._named(user_id)
        sessions = self._count(user_id)
        before: int | None = None
        known = True
        if token_id is not None:
            whole = token_id_of(user_id, token_id)
            used = await self._store.read(lambda reader: reader.used_token(user_id, whole))
            known = used is not None
            # A digest is one token's. Of a `jti` there may be another one, which lives longer and was not seen here yet.
            ends = used.expires_at if used is not None and token_id.startswith(DIGEST_PREFIX) else None
            until = FOR_EVER if ends is None else ends
            body: dict[str, Any] = {"user": user_id, "token": whole, "until": until}
            await self._store.put_on_record("revoke_token", body)
        else:
            before = self._clock.now_ms()
            if device_id is not None:
                tokens = await self._store.read(lambda reader: reader.tokens_of(user_id, MAX_PAGE_ROWS))
                known = any(token.device_id == device_id for token in tokens)
            browsers = await self._store.read(lambda reader: reader.browsers_of(user_id))
            signed_in = [each.device_id for each in browsers if device_id in (None, each.device_id)]
            body = {"user": user_id, "device": device_id, "before": before, "until": FOR_EVER}
            if signed_in:
                body["browsers"] = signed_in
                known = True
            await self._store.put_on_record("revoke_before", body)
        return {
            "user_id": user_id,
            "token_id": token_id,
            "device_id": device_id,
            "before": before,
            "known": known,
            "sessions_ended": max(0, sessions - self._count(user_id)),
        }

    # -- sessions -----------------------------------------------------------------------------------------------------

    async def sessions(
        self, user_id: str | None = None, after: str | None = None, limit: int = PAGE_ROWS
    ) -> dict[str, Any]:
        """A page of sessions: `{"running": bool, "sessions": [...], "next": id or None}`. A session: `id`, `session` (its
        beginning, as in the log), `user_id`, `device_id`, `connected` (bool), `address` ("" without a connection), `began_at`
        and `expires_at` (UTC ms). `running`: False on a stopped database, which has none. NOT_FOUND."""
        rows = _rows(limit)
        user_id = None if user_id is None else await self._named(user_id)
        found = self.live.listed(user_id, after, rows + 1) if self.live is not None else []
        more = len(found) > rows
        return {
            "running": self.live is not None,
            "sessions": found[:rows],
            "next": found[rows - 1]["id"] if more else None,
        }

    async def kick(self, user_id: str, device_id: str | None = None) -> dict[str, Any]:
        """End the sessions of a user, or of one device. He may come again with the same token: to shut him out, disable him, or
        revoke. `{"user_id", "device_id" | None, "sessions_ended": n}`. NOT_FOUND."""
        user_id = await self._named(user_id)
        ended = self.live.kick(user_id, device_id) if self.live is not None else 0
        if ended:
            await self._store.write(lambda tx: tx.audit(OPERATOR, "session.kicked", about_id=user_id))
        return {"user_id": user_id, "device_id": device_id, "sessions_ended": ended}

    # -- parts --------------------------------------------------------------------------------------------------------

    async def _shown(self, user_id: str) -> dict[str, Any]:
        person = await self._store.read(partial(_person, user_id))
        return _told(person or _no_user(user_id))

    async def _named(self, user_id: str) -> str:
        """The account that this id names: the one that is called exactly that, else the one of its canonical form."""
        found = await self._store.read(lambda reader: reader.users([user_id, canonical_user_id(user_id)]))
        return found[0].user_id if found else _no_user(user_id)

    def _count(self, user_id: str) -> int:
        return self.live.count(user_id) if self.live is not None else 0

    @staticmethod
    def _state_of(token: UsedToken, now: int, before: Sequence[tuple[str | None, int]]) -> str:
        issued_at = issued_by(token.issued_at, token.bound_at)
        if token.revoked or any(
            device_id in (None, token.device_id) and (issued_at is None or issued_at < at)
            for device_id, at in before
        ):
            return "revoked"
        return "expired" if token.expires_at is not None and token.expires_at <= now else "live"


def _person(user_id: str, reader: Reader) -> Person | None:
    return reader.person(user_id)


def _told(person: Person) -> dict[str, Any]:
    user = person.user
    return {
        "user_id": user.user_id,
        "display_name": user.display_name,
        "language": user.language,
        "kind": user.kind,
        "state": ACTIVE if person.disabled_at is None else DISABLED,
        "disabled_at": person.disabled_at,
        "made_at": person.made_at,
        "roles": [{"role": role, "givers": list(person.givers.get(role, ()))} for role in user.roles],
    }


def _rows(limit: int) -> int:
    return max(1, min(limit, MAX_PAGE_ROWS))


def _no_user(user_id: str) -> NoReturn:
    raise Refusal(RefusalCode.NOT_FOUND, "no such user", detail=user_id)


def _invalid(what: str, text: str) -> NoReturn:
    raise Refusal(RefusalCode.INVALID, f"{what}: {text}", detail=what)
