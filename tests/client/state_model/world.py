"""The model's world: chance moves server, sessions, applications and users; then all falls quiet, and the judge looks."""

from __future__ import annotations

import copy
import random
from collections import Counter

from imserver_client.core.state import Kept

from .device import Device
from .server import Chat, Member, Said, Server
from .variants import Variant

#: More rounds than that without falling quiet is endless asking.
_ENDLESS = 4000
_QUIET = 30
#: Hundredths.
_WRITES = {
    "say": 45,
    "message": 15,
    "pin": 10,
    "retract": 4,
    "about": 5,
    "settings": 5,
    "account": 3,
    "retain": 2,
    "grow or shrink": 2,
    "come or go": 4,
    "mark": 5,
}
_USES = {
    "show or hide": 35,
    "scroll": 25,
    "forget": 3,
    "cut": 3,
    "save": 14,
    "detach": 8,
    "lose": 5,
    "kill": 3,
    "nothing": 4,
}


class World:
    """One run. `storm`: only reactions, four a tick in one conversation, all screens open, users who scroll."""

    def __init__(self, seed: int, variant: Variant) -> None:
        chance = self.random = random.Random(seed)
        self.variant = variant
        self.now = 0
        self.versions = 0
        self.went_back = False
        self.endless = False
        self.said: dict[tuple[str, str, int], str | None] = {}
        self.void: set[tuple[str, str, int]] = set()
        #: Questions for changes since the last quiet began, by device.
        self.asks: Counter[int] = Counter()
        self.replica: Server | None = None
        self.window = chance.choice((2, 4, 40))
        self.second = chance.choice((5, 20))
        self.page = chance.choice((2, 4, 8))
        self.limit = chance.choice((1, 2, 6))
        self.rows = chance.choice((1, 3))
        self.drops = 0.05 if chance.random() < 0.4 else 0.0
        self.storm = {"storm": "k0", "storm_big": "k2"}.get(next(iter(variant.flags), ""))
        if self.storm:
            self.window, self.second, self.drops, self.limit = 400, 20, 0.002, 50
        self.calm = chance.random() < 0.3
        self.server = Server(self)
        self.users = ["u0", "u1", "u2", "u3"]
        for name, big in (("k0", False), ("k1", False), ("k2", True)):
            chat = self.server.chats[name] = Chat(big)
            chat.members = {user: Member(1) for user in self.users[:3]}
            for _ in range(chance.randint(2, 8)):
                self.server.message(name)
        owners = ("u0", "u0", "u1", "u2", "u3")
        self.devices = [Device(self, number, user) for number, user in enumerate(owners)]

    # -- chance -------------------------------------------------------------------------------------------------------

    def write(self) -> None:
        """Somebody changes something."""
        chance, server = self.random, self.server
        if self.storm:
            for _ in range(4 if self.now > 40 else 0):
                position = chance.randint(1, server.chats[self.storm].head)
                server.react(chance.choice(self.users[:3]), self.storm, position, chance.choice("abcdef"))
            return
        if "features" in self.variant.flags and chance.random() < 0.03:
            for device in self.devices:
                device.lost()
            server.begin_again(hides=not server.hides)
        name = chance.choice(("k0", "k0", "k1", "k2", "k2"))
        chat = server.chats[name]
        position = max(1, chat.head - int(chance.expovariate(0.35)))
        match pick(chance, _WRITES):
            case "say":
                self.say(name, chat, position)
            case "message":
                server.message(name)
            case "pin":
                server.move_pin(name, position)
            case "retract":
                server.retract(name, position)
            case "about":
                server.set_about(name)
            case "settings":
                server.set_settings(name, chance.choice(self.users))
            case "account":
                server.set_account(chance.choice(self.users))
            case other:
                self.write_rarely(other, name, chat, position)

    def write_rarely(self, what: str, name: str, chat: Chat, position: int) -> None:
        match what:
            case "retain":
                self.server.retain(name, max(1, chat.head - self.random.randint(3, 12)))
            case "grow or shrink":
                chat.big = not chat.big
            case "come or go":
                self.come_or_go(name, self.random.choice(("u1", "u2", "u3")))
            case "mark" if "own_alone" in self.variant.flags:
                if position >= chat.first and position not in chat.retracted:
                    self.server.mark_alone(name, self.random.choice(chat.present), position)

    def say(self, name: str, chat: Chat, position: int) -> None:
        """A user puts or removes a reaction."""
        device = self.random.choice(self.devices)
        if device.user == "u0":
            device = self.devices[position % 2]  # so that "said last" is defined
        if name in device.places and position >= chat.first:
            device.say(name, position, self.random.choice((None, "a", "b")))

    def come_or_go(self, name: str, user: str) -> None:
        member = self.server.chats[name].members.get(user)
        if member is None or member.left is not None:
            self.server.join(name, user)
        elif self.random.random() < 0.5:
            self.server.leave(name, user)

    def use(self, device: Device) -> None:
        """What applications and networks do to a device."""
        if self.storm:
            self.scroll_in_a_storm(device)
            return
        session = device.session
        action = pick(self.random, _USES)
        if device.places and action in ("show or hide", "scroll", "forget", "cut"):
            self.look(device, action, self.random.choice(list(device.places)))
        elif action == "save":
            device.save()
        elif self.calm:
            pass
        elif action == "detach" and session is not None:
            session.attached = False
        elif action == "lose":
            device.lost()
        elif action == "kill":
            device.kill()

    def look(self, device: Device, action: str, name: str) -> None:
        """What an application does in one conversation."""
        session = device.session
        if action == "show or hide":
            device.shown ^= {name}
        elif action == "forget":
            device.forget(name)
        elif action == "cut":
            device.cut(name)
        elif name in device.shown and session is not None and session.attached:
            lowest = device.lowest(name)
            if lowest is not None:
                device.older(name, lowest)

    def scroll_in_a_storm(self, device: Device) -> None:
        device.shown |= set(device.places)
        if device.places and device.session is not None and self.random.random() < 0.3:
            name = self.random.choice(list(device.places))
            device.older(name, device.places[name].state.have + 1)

    # -- progress -----------------------------------------------------------------------------------------------------

    def tick(self) -> None:
        self.now += 1
        self.server.tick()
        while self.server.fan and self.random.random() < 0.6:
            self.server.number(*self.server.fan.popleft())
        if self.server.ghosts and self.random.random() < 0.1:
            user, write = self.server.ghosts.pop(0)
            self.server.react(user, *write)
        if "stale" in self.variant.flags and self.random.random() < 0.1:
            self.refresh()

    def refresh(self) -> None:
        """The replica comes up to here."""
        replica = Server(self)
        replica.change = self.server.change
        replica.chats = copy.deepcopy(self.server.chats)
        replica.accounts = dict(self.server.accounts)
        self.replica = replica

    def progress(self, device: Device, *, calm: bool = False) -> bool:
        """Whether anything moved."""
        chance, session = self.random, device.session
        if session is None:
            device.connect()
            return True
        if not session.attached:
            if chance.random() < 0.7 or calm:
                session.attached = True
            else:
                device.lost()
            return True
        moved = False
        if session.requests and chance.random() < 0.6:
            self.server.work(session)
            moved = True
        if session.answers and chance.random() < (0.1 if "slow" in self.variant.flags else 0.5):
            self.server.flush(session)
            moved = True
        for _ in range(chance.randint(0, 4)):
            if not session.out:
                break
            moved = True
            frame = session.out.popleft()
            session.unacked -= frame[0] != "reply"
            if session.lagging and session.unacked <= self.window // 2:
                session.lagging = False
                session.out.append(("lagging",))
                session.unacked += 1
            device.got(frame)
        return device.asks() or moved or bool(session.requests or session.answers or session.out)

    def quiet(self) -> None:
        """Until nothing moves."""
        self.asks.clear()
        idle = rounds = 0
        while idle < _QUIET and rounds < _ENDLESS:
            rounds += 1
            self.tick()
            if "stale" in self.variant.flags and rounds % 20 == 0:
                self.refresh()
            moved = [self.progress(device, calm=True) for device in self.devices]
            idle = 0 if any(moved) or self.waits() else idle + 1
        self.endless |= rounds >= _ENDLESS

    def waits(self) -> bool:
        return (
            bool(self.server.fan or self.server.ghosts)
            or any(chat.hint_due for chat in self.server.chats.values())
            or any(p.ask_from > self.now for device in self.devices for p in device.places.values())
        )

    # -- the judge ----------------------------------------------------------------------------------------------------

    def judge(self) -> set[str]:
        """What devices show otherwise than the server has it."""
        bad: set[str] = set()
        for device in self.devices:
            told = self.server.account(device.user)[1] if device.user in self.server.accounts else None
            if device.account.value != told:
                bad.add("account")
            for name, chat in self.server.chats.items():
                member = chat.members.get(device.user)
                if member is not None and member.left is None:
                    bad |= self.judge_place(device, name, chat, member)
        return bad

    def judge_place(self, device: Device, name: str, chat: Chat, member: Member) -> set[str]:
        place = device.places.get(name)
        if place is None:
            return {"conversation"}
        state = place.state
        bad: set[str] = set()
        if state.settings.value != self.server.settings(member)[1]:
            bad.add("settings")
        if state.about.value != self.server.about(chat)[1]:
            bad.add("about")
        if name not in device.shown:
            return bad
        met = state.seen
        for position in range(max(chat.first, member.joined), chat.head + 1):
            if position not in state.held:
                continue
            kept: Kept[Said] = state.items.get(position) or Kept()
            met = max(met, kept.modseq, kept.mine_modseq)
            shared, mine = chat.view(position, device.user)
            if plain(kept.extra) != plain(shared):
                bad.add("shared")
            if plain(kept.mine) != plain(mine):
                bad.add("mine")
        if state.met < met:
            bad.add("met")
        if state.have < chat.head:
            bad.add("behind")
        return bad

    def judge_writes(self) -> set[str]:
        """Whether what users said last is what stands, and nothing is left of erased items."""
        bad: set[str] = set()
        for chat in self.server.chats.values():
            if any(position in chat.retracted for position, _ in chat.own):
                bad.add("leftover")
        for (user, name, position), emoji in self.said.items():
            chat = self.server.chats[name]
            if (user, name, position) in self.void or position < chat.first or position in chat.retracted:
                continue
            if chat.reactions.get(position, {}).get(user) != emoji:
                bad.add("said")
        return bad

    def run(self, steps: int = 250) -> set[str]:
        """What is wrong in the end: what devices show; "back" if a screen went back to an older value on the way;
        "endless" asking; "said" if the last put or remove of a user does not stand."""
        for _ in range(steps):
            self.tick()
            if self.random.random() < 0.5:
                self.write()
            if self.random.random() < 0.25:
                self.use(self.random.choice(self.devices))
            for _ in range(self.random.randint(0, 4)):
                self.progress(self.random.choice(self.devices))
        self.quiet()
        bad = self.judge()
        for device in self.devices:
            device.shown |= set(device.places)  # what was not asked is asked now
        if not self.endless:
            self.quiet()
            bad |= self.judge()
        bad |= self.judge_writes()
        if self.went_back:
            bad.add("back")
        if self.endless:
            bad.add("endless")
        return bad


def plain(said: Said | None) -> tuple[object, ...]:
    return () if said is None else said.value


def pick(chance: random.Random, weights: dict[str, int]) -> str:
    return chance.choices(list(weights), list(weights.values()))[0]
