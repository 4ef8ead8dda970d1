"""A browser as far as it signs in: it keeps what cookies it is given, and says which page it is on."""

from __future__ import annotations

import json
from typing import Any

from imserver import Server
from imserver.config import HttpConfig
from imserver.net.web import door, entrance  # noqa: F401  what a listener loads once is no turn between clients
from tests.seeing.web import Answered, ask

GUESTS = HttpConfig(port=0, guests=True)
KEY = "0123456789abcdef0123456789abcdef"
ANDROID = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/130.0 Mobile Safari/537.36"


class Browser:
    """One of a server. `host`: as it names it, without a port by default, as behind a proxy."""

    def __init__(self, server: Server, *, host: str = "", scheme: str = "http", agent: str = ANDROID) -> None:
        self._server = server
        self.host = host or f"localhost:{server.http_port}"
        self.origin = f"{scheme}://{self.host}"
        self.cookies: dict[str, str] = {}
        self.agent = agent
        #: The last header that set a cookie.
        self.set = ""

    async def ask(self, method: str, path: str, body: Any = None, *more: str, page: bool = True) -> Answered:
        headers = [f"User-Agent: {self.agent}", *more]
        if page:
            headers += [f"Origin: {self.origin}", "Sec-Fetch-Site: same-origin"]
        if self.cookies:
            headers.append("Cookie: " + "; ".join(f"{name}={value}" for name, value in self.cookies.items()))
        data = b"" if body is None else json.dumps(body).encode()
        if method == "POST":
            headers.append("Content-Type: application/json")
        answer = await ask(self._server.http_port, method, path, *headers, host=self.host, body=data)
        self._keep(answer.headers.get("set-cookie", ""))
        return answer

    async def post(self, path: str, body: Any = None, *more: str) -> Answered:
        return await self.ask("POST", f"/api/{path}", {} if body is None else body, *more)

    async def guest(self, **wish: Any) -> dict[str, Any]:
        """Become a guest, or be who one is."""
        answer = await self.post("session", {"guest": wish})
        assert answer.status == 200, answer
        told: dict[str, Any] = answer.json
        return told

    async def session(self) -> Answered:
        return await self.post("session")

    async def link(self) -> str:
        """The secret of a link for another phone."""
        answer = await self.post("links")
        assert answer.status == 200, answer
        address, _, secret = answer.json["address"].partition("#")
        assert address == f"{self.origin}/link"
        assert answer.json["qr_svg"].startswith('<svg xmlns="http://www.w3.org/2000/svg"')
        return str(secret)

    async def devices(self) -> list[dict[str, Any]]:
        answer = await self.ask("GET", "/api/devices", page=False)
        assert answer.status == 200, answer
        found: list[dict[str, Any]] = answer.json["devices"]
        return found

    def _keep(self, header: str) -> None:
        if not header:
            return
        self.set = header
        pair, *attributes = (part.strip() for part in header.split(";"))
        name, _, value = pair.partition("=")
        if "Max-Age=0" in attributes:
            self.cookies.pop(name, None)
        else:
            self.cookies[name] = value


async def signed_in(server: Server, user_id: str, **more: Any) -> Browser:
    """A browser that an operator's link has signed in."""
    browser = Browser(server, **more)
    made = await server.administration.browsers.make_link(user_id)
    answer = await browser.post("links/redeem", {"secret": made["secret"]})
    assert answer.status == 200, answer
    return browser
