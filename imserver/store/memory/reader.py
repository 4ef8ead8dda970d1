"""Reads of the store in memory: each runs on the loop between two batches, so it is a snapshot."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from imserver.chat.permissions import NO_SEAT, Need, Seat, has_receipts, require, standing_of
from imserver.chat.transaction import Takes
from imserver.content import decode_content
from imserver.model import (
    Agreement,
    Audience,
    ConversationRow,
    Cursors,
    Item,
    ItemPage,
    Learnt,
    Membership,
    Message,
    Page,
    User,
)
from imserver.store.engine.lineage import FIRST_KEPT, agreed_position, state_good
from imserver.store.engine.pages import messages_of, page_of, rows_taken, span_of
from imserver.store.engine.places import LISTED, Places
from imserver.store.memory.tables import Conversation, MemoryTables
from imserver.store.sqlite.plugin_sandbox import Mode


class MemoryReader:
    """`imserver.chat.ports.Reader` over dictionaries."""

    def __init__(self, tables: MemoryTables, places: Places) -> None:
        self._tables = tables
        self._places = places

    # -- messages -----------------------------------------------------------------------------------------------------

    def history(
        self,
        conversation_id: str,
        user_id: str,
        after: int | None,
        before: int | None,
        limit: int,
        max_bytes: int,
    ) -> Page:
        page = self.history_items(conversation_id, user_id, after, before, limit, max_bytes)
        return messages_of(conversation_id, page)

    def history_items(
        self,
        conversation_id: str,
        user_id: str,
        after: int | None,
        before: int | None,
        limit: int,
        max_bytes: int,
    ) -> ItemPage:
        grant = require(Need.READ, self.seat(conversation_id, user_id))
        conversation = self._tables.conversations[conversation_id]
        span = span_of(len(conversation.rows), grant, after, before, limit)
        own = conversation.members[user_id]
        rows = conversation.rows[span.first - 1 : span.last]
        found = (
            _item(row.message if grant.goes_on else self._as_of(row.message, grant.last))
            for row in (reversed(rows) if span.backwards else rows)
        )
        return page_of(span, found, limit, max_bytes, _modseq(conversation, own))

    def _as_of(self, message: Message, position: int) -> Message:
        """The message as it was to be read at this position."""
        for revision in range(1, message.revision):
            content, until = self._tables.revisions[message.conversation_id, message.position, revision]
            if until > position:
                return msgspec.structs.replace(message, content=content, revision=revision)
        return message

    def head_change(self) -> int:
        return self._tables.change

    def messages_after(
        self, change: int, bots: Sequence[str] | None, limit: int
    ) -> tuple[list[tuple[int, Message, Audience]], int]:
        log = self._tables.log
        found: list[tuple[int, Message, Audience]] = []
        for number, conversation_id, position in log[bisect_right(log, change, key=lambda row: row[0]) :]:
            conversation = self._tables.conversations[conversation_id]
            if bots is None or _was_among(conversation, bots, position):
                message = conversation.rows[position - 1].message
                found.append((number, message, conversation.state.members))
                if len(found) >= limit:
                    return found, number
        return found, max(change, self._tables.change)

    # -- conversations ------------------------------------------------------------------------------------------------

    def sync(
        self, user_id: str, since: str | None, limit: int, takes: Takes | None = None
    ) -> tuple[list[ConversationRow], str, bool]:
        head = self._tables.change
        after = self._places.read(since, head, user_id)
        changed = sorted(
            (change, one.state.conversation_id, one)
            for one, own in self._of(user_id)
            if (change := _changed_for(one, own)) > after
        )
        rows = rows_taken((self._row(one, user_id) for _, _, one in changed[:limit]), takes)
        more = len(changed) > len(rows)
        return rows, self._places.seal(head, changed[len(rows) - 1][0] if more else head), more

    def conversations(
        self, user_id: str, before: str | None, limit: int, takes: Takes | None = None
    ) -> tuple[list[ConversationRow], str | None]:
        head = self._tables.change
        upper = head + 1 if before is None else self._places.read(before, head, user_id, kind=LISTED)
        found = sorted(
            (one for one, own in self._of(user_id) if own.left_at is None and _spoken(one) < upper),
            key=_spoken,
            reverse=True,
        )
        rows = rows_taken((self._listed(one, user_id) for one in found[:limit]), takes)
        more = len(found) > len(rows)
        return rows, self._places.seal(head, _spoken(found[len(rows) - 1]), kind=LISTED) if more else None

    def check(self, user_id: str, learnt: Learnt) -> Agreement | None:
        conversation = self._tables.conversations.get(learnt.conversation_id)
        if conversation is None or user_id not in conversation.members:
            return None
        change, row = self._tables.change, self._row(conversation, user_id)
        common = self._places.common(learnt.place, change, user_id)
        shared = [one for one in conversation.rows[: min(learnt.position, row.head)] if one.change <= common]
        agreed = agreed_position(learnt.position, first=FIRST_KEPT, last=row.head, common=len(shared))
        first_after = self._first_modseq(learnt.conversation_id, common + 1) if common < change else None
        good = state_good(learnt.modseq, present=row.modseq, first_after=first_after)
        return Agreement(agreed, good, row)

    def _first_modseq(self, conversation_id: str, change: int) -> int | None:
        """The first modseq given out in the run of this change or a later one; None if there is none."""
        no, firsts = self._places.lineage.run_of(change).no, self._tables.first_modseqs
        later = sorted(run for conversation, run in firsts if conversation == conversation_id and run >= no)
        return firsts[conversation_id, later[0]] if later else None

    def members(self, conversation_id: str) -> list[Membership]:
        conversation = self._tables.conversations.get(conversation_id)
        present = (
            [one for one in conversation.members.values() if one.left_at is None] if conversation else []
        )
        return sorted(present, key=lambda one: (one.joined_at, one.user_id.encode()))

    def members_page(self, conversation_id: str, after: str | None, limit: int) -> list[Membership]:
        by_id = sorted(self.members(conversation_id), key=lambda one: one.user_id)
        return [one for one in by_id if after is None or one.user_id > after][:limit]

    def seat(self, conversation_id: str, user_id: str) -> Seat:
        conversation = self._tables.conversations.get(conversation_id)
        own = conversation.members.get(user_id) if conversation else None
        return _seat(conversation, own) if conversation and own else NO_SEAT

    # -- accounts -----------------------------------------------------------------------------------------------------

    def users(self, user_ids: Sequence[str]) -> list[User]:
        known = self._tables.users
        return [known[user_id] for user_id in dict.fromkeys(user_ids) if user_id in known]

    def bound_device(self, token_id: str) -> str | None:
        bound = self._tables.tokens.get(token_id)
        return bound[1] if bound else None

    # -- plugins ------------------------------------------------------------------------------------------------------

    def plugin_cursor(self, plugin: str) -> int | None:
        return self._tables.plugin_cursors.get(plugin)

    def timers_due(self, plugin: str, now_ms: int, limit: int) -> list[tuple[int, str, int, dict[str, Any]]]:
        due = sorted(
            (timer.due_at, timer_id, timer)
            for timer_id, timer in self._tables.timers.items()
            if timer.plugin == plugin and timer.due_at <= now_ms
        )
        return [
            (timer_id, timer.name, due_at, dict(decode_content(timer.payload)))
            for due_at, timer_id, timer in due[:limit]
        ]

    def next_timer_at(self, plugin: str) -> int | None:
        return min((one.due_at for one in self._tables.timers.values() if one.plugin == plugin), default=None)

    def plugin_sql(
        self, plugin: str, sql: str, params: Sequence[Any] | Mapping[str, Any] = ()
    ) -> list[tuple[Any, ...]]:
        return self._tables.sandbox.execute(plugin, sql, params, Mode.READ)

    # -- parts --------------------------------------------------------------------------------------------------------

    def _of(self, user_id: str) -> Iterable[tuple[Conversation, Membership]]:
        for conversation in self._tables.conversations.values():
            own = conversation.members.get(user_id)
            if own is not None:
                yield conversation, own

    def _row(self, one: Conversation, user_id: str) -> ConversationRow:
        state, own = one.state, one.members[user_id]
        grant = require(Need.READ, _seat(one, own))
        told = grant.goes_on and has_receipts(state.kind, len(state.members))
        others = sorted(state.members, key=str.encode) if told else ()
        return ConversationRow(
            state.conversation_id,
            state.kind,
            state.title,
            grant.cut(state.head),
            own.joined_at,
            own.left_at,
            own.role,
            one.cursors.get(user_id, Cursors()),
            cursors_of=tuple(
                (other, one.cursors.get(other, Cursors())) for other in others if other != user_id
            ),
            modseq=_modseq(one, own),
        )

    def _listed(self, one: Conversation, user_id: str) -> ConversationRow:
        state, own = one.state, one.members[user_id]
        grant = require(Need.READ, _seat(one, own))
        cursors = one.cursors.get(user_id, Cursors())
        seen = max(cursors.read, own.joined_at - 1)
        return ConversationRow(
            state.conversation_id,
            state.kind,
            state.title,
            grant.cut(state.head),
            own.joined_at,
            own.left_at,
            own.role,
            cursors,
            unread=state.unread - (one.rows[seen - 1].unread_no if seen else 0),
            last=one.last_spoken().message,
            modseq=_modseq(one, own),
        )


def _seat(conversation: Conversation, own: Membership) -> Seat:
    return Seat(conversation.state.kind, standing_of(own.left_at), own.role)


def _item(message: Message) -> Item:
    return (
        message.position,
        message.sender_id,
        message.sent_at,
        message.key,
        message.content,
        message.revision,
    )


def _spoken(one: Conversation) -> int:
    return one.last_spoken().change


def _modseq(one: Conversation, own: Membership) -> int:
    """The conversation's modseq; for a former member, that of leaving."""
    return one.left_modseq.get(own.user_id, one.state.modseq)


def _changed_for(one: Conversation, own: Membership) -> int:
    """The last change that concerns this member: a former one gets the message of leaving and none later."""
    changed = one.member_changed[own.user_id]
    return changed if own.left_at is not None else max(changed, one.changed, one.head_change())


def _was_among(one: Conversation, bots: Sequence[str], position: int) -> bool:
    members = (one.members.get(bot) for bot in bots)
    return any(
        own is not None and own.joined_at <= position and (own.left_at is None or position <= own.left_at)
        for own in members
    )
