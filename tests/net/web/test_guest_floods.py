"""Floods of guests: whoever has very many addresses keeps nobody else out."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from imserver.config import HttpConfig
from imserver.testing import ManualClock
from tests.net.web.browser import Browser
from tests.seeing.web import Answered, seen


async def test_a_site_with_many_networks_is_a_quarter_of_all_guests(tmp_path: Path) -> None:
    http = HttpConfig(port=0, guests=True, guests_per_hour=8, proxies=["127.0.0.1"])
    async with seen(tmp_path, http=http) as server:

        async def came(address: str) -> int:
            wish = {"guest": {"shop": "garden"}}
            return (await Browser(server).post("session", wish, f"X-Forwarded-For: {address}")).status

        flood = [await came(f"2001:db8:7:{network:x}::1") for network in range(9)]
        assert flood == [200, 200, *[429] * 7]
        assert await came("2001:db8:8::1") == 200, "somebody else's site"
        assert await came("192.0.2.7") == 200


@pytest.mark.parametrize("own", ["192.0.2.7", "2001:db8:7:{}::1"])
async def test_an_address_shows_a_quarter_of_all_codes_of_the_counter(
    own: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that makes a guest for each code leaves some to everybody else, and has its own again when they are over."""
    monkeypatch.setattr("imserver.chat.joins.MAX_STANDING", 8)
    clock = ManualClock()
    http = HttpConfig(port=0, guests=True, proxies=["127.0.0.1"])
    async with seen(tmp_path, http=http, clock=clock) as server:

        async def shows(address: str, browser: Browser) -> Answered:
            return await browser.post("joins", {}, f"X-Forwarded-For: {address}")

        browsers = [Browser(server) for _ in range(4)]
        for browser in browsers:
            await browser.guest()
        flood = [await shows(own.format(number), browser) for number, browser in enumerate(browsers[:3])]
        assert [answer.status for answer in flood] == [200, 200, 429]
        assert flood[2].json["code"] == "RATE_LIMITED"
        again = await shows(own.format(0), browsers[0])
        assert again.json == flood[0].json, "what stands is shown again"
        assert (await shows("2001:db8:8::1", browsers[3])).status == 200
        clock.advance(300)
        assert (await shows(own.format(2), browsers[2])).status == 200


@pytest.mark.parametrize("own", ["192.0.2.7", "2001:db8:7:1::1"])
async def test_an_address_has_a_part_of_what_is_answered_at_once(
    own: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many requests come of one address (of IPv6: of one site), somebody else's is answered meanwhile."""
    monkeypatch.setattr("imserver.net.web.api.MAX_OF_AN_ADDRESS", 2)
    http = HttpConfig(port=0, guests=True, proxies=["127.0.0.1"])
    async with seen(tmp_path, http=http) as server:
        begun, go = asyncio.Semaphore(0), asyncio.Event()
        make_guest = server.browsers.make_guest

        async def slowly(*args: Any) -> Any:
            begun.release()
            await go.wait()
            return await make_guest(*args)

        monkeypatch.setattr(server.browsers, "make_guest", slowly)

        async def came(address: str) -> Answered:
            return await Browser(server).post("session", {"guest": {}}, f"X-Forwarded-For: {address}")

        flood = [asyncio.ensure_future(came(own)) for _ in range(2)]
        for _ in flood:
            await begun.acquire()
        refused = await came(own.replace(":1::", ":2::"))
        assert (refused.status, refused.json["code"], refused.headers["retry-after"]) == (
            429,
            "RATE_LIMITED",
            "1",
        )
        assert "one address" in refused.json["error"]
        others = [asyncio.ensure_future(came(address)) for address in ("192.0.2.8", "2001:db8:8:1::1")]
        for _ in others:
            await begun.acquire()
        go.set()
        assert {answer.status for answer in await asyncio.gather(*flood, *others)} == {200}
        assert (await came(own)).status == 200, "the part is free again"
