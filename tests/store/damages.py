"""Ways to spoil the full database in exactly one way: SQL, or what is done to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

from imserver.content import decode_content, encode_content
from imserver.model import content_digest
from tests.store.full_database import AT, IN_GROUP

Raw = sqlite3.Connection
Damage = str | Callable[[Raw], object]
#: What is done, in words; how; and which checks find it.
Spoiled = tuple[str, Damage, set[str]]

BOT = "(SELECT no FROM users WHERE user_id = 'bot')"
CHANNEL = "(SELECT no FROM conversations WHERE kind = 'channel')"
DEE, EVE = (f"(SELECT no FROM users WHERE user_id = '{name}')" for name in ("dee", "eve"))
SERVICE = "(SELECT no FROM conversations WHERE title = 'service')"
#: What was edited twice, and the messages that tell of it.
EDITED, FIRST_EDIT, SECOND_EDIT = 3, 40, 41
#: In the group: cy added, bob removed, ann left, ann added, ann's role changed.
ADDED, REMOVED, LEFT, BACK, PROMOTED = 42, 43, 44, 45, 46


def message(change: str, position: int, where: str = AT) -> str:
    return f"UPDATE messages SET {change} WHERE conversation_no = {where} AND position = {position}"


def member(change: str, who: str, where: str = AT) -> str:
    return f"UPDATE members SET {change} WHERE conversation_no = {where} AND user_no = {who}"


def contains(content: Any, position: int = 30, *, where: str = AT) -> Damage:
    """The message says this now, and its digest is that of it."""
    data = content if isinstance(content, bytes) else encode_content(content)
    sql = message("content = ?, digest = ?", position, where)
    return lambda raw: raw.execute(sql, (data, content_digest(data)))


def retold(position: int, where: str = IN_GROUP, *, request: bytes | None = None, **words: Any) -> Damage:
    """A telling with other words; `request`: what its digest is of, if it follows from the words."""

    def spoil(raw: Raw) -> None:
        at = f"WHERE conversation_no = {where} AND position = {position}"
        content, digest = raw.execute(f"SELECT content, digest FROM messages {at}").fetchone()
        told = encode_content({**decode_content(content), **words})
        if request is not None:
            digest = content_digest(request)
        raw.execute(f"UPDATE messages SET content = ?, digest = ? {at}", (told, digest))

    return spoil


def gone(raw: Raw) -> None:
    """What was edited is taken back, and the second telling says so."""
    raw.execute(message("content = NULL", EDITED))
    raw.execute("DELETE FROM revisions")
    retold(SECOND_EDIT, AT, event="retracted", request=b"retract 3")(raw)  # type: ignore[operator]


def gone_and(damage: Damage) -> Damage:
    """The same, and then this."""

    def spoil(raw: Raw) -> None:
        gone(raw)
        raw.executescript(damage) if isinstance(damage, str) else damage(raw)

    return spoil


def ended(until: int | str, revision: int) -> str:
    return f"UPDATE revisions SET until = {until} WHERE revision = {revision}"


def last_said(change: int, where: str) -> str:
    return f"UPDATE heads SET spoken = {change} WHERE conversation_no = {where}"


def step_of(count: int) -> str:
    """So many messages whose state changed in the last step."""
    return (
        "WITH RECURSIVE n (p) AS (SELECT 20 UNION ALL SELECT p + 1 FROM n WHERE p + 1 < 20 + "
        + str(count)
        + ")"
        f" INSERT INTO item_values SELECT {IN_GROUP}, p, 0, 5, x'81A16101' FROM n"
    )


def map_of(size: int) -> str:
    """A msgpack map of so many bytes, in SQL."""
    data = encode_content({"a": bytes(size)})
    return f"x'{encode_content({'a': bytes(2 * size - len(data))}).hex()}'"


def teamed(team: int | str, where: str = SERVICE) -> str:
    """The conversation names this team, and so does its head."""
    return (
        f"UPDATE conversations SET team = {team} WHERE no = {where};"
        f" UPDATE heads SET team = {team} WHERE conversation_no = {where}"
    )


def without_index(statement: str) -> Damage:
    """An index that does not know of a row: SQLite's own look must say so."""

    def spoil(raw: Raw) -> None:
        raw.execute("PRAGMA writable_schema = ON")
        (sql,) = raw.execute("SELECT sql FROM sqlite_master WHERE name = 'timers_by_due'").fetchone()
        (page,) = raw.execute("SELECT rootpage FROM sqlite_master WHERE name = 'timers_by_due'").fetchone()
        raw.execute("DELETE FROM sqlite_master WHERE name = 'timers_by_due'")
        raw.execute("PRAGMA writable_schema = RESET")
        raw.execute(statement)
        raw.execute("PRAGMA writable_schema = ON")
        raw.execute(
            "INSERT INTO sqlite_master VALUES ('index', 'timers_by_due', 'timers', ?, ?)", (page, sql)
        )
        raw.execute("PRAGMA writable_schema = RESET")

    return spoil


def spoil(raw: Raw, damage: Damage) -> None:
    if isinstance(damage, str):
        for statement in damage.split("; ") if "TRIGGER" not in damage else [damage]:
            raw.execute(statement)
    else:
        damage(raw)
