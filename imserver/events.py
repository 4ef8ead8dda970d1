"""Events of the store, named in the past tense: frozen facts that exist only after their commit.

The store makes them inside a transaction and hands them out after the commit, in commit order; the hub turns them into pushes,
the plugin host into calls. `change` is the number of the fact in commit order (the same counter that `sync` tokens come from).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from imserver.model import Audience, Cursors, ItemChange, Message


class MessagePosted(msgspec.Struct, frozen=True, gc=False):
    """A message took its position. `audience`: the members at that moment, including a member that it removes;
    `remaining`: in that case the members without. `of_team`: whoever it removes is gone from all conversations with this team,
    too."""

    change: int
    message: Message
    audience: Audience
    remaining: Audience | None = None
    of_team: bool = False


@dataclass(frozen=True, slots=True)
class MessageEdited:
    """A message has a new content and revision; its system message is a `MessagePosted` of its own."""

    change: int
    message: Message


@dataclass(frozen=True, slots=True)
class CursorMoved:
    """A member's delivered or read cursor went up. `audience`: its recipients; the user alone in channels and large groups."""

    change: int
    conversation_id: str
    user_id: str
    cursors: Cursors
    audience: Audience


@dataclass(frozen=True, slots=True)
class ItemsChanged:
    """The state of messages is another: all that one unit changed in one conversation, under one modseq."""

    change: int
    conversation_id: str
    modseq: int
    items: tuple[ItemChange, ...]
    audience: Audience


@dataclass(frozen=True, slots=True)
class AboutChanged:
    """A conversation shows something else. `about` is the whole map, encoded."""

    change: int
    conversation_id: str
    modseq: int
    about: bytes
    audience: Audience


@dataclass(frozen=True, slots=True)
class SettingsChanged:
    """A member's own settings in a conversation, whole and encoded; `seq` counts their changes. For that user alone."""

    change: int
    conversation_id: str
    user_id: str
    seq: int
    settings: bytes


@dataclass(frozen=True, slots=True)
class AccountChanged:
    """A user's own state, whole and encoded; `seq` counts its changes. For that user alone."""

    change: int
    user_id: str
    seq: int
    account: bytes


@dataclass(frozen=True, slots=True)
class AccessEnded:
    """What let somebody in does not any more: one token; tokens issued before a time (UTC ms; of one device, if it is named);
    with none of these, all. Without a number of its own: `change` is the last one before."""

    change: int
    user_id: str
    device_id: str | None = None
    token_id: str | None = None
    issued_before: int | None = None


@dataclass(frozen=True, slots=True)
class TimerFired:
    """A durable timer of a plugin is due. Fired at least once; effects exactly once through `transaction`."""

    timer_id: int
    plugin: str
    name: str
    due_at: int
    payload: dict[str, object]


@dataclass(frozen=True, slots=True)
class SetBack:
    """An older copy of the database has come back: what was stored after `copied_at` is gone. Told to each plugin once.

    `may_have_been_sent`: timers of those that send something (see `Context.timer`) which were due when the new life began. They
    are in the copy, and may have fired in what is gone; they do not fire again.
    """

    #: The run of the lineage that began with the copy.
    run: int
    copied_at: int
    restored_at: int
    may_have_been_sent: tuple[TimerFired, ...] = ()


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a feature tells users, beside the facts of its transaction, of which `change` is the last so far."""

    change: int
    audience: frozenset[str]
    kind: str
    fields: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class ContactChanged:
    """The two users of a direct conversation hear of each other again, or do not any more: nobody is told, and what is not kept
    (typing) stops or goes on. `change` is the last of the transaction so far."""

    change: int
    conversation_id: str
    audience: Audience


@dataclass(frozen=True, slots=True)
class PluginNoted:
    """What a plugin's transaction says to its own host, of which nobody else is told: `what` is between the two."""

    change: int
    plugin: str
    what: Any


StoredEvent = (
    MessagePosted
    | MessageEdited
    | CursorMoved
    | ItemsChanged
    | AboutChanged
    | SettingsChanged
    | AccountChanged
    | ContactChanged
    | Pushed
    | PluginNoted
    | AccessEnded
)
