"""staff: the staff's page in Chromium, in a shop with ten thousand service conversations. First screen; messages; memory."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
from playwright.async_api import Browser, Page

from benchmarks import machine, scenes
from benchmarks.browser import CPU_SLOWDOWN, chromium, slowed, visit
from benchmarks.children import Child
from benchmarks.clients.writers import WritePlan, Written
from benchmarks.measure import Bench
from benchmarks.plan import PartyPlan
from benchmarks.processes import Target, free_port, imserver, temporary_folder
from benchmarks.results import Row
from benchmarks.scenarios.appointments import SHOP, large_shop
from benchmarks.scenarios.base import Scenario, fixed, rows_or_reason
from benchmarks.scenarios.returning import client_cpus, spent_row

#: Service conversations, and those of them in which a text waits for people.
CONVERSATIONS, WAITING = 10_000, 50
VISITS = 5
#: Customers who write, texts a second of them all, and how long.
WRITERS, SECONDS = 200, 60.0
RATE = WRITERS / 60
#: A colleague answers a text after so many seconds: of these customers a third wait at any time.
ANSWERED_S = 20.0
#: An hour of their texts, as many and answered as much, comes in so many seconds.
HOUR_S = 300.0
#: A page that hears nothing for so long has all conversations; longer than that no page takes to list them.
CALM_S, LISTED_S = 3.0, 180.0
EMPLOYEE, COLLEAGUE = "staff-0", "staff-1"
#: Of what the page watches in an hour this part has filled what it keeps: its heap from then on is to be flat.
WARM = 0.1
WRITERS_MODULE = "benchmarks.clients.writers"
TABLET: dict[str, Any] = {
    "viewport": {"width": 820, "height": 1180},
    "has_touch": True,
    "locale": "en-GB",
    "timezone_id": "Asia/Shanghai",
}
#: When the screen first showed each text (UTC ms), by its number.
_WATCH = """() => {
  const seen = (window.seen = {}), texts = /repair hearing aids\\? (\\d+)/g;
  const look = () => {
    for (const [, number] of document.body.textContent.matchAll(texts)) seen[number] ??= Date.now();
  };
  new MutationObserver(() => requestAnimationFrame(() => setTimeout(look)))
    .observe(document.body, { childList: true, subtree: true, characterData: true });
}"""


@dataclass(frozen=True, slots=True)
class _Shop:
    """A running server, the address of its pages, and the conversation of each customer `customer-N`."""

    target: Target
    url: str
    conversations: list[str]


def staff(bench: Bench, rivals: Sequence[str]) -> Iterator[Row]:
    """Without Chromium, or without made pages, rows that say so."""
    made = resources.files("imserver.plugins.booking") / "pages" / "built" / "parts.json"
    for case, rows in (
        ("first screens", lambda: _first_screens(bench)),
        ("messages shown", lambda: _messages(bench)),
        ("an hour's messages", lambda: hour(bench)),
    ):
        if made.is_file():
            yield from rows_or_reason("staff", "imserver", case, rows)
        else:
            yield Row("staff", "imserver", case, note="the pages are not made: make pages")


def _first_screens(bench: Bench) -> Iterator[Row]:
    """From the address to a customer who waits, with nothing in the cache."""

    async def visits(shop: _Shop, link: str) -> list[float]:
        async with chromium() as browser:
            cookie = await _signed_in(browser, shop, link)
            seen = []
            for _ in range(1 + bench.scaled(VISITS)):
                context = await browser.new_context(**TABLET, storage_state=cookie)
                seen.append((await visit(context, f"{shop.url}/staff/garden", _name(0)))[1].usable_ms)
                await context.close()
            return seen[1:]  # the first one waits for a browser and a server that have only just begun

    with _shop(bench) as shop:
        figures = {"usable_ms": statistics.median(asyncio.run(visits(shop, _link(shop))))}
    count = len(shop.conversations)
    case = f"first screens of {count:,} conversations, 150 ms, 1.6 Mbit/s, CPU x{CPU_SLOWDOWN}"
    yield Row("staff", "imserver", case, figures)


def _messages(bench: Bench) -> Iterator[Row]:
    """How long a customer's text takes to the list that staff look at."""
    seconds = max(2.0, SECONDS * min(1.0, bench.scale))
    case = f"messages shown: {WRITERS} customers, once a minute each, CPU x{CPU_SLOWDOWN}"
    yield _watched(bench, case, seconds)


def hour(bench: Bench) -> Iterator[Row]:
    """What the page has kept after as many texts as come in an hour, as many answers, and what the bot says between."""
    seconds = max(2.0, HOUR_S * min(1.0, bench.scale))
    faster = 3600 / HOUR_S
    case = (
        f"an hour's messages in {seconds:.0f} s"
        if bench.scale >= 1
        else f"{seconds:.0f} s of an hour's messages"
    )
    row = _watched(bench, case, seconds, faster=faster, warm=True)
    kept = ("texts", "heap_mib", "heap_warm_mib", "heap_after_mib")
    yield msgspec.structs.replace(row, figures={name: row.figures[name] for name in kept})


def _watched(bench: Bench, case: str, seconds: float, *, faster: float = 1.0, warm: bool = False) -> Row:
    """`faster`: so many times, writing and answering. `warm`: what matters is the heap, and not when a text was shown."""
    texts = int(RATE * faster * seconds)
    answered_s = min(ANSWERED_S / faster, seconds / 3)  # a run of some seconds is over soon, too
    with _shop(bench) as shop:
        # Those who write have nothing that waits: their text is new in the list.
        writing = range(len(shop.conversations))[-WRITERS:]
        plan = WritePlan(
            shop.target.host, shop.target.port,
            [PartyPlan(_name(number), shop.target.token(_name(number))) for number in writing],
            [shop.conversations[number] for number in writing],
            PartyPlan(COLLEAGUE, shop.target.token(COLLEAGUE)), answered_s,
            texts, RATE * faster, client_cpus(bench),
        )  # fmt: skip
        with Child(WRITERS_MODULE, plan) as child:
            child.ready()
            steal = machine.Ticks.now()
            warm_s = seconds * WARM if warm else None
            seen, written, heap = asyncio.run(_watching(shop, _link(shop), child, warm_s))
    waits = sorted(
        seen[str(number + 100_000)] - sent
        for number, sent in enumerate(written.sent_ms)
        if sent and str(number + 100_000) in seen
    )
    figures = {
        "texts": float(texts),
        "shown": float(len(waits)),
        "shown_p50_ms": statistics.median(waits) if waits else 0.0,
        "shown_p95_ms": waits[min(len(waits) - 1, int(len(waits) * 0.95))] if waits else 0.0,
        "heap_mib": heap[0],
        "heap_warm_mib": heap[1],
        "heap_after_mib": heap[2],
    }
    missed = 0 if warm else texts - len(waits)
    errors = [*written.errors, *([f"{missed} texts were not shown"] if missed else [])]
    row = Row("staff", "imserver", case, figures, errors=errors)
    return spent_row(row, written.spent, machine.Ticks.now().share_since(steal))


async def _watching(
    shop: _Shop, link: str, child: Child, warm_s: float | None
) -> tuple[dict[str, float], Written, tuple[float, float, float]]:
    """When the page showed which text, when each was sent, and its heap (MiB) before, after `warm_s`, and in the end. With a
    `warm_s` nothing is noted: that would grow, too."""
    async with chromium() as browser:
        context = await browser.new_context(**TABLET, storage_state=await _signed_in(browser, shop, link))
        page = await context.new_page()
        session = await slowed(page, network=False)
        heard = asyncio.Event()
        session.on("Network.webSocketFrameReceived", lambda _: heard.set())
        await page.goto(f"{shop.url}/staff/garden")
        await page.get_by_role("link").filter(has_text=_name(0)).first.wait_for()
        async with asyncio.timeout(LISTED_S):
            with suppress(TimeoutError):
                while True:  # what a page does once is done: all is listed
                    heard.clear()
                    await asyncio.wait_for(heard.wait(), CALM_S)
        before = await _heap_mib(page)
        if warm_s is None:
            await page.evaluate(_WATCH)
        child.go(time.monotonic_ns())
        result = asyncio.ensure_future(asyncio.to_thread(child.result, Written))
        await asyncio.sleep(warm_s or 0)
        warm = await _heap_mib(page)
        written = await result
        await asyncio.sleep(3)
        seen: dict[str, float] = await page.evaluate("window.seen ?? {}")
        return seen, written, (before, warm, await _heap_mib(page))


async def _heap_mib(page: Page) -> float:
    """What is alive."""
    session = await page.context.new_cdp_session(page)
    await session.send("HeapProfiler.collectGarbage")
    usage = await session.send("Runtime.getHeapUsage")
    await session.detach()
    return float(usage["usedSize"]) / 2**20


def _link(shop: _Shop) -> str:
    """An address that signs a browser in as an employee."""
    config = str(shop.target.folder / "imserver.toml")
    made = subprocess.run(
        [sys.executable, "-m", "imserver.cli", "--config", config, "user", "link", EMPLOYEE],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return re.sub(r"^https?://[^/]+", shop.url, made.stdout.split()[0])


async def _signed_in(browser: Browser, shop: _Shop, link: str) -> str:
    """The cookie of an employee's browser, as a file: what the link and a tap leave behind."""
    context = await browser.new_context(**TABLET)
    page = await context.new_page()
    await page.goto(link)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url(re.compile("/staff"))
    path = shop.target.folder / "cookie.json"
    await context.storage_state(path=path)
    await context.close()
    return str(path)


def _name(number: int) -> str:
    return f"customer-{number:05}"


@contextmanager
def _shop(bench: Bench) -> Iterator[_Shop]:
    """A large shop with its conversations, which are made before it opens."""
    count = bench.scaled(CONVERSATIONS, least=WAITING + WRITERS)
    port = free_port()
    with temporary_folder() as folder:
        chain, database = folder / "chain.toml", folder / "shop.db"
        large_shop(chain)
        plugins = f'[plugins.booking]\nchain = "{chain}"'
        with imserver(plugins=plugins, database=database):
            pass  # makes the bot, the staff and their group
        made = scenes.served(
            database,
            bot=SHOP,
            team=_staff_group(database),
            customers=[_name(number) for number in range(count)],
        )
        _keep_services(database, made)
        with imserver(
            plugins=plugins, database=database, more=f"[http]\nport = {port}\nguests = true"
        ) as target:
            yield _Shop(target, f"http://localhost:{port}", made)


def _staff_group(database: Path) -> str:
    with closing(sqlite3.connect(database)) as stored:
        return str(stored.execute("SELECT conversation_id FROM booking_staff_groups").fetchone()[0])


def _keep_services(database: Path, conversations: Sequence[str]) -> None:
    """They are the shop's, as the plugin would have written it down."""
    now = int(time.time() * 1000)
    rows = [
        (conversation, _name(number), now, now, *((now, "unread") if number < WAITING else (None, "")))
        for number, conversation in enumerate(conversations)
    ]
    with closing(sqlite3.connect(database)) as stored, stored:
        stored.executemany(
            "INSERT INTO booking_services (conversation_id, store_id, customer_id, created_at, active_at, by_team,"
            " waiting_since, waiting_why) VALUES (?, 'garden', ?, ?, ?, 1, ?, ?)",
            rows,
        )


SCENARIOS = (
    Scenario("staff", "the staff's page in Chromium, ten thousand conversations (minutes)", fixed(3), staff),
)
