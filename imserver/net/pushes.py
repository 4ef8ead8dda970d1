"""Push encoder: makes tails of PUSH frames, each encoded once for all recipients (SPEC, "Pushes and signals")."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from imserver.net.dispatch import plain
from imserver_protocol.methods.cursor import CURSOR_MOVED
from imserver_protocol.session.posts import message_tail
from imserver_protocol.session.session import push_tail
from imserver_protocol.wire.tails import Tail


class WirePushes:
    """`imserver.chat.ports.PushEncoder` for the wire."""

    message = staticmethod(message_tail)

    @staticmethod
    def cursor(conversation_id: str, user_id: str, delivered: int, read: int) -> Tail:
        """A member's cursors went up."""
        return push_tail(CURSOR_MOVED.kind, conversation_id, user_id, delivered, read)

    @staticmethod
    def told(kind: str, fields: Sequence[Any]) -> Tail:
        """A push that a feature named."""
        return push_tail(kind, *plain(fields))
