"""What `imserver booking import` and `export` ask: of the running plugin, or of its tables beside a stopped server."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from imserver.plugin_api import Context, Transaction

from .messages.texts import text_faults
from .schedule import changes as rows
from .schedule import leave
from .schedule.chain_file import CHAIN_FIELD, ChainError, chain_of, parse_tree, read_source
from .schedule.chain_text import as_toml
from .schedule.changes import ChainFile, Change, InEffect, Origin
from .schedule.faults import Fault
from .schedule.shops import Chain, leave_text

#: Characters, and rows, of one answer: it has to fit a line of the control socket in JSON, whatever the characters.
PIECE_CHARS = 4_000
PAGE_ROWS = 20
#: Who settles conflicts: whoever may run commands on the server's machine.
OPERATOR = "operator"


class BookingConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[plugins.booking]`."""

    #: The name of a chain that ships (`demo`), or the path of a chain file (`….toml`), relative to the configuration's folder.
    chain: str = "demo"


def chain_and_faults(text: str, source: str) -> tuple[Chain | None, list[Fault]]:
    """The chain, and all faults of the file; None if it is no TOML."""
    try:
        chain, faults = chain_of(parse_tree(text, source))
    except ChainError as error:
        return None, [Fault((), str(error).removeprefix(f"{source}: "))]
    return chain, faults or list(text_faults(chain))


def file_faults(config: BookingConfig, path: Callable[[str], Path]) -> Iterable[str]:
    """What is wrong with the chain file. Raises what a file that cannot be read does."""
    source = str(path(config.chain)) if config.chain.endswith(".toml") else config.chain
    try:
        text = read_source(source)
    except ChainError as error:
        return [str(error).removeprefix(f"{CHAIN_FIELD}: ")]
    return [f"{source}: {fault}" for fault in chain_and_faults(text, source)[1]]


def chain_file(context: Context) -> ChainFile:
    """The chain file of the configuration as it is now. Raises ChainError and ConfigError."""
    source = context.config.chain
    if not source.endswith(".toml"):
        return _shipped(source)
    place = str(context.path(source))
    return ChainFile.of(read_source(place), place)


@cache
def _shipped(source: str) -> ChainFile:
    """A chain of this package; read once, as it cannot change."""
    return ChainFile.of(read_source(source), source)


async def changes(context: Context, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """A page of the changes that stand, behind the change `after`."""
    after = arguments.get("after") or 0
    standing = [one for one in rows.changes_of(await context.read(rows.SELECT)) if one.id > after]
    page = standing[:PAGE_ROWS]
    return {
        "rows": [_as_map(one) for one in page],
        "next": page[-1].id if len(standing) > len(page) else None,
    }


def _as_map(change: Change) -> dict[str, Any]:
    return {
        "id": change.id,
        "path": list(change.path),
        "value": change.value,
        "was": change.was,
        "actor_id": change.origin.actor_id,
        "conversation_id": change.origin.conversation_id,
        "position": change.origin.position,
        "at": change.origin.at,
    }


async def export(context: Context, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """A piece of the text from `offset` on. `digest` is that of the whole: another one means to begin again."""
    file = chain_file(context)

    def read(tx: Transaction) -> str:
        leave.take_from_file(tx, file.chain)
        return as_file(tx, rows.lay_over(file, rows.standing(tx), rows.revision(tx)))

    text = await context.transaction(read)
    offset = arguments.get("offset") or 0
    piece = text[offset : offset + PIECE_CHARS]
    end = offset + len(piece)
    return {
        "text": piece,
        "next": end if end < len(text) else None,
        "digest": hashlib.blake2b(text.encode(), digest_size=16).hexdigest(),
    }


def as_file(tx: Transaction, in_effect: InEffect) -> str:
    """A chain file that says what is so now: the chain in effect, and leave that is not over."""
    tree: dict[str, Any] = copy.deepcopy(dict(in_effect.tree))
    for shop in in_effect.chain.stores:
        leaves = leave.leaves_of(tx, shop)
        for resource in shop.resources:
            mine = [
                leave_text(one.start_wall, one.end_wall) for one in leaves if one.resource_id == resource.id
            ]
            place = rows.found(tree, ("stores", shop.id, "resources", resource.id))
            place.pop("leave", None)
            if mine:
                place["leave"] = list(dict.fromkeys(mine))
    return "".join(f"# {line}\n" for line in _origins(tx, in_effect)) + "\n" + as_toml(tree)


def _origins(tx: Transaction, in_effect: InEffect) -> list[str]:
    left_out = {change.id for change, _ in in_effect.without}
    made = [one for one in rows.standing(tx) if one.id not in left_out]
    lines = [f"The chain in effect on {_day(tx.now_ms)} UTC."]
    if made:
        lines.append("Changed by talking:")
    lines += [
        f"  {'.'.join(one.path)} by {_line(one.origin.actor_id)} on {_day(one.origin.at)} UTC" for one in made
    ]
    return lines


def _line(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)


def _day(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M}"


async def settle(context: Context, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """The file counts as imported: `decisions` says for changes that it contradicts whether the file's value is taken. What
    the file says itself by now is no change any more."""
    file = chain_file(context)
    decisions = {int(number): take == "file" for number, take in arguments["decisions"].items()}

    def decide(tx: Transaction) -> dict[str, int]:
        origin = Origin(OPERATOR, "", 0, tx.now_ms)
        told = {"taken": 0, "kept": 0, "in_file": 0, "stand": 0}
        for change in rows.standing(tx):
            if rows.found(file.tree, change.path) == change.value:
                rows.end(tx, change.id, origin)
                told["in_file"] += 1
            elif change.id in decisions and rows.in_conflict(file.tree, change):
                take_file = decisions[change.id]
                rows.settle(tx, change, file, take_file=take_file, origin=origin)
                told["taken" if take_file else "kept"] += 1
        stand = rows.standing(tx)
        told["without"] = len(rows.lay_over(file, stand, 0).without)
        told["stand"] = len(stand) - told["without"]
        rows.next_revision(tx)
        return told

    return await context.transaction(decide)
