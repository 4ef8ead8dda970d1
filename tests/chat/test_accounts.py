"""Accounts that are made at the first login, while the application makes them too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from imserver.model import User
from tests.support.servers import running


async def test_a_first_login_does_not_undo_what_the_application_wrote_meanwhile(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        store: Any = server.store
        read = store.read
        looked, go_on = asyncio.Event(), asyncio.Event()

        async def slow(query: Callable[..., Any]) -> Any:
            found = await read(query)
            looked.set()
            await go_on.wait()
            return found

        store.read = slow
        login = asyncio.create_task(
            server.accounts.authenticate(server.accounts.make_token("zoe", ttl_s=60), "phone")
        )
        await looked.wait()
        zoe = User("zoe", "Zoe Z", "de", ("staff",))
        await server.chat.put_user(zoe)
        go_on.set()
        identity = await login
        store.read = read
        assert identity.user == zoe
        assert await server.chat.users(["zoe"]) == [zoe]
