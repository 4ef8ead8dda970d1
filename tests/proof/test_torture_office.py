"""The operator of a torture run: insists on answers, knows who is out, and for how long that is certain."""

from __future__ import annotations

import asyncio
from collections import Counter
from random import Random
from typing import Any

import pytest

from imserver.proof.access_checks import Out
from imserver.proof.taken_back import Restore
from imserver.proof.torture import office as offices
from imserver.proof.torture.office import DEVICE, DISABLED, EVERYTHING, TOKEN, Office
from imserver.proof.torture.older_copies import Kind, PutBack
from imserver.proof.torture.participants import Part

ANN, BOB = (Part(name, f"{name}-1", "employee") for name in ("ann", "bob"))


class Server:
    """Answers as it is told to, and otherwise that it was done."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.answers: list[dict[str, Any] | None] = []
        #: It was asked eight times.
        self.enough = asyncio.Event()

    async def operate(self, operation: str, user_id: str, **more: Any) -> dict[str, Any] | None:
        self.asked.append((operation, user_id, *more.items()))
        if len(self.asked) == 8:
            self.enough.set()
        return self.answers.pop(0) if self.answers else {"sessions_ended": 0, "changed": True}

    def token(self, user_id: str, *, device_id: str, token_id: str) -> str:
        return f"{user_id} {device_id} {token_id}"


class Pool:
    def __init__(self) -> None:
        self.tokens: list[tuple[str, str]] = []

    def give_token(self, name: str, token: str) -> None:
        self.tokens.append((name, token))


class Place:
    """An office at a time that the test sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100
        monkeypatch.setattr(offices, "now_ms", lambda: self.now)
        monkeypatch.setattr(offices, "AGAIN_S", 0.0)
        self.server, self.pool = Server(), Pool()
        self.acts: Counter[str] = Counter()
        self.outs: list[Out] = []
        self.office = Office(self.server, self.pool, (ANN, BOB), Random(1), self.acts, self.outs)  # type: ignore[arg-type]

    async def ends(self, part: Part, way: str, at: int) -> None:
        self.now = at
        await self.office._end(part, way)

    async def lets_in(self, part: Part, at: int) -> None:
        self.now = at
        await self.office._let_in(part)

    def copy_comes(self, kind: Kind, taken_at: int, at: int) -> None:
        self.now = at
        self.office.put_back(PutBack(kind, Restore(0.0), taken_at))


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Place:
    return Place(monkeypatch)


async def test_one_is_out_from_the_answer_until_the_next_request(place: Place) -> None:
    place.server.answers = [None, {"refused": "busy", "again": True}]
    await place.ends(ANN, DISABLED, 200)
    await place.lets_in(ANN, 300)
    assert place.outs == [Out("ann", 200, 300)]
    assert place.server.asked == [("disable_user", "ann")] * 3 + [("enable_user", "ann")]
    assert place.acts == {DISABLED: 1}
    assert place.pool.tokens == [], "it may come in with the one it has"


@pytest.mark.parametrize(
    ("way", "what"),
    [(TOKEN, ("everything", True)), (DEVICE, ("device_id", "ann-1")), (EVERYTHING, ("everything", True))],
)
async def test_another_token_comes_behind_one_that_was_revoked(
    place: Place, way: str, what: tuple[str, Any]
) -> None:
    """Of the first one nobody knows the id."""
    await place.ends(ANN, way, 200)
    assert place.server.asked == [("revoke_tokens", "ann", what)]
    await place.lets_in(ANN, 300)
    [(name, token)] = place.pool.tokens
    assert (name, token.split()[:2]) == ("ann-1", ["ann", "ann-1"])
    await place.ends(ANN, TOKEN, 400)
    assert place.server.asked[-1] == ("revoke_tokens", "ann", ("token_id", token.split()[2]))
    assert place.outs == [Out("ann", 200, 300)]


async def test_an_older_folder_may_let_in_who_was_shut_out_since(place: Place) -> None:
    await place.ends(ANN, DISABLED, 200)
    await place.ends(BOB, EVERYTHING, 300)
    place.copy_comes(Kind.DATABASE, 250, 400)
    assert place.outs == [], "the ledger stays"
    place.copy_comes(Kind.FOLDER, 250, 500)
    assert place.outs == [Out("bob", 300, 500)]
    await place.lets_in(ANN, 600)
    await place.lets_in(BOB, 700)
    assert place.outs == [Out("bob", 300, 500), Out("ann", 200, 600)]
    assert [name for name, _ in place.pool.tokens] == ["bob-1"]


async def test_behind_an_older_folder_all_are_let_in_before_the_next_act(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offices, "PAUSE_S", (0.01, 0.01))
    monkeypatch.setattr(offices, "OUT_S", (0.0, 0.0))
    place.copy_comes(Kind.FOLDER, 250, 500)
    keeping = asyncio.create_task(place.office.keep())
    async with asyncio.timeout(20):
        await place.server.enough.wait()
    place.office.stop()
    await keeping
    assert place.server.asked[:2] == [("enable_user", "ann"), ("enable_user", "bob")]
    assert [operation for operation, *_ in place.server.asked[2:8:2]] != ["enable_user"] * 3
    assert place.server.asked[-1][0] == "enable_user"
    assert len(place.outs) == place.acts.total()
