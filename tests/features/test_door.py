"""The door: keys before decisions, decisions before handlers, one transaction for all of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from imserver import Server
from imserver.errors import ConfigError, Refusal, RefusalCode
from imserver.feature_api import Feature, Method, Need, Repetition, Shape, Transaction, Write
from imserver.features import FEATURES, NAMES
from imserver.model import Kind, User
from imserver_protocol.methods.edits import EDIT, EditParams, EditResult
from tests.features.house import AB, FORBIDDEN, INVALID, KEY_REUSED, NOT_FOUND, UNKNOWN_METHOD, code_of, house
from tests.features.trial import (
    RENAME,
    TICKET,
    VOTE,
    VOTES,
    RenameParams,
    TicketParams,
    TicketResult,
    Trial,
    VoteParams,
    VotesParams,
    VotesResult,
)
from tests.limits.raw import Raw, new_key, said
from tests.support.clocks import LeapingClock
from tests.support.servers import config

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
