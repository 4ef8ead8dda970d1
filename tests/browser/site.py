"""A small site for tests: the client's modules, vectors, and the tests' own pages, as they lie in the repository."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

ROOT = Path(__file__).resolve().parents[2]
#: At the same paths as here, so that modules find each other.
FOLDERS = ("clients/js/src", "protocol/vectors", "tests/browser/pages", "tests/js")


@dataclass(slots=True)
class Site:
    """Where it is, pages that a test adds (by path), and what pages did not catch."""

    port: int
    added: dict[str, str] = field(default_factory=dict)
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
    site = Site(0)

    async def page(request: web.Request) -> web.Response:
        if request.path not in site.added:
            raise web.HTTPNotFound
        return web.Response(text=site.added[request.path], content_type="text/html")

    app = web.Application()
    for folder in FOLDERS:
        app.router.add_static(f"/{folder}/", ROOT / folder)
    app.router.add_get("/{name}", page)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    listener = web.TCPSite(runner, "127.0.0.1", 0)
    await listener.start()
    try:
        site.port = runner.addresses[0][1]
        yield site
    finally:
        await runner.cleanup()
