"""The application's calls that are one request and one reply. Mutating ones have a key, so all may be repeated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from imserver_client import wire
from imserver_client.errors import Misuse
from imserver_client.limits import ClientLimits
from imserver_client.values import Content, Conversation, ConversationPage, Cursor, Edit, Member, Page, User
from imserver_protocol.shared.bounds import MAX_MEMBERS_PAGE
from imserver_protocol.shared.ids import KEY_BYTES

from .cursors import Cursors
from .reconnect import Tokens
from .requests import Requests


class CallsOwner(Protocol):
    """The rest of the client, as `Calls` uses it."""

    @property
    def user_id(self) -> str: ...

    def note_head(self, conversation_id: str, position: int) -> None: ...

    def random_bytes(self, count: int) -> bytes: ...

    def violated(self, text: str) -> None: ...


class Calls:
    """One method for each wire method; see Client for what they mean."""

    def __init__(
        self,
        owner: CallsOwner,
        requests: Requests,
        cursors: Cursors,
        tokens: Tokens,
        encode: Callable[[str, Content | str], bytes],
        limits: ClientLimits,
    ) -> None:
        self._owner = owner
        self._requests = requests
        self._cursors = cursors
        self._tokens = tokens
        self._encode = encode
        self._limits = limits

    # -- reading ------------------------------------------------------------------------------------------------------

    async def history(self, conversation_id: str, after: int | None, before: int | None, limit: int) -> Page:
        """See Client.history."""
        if after is not None and before is not None:
            raise Misuse("either before or after")
        if limit < 1:
            raise Misuse("limit must be at least 1")
        params = (conversation_id, after, before, min(limit, self._limits.page_items))
        page = await self._requests.call("history", params, wire.HistoryResult)
        items = tuple(wire.item(conversation_id, item) for item in page.items)
        return Page(items, page.first, page.last, page.head)

    async def conversations(self, before: Any, limit: int) -> ConversationPage:
        """See Client.conversations."""
        result = await self._requests.call("conversations", (before, limit), wire.ConversationsResult)
        rows = tuple(
            Conversation(
                row.conversation_id,
                row.kind,
                row.title,
                row.head,
                row.unread,
                wire.item(row.conversation_id, row.last) if row.last is not None else None,
                row.role,
            )
            for row in result.rows
        )
        return ConversationPage(rows, result.next)

    async def members(self, conversation_id: str) -> list[Member]:
        """See Client.members."""
        found: list[Member] = []
        while True:
            after = found[-1].user_id if found else None
            page = await self._requests.call(
                "members", (conversation_id, after, MAX_MEMBERS_PAGE), tuple[wire.MemberRow, ...]
            )
            ids = [row.user_id for row in page]
            if (
                len(set(ids)) < len(ids)
                or ids != sorted(ids)
                or (found and ids and ids[0] <= found[-1].user_id)
            ):
                self._owner.violated("members: not in order")
                found.clear()
                continue
            found.extend(Member(row.user_id, row.role) for row in page)
            if len(page) < MAX_MEMBERS_PAGE:
                return found
            if len(found) > self._limits.max_members:
                self._owner.violated("members: too many")
                found.clear()

    async def users(self, user_ids: Sequence[str]) -> list[User]:
        """See Client.users."""
        rows = await self._requests.call("users", (user_ids,), tuple[wire.UserRow, ...])
        return [User(row.user_id, row.display_name, row.language) for row in rows]

    # -- writing ------------------------------------------------------------------------------------------------------

    async def cursor(self, conversation_id: str, delivered: int | None, read: int | None) -> Cursor:
        """See Client.cursor."""
        result = await self._requests.call("cursor", (conversation_id, delivered, read), wire.CursorResult)
        self._cursors.moved(conversation_id, self._owner.user_id, result.delivered, result.read)
        return Cursor(result.delivered, result.read)

    async def edit(
        self, conversation_id: str, position: int, content: Content | str, revision: int | None
    ) -> Edit:
        """See Client.edit."""
        params = (
            conversation_id,
            self._key(None),
            position,
            revision,
            self._encode(conversation_id, content),
        )
        result = await self._requests.call("edit", params, wire.EditResult)
        # The server does not push a message to the session that caused it: it is read, like any missing position.
        self._owner.note_head(conversation_id, result.position)
        return Edit(result.position, result.revision)

    async def create(self, kind: str, title: str, members: list[str], key: bytes | None) -> str:
        """See Client.create_group."""
        params = (self._key(key), kind, title, members)
        result = await self._requests.call("create", params, wire.CreateResult)
        self._owner.note_head(result.conversation_id, result.position)
        return result.conversation_id

    async def membership(self, method: str, conversation_id: str, key: bytes | None, *rest: str) -> int:
        """`add`, `remove` and `leave`."""
        params = (conversation_id, self._key(key), *rest)
        result = await self._requests.call(method, params, wire.MembershipResult)
        self._owner.note_head(conversation_id, result.position)
        return result.position

    async def renew(self, token: str) -> int:
        """See Client.renew."""
        result = await self._requests.call("renew", (token,), wire.RenewResult)
        self._tokens.renewed(token)
        return result.expires_at

    def _key(self, key: bytes | None) -> bytes:
        if key is None:
            return self._owner.random_bytes(KEY_BYTES)
        if type(key) is not bytes or len(key) != KEY_BYTES:
            raise Misuse(f"a key is {KEY_BYTES} bytes")
        return key
