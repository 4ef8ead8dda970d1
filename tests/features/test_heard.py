"""What others hear of a feature: pushes and signals, devices that come and go, and faults that stay with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from imserver import Server
from imserver.errors import RefusalCode
from imserver.feature_api import (
    AboutStands,
    AccountStands,
    Asker,
    Device,
    Feature,
    Heard,
    Left,
    Method,
    Need,
    Read,
    Reader,
    Repetition,
    SettingsStand,
    Shape,
    Signal,
    Transaction,
    Write,
)
from imserver.model import Kind, Role, User, direct_conversation_id
from imserver.net.feature_rows import Signals
from imserver.testing import LogBook
from tests.features.house import AB, NOT_FOUND, code_of, house
from tests.features.trial import (
    TICKET,
    UNREGISTERED,
    WAVE,
    TicketParams,
    TicketPush,
    TicketResult,
    Trial,
    Waved,
)
from tests.limits.raw import SIGNAL, Raw, eventually, new_key
from tests.support.servers import config, running


async def test_a_push_comes_after_its_commit_and_only_if_a_read_tells_the_same(tmp_path: Path) -> None:
    trial = Trial()
    async with house(tmp_path, trial) as server, await Raw.open(server) as raw:
        await raw.enter(server, "alice")
        await server.call(TICKET, "alice", TicketParams(new_key(), 1))
        assert await raw.push(1) == [["x-ticket", 1]]

        def other(tx: Transaction, asker: Any, params: TicketParams) -> TicketResult:
            tx.push(["alice"], UNREGISTERED, TicketPush(1))
            return TicketResult(1, duplicate=False)

        trial.ticket = other  # type: ignore[method-assign]
    async with house(tmp_path, trial) as server:
        with pytest.raises(TypeError, match="not registered"):
            await server.call(TICKET, "alice", TicketParams(new_key(), 1))


async def test_signals_come_to_who_is_there_and_not_too_often(tmp_path: Path) -> None:
    trial = Trial()
    async with (
        house(tmp_path, trial) as server,
        await Raw.open(server) as alice,
        await Raw.open(server) as bob,
    ):
        await alice.enter(server, "alice")
        await bob.enter(server, "bob")
        await server.chat.post("alice", AB, "x")
        await bob.push(1)
        for _ in range(3):
            alice.send(SIGNAL, 0, alice.received, "x-wave", AB)
        alice.send(SIGNAL, 0, alice.received, "x-nobody", AB)
        alice.send(SIGNAL, 0, alice.received, "x-wave", 7)
        assert (await alice.ask("sync")).code == 0
        while not bob.signals:  # sent at once, though nothing else is
            await bob.frame()
        await bob.ask("sync")
        assert bob.signals == [["x-wave", AB]]


async def test_devices_come_and_go_and_can_be_ended(tmp_path: Path) -> None:
    trial = Trial()
    async with house(tmp_path, trial) as server, await Raw.open(server) as raw:
        await raw.enter(server, "alice", "phone")
        assert trial.devices == [("alice", "phone", True)]
        sessions = server.features.sessions
        assert sessions is not None
        assert [device.device_id for device in sessions.of("alice")] == ["phone"]
        assert not sessions.end("alice", "tablet")
        assert sessions.end("alice", "phone")
        assert (await raw.goodbye()).code == 302
        assert sessions.of("alice") == []
        assert trial.devices == [("alice", "phone", True), ("alice", "phone", False)]


async def test_a_connection_that_takes_over_is_no_coming_and_a_lost_one_is_no_end(tmp_path: Path) -> None:
    trial = Trial()
    async with house(tmp_path, trial) as server, await Raw.open(server) as first:
        welcome = await first.enter(server, "alice", "phone")
        async with await Raw.open(server) as second:
            again = await second.enter(server, "alice", "phone", resume=(welcome.session_id, welcome.token))
            assert again.resumed
            assert trial.devices == [("alice", "phone", True)]
        await eventually(lambda: len(trial.devices) == 2)
        assert trial.devices[1] == ("alice", "phone", False)
        sessions = server.features.sessions
        assert sessions is not None
        assert sessions.of("alice") == [Device("alice", "phone", attached=False)]
        sessions.tell(["alice"], WAVE, Waved(AB))
        assert sessions.end("alice", "phone")
        assert len(trial.devices) == 2, "it was gone before"


async def test_a_fault_of_a_feature_ends_no_session(tmp_path: Path) -> None:
    trial, log = Trial(), LogBook()
    trial.fail_sessions = True
    async with house(tmp_path, trial, log=log) as server, await Raw.open(server) as raw:
        await raw.enter(server, "alice")
        raw.send(SIGNAL, 0, raw.received, "x-wave", AB)
        assert (await raw.ask("sync")).code == 0
        assert log.events("exception") == ["watcher_failed", "signal_failed"]


async def test_a_fault_of_one_feature_is_no_other_ones(tmp_path: Path) -> None:
    broken, trial = Trial(), Trial()
    broken.fail_sessions = True
    log = LogBook()
    first = Feature("broken", attached=broken.came, detached=broken.came)
    async with Server(config(tmp_path), features=(first, trial.feature()), log=log) as server:
        await server.chat.put_user(User("alice", "Alice"))
        async with await Raw.open(server) as raw:
            await raw.enter(server, "alice", "phone")
        await eventually(lambda: len(trial.devices) == 2)
        assert log.events("exception") == ["watcher_failed"] * 2


async def test_what_is_heard_again_too_soon_puts_nothing_off_and_no_other_kind(tmp_path: Path) -> None:
    now, heard = 100.0, list[str]()
    one, other = (Signal(kind, Waved, Waved) for kind in ("x-one", "x-other"))

    def hears(kind: str) -> Any:
        return lambda sessions, device, said: heard.append(kind)

    feature = Feature("ears", signals=[Heard(one, hears("one"), 2.0), Heard(other, hears("other"), 4.0)])
    async with running(tmp_path, features=(feature,)) as server, await Raw.open(server) as raw:
        await raw.enter(server, "alice")
        [session] = server.listener.sessions
        ears = Signals(server.features, server.features.sessions, lambda: now)  # type: ignore[arg-type]
        for _ in range(6):
            ears.hear(session, "x-one", (AB,))
            ears.hear(session, "x-other", (AB,))
            ears.hear(session, "x-nobody", (AB,))
            ears.hear(session, "x-one", ())
            now += 1.0
    assert heard == ["one", "other", "one", "one", "other"]


async def test_an_outcome_in_a_conversation_is_told_to_who_left_meanwhile(tmp_path: Path) -> None:
    """The key is looked up before it is judged who may."""

    class Params(Shape, frozen=True):
        conversation_id: str
        key: bytes

    def once(tx: Transaction, asker: Any, params: Params) -> TicketResult:
        return TicketResult(len(tx.members(params.conversation_id)), duplicate=False)

    method, key = Method("x-once", Params, TicketResult), new_key()
    feature = Feature("once", methods=(Write(method, once, Need.SPEAK, Repetition.OUTCOME),))
    async with Server(config(tmp_path), features=(feature,)) as server:
        for name in ("alice", "bob"):
            await server.chat.put_user(User(name, name))
        group, _, _ = await server.chat.create_conversation("alice", Kind.GROUP, "g", ["bob"])
        assert await server.call(method, "bob", Params(group, key)) == TicketResult(2, duplicate=False)
        await server.chat.remove_member("alice", group, "bob")
    async with Server(config(tmp_path), features=(feature,)) as server:
        assert await server.call(method, "bob", Params(group, key)) == TicketResult(2, duplicate=True)
        assert await code_of(server.call(method, "bob", Params(group, new_key()))) is RefusalCode.NOT_FOUND


async def test_a_handler_is_told_who_asks_and_what_is_granted(tmp_path: Path) -> None:
    """The role there, the message that is aimed at, and of nobody's conversation no members."""
    asked: list[Asker] = []

    class Params(Shape, frozen=True):
        conversation_id: str
        position: int

    def look(tx: Transaction, asker: Asker, params: Params) -> TicketResult:
        asked.append(asker)
        return TicketResult(len(tx.members("group/none")), duplicate=False)

    aimed = Method("x-look", Params, TicketResult)
    row = Write(aimed, look, Need.MARK, Repetition.NATURAL, aimed=True)
    anybody = Method("x-anybody", Params, TicketResult)
    feature = Feature("look", methods=(row, Write(anybody, look, Need.ACCOUNT, Repetition.NATURAL)))
    async with Server(config(tmp_path), features=(feature,)) as server:
        for name in ("alice", "bob"):
            await server.chat.put_user(User(name, name))
        group, _, _ = await server.chat.create_conversation("alice", Kind.GROUP, "g", ["bob"])
        for name, method in (("alice", aimed), ("bob", aimed), ("bob", anybody)):
            assert (await server.call(method, name, Params(group, 1))).number == 0
        direct = direct_conversation_id("alice", "bob")
        await server.chat.post("bob", direct, "x")
        await server.call(aimed, "alice", Params(direct, 1))
    told = [(one.user_id, one.role, one.message and one.message.position, one.kind) for one in asked]
    assert told == [
        ("alice", Role.OWNER, 1, Kind.GROUP),
        ("bob", Role.MEMBER, 1, Kind.GROUP),
        ("bob", None, None, None),
        ("alice", Role.MEMBER, 1, Kind.DIRECT),
    ]
    assert not any(one.left for one in asked)


async def test_a_read_is_told_how_things_stood_when_the_asker_left(tmp_path: Path) -> None:
    """The modseq and the time of leaving, whatever came later; nothing of the kind for who is there, or is back."""
    asked: list[Asker] = []

    class Params(Shape, frozen=True):
        conversation_id: str

    def look(reader: Reader, asker: Asker, params: Params) -> TicketResult:
        asked.append(asker)
        return TicketResult(0, duplicate=False)

    method = Method("x-look", Params, TicketResult)
    feature = Feature("look", methods=(Read(method, look, Need.READ),))
    async with Server(config(tmp_path), features=(feature,)) as server:
        for name in ("alice", "bob"):
            await server.chat.put_user(User(name, name))
        group, _, _ = await server.chat.create_conversation("alice", Kind.GROUP, "g", ["bob"])
        await server.store.write(lambda tx: tx.set_about(group, "look", 1))
        await server.call(method, "bob", Params(group))
        left_at, _ = await server.chat.remove_member("alice", group, "bob")
        await server.chat.post("alice", group, "later")
        await server.store.write(lambda tx: tx.set_about(group, "look", 2))
        for name in ("bob", "alice"):
            await server.call(method, name, Params(group))
        page = await server.chat.history("alice", group, after=left_at - 1, before=None, limit=1)
        await server.chat.add_member("alice", group, "bob")
        await server.call(method, "bob", Params(group))
    assert asked[1].grant.last == left_at
    assert [one.left for one in asked] == [None, Left(1, page.items[0].sent_at), None, None]


async def test_puts_to_all_else_that_has_state_answer_how_it_stands_too(tmp_path: Path) -> None:
    """Of a conversation, of one's own in it, of one's account: with the counter that says which is newer."""

    class Params(Shape, frozen=True):
        conversation_id: str
        value: str | None = None

    def about(tx: Transaction, asker: Asker, params: Params) -> AboutStands:
        tx.set_about(params.conversation_id, params.value)
        return tx.about_stands(params.conversation_id)

    def own(tx: Transaction, asker: Asker, params: Params) -> SettingsStand:
        tx.set_own(params.conversation_id, asker.user_id, params.value)
        return tx.own_stands(params.conversation_id, asker.user_id)

    def account(tx: Transaction, asker: Asker, params: Params) -> AccountStands:
        tx.set_account(asker.user_id, params.value)
        return tx.account_stands(asker.user_id)

    rows = (
        Write(Method("x-about", Params, AboutStands), about, Need.CURATE, Repetition.NATURAL),
        Write(Method("x-own", Params, SettingsStand), own, Need.OWN_STATE, Repetition.NATURAL),
        Write(Method("x-account", Params, AccountStands), account, Need.ACCOUNT, Repetition.NATURAL),
    )
    async with Server(config(tmp_path), features=(Feature("put", methods=rows),)) as server:
        for name in ("alice", "bob"):
            await server.chat.put_user(User(name, name))
        await server.chat.post("alice", AB, "x")
        async with await Raw.open(server) as raw:
            await raw.enter(server, "alice")
            for method in ("x-about", "x-own", "x-account"):
                for value in ("1", "1", "2"):
                    told = (await raw.ask(method, AB, value)).result
                    assert told == [int(value), {"put": value}]
                assert (await raw.ask(method, AB)).result == [3, {}]
            await server.store.write(lambda tx: tx.set_about(AB, "other", 1))
            assert (await raw.ask("x-about", AB, "3")).result == [5, {"other": 1, "put": "3"}]
            assert (await raw.ask("x-about", "direct/bob/eve", "3")).code == NOT_FOUND
