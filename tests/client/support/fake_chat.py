"""A chat server's decisions in two hundred lines of memory: just enough truth for the client to be tested against."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from imserver_client import RefusalCode
from imserver_protocol import encode_content

START_MS = 1_700_000_000_000


class Refuse(Exception):
    """Answer with a refusal."""

    def __init__(self, code: int, text: str = "no", retry_after_ms: int = 0) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.retry_after_ms = retry_after_ms


@dataclass
class FakeMessage:
    position: int
    sender_id: str
    sent_at: int
    key: bytes
    content: bytes | None
    revision: int = 1

    def wire(self) -> list[Any]:
        return [self.position, self.sender_id, self.sent_at, self.key, self.content, self.revision]


@dataclass
class FakeConversation:
    conversation_id: str
    kind: str
    title: str
    roles: dict[str, str]
    joined_at: dict[str, int]
    left_at: dict[str, int] = field(default_factory=dict)
    messages: list[FakeMessage] = field(default_factory=list)
    cursors: dict[str, tuple[int, int]] = field(default_factory=dict)
    first: int = 1
    change: int = 0
    #: The group whose members are members here, too.
    team: FakeConversation | None = None
    #: Of a team: with which change each has joined.
    joined: dict[str, int] = field(default_factory=dict)

    @property
    def head(self) -> int:
        return len(self.messages)

    def by_team(self, user_id: str) -> bool:
        """Whether this user is a member by the team alone."""
        return self.team is not None and user_id in self.team.roles and user_id not in self.joined_at

    def has(self, user_id: str) -> bool:
        """Whether this user is a member."""
        return user_id in self.roles or self.by_team(user_id)

    def changed(self, user_id: str) -> int:
        """With which change a sync lists it."""
        joined = self.team.joined.get(user_id, 0) if self.team is not None and self.by_team(user_id) else 0
        return max(self.change, joined)

    def first_after(self, change: int) -> int:
        """The first position behind this change."""
        later = (one.position for one in self.messages if one.sent_at - START_MS >= change)
        return next(later, self.head + 1)


class FakeChat:
    """Conversations, keys and the order of changes."""

    def __init__(self) -> None:
        self.epoch = "epoch-1"
        #: Counts the copies that came back: places and tokens of earlier lives say nothing here.
        self.life = 0
        self.conversations: dict[str, FakeConversation] = {}
        self.keys: dict[tuple[str, str, bytes], int] = {}
        self.changes = 0
        self._made_keys = 0

    def new_key(self) -> bytes:
        self._made_keys += 1
        return self._made_keys.to_bytes(16, "big")

    def conversation(
        self, conversation_id: str, *members: str, kind: str = "group", team: FakeConversation | None = None
    ) -> FakeConversation:
        """Make a conversation whose members have been there from the start."""
        made = FakeConversation(
            conversation_id, kind, "", dict.fromkeys(members, "member"), dict.fromkeys(members, 1)
        )
        made.team = team
        self.conversations[conversation_id] = made
        self.touch(made)
        return made

    def touch(self, conversation: FakeConversation) -> None:
        self.changes += 1
        conversation.change = self.changes

    def restore_backup(self, epoch: str) -> None:
        """Another history: everything is gone."""
        life = self.life
        self.__init__()  # type: ignore[misc]
        self.epoch, self.life = epoch, life + 1

    @property
    def place(self) -> str:
        """Of WELCOME."""
        return f"place {self.life}"

    def token(self, change: int) -> str:
        """A `next_since`."""
        return f"{self.life}.{change}" if self.life else str(change)

    def _known(self, place: str) -> bool:
        life, _, change = place.partition("+")[0].rpartition(".")
        return place == self.place or (change.isdecimal() and int(life or 0) == self.life)

    def of_member(self, conversation_id: str, user_id: str) -> FakeConversation:
        found = self.conversations.get(conversation_id)
        if found is None or not (user_id in found.joined_at or found.by_team(user_id)):
            raise Refuse(RefusalCode.NOT_FOUND)
        return found

    def commit(
        self, conversation_id: str, sender_id: str, key: bytes, content: bytes
    ) -> tuple[FakeMessage, bool]:
        """The message under this key, and whether it was there already."""
        known = self.keys.get((conversation_id, sender_id, key))
        found = self.conversations.get(conversation_id)
        if known is not None and found is not None:
            message = found.messages[known - 1]
            if message.content != content:
                raise Refuse(RefusalCode.KEY_REUSED)
            return message, True
        if found is None and conversation_id.startswith("direct/"):
            found = self.conversation(conversation_id, *conversation_id.split("/")[1:], kind="direct")
        if found is None or not found.has(sender_id):
            raise Refuse(RefusalCode.NOT_FOUND)
        message = FakeMessage(found.head + 1, sender_id, START_MS + self.changes, key, content)
        found.messages.append(message)
        self.keys[conversation_id, sender_id, key] = message.position
        self.touch(found)
        return message, False

    # -- the methods of the wire; each returns a result ---------------------------------------------------------------

    def history(
        self, user_id: str, conversation_id: str, after: int | None, before: int | None, limit: int
    ) -> Any:
        found = self.of_member(conversation_id, user_id)
        head = min(found.head, found.left_at.get(user_id, found.head))
        if after is not None and after > head:
            raise Refuse(RefusalCode.EPOCH_CHANGED)
        if after is not None:
            first, last = max(after + 1, found.first), min(head, max(after, found.first - 1) + limit)
        else:
            last = head if before is None else min(before - 1, head)
            first = max(found.first, last - limit + 1)
        items = [message.wire() for message in found.messages[first - 1 : last]]
        return [items, first, last, head]

    def sync(self, user_id: str, since: str | None, limit: int) -> Any:
        place, _, began = (since or "0").rpartition(".")[2].partition("+")
        start, base = int(place), int(began or place)
        if start > self.changes or (since is not None and not self._known(since)):
            raise Refuse(RefusalCode.EPOCH_CHANGED)
        mine = [
            one
            for one in self.conversations.values()
            if (user_id in one.joined_at or one.by_team(user_id)) and one.changed(user_id) > start
        ]
        mine.sort(key=lambda one: one.changed(user_id))
        upto = mine[limit - 1].changed(user_id) if len(mine) > limit else self.changes
        rows = [one for one in mine if one.changed(user_id) <= upto]  # those of one change together
        more = len(rows) < len(mine)
        token = f"{self.token(upto)}+{base}" if more else self.token(self.changes)
        return [[self._row(user_id, one, base) for one in rows], token, more]

    def check(self, user_id: str, known: list[list[Any]]) -> Any:
        return [[self._checked(user_id, *one) for one in known], None, None]

    def _checked(self, user_id: str, conversation_id: str, place: str, position: int, modseq: int) -> Any:
        found = self.conversations.get(conversation_id)
        if found is None or not (user_id in found.joined_at or found.by_team(user_id)):
            return None
        agreed = min(position, found.left_at.get(user_id, found.head)) if self._known(place) else 0
        return [agreed, self._known(place) or not modseq, self._row(user_id, found)]

    def _row(self, user_id: str, one: FakeConversation, base: int = 0) -> Any:
        delivered, read = one.cursors.get(user_id, (0, 0))
        others = [[who, *cursors] for who, cursors in one.cursors.items() if who != user_id]
        role = one.roles.get(user_id, "member")
        left_at = one.left_at.get(user_id)
        team: list[Any] = []
        if one.team is not None and one.by_team(user_id):
            joined_at = one.first_after(max(one.team.joined.get(user_id, 0), base))
            team = [None, 0, one.team.conversation_id]
        else:
            joined_at = one.joined_at[user_id]
        return [
            one.conversation_id,
            one.kind,
            one.title,
            one.head,
            joined_at,
            left_at,
            role,
            delivered,
            read,
            {},
            others,
            *team,
        ]

    def cursor(self, user_id: str, conversation_id: str, delivered: int | None, read: int | None) -> Any:
        found = self.of_member(conversation_id, user_id)
        old = found.cursors.get(user_id, (0, 0))
        new = (max(old[0], delivered or 0, read or 0), max(old[1], read or 0))
        if new != old:
            found.cursors[user_id] = new
            self.touch(found)
        return list(new)

    def conversations_of(self, user_id: str, before: str | None, limit: int) -> Any:
        mine = sorted(
            (one for one in self.conversations.values() if user_id in one.roles), key=lambda one: -one.change
        )
        rows = [
            [
                one.conversation_id,
                one.kind,
                one.title,
                one.head,
                sum(
                    message.sender_id != user_id
                    for message in one.messages[one.cursors.get(user_id, (0, 0))[1] :]
                ),
                one.messages[-1].wire() if one.messages else None,
                one.roles[user_id],
            ]
            for one in mine[:limit]
        ]
        return [rows, None]

    def abandon(self, user_id: str, conversation_id: str, key: bytes) -> Any:
        return [self.keys.get((conversation_id, user_id, key))]

    def create(
        self, user_id: str, key: bytes, kind: str, title: str, members: list[str], team: str | None = None
    ) -> Any:
        digest = hashlib.sha256(user_id.encode() + b"\0" + key).hexdigest()[:32]
        conversation_id = f"group/{digest}"
        if conversation_id in self.conversations:
            return [conversation_id, 1, True]
        of_team = self.conversations[team] if team is not None else None
        made = self.conversation(conversation_id, user_id, *members, kind=kind, team=of_team)
        made.title = title
        made.roles[user_id] = "owner"
        return [conversation_id, self.system(made, user_id, key, event="created", title=title), False]

    def system(self, conversation: FakeConversation, actor: str, key: bytes, **fields: Any) -> int:
        content = encode_content({"type": "system", **fields})
        message, _ = self.commit(conversation.conversation_id, actor, key, content)
        return message.position

    def add(self, actor: str, conversation_id: str, key: bytes, user_id: str, role: str) -> Any:
        found = self.of_member(conversation_id, actor)
        position = self.system(found, actor, key, event="added", user=user_id, role=role)
        found.roles[user_id] = role
        found.joined_at.setdefault(user_id, position)
        found.left_at.pop(user_id, None)
        found.joined[user_id] = self.changes
        return [position, False]

    def remove(self, actor: str, conversation_id: str, key: bytes, user_id: str) -> Any:
        found = self.of_member(conversation_id, actor)
        event = "left" if actor == user_id else "removed"
        position = self.system(found, actor, key, event=event, user=user_id)
        del found.roles[user_id]
        found.left_at[user_id] = position
        return [position, False]

    def edit(
        self,
        actor: str,
        conversation_id: str,
        key: bytes,
        position: int,
        revision: int | None,
        content: bytes,
    ) -> Any:
        found = self.of_member(conversation_id, actor)
        message = found.messages[position - 1]
        if revision is not None and message.revision != revision:
            raise Refuse(RefusalCode.CONFLICT)
        message.content = content
        message.revision += 1
        told = self.system(found, actor, key, event="edited", target=position, revision=message.revision)
        return [told, message.revision, False]
