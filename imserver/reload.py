"""A reload: what a running server takes over from a changed configuration. Everything is checked first; then all of it is taken
over, or nothing.

What it can take over is a table: `imserver.config.changes`. Beside fields these are files that are read again whatever their
names: certificates, and what sections of plugins name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from imserver.chat.fan_out import Hub
from imserver.chat.ports import Store
from imserver.chat.service import Chat
from imserver.clock import Clock
from imserver.config import Changes, Config, changes, check_config
from imserver.config_files import faults_of_own_files
from imserver.errors import ConfigError
from imserver.net.certificates import Certificate
from imserver.net.listener import Listener
from imserver.net.web.doors import Doors
from imserver.plugin_host import PluginHost

#: What is said to have changed where a file of a certificate or of its key has, under the same name.
CERTIFICATES = "certificates"


@dataclass(frozen=True, slots=True)
class Parts:
    """Who takes something over."""

    listener: Listener
    doors: Doors
    chat: Chat
    hub: Hub
    store: Store
    plugin_host: PluginHost
    clock: Clock


async def reload(parts: Parts, old: Config, new: Config) -> Changes:
    """Take over what can be. Raises `ConfigError` or `PluginError`, and then everything is as it was."""
    check_config(new)
    found = changes(old, new)
    check_config(found.in_effect)  # of the old and the new, some may not go together
    # Beside the loop: files may be large, and disks slow.
    served, of_pages = await asyncio.to_thread(_read, parts, new, found.in_effect)
    now_s = parts.clock.now_ms() / 1000
    for before, after in ((parts.listener.certificate, served), (parts.doors.certificate, of_pages)):
        _keep_what_holds(before, after, now_s)
        if before is not None and after is not None and before.digest != after.digest:
            found = found._replace(at_once=(*dict.fromkeys((*found.at_once, CERTIFICATES)),))
    await parts.plugin_host.reload()  # the one step that may fail: last before what cannot
    limits = found.in_effect.limits
    parts.chat.use_limits(limits)
    parts.store.use_limits(limits)
    parts.hub.max_backlog = limits.max_fanout_backlog
    parts.listener.reload(limits, served)
    parts.doors.reload(of_pages)
    return found


def _read(parts: Parts, new: Config, in_effect: Config) -> tuple[Certificate | None, Certificate | None]:
    """The certificates to serve. Raises the first fault of any file, also of those that wait for the next start: who is told
    that a restart is needed must not find then that it fails."""
    _refuse_first([*faults_of_own_files(new, None), *parts.plugin_host.file_faults(new.plugins)])
    return Listener.read_certificate(in_effect), Doors.read_certificate(in_effect)


def _keep_what_holds(before: Certificate | None, after: Certificate | None, now_s: float) -> None:
    """A file that was put there by mistake, or by a renewal that went wrong, does not take the place of what clients accept.
    Where the old one has run out, too, nothing gets worse, and the rest of the reload counts."""
    if before is None or after is None or before.fault(now_s) is not None:
        return
    fault = after.fault(now_s)
    if fault is not None:
        raise fault


def _refuse_first(faults: Sequence[ConfigError]) -> None:
    if faults:
        first, more = faults[0], len(faults) - 1
        raise first.adding(f" (and {more} more; `imserver config check` says all)") if more else first
