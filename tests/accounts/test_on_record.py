"""Whoever was shut out stays out, whatever copy of the database comes back; on a stopped database all of it is the same."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from imserver import Server
from imserver.chat.administration import Administration
from imserver.check.consistency import check_file
from imserver.clock import SystemClock
from imserver.config import Config, StoreConfig
from imserver.errors import RefusalCode
from imserver.store import SqliteStore
from tests.accounts.copies import restored
from tests.accounts.tokens import home, token, turned_away
from tests.store.support import Recorder, refusal_of
from tests.support.servers import config, running

ACTS: dict[str, Callable[[Server], Any]] = {
    "disabled": lambda server: server.administration.disable("alice"),
    "token": lambda server: server.administration.revoke("alice", token_id="a"),
    "device": lambda server: server.administration.revoke("alice", device_id="raw"),
    "everything": lambda server: server.administration.revoke("alice", everything=True),
}


@pytest.mark.parametrize("act", ACTS)
async def test_an_older_copy_that_is_put_back_still_refuses(tmp_path: Path, act: str) -> None:
    copy, lost = tmp_path / "copies" / "early.db", token(jti="a", iat=int(time.time()) - 2)
    copy.parent.mkdir()
    async with home(tmp_path) as here:
        await here.enter(lost)
        await here.server.backup(copy)
        await ACTS[act](here.server)
        assert await turned_away(here.server, lost)
    await restored(tmp_path, copy)
    async with Server(config(tmp_path)) as server:
        assert await turned_away(server, lost)
        assert not await turned_away(server, token("bob"))
        rows = await server.store.read(lambda reader: reader.audit_after(0, 10))
        assert [row.source for row in rows] == ["operator"], "the copy says who did it, too"


async def test_who_is_not_in_the_copy_at_all_is_not_made_anew_by_his_token(tmp_path: Path) -> None:
    copy, lost = tmp_path / "copies" / "early.db", token("late", jti="a", iat=int(time.time()) - 2)
    copy.parent.mkdir()
    async with home(tmp_path) as here:
        await here.server.backup(copy)
        await here.enter(lost)
        await here.server.administration.disable("late")
    await restored(tmp_path, copy)
    async with Server(config(tmp_path)) as server:
        assert await turned_away(server, lost)
        assert (await server.administration.user("late"))["state"] == "disabled"


async def test_who_was_let_in_again_is_let_in_by_a_copy_of_in_between(tmp_path: Path) -> None:
    copy, good = tmp_path / "copies" / "between.db", token(jti="a")
    copy.parent.mkdir()
    async with running(tmp_path) as server:
        await server.administration.disable("alice")
        await server.backup(copy)
        await server.administration.enable("alice")
    await restored(tmp_path, copy)
    async with Server(config(tmp_path)) as server:
        assert not await turned_away(server, good)


async def test_a_server_that_is_started_on_a_copy_by_hand_refuses_too(tmp_path: Path) -> None:
    """`cp` in place of the command: the server itself applies what is on record."""
    copy = tmp_path / "copies" / "early.db"
    copy.parent.mkdir()
    async with running(tmp_path) as server:
        await server.backup(copy)
        await server.administration.disable("alice")
    for end in ("", "-wal", "-shm"):
        (tmp_path / f"chat.db{end}").unlink(missing_ok=True)
    await asyncio.to_thread((tmp_path / "chat.db").write_bytes, await asyncio.to_thread(copy.read_bytes))
    async with Server(config(tmp_path)) as server:
        assert await turned_away(server, token("alice"))


# -- a stopped database -------------------------------------------------------------------------------------------------------


async def stopped(folder: Path, act: Callable[[Administration], Any]) -> Any:
    store = SqliteStore(StoreConfig(path=str(folder / "chat.db")), clock=SystemClock())
    await store.open(Recorder())
    try:
        return await act(Administration(store, SystemClock()))
    finally:
        await store.close()


async def test_on_a_stopped_database_it_is_the_same(tmp_path: Path) -> None:
    lost = token(jti="a", iat=int(time.time()) - 2)
    async with home(tmp_path) as here:
        await here.enter(lost)
    told = await stopped(tmp_path, lambda administration: administration.disable("alice"))
    assert (told["state"], told["sessions_ended"]) == ("disabled", 0)
    assert await stopped(tmp_path, lambda administration: administration.sessions()) == {
        "running": False,
        "sessions": [],
        "next": None,
    }
    assert (await stopped(tmp_path, lambda administration: administration.kick("alice")))[
        "sessions_ended"
    ] == 0
    await stopped(tmp_path, lambda administration: administration.revoke("alice", token_id="a"))
    assert (await check_file(tmp_path / "chat.db", {})).findings == []
    async with Server(config(tmp_path)) as server:
        assert await turned_away(server, lost)
        await server.administration.enable("alice")
        assert await turned_away(server, lost), "its token stays revoked"
        assert not await turned_away(server, token(jti="b"))


# -- lists --------------------------------------------------------------------------------------------------------------------


async def test_users_are_listed_page_by_page_and_by_what_they_are(tmp_path: Path) -> None:
    async with running(tmp_path, " ".join(f"user{number:02}" for number in range(25))) as server:
        administration = server.administration
        await administration.put_user("user03", roles=["staff"])
        await administration.put_user("user04", roles=["staffing"])
        await administration.disable("user05")
        seen: list[str] = []
        after: str | None = None
        while True:
            page = await administration.users(after, 7)
            assert len(page["users"]) <= 7
            seen += [user["user_id"] for user in page["users"]]
            after = page["next"]
            if after is None:
                break
        assert seen == sorted(f"user{number:02}" for number in range(25))
        for wanted, found in (
            ({"role": "staff"}, ["user03"]),
            ({"state": "disabled"}, ["user05"]),
            ({"kind": "bot"}, []),
            ({"state": "disabled", "role": "staff"}, []),
        ):
            page = await administration.users(**wanted)  # type: ignore[arg-type]
            assert [user["user_id"] for user in page["users"]] == found
        assert len((await administration.users(state="active", kind="person"))["users"]) == 24
        assert await refusal_of(administration.users(state="gone")) is RefusalCode.INVALID


async def test_names_that_cannot_be_are_nobodys(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        for name in ("\ud800", "a\0b", ""):
            assert await refusal_of(server.administration.user(name)) is RefusalCode.NOT_FOUND
            assert await refusal_of(server.administration.disable(name)) is RefusalCode.NOT_FOUND


def test_the_settings_of_a_test_make_accounts() -> None:
    """What is proved above about copies needs a server that makes accounts of tokens."""
    settings: Config = config(Path())
    assert settings.auth.create_users
