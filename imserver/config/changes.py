"""What a running server can take over from a configuration that changed, and what needs a restart.

Each session was told its bounds in WELCOME, and holds the server to them: frames, contents, requests, windows, pages and the
time that it may be away stay until the next start. So does everything that is opened once.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from .sections import Config, LimitsConfig

#: Of `[limits]`, what sessions are told.
AGREED = frozenset(
    {
        "max_frame_bytes",
        "max_content_bytes",
        "max_requests",
        "window_frames",
        "window_bytes",
        "max_page_items",
        "detached_s",
    }
)
#: What takes effect at once, by section. The files of certificates and plugins are read again, whatever their names.
AT_ONCE: dict[str, frozenset[str]] = {
    "limits": frozenset(LimitsConfig.__struct_fields__) - AGREED,
    "log": frozenset({"level"}),
    "server": frozenset({"tls_certificate", "tls_key"}),
    "http": frozenset({"tls_certificate", "tls_key"}),
}


class Changes(NamedTuple):
    """Fields that changed, as `limits.posts_burst`. `in_effect`: the old configuration with what takes effect at once."""

    at_once: tuple[str, ...]
    need_restart: tuple[str, ...]
    in_effect: Config


def changes(old: Config, new: Config) -> Changes:
    """Compare them field by field. A section that comes or goes needs a restart, and so does TLS that is turned on or off."""
    at_once: list[str] = []
    need_restart: list[str] = []
    in_effect = old
    for section in Config.__struct_fields__:
        before, after = getattr(old, section), getattr(new, section)
        if before == after:
            continue
        if before is None or after is None:
            need_restart.append(section)
            continue
        live = _live(section, before, after)
        changed = _changed(before, after)
        at_once += (f"{section}.{name}" for name in changed if name in live)
        need_restart += (f"{section}.{name}" for name in changed if name not in live)
        taken = {name: getattr(after, name) for name in changed if name in live}
        if taken:
            in_effect = msgspec.structs.replace(
                in_effect, **{section: msgspec.structs.replace(before, **taken)}
            )
    return Changes(tuple(at_once), tuple(need_restart), in_effect)


def _live(section: str, before: Any, after: Any) -> frozenset[str]:
    names = AT_ONCE.get(section, frozenset())
    if "tls_certificate" in names and bool(before.tls_certificate) != bool(after.tls_certificate):
        return frozenset()
    return names


def _changed(before: Any, after: Any) -> list[str]:
    if not isinstance(before, dict):
        return [name for name in before.__struct_fields__ if getattr(before, name) != getattr(after, name)]
    # [plugins.NAME]: one that is enabled or not, or its fields.
    found: list[str] = []
    for plugin in sorted({*before, *after}):
        one, other = before.get(plugin), after.get(plugin)
        if one is None or other is None:
            found.append(plugin)
        else:
            found += (
                f"{plugin}.{name}" for name in sorted({*one, *other}) if one.get(name) != other.get(name)
            )
    return found
