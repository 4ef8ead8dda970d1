"""A small site for tests: the client's modules under `/client/`, the tests' own pages and modules under `/pages/`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = {
    "/client/": ROOT / "clients" / "js" / "src",
    "/pages/": Path(__file__).parent / "pages",
    "/vectors/": ROOT / "protocol" / "vectors",
}


@dataclass(slots=True)
class Site:
    """Where it is, and what pages of it did not catch."""

    port: int
    errors: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The origin of the pages. Browsers take 127.0.0.1 for as safe as HTTPS."""
        return f"http://127.0.0.1:{self.port}"

    def elsewhere(self, host: str) -> str:
        """The same pages under another host: another origin, and one that is not safe."""
        return f"http://{host}:{self.port}"


@asynccontextmanager
async def serving() -> AsyncIterator[Site]:
    app = web.Application()
    for prefix, folder in FOLDERS.items():
        app.router.add_static(prefix, folder)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    listener = web.TCPSite(runner, "127.0.0.1", 0)
    await listener.start()
    try:
        yield Site(runner.addresses[0][1])
    finally:
        await runner.cleanup()
