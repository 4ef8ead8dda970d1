"""`session.js` in Chromium against a server: the cookie that no script sees, tabs, another phone, a frame in another's page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page

from imserver import Server
from imserver.config import HttpConfig
from imserver.plugin_api import Context, HttpRequest, HttpResponse
from tests.browser.conftest import ELSEWHERE, EMPTY
from tests.browser.site import Site
from tests.seeing.web import seen

pytestmark = pytest.mark.asyncio(loop_scope="session")

SOURCE = Path(__file__).parents[2] / "imserver" / "plugins" / "booking" / "pages" / "src" / "session.js"
PAGE = """<!doctype html><meta charset="utf-8"><title>t</title>
<script>window.inline = true</script>
<script type="module" src="/x/trial/page.js"></script>"""
SCRIPT = 'import * as account from "/x/trial/session.js"; window.account = account; window.ready = true;'
GUEST = "() => account.makeGuest({language: 'en', shop: 'garden'}).catch((error) => ({code: error.code}))"


class Trial:
    """A page that has `session.js` in its hands."""

    name = "trial"
    config_type = dict
    migrations = ()

    async def start(self, context: Context) -> None:
        context.page("/", self._page)
        context.page("/link", self._page)
        context.route("GET", "/page.js", self._script)
        context.route("GET", "/session.js", self._session)

    async def stop(self) -> None:
        pass

    async def _page(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(body=PAGE, content_type="text/html; charset=utf-8", document=True)

    async def _script(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(body=SCRIPT, content_type="text/javascript; charset=utf-8")

    async def _session(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(body=SOURCE.read_bytes(), content_type="text/javascript; charset=utf-8")


@pytest_asyncio.fixture(loop_scope="session")
async def server(tmp_path: Path, site: Site) -> AsyncIterator[Server]:
    http = HttpConfig(port=0, guests=True, frame_ancestors=[site.elsewhere(ELSEWHERE)])
    async with seen(tmp_path, http=http, plugins=[Trial()]) as server:
        yield server


async def tab(context: BrowserContext, server: Server, path: str = "/", host: str = "localhost") -> Page:
    page = await context.new_page()
    await page.goto(f"http://{host}:{server.http_port}{path}")
    await page.wait_for_function("() => window.ready")
    return page


async def users(server: Server) -> int:
    return len((await server.administration.users())["users"])


async def test_a_guest_is_known_again_and_scripts_see_no_cookie(
    server: Server, context: BrowserContext
) -> None:
    page = await tab(context, server)
    assert await page.evaluate("() => window.inline") is None, "the policy lets no inline script run"
    assert await page.evaluate("() => account.session()") is None
    guest = await page.evaluate(GUEST)
    assert (guest["guest"], guest["language"]) == (True, "en")
    assert await page.evaluate("() => document.cookie") == ""
    await page.reload()
    await page.wait_for_function("() => window.ready")
    again = await page.evaluate("() => account.session()")
    assert (again["userId"], again["deviceId"]) == (guest["userId"], guest["deviceId"])
    token = await page.evaluate("() => account.token()")
    identity = await server.accounts.authenticate(token, guest["deviceId"])
    assert identity.user.user_id == guest["userId"]
    await page.evaluate("() => account.signOut()")
    assert await page.evaluate("() => account.session()") is None
    assert await context.cookies() == []


async def test_tabs_that_open_at_once_make_one_guest(server: Server, context: BrowserContext) -> None:
    tabs = [await tab(context, server) for _ in range(4)]
    guests = await asyncio.gather(*(each.evaluate(GUEST) for each in tabs))
    assert len({guest["userId"] for guest in guests}) == 1
    assert await users(server) == 1


async def test_another_phone_is_signed_in_by_a_tap_and_the_first_one_told(
    server: Server, context: BrowserContext, chromium: Browser
) -> None:
    first = await tab(context, server)
    guest = await first.evaluate(GUEST)
    address = (await first.evaluate("() => account.makeLink()"))["address"]
    other = await chromium.new_context()
    try:
        second = await tab(other, server, address.partition(str(server.http_port))[2])
        assert await second.evaluate("() => account.session()") is None, "opening it is not enough"
        told = await second.evaluate("() => account.redeem(location.hash.slice(1))")
        assert told["userId"] == guest["userId"]
        [joined] = (await first.evaluate("() => account.session()"))["joined"]
        assert joined["id"] == told["deviceId"]
        await first.evaluate("(id) => account.revoke(id)", told["deviceId"])
        assert await second.evaluate("() => account.session()") is None
    finally:
        await other.close()


async def test_in_a_frame_of_another_site_no_cookie_is_kept_and_the_page_knows(
    server: Server, context: BrowserContext, site: Site
) -> None:
    outer = await context.new_page()
    await outer.goto(site.elsewhere(ELSEWHERE) + EMPTY)
    await outer.evaluate(
        "(src) => document.body.appendChild(Object.assign(document.createElement('iframe'), {src}))",
        f"http://localhost:{server.http_port}/",
    )
    frame: Any = None
    async with asyncio.timeout(15):
        while frame is None or not await frame.evaluate("() => Boolean(window.ready)"):
            frame = next((each for each in outer.frames if "localhost" in each.url), None)
            await asyncio.sleep(0.05)
    assert (await frame.evaluate(GUEST)) == {"code": "FRAMED"}
    assert (await frame.evaluate(GUEST)) == {"code": "FRAMED"}
    assert await users(server) == 1, "trying again makes no other one"


async def test_a_page_of_another_site_asks_in_vain(server: Server, context: BrowserContext) -> None:
    mine = await tab(context, server)
    await mine.evaluate(GUEST)
    evil = await context.new_page()
    await evil.route(
        "http://evil.test/", lambda route: route.fulfill(body="<title>e</title>", content_type="text/html")
    )
    await evil.goto("http://evil.test/")
    tried = """async (url) => {
      for (const mode of ["cors", "no-cors"]) for (const method of ["POST", "DELETE"]) try {
        const body = method === "POST" ? "{}" : undefined;
        await fetch(url, {method, mode, credentials: "include", body});
      } catch {}
      const form = document.createElement("form");
      document.body.append(Object.assign(form, {action: url, method: "POST", enctype: "text/plain"}));
      form.submit();
    }"""
    await evil.evaluate(tried, f"http://localhost:{server.http_port}/api/session")
    await evil.wait_for_load_state()
    assert (await mine.evaluate("() => account.session()")) is not None
    assert await users(server) == 1
