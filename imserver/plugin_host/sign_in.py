"""What plugins may do about who signs in: guests who go on as an older account, links for members of staff."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imserver.chat import joins
from imserver.chat.browsers import LINK_PATH, SECRET_BYTES, put_link, text_of
from imserver.chat.transaction import Transaction as StoreTransaction
from imserver.errors import Refusal, RefusalCode
from imserver.model import Join, User
from imserver.plugin_api import ShownCode, SignInLink
from imserver.plugin_host.registrations import Registrations

#: The role of accounts that configuration, an operator or an administrator of a staff group made staff.
STAFF_ROLE = "staff"


def shown_code(tx: StoreTransaction, code: str) -> ShownCode | None:
    """See `plugin_api.Transaction.shown_code`."""
    join = tx.join_shown(code) if joins.is_code(code) else None
    return _told(tx, join) if join is not None and joins.stands(join, tx.now_ms) else None


def ask_guest(
    tx: StoreTransaction, plugin: str, code: str, account_id: str, asked_by: str, about: Mapping[str, Any]
) -> ShownCode:
    """See `plugin_api.Transaction.ask_guest`."""
    return _told(tx, joins.ask(tx, code, account_id, asked_by=asked_by, about=about, source=plugin))


def make_link(tx: StoreTransaction, registrations: Registrations, user_id: str, asked_by: str) -> SignInLink:
    """See `plugin_api.Transaction.make_link`."""
    user = tx.user(user_id)
    is_staff = user is not None and STAFF_ROLE in user.roles and tx.is_active(user_id)
    if not is_staff or not tx.belongs_to(user_id, registrations.bots):
        text = "a plugin makes links for its own staff alone"
        raise Refusal(RefusalCode.FORBIDDEN, text, detail="user_id")
    secret = registrations.random_bytes(SECRET_BYTES)
    expires_at = put_link(user_id, secret, "", registrations.name, tx, actor_id=asked_by)
    return SignInLink(f"{LINK_PATH}#{text_of(secret)}", expires_at)


def _told(tx: StoreTransaction, join: Join) -> ShownCode:
    guest = tx.user(join.user_id) or User(join.user_id, join.user_id)
    return ShownCode(join.code, guest, join.shop, join.expires_at, join.account_id)
