"""Pushes that tell of state, and hints: in a large conversation they say once a second that something changed, not what.

A hint is never lost: what changes within the second after one is told by the next, with the newest modseq.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from imserver.chat.ports import PushEncoder
from imserver.clock import Clock
from imserver.events import AboutChanged, AccountChanged, ItemsChanged, SettingsChanged
from imserver.model import EMPTY_MAP, Audience
from imserver_protocol.shared.bounds import MAX_STATE_AUDIENCE

#: Seconds between two hints of one conversation.
HINT_INTERVAL_S: Final = 1.0

StateEvent = ItemsChanged | AboutChanged | SettingsChanged | AccountChanged
#: Pushes a tail to all sessions of these users.
Push = Callable[[Any, Collection[str]], None]


class StatePushes:
    """Turns events of state into pushes; for each conversation with a hint that was told lately, a timer."""

    def __init__(
        self,
        encode: PushEncoder,
        clock: Clock,
        push: Push,
        members_of: Callable[[str], Audience | None],
    ) -> None:
        self._encode = encode
        self._clock = clock
        self._push = push
        self._members_of = members_of
        self._hints: dict[str, _Hint] = {}

    def tell(self, event: StateEvent) -> None:
        """Push what happened to all whom it concerns, the asking session among them."""
        if isinstance(event, ItemsChanged):
            if len(event.audience) > MAX_STATE_AUDIENCE:
                self._hint(event.conversation_id, event.modseq, event.audience)
            else:
                self._tell_items(event)
        elif isinstance(event, AboutChanged):
            tail = self._encode.about(event.conversation_id, event.modseq, event.about)
            self._push(tail, event.audience)
        elif isinstance(event, SettingsChanged):
            tail = self._encode.settings(event.conversation_id, event.seq, event.settings)
            self._push(tail, (event.user_id,))
        else:
            self._push(self._encode.account(event.seq, event.account), (event.user_id,))

    def close(self) -> None:
        """Forget hints that are held back: nobody listens any more."""
        for hint in self._hints.values():
            hint.timer.cancel()
        self._hints.clear()

    def _tell_items(self, event: ItemsChanged) -> None:
        """One push for all whose own did not change, and one for each other member: `mine` is nobody else's business."""
        audience = event.audience
        # In a dict, as the audience is: a set's order is another one in each process, and a run could not be repeated.
        own = {user_id: None for item in event.items for user_id in item.mine if user_id in audience}
        others = (
            {user_id: role for user_id, role in audience.items() if user_id not in own} if own else audience
        )
        self._push(self._items_for(event, None), others)
        for user_id in own:
            self._push(self._items_for(event, user_id), (user_id,))

    def _items_for(self, event: ItemsChanged, user_id: str | None) -> Any:
        items = [
            (item.position, item.extra, _mine(item.mine, user_id, emptied=item.emptied))
            for item in event.items
        ]
        return self._encode.items(event.conversation_id, event.modseq, items)

    # -- hints --------------------------------------------------------------------------------------------------------

    def _hint(self, conversation_id: str, modseq: int, audience: Audience) -> None:
        waiting = self._hints.get(conversation_id)
        if waiting is None:
            self._push(self._encode.items(conversation_id, modseq, None), audience)
            due = self._clock.monotonic() + HINT_INTERVAL_S
            self._hints[conversation_id] = _Hint(due, self._at(conversation_id, HINT_INTERVAL_S))
        else:
            waiting.modseq, waiting.audience = modseq, audience

    def _at(self, conversation_id: str, wait_s: float) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(wait_s, self._second_passed, conversation_id)

    def _second_passed(self, conversation_id: str) -> None:
        hint = self._hints[conversation_id]
        early = hint.due - self._clock.monotonic()
        if early > 0:
            hint.timer = self._at(conversation_id, early)
            return
        del self._hints[conversation_id]
        if hint.audience is not None:
            # Members may have come and gone meanwhile.
            self._hint(conversation_id, hint.modseq, self._members_of(conversation_id) or hint.audience)


class _Hint:
    """A conversation of which was told less than a second ago, and what is to be told then."""

    __slots__ = ("audience", "due", "modseq", "timer")

    def __init__(self, due: float, timer: asyncio.TimerHandle) -> None:
        self.due = due
        self.timer = timer
        self.modseq = 0
        self.audience: Audience | None = None


def _mine(mine: Mapping[str, bytes], user_id: str | None, *, emptied: bool) -> bytes | None:
    """What is said of a user's own: None if it is what it was."""
    found = None if user_id is None else mine.get(user_id)
    return EMPTY_MAP if found is None and emptied else found
