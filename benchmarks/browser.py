"""A cold visit of a page by a slow phone, in Chromium: what came over the line, and when the page could be used."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import Browser, BrowserContext, CDPSession, Page, async_playwright

from benchmarks import machine

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
#: A phone of some years ago in a slow mobile network: round trip (ms), bits a second, and how much slower its processor is.
ROUND_TRIP_MS, DOWN_BITS_S, UP_BITS_S, CPU_SLOWDOWN = 150, 1_600_000, 750_000, 4
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "locale": "en-GB",
    "timezone_id": "Asia/Shanghai",
}  # fmt: skip
#: What one guest may have before staff look at it.
BOOKINGS_OF_A_GUEST = 2
#: A tap that has no answer by then has none (seconds).
ANSWER_S = 30.0
#: What says that a page can be used: two frames after its control is there, which wait for scripts that run.
_USABLE = """(name) => new Promise((done) => {
  const there = () => [...document.querySelectorAll("a, button")].some((one) => one.textContent.includes(name));
  const look = () => there() ? requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now())))
    : setTimeout(look, 10);
  look();
})"""


@dataclass(slots=True)
class Visit:
    """What one visit took. `bytes` are those of bodies and heads as they came, compressed."""

    usable_ms: float = 0.0
    requests: dict[str, int] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        return sum(self.requests.values())


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """On the cores of a phone. Raises RuntimeError where it is not installed."""
    if CHROMIUM is None:
        raise RuntimeError("chromium is not installed (Debian, Ubuntu: apt install chromium)")
    async with AsyncExitStack() as stack:
        with machine.started_on(machine.cores().browser):
            playwright = await stack.enter_async_context(async_playwright())
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--disable-gpu"])
        stack.push_async_callback(browser.close)
        yield browser


async def slowed(page: Page, *, network: bool = True, cpu: float = CPU_SLOWDOWN) -> CDPSession:
    """Make it a slow phone's page."""
    session = await page.context.new_cdp_session(page)
    await session.send("Emulation.setCPUThrottlingRate", {"rate": cpu})
    await session.send("Network.enable")
    if network:
        conditions = {
            "offline": False, "latency": ROUND_TRIP_MS,
            "downloadThroughput": DOWN_BITS_S / 8, "uploadThroughput": UP_BITS_S / 8,
        }  # fmt: skip
        await session.send("Network.emulateNetworkConditions", conditions)
    return session


async def visit(context: BrowserContext, url: str, control: str, *, slow: bool = True) -> tuple[Page, Visit]:
    """Open `url` in a fresh context, whose cache is empty, until something to tap says `control`."""
    page = await context.new_page()
    session = await slowed(page, network=slow, cpu=CPU_SLOWDOWN if slow else 1)
    made, names = Visit(), dict[str, str]()

    def asked(event: dict[str, Any]) -> None:
        names[event["requestId"]] = event["request"]["url"]

    def came(event: dict[str, Any]) -> None:
        url = names.get(event["requestId"], "")
        if url.startswith("http"):
            made.requests[url] = made.requests.get(url, 0) + int(event["encodedDataLength"])

    session.on("Network.requestWillBeSent", asked)
    session.on("Network.loadingFinished", came)
    await page.goto(url, wait_until="commit")
    made.usable_ms = await page.evaluate(_USABLE, control)
    await page.wait_for_load_state("load")
    await asyncio.sleep(0.5 if slow else 0.1)  # what is on its way by then was asked for before a tap
    return page, made


#: Notes when the page's socket is written to, and when the page begins with what came by it.
_WIRE = """(() => {
  const wire = globalThis.wire = [];
  const { send } = WebSocket.prototype;
  WebSocket.prototype.send = function (data) {
    wire.push({ sent: true, at: performance.now() });
    return send.call(this, data);
  };
  const { get, set } = Object.getOwnPropertyDescriptor(WebSocket.prototype, "onmessage");
  Object.defineProperty(WebSocket.prototype, "onmessage", { get, configurable: true, set(hear) {
    set.call(this, hear && ((event) => {
      wire.push({ sent: false, at: performance.now() });
      return hear.call(this, event);
    }));
  } });
})()"""
#: From a tap on what says `words` to the first frame that shows the heading `title` (ms), and its parts. The last answer is
#: the one behind which the heading is in the document.
_TAPPED = """([words, title]) => new Promise((done) => addEventListener("click", (event) => {
  if (!event.target.closest("button")?.textContent.includes(words)) return;
  const begun = event.timeStamp;
  const shown = () => [...document.querySelectorAll("h1")].some((one) => one.textContent.trim() === title);
  const look = new MutationObserver(() => {
    if (!shown()) return;
    look.disconnect();
    const seen = wire.filter(({ at }) => at >= begun);
    const sent = seen.find((one) => one.sent)?.at ?? begun;
    const answered = seen.findLast((one) => !one.sent)?.at ?? sent;
    requestAnimationFrame(() => setTimeout(() => {
      const drawn = performance.now();
      done({ whole: drawn - begun, sent: sent - begun, answered: answered - sent, drawn: drawn - answered,
        writes: seen.filter((one) => one.sent).length });
    }));
  });
  look.observe(document.body, { childList: true, subtree: true, characterData: true });
}, { capture: true }))"""


@dataclass(frozen=True, slots=True)
class Tap:
    """What one tap took (ms): `whole` is `sent` (until the page wrote to its socket), `answered` (until the last answer came)
    and `drawn` together. `writes`: how often it wrote."""

    whole: float
    sent: float
    answered: float
    drawn: float
    writes: int


class Booker:
    """Guests who book in the page, one after the other, on a slow phone in a good network. The processor is slowed for the last
    tap of each booking, not on the way there."""

    def __init__(self, browser: Browser, url: str, book: str) -> None:
        self._browser, self._url, self._book = browser, url, book
        self._made = 0
        self._context: BrowserContext | None = None
        self._session: CDPSession | None = None

    async def _phone(self) -> Page:
        """A page of a guest for whom the bot still confirms by itself."""
        if self._context is None or self._made % BOOKINGS_OF_A_GUEST == 0:
            if self._context is not None:
                await self._context.close()
            self._context = await self._browser.new_context(**PHONE)
            await self._context.add_init_script(_WIRE)
            # Not `slowed`, which is told of each frame on the wire: the browser would work for that, too.
            self._session = await self._context.new_cdp_session(await self._context.new_page())
        return self._context.pages[0]

    async def _slow(self, rate: float) -> None:
        assert self._session is not None
        await self._session.send("Emulation.setCPUThrottlingRate", {"rate": rate})

    async def book(self) -> Tap:
        """One booking. Returns how long it took from the last tap to "Booked" on the screen."""
        page = await self._phone()
        await page.goto(self._url)
        # With fingers all the way: under a mouse that stands still, each new screen has the page look what lies there.
        await page.get_by_role("link", name=self._book).tap()
        days = page.get_by_role("radio", name=re.compile(": (free|few left)$"))
        await days.nth(2 + self._made % 10).locator("xpath=ancestor::label").tap()
        await page.get_by_role("button", name=re.compile(r"^\d\d:\d\d$")).nth(self._made // 10).tap()
        await page.get_by_role("heading", name="Who is coming?").wait_for()
        await page.get_by_label("Name").first.fill("Ann Lee")
        for choice in ("adult (16-44)", "No", "I agree"):
            label = page.locator("label").filter(has_text=re.compile(rf"^\s*{re.escape(choice)}\s*$"))
            if await label.count():
                await label.first.tap()
        taken = asyncio.ensure_future(page.evaluate(_TAPPED, ["Book this time", "Booked"]))
        await self._slow(CPU_SLOWDOWN)
        await asyncio.sleep(0.3)  # the page listens, and what the form made it do is done
        await page.get_by_role("button", name="Book this time").tap()
        self._made += 1
        try:
            async with asyncio.timeout(ANSWER_S):
                waited: dict[str, Any] = await taken
        except TimeoutError:
            raise RuntimeError(f"not booked: {await page.get_by_role('main').inner_text()}") from None
        finally:
            await self._slow(1)
        return Tap(**waited)
