"""The store as queries see it, as a Protocol: `Reader`, for reads of one snapshot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

from imserver.chat.browser_rows import BrowserReads
from imserver.chat.permissions import Seat, Target
from imserver.model import (
    Account,
    Agreement,
    Audience,
    AuditRow,
    Changes,
    ConversationRow,
    ItemPage,
    Learnt,
    Membership,
    Message,
    Page,
    Person,
    SignIn,
    SyncPage,
    Usage,
    UsedToken,
    User,
)

#: Whether a page takes one more row.
Takes: TypeAlias = Callable[[ConversationRow], bool]


class Reader(BrowserReads, Protocol):
    """Reads in one snapshot, on a reader's thread. Raises `Refusal` (NOT_FOUND, EPOCH_CHANGED) like the wire would.

    An outsider cannot tell a conversation from none. A former member is shown what was to be read at leaving: no later message,
    edit, title, cursor or state.
    """

    def history(
        self,
        conversation_id: str,
        user_id: str,
        after: int | None,
        before: int | None,
        limit: int,
        max_bytes: int,
    ) -> Page:
        """A page of ascending positions: from `after` on, before `before`, or (neither) the newest; at most `limit` items
        and about `max_bytes` (see `engine.pages`), one at least. It says which positions it covers. EPOCH_CHANGED for an
        `after` above what the user may read: who knows more knows another history."""
        ...

    def history_items(
        self,
        conversation_id: str,
        user_id: str,
        after: int | None,
        before: int | None,
        limit: int,
        max_bytes: int,
    ) -> ItemPage:
        """The same page as plain tuples, with the state of its messages, for callers that only encode it.

        A former member is shown what came about up to leaving, and of a message that changed later nothing."""
        ...

    def changes(
        self, conversation_id: str, user_id: str, after_modseq: int, limit: int, max_bytes: int
    ) -> Changes:
        """Messages whose state changed after this modseq, as it is now, by modseq: at most `limit`, and about `max_bytes`, but
        always whole steps, one at least. Removed state is an empty map. NOT_FOUND for a former member, too."""
        ...

    def sync_page(self, user_id: str, since: str | None, limit: int, takes: Takes | None = None) -> SyncPage:
        """`sync`, with the user's own state if it changed after the token."""
        ...

    def sync(
        self, user_id: str, since: str | None, limit: int, takes: Takes | None = None
    ) -> tuple[list[ConversationRow], str, bool]:
        """Conversations of the user that changed since the token, in commit order; the next token; whether there is more.

        The token is a sealed place (`engine.places`) whose `upto` is the change of the last row, or the head. None is the
        beginning. A change is a message, a change of what the conversation or the membership is, or a cursor that
        is told (one's own always). Who takes every page misses nothing, whatever is written between two of them. A former
        member gets the change of leaving, and none later. EPOCH_CHANGED for a token of another history.

        A row has the cursors of each other present member by id, zeros too, where there are receipts
        (`permissions.has_receipts`); for a former member the head and the `modseq` of leaving, and nothing of what is
        everybody's.

        `takes` is asked for each row in turn; the page ends before the first that it does not take.
        """
        ...

    def conversations(
        self, user_id: str, before: str | None, limit: int, takes: Takes | None = None
    ) -> tuple[list[ConversationRow], str | None]:
        """The user's present conversations, newest message first, and the token of the next page. `takes`: as in `sync`.

        By the change of the last message that is not silent, which is `last`, as it reads now. `unread` counts what others
        said behind the read cursor, but not before joining, and no system message: exactly below `MORE_UNREAD`, which says
        that there is more. The user's own posts are left out as far as they are among the newest `UNREAD_MESSAGES` messages. A
        row has nobody else's cursors. The token is sealed as `LISTED`; EPOCH_CHANGED for one of another history or of `sync`.
        """
        ...

    def check(self, user_id: str, learnt: Learnt) -> Agreement | None:
        """Up to where what the user learnt is part of this history; None: no such conversation for this user.

        `Places.common` says up to which change the two histories are one, `lineage.agreed_position` and `lineage.state_good`
        what follows from it. The row is as in `sync`, of now; a former member agrees on nothing behind leaving."""
        ...

    def account(self, user_id: str) -> Account | None:
        """The user's own state, as names that are shown have it; None: it never changed."""
        ...

    def members(self, conversation_id: str) -> list[Membership]:
        """Present members by the position at which they joined, then by id. Empty if there is no such conversation."""
        ...

    def added(self, conversation_id: str) -> tuple[list[Membership], str | None]:
        """Whoever was ever added, former members too, by user id; and the conversation's team. Who is a member by the team
        alone is not among them."""
        ...

    def members_page(self, conversation_id: str, after: str | None, limit: int) -> list[Membership]:
        """At most `limit` of them in the order of user ids, from the first after `after` on."""
        ...

    def seat(self, conversation_id: str, user_id: str) -> Seat:
        """Where a user stands in a conversation, for what reads need. Former members are told from strangers."""
        ...

    def users(self, user_ids: Sequence[str]) -> list[User]:
        """Those that exist, in the order asked, each once."""
        ...

    def bound_device(self, token_id: str) -> str | None:
        """The device that the token is bound to; None before its first use."""
        ...

    def sign_in(self, user_id: str, token_id: str, device_id: str) -> SignIn:
        """All that decides whether this token lets this user's device in, in one look."""
        ...

    # for operators
    def people(
        self,
        after: str | None,
        limit: int,
        *,
        disabled: bool | None = None,
        kind: str | None = None,
        role: str | None = None,
    ) -> list[Person]:
        """At most `limit` accounts in the order of ids, behind `after`; of these states, kinds and roles alone."""
        ...

    def person(self, user_id: str) -> Person | None:
        """One account; None if there is none."""
        ...

    def tokens_of(self, user_id: str, limit: int) -> list[UsedToken]:
        """Tokens of a user that were used here and are still known, those that end last first."""
        ...

    def used_token(self, user_id: str, token_id: str) -> UsedToken | None:
        """One of them."""
        ...

    def revoked_before(self, user_id: str) -> list[tuple[str | None, int]]:
        """(device id, or None for all; time, UTC ms): tokens issued before are not accepted."""
        ...

    def conversations_of(self, user_id: str) -> int:
        """In how many conversations the user is a member now."""
        ...

    def used(self, user_id: str) -> Usage:
        """What the user has posted, as it was written last; zeros for who never did."""
        ...

    # for the plugin host
    def head_change(self) -> int:
        """The number of the last change in this snapshot: the start of a plugin that never ran."""
        ...

    def messages_after(
        self, change: int, bots: Sequence[str] | None, limit: int
    ) -> tuple[list[tuple[int, Message, Audience]], int]:
        """Messages in commit order after `change` that one of `bots` was a member for (None: all), each with the members
        of now; and the change up to which the answer is complete. A member for a message is also who joins or leaves by it.

        At most `limit` of them. The answer may be complete up to less than the newest change even if it is empty, so
        that one read is bounded; it is always above `change` unless there is nothing behind that, then `change` itself."""
        ...

    def plugin_cursor(self, plugin: str) -> int | None:
        """The change up to which the plugin has handled everything; None if it never ran."""
        ...

    def plugin_handled(self, plugin: str) -> list[int]:
        """The changes above its cursor that the plugin has handled, in order."""
        ...

    def set_backs(self, plugin: str) -> list[tuple[int, int, int]]:
        """(run, copied_at, its beginning) of each run that began with an older copy, and of which the plugin was not told, in
        order. One that never ran here has nothing to be told."""
        ...

    def timers_due(self, plugin: str, now_ms: int, limit: int) -> list[tuple[int, str, int, dict[str, Any]]]:
        """(timer id, name, due_at, payload) in order of due_at, then of setting."""
        ...

    def next_timer_at(self, plugin: str) -> int | None:
        """When the first of the plugin's timers is due; None if it has none."""
        ...

    def place_no(self, conversation_id: str) -> int:
        """As in `Transaction`."""
        ...

    def place_named(self, place: int) -> str:
        """As in `Transaction`."""
        ...

    def blocked_by(self, user_id: str, after: str, most: int) -> list[str]:
        """As in `Transaction`."""
        ...

    def number_of(self, user_id: str) -> int:
        """As in `Transaction`."""
        ...

    def aimed(self, conversation_id: str, user_id: str, position: int) -> tuple[Target, Message | None]:
        """As in `Transaction`, for former members, too: the message as it was to be read then."""
        ...

    def audit_after(self, audit_no: int, limit: int) -> list[AuditRow]:
        """The audit log behind this row, in order."""
        ...

    def feature_sql(self, feature: str, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one SELECT on a feature's own tables and the views `readable`, `said` and `people`, for at most 50 ms a read."""
        ...

    def plugin_sql(self, plugin: str, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one SELECT on the plugin's own tables. `PluginError` for all else, as in `Transaction.plugin_sql`; the bound of
        time is for all statements of one reader."""
        ...
