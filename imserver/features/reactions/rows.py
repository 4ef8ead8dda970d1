"""The rows of reactions: who put what, and how many people each kind has, so that no put has to count them."""

from collections.abc import Iterable
from pathlib import Path

from imserver.feature_api import Reader, Transaction

MIGRATIONS = ((1, (Path(__file__).parent / "schema" / "0001.sql").read_text("utf-8")),)

#: A message: the conversation's number, and the position.
At = tuple[int, int]


def put(tx: Transaction, at: At, user_no: int, emoji: str) -> None:
    """Of what this user has not put there yet."""
    tx.execute(
        "INSERT INTO reactions_put (place, position, user_no, emoji, put_at) VALUES (?, ?, ?, ?, ?)",
        (*at, user_no, emoji, tx.now_ms),
    )
    tx.execute(
        "INSERT INTO reactions_kinds (place, position, emoji, people) VALUES (?, ?, ?, 1)"
        " ON CONFLICT (place, position, emoji) DO UPDATE SET people = reactions_kinds.people + 1",
        (*at, emoji),
    )


def remove(tx: Transaction, at: At, user_no: int, emoji: Iterable[str]) -> None:
    """Of what this user has put there."""
    for one in emoji:
        tx.execute(
            "DELETE FROM reactions_put WHERE place = ? AND position = ? AND user_no = ? AND emoji = ?",
            (*at, user_no, one),
        )
        tx.execute(
            "UPDATE reactions_kinds SET people = people - 1 WHERE place = ? AND position = ? AND emoji = ?",
            (*at, one),
        )
    tx.execute("DELETE FROM reactions_kinds WHERE place = ? AND position = ? AND people = 0", at)


def remove_all(tx: Transaction, at: At) -> None:
    tx.execute("DELETE FROM reactions_put WHERE place = ? AND position = ?", at)
    tx.execute("DELETE FROM reactions_kinds WHERE place = ? AND position = ?", at)


def of_one(tx: Transaction, at: At, user_no: int) -> set[str]:
    """What one user has put on the message."""
    found = tx.execute(
        "SELECT emoji FROM reactions_put WHERE place = ? AND position = ? AND user_no = ?", (*at, user_no)
    )
    return {emoji for (emoji,) in found}


def kinds(tx: Transaction, at: At) -> dict[str, int]:
    """How many people put each emoji on the message."""
    found = tx.execute("SELECT emoji, people FROM reactions_kinds WHERE place = ? AND position = ?", at)
    return dict(found)


def first(tx: Transaction, at: At, emoji: str, most: int) -> list[str]:
    """Some user ids of those who put this emoji there, always the same ones."""
    return [user_id for user_id, _ in _with_one(tx, at, emoji, 0, most)]


def people(reader: Reader, at: At, emoji: str | None, after_no: int, most: int) -> list[tuple[str, str]]:
    """User id and emoji, by people in the order of their numbers, behind `after_no`; at most so many rows."""
    if emoji is not None:
        return _with_one(reader, at, emoji, after_no, most)
    found = reader.execute(
        "SELECT p.user_id, r.emoji FROM reactions_put r JOIN people p ON p.user_no = r.user_no"
        " WHERE r.place = ? AND r.position = ? AND r.user_no > ? ORDER BY r.user_no LIMIT ?",
        (*at, after_no, most),
    )
    return [(user_id, one) for user_id, one in found]


def put_by(reader: Reader, user_no: int) -> list[tuple[int, int, str, int]]:
    """All that this user put anywhere: place, position, emoji and when."""
    found = reader.execute(
        "SELECT place, position, emoji, put_at FROM reactions_put WHERE user_no = ? ORDER BY place, position, emoji",
        (user_no,),
    )
    return [(place, position, emoji, put_at) for place, position, emoji, put_at in found]


def messages_of(tx: Transaction, user_no: int, most: int) -> list[At]:
    """Some messages on which this user put something."""
    found = tx.execute(
        "SELECT DISTINCT place, position FROM reactions_put WHERE user_no = ? ORDER BY place, position LIMIT ?",
        (user_no, most),
    )
    return [(place, position) for place, position in found]


def _with_one(
    store: Reader | Transaction, at: At, emoji: str, after_no: int, most: int
) -> list[tuple[str, str]]:
    found = store.execute(
        "SELECT p.user_id FROM reactions_put r JOIN people p ON p.user_no = r.user_no"
        " WHERE r.place = ? AND r.position = ? AND r.emoji = ? AND r.user_no > ? ORDER BY r.user_no LIMIT ?",
        (*at, emoji, after_no, most),
    )
    return [(user_id, emoji) for (user_id,) in found]
