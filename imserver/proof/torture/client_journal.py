"""One client's record of all that it received, written at once so that it outlives a SIGKILL, and read back.

Each line is one `write` to a file of its own for each life of the process: once that call has returned, a kill takes nothing
back, and it can tear only the last line of its file.

Why no message that an application saw can be missing: the library counts a message as *done* only when the application asks
for the next one, after it has written the line. After a kill in between the next life gets the message again, marked, and
writes it down. A post is written down three times: before it is made (so that the checker knows every key that this user can
have posted), once the outbox has it (from then on it has to be stored), and when it is answered.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple
from pathlib import Path
from typing import Any

import msgpack
import msgspec

from imserver.proof.booking.appointment_card import AppointmentCard, appointment_card
from imserver.proof.transcript import (
    Acknowledged,
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
    """Written by one client in one life of its process."""

    def __init__(self, folder: Path, name: str, life: int) -> None:
        self._folder = folder
        self._name = name
        self._encode = msgspec.msgpack.Encoder().encode
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._fd = os.open(folder / _FILE.format(name=name, life=life), flags, 0o600)

    def close(self) -> None:
        os.close(self._fd)

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
        self._write("shown", *astuple(seen_of(message)), _card(message.content))

    def replaced(
        self, conversation_id: str, position: int, revision: int, content: Mapping[str, Any] | None
    ) -> None:
        """A message has this content now."""
        self._write("replaced", conversation_id, position, revision, digest_of(content), _card(content))

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
        return last

    def _write(self, *fields: Any) -> None:
        line = self._encode(fields)
        if os.write(self._fd, line) != len(line):
            raise OSError("the disk is full: what clients are told cannot be written down")


def read_journal(folder: Path, name: str, user_id: str) -> Transcript:
    """All lives of one client, in order."""
    transcript = Transcript(user_id)
    reader = _Reader(transcript)
    for number, path in enumerate(_files(folder, name)):
        if number:
            transcript.lives.append(len(transcript.seen))
        for kind, *fields in _lines(path):
            getattr(reader, kind)(*fields)
    transcript.posted = list(transcript.posts)
    return transcript


class _Reader:
    """A method for each kind of line."""

    def __init__(self, transcript: Transcript) -> None:
        self._transcript = transcript
        self._unsure: set[bytes] = set()
        self._names: dict[str, str] = {}  # one string for all lines that name a conversation

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
        self._transcript.seen.append(Seen(self._name(conversation_id), *fields_of_seen))
        self._card(card)

    def noted(self, feature: str, facts: list[Any]) -> None:
        self._transcript.notes.setdefault(feature, []).append(tuple(facts))

    def rested(self, feature: str, facts: list[list[Any]]) -> None:
        self._transcript.rests[feature] = [tuple(one) for one in facts]

    def replaced(self, conversation_id: str, position: int, revision: int, digest: bytes, card: Any) -> None:
        self._transcript.replaced.append(Replaced(self._name(conversation_id), position, revision, digest))
        self._card(card)

    def caught_up(self, heads: dict[str, int]) -> None:
        self._transcript.ends = heads

    def trouble(self, text: str) -> None:
        self._transcript.troubles.append(text)

    def _card(self, card: Any) -> None:
        if card is not None:
            self._transcript.cards.append(AppointmentCard(*card))

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
