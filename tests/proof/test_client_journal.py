"""A client's journal is read back whole, across its lives and up to the moment of a kill."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from imserver.proof.booking.appointment_card import AppointmentCard
from imserver.proof.torture.client_journal import ClientJournal, read_journal
from imserver.proof.torture.logs import read_logs
from imserver.proof.transcript import Acknowledged, Post, Replaced, digest_of
from imserver_client import Message, Posted

HERE = "direct/ann/bob"
TEXT = {"type": "text", "text": "hello"}
CARD = {
    "type": "card",
    "title": "Booked",
    "text": "Sat 21 Nov 15:00",
    "ref": {"kind": "appointment", "id": "A7", "version": 2},
}


def message(position: int, content: dict[str, Any] | None = None, *, again: bool = False) -> Message:
    return Message(
        HERE, position, "bob", 1000, b"k%d" % position, content or TEXT, 1, False, again, lambda done: None
    )


def test_every_kind_of_line(tmp_path: Path) -> None:
    book = ClientJournal(tmp_path, "ann-1", 0)
    book.heads({HERE: 3})
    assert book.last_shown() == {HERE: 3}
    book.posting(b"a", HERE, TEXT)
    book.taken(b"a")
    book.answered(Posted(HERE, 4, 1000, b"a"))
    book.posting(b"b", HERE, TEXT)
    book.shown(message(5, CARD))
    book.replaced(HERE, 5, 2, TEXT)
    book.posting(b"c", HERE, TEXT)
    book.taken(b"c")
    book.refused(b"c", "TOO_LONG")
    book.trouble("something")
    book.close()
    book = ClientJournal(tmp_path, "ann-1", 1)
    assert book.last_shown() == {HERE: 5}
    book.shown(message(5, CARD, again=True))
    assert book.last_shown() == {HERE: 5}
    book.caught_up({HERE: 5})
    book.close()
    ClientJournal(tmp_path, "ann-10", 0).close()  # somebody else

    read = read_journal(tmp_path, "ann-1", "ann")
    digest = digest_of(TEXT)
    assert read.posts == {
        b"a": Post(HERE, digest, taken=True),
        b"b": Post(HERE, digest, taken=False),
        b"c": Post(HERE, digest, taken=True),
    }
    assert read.posted == [b"a", b"b", b"c"]
    assert read.acknowledged == [Acknowledged(HERE, 4, b"a", digest)]
    assert [(seen.position, seen.redelivered) for seen in read.seen] == [(5, False), (5, True)]
    assert read.lives == [1]
    assert read.replaced == [Replaced(HERE, 5, 2, digest)]
    assert read.cards == [AppointmentCard("A7", 2, "Booked", "Sat 21 Nov 15:00 ")] * 2
    assert (read.heads, read.ends, read.refused) == ({HERE: 3}, {HERE: 5}, {b"c": "TOO_LONG"})
    assert read.troubles == ["something"]


def test_a_post_that_is_given_up_may_be_stored_until_the_server_has_said_so(tmp_path: Path) -> None:
    book = ClientJournal(tmp_path, "ann-1", 0)
    for key in (b"a", b"b", b"c"):
        book.posting(key, HERE, TEXT)
        book.taken(key)
        book.giving_up(key)
    book.given_up(b"b")
    book.close()
    book = ClientJournal(tmp_path, "ann-1", 1)
    book.refused(b"c", "it was abandoned")
    book.close()
    read = read_journal(tmp_path, "ann-1", "ann")
    assert [post.taken for post in read.posts.values()] == [False] * 3
    assert read.given_up == {b"b", b"c"}
    assert not read.refused


def test_what_an_older_copy_made_void_is_void(tmp_path: Path) -> None:
    """Above the fall nothing stands; below it a message says what it is told to say behind it, and its card is that one's."""
    book = ClientJournal(tmp_path, "ann-1", 0)
    book.heads({HERE: 1})
    for position in (2, 3, 4):
        book.shown(message(position, CARD if position > 2 else None))
    book.replaced(HERE, 2, 2, {"type": "text", "text": "edited"})
    book.replaced(HERE, 4, 2, CARD)
    book.close()
    book = ClientJournal(tmp_path, "ann-1", 1)
    book.shown(message(4, CARD, again=True))
    book.fell(HERE, 3, 7.0)
    assert book.last_shown() == {HERE: 3}
    book.gone(b"a", TEXT)
    book.gone(b"b", None)
    book.again(b"a")
    book.cursors_fell("they fell", 7.0)
    book.replaced(HERE, 2, 1, TEXT)
    book.replaced(HERE, 3, 2, TEXT)
    book.shown(message(4))
    assert book.last_shown() == {HERE: 4}
    book.close()

    read = read_journal(tmp_path, "ann-1", "ann")
    assert [(seen.position, seen.revision) for seen in read.seen] == [(2, 1), (3, 2), (4, 1), (4, 1), (4, 1)]
    assert read.void == {2, 3}
    assert [seen.position for seen in read.standing] == [2, 3, 4]
    assert [(one.position, one.revision) for one in read.replaced] == [(2, 1), (3, 2)]
    assert read.cards == []
    [fall] = read.falls
    assert (fall.conversation_id, fall.keep, fall.since, fall.index, fall.life) == (HERE, 3, 7.0, 4, 1)
    assert fall.at > fall.since
    assert (read.gone, read.again) == ({b"a": digest_of(TEXT), b"b": None}, {b"a"})
    assert [(text, since) for text, since, _ in read.cursors_fell] == [("they fell", 7.0)]


def test_a_torn_line_was_never_written(tmp_path: Path) -> None:
    book = ClientJournal(tmp_path, "ann-1", 0)
    book.shown(message(1))
    book.shown(message(2))
    book.close()
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-3])
    book = ClientJournal(tmp_path, "ann-1", 1)
    book.shown(message(2, again=True))
    book.close()
    read = read_journal(tmp_path, "ann-1", "ann")
    assert [seen.position for seen in read.seen] == [1, 2]
    assert read.lives == [1]


def test_logs_tell_errors_from_bugs(tmp_path: Path) -> None:
    server, clients = tmp_path / "server.log", tmp_path / "clients-0.log"
    server.write_text(
        '{"event": "listening", "level": "info"}\n'
        '{"event": "plugin_handler_failed", "level": "error", "exception": "Traceback (most recent call last): …"}\n'
        '{"event": "plugin_handler_failed", "level": "error"}\n'
    )
    assert read_logs([server, clients]) == ({"plugin_handler_failed": 2}, [])
    clients.write_text("all is well\nTraceback (most recent call last):\n  File …\n")
    with server.open("a") as more:
        more.write('{"event": "Task exception was never retrieved\\\\nfuture", "level": "error"}\n')
    events, bugs = read_logs([server, clients])
    assert events.total() == 3
    assert [bug.split(": ")[0] for bug in bugs] == ["server.log:4", "clients-0.log:2"]
