"""`imserver booking …`: set a shop up, check its file, bring it into a server and out of it again."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
import msgspec

from imserver.plugin_api import CommandLine, PluginError

from .messages.texts import Catalogue
from .operations import BookingConfig, chain_and_faults
from .schedule.chain_file import parse_tree, read_source
from .schedule.chain_rules import zone_meant
from .schedule.changes import Change, Origin, found, in_conflict
from .schedule.notes import notes
from .schedule.shops import Chain
from .setup import CONFIGURATION, SETUP_LANGUAGES, Shop, chain_text, configuration_text, local_zone, name_of
from .understanding.commands import alarm, read, when
from .web import poster as posters

PLUGIN = "booking"
#: Faults are for a person to mend: nothing gets better by trying again.
EXIT_FAULTS = 2


@click.group(name="booking", help="The booking plugin: set up shops, without a server or beside one.")
def booking() -> None:
    """The group that is mounted as `imserver booking`."""


for _command in (when, read, alarm):
    booking.add_command(_command)


# -- setting up -----------------------------------------------------------------------------------------------------------


@booking.command(short_help="Write a chain file to begin with.")
@click.argument("place", required=False)
@click.option("--name", metavar="NAME", help="What customers call the shop. Default: the name of PLACE.")
@click.option("--language", type=click.Choice(SETUP_LANGUAGES), help="Of the comments, and of staff groups.")
@click.option("--zone", metavar="ZONE", help="IANA time zone of the shop. Default: this machine's.")
@click.pass_obj
def init(
    line: CommandLine | None, place: str | None, name: str | None, language: str | None, zone: str | None
) -> None:
    """Write a commented chain file for one shop: PLACE is the file (`….toml`), or a folder in which it is `chain.toml`.

    Nothing that is there is overwritten. Without a configuration in this folder there is one afterwards that names the file.
    """
    if place is None:
        place = click.prompt("File or folder", default="shop.toml")
    path = Path(place) if place.endswith(".toml") else Path(place, "chain.toml")
    if zone is not None:
        _zone(zone)
    language = language or ("zh" if os.environ.get("LANG", "").startswith("zh") else "en")
    shop = Shop(name or name_of(path), language, zone or local_zone())
    _write_new(path, chain_text(shop))
    _say(line, f"wrote {path}")
    configured = line.config_path if line is not None else None
    if configured is not None:
        _say(line, f"name it in {configured}:")
        click.echo(f'  [plugins.{PLUGIN}]\n  chain = "{path.as_posix()}"')
    else:
        _write_new(Path(CONFIGURATION), configuration_text(path))
        _say(line, f"wrote {CONFIGURATION}, which names it")
    _say(line, f"next: put your address, hours and people into {path}, then `imserver booking check`")


def _say(line: CommandLine | None, text: str, *, err: bool = False) -> None:
    if line is not None:
        line.say(text, err=err)
    else:
        click.echo(text, err=err)


def _write_new(path: Path, text: str) -> None:
    try:
        data = text.encode()  # before a file is there that would stay empty
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(data)
    except UnicodeError:
        raise PluginError(f"{path}: the shop's name, or the file's, is not UTF-8 text") from None
    except FileExistsError:
        raise PluginError(f"{path}: is there already; nothing was written") from None
    except OSError as error:
        raise PluginError(f"{path}: {error.strerror}") from None


@booking.command(short_help="Say everything that is wrong with a chain file.")
@click.argument("file", required=False)
@click.pass_obj
def check(line: CommandLine | None, file: str | None) -> int:
    """Check FILE, by default the one that the configuration names. Every fault is a line: where it stands, what stands there,
    and what is wanted. Exit code 2 if there is any. A note is about what is right and probably not meant."""
    source, text = (file, _text(file)) if file is not None else _configured(line)
    chain, faults = chain_and_faults(text, source)
    for fault in faults:
        _say(line, f"{source}: {fault}", err=True)
    if chain is None or faults:
        return EXIT_FAULTS
    for note in notes(chain):
        _say(line, f"{source}: note: {note}", err=True)
    _say(line, f"{source}: all is right: {_counted(chain)}")
    return 0


def _text(file: str) -> str:
    """What stands in a file that was named here."""
    try:
        path = Path(file)
        if path.is_dir():
            raise PluginError(f"{file}: is a folder; name the file in it")
        if path.exists() and not path.is_file():  # a device might never end
            raise PluginError(f"{file}: is no file")
        data = path.read_bytes()
    except OSError as error:
        raise PluginError(f"{file}: {error.strerror}") from None
    except ValueError:  # a name with a zero
        raise PluginError(f"{file!r}: is no name of a file") from None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise PluginError(f"{file}: is not UTF-8 text (line {line}); save it as UTF-8") from None


def _counted(chain: Chain) -> str:
    resources = [one for shop in chain.stores for one in shop.resources]
    counts = {
        "shop": len(chain.stores),
        "person": sum(one.kind == "person" for one in resources),
        "room": sum(one.kind == "room" for one in resources),
        "service": len({name for shop in chain.stores for name in shop.services}),
    }
    plural = {"person": "people"}
    return ", ".join(
        f"{count} {name if count == 1 else plural.get(name, f'{name}s')}" for name, count in counts.items()
    )


def _configured(line: CommandLine | None) -> tuple[str, str]:
    """(name, text) of the chain file that the configuration names."""
    source = _section(line).chain
    if line is not None and source.endswith(".toml"):
        source = str(line.path(source))
    return source, read_source(source)


def _where(line: CommandLine | None) -> str:
    """What to do without a section."""
    if line is None or line.config_path is None:
        return (
            f"there is no {CONFIGURATION} here: go to its folder, or name it, `imserver --config FILE {PLUGIN} …`;"
            f" `imserver {PLUGIN} init` writes one"
        )
    return f'put it into {line.config_path}, with a line such as chain = "shop.toml"'


def _section(line: CommandLine | None) -> BookingConfig:
    section = line.section(PLUGIN) if line is not None else None
    if section is None:
        raise PluginError(f"the configuration has no section [plugins.{PLUGIN}]; {_where(line)}")
    assert isinstance(section, BookingConfig)
    return section


# -- in and out -----------------------------------------------------------------------------------------------------------


@booking.command("import", short_help="Bring a chain file into effect, beside what was changed by talking.")
@click.argument("file", required=False)
@click.option(
    "--take",
    type=click.Choice(["file", "mine"]),
    help="Where both the file and a message changed a field: take the file's value, or keep the message's.",
)
@click.pass_obj
def import_(line: CommandLine, file: str | None, take: str | None) -> None:
    """Put FILE in the place of the chain file that the configuration names (without FILE: read that one again), and have it
    take effect, at once if the server runs.

    What was changed by talking stays. Where the file now says something else in the same field, you are asked.
    """
    place = _own_file(line)
    source = file if file is not None else str(place)
    text = _text(source)
    chain, faults = chain_and_faults(text, source)
    if chain is None or faults:
        more = f" (and {len(faults) - 1} more: `imserver booking check {source}`)" if len(faults) > 1 else ""
        raise PluginError(f"{source}: {faults[0]}{more}")
    tree = parse_tree(text, source)
    conflicts = [change for change in _changes(line) if in_conflict(tree, change)]
    decisions = _decisions(conflicts, tree, take)
    kept = _put_in_place(place, text) if file is not None and not _is_same(Path(file), place) else None
    told = line.ask(PLUGIN, "settle", decisions=decisions)
    _say(line, f"{place}: in effect: {_counted(chain)}")
    if kept is not None:
        _say(line, f"{kept}: what was there before")
    for count, words in (
        (told["taken"], "as the file says, not as said in chat"),
        (told["kept"], "as said in chat, not as the file says"),
        (told["in_file"], "said in chat, and in the file by now"),
        (told["stand"], "changed by talking, beside the file"),
        (
            told["without"],
            "said in chat, without a place in the file: somebody or something is not there any more",
        ),
    ):
        if count:
            _say(line, f"{count} {'field' if count == 1 else 'fields'} {words}")


def _decisions(conflicts: Sequence[Change], tree: Mapping[str, Any], take: str | None) -> dict[str, str]:
    if not conflicts:
        return {}
    for change in conflicts:
        click.echo(".".join(change.path))
        click.echo(f"  the file: {_shown(found(tree, change.path))}")
        click.echo(f"  in chat:  {_shown(change.value)} ({_said_by(change.origin)})")
        if take is None and not sys.stdin.isatty():
            raise PluginError(
                f"{len(conflicts)} {'field was' if len(conflicts) == 1 else 'fields were'} changed by the file and by talking:"
                " say --take file or --take mine"
            )
    return {
        str(change.id): take
        or click.prompt(f"{'.'.join(change.path)}: take", type=click.Choice(["file", "mine"]), default="mine")
        for change in conflicts
    }


def _shown(value: Any) -> str:
    return "nothing" if value is None else msgspec.json.encode(value).decode()


def _said_by(origin: Origin) -> str:
    when = datetime.fromtimestamp(origin.at / 1000, UTC)
    return f"{origin.actor_id}, {when:%Y-%m-%d %H:%M} UTC, message {origin.position}"


def _changes(line: CommandLine) -> list[Change]:
    changes: list[Change] = []
    after = None
    while True:
        page = line.ask(PLUGIN, "changes", after=after)
        for row in page["rows"]:
            origin = Origin(row["actor_id"], row["conversation_id"], row["position"], row["at"])
            changes.append(Change(row["id"], tuple(row["path"]), row["value"], row["was"], origin))
        after = page["next"]
        if after is None:
            return changes


def _own_file(line: CommandLine) -> Path:
    """The file of the configuration, which is the operator's to replace."""
    source = _section(line).chain
    if not source.endswith(".toml"):
        raise PluginError(
            f'the chain {source!r} ships with the server: name a file of your own, [plugins.{PLUGIN}] chain = "shop.toml"'
        )
    return line.path(source)


def _is_same(one: Path, other: Path) -> bool:
    with suppress(OSError):
        return one.samefile(other)
    return False


def _put_in_place(place: Path, text: str) -> Path | None:
    """Whole or not at all; what was there is kept beside it, in the file that is returned."""
    new, before = place.with_name(f"{place.name}.new"), place.with_name(f"{place.name}.before")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with new.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        there_was = place.exists()
        if there_was:
            before.write_bytes(place.read_bytes())
            new.chmod(place.stat().st_mode & 0o777)
        new.replace(place)
        return before if there_was else None
    except OSError as error:
        raise PluginError(f"{error.filename or place}: {error.strerror}") from None
    finally:
        with suppress(OSError):
            new.unlink()


@booking.command(short_help="Print a chain file that says what is so now.")
@click.pass_obj
def export(line: CommandLine) -> None:
    """Print the chain in effect as a chain file: the configured file with everything that was changed by talking, and with
    leave that is not over. The server may run."""
    _section(line)
    click.echo(_exported(line), nl=False)


def _exported(line: CommandLine) -> str:
    while True:
        pieces: list[str] = []
        digests: set[str] = set()
        offset: int | None = 0
        while offset is not None:
            piece = line.ask(PLUGIN, "export", offset=offset)
            pieces.append(piece["text"])
            digests.add(piece["digest"])
            offset = piece["next"]
        if len(digests) == 1:
            return "".join(pieces)


# -- posters ------------------------------------------------------------------------------------------------------------


@booking.command(short_help="Make a poster with a shop's code.")
@click.argument("shop_id", metavar="SHOP")
@click.option(
    "--output", metavar="FILE", help="Where to: `….svg`, or `….html` for a page to print. Default: SHOP.html."
)
@click.option(
    "--ref", default="", metavar="WORD", help="Where it hangs, such as window: a part of its address."
)
@click.pass_obj
def poster(line: CommandLine, shop_id: str, output: str | None, ref: str) -> None:
    """Write a poster of SHOP: the code for a camera opens the shop's page, whose host stands beside it in letters. Nothing that
    is there is overwritten."""
    source, text = _configured(line)
    chain, faults = chain_and_faults(text, source)
    if chain is None or faults:
        raise PluginError(f"{source}: {faults[0]}")
    shop = chain.shop(shop_id)
    if shop is None:
        known = ", ".join(one.id for one in chain.stores)
        raise PluginError(f"{source}: there is no shop {shop_id!r}; there are: {known}")
    link = posters.address(line.public_url, shop, ref)
    for note in notes(chain):
        if note.path[:2] == ("stores", shop.id) and note.path[-1] == "address":
            _say(line, f"{source}: note: {note}", err=True)
    path = Path(output or f"{shop.id}.html")
    if path.suffix not in (".svg", ".html"):
        raise PluginError(f"--output {path}: ends in .svg, or in .html for a page to print")
    words = Catalogue(chain)
    first = chain.staff_language
    second = "en" if first == "zh" else "zh"
    both = words.words(first, shop), words.words(second, shop)
    picture = posters.svg(shop, link, both)
    _write_new(path, picture if path.suffix == ".svg" else posters.page(shop, picture))
    _say(line, f"wrote {path}: {link}")


# -- words --------------------------------------------------------------------------------------------------------------


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise click.BadParameter(f"no time zone {name!r}{zone_meant(name)}", param_hint="--zone") from None
