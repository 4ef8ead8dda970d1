"""The rules of state that is no message: values by name in small maps of a message, a conversation, a member and an account.

A conversation counts its changes of state: the *modseq*, 1, 2, 3… without gaps. What one unit sets on messages of one
conversation has one modseq and makes one event, and so one push: a client that saw all modseqs up to one holds every value
as of it. A write that changes nothing takes no number. Maps are kept encoded, their names in order, so that equal maps are
equal bytes. A store keeps them with all names; what events and `item` tell leaves out those that this server does not have.

Who may write what is decided before: a feature's need stands in its method.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from imserver.chat.permissions import no_such_conversation
from imserver.content import decode_content, encode_content
from imserver.errors import Refusal, RefusalCode
from imserver.events import AboutChanged, AccountChanged, ItemsChanged, SettingsChanged, StoredEvent
from imserver.model import EMPTY_MAP, ItemChange, ItemState
from imserver.store.engine.conversation_cache import ConversationState, Journal
from imserver.store.engine.hidden import Hidden
from imserver_protocol.errors import EncodeError
from imserver_protocol.shared.bounds import (
    MAX_ITEM_STATE_BYTES,
    MAX_ITEMS_A_CHANGE,
    MAX_STATE_BYTES,
    MAX_VALUE_BYTES,
    MAX_VALUE_NESTING,
)

#: Bytes of a map that holds one value under an empty name, beside the value.
_AROUND_VALUE_BYTES = 2


class StateRules(ABC):
    """The part of `RuledTransaction` that concerns state."""

    #: Events of the running unit.
    events: list[StoredEvent]
    journal: Journal
    #: Names that state of this database was ever written under. The engine fills it at the opening.
    state_names: set[str]
    #: Those of them that this server does not show.
    hidden: Hidden | None

    def set_item(
        self,
        conversation_id: str,
        position: int,
        name: str,
        value: Any,
        own: Mapping[str, Any] | None = None,
    ) -> None:
        state = self._stated(conversation_id, position)
        before = self._item_value(state, position, None) or EMPTY_MAP
        extra = with_value(before, name, value, MAX_ITEM_STATE_BYTES)
        mine = self._own_changes(state, position, name, own or {})
        if extra == EMPTY_MAP:
            if any(one is not None for one in (own or {}).values()):
                raise ValueError("a value of somebody's own stands beside one for all")
            mine = {}  # all of them go
        if extra == before and not mine:
            return
        self._use(name)
        index = self._open_event(state)
        event = self.events[index] if index is not None else None
        known = event.items if isinstance(event, ItemsChanged) else ()
        emptied = extra == EMPTY_MAP
        told = {user_id: self._shown(data) for user_id, data in mine.items()}
        items = _with_item(known, ItemChange(position, self._shown(extra), told, emptied))
        if len(items) > MAX_ITEMS_A_CHANGE:
            raise Refusal(
                RefusalCode.TOO_LARGE, f"at most {MAX_ITEMS_A_CHANGE} messages", detail=MAX_ITEMS_A_CHANGE
            )
        if index is not None and isinstance(event, ItemsChanged):
            event = self.events[index] = replace(event, items=items)
        else:
            change, modseq = self._next_modseq(state)
            event = ItemsChanged(change, conversation_id, modseq, items, state.members)
            self.events.append(event)
        if emptied:
            self._drop_own_values(state, position)
        self._put_item_value(state, position, None, event.modseq, extra)
        for user_id, data in mine.items():
            self._put_item_value(state, position, user_id, event.modseq, data)

    def item(self, conversation_id: str, position: int, user_id: str) -> ItemState:
        state = self._stated(conversation_id, position)
        extra = self._item_value(state, position, None)
        mine = self._item_value(state, position, user_id) if extra and self._user_exists(user_id) else None
        return ItemState(state.modseq, self._told(extra), self._told(mine))

    def set_about(self, conversation_id: str, name: str, value: Any) -> None:
        state = self._stated(conversation_id)
        before = self._about(state)
        about = with_value(before or EMPTY_MAP, name, value, MAX_STATE_BYTES)
        if about == (before or EMPTY_MAP):
            return
        self._use(name)
        change, modseq = self._next_modseq(state)
        self._put_about(state, about)
        self.events.append(AboutChanged(change, conversation_id, modseq, self._shown(about), state.members))

    def about(self, conversation_id: str) -> tuple[int, Mapping[str, Any]]:
        state = self._stated(conversation_id)
        return state.modseq, self._told(self._about(state))

    def set_own(self, conversation_id: str, user_id: str, name: str, value: Any) -> None:
        state = self._with_member(conversation_id, user_id)
        seq, before = self._settings(state, user_id)
        settings = with_value(before or EMPTY_MAP, name, value, MAX_STATE_BYTES)
        if settings == (before or EMPTY_MAP):
            return
        self._use(name)
        change = self.next_change()
        self._put_settings(state, user_id, seq + 1, settings, change)
        self.events.append(SettingsChanged(change, conversation_id, user_id, seq + 1, self._shown(settings)))

    def settings(self, conversation_id: str, user_id: str) -> tuple[int, Mapping[str, Any]]:
        seq, settings = self._settings(self._with_member(conversation_id, user_id), user_id)
        return seq, self._told(settings)

    def set_account(self, user_id: str, name: str, value: Any) -> None:
        self._require_user(user_id)
        seq, before = self._account(user_id)
        account = with_value(before or EMPTY_MAP, name, value, MAX_STATE_BYTES)
        if account == (before or EMPTY_MAP):
            return
        self._use(name)
        change = self.next_change()
        self._put_account(user_id, seq + 1, account, change)
        self.events.append(AccountChanged(change, user_id, seq + 1, self._shown(account)))

    def account(self, user_id: str) -> tuple[int, Mapping[str, Any]]:
        self._require_user(user_id)
        seq, account = self._account(user_id)
        return seq, self._told(account)

    # -- the parts of the rules ---------------------------------------------------------------------------------------

    def _stated(self, conversation_id: str, position: int | None = None) -> ConversationState:
        """The conversation, and the message there if one is asked for."""
        state = self._state(conversation_id)
        if state is None:
            raise no_such_conversation()
        if position is not None and not 1 <= position <= state.head:
            raise Refusal(RefusalCode.NOT_FOUND, "no such message")
        return state

    def _with_member(self, conversation_id: str, user_id: str) -> ConversationState:
        state = self._stated(conversation_id)
        if user_id not in state.members:
            raise Refusal(RefusalCode.NOT_FOUND, "no such member")
        return state

    def _told(self, data: bytes | None) -> Mapping[str, Any]:
        """What an answer tells of a map."""
        return decode_content(self._shown(data or EMPTY_MAP))

    def _use(self, name: str) -> None:
        """Keep that state was written under this name."""
        if name not in self.state_names:
            self._put_state_name(name)
            self.journal.note(self.state_names.discard, name)
            self.state_names.add(name)

    def _shown(self, data: bytes) -> bytes:
        """What is told of a map."""
        return data if self.hidden is None else self.hidden.left(data)

    def _require_user(self, user_id: str) -> None:
        if not self._user_exists(user_id):
            raise Refusal(RefusalCode.NOT_FOUND, "no such user", detail=user_id)

    def _own_changes(
        self, state: ConversationState, position: int, name: str, own: Mapping[str, Any]
    ) -> dict[str, bytes]:
        """The users whose own map becomes another one, with that."""
        found: dict[str, bytes] = {}
        for user_id, value in own.items():
            self._require_user(user_id)
            before = self._item_value(state, position, user_id) or EMPTY_MAP
            after = with_value(before, name, value, MAX_ITEM_STATE_BYTES)
            if after != before:
                found[user_id] = after
        return found

    def _open_event(self, state: ConversationState) -> int | None:
        """Where the event of this unit stands that takes one more message of the conversation.

        None behind a change of members, too: who goes keeps what there was up to a modseq, and that must not change any more.
        """
        for index in range(len(self.events) - 1, -1, -1):
            event = self.events[index]
            if isinstance(event, ItemsChanged) and event.conversation_id == state.conversation_id:
                return index if event.audience == state.members else None
        return None

    def _next_modseq(self, state: ConversationState) -> tuple[int, int]:
        """Take the next change and the conversation's next modseq."""
        change = self.next_change()
        state.modseq += 1
        self._put_modseq(state, state.modseq, change)
        return change, state.modseq

    @abstractmethod
    def next_change(self) -> int:
        """Take the next number in commit order."""

    @abstractmethod
    def _state(self, conversation_id: str) -> ConversationState | None:
        """The conversation, noted in the journal."""

    # -- rows: implemented by each store ------------------------------------------------------------------------------

    @abstractmethod
    def _user_exists(self, user_id: str) -> bool: ...

    @abstractmethod
    def _put_state_name(self, name: str) -> None:
        """Store a name, used for the first time."""

    @abstractmethod
    def _put_modseq(self, state: ConversationState, modseq: int, change: int) -> None:
        """Store the conversation's modseq, under a change that concerns all its members; and that this run of history gave
        it, if it is the run's first there."""

    @abstractmethod
    def _item_value(self, state: ConversationState, position: int, user_id: str | None) -> bytes | None:
        """The map of a message for everybody (no user), or the user's own."""

    @abstractmethod
    def _put_item_value(
        self, state: ConversationState, position: int, user_id: str | None, modseq: int, data: bytes
    ) -> None:
        """Store a map of a message. An empty one for everybody stays, a user's own goes."""

    @abstractmethod
    def _drop_own_values(self, state: ConversationState, position: int) -> None:
        """Remove what everybody has of their own at a message."""

    @abstractmethod
    def _about(self, state: ConversationState) -> bytes | None:
        """What the conversation shows; None before the first."""

    @abstractmethod
    def _put_about(self, state: ConversationState, data: bytes) -> None: ...

    @abstractmethod
    def _settings(self, state: ConversationState, user_id: str) -> tuple[int, bytes | None]:
        """A member's settings behind the number of their changes."""

    @abstractmethod
    def _put_settings(
        self, state: ConversationState, user_id: str, seq: int, data: bytes, change: int
    ) -> None:
        """Store a member's settings, under a change that concerns the member alone."""

    @abstractmethod
    def _account(self, user_id: str) -> tuple[int, bytes | None]:
        """An account's state behind the number of its changes."""

    @abstractmethod
    def _put_account(self, user_id: str, seq: int, data: bytes, change: int) -> None: ...


def with_value(data: bytes, name: str, value: Any, most: int) -> bytes:
    """The encoded map with this value under this name, or without the name if it is None.

    TOO_LARGE if value or map take more bytes than they may, INVALID for what nobody could read."""
    values = dict(decode_content(data))
    if value is None:
        if values.pop(name, None) is None:
            return data
        return encode_content(values)
    try:
        size = len(encode_content({"": value})) - _AROUND_VALUE_BYTES
        encoded = encode_content(dict(sorted({**values, name: value}.items())))
    except EncodeError as error:
        raise Refusal(RefusalCode.INVALID, f"{name}: {error}", detail=name) from None
    if _nesting(value) > MAX_VALUE_NESTING:
        raise Refusal(RefusalCode.INVALID, f"{name}: nested deeper than {MAX_VALUE_NESTING}", detail=name)
    if size > MAX_VALUE_BYTES:
        raise Refusal(
            RefusalCode.TOO_LARGE, f"{name}: at most {MAX_VALUE_BYTES} bytes", detail=MAX_VALUE_BYTES
        )
    if len(encoded) > most:
        raise Refusal(RefusalCode.TOO_LARGE, f"all state together: at most {most} bytes", detail=most)
    return encoded


def _nesting(value: Any) -> int:
    """How many containers lie in one another; an encoded value has few."""
    if isinstance(value, Mapping):
        return 1 + max(map(_nesting, value.values()), default=0)
    if isinstance(value, list | tuple):
        return 1 + max(map(_nesting, value), default=0)
    return 0


def _with_item(items: tuple[ItemChange, ...], new: ItemChange) -> tuple[ItemChange, ...]:
    """The items with this one, in the place of what was known of the same message."""
    for index, known in enumerate(items):
        if known.position == new.position:
            if not new.emptied:
                new = replace(new, mine={**known.mine, **new.mine}, emptied=known.emptied)
            return (*items[:index], new, *items[index + 1 :])
    return (*items, new)
