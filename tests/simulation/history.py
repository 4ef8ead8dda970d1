"""A whole run's end, written down by hand: what the database holds and what each device was told, with nothing wrong in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from imserver.proof.acts import digest_of
from imserver.proof.simulation.oracle import Evidence
from imserver.proof.simulation.record import Post, Record, Shown, Storage
from imserver.proof.simulation.stored import Member, Row, Stored
from imserver.proof.taken_back import Restore, TakenBack
from imserver_client import Item, Message

#: A group with the echo bot, a conversation of two, and two that no device of the run is in.
GROUP, PAIR, ASIDE, ROBOT = "group/1", "direct/ann/bob", "group/aside", "direct/dee/echo"
#: Of `with_team`: names the group as its team.
SHOP = "group/shop"


def said(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def system(event: str, **more: Any) -> dict[str, Any]:
    return {"type": "system", "event": event, **more}


def key(number: int) -> bytes:
    return number.to_bytes(2, "big")


def row(conversation_id: str, position: int, sender: str, number: int, *contents: Any) -> Row:
    """With all contents that it ever had; the last one is what it says now."""
    revisions = dict(enumerate(contents, 1))
    return Row(conversation_id, position, key(number), sender, 1000 + number, len(contents), revisions)


def heard(number: int, kind: str = "heard") -> dict[str, Any]:
    return said(f"{kind} {key(number).hex()}")


@dataclass
class History:
    """Change anything, then ask for `evidence`."""

    rows: list[Row]
    heads: dict[str, int]
    members: dict[str, dict[str, Member]]
    echoes: list[tuple[str, str, int]]
    records: dict[str, Record]
    storages: dict[str, Storage]
    committed: dict[tuple[str, int], float]
    failures: list[str] = field(default_factory=list)
    teams: dict[str, str] = field(default_factory=dict)
    persons: dict[str, set[str]] = field(default_factory=dict)
    watch: Any = None
    restores: list[Restore] = field(default_factory=list)

    def evidence(self) -> Evidence:
        stored = Stored(heads=self.heads, echoes=self.echoes, failures=self.failures)
        stored.members.update(self.members)
        stored.teams.update(self.teams)
        stored.persons.update(self.persons)
        for one in self.rows:
            stored.rows.append(one)
            stored.by_place.setdefault((one.conversation_id, one.position), one)
            stored.by_key[one.conversation_id, one.sender_id, one.key].append(one)
        records, storages = list(self.records.values()), list(self.storages.values())
        taken = TakenBack(self.restores)
        return Evidence(stored, records, storages, self.committed, watch=self.watch, taken=taken)

    def row(self, conversation_id: str, position: int) -> Row:
        return next(
            one for one in self.rows if (one.conversation_id, one.position) == (conversation_id, position)
        )

    def post(self, device_id: str, number: int) -> Post:
        return next(post for post in self.records[device_id].posts.values() if post.number == number)

    def show(self, device_id: str, seen: Row, *, life: int = 0, again: bool = False, **changes: Any) -> None:
        """This device is handed the message, or what `changes` make of it."""
        message = replace(message_of(seen, again=again), **changes)
        self.records[device_id].shown.append(Shown(message, life, 1.0))


def message_of(seen: Row, *, again: bool = False) -> Message:
    return Message(
        seen.conversation_id, seen.position, seen.sender_id, seen.sent_at, seen.key, _dict(seen.content), seen.revision,
        False, again, lambda message: None,
    )  # fmt: skip


def item_of(seen: Row, **changes: Any) -> Item:
    item = Item(
        seen.conversation_id,
        seen.position,
        seen.sender_id,
        seen.sent_at,
        seen.key,
        _dict(seen.content),
        seen.revision,
    )
    return replace(item, **changes)


def _dict(content: Mapping[str, Any]) -> dict[str, Any]:
    return dict(content)


def rows() -> list[Row]:
    """In order of commit."""
    return [
        row(GROUP, 1, "ann", 1, said("one"), said("uno")),
        row(GROUP, 2, "echo", 101, heard(1)),
        row(PAIR, 1, "ann", 2, said("between us")),
        row(GROUP, 3, "bob", 3, said("later, please"), said("later never mind")),
        row(GROUP, 4, "echo", 102, heard(3)),
        row(GROUP, 5, "ann", 4, system("edited", target=1, revision=2)),
        row(GROUP, 6, "ann", 5, system("added", user="cy")),
        row(GROUP, 7, "cy", 6, said("later hello")),
        row(GROUP, 8, "echo", 103, heard(6)),
        row(GROUP, 9, "echo", 104, heard(6, "later")),
        row(GROUP, 10, "ann", 7, system("removed", user="cy")),
        row(GROUP, 11, "ann", 8, said("two")),
        row(GROUP, 12, "echo", 105, heard(8)),
        row(PAIR, 2, "ann", 9, said("and now?")),
        row(ASIDE, 1, "dee", 10, said("who is here?")),
        row(ASIDE, 2, "dee", 11, system("added", user="fay")),
        row(ASIDE, 3, "fay", 12, said("I am")),
        row(ASIDE, 4, "dee", 13, system("removed", user="fay")),
        row(ASIDE, 5, "dee", 14, said("not any more")),
        row(ROBOT, 1, "dee", 15, said("robot?")),
        row(ROBOT, 2, "echo", 106, heard(15)),
    ]  # fmt: skip


def right() -> History:
    """Nothing is wrong with it, though much of what may happen has happened."""
    all_rows = rows()
    heads: dict[str, int] = {}
    for one in all_rows:
        heads[one.conversation_id] = one.position
    always = Member(1, None, 0, 0)
    history = History(
        all_rows,
        heads,
        {
            GROUP: {
                "ann": Member(1, None, 12, 11),
                "bob": Member(1, None, 5, 0),
                "cy": Member(6, 10, 9, 8),
                "echo": always,
            },
            PAIR: {"ann": always, "bob": Member(1, None, 2, 2)},
            ASIDE: {"dee": always, "fay": Member(2, 4, 0, 0)},
            ROBOT: {"dee": always, "echo": always},
        },
        [("heard", key(n).hex(), p) for n, p in ((1, 2), (3, 4), (6, 8), (8, 12), (15, 2))]
        + [("later", key(6).hex(), 9)],
        {name: Record(name.partition("-")[0], name) for name in ("ann-1", "bob-1", "cy-1")},
        {name: Storage() for name in ("ann-1", "bob-1", "cy-1")},
        {(one.conversation_id, one.position): float(number) for number, one in enumerate(all_rows)},
    )
    _posts(history)
    _shows(history)
    _tells(history)
    return history


def with_team(history: History) -> History:
    """dee has made a conversation that names the group: ann and bob are in it, and cy was, before anything was said."""
    said_there = row(SHOP, 1, "dee", 300, said("for the team"))
    history.rows.append(said_there)
    history.heads[SHOP] = 1
    history.members[SHOP] = {"dee": Member(1, None, 0, 0)}
    history.teams[SHOP] = GROUP
    history.persons[GROUP] = {"ann", "bob"}
    history.committed[SHOP, 1] = float(len(history.rows) - 1)
    for device in ("ann-1", "bob-1"):
        at = history.committed[SHOP, 1] + 1
        history.records[device].shown.append(Shown(message_of(said_there), 1, at))
        history.records[device].final[SHOP] = (1, [item_of(said_there)])
        history.storages[device].begins[SHOP] = (0, False)
    return history


def _posts(history: History) -> None:
    """What each device posted, in order, and what it was told of it."""
    numbers: dict[str, int] = {}
    for one in history.rows:
        device = f"{one.sender_id}-1"
        if device in history.records and one.content["type"] == "text":
            number = numbers[device] = numbers.get(device, 0) + 1
            history.records[device].posts[one.key] = Post(
                one.key,
                one.conversation_id,
                dict(one.contents[1] or {}),
                number,
                "stored",
                one.position,
                one.sent_at,
            )
    history.post("ann-1", 2).sent_at = 0  # of a duplicate: the server did not say when
    history.post("bob-1", 1).outcome = ""  # nobody was told
    for number, device, outcome in (
        (0, "ann-1", "refused"),
        (10, "bob-1", "refused"),
        (11, "bob-1", "abandoned"),
    ):
        unstored = Post(key(200 + number), GROUP, said("no"), number, outcome, detail="MUTED")
        history.records[device].posts[unstored.key] = unstored


def _shows(history: History) -> None:
    """bob's device was killed while it had message 5 in its hands, and begins at the head that its first sync found."""
    spans = {"ann-1": (1, 12), "bob-1": (2, 12), "cy-1": (6, 10)}
    for device, (first, last) in spans.items():
        for one in history.rows:
            if one.conversation_id == PAIR and device != "cy-1":
                history.show(device, one)
            elif one.conversation_id == GROUP and first <= one.position <= last:
                history.show(device, one, life=int(one.position > 5))
                if (device, one.position) == ("bob-1", 5):
                    history.show(device, one, life=1, again=True)
    history.records["bob-1"].unfinished[0] = (GROUP, 5)
    history.records["bob-1"].ready_at = 0.5
    for device, begins in {
        "ann-1": {GROUP: (0, False), PAIR: (0, False)},
        "bob-1": {GROUP: (1, True), PAIR: (0, False)},
        "cy-1": {GROUP: (5, False)},
    }.items():
        history.storages[device].begins.update(begins)


def _tells(history: History) -> None:
    """Edits, cursors, changes, and what each device reads at the end."""
    ann, bob, cy = history.records.values()
    edited = (GROUP, 1, 2, said("uno"))
    ann.notes["edits"] = [(GROUP, 1, 2, digest_of(said("uno")), 5)]
    bob.replaced.append(edited)
    bob.notes["typing"] = [(GROUP, "ann")]
    cy.items.append(item_of(history.row(GROUP, 7)))
    ann.created.append((GROUP, ["bob", "echo"]))
    ann.changes += [(GROUP, 6), (GROUP, 10)]
    ann.cursors.append((GROUP, 12, 11))
    cy.cursors.append((GROUP, 99, 99))  # of an earlier stay
    bob.told_cursors += [(0, GROUP, "ann", 5, 1), (0, GROUP, "ann", 5, 5), (0, PAIR, "ann", 1, 1)]
    bob.told_cursors += [(1, GROUP, "ann", 4, 0), (1, GROUP, "ann", 12, 11)]
    bob.told_cursors.append((1, GROUP, "ann", 12, 11))
    for record in (ann, bob):
        for name in (GROUP, PAIR):
            items = [item_of(one) for one in history.rows if one.conversation_id == name]
            record.final[name] = (history.heads[name], items[-8:])
