"""typing: who writes here now, in the status; and others see it of this user."""

from __future__ import annotations

import asyncio

from imserver.cli.sanitize import safe_line
from imserver_client import ClientEvent
from imserver_client.features.typing import Typing

from .looks import Chat, Look

#: Told to others at most this often (seconds), and believed of others for so long.
TELL_EVERY_S, BELIEVED_S = 3.0, 6.0


class TypingLook(Look):
    """What is typed for a moment is no secret."""

    def __init__(self, chat: Chat) -> None:
        super().__init__(chat)
        self._told_at = -TELL_EVERY_S
        #: Conversation, user -> until when.
        self._writing: dict[tuple[str, str], float] = {}

    async def hear(self, event: ClientEvent) -> None:
        if isinstance(event, Typing):
            now = asyncio.get_running_loop().time()
            self._writing = {who: until for who, until in self._writing.items() if until > now}
            self._writing[event.conversation_id, event.user_id] = now + BELIEVED_S
            asyncio.get_running_loop().call_later(BELIEVED_S, self.chat.refresh)
            self.chat.refresh()

    def status(self) -> str:
        place, now = self.chat.current, asyncio.get_running_loop().time()
        writing = [
            safe_line(self.chat.names(user_id))
            for (where, user_id), until in self._writing.items()
            if until > now and place is not None and where == place.conversation_id
        ]
        return f"{', '.join(writing)} writing …" if writing else ""

    def typed(self) -> None:
        place, now = self.chat.current, asyncio.get_running_loop().time()
        if place is not None and now - self._told_at >= TELL_EVERY_S:
            self._told_at = now
            self.chat.client.typing.tell(place.conversation_id)


LOOK = TypingLook
