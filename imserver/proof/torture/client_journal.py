"""One client's record of all that it received, written at once so that it outlives a SIGKILL, and read back.

Each line is one `write` to a file of its own for each life of the client, of which one process may see several: once that call
has returned, a kill takes nothing back, and it can tear only the last line of its file.

Why no message that an application saw can be missing: the library counts a message as *done* only when the application asks
for the next one, after it has written the line. After a kill in between the next life gets the message again, marked, and
writes it down. A post is written down three times: before it is made (so that the checker knows every key that this user can
have posted), once the outbox has it (from then on it has to be stored), and when it is answered.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

import msgpack
import msgspec

from imserver.proof.booking.appointment_card import AppointmentCard, appointment_card
from imserver.proof.transcript import (
    Acknowledged,
    Fall,
    Post,
    Replaced,
    Seen,
    Transcript,
    digest_of,
    seen_of,
)
from imserver_client import Message, Posted

_FILE = "{name}.{life}.told"


class ClientJournal:
    """Written by one client in one life."""

    def __init__(self, folder: Path, name: str, life: int) -> None:
        self._folder = folder
        self._name = name
        self._encode = msgspec.msgpack.Encoder().encode
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._fd = os.open(folder / _FILE.format(name=name, life=life), flags, 0o600)

    def close(self) -> None:
        os.close(self._fd)

    def entered(self, begun: int) -> None:
        """A server has let this client in, by an attempt to connect that began at this time."""
        self._write("entered", begun, now_ms())

    def heads(self, heads: Mapping[str, int]) -> None:
        """Heads of the conversations before the load begins: once, in the first life."""
        self._write("heads", heads)

    def posting(self, key: bytes, conversation_id: str, content: Mapping[str, Any]) -> None:
        """A post is about to be made."""
        self._write("posting", key, conversation_id, digest_of(content))

    def taken(self, key: bytes) -> None:
        """The outbox has it."""
        self._write("taken", key)

    def answered(self, posted: Posted) -> None:
        """The server confirmed it as stored."""
        self._write("answered", posted.key, posted.conversation_id, posted.position)

    def refused(self, key: bytes, text: str) -> None:
        """The server refused it."""
        self._write("refused", key, text)

    def giving_up(self, key: bytes) -> None:
        """It is about to be abandoned: until that is answered, it may be stored or not."""
        self._write("giving_up", key)

    def given_up(self, key: bytes) -> None:
        """It is not stored and never will be."""
        self._write("given_up", key)

    def shown(self, message: Message) -> None:
        """A message was handed over."""
        self._write("shown", *astuple(seen_of(message, now_ms())), _card(message.content))

    def replaced(
        self, conversation_id: str, position: int, revision: int, content: Mapping[str, Any] | None
    ) -> None:
        """A message has this content now."""
        self._write("replaced", conversation_id, position, revision, digest_of(content), _card(content))

    def fell(self, conversation_id: str, keep: int, since: float) -> None:
        """Above `keep` a conversation is another one: an older copy of the database has come back. `since`: when the connection
        that told it began, in monotonic seconds of the machine."""
        self._write("fell", conversation_id, keep, since, time.monotonic())

    def cursors_fell(self, text: str, since: float) -> None:
        """Cursors are lower than a connection had said that began at `since`."""
        self._write("cursors_fell", text, since, time.monotonic())

    def gone(self, key: bytes, content: Mapping[str, Any] | None) -> None:
        """An own post is told to be gone, with its content if the client still has that."""
        self._write("gone", key, None if content is None else digest_of(content))

    def again(self, key: bytes) -> None:
        """A post is about to be made once more."""
        self._write("again", key)

    def noted(self, feature: str, facts: tuple[Any, ...]) -> None:
        """What an act of a feature wrote down."""
        self._write("noted", feature, facts)

    def rested(self, feature: str, facts: Iterable[tuple[Any, ...]]) -> None:
        """What the acts of a feature found at the end. Of several the last one counts."""
        self._write("rested", feature, list(facts))

    def caught_up(self, heads: Mapping[str, int]) -> None:
        """Everything up to these positions was handed over."""
        self._write("caught_up", heads)

    def trouble(self, text: str) -> None:
        """An incident that must not happen to a client."""
        self._write("trouble", text)

    def last_shown(self) -> dict[str, int]:
        """The last position of each conversation that this client was shown in all of its lives, or need not be shown."""
        last: dict[str, int] = {}
        for path in _files(self._folder, self._name):
            for kind, *fields in _lines(path):
                if kind == "heads":
                    last.update(fields[0])
                elif kind == "shown":
                    last[fields[0]] = fields[1]
                elif kind == "fell":
                    last[fields[0]] = min(last.get(fields[0], 0), fields[1])
        return last

    def _write(self, *fields: Any) -> None:
        line = self._encode(fields)
        if os.write(self._fd, line) != len(line):
            raise OSError("the disk is full: what clients are told cannot be written down")


def lives_of(folder: Path, name: str) -> int:
    """How many lives of a client have begun."""
    return len(_files(folder, name))


def now_ms() -> int:
    """UTC milliseconds, by the clock of which the server of this machine takes the times of messages."""
    return time.time_ns() // 1_000_000


def read_journal(folder: Path, name: str, user_id: str, *, comes_and_goes: bool = False) -> Transcript:
    """All lives of one client, in order."""
    transcript = Transcript(user_id, comes_and_goes, name)
    reader = _Reader(transcript)
    for number, path in enumerate(_files(folder, name)):
        if number:
            transcript.lives.append(len(transcript.seen))
        reader.life = number
        for kind, *fields in _lines(path):
            getattr(reader, kind)(*fields)
    reader.finish()
    return transcript


class _Reader:
    """A method for each kind of line.

    What a client was told to be void is void: of a message above a fall nothing remains but that it was shown. Of one below,
    whose edits may be void, what is told next counts alone.
    """

    def __init__(self, transcript: Transcript) -> None:
        self._transcript = transcript
        self.life = 0
        self._unsure: set[bytes] = set()
        #: By conversation and position: indexes of the message that is there, contents that it got later, cards in both.
        self._there: dict[str, dict[int, list[int]]] = defaultdict(dict)
        self._replaced: dict[str, dict[int, list[Replaced]]] = defaultdict(dict)
        self._cards: dict[str, dict[int, list[AppointmentCard]]] = defaultdict(dict)
        self._fallen: set[str] = set()
        self._names: dict[str, str] = {}  # one string for all lines that name a conversation

    def entered(self, begun: int, at: int) -> None:
        self._transcript.entries.append((begun, at))

    def heads(self, heads: dict[str, int]) -> None:
        self._transcript.heads = heads

    def posting(self, key: bytes, conversation_id: str, digest: bytes) -> None:
        self._transcript.posts[key] = Post(self._name(conversation_id), digest)

    def taken(self, key: bytes) -> None:
        self._transcript.posts[key].taken = key not in self._unsure

    def answered(self, key: bytes, conversation_id: str, position: int) -> None:
        post = self._transcript.posts[key]
        self._transcript.acknowledged.append(
            Acknowledged(self._name(conversation_id), position, key, post.digest)
        )

    def refused(self, key: bytes, text: str) -> None:
        if key in self._unsure:  # the server knows that it was given up, though its answer was lost
            self._transcript.given_up.add(key)
        else:
            self._transcript.refused[key] = text

    def giving_up(self, key: bytes) -> None:
        self._unsure.add(key)
        self._transcript.posts[key].taken = False

    def given_up(self, key: bytes) -> None:
        self._transcript.given_up.add(key)

    def shown(self, conversation_id: str, *fields: Any) -> None:
        *fields_of_seen, card = fields
        seen = Seen(self._name(conversation_id), *fields_of_seen)
        self._there[seen.conversation_id].setdefault(seen.position, []).append(len(self._transcript.seen))
        self._transcript.seen.append(seen)
        self._card(seen.conversation_id, seen.position, card)

    def cursors_fell(self, text: str, since: float, at: float) -> None:
        self._transcript.cursors_fell.append((text, since, at))

    def fell(self, conversation_id: str, keep: int, since: float, at: float) -> None:
        conversation_id, transcript = self._name(conversation_id), self._transcript
        transcript.falls.append(Fall(conversation_id, keep, since, at, len(transcript.seen), self.life))
        self._fallen.add(conversation_id)
        there = self._there[conversation_id]
        transcript.void.update(
            index for position, indexes in there.items() if position > keep for index in indexes
        )
        by_position: tuple[dict[int, Any], ...] = (
            there, self._replaced[conversation_id], self._cards[conversation_id],
        )  # fmt: skip
        for known in by_position:
            for position in [position for position in known if position > keep]:
                del known[position]

    def gone(self, key: bytes, digest: bytes | None) -> None:
        self._transcript.gone[key] = digest

    def again(self, key: bytes) -> None:
        self._transcript.again.add(key)

    def noted(self, feature: str, facts: list[Any]) -> None:
        self._transcript.notes.setdefault(feature, []).append(tuple(facts))

    def rested(self, feature: str, facts: list[list[Any]]) -> None:
        self._transcript.rests[feature] = [tuple(one) for one in facts]

    def replaced(self, conversation_id: str, position: int, revision: int, digest: bytes, card: Any) -> None:
        told = Replaced(self._name(conversation_id), position, revision, digest)
        if conversation_id in self._fallen:
            self._replaced[conversation_id].pop(position, None)
            self._cards[conversation_id].pop(position, None)
            for index in self._there[conversation_id].get(position, ()):
                seen = self._transcript.seen[index]
                self._transcript.seen[index] = replace(seen, revision=revision, digest=digest)
        self._replaced[conversation_id].setdefault(position, []).append(told)
        self._card(conversation_id, position, card)

    def caught_up(self, heads: dict[str, int]) -> None:
        self._transcript.ends = heads

    def trouble(self, text: str) -> None:
        self._transcript.troubles.append(text)

    def finish(self) -> None:
        """Everything was read."""
        transcript = self._transcript
        transcript.posted = list(transcript.posts)
        transcript.replaced = [
            one for told in self._replaced.values() for all_ in told.values() for one in all_
        ]
        transcript.cards = [
            card for cards in self._cards.values() for all_ in cards.values() for card in all_
        ]

    def _card(self, conversation_id: str, position: int, card: Any) -> None:
        if card is not None:
            self._cards[conversation_id].setdefault(position, []).append(AppointmentCard(*card))

    def _name(self, conversation_id: str) -> str:
        return self._names.setdefault(conversation_id, conversation_id)


def _card(content: Mapping[str, Any] | None) -> tuple[Any, ...] | None:
    card = appointment_card(content)
    return None if card is None else astuple(card)


def _files(folder: Path, name: str) -> list[Path]:
    """Of all lives, in order."""
    found = folder.glob(_FILE.format(name=name, life="*"))
    return sorted(found, key=lambda path: int(path.name.removeprefix(f"{name}.").partition(".")[0]))


def _lines(path: Path) -> Iterator[list[Any]]:
    """The lines of a file, without a torn last one."""
    with path.open("rb") as file:
        yield from msgpack.Unpacker(file, strict_map_key=False)
