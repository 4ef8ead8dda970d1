"""The door: keys before decisions, decisions before handlers, one transaction for all of it, and what was registered beside."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from imserver import Server
from imserver.errors import ConfigError, Refusal, RefusalCode
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
    Services,
    SettingsStand,
    Shape,
    Signal,
    Transaction,
    Write,
)
from imserver.feature_host import follow
from imserver.features import FEATURES, NAMES
from imserver.model import Kind, Role, User, direct_conversation_id
from imserver.net.feature_rows import Signals
from imserver.testing import LogBook
from imserver_protocol.methods.edits import EDIT, EditParams, EditResult
from tests.features.house import (
    AB,
    FORBIDDEN,
    INTERNAL,
    INVALID,
    KEY_REUSED,
    NOT_FOUND,
    OVERLOADED,
    UNKNOWN_METHOD,
    code_of,
    house,
)
from tests.features.trial import (
    RENAME,
    TICKET,
    UNREGISTERED,
    VOTE,
    VOTES,
    WAIT,
    WAVE,
    RenameParams,
    TicketParams,
    TicketPush,
    TicketResult,
    Trial,
    VoteParams,
    VotesParams,
    VotesResult,
    WaitParams,
    Waved,
)
from tests.limits.raw import SIGNAL, Raw, eventually, new_key, said
from tests.support.clocks import LeapingClock
from tests.support.servers import config, running

# -- what must happen once ------------------------------------------------------------------------------------------------


async def test_an_outcome_is_answered_again_also_after_a_restart(tmp_path: Path) -> None:
    trial, key = Trial(), new_key()
    async with house(tmp_path, trial) as server:
        first = await server.call(TICKET, "alice", TicketParams(key, 1, "x"))
        assert first == TicketResult(1, duplicate=False)
        assert await server.call(TICKET, "alice", TicketParams(key, 1, "x")) == TicketResult(
            1, duplicate=True
        )
        assert await code_of(server.call(TICKET, "alice", TicketParams(key, 2))) is RefusalCode.KEY_REUSED
        other = await server.call(TICKET, "bob", TicketParams(key, 2))
        assert (other.number, other.duplicate) == (2, False), "keys are everybody's own"
        assert await code_of(server.call(TICKET, "alice", TicketParams(b"short", 2))) is RefusalCode.INVALID
    async with house(tmp_path, trial) as server:
        assert await server.call(TICKET, "alice", TicketParams(key, 1, "x")) == TicketResult(
            1, duplicate=True
        )


async def test_a_refusal_is_not_remembered(tmp_path: Path) -> None:
    trial, key = Trial(), new_key()
    async with house(tmp_path, trial) as server:
        assert await code_of(server.call(TICKET, "alice", TicketParams(key, -1))) is RefusalCode.INVALID
        assert not (await server.call(TICKET, "alice", TicketParams(key, 1))).duplicate


async def test_outcomes_are_kept_for_thirty_days_and_then_go_with_new_ones(tmp_path: Path) -> None:
    trial, clock, key = Trial(), LeapingClock(), new_key()
    async with house(tmp_path, trial, clock=clock) as server:
        await server.call(TICKET, "alice", TicketParams(key, 1))
        clock.leap_s += 29 * 86_400
        await server.call(TICKET, "bob", TicketParams(new_key(), 1))
        assert (await server.call(TICKET, "alice", TicketParams(key, 1))).duplicate
        clock.leap_s += 2 * 86_400
        await server.call(TICKET, "bob", TicketParams(new_key(), 2))
        assert not (await server.call(TICKET, "alice", TicketParams(key, 1))).duplicate


async def test_a_later_param_leaves_old_keys_as_they_are(tmp_path: Path) -> None:
    """A request without the param, and one that says its default, are the same request."""

    class OlderParams(Shape, frozen=True):
        key: bytes
        row: int

    trial, key = Trial(), new_key()
    older = Method(TICKET.name, OlderParams, TicketResult)

    def ticket(tx: Transaction, asker: Any, params: OlderParams) -> TicketResult:
        return trial.ticket(tx, asker, TicketParams(params.key, params.row))

    feature = Feature(
        "older", methods=(Write(older, ticket, Need.ACCOUNT, Repetition.OUTCOME, told_to_all=False),)
    )
    bare = replace(trial.feature(), methods=trial.feature().methods[1:2])
    async with Server(config(tmp_path), features=(replace(feature, pushes=bare.pushes),)) as server:
        await server.chat.put_user(User("alice", "Alice"))
        await server.call(older, "alice", OlderParams(key, 1))
    async with house(tmp_path, trial) as server:
        assert (await server.call(TICKET, "alice", TicketParams(key, 1))).duplicate
        assert (
            await code_of(server.call(TICKET, "alice", TicketParams(key, 1, "y"))) is RefusalCode.KEY_REUSED
        )


# -- what leaves a message ------------------------------------------------------------------------------------------------


async def test_a_message_is_the_proof_though_the_asker_was_removed(tmp_path: Path) -> None:
    trial, key = Trial(), new_key()
    async with house(tmp_path, trial) as server, await Raw.open(server) as raw:
        group, _, _ = await server.chat.create_conversation("alice", Kind.GROUP, "g", ["bob"])
        await raw.enter(server, "alice")
        request = (group, key, "a better name", said("x"))
        first = await raw.ask("x-rename", *request)
        assert first.result == [2, False]
        await server.chat.remove_member("alice", group, "alice")
        assert (await raw.ask("x-rename", *request)).result == [2, True]
        assert (await raw.ask("x-rename", group, new_key(), "no", said("x"))).code == NOT_FOUND
        assert (await raw.ask("x-rename", group, key, "another", said("x"))).code == KEY_REUSED
        page = await server.chat.history("bob", group)
        assert [(item.position, item.sender_id) for item in page.items] == [
            (1, "alice"),
            (2, "alice"),
            (3, "alice"),
        ]


async def test_a_content_in_the_params_is_checked_and_reviewed_like_a_posts(tmp_path: Path) -> None:
    async def no(conversation_id: str, sender_id: str, content: Mapping[str, Any]) -> Refusal | None:
        return Refusal(RefusalCode.FORBIDDEN, "mind your words") if content["text"] == "bad" else None

    trial, key = Trial(), new_key()
    async with house(tmp_path, trial) as server, await Raw.open(server) as raw:
        group, _, _ = await server.chat.create_conversation("alice", Kind.GROUP, "g", ["bob"])
        await raw.enter(server, "alice")
        request = (group, key, "n", said("bad"))
        assert (await raw.ask("x-rename", *request)).result == [2, False]
        server.posting.reviewers = [no]
        assert (await raw.ask("x-rename", *request)).result == [2, True], "it has happened"
        assert (await raw.ask("x-rename", group, new_key(), "n", said("bad"))).code == FORBIDDEN
        assert (await raw.ask("x-rename", group, new_key(), "n", said("good"))).result == [3, False]
        assert (await raw.ask("x-rename", group, new_key(), "n", b"\xc1")).code == INVALID
        params = RenameParams(group, new_key(), "n", said("bad"))
        assert await code_of(server.call(RENAME, "alice", params)) is RefusalCode.FORBIDDEN
        edit = EditParams(AB, new_key(), 1, None, said("bad"))
        await server.chat.post("alice", AB, "x")
        assert await code_of(server.call(EDIT, "alice", edit)) is RefusalCode.FORBIDDEN


async def test_a_reviewed_write_keeps_its_place_among_the_posts_of_its_session(tmp_path: Path) -> None:
    gate = asyncio.Event()

    async def slow(conversation_id: str, sender_id: str, content: Mapping[str, Any]) -> Refusal | None:
        await gate.wait()
        return None

    async with house(tmp_path, Trial()) as server, await Raw.open(server) as raw:
        group, _, _ = await server.chat.create_conversation("alice", Kind.GROUP, "g", ["bob"])
        server.posting.reviewers = [slow]
        await raw.enter(server, "alice")
        seqs = [
            raw.request("post", group, new_key(), said("one")),
            raw.request("x-rename", group, new_key(), "n", said("x")),
            raw.request("post", group, new_key(), said("two")),
        ]
        gate.set()
        assert [(await raw.answer(seq)).result[0] for seq in seqs] == [2, 3, 4]


# -- what stands as it is said --------------------------------------------------------------------------------------------


async def test_a_put_answers_how_it_stands_and_cuts_to_what_may_be_read(tmp_path: Path) -> None:
    trial = Trial()
    async with house(tmp_path, trial) as server, await Raw.open(server) as raw:
        group, _, _ = await server.chat.create_conversation("alice", Kind.GROUP, "g", ["bob"])
        await server.chat.post("alice", group, "x")
        await raw.enter(server, "bob")
        for _ in range(2):
            stands = (await raw.ask("x-vote", group, 2, "yes")).result
            assert stands == [1, {"trial": {"yes": 1}}, {"trial": "yes"}]
        assert (await raw.ask("x-vote", group, 3, "yes")).code == NOT_FOUND
        assert (await raw.ask("x-vote", "group/none", 1, "yes")).code == NOT_FOUND
        assert (await raw.ask("x-votes", group, 2)).result == [["bob"]]
        assert (await raw.ask("x-votes", group, 9)).code == NOT_FOUND
        assert await code_of(server.call(VOTE, "eve", VoteParams(group, 2, "no"))) is RefusalCode.NOT_FOUND
        assert await code_of(server.call(VOTES, "eve", VotesParams(group, 2))) is RefusalCode.NOT_FOUND
        assert (await raw.ask("x-vote", group, 2, None)).result == [2, {}, {}]
        assert (await raw.ask("x-vote", group, 2)).result == [2, {}, {}]


async def test_what_a_feature_reads_comes_behind_the_pushes_of_its_snapshot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house(tmp_path, Trial()) as server:
        await server.chat.post("alice", AB, "x")
        await server.call(VOTE, "bob", VoteParams(AB, 1, "yes"))
        await server.features.idle()
        until: list[int] = []
        told = server.hub.until_told

        async def until_told(change: int) -> None:
            until.append(change)
            await told(change)

        monkeypatch.setattr(server.hub, "until_told", until_told)
        server.hub.told = 0  # it may lag behind the truth
        assert await server.call(VOTES, "alice", VotesParams(AB, 1)) == VotesResult(("bob",))
        assert until == [server.store.change]


async def test_a_former_member_reads_up_to_leaving_and_writes_nothing(tmp_path: Path) -> None:
    trial = Trial()
    async with house(tmp_path, trial) as server:
        group, _, _ = await server.chat.create_conversation("alice", Kind.GROUP, "g", ["bob"])
        await server.chat.remove_member("bob", group, "bob")
        await server.chat.post("alice", group, "later")
        assert await server.call(VOTES, "bob", VotesParams(group, 2)) == VotesResult(())
        assert await code_of(server.call(VOTES, "bob", VotesParams(group, 3))) is RefusalCode.NOT_FOUND
        assert await code_of(server.call(VOTE, "bob", VoteParams(group, 1, "x"))) is RefusalCode.NOT_FOUND


async def test_a_handler_that_fails_leaves_nothing(tmp_path: Path) -> None:
    trial = Trial()
    trial.fail_hook = True
    async with house(tmp_path, trial) as server:
        await server.chat.post("alice", AB, "x")
        edit = EditParams(AB, new_key(), 1, None, said("better"))
        assert await code_of(server.call(EDIT, "alice", edit)) is RefusalCode.FORBIDDEN
        page = await server.chat.history("bob", AB)
        assert [(item.position, item.revision, item.content) for item in page.items] == [(1, 1, said("x"))]
        trial.fail_hook = False
        assert await server.call(EDIT, "alice", edit) == EditResult(2, 2, duplicate=False)
        assert trial.replaced[-1] == (1, False)
        late = EditParams(AB, new_key(), 1, 1, said("of what was there before"))
        assert await code_of(server.call(EDIT, "alice", late)) is RefusalCode.CONFLICT


async def test_hooks_run_in_the_transaction_of_the_act(tmp_path: Path) -> None:
    trial = Trial()
    async with house(tmp_path, trial) as server:
        group, _, _ = await server.chat.create_conversation("alice", Kind.GROUP, "g", ["bob"])
        await server.call(VOTE, "bob", VoteParams(group, 1, "yes"))
        await server.chat.remove_member("alice", group, "bob")
        assert trial.left == ["bob"]
        assert await server.call(VOTES, "alice", VotesParams(group, 1)) == VotesResult(())


# -- what others hear -----------------------------------------------------------------------------------------------------


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


# -- what follows, and what is neither ------------------------------------------------------------------------------------


async def test_a_follower_gets_each_message_once_over_faults_and_restarts(tmp_path: Path) -> None:
    trial = Trial()

    async def counted(server: Server) -> list[str]:
        rows = await server.store.read(
            lambda reader: reader.feature_sql("trial", "SELECT text FROM trial_counted ORDER BY change")
        )
        return [text for (text,) in rows]

    async with Server(config(tmp_path)) as server:
        for name in ("alice", "bob"):
            await server.chat.put_user(User(name, name))
        await server.chat.post("alice", AB, "before the feature")
    log = LogBook()
    async with house(tmp_path, trial, log=log) as server:
        await server.features.idle()
        assert log.events("exception") == []
        for number in range(5):
            await server.chat.post("alice", AB, f"m{number}")
        await server.features.idle()
        assert await counted(server) == [f"m{number}" for number in range(5)]
    async with house(tmp_path, trial) as server:
        trial.fail_follow = 1
        await server.chat.post("alice", AB, "poison")
        await server.chat.post("alice", AB, "behind it")
        await server.features.idle()
        assert await counted(server) == [*(f"m{number}" for number in range(5)), "poison", "behind it"]


async def test_a_follower_finds_its_place_after_a_commit_that_it_did_not_hear_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "FIRST_PAUSE_S", 0.01)
    trial = Trial()
    async with house(tmp_path, trial) as server:
        await server.features.idle()
        write, failed = server.store.write, list[bool]()

        async def heard_nothing(work: Any) -> Any:
            result = await write(work)
            if not failed:
                failed.append(True)
                raise Refusal(RefusalCode.OVERLOADED, "it was committed, and nobody says so")
            return result

        monkeypatch.setattr(server.store, "write", heard_nothing)
        for text in ("one", "two"):
            await server.chat.post("alice", AB, text)
            async with asyncio.timeout(10):
                await server.features.idle()
        rows = await server.store.read(
            lambda reader: reader.feature_sql("trial", "SELECT text FROM trial_counted ORDER BY change")
        )
        assert [text for (text,) in rows] == ["one", "two"]
        assert failed


async def test_what_times_out_within_a_task_is_its_own_fault(tmp_path: Path) -> None:
    """And not its deadline: to come again would help nobody."""
    trial = Trial()

    async def late(services: Services) -> int:
        raise TimeoutError

    trial.wait = late
    async with house(tmp_path, trial) as server, await Raw.open(server) as raw:
        await raw.enter(server, "bob")
        assert (await raw.ask("x-wait", "a")).code == INTERNAL


async def test_what_is_posted_for_a_person_is_at_that_persons_rate(tmp_path: Path) -> None:
    trial = Trial()

    async def post(services: Services) -> int:
        content = {"type": "text", "text": "x"}
        return await services.post_as("alice", AB, content, key=new_key())

    trial.wait = post
    async with house(tmp_path, trial) as server:
        burst = server.config.limits.posts_burst
        assert server.posting.take_tokens("alice", burst - 1) == 0.0
        await server.call(WAIT, "bob", WaitParams("a"))
        assert await code_of(server.call(WAIT, "bob", WaitParams("a"))) is RefusalCode.RATE_LIMITED


async def test_a_task_has_a_deadline_and_may_post_as_a_person(tmp_path: Path) -> None:
    trial, key = Trial(), new_key()

    async def post(services: Services) -> int:
        return await services.post_as("alice", AB, {"type": "text", "text": "due"}, key=key)

    async def forever(services: Services) -> int:
        await asyncio.Event().wait()
        return 0

    async with house(tmp_path, trial) as server, await Raw.open(server) as raw:
        await raw.enter(server, "bob")
        trial.wait = post
        assert [(await raw.ask("x-wait", "a")).result for _ in range(2)] == [[1], [1]]
        trial.wait = forever
        assert (await raw.ask("x-wait", "a")).code == OVERLOADED
        assert await code_of(server.call(WAIT, "bob", WaitParams("a"))) is RefusalCode.OVERLOADED


async def test_a_content_type_is_checked_where_it_is_posted(tmp_path: Path) -> None:
    async with house(tmp_path, Trial()) as server, await Raw.open(server) as raw:
        await raw.enter(server, "alice")
        shout = {"type": "x-shout", "text": "HELLO"}
        await server.chat.post("alice", AB, shout)
        assert await code_of(server.chat.post("alice", AB, shout | {"text": "hello"})) is RefusalCode.INVALID
        quiet = b"\x82\xa4type\xa7x-shout\xa4text\xa5hello"
        assert (await raw.ask("post", AB, new_key(), quiet)).code == INVALID
        assert (await raw.ask("post", AB, new_key(), said("hello"))).code == 0


# -- persons, and servers without it --------------------------------------------------------------------------------------


async def test_what_is_kept_of_a_person_is_exported_and_erased(tmp_path: Path) -> None:
    async with house(tmp_path, Trial()) as server:
        await server.chat.post("alice", AB, "x")
        await server.call(VOTE, "bob", VoteParams(AB, 1, "yes"))
        assert (await server.features.export("bob"))["trial"] == {"votes": ["yes"]}
        await server.features.erase("bob")
        assert (await server.features.export("bob"))["trial"] == {"votes": []}


async def test_a_server_without_a_feature_does_not_know_it(tmp_path: Path) -> None:
    async with Server(config(tmp_path), features=()) as server, await Raw.open(server) as raw:
        await server.chat.put_user(User("alice", "Alice"))
        welcomed = await raw.enter(server, "alice")
        assert welcomed.features == []
        assert (await raw.ask("x-vote", AB, 1, "yes")).code == UNKNOWN_METHOD
        assert (await raw.ask("edit", AB, new_key(), 1, None, said("x"))).code == UNKNOWN_METHOD
        assert await code_of(server.call(EDIT, "alice", EditParams(AB, new_key(), 1, None, said("x")))) is (
            RefusalCode.UNKNOWN_METHOD
        )
    async with house(tmp_path, Trial()) as server, await Raw.open(server) as raw:
        assert (await raw.enter(server, "alice")).features == [*NAMES, "trial"]


def test_what_cannot_work_is_refused_when_the_server_is_made(tmp_path: Path) -> None:
    trial = Trial()
    feature = trial.feature()
    vote, ticket, rename = (row for row in feature.methods[:3] if isinstance(row, Write))
    wrong: list[tuple[Feature, type[Exception], str]] = [
        (replace(feature, name="edits"), ConfigError, "edits"),
        (replace(feature, name="other", migrations=(), content_types={}), ConfigError, "x-vote"),
        (replace(feature, name="other", migrations=(), methods=()), ConfigError, "x-wave"),
        (replace(feature, name="other", methods=(), signals=()), ConfigError, "x-shout"),
        (replace(feature, export=None), ValueError, "export"),
        (replace(feature, methods=(replace(vote, repetition=Repetition.OUTCOME),)), ValueError, "key"),
        (replace(feature, methods=(replace(ticket, repetition=Repetition.NATURAL),)), ValueError, "key"),
        (replace(feature, methods=(replace(rename, again=None),)), ValueError, "again"),
        (replace(feature, methods=(replace(ticket, cost=0.0),)), ValueError, "costs"),
        (replace(feature, methods=(replace(rename, content="text"),)), ValueError, "text"),
        (replace(feature, methods=(replace(vote, content="choice"),)), ValueError, "choice"),
        (replace(feature, methods=(replace(ticket, need=Need.SPEAK),)), ValueError, "conversation"),
        (replace(feature, methods=(replace(rename, aimed=True),)), ValueError, "position"),
    ]
    for broken, error, text in wrong:
        with pytest.raises(error, match=text):
            Server(
                config(tmp_path), features=(*FEATURES, feature, broken) if error is ConfigError else (broken,)
            )
