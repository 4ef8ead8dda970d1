"""typing: who is writing now, perhaps."""

from __future__ import annotations

from dataclasses import dataclass

from imserver_client.events import ClientEvent
from imserver_protocol.methods.typing import TYPING, TypingSaid, TypingTold

from .base import Feature, Offer, Port


@dataclass(frozen=True, slots=True)
class Typing(ClientEvent):
    """A member is typing now."""

    conversation_id: str
    user_id: str


class Typists(Feature):
    """`client.typing`. Its event is `Typing`."""

    def __init__(self, port: Port) -> None:
        super().__init__(port)
        port.on_signal(TYPING, self._told)

    def tell(self, conversation_id: str) -> None:
        """Show the other members that the user is typing. May be lost; does nothing while not connected."""
        self._port.signal(TYPING, TypingSaid(conversation_id))

    def _told(self, typing: TypingTold) -> None:
        self._port.announce(Typing(typing.conversation_id, typing.user_id))


typing: Offer[Typists] = Offer(Typists)
