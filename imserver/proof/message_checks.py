"""The rules about messages: compare one client's transcript with the rows, and the rows with each other."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from .findings import Fault, Found
from .stored_rows import StoredMessage, StoredRows
from .transcript import Seen, Transcript

#: Conversation -> position -> row.
Places = Mapping[str, Mapping[int, StoredMessage]]


def places_of(rows: StoredRows) -> Places:
    """Messages by position. Of two at one position the later one counts: `gaps` reports that there are two."""
    places: dict[str, dict[int, StoredMessage]] = defaultdict(dict)
    for row in rows.messages:
        places[row.conversation_id][row.position] = row
    return places


def name(conversation_id: str, position: int) -> str:
    """A message's name in findings."""
    return f"message {position} of {conversation_id}"


# -- the rows alone -----------------------------------------------------------------------------------------------------


def stored_twice(messages: Sequence[StoredMessage]) -> Found:
    """One key of one sender is one message."""
    firsts: dict[tuple[str, str, bytes], int] = {}
    for row in messages:
        first = firsts.setdefault((row.conversation_id, row.sender_id, row.key), row.position)
        if first != row.position:
            what = name(row.conversation_id, row.position)
            yield Fault.DOUBLED, what, f"{what} by {row.sender_id} is the same post as message {first}"


def gaps(messages: Sequence[StoredMessage]) -> Found:
    """Positions run from 1 without a gap, and each is one message."""
    heads: dict[str, int] = defaultdict(int)
    for row in messages:
        if row.position == heads[row.conversation_id]:
            what = name(row.conversation_id, row.position)
            yield Fault.DOUBLED, what, f"{what} is two messages in the database"
        for missing in range(heads[row.conversation_id] + 1, row.position):
            what = name(row.conversation_id, missing)
            yield Fault.LOST, what, f"{what} is not in the database"
        heads[row.conversation_id] = row.position


# -- shown messages -----------------------------------------------------------------------------------------------------


def shown_is_stored(transcript: Transcript, places: Places) -> Found:
    """Each message that a client received, and each content that one got later, is in the database, unchanged."""
    for seen in transcript.seen:
        what = name(seen.conversation_id, seen.position)
        row = places.get(seen.conversation_id, {}).get(seen.position)
        if row is None:
            yield Fault.LOST, what, f"{what} was shown to {transcript.user_id} and is not in the database"
            continue
        was, is_now = (seen.key, seen.sender_id, seen.sent_at), (row.key, row.sender_id, row.sent_at)
        if was != is_now or not row.says(seen.revision, seen.digest):
            yield Fault.ALTERED, what, f"{what} is not what {transcript.user_id} was shown"
    for later in transcript.replaced:
        row = places.get(later.conversation_id, {}).get(later.position)
        if row is not None and not row.says(later.revision, later.digest):
            what = name(later.conversation_id, later.position)
            text = f"revision {later.revision} of {what} is not what {transcript.user_id} was shown"
            yield Fault.ALTERED, f"{what} {later.revision}", text


def shown_to_members(transcript: Transcript, rows: StoredRows) -> Found:
    """17: only members receive messages, and a removed member receives none from after the removal."""
    user_id = transcript.user_id
    member = rows.members.get(user_id, {})
    for seen in transcript.seen:
        what = name(seen.conversation_id, seen.position)
        if seen.conversation_id not in member:
            yield Fault.TRESPASS, what, f"{what} was shown to {user_id}, who was never a member"
            continue
        left_at = member[seen.conversation_id][1]
        if left_at is not None and seen.position > left_at:
            yield Fault.TRESPASS, what, f"{what} was shown to {user_id}, who was removed by message {left_at}"


def shown_in_order(transcript: Transcript) -> Found:
    """Each conversation in order of position, each message once.

    After a kill of the client, the one message of a conversation that it may not have finished may come again: first in
    its conversation, and marked.
    """
    by_conversation: dict[str, list[tuple[int, Seen]]] = defaultdict(list)
    for life, seen in _with_lives(transcript):
        by_conversation[seen.conversation_id].append((life, seen))
    for conversation_id, shown in by_conversation.items():
        times = Counter(seen.position for _, seen in shown)
        marks = Counter(life for life, seen in shown if seen.redelivered)
        if marks[0] or any(count > 1 for count in marks.values()):
            text = f"{conversation_id}: {marks.total()} marked as redelivered to {transcript.user_id}, more than were killed"
            yield Fault.DOUBLED, f"{conversation_id} {transcript.user_id}", text
        for (life, before), (next_life, after) in pairwise(shown):
            what = name(conversation_id, after.position)
            if after.position == before.position and after.redelivered and next_life > life:
                times[after.position] -= 1
            elif after.position < before.position:
                text = f"{what} was shown to {transcript.user_id} after message {before.position}"
                yield Fault.OUT_OF_ORDER, what, text
        for position, count in times.items():
            if count > 1:
                what = name(conversation_id, position)
                yield Fault.DOUBLED, what, f"{what} was shown {count} times to {transcript.user_id}"


def repeated(transcript: Transcript) -> tuple[int, int]:
    """Counts of messages marked as a possible repetition, and of those that had been shown before."""
    places: set[tuple[str, int]] = set()
    marked = again = 0
    for seen in transcript.seen:
        place = (seen.conversation_id, seen.position)
        marked += seen.redelivered
        again += seen.redelivered and place in places
        places.add(place)
    return marked, again


def stored_was_shown(transcript: Transcript, rows: StoredRows, places: Places) -> Found:
    """A client received everything from where it began to listen (or joined) until it was last caught up."""
    shown: dict[str, set[int]] = defaultdict(set)
    for seen in transcript.seen:
        shown[seen.conversation_id].add(seen.position)
    for conversation_id, (first, left_at) in rows.members.get(transcript.user_id, {}).items():
        first = max(first, transcript.heads.get(conversation_id, 0) + 1)
        ends = [left_at, None if transcript.ends is None else transcript.ends.get(conversation_id, 0)]
        last = min((end for end in ends if end is not None), default=None)
        for position in sorted(places.get(conversation_id, {}).keys() - shown[conversation_id]):
            if first <= position and (last is None or position <= last):
                what = name(conversation_id, position)
                yield Fault.LOST, what, f"{what} was never shown to {transcript.user_id}"


def _with_lives(transcript: Transcript) -> Iterator[tuple[int, Seen]]:
    life = 0
    for index, seen in enumerate(transcript.seen):
        while life < len(transcript.lives) and transcript.lives[life] <= index:
            life += 1
        yield life, seen


# -- posts --------------------------------------------------------------------------------------------------------------


def acknowledged_is_stored(transcript: Transcript, places: Places) -> Found:
    """Each post that the server confirmed is stored as it was posted."""
    for answer in transcript.acknowledged:
        what = name(answer.conversation_id, answer.position)
        row = places.get(answer.conversation_id, {}).get(answer.position)
        if row is None:
            text = f"{what} was called stored to {transcript.user_id} and is not in the database"
            yield Fault.LOST, what, text
        elif (row.key, row.sender_id) != (answer.key, transcript.user_id) or not row.says(1, answer.digest):
            yield Fault.ALTERED, what, f"{what} is not what {transcript.user_id} posted"


def taken_is_stored(
    transcript: Transcript, rows: StoredRows, by_key: Mapping[tuple[str, bytes], StoredMessage]
) -> Found:
    """Each post that a client's outbox took is stored in the end, unless it was given up; a post given up is not.

    The server may refuse posts of a removed member, of course.
    """
    removed = {
        conversation_id
        for conversation_id, (_, left_at) in rows.members.get(transcript.user_id, {}).items()
        if left_at is not None
    }
    for key, post in transcript.posts.items():
        row = by_key.get((transcript.user_id, key))
        what = f"post {key.hex()} of {transcript.user_id}"
        if key in transcript.given_up:
            if row is not None:
                text = f"{what} was given up, and is {name(row.conversation_id, row.position)}"
                yield Fault.UNASKED, what, text
        elif key in transcript.refused:
            if row is None and post.conversation_id in removed:
                continue
            yield Fault.REFUSED, what, f"{what}: {transcript.refused[key]}"
        elif row is None:
            if post.taken:
                text = f"{what} to {post.conversation_id} was in the outbox and is not in the database"
                yield Fault.LOST, what, text
        elif row.conversation_id != post.conversation_id or not row.says(1, post.digest):
            at = name(row.conversation_id, row.position)
            yield Fault.ALTERED, at, f"{at} is not what {transcript.user_id} posted"


def posted_in_order(transcript: Transcript, by_key: Mapping[tuple[str, bytes], StoredMessage]) -> Found:
    """Of two posts to one conversation the earlier has the lower position."""
    places = {answer.key: (answer.conversation_id, answer.position) for answer in transcript.acknowledged}
    for key in transcript.posts:
        row = by_key.get((transcript.user_id, key))
        if row is not None:
            places[key] = (row.conversation_id, row.position)
    last: dict[str, int] = {}
    for conversation_id, position in (places[key] for key in transcript.posted if key in places):
        if position < last.get(conversation_id, 0):
            what = name(conversation_id, position)
            yield Fault.OUT_OF_ORDER, what, f"{what} overtook an earlier post of {transcript.user_id}"
        last[conversation_id] = position


def posted_by_members(rows: StoredRows) -> Found:
    """17: no message of a removed member stands after the removal."""
    for row in rows.messages:
        _, left_at = rows.members.get(row.sender_id, {}).get(row.conversation_id, (0, None))
        if left_at is not None and row.position > left_at and not row.told_by_server:
            what = name(row.conversation_id, row.position)
            text = f"{what} is by {row.sender_id}, who was removed by message {left_at}"
            yield Fault.TRESPASS, what, text


def stored_was_posted(
    messages: Sequence[StoredMessage], posted: Mapping[str, set[bytes]], heads: Mapping[str, int]
) -> Found:
    """Each stored message of a user who recorded every post is in that record."""
    for row in messages:
        if (
            row.sender_id not in posted
            or row.told_by_server
            or row.position <= heads.get(row.conversation_id, 0)
        ):
            continue
        if row.key not in posted[row.sender_id]:
            what = name(row.conversation_id, row.position)
            yield Fault.UNASKED, what, f"{what} is by {row.sender_id}, who never posted it"
