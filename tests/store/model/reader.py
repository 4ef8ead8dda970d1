"""What a world looks like to those who read it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile
from typing import Any

import msgpack
import msgspec

from imserver.chat.permissions import (
    EVERYTHING,
    FORMER_TEAM_MEMBER,
    FREE,
    NO_SEAT,
    Need,
    Seat,
    has_receipts,
    require,
)
from imserver.chat.reader import Takes
from imserver.errors import Refusal, RefusalCode
from imserver.model import (
    Account,
    Agreement,
    Audience,
    ChangedItem,
    Changes,
    ConversationRow,
    ItemPage,
    Learnt,
    Membership,
    Message,
    Page,
    Role,
    SyncPage,
    Usage,
    User,
)
from imserver.store.engine.places import LISTED, Places, Spot
from tests.store.model.world import Said, Talk, World

#: What an item of a page counts beside its sender's name and its content.
ITEM_BYTES = 64
#: And a row of `changes` beside its maps.
CHANGED_BYTES = 16


class ModelReader:
    """`imserver.chat.reader.Reader`, without the SQL of plugins."""

    def __init__(self, world: World, places: Places) -> None:
        self.world = world.shown()
        self._places = places

    # -- messages -----------------------------------------------------------------------------------------------------

    def history_items(
        self,
        conversation_id: str,
        user_id: str,
        after: int | None,
        before: int | None,
        limit: int,
        max_bytes: int,
    ) -> ItemPage:
        page = self.history(conversation_id, user_id, after, before, limit, max_bytes)
        talk = self.world.talks[conversation_id]
        items: list[Any] = []
        for m in page.items:
            state = [msgspec.Raw(one) for one in _state_of(talk, m.position, user_id)]
            items.append((m.position, m.sender_id, m.sent_at, m.key, m.content, m.revision, *state))
        change = self.world.change if page.modseq else 0
        return ItemPage(items, page.first, page.last, page.head, page.modseq, change)

    def history(
        self,
        conversation_id: str,
        user_id: str,
        after: int | None,
        before: int | None,
        limit: int,
        max_bytes: int,
    ) -> Page:
        grant = require(Need.READ, self.seat(conversation_id, user_id))
        talk = self.world.talks[conversation_id]
        head = grant.cut(talk.head)
        if after is not None and before is not None:
            raise _invalid("before")
        if limit < 1:
            raise _invalid("limit")
        if after is not None and after < 0:
            raise _invalid("after")
        if before is not None and before < 1:
            raise _invalid("before")
        if after is not None and after > head:
            raise Refusal(RefusalCode.EPOCH_CHANGED, "such a position was never told")
        first = grant.first if after is None else max(after + 1, grant.first)
        last = head if before is None else min(before - 1, head)
        forward = after is not None
        shown: list[Message] = []
        room = max_bytes
        for position in range(first, last + 1) if forward else range(last, first - 1, -1):
            message = talk.said[position - 1].as_of(grant.last)
            room -= ITEM_BYTES + len(message.sender_id.encode()) + len(message.content or b"")
            room -= sum(map(len, _state_of(talk, position, user_id)))
            if shown and (room < 0 or len(shown) == limit):
                break
            shown.append(message)
        modseq = talk.modseq_for(_own(talk, user_id))
        if forward:
            return Page(tuple(shown), first, shown[-1].position if shown else last, head, modseq)
        return Page(tuple(reversed(shown)), shown[-1].position if shown else first, last, head, modseq)

    def changes(
        self, conversation_id: str, user_id: str, after_modseq: int, limit: int, max_bytes: int
    ) -> Changes:
        grant = require(Need.READ, self.seat(conversation_id, user_id))
        talk = self.world.talks[conversation_id]
        if _own(talk, user_id).left_at is not None:
            raise Refusal(RefusalCode.NOT_FOUND, "no such conversation")
        if after_modseq < 0:
            raise _invalid("after_modseq")
        if limit < 1:
            raise _invalid("limit")
        assert grant == EVERYTHING
        steps: dict[int, list[ChangedItem]] = {}
        for position, marks in sorted(talk.marks.items()):
            if marks.modseq > after_modseq:
                row = (position, marks.modseq, _map(marks.extra), _map(marks.mine.get(user_id, {})))
                steps.setdefault(marks.modseq, []).append(row)
        rows: list[ChangedItem] = []
        for _, step in sorted(steps.items()):
            size = sum(CHANGED_BYTES + len(row[2]) + len(row[3]) for row in step)
            max_bytes -= size
            if rows and (max_bytes < 0 or len(rows) + len(step) > limit):
                return Changes(rows, rows[-1][1], True, self.world.change)
            rows += step
        return Changes(rows, talk.modseq, False, self.world.change)

    def head_change(self) -> int:
        return self.world.change

    def messages_after(
        self, change: int, bots: Sequence[str] | None, limit: int
    ) -> tuple[list[tuple[int, Message, Audience]], int]:
        found = sorted(
            (
                (said.change, said.message, talk.audience)
                for talk in self.world.talks.values()
                for said in talk.said
                if said.change > change and (bots is None or _was_among(talk, bots, said.message.position))
            ),
            key=lambda row: row[0],
        )
        if len(found) >= limit:
            return found[:limit], found[limit - 1][0]
        return found, max(change, self.world.change)

    # -- conversations ------------------------------------------------------------------------------------------------

    def sync(
        self, user_id: str, since: str | None, limit: int, takes: Takes | None = None
    ) -> tuple[list[ConversationRow], str, bool]:
        page = self.sync_page(user_id, since, limit, takes)
        return page.rows, page.next_since, page.more

    def sync_page(self, user_id: str, since: str | None, limit: int, takes: Takes | None = None) -> SyncPage:
        head = self.world.change
        change, tie, base = self._places.read_spot(since, head, user_id)
        changed = sorted(
            (place, talk.conversation_id)
            for talk, own in self._of(user_id)
            if (place := _place(talk, own, self.world.talks.get(talk.team or ""))) > (change, tie)
            and self._within(talk, own, base)
        )
        rows = _taken((self._row(self.world.talks[one], user_id, base) for _, one in changed[:limit]), takes)
        more = len(changed) > len(rows)
        account = self._account_after(user_id, change)
        told = changed[len(rows) - 1][0] if rows else (change, tie)
        return SyncPage(
            rows, self._places.seal_spot(head, Spot(*told, base) if more else None), more, account, head
        )

    def _within(self, talk: Talk, own: Membership, base: int | None) -> bool:
        """Whether `sync` tells of it: what comes with a team that is new to the listing is not older than 90 days, unless it
        moved since. (Nor is there more than 10,000 of it, which no history here has.)"""
        if not talk.by_team(own.user_id):
            return True
        natural = _natural(talk)
        if base is not None and (talk.of_team[own.user_id] <= base or natural > base):
            return True
        said = sorted((one for other in self.world.talks.values() for one in other.said), key=_change)
        oldest = said[-1].message.sent_at - 90 * 86_400_000
        return natural >= min(one.change for one in said if one.message.sent_at >= oldest)

    def conversations(
        self, user_id: str, before: str | None, limit: int, takes: Takes | None = None
    ) -> tuple[list[ConversationRow], str | None]:
        head = self.world.change
        upper = head + 1 if before is None else self._places.read(before, head, user_id, kind=LISTED)
        found = sorted(
            (
                (talk.last_spoken().change, talk.conversation_id)
                for talk, own in self._of(user_id)
                if own.left_at is None and talk.last_spoken().change < upper
            ),
            reverse=True,
        )
        rows = _taken((self._listed(self.world.talks[one], user_id) for _, one in found[:limit]), takes)
        if len(found) == len(rows):
            return rows, None
        below = found[len(rows) - 1][0] if rows else upper
        return rows, self._places.seal(head, below, kind=LISTED)

    def check(self, user_id: str, learnt: Learnt) -> Agreement | None:
        talk = self.world.talks.get(learnt.conversation_id)
        if talk is None or not (user_id in talk.members or talk.by_team(user_id)):
            return None
        row = self._row(talk, user_id, None)
        common = self._places.common(learnt.place, self.world.change, user_id)
        left_team = (
            _left_team(self.world.talks.get(talk.team or ""), user_id) if row.left_at is not None else 0
        )
        learnable = max(row.head, sum(said.change <= left_team for said in talk.said))
        shared = [said for said in talk.said[: min(learnt.position, learnable)] if said.change <= common]
        return Agreement(len(shared), learnt.modseq <= row.modseq, row)

    def members(self, conversation_id: str) -> list[Membership]:
        talk = self.world.talks.get(conversation_id)
        if talk is None:
            return []
        present = [one for one in talk.members.values() if one.left_at is None]
        through = sorted((one for one in talk.of_team if talk.by_team(one)), key=str.encode)
        rows = sorted(present, key=lambda one: (one.joined_at, one.user_id.encode()))
        return [*rows, *(_own(talk, one) for one in through)]

    def added(self, conversation_id: str) -> tuple[list[Membership], str | None]:
        talk = self.world.talks.get(conversation_id)
        if talk is None:
            return [], None
        return sorted(talk.members.values(), key=lambda one: one.user_id.encode()), talk.team

    def members_page(self, conversation_id: str, after: str | None, limit: int) -> list[Membership]:
        by_name = sorted(self.members(conversation_id), key=lambda one: one.user_id.encode())
        return [one for one in by_name if after is None or one.user_id.encode() > after.encode()][:limit]

    def seat(self, conversation_id: str, user_id: str) -> Seat:
        talk = self.world.talks.get(conversation_id)
        if talk is None:
            return NO_SEAT
        group = self.world.talks.get(talk.team or "")
        seat = talk.seat(user_id)._replace(bars=FREE)  # no bar keeps from reading
        if seat.kind is None and group is not None and user_id in group.members:
            return Seat(talk.kind, FORMER_TEAM_MEMBER, None)
        return seat

    def account(self, user_id: str) -> Account | None:
        return self._account_after(user_id, 0)

    def _account_after(self, user_id: str, change: int) -> Account | None:
        seq, values, when = self.world.accounts.get(user_id, (0, {}, 0))
        return Account(seq, _map(values)) if when > change else None

    # -- accounts -----------------------------------------------------------------------------------------------------

    def users(self, user_ids: Sequence[str]) -> list[User]:
        known = self.world.users
        return [known[user_id] for user_id in dict.fromkeys(user_ids) if user_id in known]

    def used(self, user_id: str) -> Usage:
        return self.world.used.get(user_id, Usage(user_id))

    def bound_device(self, token_id: str) -> str | None:
        bound = self.world.tokens.get(token_id)
        return bound[1] if bound else None

    # -- plugins ------------------------------------------------------------------------------------------------------

    def plugin_cursor(self, plugin: str) -> int | None:
        return self.world.handled[plugin][0] if plugin in self.world.handled else None

    def plugin_handled(self, plugin: str) -> list[int]:
        return sorted(self.world.handled[plugin][1]) if plugin in self.world.handled else []

    def timers_due(self, plugin: str, now_ms: int, limit: int) -> list[tuple[int, str, int, dict[str, Any]]]:
        due = sorted((at, timer_id) for at, timer_id in self._timers(plugin) if at <= now_ms)
        timers = self.world.timers
        return [(number, timers[number][2], at, dict(timers[number][3])) for at, number in due[:limit]]

    def next_timer_at(self, plugin: str) -> int | None:
        return min((at for at, _ in self._timers(plugin)), default=None)

    def _timers(self, plugin: str) -> list[tuple[int, int]]:
        return [(timer[1], number) for number, timer in self.world.timers.items() if timer[0] == plugin]

    # -- parts --------------------------------------------------------------------------------------------------------

    def _of(self, user_id: str) -> Iterable[tuple[Talk, Membership]]:
        for talk in self.world.talks.values():
            if user_id in talk.members or talk.by_team(user_id):
                yield talk, _own(talk, user_id)

    def _row(self, talk: Talk, user_id: str, base: int | None) -> ConversationRow:
        own, audience = _own(talk, user_id, base), talk.audience
        grant = require(Need.READ, talk.seat(user_id))
        told = own.left_at is None and has_receipts(talk.kind, len(audience))
        known = (one for one in audience if one != user_id and (one in talk.rows or one in talk.team_cursors))
        others = sorted(known, key=str.encode) if told else ()
        return ConversationRow(
            talk.conversation_id,
            talk.kind,
            talk.title,
            grant.cut(talk.head),
            own.joined_at,
            own.left_at,
            own.role,
            talk.cursors_of(user_id),
            cursors_of=tuple((one, talk.cursors_of(one)) for one in others),
            **_ends(talk, own),
        )

    def _listed(self, talk: Talk, user_id: str) -> ConversationRow:
        own, cursors = _own(talk, user_id), talk.cursors_of(user_id)
        return ConversationRow(
            talk.conversation_id,
            talk.kind,
            talk.title,
            talk.head,
            own.joined_at,
            own.left_at,
            own.role,
            cursors,
            unread=talk.unread(user_id, after=max(cursors.read, own.joined_at - 1)),
            last=talk.last_spoken().message,
            **_ends(talk, own),
        )


def _ends(talk: Talk, own: Membership) -> dict[str, Any]:
    """What a row tells of state: a former member's is that of leaving, and shows nothing of the conversation's."""
    seq, settings = talk.settings_of(own.user_id)
    present = own.left_at is None and talk.about is not None
    return {
        "settings": _map(settings) if seq else None,
        "settings_seq": seq,
        "about": _map(talk.about or {}) if present else None,
        "modseq": talk.modseq_for(own),
        "team": talk.team if talk.by_team(own.user_id) else None,
    }


def _own(talk: Talk, user_id: str, base: int | None = None) -> Membership:
    """A member's row; who has no present one, and is in the team, is here from the first message behind joining on, or behind
    the base of the listing."""
    if not talk.by_team(user_id):
        return talk.members[user_id]
    joined = max(talk.of_team[user_id], base or 0)
    before = [said.message.position for said in talk.said if said.change <= joined]
    return Membership(user_id, Role.MEMBER, max(before, default=0) + 1)


def _natural(talk: Talk) -> int:
    return max(talk.changed, talk.said[-1].change)


def _place(talk: Talk, own: Membership, group: Talk | None) -> tuple[int, int]:
    """Change and tie of a row of `sync`. What came of joining or leaving the team, which is `group`, has that change."""
    if talk.by_team(own.user_id):
        return max(_natural(talk), talk.of_team[own.user_id]), _natural(talk)
    change, number = talk.last_change_for(own), talk.said[0].change
    tie = (1 << 62) + number
    return max(change, _left_team(group, own.user_id) if own.left_at is not None else 0), tie


def _left_team(group: Talk | None, user_id: str) -> int:
    """The change with which the user left the team; 0 for who did not."""
    in_team = group.members.get(user_id) if group is not None else None
    return (
        0 if group is None or in_team is None or in_team.left_at is None else group.last_change_for(in_team)
    )


def _change(said: Said) -> int:
    return said.change


def _state_of(talk: Talk, position: int, user_id: str) -> list[bytes]:
    """What the item of a page ends with."""
    marks = talk.shown_at(position, _own(talk, user_id))
    if marks is None:
        return []
    mine = marks.mine.get(user_id)
    return [_map(marks.extra)] if not mine else [_map(marks.extra), _map(mine)]


def _map(values: Mapping[str, Any]) -> bytes:
    encoded: bytes = msgpack.packb(dict(sorted(values.items())))
    return encoded


def _taken(rows: Iterable[ConversationRow], takes: Takes | None) -> list[ConversationRow]:
    return list(rows) if takes is None else list(takewhile(takes, rows))


def _was_among(talk: Talk, bots: Sequence[str], position: int) -> bool:
    """Whether one of them was a member when this was said."""
    members = (talk.members[bot] for bot in bots if bot in talk.members)
    return any(
        own.joined_at <= position and (own.left_at is None or position <= own.left_at) for own in members
    )


def _invalid(name: str) -> Refusal:
    return Refusal(RefusalCode.INVALID, name, detail=name)
