"""Reads of state that is no message, in the caller's snapshot."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

import msgspec

from imserver.chat.permissions import Grant
from imserver.model import EMPTY_MAP, Account, ChangedItem
from imserver.store.engine.hidden import Hidden
from imserver.store.engine.pages import States, changes_taken
from imserver_protocol.shared.bounds import MAX_ITEMS_A_CHANGE

Sql = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]

#: One message has a value of each of its readers, so its two rows are looked up by key, and none of the others is passed.
_OF_ITEMS = (
    "SELECT s.position, s.data, o.data FROM json_each(?) j"
    " CROSS JOIN item_values s ON s.conversation_no = ? AND s.position = j.value AND s.user_no = 0"
    " LEFT JOIN item_values o ON o.conversation_no = s.conversation_no AND o.position = s.position AND o.user_no = ?"
    " WHERE s.modseq <= ? AND s.data <> x'80'"
)
_CHANGED = (
    "SELECT s.position, s.modseq, s.data, o.data FROM item_values s INDEXED BY item_values_by_modseq"
    " LEFT JOIN item_values o ON o.conversation_no = s.conversation_no AND o.position = s.position AND o.user_no = ?"
    " WHERE s.conversation_no = ? AND s.modseq > ? AND s.user_no = 0 AND s.position BETWEEN ? AND ?"
    " ORDER BY s.modseq, s.position LIMIT ?"
)
#: One query for all: who syncs asks it each time, and few accounts have a state.
_ASKER = (
    "SELECT u.no, EXISTS (SELECT 1 FROM team_members t WHERE t.user_no = u.no), v.seq, v.data"
    " FROM users u LEFT JOIN user_values v ON v.user_no = u.no AND v.changed > ?"
    " WHERE u.user_id = ?"
)

_MODSEQ = itemgetter(1)


def states_of(
    sql: Sql, no: int, user_no: int, first: int, last: int, upto: int, hidden: Hidden | None
) -> States:
    """What the messages `first..last` show the user, as far as it came about up to the modseq `upto`."""
    rows = sql(_OF_ITEMS, (json.dumps([*range(first, last + 1)]), no, user_no, upto))
    if hidden is not None:
        rows = [row for row in hidden.maps(rows) if row[1:] != (EMPTY_MAP, None)]
    return {
        position: (msgspec.Raw(extra),) if mine is None else (msgspec.Raw(extra), msgspec.Raw(mine))
        for position, extra, mine in rows
    }


def changed_items(
    sql: Sql,
    no: int,
    user_no: int,
    after: int,
    grant: Grant,
    limit: int,
    max_bytes: int,
    hidden: Hidden | None,
) -> tuple[list[ChangedItem], bool]:
    """Messages of the grant whose state changed after that modseq, by modseq; and whether there are more.

    What changed in one step is never divided."""
    most = limit + MAX_ITEMS_A_CHANGE
    found = sql(_CHANGED, (user_no, no, after, grant.first, grant.last, most + 1))
    if hidden is not None:
        found = hidden.maps(found)
    steps: Iterator[list[ChangedItem]] = (
        [(position, modseq, extra, mine or EMPTY_MAP) for position, modseq, extra, mine in rows]
        for _, rows in groupby(found, _MODSEQ)
    )
    return changes_taken(steps, limit, max_bytes)


def asker(sql: Sql, user_id: str, after: int) -> tuple[int | None, bool, Account | None]:
    """The number of a user, whether they are in any team, and the user's own state if it changed after that change."""
    rows = sql(_ASKER, (after, user_id))
    if not rows:
        return None, False, None
    no, in_team, seq, data = rows[0]
    return no, bool(in_team), None if seq is None else Account(seq, data)
