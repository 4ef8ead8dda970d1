"""When the server takes posts later the client says so, and why: once when that begins and once when it is over."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from imserver.config import LimitsConfig
from tests.client.stories.delays import *  # noqa: F403
from tests.client.stories.delays import DIRECT, PATIENCE_S, alice, told
from tests.support.servers import running

#: More than the server takes at once, by default.
MANY = LimitsConfig().posts_burst + 40


async def test_posts_at_once_beyond_the_default_limits_are_told_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "imserver_client")
    async with running(tmp_path) as server, alice(server) as client:
        found, hearing = told(client)
        await asyncio.sleep(0)  # it listens
        posted = await asyncio.gather(*(client.post(DIRECT, str(number)) for number in range(MANY)))
        async with asyncio.timeout(PATIENCE_S):
            await hearing
    assert [one.position for one in posted] == list(range(1, MANY + 1))
    assert [one.delayed for one in found] == [True, False]
    assert 40 <= found[0].waiting <= MANY
    assert found[0].retry_in_s is not None
    assert (found[1].waiting, found[1].retry_in_s) == (0, None)
    said = [record for record in caplog.records if "posts" in record.message]
    assert [record.levelname for record in said] == ["WARNING", "INFO"]
