"""A reload of plugins' files in two steps: every plugin judges its own, and only then does the first take anything over."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from typing import Any, Protocol, TypeVar

from imserver.errors import PluginError
from imserver.plugin_api import Plugin, TakeOver

T = TypeVar("T")


class Running(Protocol):
    """A plugin that runs, and where it logs."""

    plugin: Plugin
    log: Any


async def reload(plugins: Iterable[Running], deadline_s: float) -> None:
    """Raises `PluginError` of the first that refuses; nothing has changed then. One that has judged its files, and fails all
    the same, goes back by itself, and the error names those that had taken theirs over before it: their files were right."""
    judged: list[tuple[Running, TakeOver]] = []
    for running in plugins:
        asked = getattr(running.plugin, "reload", None)
        take_over = await _within(deadline_s, running, asked()) if asked is not None else None
        if take_over is not None:
            judged.append((running, take_over))
    done: list[str] = []
    for running, take_over in judged:
        try:
            await _within(deadline_s, running, take_over())
        except PluginError as error:
            if not done:
                raise
            raise PluginError(f"{error} (new files are in effect in: {', '.join(done)})") from error
        done.append(running.plugin.name)


async def _within(deadline_s: float, running: Running, step: Awaitable[T]) -> T:
    try:
        async with asyncio.timeout(deadline_s):
            return await step
    except Exception as error:
        if not isinstance(error, PluginError):
            running.log.error("plugin_reload_failed", exc_info=error)
        cause = str(error) if isinstance(error, PluginError) else repr(error)
        raise PluginError(f"the plugin {running.plugin.name!r} goes on with what it had: {cause}") from error
