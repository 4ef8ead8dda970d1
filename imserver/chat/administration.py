"""Administration: what an operator does to accounts, tokens and sessions, beside a running server or on a stopped database.

Arguments and results are plain maps, lists, texts and numbers, ready for JSON. Each act leaves one row in the audit log, of the
source `operator`. What must hold whatever copy of the database comes back goes through the ledger: `Store.put_on_record`.

A user, as `user`, `users` and each act that changes one tell it: `user_id`, `display_name`, `language`, `kind` (`person` or
`bot`), `state` (`active` or `disabled`), `disabled_at` and `made_at` (UTC ms; `made_at` 0: before this was kept), and `roles`,
each as `{"role": …, "givers": [...]}`: `operator`, the names of plugins, or "" for what was there before givers were kept.
"""

from __future__ import annotations

from typing import Any, Protocol

from imserver.chat.ports import Store
from imserver.clock import Clock

#: The source of audit rows, and the giver of roles.
OPERATOR = "operator"
#: Rows of a page, unless the caller says otherwise; and at most.
PAGE_ROWS, MAX_PAGE_ROWS = 200, 1000


class Sessions(Protocol):
    """The sessions of a running server."""

    def listed(self, user_id: str | None, after: str | None, limit: int) -> list[dict[str, Any]]:
        """Sessions in the order of their ids, behind this one: of a user, or all."""
        ...

    def kick(self, user_id: str, device_id: str | None) -> int:
        """End the sessions of a user, or of one device of it, and say how many."""
        ...


class Administration:
    """What an operator may do. `sessions`: None on a stopped database."""

    def __init__(self, store: Store, clock: Clock, sessions: Sessions | None = None) -> None:
        self._store = store
        self._clock = clock
        self._sessions = sessions

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
        raise NotImplementedError

    async def user(self, user_id: str) -> dict[str, Any]:
        """The user, and beside what stands above `tokens`, `sessions` and `conversations`: how many. Raises NOT_FOUND."""
        raise NotImplementedError

    async def put_user(
        self,
        user_id: str,
        *,
        display_name: str | None = None,
        language: str | None = None,
        roles: list[str] | None = None,
    ) -> dict[str, Any]:
        """Make the account, or change it; what is not given stays: `{"added": bool, "user": {…}}`.

        `roles`: those that the operator gives from now on. What he gave before, and roles without a known giver, are taken if
        they are not among them; what a plugin gave stays until the plugin takes it, and the answer shows it."""
        raise NotImplementedError

    async def disable(self, user_id: str) -> dict[str, Any]:
        """Shut a person out, from this moment, and whatever copy of the database comes back: his sessions end (REVOKED), no
        token lets him in, nothing of his is stored any more. What he wrote, owns and belongs to stays. The user, as it is
        now, with `changed` (False: it was so already) and `sessions_ended`. NOT_FOUND; INVALID for a bot."""
        raise NotImplementedError

    async def enable(self, user_id: str) -> dict[str, Any]:
        """Let him in again, with the tokens that were not revoked: the user, with `changed`. NOT_FOUND."""
        raise NotImplementedError

    # -- tokens -------------------------------------------------------------------------------------------------------

    async def tokens(self, user_id: str) -> dict[str, Any]:
        """What of this user's tokens was used here, the newest first, at most `MAX_PAGE_ROWS`:
        `{"tokens": [...], "revoked_before": [...], "more": bool}`. NOT_FOUND.

        A token: `token_id` (its `jti`, or `sha256:…` for one that has none), `device_id`, `used_at` (first), `issued_at` and
        `expires_at` (UTC ms; None: unknown), `revoked` (bool) and `state`: `live`, `expired` or `revoked`.
        `revoked_before`: `device_id` (None: of all devices) and `before` (UTC ms)."""
        raise NotImplementedError

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
        "known": bool, "sessions_ended": n}`; `known`: False for a token that was never used here, which is revoked all the
        same. `token_id`: as `tokens` shows it. NOT_FOUND without such a user; INVALID."""
        raise NotImplementedError

    # -- sessions -----------------------------------------------------------------------------------------------------

    async def sessions(
        self, user_id: str | None = None, after: str | None = None, limit: int = PAGE_ROWS
    ) -> dict[str, Any]:
        """A page of sessions: `{"running": bool, "sessions": [...], "next": id or None}`. A session: `session` (the beginning of
        its id, as in the log), `user_id`, `device_id`, `connected` (bool), `address` ("" without a connection), `began_at` and
        `expires_at` (UTC ms). `running`: False on a stopped database, which has none."""
        raise NotImplementedError

    async def kick(self, user_id: str, device_id: str | None = None) -> dict[str, Any]:
        """End the sessions of a user, or of one device. He may come again with the same token: to shut him out, disable him, or
        revoke. `{"user_id", "device_id" | None, "sessions_ended": n}`. NOT_FOUND."""
        raise NotImplementedError
