"""The page's screens around a shop in memory (`pages/screens/shop.js`): every state at once, without a server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from tests.browser.site import ROOT

SOURCES = "imserver/plugins/booking/pages"
#: As the server sends it with each document.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "manifest-src 'self'; base-uri 'none'; form-action 'self'"
)
DOCUMENT = f"""<!doctype html>
<html lang="zh-CN">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">
<meta name="color-scheme" content="light dark">
<title>-</title>
<link rel="icon" href="/{SOURCES}/src/assets/icon.svg">
<link rel="stylesheet" href="/{SOURCES}/src/style/index.css">
<script type="module" src="/tests/browser/pages/screens/page.js"></script>
<body>
<div id="app"></div>
{{icons}}
"""


@asynccontextmanager
async def screens() -> AsyncIterator[str]:
    """The origin of a site that shows the page at every address that is no file."""
    icons = (ROOT / SOURCES / "src" / "icons.svg").read_text("utf-8")

    async def document(request: web.Request) -> web.Response:
        headers = {"content-security-policy": POLICY}
        return web.Response(text=DOCUMENT.format(icons=icons), content_type="text/html", headers=headers)

    app = web.Application()
    for folder in (SOURCES, "clients/js/src", "tests/browser/pages/screens"):
        app.router.add_static(f"/{folder}/", ROOT / folder)
    app.router.add_get("/{address:.*}", document)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
