"""The rows of browsers, links, joins, guests and plugins' records, in SQL."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from imserver.model import Link, PluginRecord
from imserver.store.sqlite.account_rows import SqliteAccountRows
from imserver.store.sqlite.browser_reads import LINK, BrowserReads

#: A credential is good for so long behind its last use: what browsers allow a cookie at most.
BROWSER_DAYS = 400
DAY_MS = 24 * 3600 * 1000
#: Links stay for so long behind their end, so that an operator sees what became of them; with each new one so many go.
LINKS_KEPT_MS = 30 * DAY_MS
LINKS_FORGOTTEN_AT_ONCE = 16
#: The same of joins: an answer that was lost is asked for within minutes.
JOINS_KEPT_MS = DAY_MS
_FORGET_JOINS = "DELETE FROM joins WHERE join_no IN (SELECT join_no FROM joins WHERE expires_at < ? LIMIT ?)"
_FORGET_LINKS = "DELETE FROM links WHERE link_no IN (SELECT link_no FROM links WHERE expires_at < ? ORDER BY link_no LIMIT ?)"


class SqliteBrowserRows(SqliteAccountRows, BrowserReads):
    """What a transaction does to browsers, links, joins, guests and plugins' records."""

    def _sql(self, statement: str, params: Any = ()) -> list[tuple[Any, ...]]:
        return self.sql(statement, params)

    # -- browsers -----------------------------------------------------------------------------------------------------

    def put_browser(self, secret_hash: bytes, user_id: str, device_id: str, label: str) -> None:
        no, now = self.number_of(user_id), self.now_ms
        self.sql("DELETE FROM browsers WHERE user_no = ? AND seen_at < ?", (no, now - BROWSER_DAYS * DAY_MS))
        self.sql(
            "INSERT INTO browsers (secret_hash, user_no, device_id, label, made_at, seen_at, told_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (secret_hash, no, device_id, label, now, now, now),
        )

    def see_browser(self, secret_hash: bytes) -> None:
        self.sql(
            "UPDATE browsers SET seen_at = ?, told_at = ? WHERE secret_hash = ?",
            (self.now_ms, self.now_ms, secret_hash),
        )

    def label_browser(self, user_id: str, device_id: str, label: str) -> bool:
        return bool(
            self.sql(
                "UPDATE browsers SET label = ? WHERE user_no = ? AND device_id = ? RETURNING user_no",
                (label, self.number_of(user_id), device_id),
            )
        )

    def end_browsers(
        self, user_id: str, device_ids: Collection[str], made_until: int | None = None
    ) -> list[str]:
        rows = self.sql(
            "DELETE FROM browsers WHERE user_no = ? AND (made_at <= ? OR device_id IN (SELECT value FROM json_each(?)))"
            " RETURNING device_id",
            (self.number_of(user_id), -1 if made_until is None else made_until, json.dumps([*device_ids])),
        )
        return [device_id for (device_id,) in rows]

    # -- links --------------------------------------------------------------------------------------------------------

    def put_link(self, secret_hash: bytes, user_id: str, made_by: str, expires_at: int) -> int:
        no = self.number_of(user_id)
        self.sql(_FORGET_LINKS, (self.now_ms - LINKS_KEPT_MS, LINKS_FORGOTTEN_AT_ONCE))
        rows = self.sql(
            "INSERT INTO links (secret_hash, user_no, made_by, made_at, expires_at) VALUES (?, ?, ?, ?, ?)"
            " RETURNING link_no",
            (secret_hash, no, made_by, self.now_ms, expires_at),
        )
        link_no: int = rows[0][0]
        return link_no

    def link(self, secret_hash: bytes) -> Link | None:
        rows = self.sql(f"{LINK} WHERE l.secret_hash = ?", (secret_hash,))
        return Link(*rows[0]) if rows else None

    def use_link(self, secret_hash: bytes, device_id: str) -> None:
        self.sql(
            "UPDATE links SET used_at = ?, used_by = ? WHERE secret_hash = ?",
            (self.now_ms, device_id, secret_hash),
        )

    def drop_link(self, secret_hash: bytes) -> bool:
        return bool(self.sql("DELETE FROM links WHERE secret_hash = ? RETURNING link_no", (secret_hash,)))

    def links_since(self, user_id: str, since: int) -> int:
        rows = self.sql(
            "SELECT count(*) FROM links WHERE user_no = ? AND made_at >= ?", (self.number_of(user_id), since)
        )
        count: int = rows[0][0]
        return count

    # -- joins --------------------------------------------------------------------------------------------------------

    def put_join(self, user_id: str, device_id: str, code: str, shop: str, expires_at: int) -> None:
        self.sql(_FORGET_JOINS, (self.now_ms - JOINS_KEPT_MS, LINKS_FORGOTTEN_AT_ONCE))
        self.sql(
            "INSERT INTO joins (code, user_no, device_id, shop, made_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)",
            (code, self.number_of(user_id), device_id, shop, self.now_ms, expires_at),
        )

    def ask_join(self, join_no: int, account_id: str, asked_by: str, about: str) -> None:
        self.sql(
            "UPDATE joins SET account_no = ?, asked_by = ?, about = ? WHERE join_no = ?",
            (self.number_of(account_id), self.number_of(asked_by), about, join_no),
        )

    def end_join(self, join_no: int, used_by: str | None) -> None:
        self.sql(
            "UPDATE joins SET ended_at = ?, used_by = ? WHERE join_no = ?", (self.now_ms, used_by, join_no)
        )

    def joins_since(self, user_id: str, since: int) -> int:
        rows = self.sql(
            "SELECT count(*) FROM joins WHERE user_no = ? AND made_at >= ?", (self.number_of(user_id), since)
        )
        count: int = rows[0][0]
        return count

    def standing_joins(self) -> int:
        rows = self.sql(
            "SELECT count(*) FROM joins WHERE expires_at > ? AND ended_at IS NULL", (self.now_ms,)
        )
        count: int = rows[0][0]
        return count

    # -- guests, erasure ----------------------------------------------------------------------------------------------

    def put_guest(self, user_id: str, shop: str, ref: str) -> None:
        self.sql(
            "INSERT INTO guests (user_no, made_at, shop, ref) VALUES (?, ?, ?, ?)",
            (self.number_of(user_id), self.now_ms, shop, ref),
        )

    def erase_browsers(self, user_id: str) -> None:
        no = self.number_of(user_id)
        for statement in (
            "DELETE FROM browsers WHERE user_no = ?",
            "DELETE FROM links WHERE user_no = ?",
            "DELETE FROM joins WHERE user_no = ?",
            "DELETE FROM joins WHERE account_no = ?",
            "DELETE FROM guests WHERE user_no = ?",
        ):
            self.sql(statement, (no,))

    # -- records of plugins -------------------------------------------------------------------------------------------

    def put_plugin_record(self, record: PluginRecord) -> None:
        self.sql(
            "INSERT INTO plugin_records (number, at, plugin, name, body) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (plugin, number) DO NOTHING",
            (record.number, record.at, record.plugin, record.name, json.dumps(dict(record.body))),
        )

    def plugin_record_done(self, plugin: str, number: int) -> None:
        self.sql("DELETE FROM plugin_records WHERE plugin = ? AND number = ?", (plugin, number))
