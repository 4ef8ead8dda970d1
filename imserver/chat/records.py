"""Records of the ledger: each kind, with the function that makes what it says true in a transaction, perhaps again.

What must hold whatever copy of the database comes back goes through here (`Store.put_on_record`): who is shut out, what is
revoked, and what plugins put on record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from imserver.chat.transaction import OPERATOR, Transaction
from imserver.model import BOT, PluginRecord, User

#: In the audit log the source of what people do by themselves, over the server's own pages.
SERVER = "server"
#: Behind the end of a browser no token of its device is good: its device is never anybody's again. Rows go after the longest
#: life of a token that an operator would make.
DEVICE_GONE_MS = 400 * 24 * 3600 * 1000
#: A token of the browser may have been made just then, by a clock that was put back since.
CLOCKS_DIFFER_MS = 3600 * 1000


#: The name of a record of plugins that no plugin gives: an account goes on as another one.
JOINED = ":joined"


class Record(Protocol):
    """A record of the ledger, as far as it is needed here."""

    @property
    def number(self) -> int: ...

    @property
    def at(self) -> int: ...

    @property
    def body(self) -> Mapping[str, Any]: ...


def _disable(tx: Transaction, record: Record) -> None:
    user = _account(tx, record)
    if user.kind != BOT and tx.disable_user(user.user_id):
        tx.audit(OPERATOR, "user.disabled", about_id=user.user_id)


def _enable(tx: Transaction, record: Record) -> None:
    user = _account(tx, record)
    if tx.enable_user(user.user_id):
        tx.audit(OPERATOR, "user.enabled", about_id=user.user_id)


def _revoke_token(tx: Transaction, record: Record) -> None:
    user, body = _account(tx, record), record.body
    if tx.revoke_token(user.user_id, body["token"], body["until"]):
        tx.audit(OPERATOR, "token.revoked", about_id=user.user_id)


def _revoke_before(tx: Transaction, record: Record) -> None:
    """With the browsers that hold the credentials: they would get new tokens at once. Those of then are named, too: a clock
    that was put back would make them later ones."""
    user, body = _account(tx, record), record.body
    device, before = body["device"], body["before"]
    named = body.get("browsers", ())
    if device is not None:
        named = [*named, device]
    ended = tx.end_browsers(user.user_id, named, before if device is None else None)
    for gone in ended:
        _end_device(tx, user.user_id, gone, record.at)
    if tx.revoke_before(user.user_id, device, before, body["until"]) or ended:
        act = "tokens.revoked" if device is None else "device.revoked"
        tx.audit(OPERATOR, act, about_id=user.user_id)


def _sign_out(tx: Transaction, record: Record) -> None:
    """A browser of a user is signed out, by himself or by an operator (`by`)."""
    user, body = _account(tx, record), record.body
    device, by = body["device"], body["by"]
    ended = tx.end_browsers(user.user_id, [device])
    if _end_device(tx, user.user_id, device, record.at) or ended:
        tx.audit(
            by, "browser.revoked", about_id=user.user_id, actor_id=user.user_id if by == SERVER else None
        )


def _end_device(tx: Transaction, user_id: str, device_id: str, at: int) -> bool:
    """Refuse the tokens of a browser that is signed out, also one that it was given in this very moment."""
    before = at + CLOCKS_DIFFER_MS
    return tx.revoke_before(user_id, device_id, before, before + DEVICE_GONE_MS)


def _revoke_link(tx: Transaction, record: Record) -> None:
    user = _account(tx, record)
    if tx.drop_link(bytes.fromhex(record.body["link"])):
        tx.audit(OPERATOR, "link.revoked", about_id=user.user_id)


def _join(tx: Transaction, record: Record) -> None:
    """A guest goes on as another account."""
    _account(tx, record)
    if tx.user(record.body["account"]) is None:
        tx.put_user(User(record.body["account"], display_name=record.body["account"]))
    for plugin in do_join(tx, record.body, record.at):
        tx.put_plugin_record(PluginRecord(record.number, record.at, plugin, JOINED, joined_of(record.body)))


def do_join(tx: Transaction, body: Mapping[str, Any], at: int) -> list[str]:
    """The guest's browsers and account end, and the one that said yes is the account's; the plugins that are to know. The
    credential is a new one: whoever else had the guest's (it may have been planted) is not let in."""
    guest_id, account_id, secret_hash = body["user"], body["account"], bytes.fromhex(body["browser"])
    for gone in tx.end_browsers(guest_id, (), at + CLOCKS_DIFFER_MS):
        _end_device(tx, guest_id, gone, at)
    ends = tx.disable_user(guest_id)
    if tx.is_active(account_id) and tx.signed_in(secret_hash) is None:
        tx.put_browser(secret_hash, account_id, body["device"], body["label"])
    tx.end_join(body["join"], body["device"])
    if ends:
        tx.audit(SERVER, "guest.joined", actor_id=guest_id, about_id=account_id)
    return tx.known_plugins()


def joined_of(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The body of what plugins are to know."""
    return {"guest": body["user"], "account": body["account"], "by": body["by"]}


def _of_plugin(tx: Transaction, record: Record) -> None:
    """Kept until the plugin has done it: the store may be opened without the plugin."""
    body = record.body
    tx.put_plugin_record(PluginRecord(record.number, record.at, body["plugin"], body["name"], body["body"]))


def _account(tx: Transaction, record: Record) -> User:
    """Whom it is about. An older copy may not know him: he is made, lest his token make him anew."""
    user_id = record.body["user"]
    user = tx.user(user_id)
    if user is None:
        user = User(user_id, display_name=user_id)
        tx.put_user(user)
    return user


#: Records that a server, a restore and a stopped database apply, perhaps again.
LEDGER_KINDS: Mapping[str, Callable[[Transaction, Record], None]] = {
    "disable": _disable,
    "enable": _enable,
    "revoke_token": _revoke_token,
    "revoke_before": _revoke_before,
    "sign_out": _sign_out,
    "revoke_link": _revoke_link,
    "join": _join,
    "plugin": _of_plugin,
}
