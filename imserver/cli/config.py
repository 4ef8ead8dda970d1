"""`imserver config check|print`: what is wrong with the configuration, and what is in effect and who said it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click
import msgspec

from imserver.cautions import Caution, cautions
from imserver.clock import SystemClock
from imserver.config import Config, Reading
from imserver.config.environment import PLUGINS, Environment
from imserver.config.loading import section_of
from imserver.config.withheld import hidden, is_secret, without_secrets
from imserver.config_files import faults_of_files
from imserver.errors import ConfigError, ImserverError

from .app import EXIT_MISTAKE, Setup, fail, tell
from .database_file import database_faults, database_note
from .sanitize import escaped
from .tables import Look, say, show, styled, terminal_width
from .text_width import pad, width

DEFAULT = "default"
#: Sections that say something by being there.
BY_PRESENCE = frozenset({"http", "admin", "plugins"})
#: The one field of ours that is a secret itself; those of plugins are known by their names.
SECRET = ("auth", "secret")
#: Values are followed by who said them in one column, as long as they are not longer.
MOST_PADDED = 44


@click.group()
def config() -> None:
    """Check the configuration, or print what is in effect."""


@config.command(short_help="Say everything that is wrong.")
@click.pass_obj
def check(setup: Setup) -> int:
    """Check the file, the environment, and the files that they name: certificates (one that has run out is a fault), keys,
    files of plugins, the database and its folder.

    Each fault is a line, and exit code 2 says that there is any. A note is about what keeps nothing from starting. Nothing is
    made, and no server is asked: whether ports are free and plugins start, whether the database is whole (`imserver check`),
    and what another user may read than the one who runs this, it does not know.
    """
    reading = setup.reading()
    faults = list(reading.faults)
    where = setup.config_path or "no configuration file, all defaults"
    notes: list[str] = list(_notes_of_environment(reading.environment))
    if reading.readable is not None:
        now_s = SystemClock().now_ms() / 1000
        config, told = reading.readable, {section_of(fault) for fault in faults} - {PLUGINS}
        of_files = [*faults_of_files(config, setup.folder, now_s), *database_faults(setup, config.store.path)]
        # Of a section that is wrong already, files may be others.
        faults += (reading.blamed(fault) for fault in of_files if section_of(fault) not in told)
        if reading.config is not None:
            notes += _notes_of(config, now_s, faults)
    for note in notes:
        tell(f"imserver: note: {escaped(note)}")
    for fault in faults:
        fail(str(setup.blame(fault)), EXIT_MISTAKE)
    if faults:
        return EXIT_MISTAKE
    say(f"{where}: all is right")
    return 0


@config.command("print", short_help="Print what is in effect, and who said it.")
@click.option("--changed", is_flag=True, help="Leave out what has its default.")
@click.pass_obj
def print_(setup: Setup, changed: bool) -> None:
    """Print the configuration that a start would have, as TOML: the file, with the environment over it and defaults below it.
    The comment behind each field says who said it. Secrets are hidden; relative paths are what they lead to.
    """
    reading = setup.reading()
    if reading.config is None:
        raise reading.faults[0]
    show(lines(reading, reading.config, terminal_width(), changed=changed))


# -- notes --------------------------------------------------------------------------------------------------------------


def _notes_of_environment(environment: Environment) -> Iterator[str]:
    if environment.of_services:
        yield f"ignored, as Kubernetes sets them beside a Service: {', '.join(environment.of_services)}"
    for name, meant in environment.unknown.items():
        yield f"{name} sets nothing" + (f"; did you mean {meant}?" if meant else "")


def _notes_of(config: Config, now_s: float, faults: Sequence[ConfigError]) -> Iterator[str]:
    if (older := database_note(config.store.path)) != "":
        yield older
    told = {fault.path for fault in faults}
    yield from (_in_words(note) for note in cautions(config, now_s) if not _is_told(note, told))


def _in_words(caution: Caution) -> str:
    event, facts = caution
    return f"{event.replace('_', ' ')}: " + ", ".join(f"{name} {value}" for name, value in facts.items())


def _is_told(caution: Caution, faults: set[str]) -> bool:
    """A certificate that has run out is a fault here, and not a caution, too."""
    return caution[0] in ("certificate_expired", "certificate_not_valid_yet") and any(
        path.endswith(".tls_certificate") for path in faults
    )


# -- what is in effect --------------------------------------------------------------------------------------------------


def lines(reading: Reading, config: Config, cells: int, *, changed: bool = False) -> Iterator[str]:
    """The configuration as TOML on lines of so many cells, if values have room in them."""
    for name in config.__struct_fields__:
        values = getattr(config, name)
        if name == "plugins":
            for plugin, section in values.items():
                yield from _section((name, plugin), _of_plugin(plugin, section), reading, cells, changed)
        elif values is None and changed:
            continue
        elif values is None:
            yield styled(f"# no section [{name}]", Look.DIM)
            yield ""
        else:
            yield from _section((name,), msgspec.to_builtins(values), reading, cells, changed)


def _of_plugin(name: str, section: Mapping[str, Any]) -> Mapping[str, Any]:
    """With the plugin's own defaults, if it can be asked."""
    from imserver.plugin_host import enabled

    try:
        [one] = enabled({name: section})
        told: Mapping[str, Any] = msgspec.to_builtins(one.config)
    except (ImserverError, TypeError):
        return section
    return told


def _section(
    path: tuple[str, ...], values: Mapping[str, Any], reading: Reading, cells: int, changed: bool
) -> Iterator[str]:
    rows: list[tuple[str, str]] = []
    for name, value in values.items():
        origin = reading.origins.get((*path, name), DEFAULT)
        if not (changed and origin == DEFAULT):
            secret = (*path, name) == SECRET or (path[0] == PLUGINS and is_secret(name))
            rows.append((_field(name, hidden(value) if secret else value, path[0]), escaped(origin)))
    if changed and not rows and path[0] not in BY_PRESENCE:
        return
    yield styled(f"[{'.'.join(map(_key, path))}]", Look.BOLD)
    room = max((width(text) for text, _ in rows if width(text) <= MOST_PADDED), default=0)
    for text, origin in rows:
        comment = f"# {origin}"
        look = Look.DIM if origin == DEFAULT else Look.PLAIN
        for beside in (pad(text, max(room, width(text))), text):
            if width(beside) + 2 + width(comment) <= cells:
                yield f"{beside}  {styled(comment, look)}"
                break
        else:
            yield text
            yield f"  {styled(comment, look)}"
    yield ""


def _field(name: str, value: Any, section: str) -> str:
    if value is None:
        return f"# {_key(name)} is not set"
    return f"{_key(name)} = {_toml(value, section)}"


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _text(name)


def _toml(value: Any, section: str) -> str:
    if isinstance(value, str):
        return _text(without_secrets(value))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        inner = (
            _field(name, hidden(one) if section == PLUGINS and is_secret(name) else one, section)
            for name, one in value.items()
            if one is not None
        )
        return f"{{ {', '.join(inner)} }}"
    if isinstance(value, Sequence):
        return f"[{', '.join(_toml(one, section) for one in value)}]"
    return str(value)


def _text(text: str) -> str:
    r"""A basic string. What a terminal would act upon is `\uXXXX` in it, which TOML reads as that."""
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(one if escaped(one) == one else _escape(ord(one)) for one in quoted)


def _escape(code: int) -> str:
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
