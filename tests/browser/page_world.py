"""The customer's page as people have it: a server with the demo chain, a line that can be cut, and browsers of any kind.

What a test does on a page, it does by words that one sees and by roles that a screen reader says: `person.tap("Book")`.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from playwright.async_api import Browser, BrowserContext, Locator, Page, expect

from benchmarks.processes import free_port
from clients.bundler.pages import BOOKING
from imserver.proof.fault_proxy import FaultProxy
from imserver.proof.server_process import ServerProcess

ZONE = ZoneInfo("Asia/Shanghai")
#: A Wednesday morning: where pictures must not change, the server and all browsers have this clock.
MORNING = datetime(2026, 11, 18, 10, 0, tzinfo=ZONE)
#: How long a person looks at a page before the test says that something is missing (ms). Machines under load are slow.
LOOK_MS = 20_000
#: What a browser says in its console about a network that a test has cut, and about plain HTTP: no fault of the page.
NETWORK = re.compile(
    r"Failed to load resource|WebSocket connection to|net::ERR_|URL's origin was untrustworthy"
)
#: Moves a page's clock, and lets it run.
SHIFTED_CLOCK = """(ms) => {
  const Real = Date, now = () => Real.now() + ms;
  globalThis.Date = class extends Real {
    constructor(...given) { given.length === 0 ? super(now()) : super(...given); }
    static now() { return now(); }
  };
}"""


@dataclass(frozen=True, slots=True)
class Device:
    """A kind of browser window."""

    name: str
    options: Mapping[str, Any]


PHONE = Device(
    "phone",
    {
        "viewport": {"width": 390, "height": 844},
        "has_touch": True,
        "is_mobile": True,
        "device_scale_factor": 2,
    },
)
TABLET = Device("tablet", {"viewport": {"width": 820, "height": 1180}, "has_touch": True})
DESKTOP = Device("desktop", {"viewport": {"width": 1280, "height": 900}})


@dataclass(slots=True)
class Person:
    """Somebody with one browser: its profile is `context`, and `page` the tab that is looked at."""

    page: Page
    url: str
    #: What the page did not catch, or complained about in the console.
    errors: list[str] = field(default_factory=list)

    @property
    def context(self) -> BrowserContext:
        return self.page.context

    async def opens(self, path: str) -> None:
        """Go to an address of the site: as a QR code does, or a link."""
        await self.page.goto(self.url + path)

    def button(self, words: str | re.Pattern[str]) -> Locator:
        """What can be tapped and says this: a button or a link."""
        named = self.page.get_by_role("button", name=words).or_(self.page.get_by_role("link", name=words))
        return named.first

    async def tap(self, words: str | re.Pattern[str]) -> None:
        """Tap it as soon as it is there."""
        await self.button(words).click(timeout=LOOK_MS)

    async def chooses(self, words: str | re.Pattern[str], role: Any = "radio", which: int = 0) -> None:
        """Choose one of several: what is tapped is its label."""
        choice = self.page.get_by_role(role, name=words).nth(which)
        await choice.locator("xpath=ancestor::label").click(timeout=LOOK_MS)
        await expect(choice).to_be_checked(timeout=LOOK_MS)

    async def fills(self, label: str | re.Pattern[str], text: str) -> None:
        await self.page.get_by_label(label).first.fill(text, timeout=LOOK_MS)

    async def sees(self, words: str | re.Pattern[str], within_ms: float = LOOK_MS) -> None:
        """These words are on the page, or come in time."""
        found = self.page.get_by_text(words).filter(visible=True)
        await expect(found.first).to_be_visible(timeout=within_ms)

    async def sees_title(self, words: str | re.Pattern[str], within_ms: float = LOOK_MS) -> None:
        """The screen is the one with this heading."""
        await expect(self.page.get_by_role("heading", name=words).first).to_be_visible(timeout=within_ms)

    async def misses(self, words: str | re.Pattern[str], within_ms: float = LOOK_MS) -> None:
        """These words are nowhere, or go in time."""
        await expect(self.page.get_by_text(words).filter(visible=True)).to_have_count(0, timeout=within_ms)

    async def tries_now(self) -> None:
        """The page connects at once, as after a change of the network: its next attempt may be half a minute away."""
        await self.page.evaluate("dispatchEvent(new Event('online'))")

    async def another_tab(self, path: str) -> Person:
        """The same person, with one more tab of this browser."""
        tab = Person(await self.context.new_page(), self.url, self.errors)
        _listen(tab)
        await tab.opens(path)
        return tab


class PageWorld:
    """`process` can be killed and started, `line` cut: it lies between all browsers and the server."""

    def __init__(self, process: ServerProcess, line: FaultProxy, browser: Browser, shift_ms: float) -> None:
        self.process = process
        self.line = line
        self.browser = browser
        self._shift_ms = shift_ms
        self._people: list[Person] = []
        self._stack = AsyncExitStack()

    @property
    def url(self) -> str:
        """Where people find the shops: through the line. Browsers take localhost for as safe as HTTPS."""
        return f"http://localhost:{self.line.port}"

    async def person(
        self,
        device: Device = PHONE,
        *,
        language: str = "en",
        dark: bool = False,
        wrong_s: float = 0,
        **options: Any,
    ) -> Person:
        """Somebody new, with a browser that was never here. `options` are those of `Browser.new_context`; `wrong_s`: so much
        is its clock ahead."""
        given = {
            "locale": {"en": "en-GB", "zh": "zh-CN"}[language],
            "color_scheme": "dark" if dark else "light",
            "timezone_id": "Asia/Shanghai",
            **device.options,
            **options,
        }
        context = await self.browser.new_context(**given)
        self._stack.push_async_callback(context.close)
        if shift_ms := self._shift_ms + wrong_s * 1000:
            await context.add_init_script(f"({SHIFTED_CLOCK})({shift_ms})")
        person = Person(await context.new_page(), self.url)
        _listen(person)
        self._people.append(person)
        return person

    async def restart(self) -> None:
        """kill -9, and the server is there again."""
        await self.process.kill()
        await self.start()

    async def start(self, *, later_s: float = 0) -> None:
        """The server is there again; by its clock, where the world has one, so much later than it is for the browsers."""
        if shift_ms := self._shift_ms + later_s * 1000:
            now_ms = int(datetime.now(UTC).timestamp() * 1000 + shift_ms)
            self.process.configure("clock", start_ms=now_ms)
        await self.process.start()

    async def everybody_leaves(self) -> list[str]:
        """All browsers end; what their pages did not catch."""
        await self._stack.aclose()
        errors = [error for person in self._people for error in person.errors]
        self._people.clear()
        return errors


def _listen(person: Person) -> None:
    person.page.on("pageerror", lambda error: person.errors.append(str(error)))
    person.page.on(
        "console",
        lambda said: (
            person.errors.append(said.text)
            if said.type == "error" and not NETWORK.search(said.text)
            else None
        ),
    )


@asynccontextmanager
async def page_world(
    folder: Path, browser: Browser, *, at: datetime | None = None, chain: Path | None = None, **http: Any
) -> AsyncIterator[PageWorld]:
    """A server process with the pages and the demo chain, or another. `at`: what time it is, for server and browsers."""
    BOOKING.build()
    port = free_port()
    sections: dict[str, dict[str, Any]] = {
        "http": {"port": port, "guests": True, "guests_per_address": 1000, **http},
        "plugins.booking": {} if chain is None else {"chain": str(chain)},
    }
    shift_ms = 0.0
    if at is not None:
        sections["clock"] = {"start_ms": int(at.timestamp() * 1000)}
    async with (
        ServerProcess(folder, sections, dies_with_parent=True) as process,
        FaultProxy("127.0.0.1", port) as line,
    ):
        if at is not None:
            shift_ms = (at - datetime.now(UTC)).total_seconds() * 1000
        world = PageWorld(process, line, browser, shift_ms)
        try:
            yield world
        finally:
            await world.everybody_leaves()
