"""Handshake: reads and makes HELLO and WELCOME, and decides whether a session may be resumed.

Pure functions.
"""

from __future__ import annotations

from hmac import compare_digest
from typing import Any, Final

from msgspec import ValidationError, convert

from imserver_protocol.errors import CloseCode, MalformedFrame, RemoteError
from imserver_protocol.limits import Limits
from imserver_protocol.wire.codec import encode_tail
from imserver_protocol.wire.frames import HEADER_FIELDS, VERSION, Goodbye, Hello, Welcome
from imserver_protocol.wire.tails import Tail

from .session import Session
from .states import SessionState

#: Reasons in WELCOME for `resumed = false`. Absent and foreign sessions and wrong tokens get the same one: a
#: peer learns nothing about a session that is not its own.
NOT_ASKED: Final = "not asked for"
UNKNOWN_SESSION: Final = "unknown session"
EXPIRED: Final = "expired"
ACK_OUT_OF_RANGE: Final = "ack out of range"

#: A bin is a bin: without this, msgspec takes a string for base64 where bytes are wanted.
_AS_DECODED: Final = (bytes,)
_GOODBYE_TEXT_CHARACTERS: Final = 200


def choose_version(versions: tuple[int, int]) -> int | None:
    """The highest version that both speak, or None: then close with VERSION."""
    lowest, highest = versions
    return VERSION if lowest <= VERSION <= highest else None


def resume_refusal(
    session: Session | None,
    *,
    user_id: str,
    device_id: str,
    token: bytes,
    ack: int,
    now: float,
    ttl_s: float | None = None,
) -> str | None:
    """None if the session may be resumed by this user and device with this token and ack; otherwise the
    reason.

    Changes nothing: a refused attempt harms no session (invariant 18). Tokens are compared in constant
    time; the current one and the one before it are good (see `Session.rotate_token`). `ttl_s` defaults to the
    session's limits.
    """
    if session is None or session.state is SessionState.ENDED:
        return UNKNOWN_SESSION
    # A session that never got a token belongs to no client; the comparison is made anyway, at the same cost.
    known = compare_digest(token, session.resume_token) and session.resume_token != b""
    if session.previous_token is not None:
        known |= compare_digest(token, session.previous_token)
    if not known or session.user_id != user_id or session.device_id != device_id:
        return UNKNOWN_SESSION
    ttl = session.limits.session_ttl_s if ttl_s is None else ttl_s
    if session.detached_at is not None and now - session.detached_at >= ttl:
        return EXPIRED
    if not session.acked_seq <= ack <= session.transmitted_seq:
        return ACK_OUT_OF_RANGE
    return None


def hello_tail(
    *,
    token: str,
    device_id: str,
    client_info: dict[str, Any],
    features: tuple[str, ...],
    session: Session | None,
    limits: Limits,
) -> Tail:
    """The fields of HELLO. Raises EncodeError, also above 4 KiB."""
    resume = None if session is None else [session.session_id, session.resume_token]
    return encode_tail(
        [VERSION, VERSION],
        list(features),
        token,
        device_id,
        client_info,
        resume,
        limits=_before_welcome(limits),
    )


def read_hello(frame: tuple[Any, ...]) -> Hello:
    """The HELLO in a decoded frame. Raises RemoteError."""
    fields = frame[HEADER_FIELDS:]
    try:
        hello = convert(fields[:6], Hello, builtin_types=_AS_DECODED)
    except ValidationError as error:
        raise MalformedFrame(f"HELLO: {error}") from None
    if choose_version(hello.versions) is None:
        raise RemoteError(CloseCode.VERSION, f"this server speaks version {VERSION}")
    ack = frame[2] if hello.resume is not None else 0
    return Hello(
        hello.versions, hello.features, hello.token, hello.device_id, hello.client_info, hello.resume, ack
    )


def welcome_tail(welcome: Welcome, limits: Limits) -> Tail:
    """The fields of WELCOME. Raises EncodeError, also above 4 KiB."""
    return encode_tail(
        welcome.version,
        list(welcome.features),
        welcome.user_id,
        welcome.session_id,
        welcome.resume_token,
        welcome.resumed,
        welcome.reason,
        welcome.store_epoch,
        welcome.server_time_ms,
        welcome.limits,
        welcome.place,
        limits=_before_welcome(limits),
    )


def read_welcome(frame: tuple[Any, ...], offered: Session | None, limits: Limits) -> tuple[Welcome, Limits]:
    """The WELCOME in a decoded frame, checked against the session that we offered, and the limits that now
    hold.

    Raises RemoteError: the client checks the server's ack in the same way as the server checks the client's.
    """
    try:
        welcome = convert(frame[HEADER_FIELDS:], Welcome, builtin_types=_AS_DECODED)
        agreed = limits.from_wire(welcome.limits)
    except (ValidationError, ValueError) as error:
        raise MalformedFrame(f"WELCOME: {error}") from None
    if welcome.version != VERSION:
        raise RemoteError(CloseCode.VERSION, f"this client speaks version {VERSION}")
    ack = frame[2]
    if not welcome.resumed:
        if ack != 0:
            raise RemoteError(CloseCode.ACK_TOO_HIGH, "ack in a fresh session")
        return welcome, agreed
    if offered is None or (welcome.session_id, welcome.user_id) != (offered.session_id, offered.user_id):
        raise RemoteError(CloseCode.BAD_STATE, "resumed a session that was not offered")
    if not offered.acked_seq <= ack <= offered.transmitted_seq:
        raise RemoteError(CloseCode.ACK_TOO_HIGH, "ack out of range in WELCOME")
    return welcome, agreed


def goodbye_tail(code: int, text: str, retry_after_ms: int) -> Tail:
    """The fields of GOODBYE. Never fails for the text: it may come from an exception."""
    plain = text[:_GOODBYE_TEXT_CHARACTERS].encode("utf-8", "replace").decode("utf-8")
    return encode_tail(int(code), plain, max(0, int(retry_after_ms)))


def read_goodbye(frame: tuple[Any, ...]) -> Goodbye:
    """The GOODBYE in a decoded frame. Raises RemoteError."""
    try:
        return convert(frame[HEADER_FIELDS:], Goodbye, builtin_types=_AS_DECODED)
    except ValidationError as error:
        raise MalformedFrame(f"GOODBYE: {error}") from None


def _before_welcome(limits: Limits) -> Limits:
    """Both first frames must fit the 4 KiB that hold before WELCOME."""
    return Limits(
        max_frame_bytes=limits.max_hello_bytes,
        max_hello_bytes=limits.max_hello_bytes,
        max_content_bytes=min(limits.max_content_bytes, limits.max_hello_bytes),
    )
