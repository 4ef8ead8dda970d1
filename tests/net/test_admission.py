"""Counts of connections by address: a connection that is turned away must leave them as they were."""

from __future__ import annotations

from pathlib import Path

from tests.limits.raw import Raw, eventually
from tests.support.servers import running

TOO_MANY = 400


async def test_who_is_turned_away_because_the_house_is_full_does_not_make_room_for_his_address(
    tmp_path: Path,
) -> None:
    limits = {"max_connections": 2, "max_connections_per_address": 2}
    async with running(tmp_path, limits=limits) as server, await Raw.open(server) as one:
        await one.enter(server, "alice")
        async with await Raw.open(server) as two:
            await two.enter(server, "bob")
            for _ in range(3):
                async with await Raw.open(server) as refused:
                    assert (await refused.goodbye()).text == "too many connections"
            await eventually(lambda: len(server.listener.transports) == 2)
            open_connections = server.listener._addresses._open
            assert open_connections == {"127.0.0.1": 2}
        await eventually(lambda: not server.listener._addresses._open["127.0.0.1"] > 1)
    assert not server.listener._addresses._open
