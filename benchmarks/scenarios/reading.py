"""reading: what it costs to understand a text: CPU of the reader alone, its share of a booking, and its memory."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any
from zoneinfo import ZoneInfo

from benchmarks.clients.bookers import start_of
from benchmarks.measure import Bench
from benchmarks.processes import temporary_folder
from benchmarks.results import Row
from benchmarks.scenarios.appointments import large_shop
from benchmarks.scenarios.base import Scenario, fixed
from benchmarks.shares import Shares, Watched
from imserver.chat.transaction import Transaction
from imserver.config import StoreConfig
from imserver.plugin_host.transaction import PluginTransaction
from imserver.plugins.booking import plugin
from imserver.plugins.booking.dialogue import context, router
from imserver.plugins.booking.schedule.chain_file import load_chain
from imserver.plugins.booking.understanding.acts import Scene
from imserver.plugins.booking.understanding.alarms import RedFlags
from imserver.plugins.booking.understanding.lexicon import Lexicon
from imserver.plugins.booking.understanding.reader import understand
from imserver.store.sqlite.inline import open_inline
from imserver.store.sqlite.store import SqliteStore
from imserver.testing import ManualClock, PluginKit

CORPUS = Path(__file__).parents[2] / "tests" / "understanding" / "open" / "utterances.jsonl"
ZONE = "Asia/Shanghai"
NOW = datetime(2026, 11, 18, 10, 0, tzinfo=ZoneInfo(ZONE))
#: Each text is read so often, and its best time counts: other processes take the CPU away now and then.
BEST_OF = 3
#: Texts are put together until they have so many characters, then read once and twice as long: 300 are the reader's limit.
LENGTH = 140
BOOKINGS = 100
#: Texts of one word, said over and over, that took longest, or longer the longer they were.
WORST = (
    "在哪", "一下", "不", "可能晚", "来不了", "改到", "取消", "帮我妈约", "周一帆", "周五下午三点", "不要周五，",
    "can't make it ", "cancel ", "full first last name ", "from 3 to 5 ", "and also ", "my ", "👍", "\u202e",
)  # fmt: skip
#: Beyond the reader's limit a text is for people; what it costs to see that.
LONG = "周五下午三点 can't make it 😀" * 400
#: Whose time it is, of the functions that run for a booking.
WATCHED = (
    Watched(router, "hear_command", "dialogue"),
    Watched(router, "hear_text", "dialogue"),
    Watched(context, "understand", "reading"),
    Watched(PluginTransaction, "execute", "sql"),
    Watched(PluginTransaction, "post", "send"),
)
#: What a process takes more with the plugin than with the server alone: its modules, then also its tables, read and used once.
_MEMORY = """
import json, os
import imserver.server
def rss():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
before = rss()
from imserver.plugins.booking import plugin
from imserver.plugins.booking.understanding import alarms, lexicon, reader
after = rss()
from datetime import datetime
from imserver.plugins.booking.schedule.chain_file import load_chain
from imserver.plugins.booking.understanding.acts import Scene
words = lexicon.Lexicon(load_chain("demo"))
for text in ("周六下午三点验光", "saturday 3pm eye exam", "眼睛突然看不见了"):
    alarms.RedFlags().find(text)
    reader.understand(text, Scene(datetime(2026, 11, 18, 10), "Asia/Shanghai", "garden"), words)
print(json.dumps([after - before, rss() - before]))
"""


def reading(bench: Bench, rivals: Sequence[str]) -> Iterator[Row]:
    """Four rows: the texts of the corpus's open half, the worst ones, where the time of a booking goes, and memory."""
    yield _texts(bench)
    yield _worst(bench)
    yield asyncio.run(_booking(bench.scaled(BOOKINGS, least=3)))
    yield memory()


def _texts(bench: Bench) -> Row:
    texts = [json.loads(line)["text"] for line in CORPUS.read_text("utf-8").splitlines()]
    texts = texts[: bench.scaled(len(texts), least=20)]
    read = reader("demo")
    costs = sorted(best_us(read, text) for text in texts)
    longer = list(joined(texts, LENGTH))
    once = sum(best_us(read, text) for text in longer)
    twice = sum(best_us(read, f"{text} {text}") for text in longer)
    figures = {
        "mean_us": sum(costs) / len(costs),
        "p99_us": costs[int(len(costs) * 0.99)],
        "calls": sorted(calls(read, text) for text in texts)[len(texts) // 2],
        "twice_ratio": twice / once,
    }
    return Row("reading", "imserver", f"{len(texts):,} texts of customers", figures)


def _worst(bench: Bench) -> Row:
    """Twice the text costs some twice as much also where a word is said again and again."""
    read = reader("demo")
    words = WORST[: bench.scaled(len(WORST), least=3)]
    once = {word: best_us(read, _again(word, LENGTH)) for word in words}
    twice = {word: best_us(read, _again(word, 2 * LENGTH)) for word in words}
    figures = {
        "max_us": max(twice.values()),
        "twice_ratio": max(twice[word] / once[word] for word in words),
        "emoji_us": best_us(read, "😀" * 300),
        "long_us": best_us(read, LONG[:10_000]),
    }
    return Row("reading", "imserver", f"worst texts, {len(words)} words again and again", figures)


def _again(word: str, length: int) -> str:
    return (word * length)[:length]


def reader(chain: str) -> Callable[[str], object]:
    """Reads a text as at the first step of a dialogue."""
    lexicon, scene = Lexicon(load_chain(chain)), Scene(NOW.replace(tzinfo=None), ZONE, "garden")
    return lambda text: understand(text, scene, lexicon)


def best_us(act: Callable[[str], object], text: str) -> float:
    """µs of CPU, the best of a few."""
    best = float("inf")
    for _ in range(BEST_OF):
        begun = time.process_time_ns()
        act(text)
        best = min(best, (time.process_time_ns() - begun) / 1000)
    return best


def calls(act: Callable[[str], object], text: str) -> float:
    """Calls of Python functions: the same on a busy machine, once what is compiled or worked out at a first use is there."""
    seen = 0

    def note(_frame: FrameType, event: str, _what: object) -> None:
        nonlocal seen
        seen += event == "call"

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        act(text)
    finally:
        sys.setprofile(before)
    return seen


def joined(texts: Sequence[str], length: int) -> Iterator[str]:
    """The texts one behind the other, in pieces of about this length."""
    piece = ""
    for text in texts:
        piece = f"{piece} {text}".strip()
        if len(piece) >= length:
            yield piece[:length]
            piece = ""
    if piece:
        yield piece


async def _booking(count: int) -> Row:
    """A booking in memory, without sockets and disk: its line and its yes, and whose time that is."""
    with temporary_folder() as folder:
        chain = folder / "chain.toml"
        large_shop(chain)
        clock = ManualClock(NOW)
        store = SqliteStore(StoreConfig(path=":memory:", readers=1), clock=clock, opener=open_inline)
        async with PluginKit(plugin, config={"chain": str(chain)}, clock=clock, store=store) as kit:
            shares = Shares(WATCHED)
            with shares.watching():
                whole = await _book(kit, count)
        flags = RedFlags()
        said = [_line(number) for number in range(count)]
        flags_us = sum(best_us(flags.find, text) for text in said) / count
    parts = {"flags_us": flags_us}
    parts |= {f"{one.whose}_us": shares.us(one.whose) / count for one in WATCHED}
    figures = {"whole_us": whole, **parts, "server_us": whole - sum(parts.values())}
    return Row("reading", "imserver", "where the time of a booking goes, in memory", figures)


async def _book(kit: PluginKit[Any], count: int) -> float:
    """µs of CPU of one booking."""
    spent = 0.0
    for number in range(count):
        name = f"c{number}"
        await kit.user(name)
        await kit.say(name, kit.direct(name, "store-garden"), "/stores garden")
        here = await kit.store.write(partial(_service, name))
        begun = time.process_time_ns()
        await kit.say(name, here, _line(number))
        asking = [one for one in kit.messages(here) if one.content.get("actions")][-1]
        await kit.say(name, here, str(asking.content["actions"][0]["command"]))
        spent += (time.process_time_ns() - begun) / 1000
    return spent / count


def _service(customer_id: str, tx: Transaction) -> str:
    """The conversation of a customer with the shop."""
    found = tx.plugin_sql(
        "booking", "SELECT conversation_id FROM booking_services WHERE customer_id = ?", (customer_id,)
    )
    return str(found[0][0])


def _line(number: int) -> str:
    return f"/book {start_of(number, NOW)} eye exam, my name is Ann Lee, adult, been before"


def memory() -> Row:
    """MiB that a process takes more with the plugin than with the server alone."""
    done = subprocess.run([sys.executable, "-c", _MEMORY], capture_output=True, text=True, check=True)
    imported, ready = json.loads(done.stdout)
    figures = {"import_mib": imported / 2**20, "ready_mib": ready / 2**20}
    return Row("reading", "imserver", "memory of the plugin beside the server", figures)


SCENARIOS = (Scenario("reading", "what it costs to understand a text", fixed(4), reading),)
