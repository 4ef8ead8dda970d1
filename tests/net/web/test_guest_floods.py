"""Floods of guests: whoever has very many addresses keeps nobody else out."""

from __future__ import annotations

from pathlib import Path

from imserver.config import HttpConfig
from tests.net.web.browser import Browser
from tests.seeing.web import seen


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
