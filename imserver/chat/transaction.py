"""The store as units and queries see it, as Protocols: `Transaction` for writes, `Reader` for reads of one snapshot."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from imserver.chat.permissions import Seat
from imserver.model import (
    Agreement,
    Audience,
    ConversationRow,
    Cursors,
    ItemPage,
    Kind,
    Learnt,
    Membership,
    Message,
    Page,
    Role,
    User,
)


class Posted(tuple[int, int, bool]):
    """`(position, sent_at_ms, duplicate)`: the result in the reply to a post."""

    __slots__ = ()

    @property
    def position(self) -> int:
        return self[0]

    @property
    def sent_at(self) -> int:
        return self[1]

    @property
    def duplicate(self) -> bool:
        return self[2]


class Transaction(Protocol):
    """The store inside one transaction, on the writer's thread. Every method raises `Refusal` if the rules forbid the call.

    Methods that take a `key` are idempotent: the same key by the same actor returns the original outcome with
    `duplicate = True`, looked up *before* any refusal; the same key with another content is KEY_REUSED.
    """

    @property
    def now_ms(self) -> int: ...

    # messages
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
        """Append a message. The first post makes a direct conversation (both users must exist)."""
        ...

    def edit(
        self,
        conversation_id: str,
        editor_id: str,
        key: bytes,
        position: int,
        content: bytes,
        *,
        expected_revision: int | None = None,
    ) -> tuple[int, int, bool]:
        """Change the content of a message (its author only). Returns (position of the system message, revision, duplicate)."""
        ...

    def find_key(
        self, conversation_id: str, sender_id: str, key: bytes, digest: bytes | None = None
    ) -> Posted | None:
        """Find the message committed under this key, if any. With `digest`: KEY_REUSED if the content was another."""
        ...

    # conversations and members
    def create_conversation(
        self, creator_id: str, key: bytes, kind: Kind, title: str, members: Mapping[str, Role]
    ) -> tuple[str, int, bool]: ...

    def add_member(
        self, conversation_id: str, actor_id: str, key: bytes, user_id: str, role: Role
    ) -> tuple[int, bool]: ...

    def remove_member(
        self, conversation_id: str, actor_id: str, key: bytes, user_id: str
    ) -> tuple[int, bool]:
        """Remove a member, or leave (`actor_id == user_id`)."""
        ...

    def seat(self, conversation_id: str, user_id: str) -> Seat:
        """Where a user stands in a conversation now. A former member is a stranger to all that writes."""
        ...

    def audience(self, conversation_id: str) -> Audience | None:
        """Members now; None if there is no such conversation."""
        ...

    def move_cursors(
        self, conversation_id: str, user_id: str, delivered: int | None, read: int | None
    ) -> Cursors: ...

    # accounts
    def put_user(self, user: User) -> None: ...

    def user(self, user_id: str) -> User | None: ...

    def bind_token(self, token_id: str, user_id: str, device_id: str) -> str:
        """The device that the token belongs to: bound to `device_id` if this is its first use. Idempotent."""
        ...

    # plugins
    def plugin_sql(
        self, plugin: str, sql: str, params: Sequence[Any] | Mapping[str, Any] = ()
    ) -> list[tuple[Any, ...]]:
        """Run one statement on the plugin's own tables (name prefix `PLUGIN_`), under an authorizer. Rows, or []."""
        ...

    def schedule(self, plugin: str, due_at: int, name: str, payload: Mapping[str, Any]) -> int:
        """Set a durable timer; returns its id."""
        ...

    def cancel_timer(self, plugin: str, timer_id: int) -> bool: ...

    def mark_handled(self, plugin: str, change: int) -> None:
        """Move the plugin's cursor up to `change`; raises `AlreadyHandled` if it is there already."""
        ...

    def mark_timer_done(self, timer_id: int) -> None:
        """Delete a fired timer; raises `AlreadyHandled` if it is gone."""
        ...

    def record_failure(self, plugin: str, event: str, error_id: str, text: str) -> None:
        """Add a row to `plugin_failures`."""
        ...


#: Whether a page takes one more row.
Takes: TypeAlias = Callable[[ConversationRow], bool]


class Reader(Protocol):
    """Reads in one snapshot, on a reader's thread. Raises `Refusal` (NOT_FOUND, EPOCH_CHANGED) like the wire would."""

    def history(
        self,
        conversation_id: str,
        user_id: str,
        after: int | None,
        before: int | None,
        limit: int,
        max_bytes: int,
    ) -> Page: ...

    def history_items(
        self,
        conversation_id: str,
        user_id: str,
        after: int | None,
        before: int | None,
        limit: int,
        max_bytes: int,
    ) -> ItemPage:
        """The same page as plain tuples, for callers that only encode it."""
        ...

    def sync(
        self, user_id: str, since: str | None, limit: int, takes: Takes | None = None
    ) -> tuple[list[ConversationRow], str, bool]:
        """Conversations of the user that changed since the token, in commit order; the next token; whether there is more.

        `takes` is asked for each row in turn; the page ends before the first that it does not take.
        """
        ...

    def conversations(
        self, user_id: str, before: str | None, limit: int, takes: Takes | None = None
    ) -> tuple[list[ConversationRow], str | None]:
        """The user's present conversations, newest message first, and the token of the next page. `takes`: as in `sync`."""
        ...

    def check(self, user_id: str, learnt: Learnt) -> Agreement | None:
        """Up to where what the user learnt is part of this history; None: no such conversation for this user."""
        ...

    def members(self, conversation_id: str) -> list[Membership]: ...

    def members_page(self, conversation_id: str, after: str | None, limit: int) -> list[Membership]:
        """At most `limit` of them in the order of user ids, from the first after `after` on."""
        ...

    def seat(self, conversation_id: str, user_id: str) -> Seat:
        """Where a user stands in a conversation, for what reads need. Former members are told from strangers."""
        ...

    def users(self, user_ids: Sequence[str]) -> list[User]: ...

    def bound_device(self, token_id: str) -> str | None: ...

    # for the plugin host
    def head_change(self) -> int:
        """The number of the last change in this snapshot: the start of a plugin that never ran."""
        ...

    def messages_after(
        self, change: int, bots: Sequence[str] | None, limit: int
    ) -> tuple[list[tuple[int, Message, Audience]], int]:
        """Messages in commit order after `change` in conversations with one of `bots` (None: all); and the change up to
        which the answer is complete."""
        ...

    def plugin_cursor(self, plugin: str) -> int | None: ...

    def timers_due(self, plugin: str, now_ms: int, limit: int) -> list[tuple[int, str, int, dict[str, Any]]]:
        """(timer id, name, due_at, payload) in order of due_at."""
        ...

    def next_timer_at(self, plugin: str) -> int | None: ...

    def plugin_sql(
        self, plugin: str, sql: str, params: Sequence[Any] | Mapping[str, Any] = ()
    ) -> list[tuple[Any, ...]]: ...
