"""Compares the records of all applications, over all their lives, with the database. Numbers are those of the invariants
in docs/reliability.md."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from math import inf
from typing import Any

from imserver.proof.acts import Evidence as ActsEvidence
from imserver.proof.acts import Notes, all_acts, no_query
from imserver.proof.taken_back import TakenBack
from imserver_client import Item, Message

from .record import Heard, Post, Record, Storage
from .stored import Row, Stored
from .watch import Watch

Findings = Iterator[str]


class Evidence:
    """The records and rows to judge."""

    def __init__(
        self,
        stored: Stored,
        records: Sequence[Record],
        storages: Sequence[Storage],
        committed: dict[tuple[str, int], float],
        query: Callable[..., Iterable[tuple[Any, ...]]] = no_query,
        put_back: int = 0,
        watch: Watch | None = None,
        taken: TakenBack | None = None,
    ) -> None:
        self.stored = stored
        self.records = records
        self.storages = storages
        #: When each message was committed (unknown where the server died first).
        self.committed = committed
        #: A SELECT on the database.
        self.query = query
        #: How many older copies were put back.
        self.put_back = put_back
        #: What servers took in, in runs with people who come and go.
        self.watch = watch
        #: What these took.
        self.taken = taken or TakenBack()
        self.spans = memberships(stored, records)
        self.stays = Stays(stored, self.spans, committed)


def judge(evidence: Evidence) -> list[str]:
    """All findings, in sentences."""
    found: dict[str, None] = {}
    for check in CHECKS:
        for text in check(evidence):
            found[text] = None
    return list(found)


def _name(conversation_id: str, position: int) -> str:
    return f"message {position} of {conversation_id}"


# -- the database by itself (2, 3) -------------------------------------------------------------------------------------------


def positions_without_gap(evidence: Evidence) -> Findings:
    """3: each position once, from 1 to the head; and in order of commit."""
    last: dict[str, int] = defaultdict(int)
    for row in evidence.stored.rows:
        if row.position != last[row.conversation_id] + 1:
            before = last[row.conversation_id]
            yield f"{_name(row.conversation_id, row.position)} follows message {before}"
        last[row.conversation_id] = row.position
    if dict(last) != evidence.stored.heads:
        yield f"heads are {evidence.stored.heads}, and messages end at {dict(last)}"


def one_row_for_a_key(evidence: Evidence) -> Findings:
    """2."""
    for (conversation_id, sender_id, key), rows in evidence.stored.by_key.items():
        if len(rows) > 1:
            places = [row.position for row in rows]
            yield f"doubled: post {key.hex()} of {sender_id} is at {places} of {conversation_id}"


# -- shown messages (4, 5, 6, 10, 11) ----------------------------------------------------------------------------------------


def shown_is_stored(evidence: Evidence) -> Findings:
    """5, 6: every message that was handed over, paged or reported is in the database, the same for all."""
    for record in evidence.records:
        for shown in record.shown:
            yield from _same(evidence, record, shown.message)
        for item in record.items:
            yield from _same(evidence, record, item)
        for conversation_id, position, revision, content in record.replaced:
            row = evidence.stored.by_place.get((conversation_id, position))
            if row is None or not row.says(revision, content):
                name = _name(conversation_id, position)
                yield f"{record.device_id} was told of revision {revision} of {name}, which is not so"
        for conversation_id, position, revision in record.retracted:
            row = evidence.stored.by_place.get((conversation_id, position))
            if row is None or not row.gone or row.revision != revision:
                name = _name(conversation_id, position)
                yield f"{record.device_id} was told that {name} was taken back as revision {revision}, which is not so"


def _same(evidence: Evidence, record: Record, seen: Message | Item) -> Findings:
    row = evidence.stored.by_place.get((seen.conversation_id, seen.position))
    name = _name(seen.conversation_id, seen.position)
    if row is None:
        yield f"lost: {name} was shown to {record.device_id} and is not in the database"
    elif (row.key, row.sender_id, row.sent_at) != (seen.key, seen.sender_id, seen.sent_at):
        yield f"altered: {name} is another one than {record.device_id} was shown"
    elif (seen.conversation_id, seen.position) in record.stale and seen.revision > 1:
        return
    elif not row.says(seen.revision, seen.content):
        yield f"altered: revision {seen.revision} of {name} says something else than {record.device_id} was shown"


def shown_once_and_in_order(evidence: Evidence) -> Findings:
    """11: across kills only the one unfinished message may come again, marked."""
    for record in evidence.records:
        last: dict[str, int] = {}
        for shown in record.shown:
            message, conversation_id = shown.message, shown.message.conversation_id
            before = last.get(conversation_id)
            name = _name(conversation_id, message.position)
            again = any(
                place == (conversation_id, message.position)
                for life, place in record.unfinished.items()
                if life < shown.life
            )
            if before is not None and message.position <= before:
                if not (message.position == before and again and message.redelivered):
                    fault = "doubled" if message.position == before else "out of order"
                    yield f"{fault}: {name} was shown to {record.device_id} after message {before}"
            elif message.redelivered and not again:
                yield f"{name} was called redelivered to {record.device_id}, which had not been handed it"
            last[conversation_id] = message.position


def everything_was_shown(evidence: Evidence) -> Findings:
    """10: a device gets everything from where it began to the head, or to where its user left, without a gap."""
    stored = evidence.stored
    for record, storage in zip(evidence.records, evidence.storages, strict=True):
        shown: dict[str, set[int]] = defaultdict(set)
        for one in record.shown:
            shown[one.message.conversation_id].add(one.message.position)
        for conversation_id, left_at in stored.standing(record.user_id).items():
            if conversation_id not in storage.begins:
                yield f"lost: {record.device_id} was never told of {conversation_id}"
                continue
            begin, first_sync = storage.begins[conversation_id]
            head = stored.heads[conversation_id] if left_at is None else left_at
            missing = [
                position for position in range(begin + 1, head + 1) if position not in shown[conversation_id]
            ]
            if missing:
                yield f"lost: messages {missing[:10]} of {conversation_id} were never shown to {record.device_id}"
            if conversation_id not in storage.below and conversation_id not in record.began_elsewhere:
                yield from _begins_rightly(evidence, record, conversation_id, begin, first_sync)


def _begins_rightly(
    evidence: Evidence, record: Record, conversation_id: str, begin: int, first_sync: bool
) -> Findings:
    """A conversation begins where the user joined; in a device's first sync, at its head of that time."""
    if not first_sync:
        starts = [max(first - 1, 0) for first, _ in evidence.spans[conversation_id].get(record.user_id, ())]
        starts += evidence.stays.begins(conversation_id, record.user_id)
        if begin not in starts:
            yield f"{conversation_id} began for {record.device_id} at {begin}, and it joined at {starts}"
        return
    at = evidence.committed.get((conversation_id, begin))
    if at is not None and record.ready_at is not None and at > record.ready_at:
        yield f"lost: {_name(conversation_id, begin)} is younger than the first sync of {record.device_id}, and was left out"


# -- posts (1, 12, 20) -------------------------------------------------------------------------------------------------------


def answers_are_true(evidence: Evidence) -> Findings:
    """1: a post is stored if and only if the server said so; with that content, at that position."""
    for record in evidence.records:
        for post in record.posts.values():
            row = evidence.stored.of_key(post.conversation_id, record.user_id, post.key)
            name = f"post {post.number} of {record.device_id} to {post.conversation_id}"
            if row is not None and not row.says(1, post.content):
                yield f"altered: {name} is stored with another content"
            if post.outcome == "stored":
                yield from _stored_as_told(name, post, row)
            elif post.outcome and row is not None and not evidence.put_back:
                yield f"{name} was called {post.outcome} ({post.detail}) and is message {row.position}"


def _stored_as_told(name: str, post: Post, row: Row | None) -> Findings:
    if row is None:
        yield f"lost: {name} was called stored and is not in the database"
    elif row.position != post.position:
        yield f"altered: {name} was called stored at {post.position} and is at {row.position}"
    elif post.sent_at not in (row.sent_at, 0):
        yield f"altered: {name} was called stored at the time {post.sent_at} and has {row.sent_at}"


def gone_posts_are_told(evidence: Evidence) -> Findings:
    """A post that was stored in a history which is gone is there again, or was offered again and refused, or its device was
    told that it is not there: by its key, or, if the client forgot it with a team that was left, of its conversation."""
    for record, storage in zip(evidence.records, evidence.storages, strict=True):
        told = {conversation_id for conversation_id, _ in record.told}
        for post in record.posts.values():
            if not post.replaced or post.outcome or post.key in record.gone or post.key in storage.dropped:
                continue
            if post.ended and post.conversation_id in told:
                continue
            if evidence.stored.of_key(post.conversation_id, record.user_id, post.key) is None:
                name = f"post {post.number} of {record.device_id} to {post.conversation_id}"
                yield f"silent: {name} was stored, and is gone without a word"


def falls_were_told(evidence: Evidence) -> Findings:
    """An application whose messages are void was told so, and from where on; where all is there, nobody is told anything."""
    for record in evidence.records:
        for conversation_id, agreed in record.told if not evidence.put_back else ():
            yield f"{record.device_id} was told that {conversation_id} fell to {agreed}, and nothing is gone"
        told: dict[str, int] = {}
        for conversation_id, agreed in record.told:
            told[conversation_id] = min(agreed or 0, told.get(conversation_id, agreed or 0))
        for conversation_id, upto in record.falls.items():
            if conversation_id not in told:
                yield f"silent: {conversation_id} fell to {upto} for {record.device_id}, which was not told"
            elif told[conversation_id] > upto:
                yield (
                    f"silent: {conversation_id} fell to {upto} for {record.device_id}, which was told"
                    f" {told[conversation_id]}"
                )


def posts_in_order(evidence: Evidence) -> Findings:
    """12: the posts of one device to one conversation stand there in the order of posting, but for those that were refused for
    good: where people come and go, such a post may be offered again and stored."""
    refused = evidence.watch.refused if evidence.watch is not None else ()
    for record in evidence.records:
        last: dict[str, tuple[int, int]] = {}
        for post in sorted(record.posts.values(), key=lambda post: post.number):
            row = evidence.stored.of_key(post.conversation_id, record.user_id, post.key)
            if row is None or post.replaced or post.key in refused:
                continue
            number, position = last.get(post.conversation_id, (0, 0))
            if row.position < position:
                yield (
                    f"out of order: post {post.number} of {record.device_id} to {post.conversation_id} is message"
                    f" {row.position}, and the earlier post {number} is message {position}"
                )
            last[post.conversation_id] = (post.number, row.position)


def rows_were_posted(evidence: Evidence) -> Findings:
    """Users posted every stored message of a user; all others come from the server or a bot."""
    devices: dict[str, set[bytes]] = defaultdict(set)
    for record in evidence.records:
        devices[record.user_id].update(record.posts)
    for row in evidence.stored.rows:
        told = row.content.get("type") == "system"
        if row.sender_id in devices and row.key not in devices[row.sender_id] and not told:
            yield f"nobody posted {_name(row.conversation_id, row.position)} by {row.sender_id}"


# -- features, cursors, members (16, 17) -------------------------------------------------------------------------------------


def features_agree(evidence: Evidence) -> Findings:
    """What each feature's own judge finds."""
    stored = evidence.stored
    for name, acts in all_acts().items():
        if acts.judge is None:
            continue
        notes = [
            Notes(record.user_id, record.device_id, record.notes.get(name, ()), record.rests.get(name))
            for record in evidence.records
        ]
        yield from acts.judge(
            ActsEvidence(
                notes,
                lambda conversation_id, position: stored.by_place.get((conversation_id, position)),
                evidence.stays.members,
                evidence.query,
                evidence.taken.at,
                evidence.taken.moved,
                evidence.taken.facts(name),
            )
        )


def cursors_only_rise(evidence: Evidence) -> Findings:
    """16."""
    for record in evidence.records:
        known: dict[tuple[int, str, str], tuple[int, int]] = {}
        for life, conversation_id, user_id, delivered, read in record.told_cursors:
            before = known.get((life, conversation_id, user_id), (0, 0))
            known[life, conversation_id, user_id] = (delivered, read)
            head = evidence.stored.heads.get(conversation_id, 0)
            if delivered < before[0] or read < before[1] or max(delivered, read) > head:
                yield (
                    f"{record.device_id} was told of cursors {delivered}, {read} of {user_id} in {conversation_id}"
                    f" (head {head}) after {before}"
                )
        for conversation_id, delivered, read in record.cursors:
            if conversation_id in evidence.stored.teams:
                yield from _cursors_by_team(evidence, record, conversation_id, delivered, read)
                continue
            member = evidence.stored.members[conversation_id].get(record.user_id)
            # A member who joins again starts with new cursors.
            again = member is not None and member.joined_at > 1
            if member is None or (not again and (member.delivered < delivered or member.read < read)):
                yield f"lost: cursors {delivered}, {read} of {record.device_id} in {conversation_id}: {member}"
    for conversation_id, members in evidence.stored.members.items():
        for user_id, member in members.items():
            if max(member.delivered, member.read) > evidence.stored.heads[conversation_id]:
                yield f"cursors of {user_id} in {conversation_id} are above the head: {member}"


def _cursors_by_team(
    evidence: Evidence, record: Record, conversation_id: str, delivered: int, read: int
) -> Findings:
    """Whoever comes back by the team has the cursors of before, and so has who goes on by it without a place of his own."""
    member = evidence.stored.members[conversation_id].get(record.user_id)
    own = (member.delivered, member.read) if member is not None else (0, 0)
    by_team = evidence.stored.team_cursors[conversation_id].get(record.user_id, (0, 0))
    if max(own[0], by_team[0]) < delivered or max(own[1], by_team[1]) < read:
        yield (
            f"lost: cursors {delivered}, {read} of {record.device_id} in {conversation_id}: {own} of his own,"
            f" {by_team} by the team"
        )


def changes_are_told(evidence: Evidence) -> Findings:
    """Answered changes of membership have their system message; groups that were answered exist."""
    for record in evidence.records:
        for conversation_id, position in record.changes:
            row = evidence.stored.by_place.get((conversation_id, position))
            if row is None or row.sender_id != record.user_id or row.content.get("type") != "system":
                yield f"lost: {_name(conversation_id, position)} should tell of a change by {record.device_id}"
        for conversation_id, members in record.created:
            missing = {record.user_id, *members} - evidence.stored.members[conversation_id].keys()
            if missing:
                yield f"lost: {sorted(missing)} should be in {conversation_id}"


def only_members_see_and_speak(evidence: Evidence) -> Findings:
    """17: no reader got a message posted after they left for good, no stranger got any, and only members posted."""
    for record in evidence.records:
        seen = [(one.message.conversation_id, one.message.position) for one in record.shown]
        seen += [(item.conversation_id, item.position) for item in record.items]
        for conversation_id, position in seen:
            spans = evidence.spans[conversation_id].get(record.user_id, ())
            if evidence.stays.by_team(conversation_id, record.user_id, until=position):
                continue
            if not any(last is None or position <= last for _, last in spans):
                yield f"{_name(conversation_id, position)} was shown to {record.device_id}, who is no member: {spans}"
    for row in evidence.stored.rows:
        spans = evidence.spans[row.conversation_id].get(row.sender_id, ())
        if evidence.stays.by_team(row.conversation_id, row.sender_id, at=row.position):
            continue
        if not any(first <= row.position and (last is None or row.position <= last) for first, last in spans):
            yield f"{row.sender_id} posted {_name(row.conversation_id, row.position)} without being a member: {spans}"


def whoever_is_out_is_told_nothing(evidence: Evidence) -> Findings:
    """17, for conversations with a team, by time: who is out is told nothing that was committed behind the removal, and is
    answered nothing that members alone are told, also nothing old."""
    if evidence.put_back or not evidence.stored.teams:
        return
    stays = evidence.stays
    for record, storage in zip(evidence.records, evidence.storages, strict=True):
        user_id = record.user_id
        for name in sorted(storage.positions.keys() & evidence.stored.teams.keys()):
            if name not in evidence.stored.standing(user_id):
                yield f"{record.device_id} still follows {name}, and is out: {stays.of(name, user_id)}"
        for one in record.shown:
            place = (one.message.conversation_id, one.message.position)
            if not stays.could_be_told(user_id, *place, since=stays.not_before(place), until=one.at):
                yield f"{_name(*place)} was shown to {record.device_id}, who was out: {stays.of(place[0], user_id)}"
        for answer in record.answers:
            name = answer.conversation_id
            old = answer.what == "history" and bool(evidence.spans[name].get(user_id))
            if not old and not stays.was_in(name, user_id, answer.asked_at, answer.answered_at):
                yield f"{record.device_id} was answered {answer}, and was out: {stays.of(name, user_id)}"
        for heard in record.heard:
            since = _said_at(evidence, heard)
            if since is not None and not stays.was_in(heard.conversation_id, user_id, since, heard.at):
                yield f"{record.device_id} was told {heard}, and was out: {stays.of(heard.conversation_id, user_id)}"


def _said_at(evidence: Evidence, heard: Heard) -> float | None:
    """The latest moment at which a server can have learnt what was heard; None if nobody knows."""
    if evidence.watch is None:
        return None
    if heard.cursors is None:
        said = [
            at
            for at, user_id, _, fields in evidence.watch.signals
            if user_id == heard.user_id and fields[:1] == (heard.conversation_id,) and at <= heard.at
        ]
        return max(said, default=None)
    moved = evidence.watch.cursors.get((heard.conversation_id, heard.user_id), ())
    told = [at for at, *cursors in moved if tuple(cursors) == heard.cursors]
    return min(told, default=None)


class Stays:
    """When who was in the conversations that name a team, by the team's own messages: in the order of commits, and in time."""

    def __init__(
        self,
        stored: Stored,
        spans: Mapping[str, Mapping[str, Sequence[tuple[int, int | None]]]],
        committed: Mapping[tuple[str, int], float],
    ) -> None:
        self._stored = stored
        self._spans = spans
        #: Of each message, which one of all it is in the order of commits.
        self._order = {(row.conversation_id, row.position): order for order, row in enumerate(stored.rows)}
        self._low: list[float] = []
        self._high: list[float] = []
        if stored.teams:
            known = [committed.get((row.conversation_id, row.position)) for row in stored.rows]
            self._low = list(accumulate((0.0 if at is None else at for at in known), max))
            self._high = list(accumulate((inf if at is None else at for at in reversed(known)), min))[::-1]

    def begins(self, conversation_id: str, user_id: str) -> list[int]:
        """Where the conversation may begin for who comes by the team: at what its last message was then."""
        found = []
        for joined, _ in self._by_team(conversation_id, user_id):
            before = self._positions(conversation_id)
            found.append(bisect_right(before, joined))
        return found

    def by_team(
        self, conversation_id: str, user_id: str, *, until: int | None = None, at: int | None = None
    ) -> bool:
        """Whether the user was in it by the team when the message at a position was committed, or behind it (`until`)."""
        position = until if at is None else at
        order = None if position is None else self._order.get((conversation_id, position))
        if order is None:
            return False
        return any(
            (at is None or joined <= order) and (left is None or order <= left)
            for joined, left in self._by_team(conversation_id, user_id)
        )

    def members(self, conversation_id: str) -> Mapping[str, tuple[int, int | None]]:
        """User -> (position of joining, of leaving or None), former persons of the team among them."""
        stored = self._stored
        found: dict[str, tuple[int, int | None]] = {}
        team = stored.teams.get(conversation_id)
        for user_id in self._spans.get(team, {}) if team is not None else ():
            found[user_id] = (1, stored.heads[conversation_id])
        for user_id, member in stored.members[conversation_id].items():
            found[user_id] = (member.joined_at, member.left_at)
        for user_id in stored.persons[team] if team is not None else ():
            if found.get(user_id, (0, 0))[1] is not None:
                found[user_id] = (1, None)
        return found

    def not_before(self, place: tuple[str, int]) -> float:
        """A moment before which the message was not committed."""
        order = self._order.get(place)
        return self._low[order] if order is not None and self._low else 0.0

    def could_be_told(
        self, user_id: str, conversation_id: str, position: int, *, since: float, until: float
    ) -> bool:
        """Whether the user was a member at any moment of this time, or may read the message as a former one."""
        former = self._spans[conversation_id].get(user_id, ())
        if any(last is None or position <= last for _, last in former):
            return True
        return self.was_in(conversation_id, user_id, since, until)

    def was_in(self, conversation_id: str, user_id: str, since: float, until: float) -> bool:
        """Whether the user may have been a present member at any moment of this time. True for what names no team."""
        if conversation_id not in self._stored.teams:
            return True
        return any(begin <= until and since <= end for begin, end in self.of(conversation_id, user_id))

    def of(self, conversation_id: str, user_id: str) -> list[tuple[float, float]]:
        """The times at which the user was a member, at the widest."""
        orders = [
            (
                self._order[conversation_id, first],
                None if last is None else self._order[conversation_id, last],
            )
            for first, last in self._spans[conversation_id].get(user_id, ())
        ]
        orders += self._by_team(conversation_id, user_id)
        return [(self._low[begin], inf if end is None else self._high[end]) for begin, end in orders]

    def _by_team(self, conversation_id: str, user_id: str) -> list[tuple[int, int | None]]:
        """First and last message, in the order of commits, of each stay in the team."""
        team = self._stored.teams.get(conversation_id)
        if team is None:
            return []
        return [
            (self._order[team, first], None if last is None else self._order[team, last])
            for first, last in self._spans.get(team, {}).get(user_id, ())
        ]

    def _positions(self, conversation_id: str) -> list[int]:
        """The orders of its messages, ascending."""
        last = self._stored.heads.get(conversation_id, 0)
        places = ((conversation_id, position) for position in range(1, last + 1))
        return [self._order[place] for place in places if place in self._order]


def memberships(
    stored: Stored, records: Sequence[Record]
) -> dict[str, dict[str, list[tuple[int, int | None]]]]:
    """Conversation -> user -> (first position, last or None) of each stay, by the conversation's own messages."""
    asked: dict[str, set[str]] = defaultdict(set)
    for record in records:
        for conversation_id, invited in record.created:
            asked[conversation_id].update(invited, [record.user_id])
    events: dict[str, dict[str, list[tuple[int, bool]]]] = defaultdict(lambda: defaultdict(list))
    for row in stored.rows:
        content = row.content
        if content.get("type") == "system" and content.get("event") in ("added", "left", "removed"):
            comes = content["event"] == "added"
            events[row.conversation_id][content["user"]].append((row.position, comes))
    spans: dict[str, dict[str, list[tuple[int, int | None]]]] = defaultdict(dict)
    for conversation_id, members in stored.members.items():
        for user_id, member in members.items():
            told = events[conversation_id][user_id]
            from_begin = (
                member.joined_at <= 1 or user_id in asked[conversation_id] or (bool(told) and not told[0][1])
            )
            spans[conversation_id][user_id] = _stays(told, from_begin)
    return spans


def _stays(told: Sequence[tuple[int, bool]], from_begin: bool) -> list[tuple[int, int | None]]:
    stays: list[tuple[int, int | None]] = [(1, None)] if from_begin else []
    for position, comes in told:
        present = bool(stays) and stays[-1][1] is None
        if comes and not present:
            stays.append((position, None))
        elif not comes and present:
            stays[-1] = (stays[-1][0], position)
    return stays


# -- plugins (19) ------------------------------------------------------------------------------------------------------------


def echoed_once(evidence: Evidence) -> Findings:
    """19, and the promise of plugins: each message has its one answer and its one row, or neither is there.

    A late plugin sees a message as it is by then: one that was edited meanwhile may ask for more, or not. Of one that was taken
    back nobody knows what it asked for, and whether the plugin heard it.
    """
    answers: dict[tuple[str, str], list[int]] = defaultdict(list)
    asked: dict[tuple[str, str], int] = {}
    perhaps: set[tuple[str, str]] = set()
    for row in evidence.stored.rows:
        if row.gone:
            perhaps.update((kind, row.key.hex()) for kind in ("heard", "later"))
            continue
        said = row.contents[1] or {}
        text = str(said.get("text", ""))
        if row.sender_id == "echo":
            kind, _, key = text.partition(" ")
            answers[kind, key].append(row.position)
        elif "echo" in evidence.stored.members[row.conversation_id] and said.get("type") == "text":
            asked["heard", row.key.hex()] = row.position
            asks = [
                str((content or {}).get("text", "")).startswith("later ") for content in row.contents.values()
            ]
            if all(asks):
                asked["later", row.key.hex()] = row.position
            elif any(asks):
                perhaps.add(("later", row.key.hex()))
    noted: dict[tuple[str, str], list[int]] = defaultdict(list)
    for kind, key, position in evidence.stored.echoes:
        noted[kind, key].append(position)
    for what in {**asked, **answers, **noted}:
        if (
            len(answers[what]) != 1
            or answers[what] != noted[what]
            or (what not in asked and what not in perhaps)
        ):
            yield f"echo {what[0]} of {what[1]}: asked at {asked.get(what)}, answered at {answers[what]}, noted {noted[what]}"


def no_plugin_failed(evidence: Evidence) -> Findings:
    """No plugin failed three times on an event."""
    yield from (f"a plugin failed: {failure}" for failure in evidence.stored.failures)


# -- at the very end (10) ----------------------------------------------------------------------------------------------------


def all_read_the_same(evidence: Evidence) -> Findings:
    """The pages that a client reads at the end equal the database, as far as its user may see it."""
    stored = evidence.stored
    for record in evidence.records:
        mine = {name for name, left_at in stored.standing(record.user_id).items() if left_at is None}
        if mine != record.final.keys():
            yield f"{record.device_id} lists {sorted(record.final)}, and is in {sorted(mine)}"
        for conversation_id, (head, items) in record.final.items():
            positions = [item.position for item in items]
            if head != stored.heads.get(conversation_id) or positions != list(
                range(head - len(items) + 1, head + 1)
            ):
                yield f"{record.device_id} reads {positions} of {head} in {conversation_id}"
            for item in items:
                yield from _now(stored, record, item)


def _now(stored: Stored, record: Record, item: Item) -> Findings:
    row: Any = stored.by_place.get((item.conversation_id, item.position))
    if row is None or (row.key, row.revision, row.contents[row.revision]) != (
        item.key,
        item.revision,
        item.content,
    ):
        yield f"altered: {record.device_id} reads another {_name(item.conversation_id, item.position)} than is stored"


CHECKS: tuple[Callable[[Evidence], Findings], ...] = (
    positions_without_gap,
    one_row_for_a_key,
    shown_is_stored,
    shown_once_and_in_order,
    everything_was_shown,
    answers_are_true,
    gone_posts_are_told,
    falls_were_told,
    posts_in_order,
    rows_were_posted,
    features_agree,
    cursors_only_rise,
    changes_are_told,
    only_members_see_and_speak,
    whoever_is_out_is_told_nothing,
    echoed_once,
    no_plugin_failed,
    all_read_the_same,
)
