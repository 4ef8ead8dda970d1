"""A server without a feature is a whole one, in which nothing names the feature; and what it kept is skipped, not lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from imserver import Server
from imserver.chat.transaction import Transaction as StoreTransaction
from imserver.check.consistency import check_file
from imserver.content import decode_content
from imserver.feature_api import Asker, Feature, Method, Need, Repetition, Shape, Transaction, Write
from imserver.features import FEATURES
from imserver.model import Kind, User
from imserver.plugin_api import Plugin
from imserver_client import Client, ItemState, NotOffered, direct_conversation_id
from imserver_client.features import FEATURES as OF_CLIENT
from tests.features.trial import TICKET, VOTE, TicketParams, Trial, VoteParams
from tests.limits.raw import SIGNAL, Raw, new_key
from tests.plugins.ledger import Ledger
from tests.support.servers import Inbox, config, people

AB = direct_conversation_id("alice", "bob")
UNKNOWN_METHOD = 601
ALL = (*FEATURES, Trial().feature())
NAMES = tuple(feature.name for feature in ALL)
#: What is left out: each of them, and all of them.
LEFT_OUT = [*((name,) for name in NAMES), NAMES]


def words(value: Any) -> Iterator[Any]:
    """Every word in a frame, keys too."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from words(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from words(inner)
    else:
        yield value


async def people_do_what_the_kernel_offers(alice: Client, bob: Client, server: Server) -> None:
    """Talk, page, list, found a group, come and go, read, and come back."""
    heard = Inbox(bob)
    posted = await alice.post(AB, "hello")
    assert [message.text for message in await heard.until(1)] == ["hello"]
    assert (await bob.history(AB)).items[0].position == posted.position
    group = await alice.create_group("friends", ["bob"])
    await alice.add_member(group, "cy")
    assert {member.user_id for member in await bob.members(group)} == {"alice", "bob", "cy"}
    await alice.remove_member(group, "cy")
    await alice.post(group, "to the group")
    assert (await bob.cursor(group, delivered=4, read=4)).read == 4
    assert {row.conversation_id: row.unread for row in (await bob.conversations()).conversations}[group] == 0
    bob.show(group)
    await alice.post(group, "again")
    assert [message.text for message in await heard.until(6)][-1] == "again"
    await bob.leave(group)
    assert [user.user_id for user in await alice.users(["bob"])] == ["bob"]


async def everything_said(raw: Raw, group: str) -> list[Any]:
    """Whatever a server tells of what it keeps."""
    said: list[Any] = []
    for request in (
        ("sync", None),
        ("conversations", None, 50),
        ("history", AB, None, None, 50),
        ("history", group, None, None, 50),
        ("changes", group, 0),
        ("members", group),
    ):
        answer = await raw.ask(*request)
        assert answer.code == 0, (request, answer)
        said.append(answer.result)
    return said


async def settle_in(server: Server) -> None:
    for name in ("alice", "bob", "cy"):
        await server.chat.put_user(User(name, name.title()))


@pytest.mark.parametrize("left_out", LEFT_OUT, ids="+".join)
async def test_a_server_without_it_does_all_the_rest(tmp_path: Path, left_out: Sequence[str]) -> None:
    there = tuple(feature for feature in ALL if feature.name not in left_out)
    gone = tuple(feature for feature in ALL if feature.name in left_out)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(Server(config(tmp_path), features=there))
        await settle_in(server)
        enter = await stack.enter_async_context(people(server))
        await people_do_what_the_kernel_offers(await enter("alice"), await enter("bob"), server)
        raw = await stack.enter_async_context(await Raw.open(server))
        welcome = await raw.enter(server, "alice")
        group, _, _ = await server.chat.create_conversation("alice", Kind.GROUP, "g", ["bob"])
        said = [welcome, *await everything_said(raw, group)]
        assert not {*left_out} & {*filter(lambda word: isinstance(word, str), words(said))}
        assert {*welcome.features} == {feature.name for feature in there}
        for feature in gone:
            for row in feature.methods:
                assert (await raw.ask(row.method.name)).code == UNKNOWN_METHOD
            for heard in feature.signals:
                raw.send(SIGNAL, 0, raw.received, heard.signal.kind, AB)  # dropped, as what nobody knows is
        assert (await raw.ask("members", group)).code == 0
    report = await check_file(Path(config(tmp_path).store.path), {}, features=there)
    assert (report.findings, report.skipped) == ([], {})


@pytest.mark.parametrize("left_out", LEFT_OUT, ids="+".join)
async def test_what_it_kept_is_skipped_until_it_is_back(tmp_path: Path, left_out: Sequence[str]) -> None:
    async with Server(config(tmp_path), features=ALL) as server:
        await settle_in(server)
        await server.chat.post("alice", AB, "hello")
        await server.call(VOTE, "bob", VoteParams(AB, 1, "yes"))
        await server.call(TICKET, "bob", TicketParams(key := new_key(), 1))
    there = tuple(feature for feature in ALL if feature.name not in left_out)
    async with Server(config(tmp_path), features=there) as server:
        await server.chat.post("alice", AB, "still here")
        assert [item.position for item in (await server.chat.history("bob", AB)).items] == [1, 2]
    report = await check_file(Path(config(tmp_path).store.path), {}, features=there)
    assert report.findings == []
    with_tables = [feature.name for feature in ALL if feature.migrations and feature.name in left_out]
    assert [*report.skipped] == with_tables
    assert not [name for name in report.checked if name.partition(":")[0] in left_out]
    async with Server(config(tmp_path), features=ALL) as server:
        assert (await server.call(TICKET, "bob", TicketParams(key, 1))).duplicate
        stands = await server.call(VOTE, "alice", VoteParams(AB, 1, "yes"))
        assert stands.extra == {"trial": {"yes": 2}}


class PaintParams(Shape, frozen=True):
    """A colour for everything."""

    conversation_id: str
    position: int
    colour: str


class PaintResult(Shape, frozen=True):
    """Done."""


PAINT = Method("x-paint", PaintParams, PaintResult)


def paint(tx: Transaction, asker: Asker, params: PaintParams) -> PaintResult:
    """In every scope that there is."""
    where, colour = params.conversation_id, params.colour
    tx.set_item(where, params.position, colour, {asker.user_id: f"my {colour}"})
    tx.set_about(where, colour)
    tx.set_own(where, asker.user_id, colour)
    tx.set_account(asker.user_id, colour)
    return PaintResult()


PAINTING = Feature("painting", methods=(Write(PAINT, paint, Need.MARK, Repetition.NATURAL, aimed=True),))
BOTH = (Trial().feature(), PAINTING)


@asynccontextmanager
async def heard(server: Server) -> AsyncIterator[Raw]:
    """Bob, without a library."""
    async with await Raw.open(server) as raw:
        await raw.enter(server, "bob")
        yield raw


@pytest.mark.parametrize("there", [(), BOTH[:1], BOTH[1:]], ids=["none", "trial", "painting"])
async def test_what_it_showed_is_in_no_page_until_it_is_back(
    tmp_path: Path, there: Sequence[Feature]
) -> None:
    """On a database that had it, in every scope, and in what is pushed."""
    every = {feature.name for feature in BOTH}
    left = {feature.name for feature in there}
    async with Server(config(tmp_path), features=BOTH) as server:
        await settle_in(server)
        group, _, _ = await server.chat.create_conversation("alice", Kind.GROUP, "g", ["bob"])
        for conversation_id, position in ((AB, 1), (group, 2)):
            await server.chat.post("alice", conversation_id, "hello")
            await server.call(VOTE, "bob", VoteParams(conversation_id, position, "yes"))
            await server.call(PAINT, "bob", PaintParams(conversation_id, position, "red"))
        async with heard(server) as raw:
            before = await everything_said(raw, group)
        assert every <= {*words(before)}
    async with Server(config(tmp_path), features=there) as server, heard(server) as raw:
        said = [*await everything_said(raw, group)]
        assert {*words(said)} & every == left
        for position in (1, 2):
            if BOTH[0] in there:
                voted = await server.call(VOTE, "bob", VoteParams(group, position, "no"))
                said += [voted.extra, voted.mine]
            if BOTH[1] in there:
                await server.call(PAINT, "bob", PaintParams(group, position, "blue"))
        await server.chat.post("alice", group, "at last")
        said.append(await everything_said(raw, group))
        pushed = raw.pushes
        assert {*words([said, pushed])} & every == left
        assert {*words(pushed)} & every == left
    report = await check_file(Path(config(tmp_path).store.path), {}, features=BOTH)
    assert report.findings == []
    async with Server(config(tmp_path), features=BOTH) as server, heard(server) as raw:
        again = await everything_said(raw, group)
        assert every <= {*words(again)}
        assert again[2] == before[2], "where nothing happened meanwhile"


async def test_a_client_sees_what_there_is_now(tmp_path: Path) -> None:
    """One that was there before, meanwhile and after, though no number changed."""
    whole = (
        ItemState(
            {"painting": "red", "trial": {"yes": 1}},
            {"painting": "my red", "trial": "yes"},
        ),
        {"painting": "red"},
        {"painting": "red"},
        {"painting": "red"},
    )
    async with Server(config(tmp_path), features=BOTH) as server, people(server) as enter:
        await settle_in(server)
        bob = await enter("bob", device="phone", store=tmp_path / "bob.db")
        await server.chat.post("alice", AB, "hello")
        await Inbox(bob).until(1)
        await server.call(VOTE, "bob", VoteParams(AB, 1, "yes"))
        await server.call(PAINT, "bob", PaintParams(AB, 1, "red"))
        await shows(bob, whole)
    for features, wanted in (
        (BOTH[:1], (ItemState({"trial": {"yes": 1}}, {"trial": "yes"}), {}, {}, {})),
        (BOTH[:1], (ItemState({"trial": {"yes": 1}}, {"trial": "yes"}), {}, {}, {})),
        ((), (ItemState({}, {}), {}, {}, {})),
        (BOTH, whole),
    ):
        async with Server(config(tmp_path), features=features) as server, people(server) as enter:
            bob = await enter("bob", device="phone", store=tmp_path / "bob.db")
            bob.show(AB)
            await shows(bob, wanted)
            assert len((await bob.history(AB)).items) == 1


async def shows(client: Client, wanted: Any) -> None:
    """As soon as it was told."""
    events = client.events()
    async with asyncio.timeout(20):
        while (client.item(AB, 1), client.about(AB), client.settings(AB), client.account()) != wanted:
            await anext(events)


async def test_a_client_knows_what_is_not_there(tmp_path: Path) -> None:
    """Where a server names its features, another one is refused before anything is sent."""
    for left_out in (feature.name for feature in FEATURES):
        there = tuple(feature for feature in FEATURES if feature.name != left_out)
        async with Server(config(tmp_path), features=there) as server, people(server) as enter:
            await settle_in(server)
            alice = await enter("alice")
            assert alice.server_features == {feature.name for feature in there}
            port = alice._core._ports[left_out]
            with pytest.raises(NotOffered):
                await port.call(Method("x-any", TicketParams, TicketParams), TicketParams(b"", 1))


def test_every_feature_has_its_place_in_the_client() -> None:
    """Under its own name: with state or methods of a name that no server says, it would not be found."""
    assert {*OF_CLIENT} == {feature.name for feature in FEATURES}


async def test_what_a_plugin_wrote_is_its_own(tmp_path: Path) -> None:
    """Under `x-NAME`: in no page of a server that does not run it, whether it is installed or given."""

    def write(tx: StoreTransaction) -> None:
        tx.set_account("alice", "x-ping", 1)
        tx.set_account("alice", "x-ledger", 2)

    async def account(given: Sequence[Plugin], *enabled: str) -> Any:
        sections: dict[str, Any] = {name: {} for name in enabled}
        async with Server(config(tmp_path, plugins=sections), plugins=given) as server:
            page = await server.store.read(lambda reader: reader.sync_page("alice", None, 9))
        assert page.account is not None
        return decode_content(page.account.data)

    async with Server(config(tmp_path)) as server:
        await settle_in(server)
        await server.store.write(write)
    assert await account([]) == {}
    assert await account([], "ping") == {"x-ping": 1}
    assert await account([Ledger()]) == {"x-ledger": 2}
    assert await account([Ledger()], "ping", "ledger") == {"x-ping": 1, "x-ledger": 2}
