"""edits: a changed message is shown again, and one's last one can be changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imserver_client import ClientEvent
from imserver_client.features.edits import Edited

from .looks import ChatCommand, Look


class EditsLook(Look):
    """Instead of the system message, what it tells of."""

    def commands(self) -> Mapping[str, ChatCommand]:
        return {"/edit": ChatCommand(self._edit, "/edit TEXT", "say TEXT instead of your last message here")}

    async def _edit(self, _: Any, text: str) -> None:
        place = self.chat.current
        if place is None or not place.last_own:
            await self.chat.complain("there is no message of yours here")
        elif not text:
            await self.chat.complain("/edit TEXT: say what instead?")
        else:
            await self.chat.client.edits.edit(place.conversation_id, place.last_own, text)

    async def hear(self, event: ClientEvent) -> None:
        place = self.chat.current
        if not isinstance(event, Edited) or place is None or place.conversation_id != event.conversation_id:
            return
        known = place.revisions.get(event.position)
        if known is None or known < event.revision:
            await self.chat.show_again(event.position, changed=True)

    def hides(self, content: Mapping[str, Any]) -> bool:
        return content.get("event") == "edited"

    def words(self, who: str, content: Mapping[str, Any]) -> str:
        return f"{who} changed message {content.get('target')}" if self.hides(content) else ""


LOOK = EditsLook
