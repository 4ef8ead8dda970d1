"""The rows of browsers, links, joins, guests and plugins' records, as units and queries see them: of `Transaction`, `Reader`.

A secret never comes here: a row has the hash of it (32 bytes). Times are UTC ms.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Protocol

from imserver.model import Browser, GuestOf, Join, Link, PluginRecord, SignedIn


class BrowserReads(Protocol):
    """What both can look up."""

    def signed_in(self, secret_hash: bytes) -> SignedIn | None:
        """Who is signed in with this credential, however long ago it was used last; None if nobody is."""
        ...

    def browsers_of(self, user_id: str) -> list[Browser]:
        """The browsers of a user, those that were used last first."""
        ...

    def links_of(self, user_id: str, limit: int) -> list[Link]:
        """The newest links of a user that are still known, the newest first."""
        ...

    def guest_of(self, user_id: str) -> GuestOf | None:
        """How this account began as a guest; None if it did not."""
        ...

    def join_of(self, user_id: str, device_id: str) -> Join | None:
        """The last join of a guest's browser, whatever became of it."""
        ...

    def join_shown(self, code: str) -> Join | None:
        """The last join with this code, whatever became of it."""
        ...

    def joins_of(self, user_id: str) -> list[Join]:
        """Those that are still known of a guest or an account, the newest first."""
        ...

    def known_plugins(self) -> list[str]:
        """The plugins that ever ran on this database."""
        ...

    def plugin_records(self, plugin: str) -> list[PluginRecord]:
        """The plugin's records that were not done yet, in order."""
        ...


class BrowserRows(BrowserReads, Protocol):
    """What a transaction does to them. NOT_FOUND for a user who is not there."""

    def put_browser(self, secret_hash: bytes, user_id: str, device_id: str, label: str) -> None:
        """Sign a browser in, now."""
        ...

    def see_browser(self, secret_hash: bytes) -> None:
        """It is used now, and told of all others of its user."""
        ...

    def label_browser(self, user_id: str, device_id: str, label: str) -> bool:
        """Call it this. False if the user has no such browser."""
        ...

    def end_browsers(
        self, user_id: str, device_ids: Collection[str], made_until: int | None = None
    ) -> list[str]:
        """Sign out these browsers of a user, and with `made_until` all that were made until then; the devices that were signed
        in. What tokens they hold is another matter: see `revoke_before`."""
        ...

    def put_link(self, secret_hash: bytes, user_id: str, made_by: str, expires_at: int) -> int:
        """Keep a link, and return its number. `made_by`: a device of the user, or "" for an operator."""
        ...

    def link(self, secret_hash: bytes) -> Link | None:
        """The link with this secret, used or not."""
        ...

    def use_link(self, secret_hash: bytes, device_id: str) -> None:
        """It is used now, and this device has come of it."""
        ...

    def drop_link(self, secret_hash: bytes) -> bool:
        """It is good no more. False if there is no such link."""
        ...

    def links_since(self, user_id: str, since: int) -> int:
        """How many links of a user were made from then on and are known."""
        ...

    def put_join(self, user_id: str, device_id: str, code: str, shop: str, expires_at: int) -> None:
        """A guest's browser shows a code from now on."""
        ...

    def ask_join(self, join_no: int, account_id: str, asked_by: str, about: str) -> None:
        """Somebody has named its code beside this account."""
        ...

    def end_join(self, join_no: int, used_by: str | None) -> None:
        """It is over now; this device has come of it, or none. No effect if it is not known."""
        ...

    def joins_since(self, user_id: str, since: int) -> int:
        """How many a guest's browsers began from then on and are known."""
        ...

    def standing_joins(self) -> int:
        """How many have not ended yet, of everybody."""
        ...

    def put_guest(self, user_id: str, shop: str, ref: str) -> None:
        """This account begins as a guest."""
        ...

    def erase_browsers(self, user_id: str) -> None:
        """Remove all of these rows of a user; his browsers are signed out."""
        ...

    def put_plugin_record(self, record: PluginRecord) -> None:
        """Keep a record for its plugin, one of several maybe. It may be there already."""
        ...

    def plugin_record_done(self, plugin: str, number: int) -> None:
        """The plugin has done what it says, in this transaction."""
        ...


def exported(reader: BrowserReads, user_id: str) -> Mapping[str, Any]:
    """All of it that is kept of a person, ready for JSON; empty if nothing is."""
    browsers = [
        {"device_id": each.device_id, "label": each.label, "made_at": each.made_at, "seen_at": each.seen_at}
        for each in reader.browsers_of(user_id)
    ]
    links = [
        {"made_at": each.made_at, "made_by": each.made_by, "used_at": each.used_at, "used_by": each.used_by}
        for each in reader.links_of(user_id, 1000)
    ]
    joins = [
        {"made_at": each.made_at, "shop": each.shop, "ended_at": each.ended_at, "used_by": each.used_by}
        for each in reader.joins_of(user_id)
    ]
    guest = reader.guest_of(user_id)
    began = {"made_at": guest.made_at, "shop": guest.shop, "ref": guest.ref} if guest is not None else None
    found = {"browsers": browsers, "links": links, "joins": joins, "guest": began}
    return {name: value for name, value in found.items() if value}
