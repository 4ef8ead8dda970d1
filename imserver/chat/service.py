"""Every operation of the chat server as a plain async method, called by the wire's methods and in-process by an embedding
application. It knows neither sockets nor frames nor SQL.

Every method takes the acting user's id first. In-process callers are trusted to name the acting user; rules about membership
and roles apply to every user alike. Errors are `Refusal`s with the wire's codes.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import takewhile
from typing import Any, TypeVar

from imserver.chat.accounts import Accounts
from imserver.chat.fan_out import Hub
from imserver.chat.naming import put_account
from imserver.chat.permissions import Need, require
from imserver.chat.ports import Store
from imserver.chat.posting import Posting
from imserver.chat.rates import Rates
from imserver.chat.reader import Reader, Takes
from imserver.chat.transaction import Posted, Transaction
from imserver.chat.units import Work
from imserver.clock import Clock
from imserver.config import LimitsConfig
from imserver.content import encode_content
from imserver.errors import Refusal, RefusalCode
from imserver.events import MessagePosted, StoredEvent
from imserver.model import (
    KEY_BYTES,
    Account,
    Agreement,
    Changes,
    ConversationRow,
    Cursors,
    ItemPage,
    Kind,
    Learnt,
    Membership,
    Page,
    Role,
    SyncPage,
    User,
)
from imserver_protocol.shared.bounds import MAX_CHANGES_PAGE, MAX_CHECKED, MAX_USERS_ASKED, PAGE_ITEMS

T = TypeVar("T")


class Chat:
    """The chat server's decisions over the store, the hub and the accounts."""

    def __init__(
        self,
        store: Store,
        hub: Hub,
        accounts: Accounts,
        posting: Posting,
        clock: Clock,
        limits: LimitsConfig,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ):
        self.hub = hub
        self.accounts = accounts
        self.posting = posting
        posting.audience_of = hub.audience_of
        hub.on_audience = posting.audience_known
        hub.committed_change = lambda: store.change
        self._store = store
        self._clock = clock
        self._limits = limits
        self._random_bytes = random_bytes
        #: Of names that are looked up over the wire.
        self.lookups = Rates(limits.users_per_second, limits.users_burst, clock)

    def use_limits(self, limits: LimitsConfig) -> None:
        """Have these hold from the next call on, for posts too."""
        self._limits = limits
        self.lookups.change(limits.users_per_second, limits.users_burst)
        self.posting.use_limits(limits)

    # -- messages -----------------------------------------------------------------------------------------------------

    async def post(
        self,
        sender_id: str,
        conversation_id: str,
        content: Mapping[str, Any] | str,
        *,
        key: bytes | None = None,
    ) -> Posted:
        """Post as `sender_id`; returns `(position, sent_at, duplicate)` after the commit that made it durable.

        `content` is a map with `type`, or a plain text. Without `key` the post is not idempotent: a caller that may have
        to offer it again gives 16 bytes of its own.
        """
        body = {"type": "text", "text": content} if isinstance(content, str) else content
        return await self.posting.post_local(
            conversation_id, sender_id, key or self._random_bytes(KEY_BYTES), encode_content(body)
        )

    def plan_abandon(self, user_id: str, conversation_id: str, key: bytes) -> Work[int | None]:
        """Give a key up: its position if it was committed after all, or None. The work of one unit, checked as far as one can
        without the store; so are the other `plan_…`."""

        def work(tx: Transaction) -> int | None:
            found = tx.find_key(conversation_id, user_id, key)
            return found.position if found else None

        return work

    async def history(
        self,
        user_id: str,
        conversation_id: str,
        *,
        after: int | None = None,
        before: int | None = None,
        limit: int = PAGE_ITEMS,
        max_bytes: int | None = None,
    ) -> Page:
        """A page of messages, ascending, and the range of positions that it covers."""
        limit, room = self._page_bounds(after, before, limit, max_bytes)
        return await self._store.read(
            lambda reader: reader.history(conversation_id, user_id, after, before, limit, room)
        )

    async def history_as(
        self,
        encode: Callable[[ItemPage], T],
        user_id: str,
        conversation_id: str,
        *,
        after: int | None,
        before: int | None,
        limit: int,
        max_bytes: int,
    ) -> T:
        """The same page in another form, which `encode` makes of plain tuples on the reader's thread."""
        limit, room = self._page_bounds(after, before, limit, max_bytes)

        def query(reader: Reader) -> tuple[T, int]:
            page = reader.history_items(conversation_id, user_id, after, before, limit, room)
            return encode(page), page.change

        return await self.read(query)

    async def changes(
        self,
        user_id: str,
        conversation_id: str,
        after_modseq: int,
        *,
        limit: int = MAX_CHANGES_PAGE,
        max_bytes: int | None = None,
    ) -> Changes:
        """Messages whose state changed after this modseq, as it is now, by modseq."""
        bounded, room = self._page_bounds(None, None, min(limit, MAX_CHANGES_PAGE), max_bytes)

        def query(reader: Reader) -> tuple[Changes, int]:
            page = reader.changes(conversation_id, user_id, after_modseq, bounded, room)
            return page, page.change

        return await self.read(query)

    async def read(self, query: Callable[[Reader], tuple[T, int]]) -> T:
        """Run `query` in one snapshot. It returns its answer, and the snapshot's last change if the answer shows state, else 0.

        What shows state comes behind the pushes of all that its snapshot holds: who gets both in this order never sees an
        older state after a newer one."""
        answer, change = await self._store.read(query)
        if change > self.hub.told:
            await self.hub.until_told(change)
        return answer

    def _page_bounds(
        self, after: int | None, before: int | None, limit: int, max_bytes: int | None
    ) -> tuple[int, int]:
        """Items and bytes of a page, at most."""
        if after is not None and before is not None:
            raise Refusal(RefusalCode.INVALID, "after, before: one of them", detail="before")
        if limit < 1:
            raise Refusal(RefusalCode.INVALID, "limit: at least 1", detail="limit")
        room = max_bytes if max_bytes is not None else self._limits.max_frame_bytes // 2
        return min(limit, self._limits.max_page_items), room

    def subscribe(self, observer: Callable[[MessagePosted], None]) -> Callable[[], None]:
        """Call `observer` on the loop for every message after its commit, in commit order. Returns the unsubscriber.

        An exception of `observer` is logged and affects no other part; it gets the following messages all the same.
        """

        def on_events(events: Sequence[StoredEvent]) -> None:
            failure: Exception | None = None
            for event in events:
                if isinstance(event, MessagePosted):
                    try:
                        observer(event)
                    except Exception as error:
                        failure = failure or error
            if failure is not None:
                raise failure

        self.hub.observers.append(on_events)
        return lambda: self.hub.observers.remove(on_events) if on_events in self.hub.observers else None

    # -- receipts -----------------------------------------------------------------------------------------------------

    async def move_cursors(
        self, user_id: str, conversation_id: str, *, delivered: int | None = None, read: int | None = None
    ) -> Cursors:
        """Raise the user's cursors; lower values change nothing, a value above the head is refused INVALID."""
        return await self._store.write(self.plan_cursors(user_id, conversation_id, delivered, read))

    def plan_cursors(
        self, user_id: str, conversation_id: str, delivered: int | None, read: int | None
    ) -> Work[Cursors]:
        return lambda tx: tx.move_cursors(conversation_id, user_id, delivered, read)

    # -- conversations and members ------------------------------------------------------------------------------------

    async def create_conversation(
        self,
        creator_id: str,
        kind: Kind,
        title: str,
        members: Sequence[str],
        *,
        key: bytes | None = None,
        team: str | None = None,
    ) -> tuple[str, int, bool]:
        """Create a group (or channel) owned by its creator. Returns (conversation id, position of `created`, duplicate).

        `team`: a group that the creator runs, and whose persons are members of the new one, too."""
        return await self._store.write(self.plan_create(creator_id, kind, title, members, key, team))

    def plan_create(
        self,
        creator_id: str,
        kind: Kind,
        title: str,
        members: Sequence[str],
        key: bytes | None,
        team: str | None = None,
    ) -> Work[tuple[str, int, bool]]:
        self.posting.require_accepting()
        if kind is Kind.DIRECT:
            raise Refusal(
                RefusalCode.INVALID, "kind: a direct conversation is made by its first post", detail="kind"
            )
        if len(title) > self._limits.max_title_chars:
            raise Refusal(
                RefusalCode.INVALID,
                f"title: at most {self._limits.max_title_chars} characters",
                detail="title",
            )
        if len(members) > self._limits.max_group_members:
            most = self._limits.max_group_members
            raise Refusal(RefusalCode.TOO_LARGE, f"members: at most {most}", detail=most)
        role = Role.READER if kind is Kind.CHANNEL else Role.MEMBER
        roles = dict.fromkeys(members, role) | {creator_id: Role.OWNER}
        chosen = self._checked_key(key)
        return lambda tx: tx.create_conversation(creator_id, chosen, kind, title, roles, team)

    async def add_member(
        self,
        actor_id: str,
        conversation_id: str,
        user_id: str,
        role: Role = Role.MEMBER,
        *,
        key: bytes | None = None,
    ) -> tuple[int, bool]:
        """Add a member, or change a role. Returns (position of the system message, duplicate)."""
        return await self._store.write(self.plan_add(actor_id, conversation_id, user_id, role, key))

    def plan_add(
        self, actor_id: str, conversation_id: str, user_id: str, role: Role, key: bytes | None
    ) -> Work[tuple[int, bool]]:
        self.posting.require_accepting()
        chosen = self._checked_key(key)
        return lambda tx: tx.add_member(conversation_id, actor_id, chosen, user_id, role)

    async def remove_member(
        self, actor_id: str, conversation_id: str, user_id: str, *, key: bytes | None = None
    ) -> tuple[int, bool]:
        """Remove a member, or leave (`actor_id == user_id`). Returns (position of the system message, duplicate)."""
        return await self._store.write(self.plan_remove(actor_id, conversation_id, user_id, key))

    def plan_remove(
        self, actor_id: str, conversation_id: str, user_id: str, key: bytes | None
    ) -> Work[tuple[int, bool]]:
        self.posting.require_accepting()
        chosen = self._checked_key(key)
        return lambda tx: tx.remove_member(conversation_id, actor_id, chosen, user_id)

    async def members(self, user_id: str, conversation_id: str) -> list[Membership]:
        """All members of a conversation that the user is in."""
        return await self._store.read(partial(_members, user_id, conversation_id))

    async def members_page(
        self, user_id: str, conversation_id: str, after: str | None, limit: int
    ) -> list[Membership]:
        """At most `limit` of them in the order of user ids, from the first after `after`."""
        if limit < 1:
            raise Refusal(RefusalCode.INVALID, "limit: at least 1", detail="limit")

        def query(reader: Reader) -> list[Membership]:
            require(Need.SEE_MEMBERS, reader.seat(conversation_id, user_id))
            return reader.members_page(conversation_id, after, limit)

        return await self._store.read(query)

    async def sync(
        self, user_id: str, since: str | None, limit: int, takes: Takes | None = None
    ) -> tuple[list[ConversationRow], str, bool]:
        """Return conversations that changed since the token, in commit order; the next token; whether there is more.

        The page ends before the first row that `takes`, which is called on the reader's thread, does not take.
        """
        page = await self.sync_page(user_id, since, limit, takes)
        return page.rows, page.next_since, page.more

    async def sync_page(
        self, user_id: str, since: str | None, limit: int, takes: Takes | None = None
    ) -> SyncPage:
        """The same, with the user's own state if it changed after the token."""
        if limit < 1:
            raise Refusal(RefusalCode.INVALID, "limit: at least 1", detail="limit")
        bounded = min(limit, self._limits.max_page_items)

        def query(reader: Reader) -> tuple[SyncPage, int]:
            page = reader.sync_page(user_id, since, bounded, takes)
            return page, page.change if page.account is not None or any(map(_shows_state, page.rows)) else 0

        return await self.read(query)

    async def check(
        self,
        user_id: str,
        known: Sequence[Learnt],
        takes: Callable[[Agreement | None], bool] = lambda found: True,
    ) -> tuple[list[Agreement | None], Account | None]:
        """For each of what a client knows, up to where it is part of this history; None: no such conversation for this user.
        Beside it the user's own state, as it is.

        The answers, in order, end before the first that `takes`, which is called on the reader's thread, does not take.
        """
        if len(known) > MAX_CHECKED:
            raise Refusal(RefusalCode.TOO_LARGE, f"known: at most {MAX_CHECKED}", detail=MAX_CHECKED)
        if any(one.position < 0 or one.modseq < 0 for one in known):
            raise Refusal(RefusalCode.INVALID, "known: positions and modseqs are at least 0", detail="known")

        def query(reader: Reader) -> tuple[tuple[list[Agreement | None], Account | None], int]:
            answers = list(takewhile(takes, (reader.check(user_id, one) for one in known)))
            account = reader.account(user_id)
            stated = any(found is not None and _shows_state(found.row) for found in answers)
            return (answers, account), reader.head_change() if stated or account is not None else 0

        return await self.read(query)

    async def conversations(
        self,
        user_id: str,
        before: str | None = None,
        limit: int = PAGE_ITEMS,
        takes: Takes | None = None,
    ) -> tuple[list[ConversationRow], str | None]:
        """Return the user's conversations with what was last said and the unread count, the newest of those first; the token of
        the next page.

        `takes`: as in `sync`.
        """
        if limit < 1:
            raise Refusal(RefusalCode.INVALID, "limit: at least 1", detail="limit")
        bounded = min(limit, self._limits.max_page_items)

        def query(reader: Reader) -> tuple[tuple[list[ConversationRow], str | None], int]:
            page = reader.conversations(user_id, before, bounded, takes)
            return page, reader.head_change() if any(map(_shows_state, page[0])) else 0

        return await self.read(query)

    # -- accounts -----------------------------------------------------------------------------------------------------

    async def users(self, user_ids: Sequence[str]) -> list[User]:
        """Look users up by id; unknown ids are left out."""
        if len(user_ids) > MAX_USERS_ASKED:
            text = f"user_ids: at most {MAX_USERS_ASKED}"
            raise Refusal(RefusalCode.TOO_LARGE, text, detail=MAX_USERS_ASKED)
        return await self._store.read(lambda reader: reader.users(user_ids))

    async def put_user(self, user: User) -> None:
        """Make or change the account that the id names (`imserver.chat.naming`)."""
        await self._store.write(lambda tx: put_account(tx, user))

    def _checked_key(self, key: bytes | None) -> bytes:
        """The caller's key, or a new one; INVALID if it is not 16 bytes."""
        if key is None:
            return self._random_bytes(KEY_BYTES)
        if len(key) != KEY_BYTES:
            raise Refusal(RefusalCode.INVALID, f"key: {KEY_BYTES} bytes, not {len(key)}", detail="key")
        return key


def _shows_state(row: ConversationRow) -> bool:
    return row.modseq > 0 or row.settings_seq > 0


def _members(user_id: str, conversation_id: str, reader: Reader) -> list[Membership]:
    require(Need.SEE_MEMBERS, reader.seat(conversation_id, user_id))
    return reader.members(conversation_id)
