"""The page's reads with the real client against a real server: from looking to booked, and told of each change on the way."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import msgspec

from imserver import Server
from imserver.config import HttpConfig
from imserver.model import User
from imserver.plugins.booking.schedule.hours import wall_of, zone_named
from tests.support.node import NODE
from tests.support.servers import config

SCRIPT = Path(__file__).parent / "pages" / "reads_live.js"


async def test_from_looking_to_booked(tmp_path: Path) -> None:
    settings = msgspec.structs.replace(config(tmp_path, plugins={"booking": {}}), http=HttpConfig(port=0))
    async with Server(settings) as server:
        await server.chat.put_user(User("ann", "Ann", "en"))
        day = wall_of(server.clock.now_ms(), zone_named("Asia/Shanghai")).date() + timedelta(days=5)
        asked = {
            "origin": f"http://127.0.0.1:{server.http_port}",
            "token": server.accounts.make_token("ann", ttl_s=60),
            "shop": "garden",
            "wall": f"{day}T15:00",
        }
        program = await asyncio.create_subprocess_exec(
            NODE,
            str(SCRIPT),
            json.dumps(asked),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await asyncio.wait_for(program.communicate(), 45)
        assert program.returncode == 0, errors.decode()[-2000:]
    told = json.loads(output)
    assert (told["service"], told["strip"]) == ("exam", 14)
    assert told["before"] > 10
    assert (told["booked"]["wall"], told["booked"]["name"]) == (f"{day}T15:00", "<b>Ann</b>")
    assert told["booked"]["status"] == "confirmed"
