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
    the same, or takes longer than `deadline_s`, goes back by itself, for which it has as long again; and the error names those
    that had taken theirs over before it: their files were right."""
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
    """The first deadline breaks the step off, which then goes back; the second breaks that off."""
    name = running.plugin.name
    going_back, doing = asyncio.timeout(2 * deadline_s), asyncio.timeout(deadline_s)
    try:
        async with going_back, doing:
            return await step
    except Exception as error:
        if going_back.expired():
            cause = f"the plugin {name!r} has neither taken its files over in {deadline_s:g} s nor gone back in as many"
            raise PluginError(f"{cause}: what it has of them is not known; restart the server") from error
        if doing.expired():
            cause = f"it was broken off after {deadline_s:g} s"
        elif isinstance(error, PluginError):
            cause = str(error)
        else:
            cause = repr(error)
            running.log.error("plugin_reload_failed", exc_info=error)
        raise PluginError(f"the plugin {name!r} goes on with what it had: {cause}") from error
