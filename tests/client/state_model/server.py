"""The model's server: conversations, what commits change, who is told, and reads from snapshots."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from imserver_client.core.state import UNSAID, Counted, Row, Told

if TYPE_CHECKING:
    from .device import Device
    from .world import World


class Said(NamedTuple):
    """A value, and the version of it that only the judge sees. An empty tuple is an empty value."""

    value: tuple[Any, ...]
    version: int


#: What a user sees of an item: the shared value and the own one; None was never set.
View = tuple[Said | None, Said | None]
Frame = tuple[Any, ...]
#: Items of one unit: position, shared value, and own values by user (empty: removed).
Unit = list[tuple[int, tuple[Any, ...], dict[str, tuple[Any, ...]]]]


#: What a feature wrote that may be left out of a server.
_OF_A_FEATURE = {"pin", "about", "settings", "account"}


def seen(said: Said | None, *, hides: bool) -> Said | None:
    """A value, without what a feature wrote that this server may not have."""
    if said is None or not hides:
        return said
    return Said(tuple(one for one in said.value if one not in _OF_A_FEATURE), said.version)


@dataclass(slots=True)
class Member:
    joined: int
    left: int | None = None
    left_modseq: int = 0
    settings: Counted[Said] = field(default_factory=Counted)
    changed: int = 0


@dataclass(slots=True)
class Chat:
    """What the database has of one conversation. `big`: more members than pushes with items go to."""

    big: bool
    first: int = 1
    head: int = 0
    modseq: int = 0
    #: position -> modseq and value
    shared: dict[int, tuple[int, Said]] = field(default_factory=dict)
    own: dict[tuple[int, str], Said] = field(default_factory=dict)
    #: Versions of values that are not kept, too.
    versions: dict[tuple[int, str | None], int] = field(default_factory=dict)
    about: tuple[int, Said | None] = (0, None)
    members: dict[str, Member] = field(default_factory=dict)
    changed: int = 0
    reactions: dict[int, dict[str, str]] = field(default_factory=dict)
    pin: int | None = None
    retracted: set[int] = field(default_factory=set)
    hinted_at: int = -99
    hint_due: bool = False
    #: The server does not have the feature.
    hides: bool = False

    @property
    def present(self) -> list[str]:
        return [user for user, member in self.members.items() if member.left is None]

    def view(self, position: int, user: str) -> View:
        return seen(self._shared_of(position), hides=self.hides), self._own_of(position, user)

    def _shared_of(self, position: int) -> Said | None:
        if position in self.shared:
            return self.shared[position][1]
        version = self.versions.get((position, None))
        return None if version is None else Said((), version)

    def _own_of(self, position: int, user: str) -> Said | None:
        if (position, user) in self.own:
            return self.own[position, user]
        version = self.versions.get((position, user))
        return None if version is None else Said((), version)

    def page(
        self, user: str, low: int, high: int, *, former_now: bool
    ) -> tuple[int, list[tuple[int, View]], int, int] | None:
        """Its modseq, items, last position and the first one that is kept."""
        member = self.members.get(user)
        if member is None:
            return None
        end = self.head if member.left is None else member.left
        former = member.left is not None
        label = member.left_modseq if former and not former_now else self.modseq
        last = min(high, end)
        items = []
        for position in range(max(low, self.first, member.joined), last + 1):
            hidden = former and self.shared.get(position, (0,))[0] > member.left_modseq
            items.append((position, (None, None) if hidden else self.view(position, user)))
        return label, items, last, self.first

    def changes(
        self, user: str, after: int, limit: int, flags: frozenset[str]
    ) -> tuple[list[Row[Said]], int, bool] | None:
        member = self.members.get(user)
        if member is None or member.left is not None:
            return None
        from_ = max(member.joined, self.first)
        rows = sorted((at, p) for p, (at, _) in self.shared.items() if at > after and p >= from_)
        count = limit
        while 0 < count < len(rows) and rows[count][0] == rows[count - 1][0] and "cut_inside" not in flags:
            count += 1  # never ends inside a modseq
        more = count < len(rows)
        rows = rows[:count]
        upto = rows[-1][0] if more else self.modseq
        if "no_upto" in flags:
            upto = rows[-1][0] if rows else after
        return [(p, at, *self.view(p, user)) for at, p in rows], upto, more


class Session:
    """A device's session: what waits to be pushed, to be worked on, and to be answered."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.out: deque[Frame] = deque()
        self.requests: deque[Frame] = deque()
        self.answers: list[tuple[int, str, tuple[Any, ...], Any]] = []
        self.lagging = False
        self.attached = True
        self.unacked = 0


class Server:
    def __init__(self, world: World) -> None:
        self.world = world
        self.flags = world.variant.flags
        self.change = 0
        self.chats: dict[str, Chat] = {}
        #: counter, value, change
        self.accounts: dict[str, tuple[int, Said, int]] = {}
        self.sessions: dict[int, Session] = {}
        #: Pushes not yet numbered, where replies may overtake them.
        self.fan: deque[tuple[Session, Frame]] = deque()
        #: Writes that waited in lost sessions.
        self.ghosts: list[tuple[str, tuple[Any, ...]]] = []
        #: It does not have the feature.
        self.hides = False

    # -- telling ------------------------------------------------------------------------------------------------------

    def push(self, session: Session, frame: Frame) -> None:
        if "overtake" in self.flags:
            self.fan.append((session, frame))
        else:
            self.number(session, frame)

    def number(self, session: Session, frame: Frame) -> None:
        """No queue stands behind the window."""
        if session.lagging:
            return
        if session.unacked >= self.world.window:
            session.lagging = True
            return
        session.out.append(frame)
        session.unacked += 1

    def tell_users(self, users: Iterable[str | None], frame: Frame) -> None:
        told = set(users)
        for session in list(self.sessions.values()):
            if session.device.user in told:
                self.push(session, frame)

    def tell_items(
        self, name: str, users: Iterable[str], modseq: int, told: list[tuple[int, dict[str, Any]]]
    ) -> None:
        chat = self.chats[name]
        for user in users:
            items: list[Told[Said]] = []
            for position, own in told:
                if position < chat.members[user].joined:
                    continue  # outside the member's range: the push goes, the item does not
                shared, mine = chat.view(position, user)
                said = user in own or shared is None or shared.value == ()
                items.append((position, shared, mine if said else UNSAID))
            if not items and "range_skip" in self.flags:
                continue
            parts = [[item] for item in items] if items and "split" in self.flags else [items]
            for part in parts:
                self.tell_users([user], ("item", name, modseq, part))

    def tell_hint(self, name: str) -> None:
        chat = self.chats[name]
        if self.world.now - chat.hinted_at >= self.world.second:
            chat.hinted_at, chat.hint_due = self.world.now, False
            self.tell_users(chat.present, ("item", name, chat.modseq, None))
        elif "hint_no_trail" not in self.flags:
            chat.hint_due = True  # goes out when the second is over, with the modseq of then

    def tick(self) -> None:
        for name, chat in self.chats.items():
            if chat.hint_due and self.world.now - chat.hinted_at >= self.world.second:
                self.tell_hint(name)

    # -- commits ------------------------------------------------------------------------------------------------------

    def touch(self, chat: Chat) -> None:
        self.change += 1
        chat.changed = self.change

    def version(self) -> int:
        self.world.versions += 1
        return self.world.versions

    def message(self, name: str, about_whom: str | None = None) -> int:
        chat = self.chats[name]
        self.touch(chat)
        chat.head += 1
        self.tell_users([*chat.present, about_whom], ("message", name, chat.head, about_whom))
        return chat.head

    def unit(self, name: str, items: Unit) -> None:
        """All `set_item` of one unit: one modseq, one push."""
        chat = self.chats[name]
        self.touch(chat)
        chat.modseq += 1
        told: list[tuple[int, dict[str, Any]]] = []
        groups: list[tuple[int, list[tuple[int, dict[str, Any]]]]] = []
        for number, (position, value, own) in enumerate(items):
            if number and "not_shared" in self.flags:
                groups.append((chat.modseq, told))
                told = []
                chat.modseq += 1
            self._set(chat, position, value, own)
            told.append((position, own))
        groups.append((chat.modseq, told))
        if "not_shared" in self.flags and any(own for _, _, own in items):
            groups = self._own_apart(name, items, groups)
        if chat.big:
            self.tell_hint(name)
            return
        for modseq, group in groups:
            self.tell_items(name, chat.present, modseq, group)

    def _set(
        self, chat: Chat, position: int, value: tuple[Any, ...], own: dict[str, tuple[Any, ...]]
    ) -> None:
        chat.versions[position, None] = version = self.version()
        chat.shared[position] = (chat.modseq, Said(value, version))
        if not value:
            if "no_empty" in self.flags:
                del chat.shared[position]
            if "own_kept" not in self.flags:
                for key in [key for key in chat.own if key[0] == position]:
                    chat.versions[key] = self.version()
                    del chat.own[key]
        for user, mine in own.items():
            chat.versions[position, user] = version = self.version()
            chat.own[position, user] = Said(mine, version)
            if not mine:
                del chat.own[position, user]

    def _own_apart(
        self, name: str, items: Unit, groups: list[tuple[int, list[tuple[int, dict[str, Any]]]]]
    ) -> list[tuple[int, list[tuple[int, dict[str, Any]]]]]:
        """Own values take one modseq more, told to their users alone."""
        chat = self.chats[name]
        chat.modseq += 1
        for position, _, own in items:
            if own and position in chat.shared:
                chat.shared[position] = (chat.modseq, chat.shared[position][1])
            for user in own:
                self.tell_items(name, [user], chat.modseq, [(position, own)])
        return [(modseq, [(position, {}) for position, _ in told]) for modseq, told in groups]

    def shared_value(self, chat: Chat, position: int) -> tuple[Any, ...]:
        pin = ("pin",) if chat.pin == position else ()
        return (*pin, *sorted(chat.reactions.get(position, {}).items()))

    def react(self, user: str, name: str, position: int, emoji: str | None) -> tuple[int, View] | None:
        """A natural put, or a remove: answers how the item stands. None: refused."""
        chat = self.chats[name]
        member = chat.members.get(user)
        if member is None or member.left is not None or position in chat.retracted:
            return None
        if not max(chat.first, member.joined) <= position <= chat.head:
            return None
        reactions = chat.reactions.setdefault(position, {})
        if reactions.get(user) != emoji or "noop" in self.flags:
            if emoji is not None:
                reactions[user] = emoji
            else:
                reactions.pop(user, None)
            own = {user: () if emoji is None else (emoji,)}
            self.unit(name, [(position, self.shared_value(chat, position), own)])
        return chat.modseq, chat.view(position, user)

    def move_pin(self, name: str, position: int) -> None:
        """One unit, two items."""
        chat = self.chats[name]
        old = chat.pin
        if position in chat.retracted or position == old or position < chat.first:
            return
        chat.pin = position
        both = [one for one in (old, position) if one is not None and one >= chat.first]
        self.unit(name, [(one, self.shared_value(chat, one), {}) for one in both])

    def retract(self, name: str, position: int) -> None:
        chat = self.chats[name]
        if position in chat.retracted or position < chat.first:
            return
        chat.retracted.add(position)
        chat.reactions.pop(position, None)
        chat.pin = None if chat.pin == position else chat.pin
        self.message(name)
        if position in chat.shared:
            self.unit(name, [(position, (), {})])

    def set_about(self, name: str) -> None:
        chat = self.chats[name]
        self.touch(chat)
        chat.modseq += 1
        chat.about = (chat.modseq, Said(("about",), self.version()))
        self.tell_users(chat.present, ("about", name, *self.about(chat)))

    def about(self, chat: Chat) -> tuple[int, Said | None]:
        """As it is told."""
        return chat.about[0], seen(chat.about[1], hides=self.hides)

    def settings(self, member: Member) -> tuple[int, Said | None]:
        """As they are told."""
        return member.settings.seq, seen(member.settings.value, hides=self.hides)

    def account(self, user: str) -> tuple[int, Said | None]:
        """As it is told."""
        seq, value, _ = self.accounts[user]
        return seq, seen(value, hides=self.hides)

    def begin_again(self, *, hides: bool) -> None:
        """Another life, with the feature or without it. The sessions of this one were lost before."""
        self.hides = hides
        self.fan.clear()
        for chat in self.chats.values():
            chat.hides = hides

    def set_settings(self, name: str, user: str) -> None:
        member = self.chats[name].members.get(user)
        if member is not None and member.left is None:
            self.change += 1
            member.changed = self.change
            member.settings.take(member.settings.seq + 1, Said(("settings",), self.version()))
            self.tell_users([user], ("settings", name, *self.settings(member)))

    def set_account(self, user: str) -> None:
        self.change += 1
        seq = self.accounts[user][0] + 1 if user in self.accounts else 1
        self.accounts[user] = (seq, Said(("account",), self.version()), self.change)
        self.tell_users([user], ("account", *self.account(user)))

    def mark_alone(self, name: str, user: str, position: int) -> None:
        """A private mark without a shared value beside it, which others see as a gap."""
        chat = self.chats[name]
        self.touch(chat)
        chat.modseq += 1
        chat.versions[position, user] = version = self.version()
        chat.own[position, user] = Said((version,), version)
        if chat.big:
            self.tell_hint(name)
        else:
            self.tell_items(name, [user], chat.modseq, [(position, {user: (1,)})])

    def leave(self, name: str, user: str) -> None:
        chat = self.chats[name]
        member = chat.members[user]
        self.message(name, user)
        member.left, member.left_modseq, member.changed = chat.head, chat.modseq, self.change

    def join(self, name: str, user: str) -> None:
        chat = self.chats[name]
        position = self.message(name, user)
        member = chat.members.setdefault(user, Member(position))
        if "counter_reset" in self.flags:
            member.settings = Counted()
        member.left, member.changed = None, self.change

    def retain(self, name: str, first: int) -> None:
        chat = self.chats[name]
        self.touch(chat)
        chat.first = max(chat.first, first)
        chat.shared = {position: one for position, one in chat.shared.items() if position >= chat.first}
        chat.own = {key: one for key, one in chat.own.items() if key[0] >= chat.first}

    # -- reads --------------------------------------------------------------------------------------------------------

    def sync(self, user: str, since: int, limit: int) -> tuple[list[Any], int, bool, Any]:
        found: list[tuple[int, str]] = []
        for name, chat in self.chats.items():
            member = chat.members.get(user)
            if member is not None:
                left = member.left is not None
                found.append((member.changed if left else max(chat.changed, member.changed), name))
        found = sorted(one for one in found if one[0] > since)
        more = len(found) > limit
        found = found[:limit]
        account = self.accounts.get(user)
        rows = [self._row(self.chats[name], name, user) for _, name in found]
        told = self.account(user) if account is not None and account[2] > since else None
        return rows, found[-1][0] if more else self.change, more, told

    def _row(self, chat: Chat, name: str, user: str) -> Any:
        member = chat.members[user]
        settings = self.settings(member)
        if member.left is not None:
            modseq = member.left_modseq
            return name, member.left, member.left, member.joined, None, modseq, settings, chat.first
        return name, chat.head, None, member.joined, self.about(chat), chat.modseq, settings, chat.first

    def read(self, kind: str, user: str, name: str, first: int, second: int) -> Any:
        chat = self.chats[name]
        if kind == "page":
            return chat.page(user, first, second, former_now="former_now" in self.flags)
        return chat.changes(user, first, second, self.flags)

    def work(self, session: Session) -> None:
        """The next request of a session: a write is answered in commit order, a read later, from the snapshot of now."""
        number, kind, *rest = session.requests.popleft()
        user, world = session.device.user, self.world
        if kind == "react":
            self.answer(session, number, kind, self.react(user, *rest))
            return
        replica = world.replica
        stale = replica is not None and world.random.random() < 0.4
        database = replica if replica is not None and stale else self
        if kind == "sync":
            result: Any = (database if "stale_sync" in self.flags else self).sync(user, *rest)
        else:
            # Who is a member now, and was none in a copy that is behind, must not be told NOT_FOUND: it would not ask again.
            result = database.read(kind, user, *rest) or self.read(kind, user, *rest)
        session.answers.append((number, kind, tuple(rest), result))

    def answer(self, session: Session, number: int, kind: str, result: Any) -> None:
        """Pushes of all that the snapshot holds were numbered before."""
        session.out.append(("reply", number, kind, result))

    def flush(self, session: Session) -> None:
        number, kind, rest, result = session.answers.pop(self.world.random.randrange(len(session.answers)))
        if kind == "page" and result is not None and "page_now" in self.flags:
            result = (self.chats[rest[0]].modseq, *result[1:])
        self.answer(session, number, kind, result)
