"""Finds plugins through the entry-point group `imserver.plugins`, and checks each against the contract.

An entry point names a class (or a function) that makes the plugin object, so that two servers in one process do not share one;
a ready object works too. Looking for names imports nothing; a plugin's code is imported only when it is enabled, or when its
commands are asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import msgspec

from imserver.errors import ConfigError, PluginError
from imserver.plugin_api import Check, FileFaults, Migration, Operation, Plugin

GROUP = "imserver.plugins"
#: A plugin's name begins the names of its tables: no underscore, so that no prefix begins another.
NAME_PATTERN = re.compile(r"[a-z][a-z0-9]{0,30}")

_MSGSPEC_PATH = re.compile(r"(?P<text>.*?)(?: - at `(?P<path>\$.*)`)?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Enabled:
    """An enabled plugin and its checked configuration."""

    plugin: Plugin
    config: Any
    migrations: Sequence[Migration]
    checks: Mapping[str, Check]


def installed() -> dict[str, EntryPoint]:
    """Every installed plugin, by name. No plugin's code is imported."""
    return {entry.name: entry for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name)}


def load(entry: EntryPoint) -> Plugin:
    """Import a plugin and make its object. Raises PluginError for any error inside it."""
    try:
        made = entry.load()
        if isinstance(made, type) or (callable(made) and not hasattr(made, "start")):
            made = made()
    except Exception as error:
        raise PluginError(f"the plugin {entry.name!r} ({entry.value}) cannot be loaded: {error!r}") from error
    plugin = checked(made)
    if plugin.name != entry.name:
        raise PluginError(f"the plugin {entry.name!r} ({entry.value}) calls itself {plugin.name!r}")
    return plugin


def checked(made: object) -> Plugin:
    """Check the object against the contract. Raises PluginError that names the missing part."""
    missing = [name for name in ("name", "config_type", "start", "stop") if not hasattr(made, name)]
    if missing:
        raise PluginError(f"{made!r} is not a plugin: it has no {', '.join(missing)}")
    plugin: Plugin = made  # type: ignore[assignment]  # just checked, except `migrations`, which may be left out
    if NAME_PATTERN.fullmatch(plugin.name) is None:
        raise PluginError(f"plugin name {plugin.name!r}: 1-31 of a-z and 0-9, beginning with a letter")
    return plugin


def enabled(sections: Mapping[str, Mapping[str, Any]], given: Iterable[Plugin] = ()) -> list[Enabled]:
    """Return the plugins with a section in the configuration, and those in `given` (with an empty section, if they have
    none). Raises ConfigError with the path of the wrong field, PluginError for a plugin that breaks its contract.
    """
    plugins = {plugin.name: plugin for plugin in map(checked, given)}
    missing = [name for name in sections if name not in plugins]
    found = installed() if missing else {}
    for name in missing:
        if name not in found:
            known = ", ".join(sorted({*found, *plugins})) or "none"
            raise ConfigError(f"$.plugins.{name}", f"no such plugin is installed (installed: {known})")
        plugins[name] = load(found[name])
    return [
        Enabled(plugin, config_of(plugin, sections.get(name, {})), migrations_of(plugin), checks_of(plugin))
        for name, plugin in plugins.items()
    ]


def config_of(plugin: Plugin, section: Mapping[str, Any]) -> Any:
    """Convert the section to the plugin's `config_type`, strings too, because the environment has only strings."""
    path = f"$.plugins.{plugin.name}"
    fields = getattr(plugin.config_type, "__struct_encode_fields__", None)
    unknown = [name for name in section if fields is not None and name not in fields]
    if unknown:
        known = ", ".join(fields or ()) or "none"
        raise ConfigError(f"{path}.{unknown[0]}", f"there is no such option (options: {known})")
    try:
        return msgspec.convert(dict(section), plugin.config_type, strict=False)
    except msgspec.ValidationError as error:
        matched = _MSGSPEC_PATH.fullmatch(str(error))
        text, inner = (matched["text"], matched["path"]) if matched else (str(error), None)
        raise ConfigError(path + (inner or "$")[1:], text) from None


def load_cli(on_error: Callable[[str, PluginError], None] | None = None) -> Iterator[tuple[str, Any]]:
    """`(name, click command)` of every installed plugin that has `cli`. Nothing is started. A plugin that cannot be imported
    is reported to `on_error` and left out, so that it does not break other commands."""
    for name, entry in installed().items():
        try:
            command = getattr(load(entry), "cli", None)
        except PluginError as error:
            if on_error is not None:
                on_error(name, error)
            continue
        if command is not None:
            yield name, command


def checks_of(plugin: Plugin) -> Mapping[str, Check]:
    """What `imserver check` asks about the plugin's tables; a plugin may have none. Nothing is started."""
    checks: object = getattr(plugin, "checks", {})
    if not isinstance(checks, Mapping) or not all(map(callable, checks.values())):
        raise PluginError(f"plugin {plugin.name!r}: checks are a map of names to functions, not {checks!r}")
    return checks


def file_faults(
    sections: Mapping[str, Mapping[str, Any]], folder: str | Path, given: Iterable[Plugin] = ()
) -> Iterator[ConfigError]:
    """Everything that is wrong with the sections of plugins and with the files that these name. Nothing is started."""
    given = tuple(given)
    for name, section in sections.items():
        field = f"$.plugins.{name}"
        try:
            [one] = enabled({name: section}, [plugin for plugin in given if plugin.name == name])
            asked: FileFaults | None = getattr(one.plugin, "file_faults", None)
            for fault in asked(one.config, partial(Path, folder)) if asked is not None else ():
                yield ConfigError(field, fault)
        except ConfigError as error:
            yield error
        except Exception as error:
            words = (
                str(error) if isinstance(error, PluginError) else f"its files could not be checked: {error!r}"
            )
            yield ConfigError(field, words)


def operation_of(plugin: Plugin, name: str, operation: str) -> Operation:
    """What a command of the plugin asks. Raises PluginError if there is no such thing; the server may be older."""
    operations: object = getattr(plugin, "operations", {})
    if not isinstance(operations, Mapping) or not callable(operations.get(operation)):
        raise PluginError(f"the plugin {name!r} of this server has no operation {operation!r}; is it older?")
    found: Operation = operations[operation]
    return found


def migrations_of(plugin: Plugin) -> list[Migration]:
    """The plugin's migrations, in order; a plugin may have none."""
    migrations = sorted(getattr(plugin, "migrations", ()), key=lambda migration: migration.number)
    numbers = [migration.number for migration in migrations]
    if numbers != list(range(1, len(numbers) + 1)):
        raise PluginError(f"plugin {plugin.name!r}: migrations are numbered 1, 2, 3 …, not {numbers}")
    return migrations
