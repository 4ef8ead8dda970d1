"""The chain in effect: the chain file, and what was changed by talking since.

A change is one field of one shop, named by its path (`stores.garden.hours.sat`): its new value, the value that the file had
there when it was made, and who made it, when, by which message. Changes are laid over the file at every start and whenever one
comes; the file itself stays as its owner wrote it. Where the file changed the same field meanwhile, the two are in conflict:
the change stands until `imserver booking import` has asked.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from imserver.plugin_api import Context, Transaction

from . import asked
from .asked_by_staff import tell_all_staff
from .chain_file import ChainError, chain_error, chain_of, parse_tree
from .faults import Path, element
from .shops import Chain

#: Changes that stand at once.
MAX_CHANGES = 2000


@dataclass(frozen=True, slots=True)
class Origin:
    """Who said so, when, and by which message."""

    actor_id: str
    conversation_id: str
    position: int
    at: int


@dataclass(frozen=True, slots=True)
class Change:
    """A row of `booking_chain_changes` that stands. None as a value: the field, or the element of a list, is not there."""

    id: int
    path: Path
    value: Any
    #: What the file had there when the change was made, or when a conflict was settled.
    was: Any
    origin: Origin


@dataclass(frozen=True, slots=True)
class ChainFile:
    """A chain file as it was read."""

    source: str
    text: str
    tree: Mapping[str, Any]
    chain: Chain

    @classmethod
    def of(cls, text: str, source: str) -> ChainFile:
        """Raises ChainError."""
        tree = parse_tree(text, source)
        chain, faults = chain_of(tree)
        if faults:
            raise chain_error(source, faults)
        return cls(source, text, tree, chain)


@dataclass(frozen=True, slots=True)
class InEffect:
    """A file with the changes laid over it, as it was at a revision of the changes."""

    file: ChainFile
    tree: Mapping[str, Any]
    chain: Chain
    revision: int
    #: Changes that could not be laid over this file, and why.
    without: tuple[tuple[Change, str], ...] = ()
    #: Changes of fields that the file has changed, too.
    conflicts: tuple[Change, ...] = ()


def lay_over(file: ChainFile, changes: Sequence[Change], revision: int) -> InEffect:
    """All changes that have a place in the file and leave a chain that is right."""
    if not changes:
        return InEffect(file, file.tree, file.chain, revision)
    conflicts = tuple(change for change in changes if in_conflict(file.tree, change))
    tree: dict[str, Any] = copy.deepcopy(dict(file.tree))
    try:
        for change in changes:
            put(tree, change.path, change.value)
        chain, faults = chain_of(tree)
        if not faults:
            return InEffect(file, tree, chain, revision, (), conflicts)
    except LookupError:
        pass
    return _one_by_one(file, changes, revision, conflicts)


def _one_by_one(
    file: ChainFile, changes: Sequence[Change], revision: int, conflicts: tuple[Change, ...]
) -> InEffect:
    tree: dict[str, Any] = copy.deepcopy(dict(file.tree))
    chain, without = file.chain, []
    for change in changes:
        tried = copy.deepcopy(tree)
        try:
            put(tried, change.path, change.value)
        except LookupError as error:
            without.append((change, str(error.args[0])))
            continue
        made, faults = chain_of(tried)
        if faults:
            without.append((change, str(faults[0])))
        else:
            tree, chain = tried, made
    return InEffect(file, tree, chain, revision, tuple(without), conflicts)


def in_conflict(tree: Mapping[str, Any], change: Change) -> bool:
    """Whether the file says something new where the change was made, and not the same."""
    here = found(tree, change.path)
    return here not in (change.was, change.value)


def found(tree: Any, path: Path) -> Any:
    """What stands at a path; None if nothing does."""
    for part in path:
        if isinstance(tree, Mapping):
            tree = tree.get(part)
        elif isinstance(tree, list):
            tree = next((one for index, one in enumerate(tree) if element(index, one) == part), None)
        else:
            return None
    return tree


def put(tree: dict[str, Any], path: Path, value: Any) -> None:
    """Put a value at a path, or take away what is there (None). Raises LookupError if there is no such place."""
    node: Any = tree
    for depth, part in enumerate(path[:-1]):
        if isinstance(
            node, dict
        ):  # `exceptions` is a table that a file may leave out; a shop or a person is never made up
            node.setdefault(part, [] if part == "resources" else {})
        inner = found(node, (part,))
        if not isinstance(inner, dict | list):
            raise LookupError(f"the file has no {'.'.join(path[: depth + 1])} any more")
        node = inner
    last = path[-1]
    if isinstance(node, list):
        kept = [one for index, one in enumerate(node) if element(index, one) != last]
        node[:] = kept if value is None else _replaced(node, kept, last, value)
    elif value is None:
        node.pop(last, None)
    else:
        node[last] = value


def _replaced(node: list[Any], kept: list[Any], name: str, value: Any) -> list[Any]:
    """The list with an element in the place of the one of its name, or at the end."""
    if len(kept) == len(node):
        return [*node, value]
    return [value if element(index, one) == name else one for index, one in enumerate(node)]


# -- rows ---------------------------------------------------------------------------------------------------------------


def revision(tx: Transaction) -> int:
    """Another one after every change of the chain in effect, by whomever."""
    rows = tx.execute("SELECT revision FROM booking_chain")
    return int(rows[0][0]) if rows else 0


async def latest_revision(context: Context) -> int:
    """The same outside of a transaction."""
    ((latest,),) = await context.read("SELECT COALESCE(MAX(revision), 0) FROM booking_chain")
    return int(latest)


def next_revision(tx: Transaction) -> None:
    """Whoever works with the chain as it was reads it anew before anything else."""
    tx.execute(
        "INSERT INTO booking_chain (name, revision) VALUES ('chain', 1)"
        " ON CONFLICT (name) DO UPDATE SET revision = booking_chain.revision + 1"
    )


#: In the order in which they were made: a person is added before their breaks are changed.
SELECT = (
    "SELECT id, path, value, was, actor_id, conversation_id, position, made_at FROM booking_chain_changes"
    " WHERE ended_at IS NULL ORDER BY id"
)


def changes_of(rows: Iterable[Sequence[Any]]) -> list[Change]:
    """The rows of SELECT."""
    return [
        Change(
            number,
            tuple(path.split(".")),
            msgspec.json.decode(value),
            msgspec.json.decode(was),
            Origin(actor_id, conversation_id, position, made_at),
        )
        for number, path, value, was, actor_id, conversation_id, position, made_at in rows
    ]


def standing(tx: Transaction) -> list[Change]:
    return changes_of(tx.execute(SELECT))


def change(tx: Transaction, file: ChainFile, path: Path, value: Any, origin: Origin) -> None:
    """A field has another value from here on, whatever changed it before. Back to what the file says is no change any more."""
    name = ".".join(path)
    before = tx.execute("SELECT was FROM booking_chain_changes WHERE path = ? AND ended_at IS NULL", (name,))
    # A conflict that nobody settled stays one: it is the operator who is asked.
    was = msgspec.json.decode(before[0][0]) if before else found(file.tree, path)
    tx.execute(
        "UPDATE booking_chain_changes SET ended_at = ?, ended_by = ? WHERE ended_at IS NULL AND path = ?",
        (origin.at, origin.actor_id, name),
    )
    next_revision(tx)
    asked.tell_all(tx)
    tell_all_staff(tx)
    if value == was == found(file.tree, path):
        return
    if tx.execute("SELECT COUNT(*) FROM booking_chain_changes WHERE ended_at IS NULL")[0][0] >= MAX_CHANGES:
        raise ChainError(f"more than {MAX_CHANGES} changes: export them into the file first")
    tx.execute(
        "INSERT INTO booking_chain_changes (path, value, was, actor_id, conversation_id, position, made_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (name, _json(value), _json(was), origin.actor_id, origin.conversation_id, origin.position, origin.at),
    )


def end(tx: Transaction, change_id: int, origin: Origin) -> None:
    """It does not stand any more; its row stays as history."""
    tx.execute(
        "UPDATE booking_chain_changes SET ended_at = ?, ended_by = ? WHERE ended_at IS NULL AND id = ?",
        (origin.at, origin.actor_id, change_id),
    )


def settle(tx: Transaction, one: Change, file: ChainFile, *, take_file: bool, origin: Origin) -> None:
    """Somebody decided a conflict: the file's value, or the change, which is then none with this file any more."""
    if take_file:
        end(tx, one.id, origin)
    else:
        tx.execute(
            "UPDATE booking_chain_changes SET was = ? WHERE id = ? AND ended_at IS NULL",
            (_json(found(file.tree, one.path)), one.id),
        )


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
