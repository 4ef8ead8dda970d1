"""The chat's memory of conversations and people: messages, receipts, buttons, and its bounds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from imserver.cli.chat import places as chat_places
from imserver.cli.chat.commands import handle_line
from imserver.cli.chat.places import MAX_NAMES_ASKED, MAX_REMEMBERED, Names, Place, users_in
from imserver.cli.chat.render import Tick
from imserver.cli.chat.session import ChatSession
from imserver.clock import SystemClock
from imserver_client import Cursor, GonePost, HistoryReplaced, Item, PostsGone, Refused

from .people import Paper

CARD = {"type": "card", "actions": [{"label": "yes", "command": "/yes"}]}
CARD_WITHOUT = {"type": "card", "title": "done"}
TEXT = {"type": "text", "text": "hi"}
SYSTEM = {"type": "system", "event": "added", "user": "carol"}


def item(position: int, sender: str, content: Any, revision: int = 1) -> Item:
    return Item("c", position, sender, 0, b"k" * 16, content, revision)


def place(*items: Item, **cursors: Cursor) -> Place:
    made = Place("c", "alice", "C")
    for one in items:
        made.note(one, cursors)
    return made


def test_a_tapped_button_reads_as_that_button() -> None:
    actions = [{"label": "Yes, do it", "command": "/plan 3 v1 yes"}, {"label": "Mine", "command": "/my"}]
    made = place()
    made.know_buttons({"type": "card", "actions": actions})

    def read(text: object) -> object:
        return made.as_tapped({"type": "text", "text": text})["text"]

    assert read("/plan 3 v1 yes") == "[Yes, do it]"
    assert read("/my") == "/my", "people type that, too"
    assert [read(text) for text in ("/plan 3 v1 no", "", 3, None)] == ["/plan 3 v1 no", "", 3, None]
    for content in (None, CARD, SYSTEM, {"type": "file", "text": "/plan 3 v1 yes"}):
        assert made.as_tapped(content) == content


def test_the_newest_buttons_are_known() -> None:
    made = place()
    for at in (*range(1, MAX_REMEMBERED + 3), 3):
        made.know_buttons({"type": "card", "actions": [{"label": f"{at}", "command": f"/do {at}"}]})

    def read(at: int) -> str:
        return str(made.as_tapped({"type": "text", "text": f"/do {at}"})["text"])

    assert [read(at) for at in (1, 2, 3, 4)] == ["/do 1", "/do 2", "[3]", "[4]"]
    assert len(made.labels) == MAX_REMEMBERED


@pytest.mark.parametrize(
    ("items", "taps"),
    [
        ([item(1, "bob", CARD)], ["/yes"]),
        ([item(1, "bob", CARD), item(2, "bob", TEXT)], []),
        ([item(1, "bob", CARD), item(2, "alice", TEXT)], ["/yes"]),
        ([item(1, "bob", CARD), item(2, "bob", SYSTEM)], ["/yes"]),
        ([item(1, "bob", CARD), item(1, "bob", CARD_WITHOUT, 2)], []),
        ([item(1, "bob", CARD), item(1, "bob", {**CARD, "actions": [{"command": "/new"}]}, 2)], ["/new"]),
        ([item(1, "bob", CARD_WITHOUT), item(1, "bob", CARD, 2)], ["/yes"]),
        ([item(1, "bob", TEXT), item(2, "bob", CARD), item(1, "bob", TEXT, 2)], ["/yes"]),
        ([item(2, "bob", CARD), item(1, "bob", {**CARD, "actions": [{"command": "/old"}]})], ["/yes"]),
        ([item(1, "bob", CARD), item(2, "bob", {**CARD, "actions": [{"command": "/new"}]})], ["/new"]),
    ],
)
def test_a_digit_taps_the_newest_card_that_nobody_has_answered(items: list[Item], taps: list[str]) -> None:
    assert [action.command for action in place(*items).actions] == taps


def test_more_than_99_unread_are_shown_as_that() -> None:
    """The server's count ends there, and the chat goes on counting from it."""
    found = place()
    shown = []
    for found.unread in (0, 1, 99, 100, 101):
        shown.append(found.unread_text())
    assert shown == ["0", "1", "99", "99+", "99+"]


def test_ticks_are_those_of_others_on_the_newest_own_message() -> None:
    cursors = {"alice": Cursor(9, 9), "bob": Cursor(5, 2), "carol": Cursor(1, 1)}
    items = [item(2, "alice", TEXT), item(4, "bob", TEXT), item(3, "alice", TEXT), item(1, "alice", TEXT)]
    found = place(*items, **cursors)
    assert found.others(cursors) == {"bob": (5, 2), "carol": (1, 1)}
    assert found.last_own == 3
    assert found.told == {"bob": Tick.DELIVERED, "carol": Tick.COMMITTED}


def test_another_history_is_another_place() -> None:
    found = place(item(7, "alice", TEXT), item(8, "bob", CARD), bob=Cursor(7, 7))
    found.shown_to = found.counted_to = 8
    assert found.fall(0) == ["a card"]
    fresh = place()
    for name in ("shown_to", "counted_to", "card_at", "last_own", "revisions", "actions", "told", "cards"):
        assert getattr(found, name) == getattr(fresh, name), name


def test_what_both_histories_have_stays_and_may_be_shown_again() -> None:
    edited = Item("c", 3, "bob", 0, b"", TEXT, 4)
    found = place(item(2, "alice", TEXT), edited, item(5, "bob", CARD))
    found.shown_to = 5
    assert found.fall(5) == []
    assert (found.shown_to, found.card_at, found.last_own, found.revisions) == (5, 5, 2, {2: 1, 3: 0, 5: 1})


async def test_a_history_that_was_replaced_is_told_in_plain_words_and_what_was_lost_can_be_sent_again() -> (
    None
):
    gone = GonePost(b"1" * 16, {"type": "text", "text": "see you"})

    async def events() -> AsyncIterator[Any]:
        yield HistoryReplaced("group/b", 7)
        yield PostsGone("group/b", (gone, GonePost(b"2" * 16, None)))

    sent: list[Any] = []

    async def post(conversation_id: str, content: Any, *, key: bytes | None = None) -> None:
        sent.append((conversation_id, content, key))

    paper = Paper()
    client: Any = SimpleNamespace(user_id="alice", events=events, server_features=frozenset(), post=post)
    session = ChatSession(client, paper, SystemClock())
    places = [session.place(name) for name in ("group/a", "group/b", "group/c")]
    for found in places:
        found.shown_to = found.counted_to = 8
        found.cards = {8: "Eye exam — Sat 15:00"}
    session.current = places[1]
    await session._read_events()
    assert [(found.shown_to, found.counted_to) for found in places] == [(8, 8), (7, 7), (8, 8)]
    shown = "\n".join(paper.lines)
    for words in (
        "set back to an older copy",
        "no longer known to the shop: Eye exam",
        "lost: see you",
        "/again",
    ):
        assert words in shown
    await handle_line(session, "/again")
    assert sent == [("group/b", {"type": "text", "text": "see you"}, b"1" * 16)]
    await handle_line(session, "/again")
    assert "nothing of yours was lost" in paper.lines[-1]
    assert len(sent) == 1


def test_of_very_many_messages_the_newest_are_remembered() -> None:
    found = place(*(item(position, "bob", TEXT) for position in range(1, MAX_REMEMBERED + 11)))
    assert sorted(found.revisions) == list(range(11, MAX_REMEMBERED + 11))


@pytest.mark.parametrize(
    ("content", "users"),
    [
        (SYSTEM, ["carol"]),
        ({"type": "text", "event": "added", "user": "carol"}, []),
        ({"type": "system", "event": "added", "user": 3}, []),
        (None, []),
    ],
)
def test_what_only_the_server_says(content: Any, users: list[str]) -> None:
    assert users_in(content) == users


class Known:
    """Accounts that may be asked for, so many at a time."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.refuses = False

    async def users(self, user_ids: list[str]) -> list[Any]:
        assert len(user_ids) <= MAX_NAMES_ASKED
        self.asked.append(user_ids)
        if self.refuses:
            raise Refused(404, "no")
        return [
            SimpleNamespace(user_id=each, display_name=each.title(), is_bot=False)
            for each in user_ids
            if each != "nobody"
        ]


@pytest.mark.parametrize("count", [0, 1, MAX_NAMES_ASKED, MAX_NAMES_ASKED + 1, 3 * MAX_NAMES_ASKED + 5])
async def test_every_name_is_asked_for_once_whatever_their_number(count: int) -> None:
    client: Any = Known()
    names = Names(client)
    users = [f"u{number:04}" for number in range(count)]
    await names.learn([*users, "", *users])
    assert [names(user) for user in users] == [user.title() for user in users]
    assert [user for asked in client.asked for user in asked] == users
    await names.learn(users)
    assert len(client.asked) == -(-count // MAX_NAMES_ASKED)


async def test_who_has_no_name_is_called_by_the_id() -> None:
    client: Any = Known()
    names = Names(client)
    await names.learn(["nobody"])
    client.refuses = True
    await names.learn(["bob"])
    assert (names("nobody"), names("bob")) == ("nobody", "bob")


async def test_names_are_remembered_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_places, "MAX_NAMES", 3)
    client: Any = Known()
    names = Names(client)
    for number in range(9):
        await names.learn([f"u{number}"])
        assert names(f"u{number}") == f"U{number}"
    assert sum(names(f"u{number}") != f"u{number}" for number in range(9)) <= 4
