"""The model's device: one client and the application in it. What replaces what, and when to ask, the product's rules say."""

from __future__ import annotations

import copy
from collections import deque
from typing import TYPE_CHECKING, Any

from imserver_client.core.state import ConversationState, Counted, Kept

from .server import Frame, Said, Session, View

if TYPE_CHECKING:
    from .world import World

Write = tuple[str, int, str | None]


class Place:
    """One conversation in a device: the product's state of it, and what a client knows beside."""

    def __init__(self, state: ConversationState[Said]) -> None:
        self.state = state
        self.head = state.have
        self.left: int | None = None
        self.joined = 1
        self.first = 1
        self.ask_from = 0
        #: A page was refused, and nothing was told since it was asked.
        self.refused = False
        self.news = False

    def told(self) -> None:
        self.refused, self.news = False, True

    def session_lost(self) -> None:
        self.state.session_lost()
        self.state.paging = 0
        self.refused = False


class Watched:
    """Before the product's rules: notes when a shown item goes back to an older value. `device` and `name` are a class's."""

    device: Device
    name: str

    def _apply(self, modseq: int, position: int, extra: Any, mine: Any) -> bool:
        state: Any = self
        before = versions(state.items.get(position))
        changed: bool = super()._apply(modseq, position, extra, mine)  # type: ignore[misc]
        if position in state.held and self.name in self.device.shown:
            after = versions(state.items.get(position))
            if any(old and new and new < old for old, new in zip(before, after, strict=True)):
                self.device.world.went_back = True
        return changed


def versions(kept: Kept[Said] | None) -> tuple[int, int]:
    if kept is None:
        return 0, 0
    return (kept.extra.version if kept.extra else 0, kept.mine.version if kept.mine else 0)


class Device:
    def __init__(self, world: World, number: int, user: str) -> None:
        self.world = world
        self.flags = world.variant.flags
        self.number = number
        self.user = user
        self.session: Session | None = None
        self.places: dict[str, Place] = {}
        self.since = 0
        #: Whether the server that told all this had no feature; None: none told anything.
        self.hides: bool | None = None
        self.account: Counted[Said] = self.counted()
        self.fresh = True
        self.shown: set[str] = set()
        self.lanes: dict[str, deque[Write]] = {}
        self.loose: list[Write] = []
        self.saves: list[Any] = []
        self.rules: dict[str, type[ConversationState[Said]]] = {}
        self.reset()

    def counted(self) -> Counted[Said]:
        return self.world.variant.counted()

    def new_state(self, name: str, head: int, modseq: int) -> ConversationState[Said]:
        if name not in self.rules:
            bases = (Watched, *self.world.variant.rules, ConversationState)
            self.rules[name] = type("Rules", bases, {"device": self, "name": name})
        state = self.rules[name](have=head, seen=modseq, top=modseq)
        state.about, state.settings = Counted(), self.counted()
        return state

    def reset(self) -> None:
        self.busy: dict[Any, Frame] = {}
        self.need_sync = True
        self.requests = 0
        self.flying: dict[int, Write] = {}

    # -- life ---------------------------------------------------------------------------------------------------------

    def save(self) -> None:
        kept = copy.deepcopy((self.since, self.places, self.account, self.fresh, self.hides))
        self.saves = [*self.saves[-1:], kept]

    def kill(self) -> None:
        """And begin again from what was saved last."""
        self.lost()
        self.shown = set()
        if not self.saves:
            self.since, self.places, self.account, self.fresh = 0, {}, self.counted(), True
            self.hides = None
            return
        self.since, self.places, self.account, self.fresh, self.hides = copy.deepcopy(self.saves[-1])
        before: dict[str, Place] = self.saves[0][1]
        for name, place in self.places.items():
            place.session_lost()
            if "top_lost" in self.flags:
                place.state.top = place.state.seen
            if "seen_ahead" in self.flags and name in before:
                place.state.items = copy.deepcopy(before[name].state.items)

    def lost(self) -> None:
        """The session is gone; unanswered writes are offered again."""
        session, self.session = self.session, None
        server = self.world.server
        if session is None:
            return
        for _ in range(self.world.random.randint(0, len(session.requests))):
            server.work(session)  # what had arrived is done, the rest is fenced off
        if "ghost" in self.flags:
            server.ghosts += [(self.user, one[2:]) for one in session.requests if one[1] == "react"]
        server.sessions.pop(self.number, None)
        if "no_lane" in self.flags:
            self.loose += list(self.flying.values())
        self.reset()
        for place in self.places.values():
            place.session_lost()

    def connect(self) -> None:
        server = self.world.server
        self.session = server.sessions[self.number] = Session(self)
        if self.hides != server.hides and "no_recount" not in self.flags:
            for place in self.places.values():
                place.state.recount()
            self.account.seq = 0
            if "no_restart" not in self.flags:
                self.since = 0
        self.hides = server.hides
        self.need_sync = True

    def ask(self, key: Any, *request: Any) -> None:
        assert self.session is not None
        self.requests += 1
        self.busy[key] = (self.requests, *request)
        self.session.requests.append((self.requests, *request))

    # -- the user -----------------------------------------------------------------------------------------------------

    def say(self, name: str, position: int, emoji: str | None) -> None:
        self.world.said[self.user, name, position] = emoji
        if "no_lane" in self.flags:
            self.loose.append((name, position, emoji))
        else:
            self.lanes.setdefault(name, deque()).append((name, position, emoji))  # outlives kills

    def forget(self, name: str) -> None:
        self.places[name].state.forget_items()

    def cut(self, name: str) -> None:
        state = self.places[name].state
        state.cut(state.have - 1)
        state.forget_unheld()

    def lowest(self, name: str) -> int | None:
        pairs = self.places[name].state.held.pairs()
        return pairs[0][0] if pairs else None

    # -- frames -------------------------------------------------------------------------------------------------------

    def got(self, frame: Frame) -> None:
        kind, *rest = frame
        if kind == "reply":
            self.reply(*rest)
        elif kind == "lagging":
            self.need_sync = True
        elif kind == "account":
            self.account.take(rest[0], rest[1])
        elif rest[0] not in self.places:
            self.need_sync = True
        else:
            dropped = self.world.drops > 0 and self.world.random.random() < self.world.drops
            self.pushed(kind, self.places[rest[0]], rest[1], rest[2], dropped=dropped)

    def pushed(self, kind: str, place: Place, number: int, what: Any, *, dropped: bool) -> None:
        """A push about a conversation; `dropped`: it found no room in the client."""
        state = place.state
        place.told()
        if kind == "message":
            state.told()
            if number == state.have + 1 and not dropped:
                state.message(number)
            place.head = max(place.head, number)
            self.need_sync |= what == self.user
        elif kind == "settings":
            state.told()
            if dropped:
                self.need_sync = True
            else:
                state.settings.take(number, what)
        elif dropped or what is None:
            state.hint(number)
            self.need_sync |= kind == "about" and "about_drop" not in self.flags
        elif kind == "item":
            state.push_items(number, what)
        else:
            state.push_about(number, what)

    def reply(self, number: int, kind: str, result: Any) -> None:
        if kind == "react":
            self.reacted(self.flying.pop(number), result)
            return
        key = next(one for one, request in self.busy.items() if request[0] == number)
        request = self.busy.pop(key)
        if kind == "sync":
            self.synced(*result)
            return
        place = self.places[request[2]]
        if kind == "page":
            place.state.paging -= 1
            if result is None:
                place.refused = not place.news
            else:
                self.paged(place, request[3], *result)
        elif result is None:
            place.state.refuse()
        else:
            _, behind = place.state.answer(*result)
            if behind:
                place.ask_from = self.world.now + self.world.second

    def reacted(self, write: Write, result: tuple[int, View] | None) -> None:
        name, position, _ = write
        if result is None:
            self.world.void.add((self.user, name, position))
        elif name in self.places:
            self.places[name].state.answered_put(result[0], position, *result[1])
        if "no_lane" not in self.flags:
            self.lanes[name].popleft()

    def paged(self, place: Place, low: int, label: int, items: Any, last: int, first: int) -> None:
        state = place.state
        place.first = max(place.first, first)
        state.page(label, [(position, *view) for position, view in items])
        if last >= state.have and low <= state.have + 1:
            state.have = max(state.have, last)

    def synced(self, rows: Any, since: int, more: bool, account: Any) -> None:
        for name, head, left, joined, about, modseq, settings, first in rows:
            place = self.places.get(name)
            if place is None:
                place = self.places[name] = Place(self.new_state(name, head, modseq))
            state = place.state
            place.told()
            place.head = max(place.head, head) if left is None else place.head
            place.left, place.joined, place.first = left, joined, max(place.first, first)
            state.row(modseq, former=left is not None)
            if about is not None:
                state.row_about(modseq, about[1])
            state.settings.take(*settings)
        if account is not None:
            self.account.take(*account)
        self.since, self.fresh = since, False
        self.need_sync |= more

    # -- asking -------------------------------------------------------------------------------------------------------

    def asks(self) -> bool:
        """One thing that the client wants to ask or send now; False if there is none."""
        if self.session is None or not self.session.attached:
            return False
        world = self.world
        if self.need_sync and "sync" not in self.busy:
            self.need_sync = False
            self.ask("sync", "sync", self.since, world.rows)
            return True
        if self.fresh:
            return False
        for name, lane in self.lanes.items():
            if lane and not any(write[0] == name for write in self.flying.values()):
                return self.send(lane[0])
        if self.loose:
            any_one = world.random.random() < 0.5
            return self.send(self.loose.pop(world.random.randrange(len(self.loose)) if any_one else 0))
        return any(self.asks_in(name, place) for name, place in self.places.items())

    def asks_in(self, name: str, place: Place) -> bool:
        state, world = place.state, self.world
        if state.due() and name in self.shown and world.now >= place.ask_from:
            world.asks[self.number] += 1
            self.ask(("changes", name), "changes", name, state.ask(), world.limit)
            return True
        if ("page", name) in self.busy or (place.refused and place.left is None):
            return False
        end = place.left if place.left is not None else place.head
        if state.have < end:
            return self.ask_page(name, state.have + 1, state.have + world.page)
        if name in self.shown and not state.held and max(place.first, place.joined) <= end:
            return self.older(name, end + 1)
        return False

    def older(self, name: str, before: int) -> bool:
        place = self.places[name]
        low = max(before - self.world.page, place.first, place.joined)
        if ("page", name) in self.busy or before <= low:
            return False
        return self.ask_page(name, low, before - 1)

    def ask_page(self, name: str, low: int, high: int) -> bool:
        place = self.places[name]
        place.state.paging += 1
        place.news = False
        self.ask(("page", name), "page", name, low, high)
        return True

    def send(self, write: Write) -> bool:
        assert self.session is not None
        self.requests += 1
        self.flying[self.requests] = write
        self.session.requests.append((self.requests, "react", *write))
        return True
