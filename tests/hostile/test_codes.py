"""An attacker's tools report the server's own words: tested on a made-up server."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any

import pytest

from imserver_protocol.errors import CloseCode, RefusalCode
from tests.hostile import crowds, floods
from tests.hostile.codes import CUT_OFF, GOES_ON, NONCE, Heard, fate, named
from tests.limits.raw import GOODBYE, PONG, REPLY, Answer, Raw, packed


class Taken:
    """Takes everything that is written."""

    def write(self, data: bytes) -> None:
        pass


def hearing(*frames: bytes, end: bool = True) -> Raw:
    """A socket on which these frames come."""
    reader = asyncio.StreamReader()
    reader.feed_data(b"".join(frames))
    if end:
        reader.feed_eof()
    writer: Any = Taken()
    return Raw(reader, writer)


BYE = packed(GOODBYE, 0, 0, CloseCode.SLOW, "", 0)


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ([BYE], CloseCode.SLOW),
        ([packed(GOODBYE, 0, 0, CloseCode.AUTH_TIMEOUT, "", 0)], CloseCode.AUTH_TIMEOUT),
        ([packed(REPLY, 1, 0, 1, None), BYE], CloseCode.SLOW),
        ([packed(PONG, 0, 0, NONCE + 1), BYE], CloseCode.SLOW),  # the PONG of another PING
        ([packed(PONG, 0, 0, NONCE), BYE], GOES_ON),
        ([packed(PONG, 0, 0, NONCE)], GOES_ON),
        ([], CUT_OFF),
        ([packed(REPLY, 1, 0, 1, None)], CUT_OFF),
        ([BYE[:-1]], CUT_OFF),
    ],
)
async def test_the_fate_of_a_connection(frames: list[bytes], code: int) -> None:
    assert await fate(hearing(*frames)) == code


async def test_nothing_may_come_behind_goodbye() -> None:
    with pytest.raises(AssertionError, match="after GOODBYE"):
        await fate(hearing(BYE, packed(PONG, 0, 0, NONCE)))


@pytest.mark.parametrize("code", [CloseCode.AUTH_TIMEOUT, CloseCode.TOO_MANY, CloseCode.AUTH_FAILED])
def test_the_code_in_what_a_bare_socket_got(code: CloseCode) -> None:
    assert crowds.code_in(packed(GOODBYE, 0, 0, code, "text", 5000)) == code
    assert crowds.code_in(packed(PONG, 0, 0, code)) == CUT_OFF
    assert crowds.code_in(b"") == CUT_OFF


def test_codes_are_printed_as_the_specification_names_them() -> None:
    heard = Heard(
        {CloseCode.INTERNAL: 1, RefusalCode.INTERNAL: 2, GOES_ON: 3, CUT_OFF: 4, 999: 5, 1000: 0}, "so"
    )
    assert str(heard) == "4 x cut off 3 x goes on 1 x INTERNAL 2 x INTERNAL 5 x 999 (no code); so"
    assert named(CloseCode.MALFORMED) == "MALFORMED"


class Asked:
    """A device whose requests are answered at once: every third with no."""

    def __init__(self) -> None:
        self.requests: list[tuple[Any, ...]] = []

    def request(self, *asked: Any) -> int:
        self.requests.append(asked)
        return len(self.requests) - 1

    async def answer(self, seq: int) -> Answer:
        await asyncio.sleep(0)
        return Answer(RefusalCode.RATE_LIMITED if seq % 3 == 0 else 0, "", 0, self.requests[seq])

    def forget(self, seq: int) -> None:
        pass

    async def hang_up(self) -> None:
        pass


class Place:
    """Where everybody comes in."""

    async def enter(self, name: str, device_id: str) -> tuple[Asked, None]:
        return Asked(), None


async def test_a_flood_holds_each_answer_against_its_request() -> None:
    raw: Any = Asked()
    codes = await floods.flood(
        raw, lambda n: ("ask", n), 0.05, 10, lambda n, answer: answer.result == ("ask", n)
    )
    assert set(codes) == {GOES_ON, RefusalCode.RATE_LIMITED}
    for wrong in (0, 7):

        def right(number: int, answer: Answer) -> bool:
            return number != wrong  # noqa: B023  asked while it is this one

        with pytest.raises(AssertionError):
            await floods.flood(raw, lambda n: ("ask", n), 5.0, 10, right)


async def test_a_flood_above_the_rate_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def spend(here: object, name: str) -> float:
        return time.monotonic()

    monkeypatch.setattr(floods, "spend", spend)
    here: Any = Place()
    heard = await floods.flooded(here, lambda n: ("ask", n), for_s=0.1)
    assert heard[GOES_ON] > 0
    with pytest.raises(AssertionError, match="more than the rate"):
        await floods.flooded(here, lambda n: ("ask", n), for_s=0.1, cost=1000.0)
    assert isinstance(heard, Counter)
