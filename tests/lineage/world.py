"""The model's world: chance moves users, server, copies and devices; then all falls quiet, and the judge looks."""

from __future__ import annotations

import random
from collections import Counter

from imserver.store.engine.lineage import Place

from .database import Chat, Database, Entry, Push, Seat
from .device import Device, Followed, Post, Posted
from .variants import Variant

#: More rounds than that without falling quiet is endless asking.
_ENDLESS = 1000
_MOST_CHATS = 7
USERS = ("u0", "u1", "u2", "u3")
#: Two devices of one user, and one of each of two others.
OWNERS = ("u0", "u0", "u1", "u2")
TEAM = "team"


class World:
    """One run. `calm`: restarts and kills, and no older copy."""

    def __init__(self, seed: int, variant: Variant, *, calm: bool = False) -> None:
        self.random = random.Random(seed)
        self.variant = variant
        self.calm = calm
        self.wrong: Counter[str] = Counter()
        self.met: Counter[str] = Counter()
        self.page_items = self.random.choice((1, 2, 4))
        # In some runs more pushes are left out, more devices are killed, more people come and go, and copies come back later.
        self.lagging, self.killed = (
            self.random.choice((0.01, 0.01, 0.1)),
            self.random.choice((0.005, 0.005, 0.06)),
        )
        self.restless, self.returning = self.random.random() < 0.3, self.random.random() < 0.3
        self.copies: list[list[Entry]] = []
        self.numbers = self.keys = self.marks = 0
        #: What is sealed: places by their texts, of which no two are the same.
        self._places: dict[str, Place] = {}
        self.team_of: dict[str, str] = {}
        self.database = Database((), variant.rules)
        self.open()
        for name in ("k0", "k1"):
            self.create(name, self.random.sample(USERS, self.random.choice((2, 3, 4))))
        self.create(TEAM, self.random.sample(USERS, 3))
        self.create("service", ["u3"], team=TEAM)
        self.devices = [Device(self, user) for user in OWNERS]

    # -- the server ---------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """A server opens the database: a life begins."""
        if "no row at open" in self.variant.flags and self.database.runs:
            return
        self.marks += 1
        self.database.begin_run(self.marks)

    def stop(self) -> None:
        for device in self.devices:
            device.session = None

    def restart(self) -> None:
        self.stop()
        self.open()

    def seal(self, place: Place) -> str:
        text = f"place {len(self._places)}"
        self._places[text] = place
        return text

    def opened(self, text: str | None) -> Place | None:
        return self._places.get(text or "")

    def do(
        self,
        kind: str,
        chat: str = "",
        user: str = "",
        *,
        position: int = 0,
        value: str = "",
        key: bytes = b"",
        members: tuple[str, ...] = (),
    ) -> int:
        """Write; returns the position of the message that this made, or 0."""
        self.numbers += 1
        return self.database.apply(Entry(kind, self.numbers, chat, user, position, value, key, members))

    def create(self, name: str, members: list[str], *, team: str = "") -> None:
        self.team_of[name] = team
        self.do("create", name, value=team, members=tuple(members))

    def fan_out(self, *, but: Device | None = None) -> None:
        """What was written is pushed."""
        for users, push in self.database.pushes:
            for device in self.devices:
                if device.session is not None and device.user in users and device is not but:
                    device.session.stream.append(push)
        self.database.pushes = []

    def post(self, device: Device, post: Post) -> None:
        """A post comes in; the reply comes in order with the pushes."""
        assert device.session is not None
        database, stream = self.database, device.session.stream
        seat = database.seat(post.chat, device.user)
        if post.key in database.keys:
            stream.append(Posted(post, database.keys[post.key][1], True, 0))
        elif seat is None or seat.left is not None:
            stream.append(Posted(post, None, False, 0))
        else:
            position = self.do("post", post.chat, device.user, value=post.content, key=post.key)
            self.fan_out(but=device)
            stream.append(Posted(post, position, False, self.numbers))

    def report(self, name: str, user: str, position: int) -> None:
        """A read cursor is reported; one that is not above the present one is told of that."""
        seat, chat = self.database.seat(name, user), self.database.chats.get(name)
        if seat is None or seat.left is not None or chat is None:
            return
        if position > chat.cursors.get(user, 0):
            self.do("cursor", name, user, position=position)
            self.fan_out()
            return
        for device in self.devices:
            if device.session is not None and device.user == user:
                device.session.stream.append(Push("cursor", name, chat.cursors[user], user))

    # -- older copies -------------------------------------------------------------------------------------------------

    def set_back(self) -> None:
        """An older copy comes back: one that was taken, or the database without its last commits."""
        self.met["set back"] += 1
        if self.random.random() < 0.2 and self._same_key_again():
            return
        self.stop()
        log = self.database.log
        if self.returning:
            self.copies = [*self.copies, log][-4:]
        if self.copies and self.random.random() < 0.6:
            log = self.random.choice(self.copies)
        else:
            log = log[: max(8, len(log) - self.random.randint(1, 12))]
        if "reverted with its memory" in self.variant.flags and self.random.random() < 0.5:
            present = max(at for at, entry in enumerate(self.database.log) if entry.kind == "row")
            shorter = max(present + 1, len(self.database.log) - self.random.randint(1, 6))
            self.database = Database(self.database.log[:shorter], self.variant.rules)
            return
        self.database = Database(log, self.variant.rules)
        self.open()

    def _same_key_again(self) -> bool:
        """The last commits are lost, others had them, their author had no reply, and the same key lands where it was."""
        device = self.random.choice(self.devices)
        seats = {name: self.database.seat(name, device.user) for name in device.chats}
        ours = sorted(name for name, seat in seats.items() if seat is not None and seat.left is None)
        if device.session is None or not device.lineage.open or not device.synced or not ours:
            return False
        name, before = self.random.choice(ours), len(self.database.log)
        other = self.random.choice(self.database.members_of(self.database.chats[name]))
        self.do("post", name, other, value="lost", key=self.new_key())
        self.fan_out()
        post = Post(self.new_key(), name, "again")
        device.outbox[post.key] = post
        self.post(device, post)
        for one in self.devices:
            for _ in range(60):
                if one.session is not None and one is not device:
                    self.step(one)
        self.stop()
        self.database = Database(self.database.log[:before], self.variant.rules)
        self.open()
        self.do("post", name, other, value="other", key=self.new_key())
        self.database.pushes = []
        device.connect()
        for _ in range(60):
            self.step(device)
        return True

    # -- chance -------------------------------------------------------------------------------------------------------

    def new_key(self) -> bytes:
        self.keys += 1
        return b"p%d" % self.keys

    def act(self) -> None:
        """Somebody does something."""
        chance, database = self.random, self.database
        name = chance.choice(sorted(database.chats))
        chat = database.chats[name]
        inside = database.members_of(chat)
        kinds = ("post", "say", "edit", "state", "about", "own", "cursor", "come or go", "create", "retain")
        weights = (30, 14, 12, 16, 4, 6, 8, 25 if self.restless else 8, 3, 2)
        kind = chance.choices(kinds, weights)[0]
        self.keys += 1
        value = f"{kind} {self.keys}"
        match kind:
            case "post":
                self._queue_post(chance.choice(self.devices), name, value)
            case "say" if inside:
                self.do("post", name, chance.choice(inside), value=value, key=self.new_key())
            case "edit" if inside:
                self._edit(name, chat, inside, value)
            case "state" if chat.messages:
                position = chance.choice(list(chat.messages))
                self.do("state", name, position=position, value=chance.choice(("", value, value)))
            case "about":
                self.do("about", name, value=value)
            case "own" if inside:
                user = chance.choice(inside)
                where = chance.choice((name, ""))
                self.do("settings" if where else "account", where, user, value=value)
            case "cursor":
                self._move_cursors(name, chat, inside)
            case "come or go":
                self._come_or_go(name, chat)
            case "create" if len(database.chats) < _MOST_CHATS:
                members = chance.sample(USERS, chance.choice((1, 2, 3)))
                of_team = TEAM in database.chats and chance.random() < 0.4
                self.create(f"n{self.numbers}", members, team=TEAM if of_team else "")
            case "retain" if chat.head - chat.first > 4:
                self.do("retain", name, position=chance.randint(chat.first, chat.head - 1))
        self.fan_out()

    def _queue_post(self, device: Device, name: str, value: str) -> None:
        """A device is to post, sometimes where it follows nothing (yet)."""
        if device.synced and device.chats:
            where = name if self.random.random() < 0.2 else self.random.choice(sorted(device.chats))
            post = Post(self.new_key(), where, value)
            device.outbox[post.key] = post

    def _edit(self, name: str, chat: Chat, inside: list[str], value: str) -> None:
        """A message is edited, or taken back."""
        posts = [at for at, message in chat.messages.items() if message.event == "post"]
        posts = [at for at in posts if chat.messages[at].contents[-1][0]]
        if posts:
            kind = "retract" if self.random.random() < 0.2 else "edit"
            self.do(kind, name, self.random.choice(inside), position=self.random.choice(posts), value=value)

    def _move_cursors(self, name: str, chat: Chat, inside: list[str]) -> None:
        chance = self.random
        for followed in chance.choice(self.devices).chats.values():
            followed.wish = followed.have
        position = chance.randint(0, chat.head)
        if chance.random() < 0.5 and "u3" in inside and position > chat.cursors.get("u3", 0):
            self.do("cursor", name, "u3", position=position)

    def _come_or_go(self, name: str, chat: Chat) -> None:
        user = self.random.choice(USERS)
        member = chat.members.get(user)
        rows = [one for one, other in chat.members.items() if other.left is None]
        if member is not None and member.left is None:
            if len(rows) > 1:
                self.do("leave", name, user)
        elif chat.team is None or member is not None:
            self.do("join", name, user)

    def step(self, device: Device) -> None:
        """A device reads, or is answered, or asks."""
        session, chance = device.session, self.random
        assert session is not None
        if session.stream and (not session.answers or chance.random() < 0.5):
            device.take(session.stream.popleft())
        elif session.answers and chance.random() < 0.7:
            take, answer = session.answers.pop(chance.randrange(len(session.answers)))
            take(*answer)
        else:
            device.ask()
        if chance.random() < 0.25:
            device.save()

    def run(self) -> set[str]:
        """Returns what the judge found."""
        chance = self.random
        steps = chance.randint(60, 160)
        times = 0 if self.calm else chance.choice((1, 1, 1, 2, 2, 3))
        set_back_at = {chance.randrange(steps // 4, steps) for _ in range(times)}
        for step in range(steps):
            if step in set_back_at:
                self.set_back()
                if chance.random() < 0.5:
                    for _ in range(chance.randint(5, 25)):
                        self.act()  # numbers get higher than before while the devices are away
                if chance.random() < 0.3:
                    self.set_back()
                continue
            choice = chance.random()
            if choice < 0.36:
                self.act()
            elif choice < 0.375:
                self.restart()
            elif choice < 0.385 and "marks change" in self.variant.flags:
                self.open()
            elif choice < 0.42:
                self.copies = [*self.copies, list(self.database.log)][-4:]
            else:
                self._move(chance.choice(self.devices))
        self.fall_quiet()
        return self.judge()

    def _move(self, device: Device) -> None:
        chance = self.random
        choice = chance.random()
        if device.session is None:
            if choice < 0.25:
                device.connect()
        elif chance.random() < self.killed:
            device.kill(older=chance.random() < 0.3)
        elif choice < 0.015:
            device.session = None
        elif chance.random() < self.lagging:
            replies = [frame for frame in device.session.stream if isinstance(frame, Posted)]
            device.session.stream.clear()
            device.session.stream.extend([*replies, Push("lagging", "")])
        elif choice < 0.035:
            device.drop_a_team()
        elif choice < 0.05:
            device.listen()
        else:
            for _ in range(3):
                self.step(device)

    def fall_quiet(self) -> None:
        """Nothing is written any more, and all devices come back."""
        for _ in range(2):
            for device in self.devices:
                if device.session is None:
                    device.connect()
                elif device.lineage.open:
                    device.session.wants_sync = True
            quiet = rounds = 0
            while quiet < 3:
                rounds += 1
                if rounds > _ENDLESS:
                    self.found("never quiet")
                    return
                busy = sum(self._turn(device) for device in self.devices)
                quiet = 0 if busy else quiet + 1

    def _turn(self, device: Device) -> bool:
        session = device.session
        assert session is not None
        busy = device.ask()
        if session.stream:
            device.take(session.stream.popleft())
            busy = True
        if session.answers:
            take, answer = session.answers.pop(0)
            take(*answer)
            busy = True
        return busy

    # -- the judge ----------------------------------------------------------------------------------------------------

    def found(self, what: str) -> None:
        self.wrong[what] += 1

    def judge(self) -> set[str]:
        """What a device has wrong, and nobody told its user."""
        stored = set(self.database.keys)
        for device in self.devices:
            device.listen()
            self.met["resets"] += device.resets
            if self.calm and device.resets:
                self.found("reset for nothing")
            self._judge_conversations(device)
            if device.lineage.looked_for():
                self.found("own still looked for")
            self.met["called gone, but there"] += len(device.gone & stored)
            if device.stored - device.gone - stored - device.excused:
                self.found("own lost unsaid")
            value, seq, _ = self.database.accounts.get(device.user, (None, 0, 0))
            if (device.account.value, device.account.seq) != (value, seq):
                self.found("account")
        return set(self.wrong)

    def _judge_conversations(self, device: Device) -> None:
        seats = {name: self.database.seat(name, device.user) for name in self.database.chats}
        mine = {name: seat for name, seat in seats.items() if seat is not None}
        since = self.opened(device.since)
        assert since is not None
        unfollowed = {
            name for name in device.dropped if name in mine and mine[name].changed <= since.upto
        } - device.chats.keys()
        if device.chats.keys() != mine.keys() - unfollowed:
            self.found("conversations")
        for name in sorted(mine.keys() & device.chats.keys()):
            self._judge_chat(device, device.chats[name], self.database.chats[name], mine[name])

    def _judge_chat(self, device: Device, has: Followed, chat: Chat, seat: Seat) -> None:
        if has.left != seat.left:
            self.found("membership")
            return
        if (has.have, has.head) != (seat.last, seat.last):
            self.found("head")
        self._judge_contents(has, chat, seat)
        if seat.left is None:
            self._judge_state(device.user, has, chat)

    def _judge_contents(self, has: Followed, chat: Chat, seat: Seat) -> None:
        if any(at > seat.last for at in has.contents):
            self.found("message of lost history")
        for at in range(max(has.start + 1, chat.first), seat.last + 1):
            message, kept = chat.messages[at], has.contents.get(at)
            if kept is None:
                self.found("message missing")
            elif kept.key != message.key:
                self.found("other message")
            elif kept.content != message.shown(seat.left)[0]:
                self.found("content")

    def _judge_state(self, user: str, has: Followed, chat: Chat) -> None:
        for at in [at for at in chat.messages if at in has.state.held]:
            shown = has.state.items.get(at)
            self.met["states compared"] += 1
            if (None if shown is None else shown.extra) != chat.states.get(at, (None, 0))[0]:
                self.found("state")
        if has.state.about.value != chat.about[0]:
            self.found("about")
        if (has.state.settings.value or "") != chat.settings.get(user, ("", 0))[0]:
            self.found("settings")
        if {one: at for one, at in has.cursors.items() if at} != chat.cursors:
            self.found("cursors")
