"""A feature that does a little of everything, for tests of the door."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from imserver.feature_api import (
    MOST_ITEMS,
    Asker,
    Device,
    Feature,
    Follow,
    Heard,
    Hooks,
    Message,
    Method,
    Need,
    Push,
    Read,
    Reader,
    Refusal,
    RefusalCode,
    Repetition,
    Services,
    Sessions,
    Shape,
    Signal,
    Snapshot,
    Task,
    Told,
    Transaction,
    Write,
    decode_content,
)

SCHEMA = """
CREATE TABLE trial_votes (
    place INTEGER NOT NULL, position INTEGER NOT NULL, user_no INTEGER NOT NULL, choice TEXT NOT NULL,
    PRIMARY KEY (place, position, user_no)
);
CREATE TABLE trial_counted (change INTEGER PRIMARY KEY, text TEXT NOT NULL);
"""


class VoteParams(Shape, frozen=True):
    """For a message; nil takes the vote back."""

    conversation_id: str
    position: int
    choice: str | None = None


class VoteResult(Shape, frozen=True):
    """How the message stands."""

    modseq: int
    extra: dict[str, Any]
    mine: dict[str, Any]


class TicketParams(Shape, frozen=True):
    """One ticket."""

    key: bytes
    row: int
    note: str = ""


class TicketResult(Shape, frozen=True):
    """Its number."""

    number: int
    duplicate: bool


class RenameParams(Shape, frozen=True):
    """A new name for the conversation."""

    conversation_id: str
    key: bytes
    title: str
    content: bytes = b"\x81\xa4type\xa3any"


class RenameResult(Shape, frozen=True):
    """The position of the system message."""

    position: int
    duplicate: bool


class VotesParams(Shape, frozen=True):
    """Of a message."""

    conversation_id: str
    position: int


class VotesResult(Shape, frozen=True):
    """Names."""

    user_ids: tuple[str, ...]


class WaitParams(Shape, frozen=True):
    """For so many turns of the loop."""

    text: str


class WaitResult(Shape, frozen=True):
    """What was posted."""

    position: int


class Waved(Shape, frozen=True):
    """Hello."""

    conversation_id: str


class TicketPush(Shape, frozen=True):
    """Somebody has one."""

    number: int


VOTE = Method("x-vote", VoteParams, VoteResult)
TICKET = Method("x-ticket", TicketParams, TicketResult)
RENAME = Method("x-rename", RenameParams, RenameResult)
VOTES = Method("x-votes", VotesParams, VotesResult)
WAIT = Method("x-wait", WaitParams, WaitResult)
WAVE = Signal("x-wave", Waved, Waved)
TICKET_PUSH = Push("x-ticket", TicketPush)
UNREGISTERED = Push("x-other", TicketPush)


class Trial:
    """The feature, and what its functions saw. Handlers of writes may run more than once, so only what is read counts them."""

    def __init__(self) -> None:
        self.tickets = 0
        self.wait: Callable[[Services], Any] | None = None
        self.devices: list[tuple[str, str, bool]] = []
        self.replaced: list[tuple[int, bool]] = []
        self.left: list[str] = []
        self.fail_hook = False
        self.fail_sessions = False
        self.fail_follow = 0

    def vote(self, tx: Transaction, asker: Asker, params: VoteParams) -> VoteResult:
        if asker.target.content is None:
            raise Refusal(RefusalCode.GONE, "taken back")
        place, user_no = tx.place(params.conversation_id), tx.user_no(asker.user_id)
        at = (place, params.position)
        if params.choice is None:
            tx.execute(
                "DELETE FROM trial_votes WHERE place = ? AND position = ? AND user_no = ?", (*at, user_no)
            )
        else:
            tx.execute(
                "INSERT INTO trial_votes VALUES (?, ?, ?, ?) ON CONFLICT (place, position, user_no)"
                " DO UPDATE SET choice = excluded.choice",
                (*at, user_no, params.choice),
            )
        self._show(tx, params.conversation_id, params.position, {asker.user_id: params.choice})
        stands = tx.item(params.conversation_id, params.position, asker.user_id)
        return VoteResult(stands.modseq, dict(stands.extra), dict(stands.mine))

    def _show(self, tx: Transaction, conversation_id: str, position: int, own: Mapping[str, Any]) -> None:
        rows = tx.execute(
            "SELECT choice, count(*) FROM trial_votes WHERE place = ? AND position = ? GROUP BY choice",
            (tx.place(conversation_id), position),
        )
        tx.set_item(conversation_id, position, dict(rows) or None, own if rows else dict.fromkeys(own))

    def ticket(self, tx: Transaction, asker: Asker, params: TicketParams) -> TicketResult:
        if params.row < 0:
            raise Refusal(RefusalCode.INVALID, "row", detail="row")
        self.tickets += 1
        tx.push([asker.user_id], TICKET_PUSH, TicketPush(self.tickets))
        return TicketResult(self.tickets, duplicate=False)

    def rename(self, tx: Transaction, asker: Asker, params: RenameParams) -> RenameResult:
        telling = {"event": "renamed", "title": params.title}
        return RenameResult(tx.post_system(params.conversation_id, telling), duplicate=False)

    def renamed_before(self, told: Message) -> RenameResult:
        return RenameResult(told.position, duplicate=True)

    def votes(self, reader: Reader, asker: Asker, params: VotesParams) -> VotesResult:
        rows = reader.execute(
            "SELECT p.user_id FROM trial_votes v JOIN people p ON p.user_no = v.user_no"
            " WHERE v.place = ? AND v.position = ? ORDER BY p.user_id",
            (reader.place(params.conversation_id), params.position),
        )
        return VotesResult(tuple(user_id for (user_id,) in rows))

    async def waited(self, services: Services, asker: Asker, params: WaitParams) -> WaitResult:
        assert self.wait is not None
        return WaitResult(await self.wait(services))

    def waved(self, sessions: Sessions, device: Device, said: Waved) -> None:
        if self.fail_sessions:
            raise RuntimeError("a fault of the feature's own")
        audience = sessions.audience(said.conversation_id) or {}
        sessions.tell([one for one in audience if one != device.user_id], WAVE, said)

    def came(self, sessions: Sessions, device: Device) -> None:
        if self.fail_sessions:
            raise RuntimeError("a fault of the feature's own")
        self.devices.append((device.user_id, device.device_id, device.attached))

    def on_replaced(self, tx: Transaction, conversation_id: str, message: Message) -> None:
        self.replaced.append((message.position, message.content is None))
        if message.content is None:
            at = (tx.place(conversation_id), message.position)
            tx.execute("DELETE FROM trial_votes WHERE place = ? AND position = ?", at)
            tx.set_item(conversation_id, message.position, None)
        if self.fail_hook:
            raise Refusal(RefusalCode.FORBIDDEN, "a hook says no")

    def on_left(self, tx: Transaction, conversation_id: str, user_id: str) -> None:
        self.left.append(user_id)
        self._take_away(tx, user_id, tx.place(conversation_id))

    def count(self, tx: Transaction, messages: Sequence[tuple[int, Message]]) -> None:
        for change, message in messages:
            text = str(decode_content(message.content or b"\x80").get("text", ""))
            if text == "poison" and self.fail_follow:
                self.fail_follow -= 1
                raise RuntimeError("a fault of the feature's own")
            tx.execute("INSERT INTO trial_counted VALUES (?, ?)", (change, text))

    def check_shout(self, content: Mapping[str, Any]) -> None:
        if content.get("text") != str(content.get("text")).upper():
            raise Refusal(RefusalCode.INVALID, "content: shout", detail="content.text")

    def export(self, reader: Reader, user_id: str) -> Mapping[str, Any]:
        rows = reader.execute(
            "SELECT choice FROM trial_votes WHERE user_no = ? ORDER BY 1", (reader.user_no(user_id),)
        )
        return {"votes": [choice for (choice,) in rows]}

    def erase(self, tx: Transaction, user_id: str) -> bool:
        return self._take_away(tx, user_id) == MOST_ITEMS

    def _take_away(self, tx: Transaction, user_id: str, only: int | None = None) -> int:
        """Some of a person's votes; returns how many. (Who left with more than fit keeps the rest.)"""
        user_no = tx.user_no(user_id)
        votes = tx.execute(
            "SELECT place, position FROM trial_votes WHERE user_no = ? AND (place = ? OR ? IS NULL) LIMIT ?",
            (user_no, only, only, MOST_ITEMS),
        )
        for place, position in votes:
            tx.execute(
                "DELETE FROM trial_votes WHERE place = ? AND position = ? AND user_no = ?",
                (place, position, user_no),
            )
            self._show(tx, tx.conversation_id(place), position, {user_id: None})
        return len(votes)

    def check_counts(self, snapshot: Snapshot) -> Iterator[str]:
        """What messages show is what was voted, for all and for each."""
        counts: dict[tuple[int, int], dict[str, int]] = {}
        own: dict[tuple[int, int, int], str] = {}
        for place, position, user_no, choice in snapshot.rows("SELECT * FROM trial_votes"):
            counts.setdefault((place, position), Counter())[choice] += 1
            own[place, position, user_no] = choice
        snapshot.looked_at(len(own))
        for place, position, user_no, value in snapshot.items():
            kept = (
                own.pop((place, position, user_no), None) if user_no else counts.pop((place, position), None)
            )
            if value != kept:
                yield f"{place}.{position} shows {user_no or 'all'} {value}, and {kept} was voted"
        for where in (*counts, *own):
            yield f"{where} shows nothing of a vote"

    def check_there(self, snapshot: Snapshot) -> Iterator[str]:
        """Votes are for messages that are there, and by members."""
        gone, members = set(snapshot.taken_back()), set(snapshot.members())
        for place, position, user_no in snapshot.rows("SELECT place, position, user_no FROM trial_votes"):
            if (place, position) in gone or (place, user_no) not in members:
                yield f"a vote by {user_no} for {place}.{position}"

    def feature(self) -> Feature:
        return Feature(
            "trial",
            migrations=((1, SCHEMA),),
            methods=(
                Write(VOTE, self.vote, Need.MARK, Repetition.NATURAL, aimed=True),
                Write(TICKET, self.ticket, Need.ACCOUNT, Repetition.OUTCOME, told_to_all=False),
                Write(
                    RENAME,
                    self.rename,
                    Need.ADMINISTER_CONVERSATION,
                    Repetition.MESSAGE,
                    content="content",
                    again=self.renamed_before,
                ),
                Read(VOTES, self.votes, Need.READ, aimed=True),
                Task(WAIT, self.waited, deadline_s=0.2),
            ),
            signals=(Heard(WAVE, self.waved, every_s=60.0),),
            pushes=(Told(TICKET_PUSH, by=VOTES),),
            follow=Follow(self.count),
            content_types={"x-shout": self.check_shout},
            hooks=Hooks(content_replaced=self.on_replaced, member_left=self.on_left),
            attached=self.came,
            detached=self.came,
            checks={"counts": self.check_counts, "there": self.check_there},
            export=self.export,
            erase=self.erase,
        )
