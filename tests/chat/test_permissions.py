"""Who may read or do what: the table in permissions.txt, asked over a connection and inside the process."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from imserver import Server
from imserver.errors import Refusal, RefusalCode
from imserver.model import Kind, Role, direct_conversation_id
from imserver_protocol.errors import RefusalCode as WireCode
from tests.limits.raw import PING, PONG, Raw, new_key, said
from tests.support.servers import running

TABLES = Path(__file__).with_name("permissions.txt")
#: UTC ms: long past, and not yet.
PAST, FUTURE = 1, 9_000_000_000_000_000
PEER = "peer"
LAST = "said when all relations were as they are"

Cells = dict[str, dict[str, str]]


def read_tables() -> dict[Kind, Cells]:
    """kind -> act -> relation -> what is expected."""
    tables: dict[Kind, Cells] = {}
    columns: list[str] = []
    rows: Cells = {}
    for line in TABLES.read_text(encoding="utf-8").splitlines():
        words = line.split()
        if not words or line.startswith("#"):
            continue
        if line.startswith("["):
            rows = tables[Kind(line.strip("[]"))] = {}
        elif line.startswith(" "):
            columns = words
        else:
            rows[words[0]] = dict(zip(columns, words[1:], strict=True))
    return tables


EXPECTED = read_tables()
RELATIONS = sorted({relation for rows in EXPECTED.values() for row in rows.values() for relation in row})
#: For each relation somebody who is acted upon: two people never act upon the same one.
VICTIMS = [f"{kind}-of-{relation}" for kind in ("victim", "deputy", "newcomer") for relation in RELATIONS]
USERS = " ".join([*RELATIONS, PEER, *VICTIMS])


@dataclass(frozen=True, slots=True)
class Scene:
    """A conversation, made for one act, and who acts in it."""

    act: str
    kind: Kind
    relation: str
    place: str
    #: Positions of a message of the actor's own, of somebody else's, and of the last one that was said.
    own: int
    others: int
    last: int

    def whom(self, what: str) -> str:
        return f"{what}-of-{self.relation}"


# -- making the conversations ---------------------------------------------------------------------------------------------


async def make_group(server: Server, kind: Kind, act: str) -> list[Scene]:
    """Everybody is in it in the way that their name says, and has said something before."""
    chat = server.chat
    place, _, _ = await chat.create_conversation("owner", kind, act, ["founding"])
    present = [name for name in EXPECTED[kind][act] if name not in {"owner", "founding", "stranger"}]
    for relation in present:
        await chat.add_member("owner", place, relation, Role.ADMIN if relation == "admin" else Role.MEMBER)
    await asyncio.gather(*(chat.post(name, place, name) for name in ("owner", *present)))
    if kind is Kind.GROUP:
        await chat.post("founding", place, "founding")
    page = await chat.history("owner", place, limit=200)
    own = {item.sender_id: item.position for item in page.items}
    for relation in EXPECTED[kind][act]:
        await chat.add_member("owner", place, f"victim-of-{relation}", Role.MEMBER)
        await chat.add_member("owner", place, f"deputy-of-{relation}", Role.ADMIN)
    for relation in {"former", "again"} & set(present):
        await chat.remove_member("owner", place, relation)
    if kind is Kind.CHANNEL:
        await chat.add_member("owner", place, "reader", Role.READER)
    if "again" in present:
        await chat.add_member("owner", place, "again", Role.READER if kind is Kind.CHANNEL else Role.MEMBER)
    last = (await chat.post("owner", place, LAST)).position
    return [
        Scene(
            act,
            kind,
            relation,
            place,
            own.get(relation, own["owner"]),
            own["admin" if relation == "owner" else "owner"],
            last,
        )
        for relation in EXPECTED[kind][act]
    ]


async def make_direct(server: Server, act: str) -> list[Scene]:
    scenes = []
    for relation in EXPECTED[Kind.DIRECT][act]:
        member = "victim-of-stranger" if relation == "stranger" else relation
        place = direct_conversation_id(member, PEER)
        own = await server.chat.post(member, place, "hello")
        others = await server.chat.post(PEER, place, LAST)
        scenes.append(
            Scene(act, Kind.DIRECT, relation, place, own.position, others.position, others.position)
        )
    return scenes


async def make_scenes(folder: Path) -> list[Scene]:
    """In a server of its own, so that the mutes can be written into the file: they have no method yet."""
    async with running(folder, USERS) as server:
        made = await asyncio.gather(
            *(
                make_direct(server, act) if kind is Kind.DIRECT else make_group(server, kind, act)
                for kind, rows in EXPECTED.items()
                for act in rows
            )
        )
    with closing(sqlite3.connect(folder / "chat.db")) as database, database:
        for name, until in (("muted", FUTURE), ("unmuted", PAST)):
            database.execute(
                "UPDATE members SET muted_until = ? WHERE user_no = (SELECT no FROM users WHERE user_id = ?)",
                (until, name),
            )
    return [scene for scenes in made for scene in scenes]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Scene]]:
    """The database with all conversations, to be copied, and the scenes in it."""
    folder = tmp_path_factory.mktemp("permissions")
    return folder / "chat.db", asyncio.run(make_scenes(folder))


# -- acting ---------------------------------------------------------------------------------------------------------------


def request_of(scene: Scene) -> tuple[str, tuple[Any, ...]]:
    """The act as a method and its parameters. Acts that are read off an answer are looked at by `judged`."""
    place, key = scene.place, new_key()
    victim, deputy, newcomer = map(scene.whom, ("victim", "deputy", "newcomer"))
    requests: dict[str, tuple[str, tuple[Any, ...]]] = {
        "post": ("post", (place, key, said("x"))),
        "edit-own": ("edit", (place, key, scene.own, None, said("y"))),
        "edit-others": ("edit", (place, key, scene.others, None, said("y"))),
        "abandon": ("abandon", (place, key)),
        "history": ("history", (place, None, None, 200)),
        "cursor": ("cursor", (place, scene.last, scene.last)),
        "members": ("members", (place,)),
        "sync": ("sync", (None,)),
        "conversations": ("conversations", (None, 200)),
        "add": ("add", (place, key, newcomer)),
        "add-admin": ("add", (place, key, newcomer, "admin")),
        "add-reader": ("add", (place, key, newcomer, "reader")),
        "add-owner": ("add", (place, key, newcomer, "owner")),
        "add-nobody": ("add", (place, key, "nobody")),
        "add-member-twice": ("add", (place, key, victim)),
        "promote": ("add", (place, key, victim, "admin")),
        "demote-admin": ("add", (place, key, deputy, "member")),
        "demote-owner": ("add", (place, key, "owner", "member")),
        "remove": ("remove", (place, key, victim)),
        "remove-admin": ("remove", (place, key, deputy)),
        "remove-owner": ("remove", (place, key, "owner")),
        "remove-stranger": ("remove", (place, key, newcomer)),
        "leave": ("leave", (place, key)),
    }
    return requests[scene.act]


Ask = Callable[[str, str, tuple[Any, ...]], Awaitable[Any]]


async def over_a_connection(raws: dict[str, Raw], name: str, method: str, params: tuple[Any, ...]) -> Any:
    """The result, all pages of a list in one. Raises Refusal."""
    rows: list[Any] = []
    while True:
        answer = await raws[name].ask(method, *params)
        if answer.code:
            raise Refusal(RefusalCode[WireCode(answer.code).name], answer.text)
        if method not in {"sync", "conversations"}:
            return answer.result
        rows += answer.result[0]
        if answer.result[-1] in (False, None):
            return [rows]
        params = (answer.result[1], *params[1:])


async def in_process(server: Server, name: str, method: str, params: tuple[Any, ...]) -> Any:
    """The same by the methods of `Chat`; pages as the wire has them, as far as they are looked at."""
    chat, (place, *rest) = server.chat, (*params, None)[: len(params)]
    match method:
        case "post":
            return await server.posting.post_local(place, name, *rest)
        case "edit":
            key, position, _, content = rest
            return await chat.edit(name, place, position, content, key=key)
        case "abandon":
            return [await server.store.write(lambda tx: tx.find_key(place, name, rest[0]))]
        case "history":
            page = await chat.history(name, place, limit=200)
            return [[[item.position] for item in page.items], page.first, page.last, page.head]
        case "cursor":
            return await chat.move_cursors(name, place, delivered=rest[0], read=rest[1])
        case "members":
            return [[member.user_id, member.role] for member in await chat.members(name, place)]
        case "sync":
            rows, _, _ = await chat.sync(name, None, 200)
            return [[[row.conversation_id, 0, 0, 0, 0, row.left_at] for row in rows]]
        case "conversations":
            listed, _ = await chat.conversations(name, None, 200)
            return [[[row.conversation_id] for row in listed]]
        case "add":
            return await chat.add_member(name, place, rest[1], *map(Role, rest[2:]), key=rest[0])
        case "remove" | "leave":
            return await chat.remove_member(name, place, (*rest, name)[1], key=rest[0])
    raise AssertionError(method)


def judged(scene: Scene, result: Any) -> str:
    """What came of the act, in the words of the table."""
    match scene.act:
        case "history":
            positions = [item[0] for item in result[0]]
            return "all" if positions[-1] >= scene.last else "until" if scene.own in positions else "no"
        case "members":
            assert [scene.relation] in [row[:1] for row in result]
        case "sync":
            rows = [row for row in result[0] if row[0] == scene.place]
            return "no" if not rows else "yes" if rows[0][5] is None else "left"
        case "conversations":
            return "yes" if scene.place in [row[0] for row in result[0]] else "no"
    return "yes"


async def outcome(scene: Scene, ask: Ask) -> str:
    method, params = request_of(scene)
    try:
        return judged(scene, await ask(scene.relation, method, params))
    except Refusal as refusal:
        return refusal.code.name


def in_order(scenes: list[Scene]) -> Iterator[Scene]:
    """Owners act last: when one leaves, somebody else becomes the owner."""
    yield from sorted((s for s in scenes if s.act != "hear"), key=lambda scene: scene.relation == "owner")


@pytest.mark.parametrize("door", ["connection", "process"])
async def test_every_act_of_everybody_is_answered_as_the_table_says(
    tmp_path: Path, made: tuple[Path, list[Scene]], door: str
) -> None:
    database, scenes = made
    shutil.copy(database, tmp_path)
    limits = {"posts_per_second": 1e6, "posts_burst": 10**6}
    async with running(tmp_path, limits=limits) as server, AsyncExitStack() as stack:
        raws: dict[str, Raw] = {}
        if door == "connection":
            for name in RELATIONS:
                raws[name] = await stack.enter_async_context(await Raw.open(server))
                await raws[name].enter(server, name)

        async def ask(name: str, method: str, params: tuple[Any, ...]) -> Any:
            if door == "connection":
                return await over_a_connection(raws, name, method, params)
            return await in_process(server, name, method, params)

        wrong = []
        for scene in in_order(scenes):
            expected = EXPECTED[scene.kind][scene.act][scene.relation]
            if expected != "-" and (found := await outcome(scene, ask)) != expected:
                wrong.append((scene.kind.value, scene.act, scene.relation, f"{expected} expected", found))
        assert not wrong


async def test_who_is_a_member_now_hears_what_is_said_and_nobody_else_does(
    tmp_path: Path, made: tuple[Path, list[Scene]]
) -> None:
    shutil.copy(made[0], tmp_path)
    scenes = [scene for scene in made[1] if scene.act == "hear"]
    async with running(tmp_path) as server, AsyncExitStack() as stack:
        raws: dict[str, Raw] = {}
        for name in RELATIONS:
            raws[name] = await stack.enter_async_context(await Raw.open(server))
            await raws[name].enter(server, name)
        for place in dict.fromkeys(scene.place for scene in scenes):
            speaker = PEER if place.startswith("direct/") else "victim-of-owner"
            await server.chat.post(speaker, place, "news")
        heard: set[tuple[str, str]] = set()
        for name, raw in raws.items():
            raw.send(PING, 0, raw.received, 1)
            while (await raw.frame())[0] != PONG:
                pass
            heard |= {(name, push[1]) for push in raw.pushes if push[0] == "message"}
        for scene in scenes:
            told = "yes" if (scene.relation, scene.place) in heard else "no"
            assert told == EXPECTED[scene.kind]["hear"][scene.relation], scene
