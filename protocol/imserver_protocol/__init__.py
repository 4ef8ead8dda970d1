"""The wire protocol of imserver, without I/O: it reads no clock, uses no randomness, opens no socket.

Client and server run the same `Connection`, each with its `Side`. Read in this order: `frames` (the frames on the
wire), `session` (numbering, resend queue, windows), `connection` (bytes in; bytes, events and one deadline out). The
rules are those of `protocol/SPEC.md`.
"""

from .errors import (
    REACTIONS,
    RETRYABLE,
    CloseCode,
    EncodeError,
    LocalError,
    MalformedFrame,
    ProtocolError,
    Reaction,
    RefusalCode,
    RemoteError,
    WindowFull,
    WrongState,
    reaction,
)
from .limits import FRAME_OVERHEAD_BYTES, MAX_INTEGER, MAX_NESTING, Limits
from .session.connection import Connection
from .session.events import (
    Closed,
    Event,
    HelloReceived,
    LaggingEnded,
    PushReceived,
    RefusalReceived,
    ReplyReceived,
    RequestReceived,
    SignalReceived,
    WelcomeReceived,
)
from .session.handshake import choose_version, resume_refusal
from .session.post_frames import PostReceived
from .session.session import Session, push_tail
from .session.states import (
    CONNECTION_TRANSITIONS,
    SESSION_TRANSITIONS,
    ConnectionInput,
    ConnectionState,
    SessionInput,
    SessionState,
    Side,
)
from .session.window import ReceiveWindow, ResendQueue
from .wire.codec import decode, decode_content, encode_content, encode_tail, frame_bytes
from .wire.frames import (
    VERSION,
    Ack,
    FrameType,
    Goodbye,
    Hello,
    Ping,
    Pong,
    Push,
    Refusal,
    Reply,
    Request,
    Signal,
    Welcome,
)
from .wire.framing import FrameSplitter
from .wire.tails import Tail

__all__ = [
    "CONNECTION_TRANSITIONS",
    "FRAME_OVERHEAD_BYTES",
    "MAX_INTEGER",
    "MAX_NESTING",
    "REACTIONS",
    "RETRYABLE",
    "SESSION_TRANSITIONS",
    "VERSION",
    "Ack",
    "CloseCode",
    "Closed",
    "Connection",
    "ConnectionInput",
    "ConnectionState",
    "EncodeError",
    "Event",
    "FrameSplitter",
    "FrameType",
    "Goodbye",
    "Hello",
    "HelloReceived",
    "LaggingEnded",
    "Limits",
    "LocalError",
    "MalformedFrame",
    "Ping",
    "Pong",
    "PostReceived",
    "ProtocolError",
    "Push",
    "PushReceived",
    "Reaction",
    "ReceiveWindow",
    "Refusal",
    "RefusalCode",
    "RefusalReceived",
    "RemoteError",
    "Reply",
    "ReplyReceived",
    "Request",
    "RequestReceived",
    "ResendQueue",
    "Session",
    "SessionInput",
    "SessionState",
    "Side",
    "Signal",
    "SignalReceived",
    "Tail",
    "Welcome",
    "WelcomeReceived",
    "WindowFull",
    "WrongState",
    "choose_version",
    "decode",
    "decode_content",
    "encode_content",
    "encode_tail",
    "frame_bytes",
    "push_tail",
    "reaction",
    "resume_refusal",
]
