"""Push encoder: makes tails of PUSH frames, each encoded once for all recipients (SPEC, "Pushes and signals")."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Raw

from imserver.net.dispatch import plain
from imserver_protocol.methods.cursor import CURSOR_MOVED
from imserver_protocol.methods.state import ABOUT, ACCOUNT, ITEM, SETTINGS
from imserver_protocol.session.posts import encode_result, message_tail
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
    def items(
        conversation_id: str, modseq: int, items: Sequence[tuple[int, bytes, bytes | None]] | None
    ) -> Tail:
        """The state of messages is another; without items: it is, and somebody may ask."""
        told = None
        if items is not None:
            told = [
                (position, Raw(extra)) if mine is None else (position, Raw(extra), Raw(mine))
                for position, extra, mine in items
            ]
        return _state_tail(ITEM.kind, conversation_id, modseq, told)

    @staticmethod
    def about(conversation_id: str, modseq: int, about: bytes) -> Tail:
        """A conversation shows something else."""
        return _state_tail(ABOUT.kind, conversation_id, modseq, Raw(about))

    @staticmethod
    def settings(conversation_id: str, seq: int, settings: bytes) -> Tail:
        """The user's own settings in a conversation."""
        return _state_tail(SETTINGS.kind, conversation_id, seq, Raw(settings))

    @staticmethod
    def account(seq: int, account: bytes) -> Tail:
        """The user's own state."""
        return _state_tail(ACCOUNT.kind, seq, Raw(account))

    @staticmethod
    def told(kind: str, fields: Sequence[Any]) -> Tail:
        """A push that a feature named."""
        return push_tail(kind, *plain(fields))


def _state_tail(*fields: Any) -> Tail:
    """A tail with maps that are encoded already; the rest comes from the store, and is not checked again either."""
    return Tail(len(fields), encode_result(fields).data[1:])
