"""Reads of accounts, tokens and revocations: for who comes in, and for operators."""

# ruff: noqa: S608 - the SQL built here is made of constants and question marks
from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from imserver.model import Person, SignIn, UsedToken
from imserver.store.sqlite.account_rows import ANY_DEVICE, USER_COLUMNS, user_of

_SIGN_IN = (
    f"SELECT {', '.join(f'u.{column}' for column in USER_COLUMNS.split(', '))}, u.disabled_at,"
    " t.device_id, t.bound_at, t.expires_at, r.token_id,"
    f" (SELECT max(before) FROM revoked_before WHERE user_no = u.no AND device_id IN ('{ANY_DEVICE}', ?)),"
    " d.bytes, d.day, d.day_bytes"
    " FROM users u LEFT JOIN tokens t ON t.token_id = ? LEFT JOIN revoked_tokens r ON r.token_id = ?"
    " LEFT JOIN used d ON d.user_no = u.no"
    " WHERE u.user_id = ?"
)
_PERSON = f"SELECT {USER_COLUMNS}, no, disabled_at, made_at FROM users"
#: A role among the lines of a user's roles.
_HAS_ROLE = "instr(char(10) || roles || char(10), char(10) || ? || char(10)) > 0"
_TOKEN = (
    "SELECT t.token_id, t.device_id, t.bound_at, t.issued_at, t.expires_at,"
    " EXISTS (SELECT 1 FROM revoked_tokens r WHERE r.token_id = t.token_id)"
    " FROM users u JOIN tokens t ON t.user_no = u.no WHERE u.user_id = ?"
)


class AccountReads(ABC):
    """The part of `SqliteReader` that concerns accounts."""

    @abstractmethod
    def _sql(self, statement: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]: ...

    def bound_device(self, token_id: str) -> str | None:
        rows = self._sql("SELECT device_id FROM tokens WHERE token_id = ?", (token_id,))
        return rows[0][0] if rows else None

    def sign_in(self, user_id: str, token_id: str, device_id: str) -> SignIn:
        rows = self._sql(_SIGN_IN, (device_id, token_id, token_id, user_id))
        if not rows:
            return SignIn()
        *user, disabled_at, bound_device, bound_at, expires_at, revoked, before, in_all, day, of_day = rows[0]
        return SignIn(
            user_of(tuple(user)),
            disabled_at is None,
            bound_device,
            bound_at,
            expires_at,
            revoked is not None,
            before or 0,
            (0, 0, 0) if in_all is None else (in_all, day, of_day),
        )

    def people(
        self,
        after: str | None,
        limit: int,
        *,
        disabled: bool | None = None,
        kind: str | None = None,
        role: str | None = None,
    ) -> list[Person]:
        wanted: list[tuple[str, Any]] = []
        if after is not None:
            wanted.append(("user_id > ?", after))
        if kind is not None:
            wanted.append(("kind = ?", kind))
        if role is not None:
            wanted.append((_HAS_ROLE, role))
        where = [condition for condition, _ in wanted]
        if disabled is not None:
            where.append(f"disabled_at IS {'NOT ' if disabled else ''}NULL")
        rows = self._sql(
            f"{_PERSON}{' WHERE ' if where else ''}{' AND '.join(where)} ORDER BY user_id LIMIT ?",
            (*(value for _, value in wanted), limit),
        )
        return [self._person(row) for row in rows]

    def person(self, user_id: str) -> Person | None:
        rows = self._sql(f"{_PERSON} WHERE user_id = ?", (user_id,))
        return self._person(rows[0]) if rows else None

    def _person(self, row: tuple[Any, ...]) -> Person:
        *user, no, disabled_at, made_at = row
        found = user_of(tuple(user))
        givers: dict[str, tuple[str, ...]] = dict.fromkeys(found.roles, ())
        if givers:
            for role, giver in self._sql(
                "SELECT role, giver FROM given_roles WHERE user_no = ? ORDER BY role, giver", (no,)
            ):
                givers[role] = (*givers.get(role, ()), giver)
        return Person(found, givers, disabled_at, made_at)

    def tokens_of(self, user_id: str, limit: int) -> list[UsedToken]:
        rows = self._sql(f"{_TOKEN} ORDER BY t.expires_at DESC, t.token_id LIMIT ?", (user_id, limit))
        return [_used_token(row) for row in rows]

    def used_token(self, user_id: str, token_id: str) -> UsedToken | None:
        rows = self._sql(f"{_TOKEN} AND t.token_id = ?", (user_id, token_id))
        return _used_token(rows[0]) if rows else None

    def revoked_before(self, user_id: str) -> list[tuple[str | None, int]]:
        rows = self._sql(
            "SELECT r.device_id, r.before FROM users u JOIN revoked_before r ON r.user_no = u.no"
            " WHERE u.user_id = ? ORDER BY r.device_id",
            (user_id,),
        )
        return [(None if device_id == ANY_DEVICE else device_id, before) for device_id, before in rows]

    def conversations_of(self, user_id: str) -> int:
        found: int = self._sql(
            "SELECT count(*) FROM members m JOIN users u ON u.no = m.user_no"
            " WHERE u.user_id = ? AND m.left_at IS NULL",
            (user_id,),
        )[0][0]
        return found


def _used_token(row: tuple[Any, ...]) -> UsedToken:
    token_id, device_id, bound_at, issued_at, expires_at, revoked = row
    return UsedToken(token_id, device_id, bound_at, issued_at, expires_at, bool(revoked))
