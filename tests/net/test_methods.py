"""Each parameter of each request over the wire has its effect, and replies show the stored state."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from imserver import Server
from imserver.chat.permissions import Need
from imserver.chat.service import Chat
from imserver.model import User
from imserver.net.dispatch import ROWS, RequestContext, Row, method_table
from imserver_client import wire
from imserver_protocol.methods.descriptors import Method
from imserver_protocol.methods.renew import RENEW
from imserver_protocol.methods.users import UserRow, UsersParams
from tests.limits.raw import Raw, new_key, said
from tests.support.methods import METHOD_ROWS, METHODS
from tests.support.servers import config, running

UNKNOWN_METHOD, CONFLICT, NOT_FOUND = 601, 605, 603
TITLE = "Lunch 午饭"


async def group_of(raw: Raw, kind: str, *members: str) -> str:
    answer = await raw.ask("create", new_key(), kind, TITLE, list(members))
    assert answer.code == 0
    place: str = answer.result[0]
    return place


async def rows(raw: Raw, method: str, place: str) -> list[Any]:
    """The row of this conversation."""
    return next(row for row in (await raw.ask(method)).result[0] if row[0] == place)


async def test_an_edit_says_which_revision_it_saw(tmp_path: Path) -> None:
    async with running(tmp_path) as server, await Raw.open(server) as raw:
        await raw.enter(server, "alice")
        place = await group_of(raw, "group", "bob")
        position = (await raw.ask("post", place, new_key(), said("0"))).result[0]
        #: The revision that is given, and the code: the present one is one more after each success.
        for number, (revision, code) in enumerate([(1, 0), (1, CONFLICT), (3, CONFLICT), (2, 0), (None, 0)]):
            answer = await raw.ask("edit", place, new_key(), position, revision, said(f"{number}"))
            assert answer.code == code, (number, revision)
        items = (await raw.ask("history", place)).result[0]
        found = next(item for item in items if item[0] == position)
        assert found[4:] == [said("4"), 4]


async def test_members_have_the_role_that_was_given(tmp_path: Path) -> None:
    async with running(tmp_path, "alice bob cy dan") as server, await Raw.open(server) as raw:
        await raw.enter(server, "alice")
        expected = {
            "group": {"alice": "owner", "bob": "member", "cy": "admin", "dan": "member"},
            "channel": {"alice": "owner", "bob": "reader", "cy": "admin", "dan": "member"},
        }
        for kind, roles in expected.items():
            place = await group_of(raw, kind, "bob")
            assert (await raw.ask("add", place, new_key(), "cy", "admin")).code == 0
            assert (await raw.ask("add", place, new_key(), "dan")).code == 0
            assert dict((await raw.ask("members", place)).result) == roles
            assert (await rows(raw, "sync", place))[1:3] == [kind, TITLE]
            assert [row[1] for row in [await rows(raw, "conversations", place)]] == [kind]
            assert (await raw.ask("remove", place, new_key(), "cy")).code == 0
            assert [user_id for user_id, _ in (await raw.ask("members", place)).result] == [
                "alice", "bob", "dan",
            ]  # fmt: skip


async def test_rows_say_who_has_and_has_read_what(tmp_path: Path) -> None:
    """Each number another one, so that none can stand for its neighbour."""
    async with (
        running(tmp_path) as server,
        await Raw.open(server) as alice,
        await Raw.open(server) as bob,
    ):
        await alice.enter(server, "alice")
        await bob.enter(server, "bob")
        place = await group_of(alice, "group", "bob")
        for n in range(8):
            assert (await alice.ask("post", place, new_key(), said(f"{n}"))).code == 0
        assert (await bob.ask("cursor", place, 5, 3)).result == [5, 3]
        assert (await bob.ask("cursor", place)).result == [5, 3]
        mine = (await alice.ask("cursor", place, 7, 6)).result
        head = 9
        assert await rows(bob, "sync", place) == [
            place, "group", TITLE, head, 1, None, "member", 5, 3, {}, [["alice", *mine]],
        ]  # fmt: skip
        row = await rows(alice, "sync", place)
        assert row[6:] == ["owner", *mine, {}, [["bob", 5, 3]]]
        listed = await rows(bob, "conversations", place)
        assert [*listed[:5], listed[6]] == [place, "group", TITLE, head, head - 3, "member"]
        assert (listed[5][0], listed[5][1], listed[5][4], listed[5][5]) == (head, "alice", said("7"), 1)
        left = (await bob.ask("leave", place, new_key())).result[0]
        row = await rows(bob, "sync", place)
        assert (row[3], row[4], row[5]) == (left, 1, left)


async def test_names_are_told_with_their_language(tmp_path: Path) -> None:
    async with running(tmp_path) as server, await Raw.open(server) as raw:
        await server.chat.put_user(User("wang", "王小明", "zh"))
        await raw.enter(server, "alice")
        found = (await raw.ask("users", ["wang", "nobody", "alice"])).result
        assert found[0] == ["wang", "王小明", "zh"]
        assert [user_id for user_id, _, _ in found] == ["wang", "alice"]
        assert (await raw.ask("members", "group/nowhere")).code == NOT_FOUND


async def test_a_server_answers_by_its_own_table(tmp_path: Path) -> None:
    """Two servers in one process: the one has a method that the other has not."""

    async def whoever(chat: Chat, context: RequestContext, params: UsersParams) -> list[UserRow]:
        return [UserRow(user_id, context.user_id, "en") for user_id in params.user_ids]

    more = Row(Method("x-whoever", UsersParams, tuple[UserRow, ...]), whoever, Need.ACCOUNT)
    (tmp_path / "other").mkdir()
    second = Server(config(tmp_path / "other"))
    second.methods = method_table((*ROWS, more))
    async with (
        running(tmp_path) as server,
        second,
        await Raw.open(server) as raw,
        await Raw.open(second) as guest,
    ):
        await raw.enter(server, "alice")
        await guest.enter(second, "bob")
        assert (await raw.ask("x-whoever", ["cy"])).code == UNKNOWN_METHOD
        assert (await guest.ask("x-whoever", ["cy"])).result == [["cy", "bob", "en"]]


def test_the_table_has_a_row_for_each_method_and_not_two_of_one_name() -> None:
    assert {row.method for row in METHOD_ROWS} == set(METHODS)
    assert [row.method for row in ROWS] == [row.method for row in method_table().values()]
    with pytest.raises(ValueError, match="renew"):
        method_table((*ROWS, Row(RENEW, ROWS[0].handler, ROWS[0].need)))


async def test_every_answer_is_what_its_shape_says_field_by_field(tmp_path: Path) -> None:
    """Pages are made without shapes, for speed: read by them and written again, every answer is the same."""
    async with running(tmp_path, "alice bob cy") as server, await Raw.open(server) as raw:
        await raw.enter(server, "alice")
        place, again = await group_of(raw, "group", "bob"), await group_of(raw, "group")
        key = new_key()
        requests: dict[str, tuple[Any, ...]] = {
            "post": (place, key, said("0")),
            "abandon": (place, key),
            "history": (place,),
            "cursor": (place, 1, 1),
            "create": (new_key(), "group", TITLE, ["bob"]),
            "add": (place, new_key(), "cy"),
            "edit": (place, new_key(), 2, None, said("1")),
            "members": (place,),
            "users": (["alice", "bob"],),
            "renew": (server.accounts.make_token("alice", ttl_s=3600, device_id="raw"),),
            "sync": (),
            "conversations": (),
            "remove": (place, new_key(), "cy"),
            "leave": (again, new_key()),
            "check": ([[place, raw.place, 1, 0], ["group/nowhere", raw.place, 1, 0]],),
            "block": ("cy",),
            "unblock": ("cy",),
            "blocks": (),
            "react": (place, 2, "👍"),
            "reacted_by": (place, 2),
            "changes": (place, 0),
        }
        await server.store.write(lambda tx: tx.set_item(place, 1, "x", 1, {"alice": 1}))
        await server.store.write(lambda tx: tx.set_own(place, "alice", "x", 1))
        await server.store.write(lambda tx: tx.set_account("alice", "x", 1))
        assert set(requests) == {method.name for method in METHODS}
        shapes = {method.name: method.result for method in METHODS}
        for name, params in requests.items():
            answer = await raw.ask(name, *params)
            assert answer.code == 0, (name, answer)
            assert said_again(wire.read(answer.result, shapes[name])) == answer.result, name


def said_again(value: Any) -> Any:
    """What was read, as the server said it: ends that say nothing are left out."""
    if isinstance(value, tuple):
        return [said_again(one) for one in value]
    if not isinstance(value, Struct):
        return value
    fields = [said_again(getattr(value, name)) for name in value.__struct_fields__]
    while len(fields) > len(value.__struct_fields__) - len(value.__struct_defaults__) and fields[-1] is None:
        del fields[-1]
    return fields
