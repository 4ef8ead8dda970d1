"""At the counter: staff, and what the shop's bot and a guest's browser do there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imserver import Server
from imserver.chat import joins
from imserver.model import Join
from tests.net.web.browser import Browser
from tests.seeing.web import Answered

ABOUT = {"shop": {"zh": "花园店", "en": "Garden"}, "name": "L**", "appointments": 2}


async def ask(server: Server, shown: str, account_id: str = "ann", about: Mapping[str, Any] = ABOUT) -> Join:
    """What the shop's bot does once `li` has typed the code in the conversation of this account."""
    return await server.store.write(
        lambda tx: joins.ask(tx, shown, account_id, asked_by="li", about=about, source="shop")
    )


async def people(server: Server) -> None:
    await server.administration.put_user("ann", display_name="Ann Lee")
    await server.administration.put_user("li", roles=["staff"])


async def shown_by(browser: Browser, **more: Any) -> str:
    answer = await browser.post("joins", more)
    assert answer.status == 200, answer
    return str(answer.json["code"])


async def accept(browser: Browser, shown: str, **more: Any) -> Answered:
    return await browser.post("joins/accept", {"code": shown, **more})
