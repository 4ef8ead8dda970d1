"""The reference client of imserver: messages exactly once, through lost connections and restarts. See docs/client.md."""

import logging

from imserver_protocol import CloseCode, RefusalCode
from imserver_protocol.methods.descriptors import Method, Shape
from imserver_protocol.shared.cards import Button, Card, CardRef
from imserver_protocol.shared.ids import direct_conversation_id

from .client import Client, Connecting, connect
from .core.announcer import EventStream
from .core.delivery import MessageStream
from .core.questions import Answers
from .environment import Environment, Opener, open_transport
from .errors import (
    Abandoned,
    CannotConnect,
    ClientError,
    Disconnected,
    Misuse,
    NotOffered,
    OutboxFull,
    Refused,
    Stopped,
    StoreError,
    Undeliverable,
)
from .events import (
    AboutChanged,
    AccountChanged,
    CatchUpFailed,
    ClientEvent,
    ConnectionChanged,
    CursorMoved,
    GonePost,
    HistoryReplaced,
    ItemChanged,
    PostsDelayed,
    PostSettled,
    PostsGone,
    Retracted,
    SettingsChanged,
)
from .limits import ClientLimits
from .storage import Storage
from .storage_memory import MemoryStorage
from .storage_sqlite import SqliteStorage
from .values import (
    Conversation,
    ConversationPage,
    Cursor,
    Item,
    ItemState,
    Member,
    Message,
    Page,
    Posted,
    Queued,
    State,
    User,
)

# What is logged is the application's to show: without a handler of its own Python would print warnings on standard error.
logging.getLogger("imserver_client").addHandler(logging.NullHandler())

__all__ = [
    "Abandoned",
    "AboutChanged",
    "AccountChanged",
    "Answers",
    "Button",
    "CannotConnect",
    "Card",
    "CardRef",
    "CatchUpFailed",
    "Client",
    "ClientError",
    "ClientEvent",
    "ClientLimits",
    "CloseCode",
    "Connecting",
    "ConnectionChanged",
    "Conversation",
    "ConversationPage",
    "Cursor",
    "CursorMoved",
    "Disconnected",
    "Environment",
    "EventStream",
    "GonePost",
    "HistoryReplaced",
    "Item",
    "ItemChanged",
    "ItemState",
    "Member",
    "MemoryStorage",
    "Message",
    "MessageStream",
    "Method",
    "Misuse",
    "NotOffered",
    "Opener",
    "OutboxFull",
    "Page",
    "PostSettled",
    "Posted",
    "PostsDelayed",
    "PostsGone",
    "Queued",
    "RefusalCode",
    "Refused",
    "Retracted",
    "SettingsChanged",
    "Shape",
    "SqliteStorage",
    "State",
    "Stopped",
    "Storage",
    "StoreError",
    "Undeliverable",
    "User",
    "connect",
    "direct_conversation_id",
    "open_transport",
]
