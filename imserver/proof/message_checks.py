"""The rules about messages: compare one client's transcript with the rows, and the rows with each other."""

from __future__ import annotations

import math
from bisect import bisect
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence

from .access_checks import Stays
from .findings import Fault, Found, Report
from .stored_rows import StoredMessage, StoredRows
from .taken_back import TakenBack
from .transcript import Fall, Seen, Transcript

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


def shown_is_stored(transcript: Transcript, places: Places, taken: TakenBack) -> Found:
    """Each message that a client received, and each content that one got later, is in the database, unchanged. If a restore
    took it back, the client was told, and has it no more."""
    for seen in transcript.standing:
        what = name(seen.conversation_id, seen.position)
        row = places.get(seen.conversation_id, {}).get(seen.position)
        if row is not None:
            was, is_now = (seen.key, seen.sender_id, seen.sent_at), (row.key, row.sender_id, row.sent_at)
            if was == is_now and row.says(seen.revision, seen.digest):
                continue
        if taken.took(seen.conversation_id, seen.position, seen.key):
            if _may_be_untold(transcript, taken):
                continue
            text = f"{what} was taken back by a restore as {transcript.user_id} has it, who was not told"
            yield Fault.SILENT, f"{what} {transcript.user_id}", text
        elif row is None:
            yield Fault.LOST, what, f"{what} was shown to {transcript.user_id} and is not in the database"
        else:
            yield Fault.ALTERED, what, f"{what} is not what {transcript.user_id} was shown"
    for later in transcript.replaced:
        row = places.get(later.conversation_id, {}).get(later.position)
        if _may_be_untold(transcript, taken) and taken.at(later.conversation_id, later.position):
            continue
        if row is not None and not row.says(later.revision, later.digest):
            what = name(later.conversation_id, later.position)
            text = f"revision {later.revision} of {what} is not what {transcript.user_id} was shown"
            fault = Fault.SILENT if taken.at(later.conversation_id, later.position) else Fault.ALTERED
            yield fault, f"{what} {later.revision}", text


def shown_to_members(transcript: Transcript, rows: StoredRows, taken: TakenBack) -> Found:
    """17: only members receive messages, and a removed member receives none from after the removal."""
    user_id = transcript.user_id
    member = rows.members.get(user_id, {})
    for seen in transcript.standing:
        what = name(seen.conversation_id, seen.position)
        if transcript.comes_and_goes and seen.conversation_id in rows.teams:
            continue  # `team_sees_its_own`
        if seen.conversation_id not in member:
            if taken.moved(user_id, seen.conversation_id):
                continue  # `shown_is_stored` knows whether that was told
            yield Fault.TRESPASS, what, f"{what} was shown to {user_id}, who was never a member"
            continue
        left_at = member[seen.conversation_id][1]
        if left_at is not None and seen.position > left_at:
            yield Fault.TRESPASS, what, f"{what} was shown to {user_id}, who was removed by message {left_at}"


def shown_in_order(transcript: Transcript, taken: TakenBack) -> Found:
    """Each conversation in order of position, each message once.

    After a kill of the client, the one message of a conversation that it may not have finished may come again: first in
    its conversation, and marked. Behind a fall the conversation goes on from where it fell to.
    """
    by_conversation: dict[str, list[tuple[int, Seen | Fall]]] = defaultdict(list)
    for life, told in _with_lives(transcript):
        if not _ended(transcript, told.conversation_id, taken):
            by_conversation[told.conversation_id].append((life, told))
    for conversation_id, all_told in by_conversation.items():
        marks = Counter(life for life, told in all_told if isinstance(told, Seen) and told.redelivered)
        if marks[0] or any(count > 1 for count in marks.values()):
            text = f"{conversation_id}: {marks.total()} marked as redelivered to {transcript.user_id}, more than were killed"
            yield Fault.DOUBLED, f"{conversation_id} {transcript.user_id}", text
        times: Counter[int] = Counter()
        most: dict[int, int] = {}
        life = last = 0
        for next_life, told in all_told:
            if isinstance(told, Fall):
                last = min(last, told.keep)
                for position in [position for position in times if position > last]:
                    del times[position]
                continue
            what = name(conversation_id, told.position)
            again = told.position == last and told.redelivered and next_life > life
            times[told.position] += not again
            if times[told.position] > 1:
                most[told.position] = times[told.position]
            if told.position < last:
                text = f"{what} was shown to {transcript.user_id} after message {last}"
                yield Fault.OUT_OF_ORDER, what, text
            life, last = next_life, told.position
        for position, count in most.items():
            what = name(conversation_id, position)
            yield Fault.DOUBLED, what, f"{what} was shown {count} times to {transcript.user_id}"


def _ended(transcript: Transcript, conversation_id: str, taken: TakenBack) -> bool:
    """Whether this may have ended for a user who goes and comes, and begun anew with an older copy: of what was shown before
    nobody is told."""
    moved = taken.moved(transcript.user_id, conversation_id)
    void = any(fall.conversation_id == conversation_id and not fall.keep for fall in transcript.falls)
    return transcript.comes_and_goes and (moved or void)


def _may_be_untold(transcript: Transcript, taken: TakenBack) -> bool:
    """Whoever is out of a team when an older copy comes is told nothing of the conversations that name it; and whoever goes
    behind it cannot tell one from the other."""
    return transcript.comes_and_goes and bool(taken.restores)


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


def stored_was_shown(
    transcript: Transcript, rows: StoredRows, places: Places, stays: Stays, taken: TakenBack
) -> Found:
    """A client received everything from where it began to listen, joined, or came to the team, until it was last caught up.
    Where it had begun anew, and an older copy knows of an earlier coming to the team, it goes on from what was kept."""
    shown: dict[str, set[int]] = defaultdict(set)
    for seen in transcript.standing:
        shown[seen.conversation_id].add(seen.position)
    for conversation_id, (first, left_at) in rows.members.get(transcript.user_id, {}).items():
        if (transcript.user_id, conversation_id) in rows.by_team:
            first = stays.begins(conversation_id, transcript.user_id)
            if _ended(transcript, conversation_id, taken):
                kept = [fall.keep for fall in transcript.falls if fall.conversation_id == conversation_id]
                first = max([first, *(keep + 1 for keep in kept[-1:])])
        first = max(first, transcript.heads.get(conversation_id, 0) + 1)
        ends = [left_at, None if transcript.ends is None else transcript.ends.get(conversation_id, 0)]
        last = min((end for end in ends if end is not None), default=None)
        for position in sorted(places.get(conversation_id, {}).keys() - shown[conversation_id]):
            if first <= position and (last is None or position <= last):
                what = name(conversation_id, position)
                yield Fault.LOST, what, f"{what} was never shown to {transcript.user_id}"


def _with_lives(transcript: Transcript) -> Iterator[tuple[int, Seen | Fall]]:
    life = 0
    falls = deque(transcript.falls)
    for index, seen in enumerate(transcript.seen):
        while life < len(transcript.lives) and transcript.lives[life] <= index:
            life += 1
        while falls and falls[0].index <= index:
            yield falls[0].life, falls.popleft()
        yield life, seen


# -- posts --------------------------------------------------------------------------------------------------------------


def acknowledged_is_stored(transcript: Transcript, places: Places, taken: TakenBack) -> Found:
    """Each post that the server confirmed is stored as it was posted, if no restore took it back."""
    for answer in transcript.acknowledged:
        if taken.took(answer.conversation_id, answer.position, answer.key):
            continue  # `taken_back_was_told`
        what = name(answer.conversation_id, answer.position)
        row = places.get(answer.conversation_id, {}).get(answer.position)
        if row is None:
            text = f"{what} was called stored to {transcript.user_id} and is not in the database"
            yield Fault.LOST, what, text
        elif (row.key, row.sender_id) != (answer.key, transcript.user_id) or not row.says(1, answer.digest):
            yield Fault.ALTERED, what, f"{what} is not what {transcript.user_id} posted"


def taken_is_stored(
    transcript: Transcript,
    rows: StoredRows,
    by_key: Mapping[tuple[str, bytes], StoredMessage],
    taken: TakenBack,
) -> Found:
    """Each post that a client's outbox took is stored in the end, unless it was given up; a post given up is not.

    The server may refuse posts of a removed member, of course, of one whose membership a restore took back, and of one who
    comes and goes.
    """
    user_id = transcript.user_id
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
            gone = post.conversation_id in removed or taken.moved(user_id, post.conversation_id)
            gone = gone or transcript.comes_and_goes
            if gone and (row is None or taken.took_post(user_id, key)):
                continue
            yield Fault.REFUSED, what, f"{what}: {transcript.refused[key]}"
        elif row is None:
            # Who comes and goes is refused at times, and may be shut out before that is written down.
            if post.taken and not taken.took_post(user_id, key) and not transcript.comes_and_goes:
                text = f"{what} to {post.conversation_id} was in the outbox and is not in the database"
                yield Fault.LOST, what, text
        elif row.conversation_id != post.conversation_id or not row.says(1, post.digest):
            at = name(row.conversation_id, row.position)
            yield Fault.ALTERED, at, f"{at} is not what {transcript.user_id} posted"


def posted_in_order(
    transcript: Transcript, by_key: Mapping[tuple[str, bytes], StoredMessage], taken: TakenBack
) -> Found:
    """Of two posts to one conversation the earlier has the lower position. One that a restore took back, and that was offered
    again, has its place behind what was posted meanwhile; and so has one of who comes and goes, if its refusal was lost with a
    server that was killed, and it is offered again to one that lets its sender in."""
    if transcript.comes_and_goes:
        return
    places = {answer.key: (answer.conversation_id, answer.position) for answer in transcript.acknowledged}
    for key in transcript.posts:
        row = by_key.get((transcript.user_id, key))
        if row is not None:
            places[key] = (row.conversation_id, row.position)
        if taken.took_post(transcript.user_id, key):
            places.pop(key, None)
    last: dict[str, int] = {}
    for conversation_id, position in (places[key] for key in transcript.posted if key in places):
        if position < last.get(conversation_id, 0):
            what = name(conversation_id, position)
            yield Fault.OUT_OF_ORDER, what, f"{what} overtook an earlier post of {transcript.user_id}"
        last[conversation_id] = position


def posted_by_members(rows: StoredRows, stays: Stays) -> Found:
    """17: no message of a removed member stands after the removal; none of a person of a team, out of it."""
    for row in rows.messages:
        if stays.of(row.conversation_id, row.sender_id) and not stays.said_rightly(row):
            what = name(row.conversation_id, row.position)
            yield Fault.TRESPASS, what, f"{what} is by {row.sender_id}, who was out of its team"
            continue
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


# -- older copies -------------------------------------------------------------------------------------------------------


def taken_back_was_told(
    transcript: Transcript,
    by_key: Mapping[tuple[str, bytes], StoredMessage],
    taken: TakenBack,
    report: Report,
) -> Found:
    """Of each own message that a restore took back the client was told, unless it is stored again; and with what it said."""
    user_id = transcript.user_id
    acknowledged = {answer.key for answer in transcript.acknowledged}
    for key, post in transcript.posts.items():
        what = f"post {key.hex()} of {user_id} to {post.conversation_id}"
        row = by_key.get((user_id, key))
        if transcript.gone.get(key) not in (None, post.digest):
            yield Fault.ALTERED, what, f"{what} was named as gone with another content"
        untold = _may_be_untold(transcript, taken)
        if row is not None and key in transcript.gone and key not in transcript.again and not untold:
            yield Fault.NEEDLESS, what, f"{what} was named as gone, and is stored"
        if not taken.took_post(user_id, key):
            continue
        told = key in transcript.gone
        refused = key in transcript.refused or key in transcript.given_up
        if row is None and not told and not refused and untold:
            continue
        if key in acknowledged:
            report.taken_back += 1
            report.stored_again += row is not None
            report.named_gone += row is None and told
            report.refused_since += row is None and not told and refused
        if row is None and not told and not refused and (key in acknowledged or post.taken):
            yield Fault.SILENT, what, f"{what} was taken back by a restore, and nobody was told"


def told_with_reason(transcript: Transcript, taken: TakenBack, report: Report) -> Found:
    """A client is told that a history was replaced once for each restore that took something there, or for several at once; and
    once more if its process was killed before it can have said that it heard. Ordinary restarts and kills reset nobody."""
    last: dict[str, tuple[float, int]] = {}
    for fall in transcript.falls:
        since, life = last.get(fall.conversation_id, (-math.inf, fall.life))
        times = taken.times(fall.conversation_id, transcript.user_id)
        if transcript.comes_and_goes and not fall.keep:
            # Whoever goes from a team behind a restore, and hears of both at once, cannot tell one from the other.
            since, times = -math.inf, [restore.at for restore in taken.restores]
        if life == fall.life and not any(since < at < fall.at for at in times):
            what = f"{transcript.user_id} was told that {fall.conversation_id} is another above {fall.keep}"
            yield Fault.NEEDLESS, what, f"{what}, and no restore took anything there"
        last[fall.conversation_id] = (fall.since, fall.life)
    for text, begun, now in transcript.cursors_fell:
        if not any(begun < restore.at < now for restore in taken.restores):
            yield (
                Fault.NEEDLESS,
                f"{transcript.user_id} {text}",
                f"{transcript.user_id}: {text}, and no older copy came",
            )
    restored = [restore.at for restore in taken.restores]
    told = {bisect(restored, fall.at) for fall in transcript.falls}
    report.told += len(told)
    report.not_told += len(restored) - len(told)
