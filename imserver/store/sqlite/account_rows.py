"""The rows of accounts: kinds, states, roles with their givers, tokens and what was revoked, in SQL."""

# ruff: noqa: S608 - the SQL built here is made of constants and question marks
from __future__ import annotations

from abc import abstractmethod
from typing import Any

from imserver.chat.transaction import OPERATOR
from imserver.errors import Refusal, RefusalCode
from imserver.events import AccessEnded
from imserver.model import BOT, User
from imserver.store.engine.conversation_cache import ConversationCache
from imserver.store.sqlite.state_rows import SqliteStateRows

#: What `user_of` reads.
USER_COLUMNS = "user_id, display_name, language, roles, kind"
#: Rows of tokens and revocations stay for so long behind their end: a clock may be put back.
KEPT_BEHIND_MS = 24 * 3600 * 1000
#: Expired tokens of a user that go with each new one.
TOKENS_FORGOTTEN_AT_ONCE = 16
#: The device of a revocation that is for all devices.
ANY_DEVICE = ""

_FORGET_TOKENS = (
    "DELETE FROM tokens WHERE token_id IN"
    " (SELECT token_id FROM tokens WHERE user_no = ? AND expires_at < ? AND token_id <> ? LIMIT ?)"
)
_LOGGED_IN = (
    "SELECT 1 WHERE EXISTS (SELECT 1 FROM tokens WHERE user_no = ?)"
    " AND NOT EXISTS (SELECT 1 FROM given_roles WHERE user_no = ? AND role = ? AND giver = '')"
)
_REVOKE_BEFORE = (
    "INSERT INTO revoked_before (user_no, device_id, before, until) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (user_no, device_id) DO UPDATE SET before = excluded.before, until = max(until, excluded.until)"
    " WHERE before < excluded.before RETURNING user_no"
)


class SqliteAccountRows(SqliteStateRows):
    """What a transaction does to accounts; `SqliteTransaction` has all others."""

    cache: ConversationCache

    @abstractmethod
    def user_no(self, user_id: str) -> int | None: ...

    @abstractmethod
    def _bots_changed(self) -> None:
        """There is another bot, or one has another name."""

    @abstractmethod
    def leave_teams(self, user_id: str) -> None: ...

    def number_of(self, user_id: str) -> int:
        no = self.user_no(user_id)
        if no is None:
            raise Refusal(RefusalCode.NOT_FOUND, "no such user", detail=user_id)
        return no

    def put_user(self, user: User, *, giver: str = OPERATOR) -> None:
        old = self.user(user.user_id)
        roles = dict.fromkeys(user.roles)
        rows = self.sql(
            "INSERT INTO users (user_id, display_name, language, roles, kind, made_at) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (user_id) DO UPDATE SET display_name = excluded.display_name,"
            " language = excluded.language, roles = excluded.roles RETURNING no",
            (user.user_id, user.display_name, user.language, "\n".join(roles), user.kind, self.now_ms),
        )
        no: int = rows[0][0]
        if old is None:
            self.cache.made_user(user.user_id, no)
        if (user if old is None else old).kind == BOT:
            self._bots_changed()
        before = old.roles if old is not None else ()
        for role in roles:
            if role not in before:
                self._put_giver(no, role, giver)
        for role in before:
            if role not in roles:
                self.sql("DELETE FROM given_roles WHERE user_no = ? AND role = ?", (no, role))

    def user(self, user_id: str) -> User | None:
        rows = self.sql(f"SELECT {USER_COLUMNS} FROM users WHERE no = ?", (self.user_no(user_id),))
        return user_of(rows[0]) if rows else None

    def make_bot(self, user_id: str) -> None:
        no = self.number_of(user_id)
        if self.sql("SELECT 1 FROM users WHERE no = ? AND kind = ?", (no, BOT)):
            return
        # What is a bot by a role from before givers were kept is one: whoever logged in as it does not any more.
        if self.sql(_LOGGED_IN, (no, no, BOT)):
            raise Refusal(RefusalCode.CONFLICT, "somebody logged in with this account", detail=user_id)
        self.enable_user(user_id)  # only people are shut out: nobody could ever enable a bot
        self.sql("UPDATE users SET kind = ? WHERE no = ?", (BOT, no))
        self._bots_changed()
        self.leave_teams(user_id)
        self.events.append(AccessEnded(self.change, user_id))

    # -- roles --------------------------------------------------------------------------------------------------------

    def give_role(self, user_id: str, role: str, giver: str) -> bool:
        no = self.number_of(user_id)
        given = self._put_giver(no, role, giver)
        roles = self._roles(no)
        if role not in roles:
            self._put_roles(no, (*roles, role))
        return given

    def take_role(self, user_id: str, role: str, giver: str) -> bool:
        no = self.number_of(user_id)
        taken = self.sql(
            "DELETE FROM given_roles WHERE user_no = ? AND role = ? AND giver IN (?, '') RETURNING role",
            (no, role, giver),
        )
        if taken and not self.sql("SELECT 1 FROM given_roles WHERE user_no = ? AND role = ?", (no, role)):
            self._put_roles(no, tuple(kept for kept in self._roles(no) if kept != role))
        return bool(taken)

    def _put_giver(self, no: int, role: str, giver: str) -> bool:
        return bool(
            self.sql(
                "INSERT INTO given_roles (user_no, role, giver) VALUES (?, ?, ?) ON CONFLICT DO NOTHING RETURNING role",
                (no, role, giver),
            )
        )

    def _roles(self, no: int) -> tuple[str, ...]:
        return roles_of(self.sql("SELECT roles FROM users WHERE no = ?", (no,))[0][0])

    def _put_roles(self, no: int, roles: tuple[str, ...]) -> None:
        self.sql("UPDATE users SET roles = ? WHERE no = ?", ("\n".join(roles), no))

    # -- who may come in ----------------------------------------------------------------------------------------------

    def is_active(self, user_id: str) -> bool:
        return user_id not in self.disabled and self.user_no(user_id) is not None

    def disable_user(self, user_id: str) -> bool:
        no = self.number_of(user_id)
        if user_id in self.disabled:
            return False
        self.sql("UPDATE users SET disabled_at = ? WHERE no = ?", (self.now_ms, no))
        self.journal.note(self.disabled.discard, user_id)
        self.disabled.add(user_id)
        self.events.append(AccessEnded(self.change, user_id))
        return True

    def enable_user(self, user_id: str) -> bool:
        no = self.number_of(user_id)
        if user_id not in self.disabled:
            return False
        self.sql("UPDATE users SET disabled_at = NULL WHERE no = ?", (no,))
        self.journal.note(self.disabled.add, user_id)
        self.disabled.discard(user_id)
        return True

    def bind_token(
        self,
        token_id: str,
        user_id: str,
        device_id: str,
        issued_at: int | None = None,
        expires_at: int | None = None,
    ) -> str:
        no = self.number_of(user_id)
        # The device stays what it was; times are kept where they were not known, or another token of this id lives longer.
        self.sql(
            "INSERT INTO tokens (token_id, user_no, device_id, bound_at, issued_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (token_id) DO UPDATE SET issued_at = coalesce(issued_at, excluded.issued_at),"
            " expires_at = max(coalesce(expires_at, 0), excluded.expires_at) WHERE excluded.expires_at IS NOT NULL",
            (token_id, no, device_id, self.now_ms, issued_at, expires_at),
        )
        ended = self.now_ms - KEPT_BEHIND_MS
        self.sql(_FORGET_TOKENS, (no, ended, token_id, TOKENS_FORGOTTEN_AT_ONCE))
        bound: str = self.sql("SELECT device_id FROM tokens WHERE token_id = ?", (token_id,))[0][0]
        return bound

    def revoke_token(self, user_id: str, token_id: str, until: int) -> bool:
        no = self.number_of(user_id)
        self._forget_revoked()
        new = self.sql(
            "INSERT INTO revoked_tokens (token_id, user_no, at, until) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (token_id) DO NOTHING RETURNING token_id",
            (token_id, no, self.now_ms, until),
        )
        if new:
            self.events.append(AccessEnded(self.change, user_id, token_id=token_id))
        return bool(new)

    def revoke_before(self, user_id: str, device_id: str | None, before: int, until: int) -> bool:
        no = self.number_of(user_id)
        self._forget_revoked()
        whose = ANY_DEVICE if device_id is None else device_id
        new = self.sql(_REVOKE_BEFORE, (no, whose, before, until))
        if new:
            self.events.append(AccessEnded(self.change, user_id, device_id, issued_before=before))
        return bool(new)

    def _forget_revoked(self) -> None:
        ended = self.now_ms - KEPT_BEHIND_MS
        self.sql("DELETE FROM revoked_tokens WHERE until < ?", (ended,))
        self.sql("DELETE FROM revoked_before WHERE until < ?", (ended,))


def user_of(row: tuple[Any, ...]) -> User:
    """A row of `USER_COLUMNS` as a user."""
    user_id, display_name, language, roles, kind = row
    return User(user_id, display_name, language, roles_of(roles), kind)


def roles_of(column: str) -> tuple[str, ...]:
    return tuple(column.split("\n")) if column else ()
