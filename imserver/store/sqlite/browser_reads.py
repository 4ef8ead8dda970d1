"""Reads of browsers, links, guests and plugins' records, for transactions and snapshots alike."""

# ruff: noqa: S608 - the SQL built here is made of constants
from __future__ import annotations

import json
from abc import ABC, abstractmethod
from typing import Any

from imserver.model import Browser, GuestOf, Join, Link, PluginRecord, SignedIn
from imserver.store.sqlite.account_rows import USER_COLUMNS, user_of

_USER = ", ".join(f"u.{column}" for column in USER_COLUMNS.split(", "))
_SIGNED_IN = (
    f"SELECT b.device_id, b.label, b.made_at, b.seen_at, b.told_at, u.disabled_at, {_USER}"
    " FROM browsers b JOIN users u ON u.no = b.user_no WHERE b.secret_hash = ?"
)
_BROWSERS = (
    "SELECT b.device_id, b.label, b.made_at, b.seen_at FROM users u JOIN browsers b ON b.user_no = u.no"
    " WHERE u.user_id = ? ORDER BY b.seen_at DESC, b.device_id"
)
LINK = (
    "SELECT l.link_no, l.secret_hash, u.user_id, l.made_by, l.made_at, l.expires_at, l.used_at, l.used_by"
    " FROM links l JOIN users u ON u.no = l.user_no"
)
_JOIN = (
    "SELECT j.join_no, j.code, u.user_id, j.device_id, j.shop, j.made_at, j.expires_at, a.user_id, s.user_id, j.about,"
    " j.ended_at, j.used_by FROM joins j JOIN users u ON u.no = j.user_no LEFT JOIN users a ON a.no = j.account_no"
    " LEFT JOIN users s ON s.no = j.asked_by"
)
#: Of a person; no more are kept than somebody makes in a day.
MAX_JOINS = 1000


class BrowserReads(ABC):
    """Whoever can ask for rows."""

    @abstractmethod
    def _sql(self, statement: str, params: Any = ()) -> list[tuple[Any, ...]]: ...

    def signed_in(self, secret_hash: bytes) -> SignedIn | None:
        rows = self._sql(_SIGNED_IN, (secret_hash,))
        if not rows:
            return None
        device_id, label, made_at, seen_at, told_at, disabled_at, *user = rows[0]
        browser = Browser(device_id, label, made_at, seen_at)
        return SignedIn(user_of(tuple(user)), disabled_at is None, browser, told_at)

    def browsers_of(self, user_id: str) -> list[Browser]:
        return [Browser(*row) for row in self._sql(_BROWSERS, (user_id,))]

    def links_of(self, user_id: str, limit: int) -> list[Link]:
        rows = self._sql(f"{LINK} WHERE u.user_id = ? ORDER BY l.link_no DESC LIMIT ?", (user_id, limit))
        return [Link(*row) for row in rows]

    def guest_of(self, user_id: str) -> GuestOf | None:
        rows = self._sql(
            "SELECT g.made_at, g.shop, g.ref FROM users u JOIN guests g ON g.user_no = u.no WHERE u.user_id = ?",
            (user_id,),
        )
        return GuestOf(*rows[0]) if rows else None

    def join_of(self, user_id: str, device_id: str) -> Join | None:
        rows = self._sql(
            f"{_JOIN} WHERE j.user_no = (SELECT no FROM users WHERE user_id = ?) AND j.device_id = ?"
            " ORDER BY j.join_no DESC LIMIT 1",
            (user_id, device_id),
        )
        return Join(*rows[0]) if rows else None

    def join_shown(self, code: str) -> Join | None:
        rows = self._sql(f"{_JOIN} WHERE j.code = ? ORDER BY j.join_no DESC LIMIT 1", (code,))
        return Join(*rows[0]) if rows else None

    def joins_of(self, user_id: str) -> list[Join]:
        rows = self._sql(
            f"{_JOIN} WHERE u.user_id = ? OR a.user_id = ? ORDER BY j.join_no DESC LIMIT ?",
            (user_id, user_id, MAX_JOINS),
        )
        return [Join(*row) for row in rows]

    def known_plugins(self) -> list[str]:
        return [plugin for (plugin,) in self._sql("SELECT plugin FROM plugin_cursors ORDER BY plugin")]

    def plugin_records(self, plugin: str) -> list[PluginRecord]:
        rows = self._sql(
            "SELECT number, at, plugin, name, body FROM plugin_records WHERE plugin = ? ORDER BY number",
            (plugin,),
        )
        return [PluginRecord(number, at, of, name, json.loads(body)) for number, at, of, name, body in rows]
