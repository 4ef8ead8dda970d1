"""Conversations in which each profile of tests/permissions.txt is what its name says, one conversation for each act."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from msgspec.structs import astuple

from imserver import Server
from imserver.chat.permissions import Need
from imserver.chat.service import Chat
from imserver.model import Kind, Learnt, Role, direct_conversation_id
from imserver.net.dispatch import read_params
from imserver_protocol.methods.blocks import BLOCK, BlockParams
from tests.chat.permission_table import EXPECTED, Act
from tests.limits.raw import new_key, said
from tests.support.servers import running

#: UTC ms: long past, and not yet.
PAST, FUTURE = 1, 9_000_000_000_000_000
#: Profiles that no method and no row makes yet; they are asked of `decide` alone.
UNMADE = {"invited", "disabled", "team", "former-team"}
#: Needs that no method has yet; they are asked of `decide` alone, under these words.
UNASKED = {"curate": Need.CURATE, "administer": Need.ADMINISTER_CONVERSATION}
#: Acts aimed at somebody whom nothing makes yet, and those of such needs.
UNMADE_ACTS = {("remove", "team"), *((word, "") for word in UNASKED)}
#: Acts that no request does.
HEARD = {"hear", "typing"}
PEER = "peer"
LAST = "said when everybody was as they are"
ABSENT = 1_000_000

PROFILES = sorted({profile for some in EXPECTED.profiles.values() for profile in some} - UNMADE)
#: For each profile somebody who is acted upon: two people never act upon the same one.
VICTIMS = [f"{what}-of-{profile}" for what in ("victim", "deputy", "newcomer") for profile in PROFILES]
USERS = " ".join([*PROFILES, PEER, *VICTIMS])
_ROLES = {"admin": Role.ADMIN, "muted-admin": Role.ADMIN, "former-admin": Role.ADMIN}


@dataclass(frozen=True, slots=True)
class Scene:
    """One profile in a conversation that was made for one act."""

    act: Act
    profile: str
    place: str
    #: Of the request: the same one if it is done `again`.
    key: bytes
    #: Positions of a message of the profile's own, of somebody else's, of the author's, and of the last one that was said.
    own: int
    others: int
    authors: int
    last: int = 0

    @property
    def expected(self) -> str:
        return EXPECTED.cells[self.act][self.profile]

    @property
    def reads(self) -> int:
        """The position that the profile is after."""
        return self.own if self.profile in {"former-below", "former-admin"} else self.last

    def whom(self, what: str) -> str:
        return f"{what}-of-{self.profile}"


def request_of(scene: Scene) -> tuple[str, tuple[Any, ...]]:
    """The act as a method and its parameters (`renew` needs a token, which the door makes)."""
    place, key, kind = scene.place, scene.key, scene.act.kind
    victim, deputy, newcomer = map(scene.whom, ("victim", "deputy", "newcomer"))
    after = scene.last if scene.profile == "former-above" else scene.own
    title, founders = f"{scene.act.method} {scene.act.case}", ["founding", PEER]
    cases: dict[tuple[str, str], tuple[Any, ...]] = {
        ("post", ""): (place, key, said("x")),
        ("post", "open"): (place, key, said("x")),
        ("post", "again"): (place, key, said("x")),
        ("edit", "own"): (place, key, scene.own, None, said("y")),
        ("edit", "again"): (place, key, scene.own, None, said("y")),
        ("edit", "others"): (place, key, scene.others, None, said("y")),
        ("edit", "authors"): (place, key, scene.authors, None, said("y")),
        ("edit", "system"): (place, key, 1, None, said("y")),
        ("edit", "absent"): (place, key, ABSENT, None, said("y")),
        ("abandon", ""): (place, key),
        ("history", "newest"): (place, None, None, 200),
        ("history", "after"): (place, after, None, 200),
        ("history", "one"): (place, None, scene.reads + 1, 1),
        ("cursor", ""): (place, scene.reads, scene.reads),
        ("cursor", "beyond"): (place, ABSENT, None),
        ("members", ""): (place,),
        ("sync", ""): (None, 200),
        ("check", ""): ([[place, "", 0, 0]],),
        ("changes", ""): (place, 0),
        ("conversations", ""): (None, 200),
        ("add", ""): (place, key, newcomer),
        ("add", "again"): (place, key, newcomer),
        ("add", "admin"): (place, key, newcomer, "admin"),
        ("add", "reader"): (place, key, newcomer, "reader"),
        ("add", "owner"): (place, key, newcomer, "owner"),
        ("add", "nobody"): (place, key, "nobody"),
        ("add", "twice"): (place, key, victim),
        ("add", "promote"): (place, key, victim, "admin"),
        ("add", "demote-admin"): (place, key, deputy, "member"),
        ("add", "demote-owner"): (place, key, "owner", "member"),
        ("remove", ""): (place, key, victim),
        ("remove", "again"): (place, key, victim),
        ("remove", "admin"): (place, key, deputy),
        ("remove", "owner"): (place, key, "owner"),
        ("remove", "peer"): (place, key, PEER),
        ("remove", "oneself"): (place, key, scene.profile),
        ("remove", "stranger"): (place, key, newcomer),
        ("leave", ""): (place, key),
        ("leave", "again"): (place, key),
        ("create", ""): (key, kind.value, "one more", [PEER]),
        ("create", "again"): (key, kind.value, title, founders),
        ("users", ""): ([PEER],),
        ("block", ""): (newcomer,),
        ("unblock", ""): (newcomer,),
        ("blocks", ""): (),
        ("react", ""): (place, scene.own, "👍"),
        ("reacted_by", ""): (place, scene.own),
        ("renew", ""): (),
    }
    return scene.act.method, cases[scene.act[:2]]


async def in_process(server: Server, name: str, method: str, params: tuple[Any, ...]) -> Any:
    """The same by the methods of `Chat`, or by `Server.call`; answers as the wire has them, as far as anybody looks."""
    if method in server.features.offers.methods:
        asked = server.features.offers.methods[method].row.method
        return astuple(await server.call(asked, name, read_params(asked, params)))
    if method in {"post", "abandon", "cursor", "add", "remove", "leave", "create"}:
        return await _written(server, name, method, *params)
    return await _read(server.chat, name, method, *params)


async def _written(server: Server, name: str, method: str, place: Any, *rest: Any) -> Any:
    chat = server.chat
    match method:
        case "post":
            return await server.posting.post_local(place, name, *rest)
        case "abandon":
            return [await server.store.write(chat.plan_abandon(name, place, rest[0]))]
        case "cursor":
            return await chat.move_cursors(name, place, delivered=rest[0], read=rest[1])
        case "add":
            return await chat.add_member(name, place, rest[1], *map(Role, rest[2:]), key=rest[0])
        case "create":
            kind, title, members = rest
            return await chat.create_conversation(name, Kind(kind), title, members, key=place)
    return await chat.remove_member(name, place, (*rest, name)[1], key=rest[0])


async def _read(chat: Chat, name: str, method: str, place: Any, *rest: Any) -> Any:
    match method:
        case "history":
            after, before, limit = rest
            page = await chat.history(name, place, after=after, before=before, limit=limit)
            return [[[item.position] for item in page.items], page.first, page.last, page.head]
        case "members":
            return [[member.user_id, member.role] for member in await chat.members(name, place)]
        case "sync":
            rows, _, _ = await chat.sync(name, None, 200)
            return [[[row.conversation_id, 0, 0, row.head, 0, row.left_at] for row in rows]]
        case "check":
            found, _ = await chat.check(name, [Learnt(*one) for one in place])
            return [[one and [one.agreed, one.state_good, [0, 0, 0, 0, 0, one.row.left_at]] for one in found]]
        case "changes":
            return list(await chat.changes(name, place, *rest))
        case "conversations":
            listed, _ = await chat.conversations(name, None, 200)
            return [[[row.conversation_id] for row in listed]]
        case "users":
            return await chat.users(place)
    raise AssertionError(method)


# -- making them ----------------------------------------------------------------------------------------------------------


async def make_group(server: Server, act: Act) -> list[Scene]:
    """Everybody is in it in the way that their name says, and has said something before."""
    chat, kind = server.chat, act.kind
    cells = {name: cell for name, cell in EXPECTED.cells[act].items() if name not in UNMADE and cell != "-"}
    made_with = new_key()
    title = f"{act.method} {act.case}"
    place, _, _ = await chat.create_conversation("owner", kind, title, ["founding", PEER], key=made_with)
    joining = [name for name in cells if name not in {"owner", "founding", "stranger", "reader"}]
    if "author" not in joining:
        joining.append("author")
    for name in joining:
        await chat.add_member("owner", place, name, _ROLES.get(name, Role.MEMBER))
    speaking = ["owner", *joining, *(["founding"] if kind is Kind.GROUP else [])]
    said_by = {name: (await chat.post(name, place, name)).position for name in speaking}
    scenes = [
        Scene(
            act,
            name,
            place,
            made_with if act.method == "create" and act.case == "again" else new_key(),
            own=said_by.get(name, said_by["owner"]),
            others=said_by["author" if name == "owner" else "owner"],
            authors=said_by["author"],
        )
        for name in cells
    ]
    if act.method in {"add", "remove"}:
        for name in cells:
            await chat.add_member("owner", place, f"victim-of-{name}", Role.MEMBER)
            await chat.add_member("owner", place, f"deputy-of-{name}", Role.ADMIN)
    await do_before(server, act, scenes)
    gone = {"former-below", "former-above", "former-admin", "again"} & set(joining)
    for name in sorted(gone - ({"former-admin"} if act[:2] == ("leave", "again") else set())):
        await chat.remove_member("owner", place, name)
    if "reader" in cells:
        await chat.add_member("owner", place, "reader", Role.READER)
    if "again" in gone:
        await chat.add_member("owner", place, "again", Role.READER if kind is Kind.CHANNEL else Role.MEMBER)
    last = (await chat.post("owner", place, LAST)).position
    return [
        replace(scene, last=last, others=last if scene.profile == "former-above" else scene.others)
        for scene in scenes
    ]


async def make_direct(server: Server, act: Act) -> list[Scene]:
    """Each profile's own conversation with the peer; the stranger tries that of two others."""
    scenes = []
    for name, cell in EXPECTED.cells[act].items():
        if name in UNMADE or cell == "-":
            continue
        one = "victim-of-stranger" if name == "stranger" else name
        place = direct_conversation_id(one, PEER)
        own = (await server.chat.post(one, place, "hello")).position
        others = (await server.chat.post(PEER, place, LAST)).position
        if act.case == "open":
            place = direct_conversation_id(PEER if name == "stranger" else name, f"newcomer-of-{name}")
        scenes.append(Scene(act, name, place, new_key(), own, others, others, last=others))
    await do_before(server, act, scenes)
    return scenes


async def do_before(server: Server, act: Act, scenes: list[Scene]) -> None:
    """Do for the first time what is done again later."""
    if act.case == "again" and act.method != "create":
        for scene in scenes:
            await in_process(server, scene.profile, *request_of(scene))


async def make_scenes(folder: Path) -> list[Scene]:
    """In a server of its own, so that the mutes can be written into the file: they have no method yet."""
    async with running(folder, USERS) as server:
        made = await asyncio.gather(
            *(
                make_direct(server, act) if act.kind is Kind.DIRECT else make_group(server, act)
                for act in EXPECTED.cells
                if act[:2] not in UNMADE_ACTS
            )
        )
        for name in (PEER, "newcomer-of-blocked"):
            await server.call(BLOCK, name, BlockParams("blocked"))
    with closing(sqlite3.connect(folder / "chat.db")) as database, database:
        for name, until in (("muted", FUTURE), ("muted-admin", FUTURE), ("unmuted", PAST)):
            database.execute(
                "UPDATE members SET muted_until = ? WHERE user_no = (SELECT no FROM users WHERE user_id = ?)",
                (until, name),
            )
    return [scene for scenes in made for scene in scenes]
