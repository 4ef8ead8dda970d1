"""The chat server's data: users, conversations, members, messages. Frozen values, no behaviour, no I/O.

Times are UTC milliseconds since the epoch (`_at`). Positions count from 1 in each conversation, without gaps.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import msgspec

from imserver_protocol.shared.ids import (
    KEY_BYTES,
    MAX_USER_ID_BYTES,
    direct_conversation_id,
    direct_pair,
    group_conversation_id,
    valid_user_id,
)
from imserver_protocol.shared.titles import folded_name, is_printable
from imserver_protocol.shared.words import Kind, Role

__all__ = [
    "BOT",
    "EMPTY_MAP",
    "KEY_BYTES",
    "MAX_USER_ID_BYTES",
    "PERSON",
    "Account",
    "Agreement",
    "Audience",
    "ChangedItem",
    "Changes",
    "ConversationRow",
    "Cursors",
    "Item",
    "ItemChange",
    "ItemPage",
    "ItemState",
    "Kind",
    "Learnt",
    "Membership",
    "Message",
    "Page",
    "Person",
    "QuietAudience",
    "Role",
    "SignIn",
    "SyncPage",
    "TeamAudience",
    "UsedToken",
    "User",
    "content_digest",
    "direct_conversation_id",
    "direct_pair",
    "folded_name",
    "group_conversation_id",
    "is_printable",
    "valid_user_id",
]

#: Kinds of an account.
PERSON, BOT = "person", "bot"

_UNHASHED = hashlib.blake2b(digest_size=16)


@dataclass(frozen=True, slots=True)
class User:
    """An account. `roles` are the application's own words (`staff`, `bot`, …). `kind`: `PERSON`, or `BOT`, which only its
    plugin makes, and which no token lets in."""

    user_id: str
    display_name: str
    language: str = "en"
    roles: tuple[str, ...] = ()
    kind: str = "person"


@dataclass(frozen=True, slots=True)
class Membership:
    """A user in a conversation. `joined_at` is the position of the system message of joining; `left_at` likewise."""

    user_id: str
    role: Role
    joined_at: int
    left_at: int | None = None
    muted_until: int = 0


#: An encoded map without pairs: state that there is none of.
EMPTY_MAP = b"\x80"

#: user id -> role of all members at one moment. Never changed in place: a change makes a new mapping, so a
#: snapshot taken on the writer's thread can be read on the loop without a lock.
Audience = Mapping[str, Role]


class TeamAudience(dict[str, Role]):
    """The audience of a conversation with a team: `rows`, members who were added, and the persons in `joined`, as `member`."""

    __slots__ = ("joined", "rows", "team_id")

    def __init__(self, team_id: str, rows: Audience, joined: Mapping[str, int]) -> None:
        super().__init__(dict.fromkeys(joined, Role.MEMBER))
        self.update(rows)
        self.team_id = team_id
        self.rows = rows
        #: Persons of the team, with the change of joining. Never changed in place either: another one makes another audience.
        self.joined = joined

    def without(self, gone: Collection[str]) -> TeamAudience:
        """The audience when these are in the team no more: whoever was added stays."""
        left = {user_id: joined for user_id, joined in self.joined.items() if user_id not in gone}
        return TeamAudience(self.team_id, self.rows, left)


class QuietAudience(dict[str, Role]):
    """The two users of a direct conversation who hear nothing of each other but messages: one is a stranger who waits for an
    answer, or one blocks the other."""

    __slots__ = ()


class Message(msgspec.Struct, frozen=True, gc=False):
    """A committed message. `content` is opaque bytes (one msgpack map); None is the tombstone of a retracted message.

    A struct and no dataclass: one is made for each post on the writer's thread, and a frozen dataclass costs ten times as
    much (1.6 µs against 0.15).
    """

    conversation_id: str
    position: int
    sender_id: str
    sent_at: int
    key: bytes
    content: bytes | None
    revision: int = 1


@dataclass(frozen=True, slots=True)
class Page:
    """Items of a conversation and the range of positions that they cover (SPEC, "history"): first > last when empty.

    `modseq`: changes of the conversation's state up to the page's snapshot; for a former member, up to leaving.
    """

    items: tuple[Message, ...]
    first: int
    last: int
    head: int
    modseq: int = 0


#: A message as an item of a page has it (SPEC, "history"): `position, sender_id, sent_at, key, content, revision`; behind them,
#: where there is any, its state: `extra`, and `mine` of the asking user, as encoded maps.
Item: TypeAlias = (
    tuple[int, str, int, bytes, bytes | None, int]
    | tuple[int, str, int, bytes, bytes | None, int, msgspec.Raw]
    | tuple[int, str, int, bytes, bytes | None, int, msgspec.Raw, msgspec.Raw]
)


class ItemPage(NamedTuple):
    """A `Page` whose messages are plain tuples, for callers that only encode it: an object for each would double the cost.

    `change` is the last one of the page's snapshot, or 0 if the page shows no state."""

    items: list[Item]
    first: int
    last: int
    head: int
    modseq: int = 0
    change: int = 0


@dataclass(frozen=True, slots=True)
class Cursors:
    """Positions up to which a user has (`delivered`) and has seen (`read`) a conversation. They never decrease."""

    delivered: int = 0
    read: int = 0


@dataclass(frozen=True, slots=True)
class ConversationRow:
    """One conversation as one user sees it: a row of `sync` and of `conversations`.

    `unread` (others' posts; `MORE_UNREAD` says that there are more) and `last` are filled for `conversations` only;
    `cursors_of` (others' cursors) for small groups only. `settings` (the user's own) and `about` (everybody's) are encoded
    maps, None when there is none; `modseq` counts the conversation's changes of state, up to leaving for a former member;
    `team` is the conversation by which the user is a member.
    """

    conversation_id: str
    kind: Kind
    title: str
    head: int
    joined_at: int
    left_at: int | None
    role: Role
    cursors: Cursors
    cursors_of: tuple[tuple[str, Cursors], ...] = ()
    unread: int = 0
    last: Message | None = None
    settings: bytes | None = None
    about: bytes | None = None
    modseq: int = 0
    team: str | None = None
    #: How often `settings` have changed.
    settings_seq: int = 0


class SyncPage(NamedTuple):
    """A page of `sync`: conversations in commit order, the next token, whether there is more, and the user's own state if it
    changed after the token that was asked. `change` is the last one of its snapshot."""

    rows: list[ConversationRow]
    next_since: str
    more: bool
    account: Account | None
    change: int


class Account(NamedTuple):
    """A user's own state as an encoded map; `seq` counts its changes."""

    seq: int
    data: bytes


class SignIn(NamedTuple):
    """What the store knows of whoever comes with a token: the account, if there is one; whether it may be used; and of the
    token to which device it was bound and when, until when it was known to live (UTC ms), and what was revoked: the token
    itself, and all of this device that were issued before a time (0: none)."""

    user: User | None = None
    active: bool = True
    bound_device: str | None = None
    bound_at: int | None = None
    expires_at: int | None = None
    revoked: bool = False
    revoked_before: int = 0
    #: What the user has posted: bytes in all, a day, bytes on that day.
    used: tuple[int, int, int] = (0, 0, 0)


class Person(NamedTuple):
    """An account as operators see it. `givers`: of each role, who gave it. Times are UTC ms."""

    user: User
    givers: Mapping[str, tuple[str, ...]]
    disabled_at: int | None
    made_at: int


class UsedToken(NamedTuple):
    """A token that was used here. Times are UTC ms; None: unknown."""

    token_id: str
    device_id: str
    bound_at: int
    issued_at: int | None
    expires_at: int | None
    revoked: bool


class Browser(NamedTuple):
    """A browser that is signed in by a cookie: a device of its user. `seen_at` is within an hour of its last use. UTC ms."""

    device_id: str
    label: str
    made_at: int
    seen_at: int


class SignedIn(NamedTuple):
    """Who is signed in with a credential: the account and whether it may be used, the browser, and until when it was told of
    others of its user (UTC ms)."""

    user: User
    active: bool
    browser: Browser
    told_at: int


class Link(NamedTuple):
    """What signs one browser of a user in, once. `made_by`: a device of the user, "" for an operator. UTC ms."""

    link_no: int
    secret_hash: bytes
    user_id: str
    made_by: str
    made_at: int
    expires_at: int
    used_at: int | None
    used_by: str | None


class Join(NamedTuple):
    """A guest's browser (`user_id`, `device_id`) that shows a code, for a shop ("": for any), and once somebody (`asked_by`)
    has named it beside an account, asks whether to go on as that one; `about` is what it shows then (JSON). `ended_at`: by a
    no, or by a yes of which `used_by` has come, a device of the account. UTC ms."""

    join_no: int
    code: str
    user_id: str
    device_id: str
    shop: str
    made_at: int
    expires_at: int
    account_id: str | None
    asked_by: str | None
    about: str
    ended_at: int | None
    used_by: str | None


class GuestOf(NamedTuple):
    """How a guest's account began: for which shop, from which poster, as the page said it."""

    made_at: int
    shop: str
    ref: str


class PluginRecord(NamedTuple):
    """A record of the ledger that is a plugin's. `number` is the record's, `at` its time (UTC ms)."""

    number: int
    at: int
    plugin: str
    name: str
    body: Mapping[str, Any]


class Usage(NamedTuple):
    """Bytes of contents that a user has posted: in all, and on one day (days since 1970, UTC)."""

    user_id: str
    bytes: int = 0
    day: int = 0
    day_bytes: int = 0


class AuditRow(NamedTuple):
    """A row of the audit log: who did what to whom, when, by numbers. `source` is the plugin that says so, or `server`."""

    audit_no: int
    at: int
    source: str
    act: str
    actor_no: int | None
    about_no: int | None
    conversation_no: int | None
    position: int | None


class ItemState(NamedTuple):
    """The state of a message as one user sees it, right as of `modseq`."""

    modseq: int
    extra: Mapping[str, Any]
    mine: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ItemChange:
    """The new state of one message, in encoded maps: `extra` for everybody, `mine` of each user whose own is another now.

    `emptied`: everybody's own was removed; `mine` has those that were set again behind that."""

    position: int
    extra: bytes
    mine: Mapping[str, bytes]
    emptied: bool = False


#: A row of `changes`: `position, modseq, extra, mine`, both as encoded maps.
ChangedItem: TypeAlias = tuple[int, int, bytes, bytes]


class Changes(NamedTuple):
    """Messages whose state changed, by modseq, as it is now; complete up to the modseq `upto`.

    `change` is the last one of the snapshot."""

    rows: list[ChangedItem]
    upto: int
    more: bool
    change: int


class Learnt(NamedTuple):
    """What a client knows of a conversation since it came to a place (a sealed text): the highest position and modseq."""

    conversation_id: str
    place: str
    position: int
    modseq: int


class Agreement(NamedTuple):
    """Up to which position that is the same here (None: nothing that is kept is known to be), whether the state is good, and
    the conversation as it is now."""

    agreed: int | None
    state_good: bool
    row: ConversationRow


def content_digest(content: bytes) -> bytes:
    """16 bytes that stand for a content as first accepted: the same key with another digest is KEY_REUSED."""
    hashing = _UNHASHED.copy()  # half the price of a new one
    hashing.update(content)
    return hashing.digest()
