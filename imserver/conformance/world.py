"""The chat behind the judge's server: conversations of one user in memory, and an answer to each method.

It keeps what the rules about clients are about: positions, keys, places, state, cursors. It is no second server: it knows no
roles and no strangers, and a scenario that needs a refusal says it itself.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from imserver_protocol.errors import RefusalCode
from imserver_protocol.shared.ids import direct_conversation_id

from .talks import Message, Talk, system_content, text_content

USER: Final = "alice"
OTHER: Final = "bob"
START_MS: Final = 1_767_225_600_000
FIRST_EPOCH: Final = "epoch-1"


class Refuse(Exception):
    """The answer is a refusal."""

    def __init__(self, code: int, detail: Any = None) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail


class World:
    """All that the user may ask. `answer` is the method's result; it raises Refuse. `answers`: of the features' methods, each
    given the World before the params."""

    def __init__(self, answers: Mapping[str, Callable[..., Any]]) -> None:
        self.user = USER
        self.epoch = FIRST_EPOCH
        #: Lives of the server whose places are known, newest last. A copy that comes back ends the present one.
        self.lives = ["life-1"]
        self.talks: dict[str, Talk] = {}
        self.changes = 0
        self.account: dict[str, Any] | None = None
        self.account_seq = 0
        self.account_change = 0
        #: What a feature's part keeps of the user, by its name.
        self.kept: defaultdict[str, list[str]] = defaultdict(list)
        self._keys: dict[tuple[str, bytes], tuple[int, bytes]] = {}
        self._made_keys = 0
        #: Up to where each conversation is what it was in earlier lives; one that is not here has not changed.
        self._agreed: dict[str, int] = {}
        self.direct = direct_conversation_id(USER, OTHER)
        self._methods: dict[str, Callable[..., Any]] = {
            name: getattr(self, f"_{name}")
            for name in [
                "post",
                "abandon",
                "history",
                "sync",
                "cursor",
                "conversations",
                "create",
                "add",
                "remove",
                "leave",
                "members",
                "users",
                "renew",
                "check",
                "changes",
            ]
        } | {name: partial(answer, self) for name, answer in answers.items()}

    # -- what a scenario puts there ------------------------------------------------------------------------------------

    @property
    def now_ms(self) -> int:
        return START_MS + self.changes

    @property
    def place(self) -> str:
        """Of WELCOME."""
        return f"{self.lives[-1]}:{self.changes}"

    def talk(self, conversation_id: str = "", **fields: Any) -> Talk:
        """The conversation; made if there is none."""
        name = conversation_id or self.direct
        if name not in self.talks:
            kind = "direct" if name.startswith("direct/") else "group"
            self.talks[name] = Talk(
                name, **{"kind": kind, "title": "" if kind == "direct" else "Team", **fields}
            )
            self.touch(self.talks[name])
        return self.talks[name]

    def touch(self, talk: Talk) -> None:
        self.changes += 1
        talk.change = self.changes

    def key(self) -> bytes:
        self._made_keys += 1
        return b"judge" + self._made_keys.to_bytes(11, "big")

    def commit(self, talk: Talk, sender: str, content: bytes | None, key: bytes | None = None) -> Message:
        key = self.key() if key is None else key
        made = Message(len(talk.messages) + 1, sender, self.now_ms, key, content)
        talk.messages.append(made)
        if sender == self.user:
            self._keys[talk.conversation_id, key] = (made.position, content or b"")
        self.touch(talk)
        return made

    def say(self, text: str, talk: Talk | None = None, sender: str = OTHER) -> Message:
        """Somebody else posts."""
        return self.commit(talk or self.talk(), sender, text_content(text))

    def older_copy(self, talk: Talk, keep: int, epoch: str | None = None) -> None:
        """The database of before: of this conversation only the first `keep` messages are there. Another life begins."""
        for gone in talk.messages[keep:]:
            self._keys.pop((talk.conversation_id, gone.key), None)
        del talk.messages[keep:]
        self._agreed[talk.conversation_id] = keep
        for cursors in talk.cursors.values():
            cursors[:] = [min(cursor, keep) for cursor in cursors]
        self.lives = [f"life-{int(self.lives[-1].split('-')[1]) + 1}"]
        self.epoch = epoch or self.epoch
        self.touch(talk)

    # -- the methods ---------------------------------------------------------------------------------------------------

    def answer(self, method: str, params: tuple[Any, ...]) -> Any:
        return self._methods[method](*params)

    def of(self, conversation_id: str) -> Talk:
        found = self.talks.get(conversation_id)
        if found is None:
            raise Refuse(RefusalCode.NOT_FOUND)
        return found

    def position_of(self, conversation_id: str, key: bytes) -> int | None:
        """Of what the user committed under this key."""
        return self._keys.get((conversation_id, key), (None,))[0]

    def _post(self, conversation_id: str, key: bytes, content: bytes, *_: Any) -> Any:
        known = self._keys.get((conversation_id, key))
        if known is not None:
            position, before = known
            if before != content:
                raise Refuse(RefusalCode.KEY_REUSED)
            return [position, self.of(conversation_id).messages[position - 1].at_ms, True]
        if conversation_id not in self.talks and not conversation_id.startswith("direct/"):
            raise Refuse(RefusalCode.NOT_FOUND)
        made = self.commit(self.talk(conversation_id), self.user, content, key)
        return [made.position, made.at_ms, False]

    def _abandon(self, conversation_id: str, key: bytes, *_: Any) -> Any:
        return [self.position_of(conversation_id, key)]

    def _history(
        self,
        conversation_id: str,
        after: int | None = None,
        before: int | None = None,
        limit: int = 50,
        *_: Any,
    ) -> Any:
        talk = self.of(conversation_id)
        head = talk.head
        if after is not None:
            if after > head:
                raise Refuse(RefusalCode.EPOCH_CHANGED)
            first, last = max(after + 1, talk.first), min(head, max(after + 1, talk.first) - 1 + limit)
            first = min(after + 1, first)
        else:
            last = head if before is None else min(before - 1, head)
            first = max(talk.first, last - limit + 1)
        items = [one.item() for one in talk.messages[:last] if max(first, talk.first) <= one.position]
        return [items, first, last, head, talk.modseq]

    def _known(self, place: str) -> bool:
        return place.split(":", maxsplit=1)[0] in self.lives

    def _sync(self, since: str | None = None, limit: int = 200, *_: Any) -> Any:
        if since is not None and not self._known(since):
            raise Refuse(RefusalCode.EPOCH_CHANGED)
        start = int(since.split(":")[1]) if since is not None else 0
        moved = sorted((one for one in self.talks.values() if one.change > start), key=lambda one: one.change)
        rows, more = moved[:limit], len(moved) > limit
        upto = rows[-1].change if more else self.changes
        told = [[self.row(one) for one in rows], f"{self.lives[-1]}:{upto}", more]
        if self.account is not None and self.account_change > start:
            told += [self.account, self.account_seq]
        return told

    def row(self, talk: Talk) -> list[Any]:
        """As in `sync` and `check`."""
        others = [[who, *cursors] for who, cursors in talk.cursors.items() if who != self.user]
        own = talk.cursors.get(self.user, [0, 0])
        left = talk.left_at is not None
        return [
            talk.conversation_id,
            talk.kind,
            talk.title,
            talk.head,
            talk.joined_at,
            talk.left_at,
            talk.role,
            *own,
            talk.settings,
            [] if left else others,
            talk.about or None,
            talk.modseq or None,
            talk.team,
            talk.settings_seq or None,
        ]

    def _cursor(
        self, conversation_id: str, delivered: int | None = None, read: int | None = None, *_: Any
    ) -> Any:
        talk = self.of(conversation_id)
        if max(delivered or 0, read or 0) > talk.head:
            raise Refuse(RefusalCode.INVALID)
        own = talk.cursors.setdefault(self.user, [0, 0])
        new = [max(own[0], delivered or 0, read or 0), max(own[1], read or 0)]
        if new != own:
            own[:] = new
            self.touch(talk)
        return list(own)

    def _conversations(self, before: str | None = None, limit: int = 50, *_: Any) -> Any:
        rows = [
            [
                one.conversation_id,
                one.kind,
                one.title,
                one.head,
                max(0, one.head - one.cursors.get(self.user, [0, 0])[1]),
                one.messages[-1].item()[:6] if one.messages else None,
                one.role,
                one.settings or None,
                one.about or None,
                one.modseq or None,
                one.team,
                one.settings_seq or None,
            ]
            for one in sorted(self.talks.values(), key=lambda one: -one.change)[:limit]
        ]
        return [rows, None]

    def _check(self, known: tuple[tuple[Any, ...], ...], *_: Any) -> Any:
        told: list[Any] = [[self._checked(*one) for one in known]]
        return told if self.account is None else [*told, self.account, self.account_seq]

    def _checked(self, conversation_id: str, place: str, position: int, modseq: int, *_: Any) -> Any:
        talk = self.talks.get(conversation_id)
        if talk is None:
            return None
        good = self._known(place)
        agreed = min(position, talk.head)
        if not good:
            agreed = min(agreed, self._agreed.get(conversation_id, agreed))
        return [agreed, good or modseq == 0, self.row(talk)]

    def _changes(self, conversation_id: str, after: int, limit: int = 200, *_: Any) -> Any:
        talk = self.of(conversation_id)
        moved = sorted((one for one in talk.messages if one.modseq > after), key=lambda one: one.modseq)
        rows = moved[:limit]
        more = len(moved) > limit
        told = [[one.position, one.modseq, one.extra, one.mine or None] for one in rows]
        return [told, rows[-1].modseq if more else talk.modseq, more]

    def _members(self, conversation_id: str, *_: Any) -> Any:
        self.of(conversation_id)
        return [[self.user, "member"], [OTHER, "member"]]

    def _users(self, user_ids: tuple[str, ...], *_: Any) -> Any:
        return [[one, one.title(), "en"] for one in user_ids]

    def _renew(self, token: str, *_: Any) -> Any:
        return [self.now_ms + 3_600_000]

    # -- acts whose trace is a system message ---------------------------------------------------------------------------

    def _create(
        self, key: bytes, kind: str, title: str, members: tuple[str, ...], team: Any = None, *_: Any
    ) -> Any:
        name = "group/" + hashlib.sha256(self.user.encode() + b"\0" + key).hexdigest()[:32]
        if name in self.talks:
            return [name, 1, True]
        talk = self.talk(name, kind=kind, title=title, role="owner", team=team)
        return [name, self.act(talk, key, "created", user=self.user, title=title), False]

    def act(self, talk: Talk, key: bytes, event: str, **told: Any) -> int:
        return self.commit(talk, self.user, system_content(event, **told), key).position

    def _keyed(self, conversation_id: str, key: bytes, event: str, **told: Any) -> Any:
        talk = self.of(conversation_id)
        known = self.position_of(conversation_id, key)
        if known is not None:
            return [known, True]
        return [self.act(talk, key, event, **told), False]

    def _add(self, conversation_id: str, key: bytes, user_id: str, role: str = "member", *_: Any) -> Any:
        return self._keyed(conversation_id, key, "added", user=user_id, role=role)

    def _remove(self, conversation_id: str, key: bytes, user_id: str, *_: Any) -> Any:
        return self._keyed(conversation_id, key, "removed", user=user_id)

    def _leave(self, conversation_id: str, key: bytes, *_: Any) -> Any:
        return self._keyed(conversation_id, key, "left", user=self.user)

    # -- state ---------------------------------------------------------------------------------------------------------

    def mark(
        self, talk: Talk, position: int, extra: dict[str, Any], mine: dict[str, Any] | None = None
    ) -> int:
        """One step of state: what everybody sees at a message, and what the user does (None: as it was). Its modseq."""
        talk.modseq += 1
        target = talk.messages[position - 1]
        target.extra, target.modseq = extra, talk.modseq
        if mine is not None:
            target.mine = mine
        self.touch(talk)
        return talk.modseq
