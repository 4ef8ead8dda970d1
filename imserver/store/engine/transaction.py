"""The rules of a write, the same for every store: keys before refusals, positions from heads, system messages with their cause.

A store derives from `RuledTransaction` and implements finding and putting rows; nothing here knows where they are kept. Every
method runs on the writer's thread inside one transaction. The store (rows) and the journal (memory) undo a failed unit
together.

Who changes what: the rules move `change`, `message_change`, `events`, and head, head_change and unread of a
`ConversationState`, which `_state` has noted in the journal. A row operation stores what it is told; where it names
members or a title it changes the state too. What it keeps in memory beside that it notes in the journal itself. It may
read rows of this transaction, and raises whatever its database raises.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

from imserver.chat import permissions as rules
from imserver.chat.permissions import Bars, Grant, Need, Seat, Target
from imserver.chat.transaction import ActHooks, Posted
from imserver.content import decode_content, encode_content
from imserver.errors import Refusal, RefusalCode
from imserver.events import CursorMoved, MessageEdited, MessagePosted, PluginNoted, Pushed, StoredEvent
from imserver.model import (
    KEY_BYTES,
    Audience,
    Cursors,
    Kind,
    Message,
    QuietAudience,
    Role,
    User,
    content_digest,
    group_conversation_id,
    is_printable,
)
from imserver.store.engine.contacts import ContactLimits, Contacts, nobody
from imserver.store.engine.conversation_cache import ConversationState, Journal, Team

#: Most members of a conversation, unless the composition root sets another bound (`limits.max_group_members`).
MAX_MEMBERS = 5_000
#: Most persons of a team: each conversation that names it has them all as members.
MAX_TEAM_PERSONS = 200

#: Events that nobody needs to see in a list of conversations: the system messages that tell of them are *silent*, and a list is
#: ordered by, and shows, the last message that is not.
SILENT_EVENTS = frozenset({"edited", "retracted"})


class Found(NamedTuple):
    """A message that was committed under a key."""

    position: int
    sent_at: int
    digest: bytes


class RuledTransaction(Contacts):
    """`imserver.chat.transaction.Transaction` over the row operations at the end of this class. What concerns accounts and
    plugins alone has no rules here: each store has these methods itself. What concerns state that is no message is in `state`,
    what concerns strangers in `contacts`.
    """

    def __init__(self, journal: Journal, *, max_members: int = MAX_MEMBERS) -> None:
        self.journal = journal
        self.max_members = max_members
        #: How strangers are met. The composition root sets others.
        self.contacts = ContactLimits()
        #: What features do in the transaction of an act.
        self.hooks = ActHooks()
        self.now_ms = 0
        #: The last number given out in commit order; and the last that a message got.
        self.change = 0
        self.message_change = 0
        #: Events of the running unit; the batch hands them to the unit.
        self.events: list[StoredEvent] = []
        self.state_names = set()
        self.hidden = None
        #: Users who may do nothing. The engine fills it at the opening; a change of it is in the journal.
        self.disabled: set[str] = set()

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
        if digest is None:
            digest = content_digest(content)
        state = self._state(conversation_id)
        found = self.find_committed(state, sender_id, key, digest)
        if found is not None:
            return Posted((found.position, found.sent_at, True))
        state = self.writable(conversation_id, state, sender_id)
        position = self._append(state, sender_id, key, content, digest, sent_at, counts=True)
        return Posted((position, sent_at, False))

    def writable(
        self, conversation_id: str, state: ConversationState | None, sender_id: str
    ) -> ConversationState:
        """The conversation, if the sender may post to it now. Makes a direct conversation at its first post."""
        if state is None:
            return self._open_direct(conversation_id, sender_id)
        rules.require(Need.SPEAK, self._seat(state, sender_id))
        if state.asked_by is not None:
            self.written(state, sender_id)
        return state

    def replace_content(
        self,
        conversation_id: str,
        position: int,
        content: bytes | None,
        *,
        expected_revision: int | None = None,
    ) -> Message:
        state = self._known(conversation_id)
        message = self._message(state, position)
        if message is None:
            raise Refusal(RefusalCode.NOT_FOUND, rules.NO_MESSAGE.text)
        if message.content is None:
            raise Refusal(RefusalCode.GONE, "the message was taken back")
        if expected_revision is not None and expected_revision != message.revision:
            raise Refusal(RefusalCode.CONFLICT, "the message was edited meanwhile", detail=message.revision)
        replaced = Message(
            conversation_id,
            position,
            message.sender_id,
            message.sent_at,
            message.key,
            content,
            message.revision + 1,
        )
        self._put_content(state, message, replaced, until=state.head + 1)
        self.events.append(MessageEdited(self.next_change(), replaced))
        for hook in self.hooks.content_replaced:
            hook(self, conversation_id, replaced)
        return replaced

    def post_system(
        self, conversation_id: str, actor_id: str, key: bytes, digest: bytes, telling: Mapping[str, Any]
    ) -> int:
        return self._tell(self._known(conversation_id), actor_id, key, digest, telling)

    def aimed(self, conversation_id: str, user_id: str, position: int) -> tuple[Target, Message | None]:
        state = self._state(conversation_id)
        opens = self._seat(state, user_id).standing.opens
        message = self._message(state, position) if state is not None and opens.covers(position) else None
        if state is None or message is None:
            return rules.NO_MESSAGE, None
        if message.content is not None and decode_content(message.content).get("type") == "system":
            return rules.SYSTEM_MESSAGE, message
        if message.sender_id != user_id:
            return rules.message_of(state.members.get(message.sender_id)), message
        return rules.OWN_MESSAGE, message

    def message(self, conversation_id: str, position: int) -> Message | None:
        state = self._state(conversation_id)
        return None if state is None else self._message(state, position)

    def told_under(self, conversation_id: str, actor_id: str, key: bytes, digest: bytes) -> Message | None:
        state = self._state(conversation_id)
        found = self.find_committed(state, actor_id, key, digest)
        return None if found is None or state is None else self._message(state, found.position)

    def outcome(self, user_id: str, key: bytes, method: str, digest: bytes) -> bytes | None:
        require_key(key)
        found = self._outcome(user_id, key)
        if found is None:
            return None
        if found[:2] != (method, digest):
            raise_key_reused()
        return found[2]

    def keep_outcome(self, user_id: str, key: bytes, method: str, digest: bytes, result: bytes) -> None:
        self._put_outcome(user_id, key, method, digest, result)

    def find_key(
        self, conversation_id: str, sender_id: str, key: bytes, digest: bytes | None = None
    ) -> Posted | None:
        state = self._state(conversation_id)
        found = self._find(state, sender_id, key) if state else None
        if found is None:
            return None
        if digest is not None and found.digest != digest:
            raise_key_reused()
        return Posted((found.position, found.sent_at, True))

    # -- conversations and members ------------------------------------------------------------------------------------

    def create_conversation(
        self,
        creator_id: str,
        key: bytes,
        kind: Kind,
        title: str,
        members: Mapping[str, Role],
        team: str | None = None,
        *,
        vouches: Callable[[str], bool] = nobody,
        own_act: Collection[str] = (),
    ) -> tuple[str, int, bool]:
        conversation_id = group_conversation_id(creator_id, key)
        others = {user_id: role for user_id, role in members.items() if user_id != creator_id}
        request = "\n".join([kind, title, *sorted(f"{user_id} {role}" for user_id, role in others.items())])
        asked = "create " if team is None else f"create by team {team}\n"
        digest = content_digest((asked + request).encode())
        found = self.find_committed(self._state(conversation_id), creator_id, key, digest)
        if found is not None:
            return conversation_id, found.position, True
        self.require_active(creator_id)
        refusal = rules.refuse_create(kind, others)
        if refusal is None and team is not None and kind is not Kind.GROUP:
            refusal = _no_team("only a group has one")
        if refusal is not None:
            raise refusal
        _require_line(title)
        if len(others) + 1 > self.max_members:
            raise Refusal(
                RefusalCode.TOO_LARGE, f"members: at most {self.max_members}", detail=self.max_members
            )
        self._require_users([creator_id, *others])
        self.require_free_title(creator_id, title)
        self.require_room(creator_id)
        group = None if team is None else self._team_to_name(creator_id, team)
        self.bring(creator_id, others, vouches)
        state = self._make_conversation(conversation_id, kind, title)
        if group is not None:
            self._put_team(state, self._become_team(group), self.change + 1)
        self._put_members(state, {creator_id: Role.OWNER, **others}, joined_at=1)
        for user_id in (creator_id, *own_act):
            self._put_own_act(state, user_id)
        telling = {"event": "created", "user": creator_id, "title": title}
        return conversation_id, self._tell(state, creator_id, key, digest, telling), False

    def set_title(self, conversation_id: str, actor_id: str, title: str) -> None:
        state = self._known(conversation_id)
        if state.title == title:
            return
        if state.kind is Kind.DIRECT:
            raise Refusal(RefusalCode.INVALID, "title: a direct conversation has none", detail="title")
        _require_line(title)
        self.require_free_title(actor_id, title)
        self._put_title(state, title, self.next_change())

    def set_team(self, conversation_id: str, team_id: str, *, keep: Collection[str] = ()) -> None:
        state, group = self._known(conversation_id), self._known(team_id)
        if state.team is not None:
            if state.team.team_id != team_id:
                raise Refusal(RefusalCode.CONFLICT, "has another team, which does not change")
            return
        if state.kind is not Kind.GROUP:
            raise _no_team("only a group has one")
        if state is group or self._as_team(state) is not None:
            raise _no_team("a team has no team")
        self._require_team(group)
        team, change = self._become_team(group), self.next_change()
        self.journal.note(state.put_team, None)
        self._put_team(state, team, change)
        stay = {*keep, *(user_id for user_id, role in state.rows.items() if role is Role.OWNER)}
        self._rows_to_team(state, stay)

    def add_member(
        self,
        conversation_id: str,
        actor_id: str,
        key: bytes,
        user_id: str,
        role: Role,
        *,
        vouches: Callable[[str], bool] = nobody,
        own_act: bool = False,
        lets_back: bool = False,
    ) -> tuple[int, bool]:
        digest = content_digest(f"add {role} {user_id}".encode())
        state = self._state(conversation_id)
        found = self.find_committed(state, actor_id, key, digest)
        if found is not None:
            return found.position, True
        current = state.rows.get(user_id) if state else None
        if current is None:
            target = rules.newcomer(role) if self._user_exists(user_id) else rules.no_user(user_id)
            state, _ = self._granted(Need.INVITE, state, actor_id, target)
            if len(state.members) >= self.max_members and user_id not in state.members:
                raise Refusal(
                    RefusalCode.TOO_LARGE, f"members: at most {self.max_members}", detail=self.max_members
                )
            team = self._as_team(state)
            joins = team is not None and self._is_person(user_id)
            if team is not None and joins and len(team.joined) >= MAX_TEAM_PERSONS:
                raise _team_full()
            self.require_return(state, actor_id, user_id, at_once=own_act or lets_back)
            self.bring(actor_id, (user_id,), vouches)
            self._put_members(state, {user_id: role}, joined_at=state.head + 1)
            if state.team is not None:
                self._cursors_to_row(state, user_id)
            if team is not None and joins:
                self._put_team_person(team, user_id, joined=self.change + 1)
            if own_act:
                self._put_own_act(state, user_id)
        else:
            state, _ = self._granted(Need.MANAGE, state, actor_id, rules.member(current, gets=role))
            if current is role:
                raise Refusal(RefusalCode.CONFLICT, "is a member already")
            self._put_role(state, user_id, role)
        telling = {"event": "added", "user": user_id, "role": role.value}
        return self._tell(state, actor_id, key, digest, telling), False

    def remove_member(
        self, conversation_id: str, actor_id: str, key: bytes, user_id: str
    ) -> tuple[int, bool]:
        digest = content_digest(f"remove {user_id}".encode())
        state = self._state(conversation_id)
        found = self.find_committed(state, actor_id, key, digest)
        if found is not None:
            return found.position, True
        current = state.rows.get(user_id) if state else None
        if actor_id == user_id:
            event, target = "left", rules.ONESELF
        elif state is not None and current is None and user_id in state.members:
            event, target = "removed", rules.TEAM_ONLY
        else:
            event, target = "removed", rules.NO_MEMBER if current is None else rules.member(current)
        state, _ = self._granted(Need.MANAGE, state, actor_id, target)
        team = self._as_team(state)
        telling: dict[str, Any] = {"event": event, "user": user_id}
        before = state.members
        self._end_member(state, user_id, left_at=state.head + 1)
        if target is rules.ONESELF:
            self._put_left_on(state, user_id)
        if state.team is not None:
            self._cursors_to_team(state, user_id)
        of_team = team is not None and user_id in team.joined
        if team is not None and of_team:
            self._end_team_person(team, user_id)
        if current is Role.OWNER:
            heir = rules.heir(self._able(state.rows), self._joined_at(state), self._by_own_act(state))
            if heir is not None:
                self._put_role(state, heir, Role.OWNER)
                telling["owner"] = heir
        # The removed member gets this system message and no later one.
        position = self._tell(state, actor_id, key, digest, telling, audience=before, of_team=of_team)
        for hook in self.hooks.member_left:
            hook(self, conversation_id, user_id)
        return position, False

    def _able(self, members: Audience) -> Audience:
        """Those who may act; all, if nobody may."""
        if not self.disabled:
            return members
        return {user_id: role for user_id, role in members.items() if user_id not in self.disabled} or members

    def require_active(self, user_id: str) -> None:
        if user_id in self.disabled:
            raise rules.disabled()

    def seat(self, conversation_id: str, user_id: str) -> Seat:
        return self._seat(self.conversation(conversation_id), user_id)

    def audience(self, conversation_id: str) -> Audience | None:
        state = self._state(conversation_id)
        return state.members if state else None

    def move_cursors(
        self, conversation_id: str, user_id: str, delivered: int | None, read: int | None
    ) -> Cursors:
        """Raises before anything is written, so a unit that moves many cursors may catch the refusal and go on."""
        state, grant = self._granted(Need.OWN_STATE, self._state(conversation_id), user_id)
        head = grant.cut(state.head)
        for name, value in (("delivered", delivered), ("read", read)):
            if value is not None and not 0 <= value <= head:
                raise Refusal(RefusalCode.INVALID, f"{name}: not above the head, {head}", detail=name)
        old = self._cursors(state, user_id)
        seen = max(old.read, read or 0)
        new = Cursors(max(old.delivered, delivered or 0, seen), seen)
        if new == old:
            return old
        change = self.next_change()
        told = rules.has_receipts(state.kind, len(state.members)) and not isinstance(
            state.members, QuietAudience
        )
        self._put_cursors(state, user_id, new, change, told=told, read_rose=new.read > old.read)
        audience = state.members if told else {user_id: state.members[user_id]}
        self.events.append(CursorMoved(change, conversation_id, user_id, new, audience))
        return new

    def push(self, user_ids: Iterable[str], kind: str, fields: Sequence[Any]) -> None:
        self.events.append(Pushed(self.change, frozenset(user_ids), kind, tuple(fields)))

    def note_plugin(self, plugin: str, what: Any) -> None:
        self.events.append(PluginNoted(self.change, plugin, what))

    # -- the parts of the rules ---------------------------------------------------------------------------------------

    def next_change(self) -> int:
        self.change += 1
        return self.change

    def _known(self, conversation_id: str) -> ConversationState:
        state = self._state(conversation_id)
        if state is None:
            raise rules.no_such_conversation()
        return state

    def _state(self, conversation_id: str) -> ConversationState | None:
        """The conversation, noted in the journal, so that this unit's changes to it can be undone."""
        state = self.conversation(conversation_id)
        if state is not None:
            self.journal.note(state.restore, state.memento())
        return state

    def find_committed(
        self, state: ConversationState | None, actor_id: str, key: bytes, digest: bytes
    ) -> Found | None:
        """Find the message committed under the key; called before any refusal."""
        require_key(key)
        found = self._find(state, actor_id, key) if state else None
        if found is not None and found.digest != digest:
            raise_key_reused()
        return found

    def _open_direct(self, conversation_id: str, sender_id: str) -> ConversationState:
        pair = rules.pair_to_open(conversation_id)
        self.require_active(sender_id)
        known = sender_id in pair and all(self._user_exists(user_id) for user_id in pair)
        if not known:
            rules.require(Need.SPEAK, rules.NO_SEAT)
        [other] = (user_id for user_id in pair if user_id != sender_id)
        bars = self.opening_bars(sender_id, other)
        rules.require(Need.SPEAK, Seat(Kind.DIRECT, rules.MEMBER, Role.MEMBER, bars))
        self.require_room(sender_id)
        state = self._make_conversation(conversation_id, Kind.DIRECT, "")
        self._put_members(state, dict.fromkeys(pair, Role.MEMBER), joined_at=1)
        self.opened(state, sender_id)
        return state

    def _require_users(self, user_ids: Sequence[str]) -> None:
        for user_id in user_ids:
            if not self._user_exists(user_id):
                raise Refusal(RefusalCode.NOT_FOUND, "no such user", detail=user_id)

    def _seat(self, state: ConversationState | None, user_id: str) -> Seat:
        """Where a user stands. A former member writes no more than a stranger, so the two are alike here."""
        role = state.members.get(user_id) if state is not None else None
        if state is None or role is None:
            return rules.NO_SEAT
        if user_id in self.disabled:
            return Seat(state.kind, rules.MEMBER, role, rules.DISABLED)
        muted_until = state.muted.get(user_id, 0) if state.muted else 0
        bars = Bars(muted_until=muted_until) if muted_until > self.now_ms else rules.FREE
        if state.asked_by is not None or state.blocked_by:
            bars = self.contact_bars(state, user_id)._replace(muted_until=bars.muted_until)
        by_team = state.team is not None and user_id not in state.rows
        return Seat(state.kind, rules.TEAM_MEMBER if by_team else rules.MEMBER, role, bars)

    def _team_to_name(self, user_id: str, team_id: str) -> ConversationState:
        """The group, if this user may give it to a conversation as its team: whoever runs it decides where its persons are."""
        group = self._state(team_id)
        seat = self._seat(group, user_id)
        if group is None or seat is rules.NO_SEAT:
            raise Refusal(RefusalCode.NOT_FOUND, "team: no such conversation", detail=team_id)
        rules.require(Need.ADMINISTER_CONVERSATION, seat)
        self._require_team(group)
        return group

    def _require_team(self, group: ConversationState) -> None:
        if group.kind is not Kind.GROUP:
            raise _no_team("only a group is one")
        if group.team is not None:
            raise _no_team("a team has no team")
        if self._count_persons(group) > MAX_TEAM_PERSONS:
            raise _team_full()

    def _granted(
        self, need: Need, state: ConversationState | None, user_id: str, target: Target = rules.NOTHING
    ) -> tuple[ConversationState, Grant]:
        """The conversation and what the user may do to it. Raises the refusal."""
        grant = rules.require(need, self._seat(state, user_id), target)
        if state is None:
            raise rules.no_such_conversation()
        return state, grant

    def _tell(
        self,
        state: ConversationState,
        actor_id: str,
        key: bytes,
        digest: bytes,
        telling: Mapping[str, Any],
        audience: Audience | None = None,
        *,
        of_team: bool = False,
    ) -> int:
        """Append the system message of a change: its sender is the acting user, its key that of the request."""
        content = encode_content({"type": "system", **telling})
        silent = telling["event"] in SILENT_EVENTS
        return self._append(
            state,
            actor_id,
            key,
            content,
            digest,
            self.now_ms,
            counts=False,
            silent=silent,
            audience=audience,
            of_team=of_team,
        )

    def _append(
        self,
        state: ConversationState,
        sender_id: str,
        key: bytes,
        content: bytes,
        digest: bytes,
        sent_at: int,
        *,
        counts: bool,
        silent: bool = False,
        audience: Audience | None = None,
        of_team: bool = False,
    ) -> int:
        position = state.head + 1
        unread = state.unread + counts
        change = self.next_change()
        message = Message(state.conversation_id, position, sender_id, sent_at, key, content)
        self._put_message(state, message, digest, change, unread, silent=silent)
        state.head, state.head_change, state.unread = position, change, unread
        self.message_change = change
        if audience is None:
            self.events.append(MessagePosted(change, message, state.members))
        else:
            self.events.append(MessagePosted(change, message, audience, state.members, of_team))
        return position

    # -- rows: implemented by each store ------------------------------------------------------------------------------

    @abstractmethod
    def conversation(self, conversation_id: str) -> ConversationState | None:
        """The conversation, from the cache or read: its head, the present members, and who of them is muted. The same object
        for as long as the transaction lasts, and it has met its team. None for an id that is no text, too."""

    @abstractmethod
    def user(self, user_id: str) -> User | None:
        """The account; None for an id that is no text, too."""

    @abstractmethod
    def _user_exists(self, user_id: str) -> bool: ...

    @abstractmethod
    def _find(self, state: ConversationState, sender_id: str, key: bytes) -> Found | None:
        """The message that this sender committed under this key in this conversation, also in this transaction. The
        database must not let there be two, whatever the rules do."""

    @abstractmethod
    def _message(self, state: ConversationState, position: int) -> Message | None:
        """The message as it is now; None if there is none at this position."""

    @abstractmethod
    def _put_message(
        self,
        state: ConversationState,
        message: Message,
        digest: bytes,
        change: int,
        unread_no: int,
        *,
        silent: bool,
    ) -> None:
        """Store the conversation's next message. A silent one leaves its conversation where it is in lists.

        `digest` stands for the request under its key, `change` is its number in commit order, `unread_no` how many messages up
        to it count as unread. Heads follow, but not yet in `state`: the rules move that afterwards."""

    @abstractmethod
    def _put_content(self, state: ConversationState, old: Message, new: Message, *, until: int) -> None:
        """Store the new content, and the old one among the revisions: it was to be read before the message at `until`. No
        content: the message is taken back, and its revisions are erased."""

    @abstractmethod
    def _outcome(self, user_id: str, key: bytes) -> tuple[str, bytes, bytes] | None:
        """(method, digest, result) that this user has under this key."""

    @abstractmethod
    def _put_outcome(self, user_id: str, key: bytes, method: str, digest: bytes, result: bytes) -> None:
        """Keep the result under the key, at the time of now. The database must not let there be two, whatever the rules do."""

    @abstractmethod
    def _make_conversation(self, conversation_id: str, kind: Kind, title: str) -> ConversationState:
        """Make an empty conversation, whose change is the next one. It is in the cache from now on, unless this is undone."""

    @abstractmethod
    def _put_members(self, state: ConversationState, members: Audience, *, joined_at: int) -> None:
        """Put new members, or former ones who are back (with their cursors), in rows and state. Their change is the next
        one, that of the system message."""

    @abstractmethod
    def _put_role(self, state: ConversationState, user_id: str, role: Role) -> None:
        """Give a member another role, in row and state. The change is the next one."""

    @abstractmethod
    def _end_member(self, state: ConversationState, user_id: str, *, left_at: int) -> None:
        """End the membership at this position, and at the modseq of now, in row and state. The row stays, with its role and its
        cursors: a former member reads up to there. The change is the next one."""

    @abstractmethod
    def _is_person(self, user_id: str) -> bool:
        """Whether this account is a person's: a bot is in no team."""

    @abstractmethod
    def _count_persons(self, state: ConversationState) -> int:
        """How many of the present members are persons."""

    @abstractmethod
    def _as_team(self, state: ConversationState) -> Team | None:
        """The group as a team; None if no conversation names it. The object that all cached conversations of it have."""

    @abstractmethod
    def _become_team(self, state: ConversationState) -> Team:
        """The group as a team, which it may be already: else its persons are those of the team from now on, as of the change
        of their joining."""

    @abstractmethod
    def _put_title(self, state: ConversationState, title: str, change: int) -> None:
        """Give a conversation another title, in row and state, under this change, which is the conversation's."""

    @abstractmethod
    def _put_team(self, state: ConversationState, team: Team, change: int) -> None:
        """Give a conversation its team, in rows, heads and state, under this change, which is the conversation's."""

    @abstractmethod
    def _put_team_person(self, team: Team, user_id: str, *, joined: int) -> None:
        """One person more, in row and team."""

    @abstractmethod
    def _end_team_person(self, team: Team, user_id: str) -> None:
        """One person less, in row and team. Cursors stay."""

    @abstractmethod
    def _rows_to_team(self, state: ConversationState, stay: Collection[str]) -> None:
        """Make members who are persons of the team members by it alone, with the cursors and settings that they have: their
        rows are gone, and so are rows that have ended of persons who are, or ever were, in the team. Those who are to stay, and
        whoever is muted, keep the row. Cursors and settings of all rows that have ended are kept for the team, too."""

    @abstractmethod
    def _cursors_to_team(self, state: ConversationState, user_id: str) -> None:
        """Keep cursors and settings of an ended row for one who is, or will be, here by the team. None of them falls."""

    @abstractmethod
    def _cursors_to_row(self, state: ConversationState, user_id: str) -> None:
        """Give a new row the cursors and settings that the member had by the team, if any. None of them falls."""

    @abstractmethod
    def _joined_at(self, state: ConversationState) -> Mapping[str, int]:
        """The joining position of every present member."""

    @abstractmethod
    def _cursors(self, state: ConversationState, user_id: str) -> Cursors:
        """The member's cursors; zeros before the first."""

    @abstractmethod
    def _put_cursors(
        self,
        state: ConversationState,
        user_id: str,
        cursors: Cursors,
        change: int,
        *,
        told: bool,
        read_rose: bool,
    ) -> None:
        """Store a member's cursors under this change. `told`: the other members get them too (by push, or by sync), so the
        change is the conversation's; else it is the member's alone, but who is here by the team has no change of its own: then
        it is always the conversation's. `read_rose`: what is unread is another number now."""


def _require_line(title: str) -> None:
    if not is_printable(title):
        raise Refusal(RefusalCode.INVALID, "title: printable characters on one line", detail="title")


def _no_team(why: str) -> Refusal:
    return Refusal(RefusalCode.INVALID, f"team: {why}", detail="team")


def _team_full() -> Refusal:
    text = f"team: at most {MAX_TEAM_PERSONS} persons"
    return Refusal(RefusalCode.TOO_LARGE, text, detail=MAX_TEAM_PERSONS)


def require_key(key: bytes) -> None:
    """Raises INVALID for a key that is not of 16 bytes."""
    if len(key) != KEY_BYTES:
        raise Refusal(RefusalCode.INVALID, f"key: {KEY_BYTES} bytes, not {len(key)}", detail="key")


def raise_key_reused() -> NoReturn:
    raise Refusal(RefusalCode.KEY_REUSED, "this key was used for another content")
