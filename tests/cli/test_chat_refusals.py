"""What the terminal says of refusals: whose no it is, what of an allowance is used, and when it comes back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from imserver.cli.chat.blocks import BlocksLook
from imserver.cli.chat.command import Wanted, _why_stopped
from imserver.cli.chat.places import Names
from imserver.cli.chat.refusals import quota, reason, size
from imserver.cli.chat.render import Page, Shown, message_rows, plain
from imserver.cli.chat.session import ChatSession
from imserver.clock import SystemClock
from imserver_client import CloseCode, PostsDelayed, Refused, Stopped, User, connect
from imserver_client.environment import Environment
from tests.client.support.fake_server import FakeServer

NOON = 1_700_049_600_000  # 2023-11-15 12:00 UTC
PAGE = Page(now_ms=NOON, zone=ZoneInfo("Europe/Berlin"))
MIDNIGHT = NOON + 12 * 3_600_000
MB = 1024 * 1024


def used(name: str, limit: int, left: int, back_at: int | None) -> dict[str, Any]:
    return {"quota": name, "used": limit - left, "limit": limit, "left": left, "back_at": back_at}


@pytest.mark.parametrize(
    ("detail", "words"),
    [
        (used("bytes_per_day", 256 * MB, 0, MIDNIGHT), "today's 256 MB are used; again at 16 Nov 01:00"),
        (
            used("bytes_per_day", 256 * MB, 3 * MB + 5, NOON + 60_000),
            "of today's 256 MB only 3 MB are left; again at 13:01",
        ),
        (
            used("bytes_in_all", 20 * 1024 * MB, 0, None),
            "your 20 GB are used; the operator of the server can give more",
        ),
    ],
)
def test_an_allowance_that_is_used_up(detail: dict[str, Any], words: str) -> None:
    assert quota(detail, PAGE) == words
    assert reason(Refused(609, "no", detail), PAGE) == words


@pytest.mark.parametrize(
    "detail",
    [
        None,
        "peer",
        7,
        {},
        {"quota": "bytes_per_day"},
        {"quota": "bytes_per_day", "limit": "many"},
        {"quota": ["bytes_per_day"], "limit": 5},
        {"quota": "of another kind", "limit": 5, "left": 1, "back_at": 3},
    ],
)
def test_of_anything_else_the_server_s_own_text_is_shown(detail: Any) -> None:
    assert quota(detail, PAGE) == ""
    assert reason(Refused(609, "what the server says", detail), PAGE) == "what the server says"


def test_a_time_that_no_calendar_has_is_told_all_the_same() -> None:
    assert "again at 31 Dec 9999" in quota(used("bytes_per_day", MB, 0, 2**62), PAGE)


def test_a_size_is_never_more_than_there_is() -> None:
    assert [size(count) for count in (0, 1023, 1024, 3 * MB - 1, 2**70)] == [
        "0 bytes",
        "1023 bytes",
        "1 KB",
        "2 MB",
        f"{2**30} TB",
    ]


def test_whose_no_it_is() -> None:
    assert reason(Refused(602, "x", "peer"), PAGE, "Bob") == "Bob does not take messages from you"
    told = reason(Refused(602, "x", "request"), PAGE, "Bob")
    assert told == "Bob has your first message; write more when there is an answer"
    told = reason(Refused(602, "x", "blocked"), PAGE, "Bob")
    assert told == "you blocked Bob; /unblock takes it back"
    assert reason(Refused(602, "muted", {"muted_until": 5}), PAGE, "Bob") == "muted"
    assert reason(Refused(603, "x", "peer"), PAGE, "Bob") == "x", "a detail means what its code says"


def test_a_session_that_an_operator_ended_says_who_ended_it() -> None:
    wanted = Wanted("imserver://x", "t", "d", "alice", None, None, None, 1, 1)
    told = _why_stopped(Stopped(CloseCode.OK, "ended by an operator"), wanted)
    assert told == "imserver://x has ended this session: ended by an operator"


def test_access_that_was_taken_back_is_said_so() -> None:
    wanted = Wanted("imserver://x", "t", "d", "alice", None, None, None, 1, 1)
    told = _why_stopped(Stopped(CloseCode.REVOKED, "revoked"), wanted)
    assert "ended the access of alice" in told
    assert "new token" in told


def test_a_bot_is_marked_and_no_name_hides_the_mark() -> None:
    shown = Shown("Shop " * 20, NOON, {"type": "text", "text": "hi"}, bot=True)
    assert " (bot): hi" in plain(message_rows(shown, PAGE)[0])
    assert "(bot)" not in plain(message_rows(Shown("Bob", NOON, {"type": "text", "text": "hi"}), PAGE)[0])


async def test_names_know_who_is_a_bot() -> None:
    class People:
        async def users(self, user_ids: list[str]) -> list[User]:
            kinds = {"shop": "bot", "later": "a new kind"}
            return [User(one, "", "en", kinds.get(one, "person")) for one in user_ids]

    names = Names(cast("Any", People()))
    await names.learn(["shop", "alice", "later"])
    assert [one for one in ("shop", "alice", "later", "unknown") if names.is_bot(one)] == ["shop"]


# -- whom one takes no messages from ------------------------------------------------------------------------------------


class Blocked:
    """What the chat's look uses of `client.blocks`."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    async def put(self, user_id: str) -> None:
        self.ids.append(user_id)

    async def remove(self, user_id: str) -> None:
        self.ids.remove(user_id)

    async def people(self, *, after: str | None = None, limit: int = 50) -> tuple[list[str], str | None]:
        return self.ids[:limit], None


async def test_somebody_is_blocked_by_a_word_and_so_is_it_taken_back() -> None:
    said: list[str] = []

    async def say(text: str, style: str = "notice") -> None:
        said.append(text)

    blocked = Blocked()
    chat = SimpleNamespace(
        client=SimpleNamespace(blocks=blocked, user_id="me"), names=_Named(), say=say, complain=say
    )
    words = BlocksLook(cast("Any", chat)).commands()
    for line in (
        "/blocked",
        "/block",
        "/block mal\u202elory",
        "/blocked",
        "/unblock mal\u202elory",
        "/blocked",
        "/block me",
    ):
        word, _, rest = line.partition(" ")
        await words[word].handler(chat, rest)
    assert said[0] == "blocked: nobody"
    assert said[1] == "/block NAME: whom?"
    assert said[2].startswith("no more direct messages from MAL")
    assert said[3].startswith("blocked: MAL")
    assert said[4].endswith("can write to you again")
    assert said[5] == "blocked: nobody"
    assert said[6] == "/block NAME: that is you"
    assert not blocked.ids
    assert not any("\u202e" in text for text in said)


class _Named:
    def __call__(self, user_id: str) -> str:
        return user_id.upper()

    async def learn(self, user_ids: Any) -> None:
        pass


# -- at the screen ------------------------------------------------------------------------------------------------------


class Lines:
    """A screen that keeps what it shows."""

    width = 200

    def __init__(self) -> None:
        self.lines: list[str] = []

    async def show(self, rows: Any) -> None:
        self.lines += [plain(one) for one in rows]

    def refresh(self) -> None:
        pass


@pytest.fixture
async def server() -> AsyncIterator[FakeServer]:
    async with FakeServer() as server:
        yield server


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


async def test_what_is_refused_is_told_with_the_other_s_name(
    server: FakeServer, stack: AsyncExitStack
) -> None:
    def script(peer: Any, request: Any) -> bool:
        if request.method == "post":
            peer.connection.session.refuse(request.seq, 602, "forbidden", 0, "peer")
        return bool(request.method == "post")

    server.script = script
    environment = Environment(uniform=lambda low, high: low)
    alice = await stack.enter_async_context(connect(server.url, token="alice", environment=environment))
    screen = Lines()
    session = ChatSession(alice, screen, SystemClock())
    await session.open(alice.direct("bob"))
    await session.post("hello")
    await session.posted()
    assert screen.lines[-1] == "not sent: “hello” — Bob does not take messages from you"
    told = PostsDelayed(True, 700, "x", 1, 600.0, used("bytes_per_day", 256 * MB, 0, 1_800_000_000_000))
    await session._delayed(told)
    assert screen.lines[-1].startswith("— today's 256 MB are used; again at 15 Jan 2027 ")
    assert screen.lines[-1].endswith("; what waits goes out by itself —")
    await session.close()
