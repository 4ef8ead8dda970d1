"""SIGHUP: a running `imserver serve` reads its configuration again. Whatever comes of it is one line of the log."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from imserver.config import Config
from imserver.config.withheld import without_secrets
from imserver.errors import ConfigError, PluginError
from imserver.server import Server

from .app import Setup
from .log import Level
from .process import allow_open_files

STANDARD_ERROR = 2


class Reloads:
    """Reads again when it was asked to. Asked twice at once, it does so once, or once more behind the first time: what was
    written before the last signal is in effect in the end."""

    def __init__(
        self, setup: Setup, config: Config, log: Any, level: Level, asked: asyncio.Event | None = None
    ) -> None:
        """`asked` may be set from before (`before_the_loop`)."""
        self._setup = setup
        self._log = log
        self._level = level
        self._shown = config.log.level
        self._asked = asked or asyncio.Event()

    def ask(self) -> None:
        """Have it done soon; before the server has started, behind that."""
        self._asked.set()

    @property
    def asked(self) -> bool:
        """Whether it is still to be done."""
        return self._asked.is_set()

    async def run(self, server: Server) -> None:
        """Until cancelled."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            await self._reload(server)

    async def _reload(self, server: Server) -> None:
        try:
            config = await asyncio.to_thread(self._read)  # the file may be large
            allow_open_files(config)
            found = await server.reload(config)
        except (ConfigError, PluginError) as error:
            cause = without_secrets(
                str(self._setup.blame(error) if isinstance(error, ConfigError) else error)
            )
            self._log.error("not_reloaded", cause=cause, meaning="what was in effect stays so")
            return
        except Exception as error:  # a fault of ours; the server goes on
            self._log.error("not_reloaded", exc_info=error)
            return
        louder = _number(config.log.level) < _number(self._shown)
        if louder:
            self._level.show(config.log.level)
        self._log.info("reloaded", changed=list(found.at_once))
        if found.need_restart:
            self._log.warning("restart_needed", fields=list(found.need_restart))
        if not louder:
            self._level.show(config.log.level)
        self._shown = config.log.level

    def _read(self) -> Config:
        reading = self._setup.reading()
        if reading.config is None:
            first, *more = reading.faults
            words = f" (and {len(more)} more; `imserver config check` says all)" if more else ""
            raise first.adding(words)
        return reading.config


@contextmanager
def before_the_loop() -> Iterator[asyncio.Event]:
    """A SIGHUP that comes while the server is not there yet, or not any more, ends nothing; it sets this event."""
    asked = asyncio.Event()
    before = signal.signal(signal.SIGHUP, lambda *_: asked.set())
    try:
        yield asked
    finally:
        signal.signal(signal.SIGHUP, before)


@contextmanager
def on_hangup(reload: Reloads, stop: asyncio.Event) -> Iterator[None]:
    """What SIGHUP does meanwhile: ask for a reload; or stop, if it says that the terminal is gone in which the server was
    started. Without the second, servers that nobody sees any more would keep their ports."""
    loop = asyncio.get_running_loop()
    on_terminal = os.isatty(STANDARD_ERROR)

    def told() -> None:
        if on_terminal and not os.isatty(STANDARD_ERROR):
            stop.set()
        else:
            reload.ask()

    before = signal.getsignal(signal.SIGHUP)
    loop.add_signal_handler(signal.SIGHUP, told)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)  # which leaves what ends the process
        signal.signal(signal.SIGHUP, before)


@asynccontextmanager
async def reloading(reloads: Reloads | None, server: Server) -> AsyncIterator[None]:
    """Do meanwhile what is asked for."""
    if reloads is None:
        yield
        return
    task = asyncio.create_task(reloads.run(server), name="reloads")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _number(level: str) -> int:
    return logging.getLevelNamesMapping()[level.upper()]
