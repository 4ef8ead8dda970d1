"""The method table: for each request method its handler and its cost (SPEC, "Methods").

One row a method. Adding a method means its shapes in `imserver_protocol.methods`, one handler and one row here, and its line in
the SPEC. The handler of a write is a plain function: what it returns runs in the writer's transaction, which a session's writes
enter in the order of arrival (see `sessions`). `post` is in the table for its parameters.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import msgspec

from imserver.chat.permissions import Need
from imserver.chat.service import Chat
from imserver.chat.transaction import Transaction
from imserver.chat.units import Work
from imserver.errors import Refusal, RefusalCode
from imserver.feature_host.askers import Asking
from imserver.model import (
    EMPTY_MAP,
    Account,
    Agreement,
    ChangedItem,
    ConversationRow,
    ItemPage,
    Learnt,
    Message,
)
from imserver_protocol.methods.abandon import ABANDON, AbandonParams
from imserver_protocol.methods.changes import CHANGES, ChangesParams
from imserver_protocol.methods.check import CHECK, CheckParams
from imserver_protocol.methods.conversations import CONVERSATIONS, ConversationsParams
from imserver_protocol.methods.cursor import CURSOR, CursorParams
from imserver_protocol.methods.descriptors import Method
from imserver_protocol.methods.history import HISTORY, HistoryParams
from imserver_protocol.methods.members import (
    ADD,
    CREATE,
    LEAVE,
    MEMBERS,
    REMOVE,
    AddParams,
    CreateParams,
    LeaveParams,
    MemberRow,
    MembersParams,
    RemoveParams,
)
from imserver_protocol.methods.post import POST
from imserver_protocol.methods.renew import RENEW, RenewParams, RenewResult
from imserver_protocol.methods.sync import SYNC, SyncParams
from imserver_protocol.methods.users import USERS, UserRow, UsersParams
from imserver_protocol.session.post_frames import EncodedResult
from imserver_protocol.session.posts import encode_result
from imserver_protocol.shared.bounds import MAX_MEMBERS_PAGE, MAX_USERS_ASKED
from imserver_protocol.shared.ids import MAX_CONVERSATION_ID_BYTES

#: Reply room that a request without a page takes (SPEC, "Windows").
SMALL_REPLY_BYTES = 512
#: What a renewal takes of its user's rate of posts: a token is checked, which costs as much as some posts.
RENEWAL_TOKENS = 5.0
#: A last message is long, for a list of conversations, from this part of a page's room on.
LONG_PREVIEW_SHARE = 8
#: Members of a new conversation that count as much as one post of its creator's rate.
MEMBERS_A_TOKEN = 50
#: A request of more bytes than this is kept encoded while it waits.
PACKED_ABOVE_BYTES = 128


@dataclass(frozen=True, slots=True)
class RequestContext:
    """The session that asks, as handlers see it. `renew` extends it."""

    user_id: str
    renew: Callable[[str], Awaitable[int]]
    page_bytes: int
    session: Asking


#: Answers a read, or returns the work of a write.
Handler = Callable[[Chat, RequestContext, Any], "Awaitable[Any] | Work[Any] | Reviewed"]


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table. `pages` is true for reads, whose reply may be as long as half a frame and more.

    `need` is what `imserver.chat.permissions` decides about: no method without one. `writes` is true where the handler returns
    the work of a unit (or a `Reviewed`). `tokens` is what it costs of its user's rate of posts, as often as a post to that
    conversation would if it is `told_to_all`: above the rate the request waits. `room` is what its reply may take, unless it is
    a page. `cancelled`: it is no work of the store's and may take long, so it ends with its session. `barrier`: it may change
    more than the conversation that it names, as a team does. `names`: each of
    `user_ids` costs of the user's rate of names, whether somebody has it or not: above it the request waits, and other reads
    pass it.
    """

    method: Method[Any, Any]
    handler: Handler
    need: Need
    pages: bool = False
    writes: bool = False
    tokens: float = 0.0
    told_to_all: bool = False
    room: int = SMALL_REPLY_BYTES
    cancelled: bool = False
    barrier: bool = False
    names: bool = False

    def cost(self, params: Any, post_cost: Callable[[], float]) -> float:
        """Tokens that one request costs; `post_cost` tells what a post costs there."""
        tokens = self.tokens * post_cost() if self.told_to_all else self.tokens
        return tokens + len(getattr(params, "members", ())) / MEMBERS_A_TOKEN

    def names_asked(self, params: Any) -> int:
        """Names that one request pays for; one that asks for nobody, or for more than it may, is paid like one name."""
        if not self.names:
            return 0
        asked = len(params.user_ids)
        return asked if 0 < asked <= MAX_USERS_ASKED else 1

    def reply_bytes(self, page_bytes: int) -> int:
        """Room to reserve for the reply."""
        return page_bytes if self.pages else self.room


class Reviewed(NamedTuple):
    """The work of a write that says something: `content`, of `size` bytes, counts and is reviewed before; `refused` makes the
    work for a refusal of then."""

    work: Work[Any]
    content: Mapping[str, Any]
    refused: Callable[[Refusal], Work[Any]]
    size: int


#: The methods of one server, by name.
MethodTable = Mapping[str, Row]


class Waiting:
    """A request that has not begun. A window of them may wait for as long as its client likes, so a long one is packed: parsed,
    names of two letters take thirty times the bytes that they came in."""

    __slots__ = ("_packed", "_params", "conversation_id", "cost", "names", "row")

    def __init__(self, row: Row, params: Any, conversation_id: str, post_cost: Callable[[], float]) -> None:
        self.row = row
        #: The conversation that a write changes.
        self.conversation_id = conversation_id
        self.cost = row.cost(params, post_cost)
        #: Names that are not paid for yet.
        self.names = row.names_asked(params)
        self._params = params
        self._packed = b""

    def pack(self) -> None:
        """Keep the params encoded, unless they were taken."""
        if self._params is not None:
            self._packed, self._params = msgspec.msgpack.encode(self._params), None

    def take(self) -> Any:
        """The params, once: it begins."""
        params, self._params = self._params, None
        if params is None:
            params = msgspec.msgpack.decode(self._packed, type=self.row.method.params)
        return params


async def history(chat: Chat, context: RequestContext, params: HistoryParams) -> EncodedResult:
    """A page of messages: `[items, first, last, head, modseq]`, encoded on the reader's thread."""
    return await chat.history_as(
        encode_page,
        context.user_id,
        params.conversation_id,
        after=params.after,
        before=params.before,
        limit=params.limit,
        max_bytes=context.page_bytes,
    )


async def sync(chat: Chat, context: RequestContext, params: SyncParams) -> EncodedResult:
    """Conversations that changed: `[rows, next_since, more, account, account_seq]`; as many rows as fit, encoded on the
    reader's thread. Without the last two unless the user's own state changed."""
    rows: list[msgspec.Raw] = []
    room = context.page_bytes

    def takes(row: ConversationRow) -> bool:
        nonlocal room
        encoded = encode_result(wire_sync_row(row)).data
        room -= len(encoded)
        if rows and room < 0:
            return False
        rows.append(msgspec.Raw(encoded))
        return True

    page = await chat.sync_page(context.user_id, params.since, params.limit, takes)
    return encode_result([rows, page.next_since, page.more, *_account_ends(page.account)])


async def changes(chat: Chat, context: RequestContext, params: ChangesParams) -> EncodedResult:
    """Messages whose state changed: `[rows, upto, more]`; as many steps as fit."""
    page = await chat.changes(
        context.user_id,
        params.conversation_id,
        params.after_modseq,
        limit=params.limit,
        max_bytes=context.page_bytes,
    )
    return encode_result([[*map(wire_changed, page.rows)], page.upto, page.more])


async def check(chat: Chat, context: RequestContext, params: CheckParams) -> EncodedResult:
    """Up to where what a client knows is part of this history: `[answers, account, account_seq]`; as many as fit, in order."""
    answers: list[msgspec.Raw] = []
    room = context.page_bytes

    def takes(found: Agreement | None) -> bool:
        nonlocal room
        answer = None if found is None else [found.agreed, found.state_good, wire_sync_row(found.row)]
        encoded = encode_result(answer).data
        room -= len(encoded)
        if answers and room < 0:
            return False
        answers.append(msgspec.Raw(encoded))
        return True

    known = [Learnt(one.conversation_id, one.place, one.position, one.modseq) for one in params.known]
    _, account = await chat.check(context.user_id, known, takes)
    return encode_result([answers, *_account_ends(account)])


def cursor(chat: Chat, context: RequestContext, params: CursorParams) -> Work[list[int]]:
    """Raise the user's cursors: `[delivered, read]` as they are now."""
    move = chat.plan_cursors(context.user_id, params.conversation_id, params.delivered, params.read)

    def work(tx: Transaction) -> list[int]:
        moved = move(tx)
        return [moved.delivered, moved.read]

    return work


def abandon(chat: Chat, context: RequestContext, params: AbandonParams) -> Work[list[int | None]]:
    """Give up a key: `[position]` if it was committed after all, or `[nil]`."""
    look = chat.plan_abandon(context.user_id, params.conversation_id, params.key)
    return lambda tx: [look(tx)]


async def conversations(chat: Chat, context: RequestContext, params: ConversationsParams) -> EncodedResult:
    """The user's conversations, newest first: `[rows, next]`; as many as fit, encoded on the reader's thread.

    A long last message that does not fit is left out, for the client to page it by `history`; before any other the page ends.
    """
    rows: list[msgspec.Raw] = []
    room = context.page_bytes
    long = room // LONG_PREVIEW_SHARE

    def takes(row: ConversationRow) -> bool:
        nonlocal room
        encoded = encode_result(wire_conversation(row)).data
        if len(encoded) > room and row.last is not None and len(row.last.content or b"") >= long:
            encoded = encode_result(wire_conversation(replace(row, last=None))).data
        if rows and len(encoded) > room:
            return False
        room -= len(encoded)
        rows.append(msgspec.Raw(encoded))
        return True

    _, following = await chat.conversations(context.user_id, params.before, params.limit, takes)
    return encode_result([rows, following])


def create(chat: Chat, context: RequestContext, params: CreateParams) -> Work[Any]:
    """Create a group or channel: `[conversation_id, position, duplicate]`."""
    return chat.plan_create(
        context.user_id, params.kind, params.title, params.members, params.key, params.team
    )


def add(chat: Chat, context: RequestContext, params: AddParams) -> Work[Any]:
    """Add a member: `[position, duplicate]`."""
    return chat.plan_add(context.user_id, params.conversation_id, params.user_id, params.role, params.key)


def remove(chat: Chat, context: RequestContext, params: RemoveParams) -> Work[Any]:
    """Remove a member: `[position, duplicate]`."""
    return chat.plan_remove(context.user_id, params.conversation_id, params.user_id, params.key)


def leave(chat: Chat, context: RequestContext, params: LeaveParams) -> Work[Any]:
    """Leave a conversation: `[position, duplicate]`."""
    return chat.plan_remove(context.user_id, params.conversation_id, context.user_id, params.key)


async def members(chat: Chat, context: RequestContext, params: MembersParams) -> list[MemberRow]:
    """Members now, by user id, at most a page after the given one."""
    limit = min(params.limit, MAX_MEMBERS_PAGE)
    page = await chat.members_page(context.user_id, params.conversation_id, params.after, limit)
    return [MemberRow(member.user_id, member.role.value) for member in page]


async def users(chat: Chat, context: RequestContext, params: UsersParams) -> list[UserRow]:
    """Names."""
    found = await chat.users(params.user_ids)
    return [UserRow(user.user_id, user.display_name, user.language, user.kind) for user in found]


async def renew(chat: Chat, context: RequestContext, params: RenewParams) -> RenewResult:
    """Extend the session by a newer token of the same user and device."""
    return RenewResult(await context.renew(params.token))


def _post(chat: Chat, context: RequestContext, params: Any) -> Work[Any]:
    raise AssertionError("posts go straight to the queue, not one by one")


#: What the kernel answers; features come behind it.
ROWS = (
    Row(POST, _post, Need.SPEAK, writes=True),
    Row(ABANDON, abandon, Need.ACCOUNT, writes=True),
    Row(HISTORY, history, Need.READ, pages=True),
    Row(SYNC, sync, Need.READ, pages=True),
    Row(CURSOR, cursor, Need.OWN_STATE, writes=True, tokens=0.2),
    Row(CONVERSATIONS, conversations, Need.READ, pages=True),
    Row(CREATE, create, Need.ACCOUNT, writes=True, tokens=5.0),
    Row(ADD, add, Need.INVITE, writes=True, tokens=1.0, told_to_all=True, barrier=True),
    Row(REMOVE, remove, Need.MANAGE, writes=True, tokens=1.0, told_to_all=True, barrier=True),
    Row(LEAVE, leave, Need.MANAGE, writes=True, tokens=1.0, told_to_all=True, barrier=True),
    Row(MEMBERS, members, Need.SEE_MEMBERS, pages=True),
    Row(USERS, users, Need.ACCOUNT, pages=True, names=True),
    Row(RENEW, renew, Need.ACCOUNT, tokens=RENEWAL_TOKENS),
    Row(CHECK, check, Need.READ, pages=True),
    Row(CHANGES, changes, Need.READ, pages=True),
)


def method_table(rows: Iterable[Row] = ROWS) -> dict[str, Row]:
    """The table of one server. Raises ValueError if two rows have one name."""
    table: dict[str, Row] = {}
    for row in rows:
        if table.setdefault(row.method.name, row) is not row:
            raise ValueError(f"two methods are called {row.method.name!r}")
    return table


def plain(result: Any) -> Any:
    """A handler's result, shapes in it and all, as values for the codec."""
    return msgspec.to_builtins(result, builtin_types=(bytes,))


def read_params(method: Method[Any, Any], params: Any) -> Any:
    """Convert to the method's params type. Raises Refusal INVALID, whose detail names the wrong parameter."""
    try:
        # Without `builtin_types` a text would be taken for the base64 of bytes.
        converted = msgspec.convert(params, method.params, builtin_types=(bytes,))
    except msgspec.ValidationError as error:
        name, fault = _wrong_parameter(method.params.__struct_fields__, len(params), str(error))
        raise Refusal(RefusalCode.INVALID, f"{name}: {fault}", detail=name) from None
    conversation_id = getattr(converted, "conversation_id", "")
    if len(conversation_id.encode()) > MAX_CONVERSATION_ID_BYTES:
        raise Refusal(RefusalCode.NOT_FOUND, "no such conversation")
    return converted


def _wrong_parameter(names: tuple[str, ...], given: int, fault: str) -> tuple[str, str]:
    """msgspec's "Expected `str`, got `int` - at `$[1]`" as (name of the parameter, what is wrong).

    The last `$[…]` counts: a peer's own text may stand in front of it. Without one, parameters are missing.
    """
    text, _, path = fault.rpartition(" - at `$[")
    place = path.partition("]")[0]
    if place.isdecimal():
        return names[int(place)], text
    return names[given], "is missing"


def encode_page(page: ItemPage) -> EncodedResult:
    """The result of `history`; without `modseq` while the conversation never had a state."""
    return encode_result(page[:5] if page.modseq else page[:4])


def wire_message(message: Message) -> list[Any]:
    """An item of a page: `[position, sender_id, sent_at_ms, key, content or nil, revision]`."""
    return [
        message.position,
        message.sender_id,
        message.sent_at,
        message.key,
        message.content,
        message.revision,
    ]


def _account_ends(account: Account | None) -> tuple[()] | tuple[msgspec.Raw, int]:
    """A user's own state behind a result; nothing if there is none to tell."""
    return () if account is None else (msgspec.Raw(account.data), account.seq)


def wire_sync_row(row: ConversationRow) -> list[Any]:
    """A row of `sync`."""
    fields = [
        row.conversation_id,
        str(row.kind.value),
        row.title,
        row.head,
        row.joined_at,
        row.left_at,
        str(row.role.value),
        row.cursors.delivered,
        row.cursors.read,
        {} if row.settings is None else msgspec.Raw(row.settings),
        [[user_id, cursors.delivered, cursors.read] for user_id, cursors in row.cursors_of],
    ]
    if row.modseq or row.settings_seq or row.team is not None:  # most have no state: not a step more for them
        add_ends(fields, encoded_map(row.about), row.modseq or None, row.team, row.settings_seq or None)
    return fields


def wire_conversation(row: ConversationRow) -> list[Any]:
    """A row of `conversations`."""
    last = wire_message(row.last) if row.last is not None else None
    fields = [
        row.conversation_id,
        str(row.kind.value),
        row.title,
        row.head,
        row.unread,
        last,
        str(row.role.value),
    ]
    if row.modseq or row.settings_seq or row.team is not None:
        maps = encoded_map(row.settings), encoded_map(row.about)
        add_ends(fields, *maps, row.modseq or None, row.team, row.settings_seq or None)
    return fields


def wire_changed(row: ChangedItem) -> list[Any]:
    """A row of `changes`."""
    position, modseq, extra, mine = row
    fields = [position, modseq, msgspec.Raw(extra)]
    add_ends(fields, encoded_map(mine))
    return fields


def encoded_map(data: bytes | None) -> msgspec.Raw | None:
    """A map that is kept encoded, to be embedded; None for an empty one, too."""
    return None if data is None or data == EMPTY_MAP else msgspec.Raw(data)


def add_ends(fields: list[Any], *ends: Any) -> None:
    """Append the ends up to the last that says something (SPEC, "What may grow")."""
    fields += ends
    while fields[-1] is None:
        del fields[-1]
