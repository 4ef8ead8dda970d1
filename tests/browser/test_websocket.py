"""The door from a real browser: plain and TLS, a foreign origin, an insecure one, and how a connection ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trustme
from playwright.async_api import Browser, Page

from imserver.proof.fault_proxy import Faults
from tests.browser.conftest import ELSEWHERE, EMPTY
from tests.browser.site import Site
from tests.browser.world import world

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def does(page: Page, function: str, *arguments: Any) -> Any:
    """Call a function of `pages/socket.js` in the page."""
    return await page.evaluate(
        "([name, given]) => import('/tests/browser/pages/socket.js').then((module) => module[name](...given))",
        [function, list(arguments)],
    )


async def test_a_page_is_welcome_also_from_an_insecure_origin_and_a_foreign_one_is_not(
    page: Page, site: Site, tmp_path: Path
):
    async with world(tmp_path, site) as made:
        assert (await does(page, "hello", made.options("ann", "page")))["event"] == "welcome"
        await page.goto(site.elsewhere(ELSEWHERE) + EMPTY)
        assert not await page.evaluate("isSecureContext")
        assert (await does(page, "hello", made.options("ann", "page")))["event"] == "welcome"
        await page.goto(site.elsewhere("foreign.test") + EMPTY)
        refused = await does(page, "hello", made.options("ann", "page"))
        assert refused == {"event": "none", "error": f"Error: cannot connect to {made.socket}"}


async def test_tls_needs_a_certificate_that_the_browser_trusts(
    page: Page, chromium: Browser, site: Site, tmp_path: Path
):
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    issued = trustme.CA().issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(key)
    issued.cert_chain_pems[0].write_to_path(certificate)
    key.chmod(0o600)
    async with world(tmp_path, site, tls_certificate=str(certificate), tls_key=str(key)) as made:
        assert made.socket.startswith("wss://")
        assert (await does(page, "hello", made.options("ann", "page")))["event"] == "none"
        trusting = await chromium.new_context(ignore_https_errors=True)
        other = await trusting.new_page()
        await other.goto(site.url + EMPTY)
        assert (await does(other, "hello", made.options("ann", "page")))["event"] == "welcome"
        await trusting.close()


async def test_the_end_of_a_socket_is_told_once_and_at_once(page: Page, site: Site, tmp_path: Path):
    async with world(tmp_path, site) as made:
        assert (await does(page, "end", made.socket, "close"))["told"] == ["closed"]
        assert (await does(page, "end", made.socket, "abort"))["told"] == ["closed"]
        await page.expose_function("opened", lambda: made.line.cut() and None)
        assert (await does(page, "end", made.socket, None))["told"] == ["lost"]
        # A line that swallows everything: the browser would wait long for the other side's good-bye.
        await page.evaluate("window.opened = null")
        made.line.apply(Faults(swallow_down=True))
        assert await does(page, "giveUp", made.socket, 300) == "TimeoutError"
        made.line.apply(Faults())


async def test_abort_does_not_wait_for_a_line_that_is_dead(page: Page, site: Site, tmp_path: Path):
    async with world(tmp_path, site) as made:
        await page.expose_function("deaf", lambda: made.line.apply(Faults(blackhole=True)))
        ms = await page.evaluate(
            """async (address) => {
                const { openWebSocket } = await import("/clients/js/src/transports/websocket.js");
                let over;
                const closed = new Promise((resolve) => (over = resolve));
                const events = { onBytes() {}, onClosed: over, onDrained() {} };
                const transport = await openWebSocket(address, events, new AbortController().signal);
                await window.deaf();
                transport.send(new Uint8Array(100));
                const began = performance.now();
                transport.abort();
                await closed;
                return performance.now() - began;
            }""",
            made.socket,
        )
        assert ms < 1000
        made.line.apply(Faults())
        made.line.cut_black()
