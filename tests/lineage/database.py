"""The server's database: what a log of entries says, and what users read in it. Lineage and `check` are the product's."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from imserver.store.engine.lineage import Lineage, Place, Run, agreed_position, state_good
from imserver_protocol.methods.check import CheckAnswer, Known
from imserver_protocol.methods.cursor import MemberCursor
from imserver_protocol.methods.sync import SyncRow


class Entry(NamedTuple):
    """One entry of the log. Of `number` every operation has one of its own; only the judge looks at it."""

    kind: str
    number: int
    chat: str = ""
    user: str = ""
    position: int = 0
    value: str = ""
    key: bytes = b""
    members: tuple[str, ...] = ()


class Push(NamedTuple):
    """What sessions of some users are told."""

    kind: str
    chat: str
    position: int = 0
    user: str = ""
    value: str | None = None
    #: A modseq, or a counter.
    seq: int = 0
    message: Item | None = None


class Item(NamedTuple):
    """A message as pages show it. `event`: post, or what a system message tells, of `target` or `about_user`."""

    position: int
    key: bytes
    sender: str
    event: str
    target: int
    about_user: str
    content: str
    revision: int
    state: str | None
    number: int


class Page(NamedTuple):
    items: tuple[Item, ...]
    last: int
    head: int
    modseq: int


class Changes(NamedTuple):
    rows: tuple[tuple[int, int, str | None, None], ...]
    upto: int


@dataclass(slots=True)
class Message:
    key: bytes
    sender: str
    change: int
    number: int
    event: str
    target: int
    about_user: str
    #: Each content, with the position of the message that tells of it.
    contents: list[tuple[str, int]]

    def shown(self, left: int | None) -> tuple[str, int]:
        """Content and revision, as of now or of leaving."""
        seen = [content for content, told in self.contents if left is None or told <= left]
        return seen[-1], len(seen)


@dataclass(slots=True)
class Member:
    joined: int
    #: The change of joining; that of the last one that this member's row shows.
    joined_change: int
    changed: int
    left: int | None = None
    left_modseq: int = 0


@dataclass(slots=True)
class Chat:
    """A conversation. `first`: the first position that is kept."""

    team: str | None = None
    first: int = 1
    head: int = 0
    messages: dict[int, Message] = field(default_factory=dict)
    #: The state of a message, and its modseq.
    states: dict[int, tuple[str | None, int]] = field(default_factory=dict)
    about: tuple[str | None, int] = (None, 0)
    settings: dict[str, tuple[str, int]] = field(default_factory=dict)
    modseq: int = 0
    #: The first modseq given out in each run.
    first_modseqs: list[tuple[int, int]] = field(default_factory=list)
    members: dict[str, Member] = field(default_factory=dict)
    cursors: dict[str, int] = field(default_factory=dict)
    changed: int = 0


class Seat(NamedTuple):
    """Up to where a user reads."""

    last: int
    modseq: int
    left: int | None
    joined: int
    #: The change from which on a listing has to tell of the conversation.
    changed: int
    joined_change: int = 0


class Rules(NamedTuple):
    """The rules that a variant may break."""

    lineage: type[Lineage] = Lineage
    state_good: Callable[..., bool] = state_good
    #: A page with more behind it is sealed with the change of its last row.
    seals_the_row: bool = False
    #: The key of the message at the position asked proves the place.
    key_proves: bool = False


class Database:
    """What a log says."""

    def __init__(self, log: Iterable[Entry], rules: Rules) -> None:
        self.rules = rules
        self.log: list[Entry] = []
        self.change = 0
        self.runs: list[Run] = []
        self.chats: dict[str, Chat] = {}
        #: Where the message with this key is.
        self.keys: dict[bytes, tuple[str, int]] = {}
        #: Value, counter and change of each user's own.
        self.accounts: dict[str, tuple[str, int, int]] = {}
        self.pushes: list[tuple[list[str], Push]] = []
        for entry in log:
            self.apply(entry)
        self.pushes = []
        self._lineage: Lineage | None = None

    @property
    def lineage(self) -> Lineage:
        if self._lineage is None or len(self._lineage.runs) != len(self.runs):
            self._lineage = self.rules.lineage(self.runs)
        return self._lineage

    # -- writing ------------------------------------------------------------------------------------------------------

    def begin_run(self, number: int) -> None:
        """A row of the lineage: a life begins."""
        self.apply(Entry("row", number))

    def apply(self, entry: Entry) -> int:
        """Add an entry to the log; returns the position of the message that it made, or 0."""
        self.log.append(entry)
        if entry.kind == "row":
            mark = entry.number.to_bytes(16, "big")
            self.runs.append(Run(len(self.runs) + 1, mark, mark, self.change + 1))
            return 0
        self.change += 1
        if entry.kind == "account":
            _, seq, _ = self.accounts.get(entry.user, ("", 0, 0))
            self.accounts[entry.user] = (entry.value, seq + 1, self.change)
            self.pushes.append(([entry.user], Push("account", "", value=entry.value, seq=seq + 1)))
            return 0
        if entry.kind == "create":
            chat = self.chats[entry.chat] = Chat(team=entry.value or None)
            chat.members = {user: Member(1, self.change, self.change) for user in entry.members}
        chat = self.chats[entry.chat]
        chat.changed = self.change
        return getattr(self, f"_{entry.kind}")(chat, entry) or 0

    def _create(self, chat: Chat, entry: Entry) -> int:
        return self._message(chat, entry, "created")

    def _post(self, chat: Chat, entry: Entry) -> int:
        position = self._message(chat, entry, "post")
        self.keys[entry.key] = entry.chat, position
        return position

    def _edit(self, chat: Chat, entry: Entry) -> int:
        told = self._message(chat, entry, "edited", target=entry.position)
        chat.messages[entry.position].contents.append((entry.value, told))
        return told

    def _retract(self, chat: Chat, entry: Entry) -> int:
        contents = chat.messages[entry.position].contents
        told = self._message(
            chat, entry._replace(value=str(len(contents) + 1)), "retracted", target=entry.position
        )
        contents.append(("", told))
        return told

    def _leave(self, chat: Chat, entry: Entry) -> int:
        position = self._message(chat, entry, "left", about_user=entry.user)
        member = chat.members[entry.user]
        member.left, member.left_modseq, member.changed = position, chat.modseq, self.change
        return position

    def _join(self, chat: Chat, entry: Entry) -> int:
        member = chat.members.get(entry.user)
        if member is None:
            chat.members[entry.user] = Member(chat.head + 1, self.change, self.change)
        else:
            member.left, member.changed, member.joined_change = None, self.change, self.change
        return self._message(chat, entry, "added", about_user=entry.user)

    def _cursor(self, chat: Chat, entry: Entry) -> None:
        chat.cursors[entry.user] = max(chat.cursors.get(entry.user, 0), min(entry.position, chat.head))
        self._push(chat, Push("cursor", entry.chat, chat.cursors[entry.user], entry.user))

    def _retain(self, chat: Chat, entry: Entry) -> None:
        for position in range(chat.first, entry.position):
            chat.messages.pop(position, None)
            chat.states.pop(position, None)
        chat.first = max(chat.first, entry.position)

    def _settings(self, chat: Chat, entry: Entry) -> None:
        seq = chat.settings.get(entry.user, ("", 0))[1] + 1
        chat.settings[entry.user] = entry.value, seq
        self.pushes.append(([entry.user], Push("settings", entry.chat, value=entry.value, seq=seq)))

    def _about(self, chat: Chat, entry: Entry) -> None:
        self._next_modseq(chat)
        chat.about = entry.value, chat.modseq
        self._push(chat, Push("about", entry.chat, value=entry.value, seq=chat.modseq))

    def _state(self, chat: Chat, entry: Entry) -> None:
        self._next_modseq(chat)
        value = entry.value or None
        chat.states[entry.position] = value, chat.modseq
        self._push(chat, Push("state", entry.chat, entry.position, value=value, seq=chat.modseq))

    def _next_modseq(self, chat: Chat) -> None:
        chat.modseq += 1
        if not chat.first_modseqs or chat.first_modseqs[-1][0] != len(self.runs):
            chat.first_modseqs.append((len(self.runs), chat.modseq))

    def _message(self, chat: Chat, entry: Entry, event: str, *, target: int = 0, about_user: str = "") -> int:
        chat.head += 1
        key = entry.key or b"s%d" % entry.number
        content = entry.value if event in ("post", "retracted") else event
        told = [(content, chat.head)]
        sender = entry.user or entry.members[0]
        message = Message(key, sender, self.change, entry.number, event, target, about_user, told)
        chat.messages[chat.head] = message
        item = Item(chat.head, key, sender, event, target, about_user, content, 1, None, entry.number)
        self._push(chat, Push("message", entry.chat, chat.head, message=item))
        return chat.head

    def _push(self, chat: Chat, push: Push) -> None:
        self.pushes.append((self.members_of(chat), push))

    def members_of(self, chat: Chat) -> list[str]:
        """Present ones: by a row, or by the team."""
        present = [user for user, member in chat.members.items() if member.left is None]
        team = self.chats.get(chat.team or "")
        if team is not None:
            present += [user for user in self.members_of(team) if user not in chat.members]
        return present

    # -- reading, each in one snapshot --------------------------------------------------------------------------------

    def seat(self, name: str, user: str) -> Seat | None:
        """Where a user stands; None: nowhere."""
        chat = self.chats.get(name)
        if chat is None:
            return None
        member = chat.members.get(user)
        if member is not None and member.left is not None:
            return Seat(member.left, member.left_modseq, member.left, member.joined, member.changed)
        if member is not None:
            return Seat(chat.head, chat.modseq, None, member.joined, max(chat.changed, member.changed))
        team = self.chats.get(chat.team or "")
        through = team.members.get(user) if team is not None else None
        if through is None or through.left is not None:
            return None
        changed = max(chat.changed, through.joined_change)
        return Seat(chat.head, chat.modseq, None, 0, changed, through.joined_change)

    def row(self, name: str, user: str, base: int = 0) -> SyncRow:
        """A row of `sync`; `base` is the change from which it began."""
        chat, seat = self.chats[name], self.seat(name, user)
        assert seat is not None
        joined = seat.joined
        if not joined:
            since = max(seat.joined_change, base)
            before = (at for at, message in chat.messages.items() if message.change <= since)
            joined = max(before, default=chat.first - 1) + 1
        settings, settings_seq = chat.settings.get(user, ("", 0))
        mine = chat.cursors.get(user, 0)
        if seat.left is not None:
            shown: dict[str, str] | None = None
            cursors: tuple[MemberCursor, ...] = ()
        else:
            shown = {"": chat.about[0]} if chat.about[0] else {}
            others = sorted((other, at) for other, at in chat.cursors.items() if other != user)
            cursors = tuple(MemberCursor(other, at, at) for other, at in others)
        return SyncRow(
            name, "group", "", seat.last, joined, seat.left, "member", mine, mine,
            {"": settings} if settings else {}, cursors, shown, seat.modseq,
            None if user in chat.members else chat.team, settings_seq,
        )  # fmt: skip

    def page(self, name: str, user: str, after: int, limit: int) -> Page | None:
        """A page of `history`; None: NOT_FOUND."""
        seat = self.seat(name, user)
        if seat is None:
            return None
        chat, position, items = self.chats[name], after, list[Item]()
        while position < seat.last and len(items) < limit:
            position += 1
            message = chat.messages.get(position)
            if message is None:
                continue
            content, revision = message.shown(seat.left)
            state, modseq = chat.states.get(position, (None, 0))
            items.append(
                Item(
                    position,
                    message.key,
                    message.sender,
                    message.event,
                    message.target,
                    message.about_user,
                    content,
                    revision,
                    state if modseq <= seat.modseq else None,
                    message.number,
                )
            )
        return Page(tuple(items), position, seat.last, seat.modseq)

    def changes(self, name: str, user: str, after: int) -> Changes | None:
        """The whole answer of `changes`; None: NOT_FOUND."""
        seat = self.seat(name, user)
        if seat is None or seat.left is not None:
            return None
        states = self.chats[name].states.items()
        return Changes(
            tuple((at, seq, value, None) for at, (value, seq) in states if seq > after), seat.modseq
        )

    def account(self, user: str, after: int = 0) -> tuple[str, int] | None:
        """The user's own value and counter, if it changed after that."""
        value, seq, change = self.accounts.get(user, ("", 0, 0))
        return (value, seq) if change > after else None

    def good(self, since: Place | None) -> bool:
        return since is None or self.lineage.good(since, self.change)

    def sync(self, user: str, since: Place | None, limit: int) -> tuple[list[SyncRow], Place, bool]:
        """A page: rows, the next token, and whether there is more."""
        after = 0 if since is None else since.upto
        seats = {name: self.seat(name, user) for name in self.chats}
        found = sorted((seat.changed, name) for name, seat in seats.items() if seat and seat.changed > after)
        while limit < len(found) and found[limit][0] == found[limit - 1][0]:
            limit += 1  # what one gained with a team has one change, and no page ends in between
        more, found = len(found) > limit, found[:limit]
        upto = found[-1][0] if more else self.change
        place = self.lineage.place(self.change, upto)
        if more and self.rules.seals_the_row:
            place = self.lineage.place(upto, upto)
        return [self.row(name, user, after) for _, name in found], place, more

    def check(self, user: str, known: Known, place: Place | None, key: bytes | None) -> CheckAnswer | None:
        """Up to where what a user knows is part of this history. `key` is that of the message at the position asked: no rule
        looks at it but a broken one."""
        seat = self.seat(known.conversation_id, user)
        if seat is None:
            return None
        chat, lineage = self.chats[known.conversation_id], self.lineage
        common = 0 if place is None else lineage.common(place, self.change)
        upto = min(known.position, seat.last)
        shared = [at for at, message in chat.messages.items() if at <= upto and message.change <= common]
        agreed = agreed_position(
            known.position, first=chat.first, last=seat.last, common=max(shared, default=0)
        )
        there = chat.messages.get(upto)
        if self.rules.key_proves and there is not None and (there.key, upto) == (key, known.position):
            agreed = known.position
        first_after = None
        if common < self.change:
            run = lineage.run_of(common + 1).no
            later = bisect_right(chat.first_modseqs, (run, -1))
            first_after = chat.first_modseqs[later][1] if later < len(chat.first_modseqs) else None
        good = self.rules.state_good(known.modseq, present=seat.modseq, first_after=first_after)
        return CheckAnswer(agreed, good, self.row(known.conversation_id, user, self.change))
