"""A relay on the `websockets` library: `/s/PLACE` sends, `/r/PLACE` receives.

`python -m benchmarks.ws_relay 0` prints the port that it chose.
"""

from __future__ import annotations

import asyncio
import sys

import uvloop
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

_INDEX = slice(1, 17)


class Relay:
    """Receivers by place."""

    def __init__(self) -> None:
        self._receivers: dict[str, ServerConnection] = {}

    async def handle(self, connection: ServerConnection) -> None:
        """One connection until it ends."""
        assert connection.request is not None
        _, role, place = connection.request.path.split("/", 2)
        try:
            if role == "s":
                await self._relayed(connection, place)
            else:
                self._receivers[place] = connection
                await _drained(connection)
        except ConnectionClosed:
            return

    async def _relayed(self, connection: ServerConnection, place: str) -> None:
        async for message in connection:
            assert isinstance(message, bytes)
            await self._receivers[place].send(message)
            await connection.send(b"A" + message[_INDEX])


async def _drained(connection: ServerConnection) -> None:
    """Read receipts, and do nothing with them."""
    async for _ in connection:
        pass


async def main(port: int) -> None:
    """Serve until a signal ends the process."""
    relay = Relay()
    async with serve(relay.handle, "127.0.0.1", port, compression=None, ping_interval=None) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
