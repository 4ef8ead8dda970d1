"""A plugin whose every handler is given by the test, and short words for what tests do to it."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from imserver.plugin_api import Check, Context, Migration


class BenchConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    bots: tuple[str, ...] = ("bot",)


class Bench:
    """`setup(context)` registers what the test needs; `made_with` builds a class of it, so that it can be started again."""

    name = "bench"
    config_type = BenchConfig
    migrations: tuple[Migration, ...] = (
        Migration(1, "CREATE TABLE bench_rows (no INTEGER PRIMARY KEY, text TEXT UNIQUE)"),
    )
    setup: Callable[[Context], Any] = staticmethod(lambda context: None)

    def __init__(self) -> None:
        self.context: Context
        self.checks: dict[str, Check] = {}

    async def start(self, context: Context) -> None:
        self.context = context
        for bot in context.config.bots:
            await context.ensure_bot(bot, bot.title())
        done = self.setup(context)
        if isinstance(done, Awaitable):
            await done

    async def stop(self) -> None:
        """Nothing to end."""


def made_with(setup: Callable[[Context], Any], **attributes: Any) -> type[Bench]:
    return type("MadeBench", (Bench,), {"setup": staticmethod(setup), **attributes})
