"""Accounts by name: which account an id names, and what a new account and a changed name must be. Every door that makes an
account goes through `put_account`: operators, tokens, the program around the server, and plugins.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from imserver.chat.transaction import OPERATOR
from imserver.errors import Refusal, RefusalCode
from imserver.model import User, is_printable, valid_user_id
from imserver.user_ids import canonical_user_id, user_id_fault

MAX_DISPLAY_NAME_CHARS = 100


class Accounts(Protocol):
    """A transaction, as far as accounts go."""

    def user(self, user_id: str) -> User | None:
        """The account; None if there is none."""
        ...

    def put_user(self, user: User, *, giver: str = ...) -> None:
        """Make it, or replace what is known of it."""
        ...

    def require_free_name(self, user: User) -> None:
        """Raises INVALID if the name is a bot's."""
        ...


def account_named(tx: Accounts, user_id: str) -> User | None:
    """The account that this id names: the one that is called exactly that, else the one of its canonical form."""
    return tx.user(user_id) or tx.user(canonical_user_id(user_id))


def put_account(tx: Accounts, user: User, *, giver: str = OPERATOR) -> User:
    """Make or change the account that the id names, and return it; roles that are new are `giver`'s. INVALID for an id that no
    new account may have, for a name that is none, and for the name of a bot."""
    known = account_named(tx, user.user_id)
    user_id = known.user_id if known is not None else canonical_user_id(user.user_id)
    if known is None:
        require_user_id(user_id)
    if known is None or known.display_name != user.display_name:
        require_name(user.display_name)
    named = user if user_id == user.user_id else replace(user, user_id=user_id)
    tx.require_free_name(named)
    tx.put_user(named, giver=giver)
    return named


def require_user_id(user_id: str) -> None:
    """Raises INVALID for what no new account may be called."""
    if not valid_user_id(user_id):
        raise Refusal(
            RefusalCode.INVALID, "user id: 1-64 bytes of UTF-8 without control characters", detail="user_id"
        )
    fault = user_id_fault(user_id)
    if fault:
        raise Refusal(RefusalCode.INVALID, f"user id: {fault}", detail="user_id")


def require_name(display_name: str) -> None:
    """Raises INVALID for what is no name: any printable text is one, composed emoji and all."""
    if not is_name(display_name):
        text = f"display name: 1-{MAX_DISPLAY_NAME_CHARS} printable characters"
        raise Refusal(RefusalCode.INVALID, text, detail="display_name")


def is_name(display_name: str) -> bool:
    """Whether people may be called this."""
    return (
        bool(display_name.strip())
        and is_printable(display_name)
        and len(display_name) <= MAX_DISPLAY_NAME_CHARS
    )
