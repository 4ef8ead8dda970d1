"""The application's calls that are one request and one reply. Mutating ones have a key, so all may be repeated."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol, TypeVar

from imserver_client import wire
from imserver_client.errors import Misuse, Refused
from imserver_client.limits import ClientLimits
from imserver_client.values import Conversation, ConversationPage, Cursor, Member, Page, User
from imserver_protocol import RefusalCode
from imserver_protocol.methods.conversations import CONVERSATIONS, ConversationRow, ConversationsParams
from imserver_protocol.methods.cursor import CURSOR, CursorParams
from imserver_protocol.methods.descriptors import Method
from imserver_protocol.methods.history import HISTORY, HistoryParams, HistoryResult
from imserver_protocol.methods.members import (
    ADD,
    CREATE,
    LEAVE,
    MEMBERS,
    REMOVE,
    AddParams,
    CreateParams,
    LeaveParams,
    MembershipResult,
    MembersParams,
    RemoveParams,
)
from imserver_protocol.methods.renew import RENEW, RenewParams
from imserver_protocol.methods.users import USERS, UsersParams
from imserver_protocol.shared.bounds import MAX_MEMBERS_PAGE
from imserver_protocol.shared.ids import KEY_BYTES
from imserver_protocol.shared.words import Kind, Role

from .cursors import Cursors
from .reconnect import Tokens
from .requests import Requests
from .states import States

P = TypeVar("P", AddParams, RemoveParams, LeaveParams)
W = TypeVar("W", Kind, Role)


class CallsOwner(Protocol):
    """The rest of the client, as `Calls` uses it."""

    @property
    def user_id(self) -> str: ...

    def note_head(self, conversation_id: str, position: int) -> None: ...

    def moved(self, conversation_id: str) -> None:
        """Something was learnt of it."""
        ...

    def standing(self, conversation_id: str) -> tuple[int, int] | None:
        """See `Inbox.standing`."""
        ...

    def not_found(self, conversation_id: str, standing: tuple[int, int] | None) -> None:
        """A page of it was refused NOT_FOUND. `standing`: when it was asked."""
        ...

    def paged(self, conversation_id: str, page: HistoryResult) -> None:
        """The application is about to get this page."""
        ...

    def listed(self, rows: Iterable[ConversationRow]) -> None:
        """The application is about to get these rows of a list."""
        ...

    def key(self) -> bytes: ...

    def violated(self, text: str) -> None: ...


class Calls:
    """One method for each wire method; see Client for what they mean."""

    def __init__(
        self,
        owner: CallsOwner,
        requests: Requests,
        cursors: Cursors,
        states: States,
        tokens: Tokens,
        limits: ClientLimits,
    ) -> None:
        self._owner = owner
        self._requests = requests
        self._cursors = cursors
        self._states = states
        self._tokens = tokens
        self._limits = limits

    # -- reading ------------------------------------------------------------------------------------------------------

    async def history(self, conversation_id: str, after: int | None, before: int | None, limit: int) -> Page:
        """See Client.history."""
        if after is not None and before is not None:
            raise Misuse("either before or after")
        if limit < 1:
            raise Misuse("limit must be at least 1")
        params = HistoryParams(conversation_id, after, before, min(limit, self._limits.page_items))
        with self._states.page_asked(conversation_id):
            standing = self._owner.standing(conversation_id)
            try:
                page = await self._requests.call(HISTORY, params)
            except Refused as refused:
                if refused.code == RefusalCode.NOT_FOUND:
                    self._owner.not_found(conversation_id, standing)
                raise
            self._states.take_page(conversation_id, page)
        self._owner.paged(conversation_id, page)
        modseq = page.modseq or 0
        items = (self._states.shown_as(wire.item(conversation_id, item), modseq) for item in page.items)
        return Page(tuple(items), page.first, page.last, page.head, modseq)

    async def conversations(self, before: Any, limit: int) -> ConversationPage:
        """See Client.conversations."""
        result = await self._requests.call(CONVERSATIONS, ConversationsParams(before, limit))
        self._owner.listed(result.rows)
        rows = tuple(
            Conversation(
                row.conversation_id,
                row.kind,
                row.title,
                row.head,
                row.unread,
                wire.item(row.conversation_id, row.last_item) if row.last_item is not None else None,
                row.role,
                row.settings or {},
                row.about or {},
                row.modseq or 0,
                row.team,
            )
            for row in result.rows
        )
        return ConversationPage(rows, result.next)

    async def members(self, conversation_id: str) -> list[Member]:
        """See Client.members."""
        found: list[Member] = []
        while True:
            after = found[-1].user_id if found else None
            params = MembersParams(conversation_id, after, MAX_MEMBERS_PAGE)
            page = await self._requests.call(MEMBERS, params)
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
        rows = await self._requests.call(USERS, UsersParams(list(user_ids)))
        return [User(row.user_id, row.display_name, row.language, row.kind) for row in rows]

    # -- writing ------------------------------------------------------------------------------------------------------

    async def cursor(self, conversation_id: str, delivered: int | None, read: int | None) -> Cursor:
        """See Client.cursor."""
        result = await self._requests.call(CURSOR, CursorParams(conversation_id, delivered, read))
        self._owner.moved(conversation_id)
        self._cursors.moved(conversation_id, self._owner.user_id, result.delivered, result.read)
        return Cursor(result.delivered, result.read)

    async def create(
        self, kind: str, title: str, members: list[str], team: str | None, key: bytes | None
    ) -> str:
        """See Client.create_group."""
        result = await self._requests.call(
            CREATE, CreateParams(self._key(key), _word(Kind, kind), title, members, team)
        )
        # The server does not push a message to the session that caused it: it is read, like any missing position.
        self._owner.note_head(result.conversation_id, result.position)
        return result.conversation_id

    async def add(self, conversation_id: str, user_id: str, role: str, key: bytes | None) -> int:
        """See Client.add_member."""
        return await self._membership(
            ADD, AddParams(conversation_id, self._key(key), user_id, _word(Role, role))
        )

    async def remove(self, conversation_id: str, user_id: str, key: bytes | None) -> int:
        """See Client.remove_member."""
        return await self._membership(REMOVE, RemoveParams(conversation_id, self._key(key), user_id))

    async def leave(self, conversation_id: str, key: bytes | None) -> int:
        """See Client.leave."""
        return await self._membership(LEAVE, LeaveParams(conversation_id, self._key(key)))

    async def _membership(self, method: Method[P, MembershipResult], params: P) -> int:
        result = await self._requests.call(method, params)
        self._owner.note_head(params.conversation_id, result.position)
        return result.position

    async def renew(self, token: str) -> int:
        """See Client.renew."""
        result = await self._requests.call(RENEW, RenewParams(token))
        self._tokens.renewed(token)
        return result.expires_at_ms

    def _key(self, key: bytes | None) -> bytes:
        if key is None:
            return self._owner.key()
        if type(key) is not bytes or len(key) != KEY_BYTES:
            raise Misuse(f"a key is {KEY_BYTES} bytes")
        return key


def _word(words: type[W], said: str) -> W:
    try:
        return words(said)
    except ValueError:
        raise Misuse(f"{said!r} is none of {', '.join(words)}") from None
