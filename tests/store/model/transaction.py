"""What a unit may do to the world, each rule written out once: keys before refusals, permissions before the state of things."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgpack

from imserver.chat import permissions
from imserver.chat.permissions import NO_SEAT, Grant, Need, Relation, Seat, Target
from imserver.chat.transaction import OPERATOR, Posted
from imserver.content import encode_content
from imserver.errors import AlreadyHandled, Refusal, RefusalCode
from imserver.events import (
    AboutChanged,
    AccountChanged,
    CursorMoved,
    ItemsChanged,
    MessageEdited,
    MessagePosted,
    Pushed,
    SettingsChanged,
    StoredEvent,
)
from imserver.model import (
    EMPTY_MAP,
    Audience,
    Cursors,
    ItemChange,
    ItemState,
    Kind,
    Membership,
    Message,
    Role,
    Usage,
    User,
    content_digest,
    direct_pair,
    group_conversation_id,
    is_printable,
)
from tests.store.model.world import Marks, Said, Talk, World

NO_MARKS = Marks(0, {}, {})


class ModelTransaction:
    """`imserver.chat.transaction.Transaction`, without the SQL of plugins. `world` is the draft."""

    def __init__(self, world: World, now_ms: int, max_members: int) -> None:
        self.world = world
        self.now_ms = now_ms
        self.events: list[StoredEvent] = []
        self._max_members = max_members
        #: conversation id -> place of the event of this unit that tells of messages, and the members when it was begun.
        self._steps: dict[str, tuple[int, Audience]] = {}

    # -- messages -----------------------------------------------------------------------------------------------------

    def post(
        self,
        conversation_id: str,
        sender_id: str,
        key: bytes,
        content: bytes,
        *,
        sent_at: int,
        digest: bytes | None = None,
    ) -> Posted:
        asked = ("post", content_digest(content) if digest is None else digest)
        before = self._committed(conversation_id, sender_id, key, asked)
        if before is not None:
            return Posted((before.position, before.sent_at, True))
        talk = self._talk(conversation_id)
        if talk is None:
            talk = self._direct(conversation_id, sender_id)
        else:
            self._granted(Need.SPEAK, conversation_id, sender_id)
        position = self._say(talk, sender_id, key, content, asked, sent_at)
        return Posted((position, sent_at, False))

    def replace_content(
        self,
        conversation_id: str,
        position: int,
        content: bytes | None,
        *,
        expected_revision: int | None = None,
    ) -> Message:
        talk = self._there(conversation_id)
        if not 1 <= position <= talk.head:
            raise Refusal(RefusalCode.NOT_FOUND, "no such message")
        said = talk.said[position - 1]
        old = said.message
        if old.content is None:
            raise Refusal(RefusalCode.GONE, "the message was taken back")
        if expected_revision not in (None, old.revision):
            raise Refusal(RefusalCode.CONFLICT, "the message was edited meanwhile", detail=old.revision)
        new = Message(
            conversation_id, position, old.sender_id, old.sent_at, old.key, content, old.revision + 1
        )
        past = () if content is None else (*said.past, (old, talk.head + 1))
        edited = replace(said, message=new, past=past)
        self._put(replace(talk, said=(*talk.said[: position - 1], edited, *talk.said[position:])))
        self.events.append(MessageEdited(self._next_change(), new))
        return new

    def post_system(
        self, conversation_id: str, actor_id: str, key: bytes, digest: bytes, telling: Mapping[str, Any]
    ) -> int:
        talk, silent = self._there(conversation_id), telling["event"] in ("edited", "retracted")
        return self._tell(talk, actor_id, key, ("told", digest), telling, silent=silent)

    def aimed(self, conversation_id: str, user_id: str, position: int) -> tuple[Target, Message | None]:
        talk = self._talk(conversation_id)
        grants = self.seat(conversation_id, user_id).standing.opens
        if talk is None or not grants.covers(position) or not 1 <= position <= talk.head:
            return permissions.NO_MESSAGE, None
        said = talk.said[position - 1]
        if said.asked[0] != "post":
            return permissions.SYSTEM_MESSAGE, said.message
        if said.message.sender_id != user_id:
            return permissions.message_of(talk.audience.get(said.message.sender_id)), said.message
        return permissions.OWN_MESSAGE, said.message

    def message(self, conversation_id: str, position: int) -> Message | None:
        talk = self._talk(conversation_id)
        return talk.said[position - 1].message if talk is not None and 1 <= position <= talk.head else None

    def told_under(self, conversation_id: str, actor_id: str, key: bytes, digest: bytes) -> Message | None:
        return self._committed(conversation_id, actor_id, key, ("told", digest))

    def outcome(self, user_id: str, key: bytes, method: str, digest: bytes) -> bytes | None:
        if len(key) != 16:
            raise Refusal(RefusalCode.INVALID, "key", detail="key")
        kept = self.world.outcomes.get((user_id, key))
        if kept is not None and kept[:2] != (method, digest):
            raise _key_reused()
        return None if kept is None else kept[2]

    def keep_outcome(self, user_id: str, key: bytes, method: str, digest: bytes, result: bytes) -> None:
        kept = (method, digest, result)
        self.world = replace(self.world, outcomes={**self.world.outcomes, (user_id, key): kept})

    def push(self, user_ids: Iterable[str], kind: str, fields: Sequence[Any]) -> None:
        self.events.append(Pushed(self.world.change, frozenset(user_ids), kind, tuple(fields)))

    def find_key(
        self, conversation_id: str, sender_id: str, key: bytes, digest: bytes | None = None
    ) -> Posted | None:
        found = self._under(conversation_id, sender_id, key)
        if found is None:
            return None
        if digest is not None and found.asked != ("post", digest):
            raise _key_reused()
        return Posted((found.message.position, found.message.sent_at, True))

    # -- conversations and members ------------------------------------------------------------------------------------

    def create_conversation(
        self,
        creator_id: str,
        key: bytes,
        kind: Kind,
        title: str,
        members: Mapping[str, Role],
        team: str | None = None,
        **of_contacts: Any,
    ) -> tuple[str, int, bool]:
        conversation_id = group_conversation_id(creator_id, key)
        others = {user_id: role for user_id, role in members.items() if user_id != creator_id}
        asked = ("create", kind, title, tuple(sorted(others.items())), team)
        before = self._committed(conversation_id, creator_id, key, asked)
        if before is not None:
            return conversation_id, before.position, True
        refusal = permissions.refuse_create(kind, others)
        if refusal is not None:
            raise refusal
        if team is not None and kind is not Kind.GROUP:
            raise _no_team()
        if not is_printable(title):
            raise Refusal(RefusalCode.INVALID, "title", detail="title")
        self._require_room(len(others) + 1)
        for user_id in (creator_id, *others):
            if user_id not in self.world.users:
                raise Refusal(RefusalCode.NOT_FOUND, "no such user", detail=user_id)
        if team is not None:
            group = self._talk(team)
            seat = NO_SEAT if group is None else group.seat(creator_id)
            if group is None or seat.standing.relation not in (Relation.MEMBER, Relation.TEAM_MEMBER):
                raise Refusal(RefusalCode.NOT_FOUND, "no such team", detail=team)
            permissions.require(Need.ADMINISTER_CONVERSATION, seat)
            self._require_team(group)
        talk = self._made(conversation_id, kind, title, {creator_id: Role.OWNER, **others})
        if team is not None:
            talk = replace(talk, team=team, of_team=self.world.persons(self._there(team)))
        telling = {"event": "created", "user": creator_id, "title": title}
        return conversation_id, self._tell(talk, creator_id, key, asked, telling), False

    def set_title(self, conversation_id: str, actor_id: str, title: str) -> None:
        talk = self._there(conversation_id)
        if talk.title == title:
            return
        if talk.kind is Kind.DIRECT or not is_printable(title):
            raise Refusal(RefusalCode.INVALID, "title", detail="title")
        self._put(replace(talk, changed=self._next_change(), title=title))

    def set_team(self, conversation_id: str, team_id: str, *, keep: Collection[str] = ()) -> None:
        talk, group = self._there(conversation_id), self._there(team_id)
        if talk.team is not None:
            if talk.team != team_id:
                raise Refusal(RefusalCode.CONFLICT, "has another")
            return
        named = any(other.team == conversation_id for other in self.world.talks.values())
        if talk.kind is not Kind.GROUP or talk is group or named:
            raise _no_team()
        self._require_team(group)
        change, persons = self._next_change(), self.world.persons(group)
        ever = group.members.keys() - self.world.bots
        for one in talk.members.values():
            talk = talk.met(one.user_id)
        stay = {
            one.user_id: one
            for one in talk.members.values()
            if one.user_id not in (persons if one.left_at is None else ever)
            or (one.role is Role.OWNER and one.left_at is None)
            or one.user_id in keep
            or one.muted_until > self.now_ms
        }
        self._put(replace(talk, changed=change, team=team_id, of_team=persons, members=stay))

    def _require_team(self, group: Talk) -> None:
        if group.kind is not Kind.GROUP or group.team is not None:
            raise _no_team()
        if len(self.world.persons(group)) > 200:
            raise Refusal(RefusalCode.TOO_LARGE, "team", detail=200)

    def _is_team(self, conversation_id: str) -> bool:
        return any(talk.team == conversation_id for talk in self.world.talks.values())

    def add_member(
        self,
        conversation_id: str,
        actor_id: str,
        key: bytes,
        user_id: str,
        role: Role,
        **of_contacts: Any,
    ) -> tuple[int, bool]:
        asked = ("add", role, user_id)
        before = self._committed(conversation_id, actor_id, key, asked)
        if before is not None:
            return before.position, True
        current = self._rows(conversation_id).get(user_id)
        if current is not None:
            target = permissions.member(current, gets=role)
            _, talk = self._granted(Need.MANAGE, conversation_id, actor_id, target)
            if current is role:
                raise Refusal(RefusalCode.CONFLICT, "is a member already")
            membership = replace(talk.members[user_id], role=role)
        else:
            known = user_id in self.world.users
            target = permissions.newcomer(role) if known else permissions.no_user(user_id)
            _, talk = self._granted(Need.INVITE, conversation_id, actor_id, target)
            self._require_room(len(talk.audience.keys() | {user_id}))
            if self._is_team(conversation_id) and len(self.world.persons(talk).keys() | {user_id}) > 200:
                raise Refusal(RefusalCode.TOO_LARGE, "team", detail=200)
            muted = talk.members[user_id].muted_until if user_id in talk.members else 0
            membership = Membership(user_id, role, talk.head + 1, muted_until=muted)
        talk = talk.with_member(self.world.change + 1, membership)
        if talk.team is not None and current is None:
            talk = talk.met(user_id)
        telling = {"event": "added", "user": user_id, "role": role.value}
        return self._tell(talk, actor_id, key, asked, telling), False

    def remove_member(
        self, conversation_id: str, actor_id: str, key: bytes, user_id: str
    ) -> tuple[int, bool]:
        asked = ("remove", user_id)
        before = self._committed(conversation_id, actor_id, key, asked)
        if before is not None:
            return before.position, True
        current = self._rows(conversation_id).get(user_id)
        leaves = actor_id == user_id
        other = permissions.NO_MEMBER if current is None else permissions.member(current)
        if current is None and user_id in self._roles(conversation_id):
            other = permissions.TEAM_ONLY
        target = permissions.ONESELF if leaves else other
        _, talk = self._granted(Need.MANAGE, conversation_id, actor_id, target)
        audience, change = talk.audience, self.world.change + 1
        telling: dict[str, Any] = {"event": "left" if leaves else "removed", "user": user_id}
        talk = replace(talk, left_modseq={**talk.left_modseq, user_id: talk.modseq})
        talk = talk.with_member(change, replace(talk.members[user_id], left_at=talk.head + 1))
        if talk.team is not None:
            talk = talk.met(user_id)
        of_team = self._is_team(conversation_id) and user_id not in self.world.bots
        if current is Role.OWNER:
            heir = permissions.heir(talk.rows, {one: talk.members[one].joined_at for one in talk.rows})
            if heir is not None:
                telling["owner"] = heir
                talk = talk.with_member(change, replace(talk.members[heir], role=Role.OWNER))
        return self._tell(talk, actor_id, key, asked, telling, audience=audience, of_team=of_team), False

    def seat(self, conversation_id: str, user_id: str) -> Seat:
        talk = self._talk(conversation_id)
        seat = NO_SEAT if talk is None else talk.seat(user_id, self.now_ms)
        return seat if seat.standing.relation in (Relation.MEMBER, Relation.TEAM_MEMBER) else NO_SEAT

    def audience(self, conversation_id: str) -> Audience | None:
        talk = self._talk(conversation_id)
        return None if talk is None else talk.audience

    def move_cursors(
        self, conversation_id: str, user_id: str, delivered: int | None, read: int | None
    ) -> Cursors:
        grant, talk = self._granted(Need.OWN_STATE, conversation_id, user_id)
        for name, value in (("delivered", delivered), ("read", read)):
            if value is not None and not 0 <= value <= grant.cut(talk.head):
                raise Refusal(RefusalCode.INVALID, name, detail=name)
        old = talk.cursors_of(user_id)
        seen = max(old.read, read or 0)
        new = Cursors(max(old.delivered, delivered or 0, seen), seen)
        if new == old:
            return old
        change, audience = self._next_change(), talk.audience
        told = permissions.has_receipts(talk.kind, len(audience))
        self._put(
            replace(
                talk.with_own(user_id, new, talk.settings_of(user_id)),
                member_changed=talk.changed_for(user_id, change),
                changed=change if told or talk.by_team(user_id) else talk.changed,
            )
        )
        hearers = audience if told else {user_id: audience[user_id]}
        self.events.append(CursorMoved(change, conversation_id, user_id, new, hearers))
        return new

    # -- state --------------------------------------------------------------------------------------------------------

    def set_item(
        self,
        conversation_id: str,
        position: int,
        name: str,
        value: Any,
        own: Mapping[str, Any] | None = None,
    ) -> None:
        talk = self._stated(conversation_id, position)
        old = talk.marks.get(position, NO_MARKS)
        extra = _with(old.extra, name, value, 1024)
        mine = dict(old.mine)
        for user_id, one in (own or {}).items():
            self._known(user_id)
            mine[user_id] = _with(mine.get(user_id, {}), name, one, 1024)
        if not extra and any(one is not None for one in (own or {}).values()):
            raise ValueError("for nobody else")
        mine = {user_id: one for user_id, one in mine.items() if one} if extra else {}
        changed = {one for one in (*mine, *old.mine) if mine.get(one) != old.mine.get(one)}
        if extra == old.extra and not changed:
            return
        place, audience = self._steps.get(conversation_id, (-1, {}))
        step = self.events[place] if place >= 0 and audience == talk.audience else None
        told = {item.position: item for item in step.items} if isinstance(step, ItemsChanged) else {}
        if len(told.keys() | {position}) > 16:
            raise Refusal(RefusalCode.TOO_LARGE, "messages", detail=16)
        before = told.get(position, ItemChange(position, b"", {}))
        if extra:
            maps = {one: self._told(mine.get(one, {})) for one in changed}
            item = ItemChange(position, self._told(extra), {**before.mine, **maps}, before.emptied)
        else:
            item = ItemChange(position, EMPTY_MAP, {}, emptied=True)
        items = tuple({**told, position: item}.values())
        if isinstance(step, ItemsChanged):
            modseq = step.modseq
            self.events[place] = replace(step, items=items)
        else:
            talk, change = self._stepped(talk)
            modseq = talk.modseq
            self._steps[conversation_id] = (len(self.events), talk.audience)
            self.events.append(ItemsChanged(change, conversation_id, modseq, items, talk.audience))
        self._named(name)
        self._put(replace(talk, marks={**talk.marks, position: Marks(modseq, extra, mine)}))

    def item(self, conversation_id: str, position: int, user_id: str) -> ItemState:
        talk = self._stated(conversation_id, position)
        marks = self.world.seen(talk).marks.get(position, NO_MARKS)
        return ItemState(talk.modseq, dict(marks.extra), dict(marks.mine.get(user_id, {})))

    def _named(self, name: str) -> None:
        self.world = replace(self.world, names=self.world.names | {name})

    def _told(self, values: Mapping[str, Any]) -> bytes:
        return _map(self.world.without_hidden(values))

    def set_about(self, conversation_id: str, name: str, value: Any) -> None:
        talk = self._stated(conversation_id)
        about = _with(talk.about or {}, name, value, 2048)
        if about == (talk.about or {}):
            return
        talk, change = self._stepped(talk)
        self._named(name)
        self._put(replace(talk, about=about))
        self.events.append(
            AboutChanged(change, conversation_id, talk.modseq, self._told(about), talk.audience)
        )

    def about(self, conversation_id: str) -> tuple[int, Mapping[str, Any]]:
        talk = self._stated(conversation_id)
        return talk.modseq, self.world.without_hidden(talk.about or {})

    def settings(self, conversation_id: str, user_id: str) -> tuple[int, Mapping[str, Any]]:
        talk = self._stated(conversation_id)
        if user_id not in talk.audience:
            raise Refusal(RefusalCode.NOT_FOUND, "no such member")
        seq, own = talk.settings_of(user_id)
        return seq, self.world.without_hidden(own)

    def account(self, user_id: str) -> tuple[int, Mapping[str, Any]]:
        self._known(user_id)
        seq, own, _ = self.world.accounts.get(user_id, (0, {}, 0))
        return seq, self.world.without_hidden(own)

    def set_own(self, conversation_id: str, user_id: str, name: str, value: Any) -> None:
        talk = self._stated(conversation_id)
        if user_id not in talk.audience:
            raise Refusal(RefusalCode.NOT_FOUND, "no such member")
        seq, old = talk.settings_of(user_id)
        new = _with(old, name, value, 2048)
        if new == old:
            return
        change = self._next_change()
        talk = replace(talk, member_changed=talk.changed_for(user_id, change))
        self._named(name)
        if talk.by_team(user_id):
            talk = replace(talk, changed=change)
        self._put(talk.with_own(user_id, talk.cursors_of(user_id), (seq + 1, new)))
        self.events.append(SettingsChanged(change, conversation_id, user_id, seq + 1, self._told(new)))

    def set_account(self, user_id: str, name: str, value: Any) -> None:
        self._known(user_id)
        seq, old, _ = self.world.accounts.get(user_id, (0, {}, 0))
        new = _with(old, name, value, 2048)
        if new == old:
            return
        change = self._next_change()
        self._named(name)
        self.world = replace(self.world, accounts={**self.world.accounts, user_id: (seq + 1, new, change)})
        self.events.append(AccountChanged(change, user_id, seq + 1, self._told(new)))

    # -- accounts -----------------------------------------------------------------------------------------------------

    def put_user(self, user: User, *, giver: str = OPERATOR) -> None:
        user.user_id.encode()  # what is no text is nobody's name
        known = self.world.users.get(user.user_id, user)
        made = replace(user, kind=known.kind)
        self.world = replace(self.world, users={**self.world.users, user.user_id: made})

    def user(self, user_id: str) -> User | None:
        return self.world.users.get(user_id)

    def put_used(self, used: Iterable[Usage]) -> None:
        known = {one.user_id: one for one in used if one.user_id in self.world.users}
        self.world = replace(self.world, used={**self.world.used, **known})

    def bind_token(
        self,
        token_id: str,
        user_id: str,
        device_id: str,
        issued_at: int | None = None,
        expires_at: int | None = None,
    ) -> str:
        if user_id not in self.world.users:
            raise Refusal(RefusalCode.NOT_FOUND, "no such user", detail=user_id)
        if token_id not in self.world.tokens:
            self.world = replace(self.world, tokens={**self.world.tokens, token_id: (user_id, device_id)})
        return self.world.tokens[token_id][1]

    # -- plugins ------------------------------------------------------------------------------------------------------

    def schedule(self, plugin: str, due_at: int, name: str, payload: Mapping[str, Any]) -> int:
        timer_id = self.world.last_timer + 1
        timers = {**self.world.timers, timer_id: (plugin, due_at, name, dict(payload))}
        self.world = replace(self.world, timers=timers, last_timer=timer_id)
        return timer_id

    def cancel_timer(self, plugin: str, timer_id: int) -> bool:
        timer = self.world.timers.get(timer_id)
        if timer is None or timer[0] != plugin:
            return False
        self._drop_timer(timer_id)
        return True

    def mark_handled(self, plugin: str, change: int, upto: int | None = None) -> None:
        before, ahead = self.world.handled.get(plugin, (-1, frozenset()))
        if change <= before or change in ahead:
            raise AlreadyHandled(f"{plugin}: {change}")
        self.pass_handled(plugin, change if upto is None else upto, [change])

    def pass_handled(self, plugin: str, upto: int, ahead: Sequence[int]) -> None:
        before, known = self.world.handled.get(plugin, (-1, frozenset()))
        cursor = max(before, upto)
        kept = frozenset(one for one in known.union(ahead) if one > cursor)
        self.world = replace(self.world, handled={**self.world.handled, plugin: (cursor, kept)})

    def mark_timer_done(self, timer_id: int) -> None:
        if timer_id not in self.world.timers:
            raise AlreadyHandled(f"timer {timer_id}")
        self._drop_timer(timer_id)

    # -- parts --------------------------------------------------------------------------------------------------------

    def mute(self, conversation_id: str, user_ids: Iterable[str], until: int) -> None:
        """For tests: bar members from speaking."""
        talk = self.world.talks[conversation_id]
        muted = {one: replace(talk.members[one], muted_until=until) for one in user_ids}
        self._put(replace(talk, members={**talk.members, **muted}))

    def be_bot(self, user_id: str) -> None:
        """For tests: the account is a bot's."""
        self.world = replace(self.world, bots=self.world.bots | {user_id})

    def note(self, row: Any) -> None:
        """For tests: put a row into a table that is not the kernel's."""
        self.world = replace(self.world, notes=self.world.notes | {row})

    def _stated(self, conversation_id: str, position: int = 1) -> Talk:
        talk = self._talk(conversation_id)
        if talk is None or not 1 <= position <= talk.head:
            raise Refusal(RefusalCode.NOT_FOUND, "nothing there")
        return talk

    def _stepped(self, talk: Talk) -> tuple[Talk, int]:
        """One more change of state, which all members are told of."""
        change = self._next_change()
        return replace(talk, modseq=talk.modseq + 1, changed=change), change

    def _known(self, user_id: str) -> None:
        if user_id not in self.world.users:
            raise Refusal(RefusalCode.NOT_FOUND, "no such user", detail=user_id)

    def _drop_timer(self, timer_id: int) -> None:
        left = {number: timer for number, timer in self.world.timers.items() if number != timer_id}
        self.world = replace(self.world, timers=left)

    def _talk(self, conversation_id: str) -> Talk | None:
        return self.world.talks.get(conversation_id)

    def _there(self, conversation_id: str) -> Talk:
        talk = self._talk(conversation_id)
        if talk is None:
            raise permissions.no_such_conversation()
        return talk

    def _put(self, talk: Talk) -> None:
        self.world = self.world.with_talk(talk)

    def _next_change(self) -> int:
        self.world = replace(self.world, change=self.world.change + 1)
        return self.world.change

    def _roles(self, conversation_id: str) -> Audience:
        return self.audience(conversation_id) or {}

    def _rows(self, conversation_id: str) -> Audience:
        """Members who were added."""
        talk = self._talk(conversation_id)
        return {} if talk is None else talk.rows

    def _under(self, conversation_id: str, sender_id: str, key: bytes) -> Said | None:
        """What was said under this key."""
        talk = self._talk(conversation_id)
        return next(
            (
                said
                for said in (talk.said if talk else ())
                if said.message.key == key and said.message.sender_id == sender_id
            ),
            None,
        )

    def _committed(
        self, conversation_id: str, sender_id: str, key: bytes, asked: tuple[Any, ...]
    ) -> Message | None:
        """The message that the same request has led to, before anything else is judged."""
        if len(key) != 16:
            raise Refusal(RefusalCode.INVALID, "key", detail="key")
        found = self._under(conversation_id, sender_id, key)
        if found is not None and found.asked != asked:
            raise _key_reused()
        return found.message if found is not None else None

    def _granted(
        self, need: Need, conversation_id: str, user_id: str, target: Target = permissions.NOTHING
    ) -> tuple[Grant, Talk]:
        grant = permissions.require(need, self.seat(conversation_id, user_id), target)
        return grant, self.world.talks[conversation_id]

    def _require_room(self, count: int) -> None:
        if count > self._max_members:
            raise Refusal(RefusalCode.TOO_LARGE, "members", detail=self._max_members)

    def _direct(self, conversation_id: str, sender_id: str) -> Talk:
        """A direct conversation is there from its first message on."""
        try:
            pair = direct_pair(conversation_id) or ()
        except UnicodeEncodeError:
            pair = ()
        if sender_id not in pair or not self.world.users.keys() >= set(pair):
            raise permissions.no_such_conversation()
        return self._made(conversation_id, Kind.DIRECT, "", dict.fromkeys(pair, Role.MEMBER))

    def _made(self, conversation_id: str, kind: Kind, title: str, members: Audience) -> Talk:
        change = self.world.change + 1
        talk = Talk(conversation_id, kind, title, change)
        for user_id, role in members.items():
            talk = talk.with_member(change, Membership(user_id, role, 1))
        return talk

    def _tell(
        self,
        talk: Talk,
        actor_id: str,
        key: bytes,
        asked: tuple[Any, ...],
        telling: Mapping[str, Any],
        *,
        silent: bool = False,
        audience: Audience | None = None,
        of_team: bool = False,
    ) -> int:
        """Say what the actor did, under the key of the request."""
        content = encode_content({"type": "system", **telling})
        return self._say(
            talk,
            actor_id,
            key,
            content,
            asked,
            self.now_ms,
            silent=silent,
            audience=audience,
            of_team=of_team,
        )

    def _say(
        self,
        talk: Talk,
        sender_id: str,
        key: bytes,
        content: bytes,
        asked: tuple[Any, ...],
        sent_at: int,
        *,
        silent: bool = False,
        audience: Audience | None = None,
        of_team: bool = False,
    ) -> int:
        """Append a message. `audience`: who hears it, if not those who are members behind it."""
        change, position = self._next_change(), talk.head + 1
        message = Message(talk.conversation_id, position, sender_id, sent_at, key, content)
        said = Said(message, asked, change, counts=asked[0] == "post", silent=silent)
        self._put(replace(talk, said=(*talk.said, said)))
        behind = (talk.audience,) if audience is None else (audience, talk.audience, of_team)
        self.events.append(MessagePosted(change, message, *behind))
        return position


def _map(values: Mapping[str, Any]) -> bytes:
    encoded: bytes = msgpack.packb(dict(sorted(values.items())))
    return encoded


def _with(values: Mapping[str, Any], name: str, value: Any, most: int) -> Mapping[str, Any]:
    """The values with one more, or without it if it is None."""
    others = {known: one for known, one in values.items() if known != name}
    if value is None:
        return others
    if len(msgpack.packb(value)) > 512:
        raise Refusal(RefusalCode.TOO_LARGE, "value", detail=512)
    new = {**others, name: value}
    if len(_map(new)) > most:
        raise Refusal(RefusalCode.TOO_LARGE, "map", detail=most)
    return new


def _no_team() -> Refusal:
    return Refusal(RefusalCode.INVALID, "team", detail="team")


def _key_reused() -> Refusal:
    return Refusal(RefusalCode.KEY_REUSED, "this key was used for something else")
