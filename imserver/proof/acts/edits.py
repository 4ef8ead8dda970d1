"""edits: people change what they said, and everybody is told what a message says now."""

from __future__ import annotations

from collections.abc import Iterator

from imserver_client import ClientEvent
from imserver_client.features.edits import Edit, Edited

from . import Act, Acts, Evidence, Hand, Listener, Row, digest_of


def edit(hand: Hand) -> None:
    """Another text for one of the device's own messages."""
    own = hand.own()
    if not own:
        return
    conversation_id, position = hand.random.choice(own)
    content = hand.text()
    content["text"] = f"edited {content['text']} {hand.random.random()}"

    def answered(edit: Edit) -> None:
        hand.note(conversation_id, position, edit.revision, digest_of(content), edit.position)

    hand.ask(lambda client: client.edits.edit(conversation_id, position, content), answered)


def hears(listener: Listener, event: ClientEvent) -> None:
    """Contents that devices are told are compared with the stored ones, for whatever reason they changed."""
    if isinstance(event, Edited):
        listener.says_now(event.conversation_id, event.position, event.revision, event.content)


def judge(evidence: Evidence) -> Iterator[str]:
    """An answered edit is that revision, unless the message was taken back since, and its system message has the answered
    position. One that an older copy of the database took back is none."""
    for notes in evidence.notes:
        for conversation_id, position, revision, digest, telling in notes.facts:
            if any(_tells(one, position, revision) for one in evidence.taken_back(conversation_id, telling)):
                continue
            row = evidence.row(conversation_id, position)
            if row is None or (
                row.digests.get(revision) != digest and digest_of(None) not in row.digests.values()
            ):
                what = f"revision {revision} of message {position} of {conversation_id}"
                yield f"lost: {what} by {notes.device_id} is not stored"
            told = evidence.row(conversation_id, telling)
            if told is None or not _tells(told, position, revision):
                yield f"message {telling} of {conversation_id} does not tell of that edit"


def _tells(row: Row, position: int, revision: int) -> bool:
    return (row.telling.get("target"), row.telling.get("revision")) == (position, revision)


ACTS = Acts((Act(6, edit),), hears=hears, judge=judge)
