"""The one way from a command to the accounts: pages that fit a line, errors that read the same, a server that goes away."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from imserver.chat.administration import Administration
from imserver.chat.transaction import Transaction
from imserver.cli.control import MAX_LINE_BYTES, Operation, control_path, serve_control
from imserver.cli.desk import PAGE_ROWS, Desk, Nobody, operations
from imserver.clock import SystemClock
from imserver.config import Config, StoreConfig
from imserver.errors import Refusal, RefusalCode, StartError
from imserver.model import User
from imserver.store.sqlite.store import SqliteStore
from tests.cli import warm
from tests.cli.processes import PATIENCE_S, environment, imserver, serving

LOG = logging.getLogger("desk")


def user(number: int, name: str = "") -> dict[str, Any]:
    user_id = f"user-{number:05}"
    return {
        "user_id": user_id,
        "display_name": name or user_id,
        "state": "active",
        "kind": "person",
        "roles": [],
    }


class Many:
    """An administration of many users with long names, which counts how often it is asked."""

    def __init__(self, count: int, name: str, revoked: int = 0) -> None:
        self.users_there = [user(number, name) for number in range(count)]
        self.revoked = revoked
        self.asked = 0

    async def users(self, after: str | None = None, limit: int = 0, **_: object) -> dict[str, Any]:
        self.asked += 1
        behind = [each for each in self.users_there if after is None or each["user_id"] > after]
        limit = max(1, limit)
        page = behind[:limit]
        return {"users": page, "next": page[-1]["user_id"] if len(behind) > limit else None}

    async def tokens(self, user_id: str) -> dict[str, Any]:
        if user_id != "li":
            raise Refusal(RefusalCode.NOT_FOUND, "no such user")
        tokens = [{"token_id": f"{number}", "device_id": "手" * 21} for number in range(1000)]
        before = [
            {"device_id": "手" * 20 + f"{number}" if number else None, "before": 0}
            for number in range(self.revoked)
        ]
        return {"tokens": tokens if not before else tokens[:3], "revoked_before": before, "more": False}

    async def disable(self, user_id: str) -> dict[str, Any]:
        raise Refusal(RefusalCode.INVALID, "a bot has no tokens")


def served(of: object) -> Mapping[str, Operation]:
    return operations(cast("Administration", of))


def config(folder: Path) -> Config:
    return Config(store=StoreConfig(path=str(folder / "imserver.db")))


async def listed(desk: Desk) -> list[str]:
    return [each["user_id"] async for page in desk.pages("users") for each in page]


@pytest.mark.parametrize("name", ["li", "🏳️" * 50, "\U0001f453" * 1500])
async def test_a_page_fits_a_line_however_long_its_rows_are(tmp_path: Path, name: str) -> None:
    many = Many(450, name)
    async with (
        serve_control(control_path(config(tmp_path).store.path), served(many), LOG),
        Desk(config(tmp_path)) as desk,
    ):
        assert await listed(desk) == [each["user_id"] for each in many.users_there]
        assert desk.running
    if name == "li":
        assert many.asked == 450 // PAGE_ROWS + 1


async def test_more_tokens_than_a_line_holds_are_the_newest_and_it_says_so() -> None:
    told = await served(Many(0, ""))["tokens"]({"user_id": "li"})

    assert len(json.dumps({"result": told})) < MAX_LINE_BYTES
    assert told["more"]
    assert [row["token_id"] for row in told["rows"]] == [str(number) for number in range(len(told["rows"]))]
    assert len(told["rows"]) > 200


async def test_more_revoked_devices_than_a_line_holds_do_not_stop_the_server() -> None:
    """However many tokens are left out, the line would be as long: the loop that cuts it would never end."""
    told = await served(Many(0, "", revoked=900))["tokens"]({"user_id": "li"})

    assert len(json.dumps({"result": told})) < MAX_LINE_BYTES
    assert told["more"]
    assert [row["token_id"] for row in told["rows"]] == ["0", "1", "2"]
    assert told["revoked_before"][0] == {"device_id": None, "before": 0}
    assert len(told["revoked_before"]) > 200


@pytest.mark.parametrize("limit", [1, 0, -1])
async def test_a_row_that_is_longer_than_a_line_does_not_stop_the_server(limit: int) -> None:
    many = Many(2, "x" * MAX_LINE_BYTES)
    told = await served(many)["users"]({"limit": limit})
    assert [row["user_id"] for row in told["rows"]] == ["user-00000"]


async def test_a_refusal_is_an_answer_and_a_name_that_is_not_there_is_told_apart(tmp_path: Path) -> None:
    async with (
        serve_control(control_path(config(tmp_path).store.path), served(Many(9, "")), LOG),
        Desk(config(tmp_path)) as desk,
    ):
        with pytest.raises(StartError, match=r"^a bot has no tokens$"):
            await desk.ask("disable_user", user_id="bot")
        with pytest.raises(StartError, match=r"^there is no user 'usr-00003'. Did you mean 'user-00003'\?$"):
            await desk.ask("tokens", user_id="usr-00003")


async def test_a_name_is_looked_for_among_a_bounded_number_of_accounts(tmp_path: Path) -> None:
    many = Many(20_000, "")
    async with (
        serve_control(control_path(config(tmp_path).store.path), served(many), LOG),
        Desk(config(tmp_path)) as desk,
    ):
        with pytest.raises(StartError, match="there is no user 'nobody'"):
            await desk.ask("tokens", user_id="nobody")
    assert many.asked < 20


async def test_a_server_that_stops_within_a_list_is_told_and_its_database_not_opened(tmp_path: Path) -> None:
    many = Many(450, "li")
    async with Desk(config(tmp_path)) as desk:
        async with serve_control(control_path(config(tmp_path).store.path), served(many), LOG):
            pages = desk.pages("users")
            assert len(await anext(pages)) == PAGE_ROWS
        with pytest.raises(StartError, match="the server stopped meanwhile; try again") as failed:
            await anext(pages)
    assert failed.value.again
    assert not (tmp_path / "imserver.db").exists()


async def test_without_a_server_the_database_is_opened_once_and_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imserver.cli.desk.START_WAIT_S", 0.001)
    there = config(tmp_path)
    for _ in range(2):
        async with Desk(there) as desk:
            assert await listed(desk) == []
            assert desk.running is False
            with pytest.raises(StartError, match="in use by a process that does not take commands"):
                await other(there)


async def other(there: Config) -> None:
    async with Desk(there) as desk:
        await desk.ask("users")


async def fill(folder: Path, count: int) -> None:
    store = SqliteStore(config(folder).store, clock=SystemClock())
    await store.open(Nobody())
    users = [User(f"user-{number:05}", display_name="李雷" * 20) for number in range(count)]

    def put(tx: Transaction) -> None:
        for each in users:
            tx.put_user(each)

    await store.write(put)
    await store.close()


def test_whoever_reads_only_the_beginning_of_a_list_ends_it_without_a_word(tmp_path: Path) -> None:
    asyncio.run(fill(tmp_path, 2000))
    (in_, in_end), (out, out_end), (err, err_end) = (os.pipe() for _ in range(3))
    listing = warm.Forked(tmp_path, ["user", "list"], environment(), [in_, out_end, err_end], [])
    for number in (in_, in_end, out_end, err_end):
        os.close(number)
    try:
        assert os.read(out, 4).decode() == "user"
        os.close(out)
        assert listing.read([err], PATIENCE_S) == [b""]
        assert listing.returncode == 1
    finally:
        listing.kill()
        os.close(err)
    # Nobody has the database any more, and a server pages as a stopped database does.
    stopped = imserver(tmp_path, "user", "list").stdout
    assert stopped.endswith("\n2,000 users\n")
    with serving(tmp_path):
        assert imserver(tmp_path, "user", "list").stdout == stopped
