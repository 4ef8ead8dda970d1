"""Reads the configuration: the file, the environment over it, who said what, and all that is wrong with it."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, get_origin

import msgspec

from imserver.errors import ConfigError
from imserver.named_file import read_text

from .bounds import out_of_bounds
from .environment import (
    ENVIRONMENT_PREFIX,
    PLUGINS,
    Environment,
    Override,
    meant,
    read_environment,
    sections,
    variable_of,
)
from .rules import faults
from .sections import Config, KeyConfig
from .withheld import without_secrets

#: Of the file: twenty times the one that names every field. To read megabytes of TOML takes seconds of a running server.
MAX_BYTES = 256 * 1024
#: Some editors put it before a text.
BYTE_ORDER_MARK = "\ufeff"
#: Fields that name a file or a socket.
PATHS: Mapping[str, tuple[str, ...]] = {
    "server": ("tls_certificate", "tls_key", "unix_socket"),
    "store": ("path",),
    "auth": ("secret_file", "public_key_file"),
    "http": ("tls_certificate", "tls_key"),
    "admin": ("unix_socket",),
}
_KEY_PATHS = ("secret_file", "public_key_file")


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read. `config` is None where there are `faults`."""

    config: Config | None
    faults: tuple[ConfigError, ...]
    environment: Environment
    #: What could be read of it, with defaults in the place of fields that could not; None if the file is no TOML.
    readable: Config | None = None
    #: Who said a field, by its path: the file's name, or the variable's. A field that is not here has its default.
    origins: Mapping[tuple[str, ...], str] = field(default_factory=dict)

    def blamed(self, fault: ConfigError) -> ConfigError:
        """The fault with the variable's name, if a variable said what is wrong."""
        return _blamed(fault, self.origins)


def load_config(path: Path | None, environment: Mapping[str, str] = os.environ) -> Config:
    """The file (none: all defaults) with the environment laid over it, checked. Raises `ConfigError` with the path.

    A relative path in the file (database, secret, certificates) is relative to the folder of `path` as it is given, so that
    the server may be started from anywhere. A link is not followed for it: the data stay where they are when the link is
    switched to another version of the file.
    """
    reading = read_config(path, environment)
    if reading.config is None:
        raise reading.faults[0]
    return reading.config


def read_config(path: Path | None, environment: Mapping[str, str] = os.environ) -> Reading:
    """The same, with all faults and where each field came from. Raises nothing. No fault shows a password."""
    reading = _read(path, environment)
    shown = tuple(_without_secrets(fault) for fault in reading.faults)
    return replace(reading, faults=shown)


def _without_secrets(fault: ConfigError) -> ConfigError:
    return ConfigError(fault.path, without_secrets(fault.why), again=fault.again, source=fault.source)


def _read(path: Path | None, environment: Mapping[str, str]) -> Reading:
    said = read_environment(environment)
    try:
        tree = _tree_of(path)
    except ConfigError as error:
        return Reading(None, (error, *said.faults), said)
    origins = {at: str(path) for at in _leaves(tree)}
    wrong = list(said.faults)
    for override in said.overrides:
        try:
            _lay_over(tree, override)
            origins[override.path] = override.variable
        except ConfigError as error:
            wrong.append(error)
    zeros = (_blamed(fault, origins) for fault in _with_zeros("$", tree))
    of_types = [*zeros, *_of_types(tree, origins)]
    # strict=False lets an environment variable's "7410" be an integer.
    config = msgspec.convert(_readable(tree), Config, strict=False)
    if path is not None:
        config = _anchored(config, path.absolute().parent)
    wrong += of_types
    wrong += (_blamed(fault, origins) for fault in _of_values(config, {section_of(one) for one in of_types}))
    return Reading(None if wrong else config, tuple(wrong), said, config, origins)


def section_of(fault: ConfigError) -> str:
    """The section that a fault is about; "" for what is about none."""
    return fault.path.removeprefix("$").removeprefix(".").partition(".")[0].partition("[")[0]


def _of_values(config: Config, spoiled: Collection[str]) -> Iterable[ConfigError]:
    """What is wrong with values. In sections that could not be read whole, only numbers are judged: what goes together there,
    nobody knows."""
    for fault in faults(config):
        if section_of(fault) not in spoiled:
            yield fault
    for section in sorted(spoiled):
        values = getattr(config, section, None)
        if values is not None:
            yield from out_of_bounds(section, values)


def _tree_of(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        return tomllib.loads(read_text(path, "$", MAX_BYTES).removeprefix(BYTE_ORDER_MARK))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError("$", f"{path}: {error}") from None
    except ValueError:  # the only other one: Python reads no longer numbers
        raise ConfigError("$", f"{path}: a number of thousands of digits") from None
    except RecursionError:
        raise ConfigError("$", f"{path}: brackets within brackets without end") from None


def _leaves(tree: Mapping[str, Any]) -> Iterable[tuple[str, ...]]:
    """The path of each field, `plugins.NAME.FIELD` too."""
    for name, values in tree.items():
        if not isinstance(values, dict):
            yield (name,)
            continue
        for inner, value in values.items():
            if name == PLUGINS and isinstance(value, dict):
                yield from ((name, inner, option) for option in value)
            else:
                yield name, inner


def _with_zeros(path: str, value: Any) -> Iterable[ConfigError]:
    """Each text with a character 0 in it: no name of a file or a host has one, and the system raises what nobody expects."""
    match value:
        case str() if "\0" in value:
            yield ConfigError(path, "has a character 0 in it")
        case dict():
            for name, inner in value.items():
                yield from _with_zeros(f"{path}.{name}", inner)
        case list():
            for number, inner in enumerate(value):
                yield from _with_zeros(f"{path}[{number}]", inner)


def _lay_over(tree: dict[str, Any], override: Override) -> None:
    node = tree
    for part in override.path[:-1]:
        node = node.setdefault(part, {})
        if not isinstance(node, dict):
            raise _of_variable(".".join(override.path), "does not name a field", override.variable)
    node[override.path[-1]] = _value_of(override)


def _value_of(override: Override) -> Any:
    """The text, which becomes a number where the field is one; a switch; or a list."""
    text = override.text
    # Which fields of a plugin are lists, only the plugin knows.
    is_list = text.startswith("[") if override.path[0] == PLUGINS else _is_list(override.path)
    if not is_list:
        return {"true": True, "false": False}.get(text.lower(), text)
    if not text.lstrip().startswith("["):
        return [word.strip() for word in text.split(",") if word.strip()]
    try:
        told = tomllib.loads(f"list = {text}")
    except (ValueError, RecursionError):
        told = {}
    if set(told) != {"list"}:
        if override.path[0] == PLUGINS:
            return text
        why = "is no list: words with commas between them, or a TOML array"
        raise _of_variable(".".join(override.path), why, override.variable)
    return told["list"]


def _is_list(path: tuple[str, ...]) -> bool:
    section = sections().get(path[0])
    if section is None or len(path) != 2:
        return False
    return any(
        one.name == path[1] and get_origin(one.type) is list for one in msgspec.structs.fields(section)
    )


# -- types --------------------------------------------------------------------------------------------------------------


def _of_types(tree: Mapping[str, Any], origins: Mapping[tuple[str, ...], str]) -> Iterable[ConfigError]:
    """Every field that is none, or of another type."""
    known = sections()
    for name, values in tree.items():
        if name == PLUGINS:
            yield from _of_plugins(values, origins)
        elif name not in known:
            yield _unknown((name,), [*known, PLUGINS], origins)
        elif not isinstance(values, dict):
            yield _blamed(ConfigError(f"$.{name}", "is a section, and no value"), origins)
        else:
            yield from _of_section(name, values, known[name], origins)


def _readable(tree: Mapping[str, Any]) -> dict[str, Any]:
    """What has the right type."""
    known = sections()
    kept: dict[str, Any] = {
        name: {each: value for each, value in values.items() if _fits(known[name], each, value)}
        for name, values in tree.items()
        if name in known and isinstance(values, dict)
    }
    plugins = tree.get(PLUGINS)
    if isinstance(plugins, dict):
        kept[PLUGINS] = {
            name: values
            for name, values in plugins.items()
            if isinstance(values, dict) and not any(_with_zeros("", values))
        }
    return kept


def _fits(section: type[Any], name: str, value: Any) -> bool:
    try:
        msgspec.convert({name: value}, section, strict=False)
    except msgspec.ValidationError:
        return False
    return not any(_with_zeros("", value))


def _of_section(
    name: str, values: Mapping[str, Any], section: type[Any], origins: Mapping[tuple[str, ...], str]
) -> Iterable[ConfigError]:
    for each, value in values.items():
        if each not in section.__struct_fields__:
            yield _unknown((name, each), section.__struct_fields__, origins)
            continue
        try:
            msgspec.convert({each: value}, section, strict=False)
        except msgspec.ValidationError as error:
            yield _blamed(_config_error(error, f"$.{name}"), origins)


def _of_plugins(values: Any, origins: Mapping[tuple[str, ...], str]) -> Iterable[ConfigError]:
    if not isinstance(values, dict):
        yield _blamed(ConfigError(f"$.{PLUGINS}", "is a section, and no value"), origins)
        return
    for name, value in values.items():
        if not isinstance(value, dict):
            yield _blamed(ConfigError(f"$.{PLUGINS}.{name}", "is a section, and no value"), origins)


def _config_error(error: msgspec.ValidationError, section: str) -> ConfigError:
    """Move the path of msgspec's "Expected `int`, got `str` - at `$.port`" to the front."""
    text, _, where = str(error).partition(" - at `")
    path = section + (where.rstrip("`") or "$")[1:]
    if "unknown field" in text:
        name = text.rsplit("`", 2)[-2]
        return ConfigError(f"{path}.{name}", "no such field")
    return ConfigError(path, text)


def _unknown(
    path: tuple[str, ...], known: Iterable[str], origins: Mapping[tuple[str, ...], str]
) -> ConfigError:
    what = "field" if len(path) > 1 else "section"
    right = meant(path[-1], list(known))
    fault = _blamed(ConfigError(f"$.{'.'.join(path)}", f"no such {what}"), origins)
    if not right:
        return fault
    named = (*path[:-1], right)
    of_variable = fault.source.startswith(ENVIRONMENT_PREFIX) and len(path) > 1
    return fault.adding(f"; did you mean {variable_of(named) if of_variable else right}?")


def _blamed(fault: ConfigError, origins: Mapping[tuple[str, ...], str]) -> ConfigError:
    """The fault with the variable's name, if a variable said what is wrong; whoever tells it names the file."""
    path = tuple(re.sub(r"\[\d+\]", "", fault.path).split(".")[1:])
    said = {said for at, said in origins.items() if path[: len(at)] == at}
    said = said or {said for at, said in origins.items() if path and at[: len(path)] == path}
    variable = said.pop() if len(said) == 1 else ""
    if fault.source or not variable.startswith(ENVIRONMENT_PREFIX):
        return fault
    return _of_variable(fault.path.removeprefix("$."), fault.why, variable)


def _of_variable(path: str, why: str, variable: str) -> ConfigError:
    return ConfigError(f"$.{path}", why, source=f"{variable} in the environment")


# -- paths --------------------------------------------------------------------------------------------------------------


def _anchored(config: Config, folder: Path) -> Config:
    """Relative paths begin at the file's folder."""

    def anchored(path: str) -> str:
        return path if not path or path == ":memory:" else str(folder / path)

    def moved(values: Any, names: Iterable[str]) -> Any:
        return msgspec.structs.replace(values, **{name: anchored(getattr(values, name)) for name in names})

    there = {name: values for name in PATHS if (values := getattr(config, name)) is not None}
    config = msgspec.structs.replace(
        config, **{name: moved(values, PATHS[name]) for name, values in there.items()}
    )
    keys: list[KeyConfig] = [moved(key, _KEY_PATHS) for key in config.auth.keys]
    return msgspec.structs.replace(config, auth=msgspec.structs.replace(config.auth, keys=keys))
