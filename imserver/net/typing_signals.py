"""Typing signals: relayed at once to the attached devices of the other members, never kept."""

from __future__ import annotations

from imserver.chat.fan_out import Hub
from imserver.chat.permissions import POSTERS
from imserver.model import Kind
from imserver.net.sessions import DeviceSession
from imserver.net.transport import ServerTransport
from imserver_protocol.methods.typing_signal import TYPING

#: "typing" of one device is relayed at most this often (seconds): it costs its sender 20 bytes and us a look at every member.
TYPING_INTERVAL_S = 0.5
#: Larger conversations get no typing signals, as with receipts: a few typing devices would keep the server busy.
MAX_TYPING_AUDIENCE = 50
#: Roles that are heard typing: who may post. The hub remembers roles and no kinds; only channels have members who do not post.
TYPISTS = POSTERS[Kind.CHANNEL]


def relay_typing(hub: Hub, session: DeviceSession, conversation_id: str, now: float) -> None:
    """Relay "typing" of this session's user. Ignored if the audience is not remembered or the user does not speak in it."""
    if now - session.typing_at < TYPING_INTERVAL_S:
        return
    session.typing_at = now
    audience = hub.audience_of(conversation_id)
    if (
        audience is None
        or len(audience) > MAX_TYPING_AUDIENCE
        or audience.get(session.user_id) not in TYPISTS
    ):
        return
    for user_id in audience:
        if user_id == session.user_id:
            continue
        for outlet in hub.outlets_of(user_id):
            transport = outlet.transport if isinstance(outlet, DeviceSession) else None
            if isinstance(transport, ServerTransport):
                transport.connection.signal(TYPING.kind, conversation_id, session.user_id)
                transport.mark()
