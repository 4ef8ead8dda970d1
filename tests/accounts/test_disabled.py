"""A disabled account may do nothing from that moment, whatever it holds and wherever its requests are; all others go on."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from imserver import Server
from imserver.chat.records import LEDGER_KINDS
from imserver.config import StoreConfig
from imserver.errors import NotAuthorized, Refusal, RefusalCode
from imserver.model import Kind, Role, User
from imserver.store import SqliteStore
from imserver.testing import ManualClock
from imserver_protocol.errors import CloseCode
from tests.accounts.tokens import ended, home, posts, token, turned_away
from tests.limits.raw import Raw, said
from tests.store.support import DIRECT, Recorder, Stand, Work, key, outcome, post, refusal_of
from tests.support.servers import config, running

FORBIDDEN = RefusalCode.FORBIDDEN


async def test_the_sessions_end_within_a_second_and_no_token_lets_in_again(tmp_path: Path) -> None:
    async with home(tmp_path) as here:
        server = here.server
        good, other = token("alice", jti="a"), token("alice", jti="b", iat=int(time.time()))
        alice = await here.enter(good, "phone")
        second = await here.enter(other, "desk")
        bob = await here.enter(token("bob"), "phone")
        assert await posts(alice, "alice", "bob") == 0
        began = time.monotonic()
        done = await server.administration.disable("alice")
        for raw in (alice, second):
            end = await raw.goodbye()
            assert (end.code, end.text) == (CloseCode.REVOKED, "no longer authorized")
        assert time.monotonic() - began < 1.0
        assert (done["state"], done["changed"], done["sessions_ended"]) == ("disabled", True, 2)
        for lost, device in ((good, "phone"), (other, "desk"), (token("alice"), "new")):
            assert await turned_away(server, lost, device)
        assert await posts(bob, "alice", "bob") == 0, "the neighbour goes on, also towards a disabled one"
        assert not (await server.administration.disable("alice"))["changed"]


async def test_enabled_again_the_same_token_lets_in_and_nothing_is_lost(tmp_path: Path) -> None:
    async with home(tmp_path) as here:
        server = here.server
        good = token("alice", jti="a")
        async with await here.enter(good) as raw:
            assert await posts(raw, "alice", "bob") == 0
        await server.administration.disable("alice")
        assert await turned_away(server, good)
        assert (await server.administration.enable("alice"))["state"] == "active"
        async with await here.enter(good) as raw:
            [row] = (await raw.ask("sync", None)).result[0]
            assert row[0] == "direct/alice/bob"
            assert await posts(raw, "alice", "bob") == 0


async def test_a_lost_connection_is_not_resumed(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        good = token("alice", jti="a")
        raw = await Raw.open(server)
        raw.hello(good)
        welcomed = await raw.welcome()
        raw.reset()
        await raw.hang_up()
        await server.administration.disable("alice")
        assert len(server.listener.sessions) == 0, "a detached one goes, too"
        async with await Raw.open(server) as again:
            again.hello(good, resume=(welcomed.session_id, welcomed.token))
            assert (await again.goodbye()).code == CloseCode.AUTH_FAILED


# -- a login that is under way ------------------------------------------------------------------------------------------------


def held(server: Server, monkeypatch: pytest.MonkeyPatch, name: str) -> tuple[asyncio.Event, asyncio.Event]:
    """The next `read` or `write` of accounts is done, and its caller hears of it later: (done, go on)."""
    whole: Callable[..., Any] = getattr(server.store, name)
    done, go_on = asyncio.Event(), asyncio.Event()

    async def slow(work: Callable[..., Any]) -> Any:
        found = await whole(work)
        done.set()
        await go_on.wait()
        return found

    monkeypatch.setattr(server.accounts, "_store", _Instead(server.store, name, slow))
    return done, go_on


class _Instead:
    def __init__(self, store: Any, name: str, method: Callable[..., Any]) -> None:
        self._store = store
        setattr(self, name, method)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


ENDINGS: dict[str, Callable[[Server], Any]] = {
    "disabled": lambda server: server.administration.disable("alice"),
    "this token": lambda server: server.administration.revoke("alice", token_id="a"),
    "this device": lambda server: server.administration.revoke("alice", device_id="raw"),
    "all tokens": lambda server: server.administration.revoke("alice", everything=True),
}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("step", ["read", "write"])
async def test_who_was_looked_up_before_and_is_welcomed_behind_is_not_let_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, ending: str
) -> None:
    async with running(tmp_path) as server:
        looked, go_on = held(server, monkeypatch, step)
        async with await Raw.open(server) as raw:
            raw.hello(token("alice", jti="a", iat=int(time.time()) - 1))
            await looked.wait()
            await ENDINGS[ending](server)
            go_on.set()
            end = await raw.goodbye()
            assert (end.code, end.text) == (CloseCode.AUTH_FAILED, "not authorized")
        assert len(server.listener.sessions) == 0


@pytest.mark.parametrize("ending", ["another device", "another token", "another user"])
async def test_and_is_let_in_if_it_was_not_about_him(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    async with running(tmp_path) as server:
        looked, go_on = held(server, monkeypatch, "read")
        async with await Raw.open(server) as raw:
            raw.hello(token("alice", jti="a", iat=int(time.time()) - 1))
            await looked.wait()
            if ending == "another device":
                await server.administration.revoke("alice", device_id="desk")
            elif ending == "another token":
                await server.administration.revoke("alice", token_id="b")
            else:
                await server.administration.disable("bob")
            go_on.set()
            await raw.welcome()


async def test_a_bot_that_was_made_since_its_id_was_looked_up_is_not_let_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody had the id, and whoever comes first is made a person: the plugin was quicker."""
    async with running(tmp_path, auth={"create_users": True}) as server:
        looked, go_on = held(server, monkeypatch, "read")
        async with await Raw.open(server) as raw, await Raw.open(server) as other:
            raw.hello(token("shop", jti="a"))
            await looked.wait()
            await server.chat.put_user(User("shop", "The shop", kind="bot"))
            go_on.set()
            end = await raw.goodbye()
            assert (end.code, end.text) == (CloseCode.AUTH_FAILED, "not authorized")
            other.hello(token("newcomer", jti="a"))
            await other.welcome()


async def test_a_renewal_that_was_looked_up_before_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with home(tmp_path) as here:
        server = here.server
        now = int(time.time())
        raw = await here.enter(token("alice", jti="a", iat=now))
        looked, go_on = held(server, monkeypatch, "read")
        seq = raw.request("renew", token("alice", jti="b", iat=now, exp=now + 9000))
        await looked.wait()
        await server.administration.revoke("alice", token_id="b")
        go_on.set()
        answer = await raw.answer(seq)
        assert (answer.code, answer.text) == (FORBIDDEN, "this token was not accepted")
        assert await posts(raw, "alice", "bob") == 0, "and it goes on with the token that it has"


# -- requests that are under way ----------------------------------------------------------------------------------------------


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    store = SqliteStore(
        StoreConfig(path=str(tmp_path / "chat.db")), clock=ManualClock(), rng=random.Random(1)
    )
    recorder = Recorder()
    await store.open(recorder)
    made = Stand(store, recorder)
    await made.users("ann", "bob", "cy", "dee")
    yield made
    await store.close()


@pytest.mark.parametrize("neighbours", [0, 1, 40], ids=lambda count: f"{count} posts beside")
async def test_what_was_queued_behind_it_is_refused_in_the_same_batch(stand: Stand, neighbours: int) -> None:
    await stand.post(post(1), post(2, "bob"))
    batches = len(stand.recorder.batches)
    disable = Work(lambda tx: tx.disable_user("ann"))
    theirs, others = post(11), [post(100 + number, "bob") for number in range(neighbours)]
    first, again = post(10), post(1)
    await stand.do([first, disable, theirs, *others, again])
    assert len(stand.recorder.batches) <= batches + 2, "one batch, and the last word of the test"
    assert outcome(first) == (3, 1_010, False), "what came before it counts"
    assert isinstance(theirs.error, Refusal)
    assert (theirs.error.code, theirs.error.detail) == (FORBIDDEN, "disabled")
    assert [outcome(other)[0] for other in others] == list(range(4, 4 + neighbours))
    assert outcome(again) == (1, 1_001, True), "a key that was stored is answered as it was"


ACTS: dict[str, Callable[[Any], Any]] = {
    "post": lambda tx: tx.post(DIRECT, "ann", key(90), said("x"), sent_at=1),
    "a first post": lambda tx: tx.post("direct/ann/dee", "ann", key(91), said("x"), sent_at=1),
    "create": lambda tx: tx.create_conversation("ann", key(92), Kind.GROUP, "G", {"bob": Role.MEMBER}),
    "add": lambda tx: tx.add_member(GROUP[0], "ann", key(93), "dee", Role.MEMBER),
    "remove": lambda tx: tx.remove_member(GROUP[0], "ann", key(94), "bob"),
    "leave": lambda tx: tx.remove_member(GROUP[0], "ann", key(95), "ann"),
    "cursor": lambda tx: tx.move_cursors(GROUP[0], "ann", 1, 1),
}
GROUP: list[str] = []


@pytest.mark.parametrize("act", ACTS)
async def test_nothing_that_it_asks_is_done_and_all_of_it_once_it_is_enabled(stand: Stand, act: str) -> None:
    made = await stand.tx(
        lambda tx: tx.create_conversation("ann", key(80), Kind.GROUP, "G", {"bob": Role.MEMBER})
    )
    GROUP[:] = [made[0]]
    await stand.post(post(1))
    await stand.tx(lambda tx: tx.disable_user("ann"))
    with pytest.raises(Refusal) as refused:
        await stand.tx(ACTS[act])
    assert (refused.value.code, refused.value.detail) == (FORBIDDEN, "disabled")
    await stand.tx(lambda tx: tx.enable_user("ann"))
    await stand.tx(ACTS[act])


async def test_a_unit_that_fails_disables_nobody(stand: Stand) -> None:
    def fails(tx: Any) -> None:
        tx.disable_user("ann")
        raise Refusal(RefusalCode.CONFLICT, "not so")

    assert await refusal_of(stand.tx(fails)) is RefusalCode.CONFLICT
    assert await stand.post(post(1)) == [(1, 1_001, False)]
    await stand.tx(lambda tx: tx.disable_user("ann"))

    def enables(tx: Any) -> None:
        tx.enable_user("ann")
        raise Refusal(RefusalCode.CONFLICT, "not so")

    assert await refusal_of(stand.tx(enables)) is RefusalCode.CONFLICT
    assert await stand.post(post(2)) == [FORBIDDEN]
    assert await stand.tx(lambda tx: (tx.is_active("ann"), tx.is_active("bob"), tx.is_active("nobody"))) == (
        False,
        True,
        False,
    )


async def test_it_is_known_at_the_next_start(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        await server.administration.disable("alice")
    async with Server(config(tmp_path)) as server:
        assert await turned_away(server, token("alice"))
        assert await refusal_of(server.chat.post("alice", "direct/alice/bob", "x")) is FORBIDDEN
        assert (await server.chat.post("bob", "direct/alice/bob", "x")).position == 1


# -- groups -------------------------------------------------------------------------------------------------------------------


async def test_groups_of_a_disabled_owner_go_on_and_are_his_when_he_is_back(stand: Stand) -> None:
    roles = {"bob": Role.ADMIN, "cy": Role.MEMBER}
    group, _, _ = await stand.tx(lambda tx: tx.create_conversation("ann", key(1), Kind.GROUP, "G", roles))
    await stand.tx(lambda tx: tx.disable_user("ann"))
    assert await stand.post(post(2, "cy", group)) == [(2, 1_002, False)]
    assert await stand.tx(lambda tx: tx.add_member(group, "bob", key(3), "dee", Role.MEMBER)) == (3, False)
    assert (await stand.tx(lambda tx: tx.audience(group)))["ann"] is Role.OWNER
    await stand.tx(lambda tx: tx.enable_user("ann"))
    assert await stand.tx(lambda tx: tx.remove_member(group, "ann", key(4), "bob")) == (4, False)


async def test_nobody_inherits_a_group_who_cannot_act(stand: Stand) -> None:
    roles = {"bob": Role.ADMIN, "cy": Role.MEMBER}
    group, _, _ = await stand.tx(lambda tx: tx.create_conversation("ann", key(1), Kind.GROUP, "G", roles))
    await stand.tx(lambda tx: tx.disable_user("bob"))
    await stand.tx(lambda tx: tx.remove_member(group, "ann", key(2), "ann"))
    assert dict(await stand.tx(lambda tx: tx.audience(group))) == {"bob": Role.ADMIN, "cy": Role.OWNER}
    await stand.tx(lambda tx: tx.remove_member(group, "cy", key(3), "cy"))
    assert dict(await stand.tx(lambda tx: tx.audience(group))) == {"bob": Role.OWNER}, (
        "unless nobody else is left"
    )


# -- bots ---------------------------------------------------------------------------------------------------------------------


async def test_no_token_lets_a_bot_in(tmp_path: Path) -> None:
    async with home(tmp_path, plugins={"ping": {}}) as here:
        server = here.server
        bot = next(user for user in (await server.administration.users(kind="bot"))["users"])
        assert await turned_away(server, token(bot["user_id"]))
        with pytest.raises(NotAuthorized, match="bot"):
            await server.accounts.authenticate(server.accounts.make_token(bot["user_id"], ttl_s=60), "phone")
        async with await here.enter(token("alice")) as raw:
            told = (await raw.ask("users", [bot["user_id"], "alice"])).result
            assert [row[3:] for row in told] == [["bot"], ["person"]]
        assert await refusal_of(server.administration.disable(bot["user_id"])) is RefusalCode.INVALID


async def test_who_is_in_with_an_account_that_becomes_a_bots_goes(tmp_path: Path) -> None:
    """One that is a bot by a role of before givers were kept, and has a session."""
    async with home(tmp_path) as here:
        await here.server.store.write(lambda tx: tx.give_role("alice", "bot", ""))
        raw, bob = await here.enter(token("alice", jti="a")), await here.enter(token("bob", jti="b"))
        await here.server.store.write(lambda tx: tx.make_bot("alice"))
        assert (await ended(raw))[0] == CloseCode.REVOKED
        assert await posts(bob, "alice", "bob") == 0


async def test_a_record_of_who_has_become_a_bot_since_shuts_no_bot_out(tmp_path: Path) -> None:
    """The ledger is applied again at a start: what it says of the person of before is not about the bot."""
    async with running(tmp_path) as server:
        await server.administration.disable("alice")
        await server.administration.disable("bob")
        await server.store.write(lambda tx: tx.make_bot("alice"))
        for name in ("alice", "bob"):
            record = SimpleNamespace(body={"user": name})
            await server.store.write(lambda tx, record=record: LEDGER_KINDS["disable"](tx, record))  # type: ignore[misc]
        assert await server.store.write(lambda tx: tx.is_active("alice"))
        assert not await server.store.write(lambda tx: tx.is_active("bob"))


async def test_a_program_that_writes_a_bot_as_a_person_lets_nobody_in_as_it(tmp_path: Path) -> None:
    async with running(tmp_path, plugins={"ping": {}}) as server:
        bot = (await server.administration.users(kind="bot"))["users"][0]["user_id"]
        await server.chat.put_user(User(bot, "Renamed"))
        assert await turned_away(server, token(bot))


async def test_a_create_of_a_disabled_person_over_the_door_is_refused_too(tmp_path: Path) -> None:
    async with home(tmp_path) as here:
        server = here.server
        raw = await here.enter(token("alice"))
        await server.store.write(lambda tx: tx.disable_user("alice"))
        assert (await raw.goodbye()).code == CloseCode.REVOKED
        assert (
            await refusal_of(server.chat.create_conversation("alice", Kind.GROUP, "G", ["bob"])) is FORBIDDEN
        )


async def test_no_backlog_of_others_keeps_him_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """His sessions end in the turn in which the commit is handed over, whatever waits to be fanned out."""
    async with home(tmp_path) as here:
        raw = await here.enter(token("alice"))
        await here.server.store.write(lambda tx: tx.disable_user("bob"))
        seen: list[int] = []
        whole = here.server.hub._work

        def late() -> None:
            seen.append(len(here.server.listener.sessions))
            whole()

        monkeypatch.setattr(here.server.hub, "_work", late)
        await here.server.store.write(lambda tx: tx.disable_user("alice"))
        assert seen == [0], "before anything of the commit is told"
        assert (await raw.goodbye()).code == CloseCode.REVOKED
