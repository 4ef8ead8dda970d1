"""typing: people are seen writing, by those whom they write to."""

from __future__ import annotations

from collections.abc import Iterator

from imserver_client import ClientEvent
from imserver_client.features.typing import Typing

from . import Act, Acts, Evidence, Hand, Listener


def type_something(hand: Hand) -> None:
    """Somewhere, also where the device's user is no member."""
    hand.client.typing.tell(hand.where())


def hears(listener: Listener, event: ClientEvent) -> None:
    """May be lost, so it is noted for what must not be told."""
    if told := tells_of(event):
        listener.note(*told)


def tells_of(event: ClientEvent) -> tuple[str, str] | None:
    """Where somebody writes, and who."""
    return (event.conversation_id, event.user_id) if isinstance(event, Typing) else None


def judge(evidence: Evidence) -> Iterator[str]:
    """Members alone are told of it, of others who are members."""
    for notes in evidence.notes:
        for conversation_id, typist in notes.facts:
            members = evidence.members(conversation_id)
            if typist == notes.user_id:
                yield f"{notes.device_id} was told that its own user writes in {conversation_id}"
            for user_id in (typist, notes.user_id):
                if user_id not in members and not evidence.moved(user_id, conversation_id):
                    yield f"{notes.device_id} was told that {typist} writes in {conversation_id}: {user_id} is no member"


ACTS = Acts((Act(8, type_something),), hears=hears, judge=judge, tells_of=tells_of)
