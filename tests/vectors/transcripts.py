"""The transcripts of the vectors, played."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any, TypeVar

from imserver import Config, Server
from imserver.config import AuthConfig, HttpConfig, LimitsConfig, ServerConfig, StoreConfig
from imserver.model import User
from imserver.testing import ManualClock
from tests.store.support import take_back
from tests.vectors.second_reader import Player, filled

P = TypeVar("P", bound=Player)


VECTORS = Path(__file__).resolve().parents[2] / "protocol" / "vectors"


FRAMES = json.loads((VECTORS / "frames.json").read_text(encoding="utf-8"))["frames"]


LATER = json.loads((VECTORS / "later.json").read_text(encoding="utf-8"))["frames"]


TOKENS = json.loads((VECTORS / "tokens.json").read_text(encoding="utf-8"))["tokens"]


CONTENTS = json.loads((VECTORS / "contents.json").read_text(encoding="utf-8"))["contents"]


TRANSCRIPTS = [
    json.loads(path.read_text(encoding="utf-8")) for path in sorted((VECTORS / "transcripts").glob("*.json"))
]


async def play_all(
    transcript: dict[str, Any], folder: Path, player_type: type[P], http: HttpConfig | None = None
) -> P:
    """Play it against a real server, over `http` if that is given. Returns the player, with what it has seen."""
    config = Config(
        server=ServerConfig(port=0),
        store=StoreConfig(path=str(folder / "chat.db")),
        auth=AuthConfig(secret="a secret for tests that is long enough"),
        limits=LimitsConfig(**{"strangers": "open", **transcript.get("limits", {})}),
        http=http,
    )
    # Time is that of the transcript: however long a machine takes for its steps, a rate gives out what its waits give.
    clock = ManualClock(time.time_ns() // 1_000_000)
    async with Server(config, clock=clock) as server:
        for name in transcript["users"]:
            await server.chat.put_user(User(name, name.title()))
        player = player_type(
            ("127.0.0.1", server.port if http is None else server.http_port),
            lambda user, device: server.accounts.make_token(user, ttl_s=3600, device_id=device),
        )
        try:
            await play(player, server, clock, transcript["steps"])
        finally:
            for socket in player.sockets.values():
                socket.close()
    return player


async def play(player: Player, server: Server, clock: ManualClock, steps: list[dict[str, Any]]) -> None:
    for number, step in enumerate(steps):
        clock.advance(
            step.get("wait_ms", 0) / 1000
        )  # before the sleep, in which the server looks again who has waited
        try:
            if "wait_ms" in step:
                clock.advance(step["wait_ms"] / 1000)
            elif "stop_server" in step:
                await server.stop()
            elif "take_back" in step:
                await take_back_as(server, **step["take_back"])
            else:
                await asyncio.to_thread(player.step, step)
        except Exception as error:
            error.add_note(f"step {number}: {json.dumps(step, ensure_ascii=False)}")
            raise


async def take_back_as(server: Server, by: str, conversation: str, position: int, key: Any) -> None:
    """As a plugin of this server does it: no client of this version can."""
    await server.store.write(lambda tx: take_back(tx, conversation, by, filled(key, {}), position))
