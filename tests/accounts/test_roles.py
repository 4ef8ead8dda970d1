"""Roles remember who gave them: each giver takes back his own, and what nobody knows of; the account shows what is left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imserver.errors import PluginError, RefusalCode
from imserver.model import User
from imserver.plugin_api import Transaction
from imserver.testing import PluginKit
from tests.plugins.bench import made_with
from tests.store.support import refusal_of
from tests.support.servers import running

GIVERS, ROLES = ("operator", "booking", "ping"), ("staff", "night", "vip")
ACTS = st.lists(st.tuples(st.booleans(), st.sampled_from(ROLES), st.sampled_from(GIVERS)), max_size=30)


@settings(max_examples=25, deadline=None)
@given(acts=ACTS)
async def test_an_account_has_what_any_giver_gave_and_has_not_taken(
    tmp_path_factory: pytest.TempPathFactory, acts: list[tuple[bool, str, str]]
) -> None:
    given_by: set[tuple[str, str]] = set()
    async with running(tmp_path_factory.mktemp("roles")) as server:

        def play(tx: Any) -> None:
            for gives, role, giver in acts:
                known = (role, giver) in given_by
                if gives:
                    assert tx.give_role("alice", role, giver) is not known
                    given_by.add((role, giver))
                else:
                    assert tx.take_role("alice", role, giver) is known
                    given_by.discard((role, giver))
                found = tx.user("alice").roles
                assert len(found) == len(set(found))
                assert {*found} == {role for role, _ in given_by}

        await server.store.write(play)
        shown = (await server.administration.user("alice"))["roles"]
        assert {(row["role"], giver) for row in shown for giver in row["givers"]} == given_by


async def test_what_the_operator_says_leaves_what_plugins_gave(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        put = server.administration.put_user
        await server.store.write(lambda tx: tx.give_role("alice", "staff", "booking"))
        told = (await put("alice", roles=["night"]))["user"]["roles"]
        assert told == [
            {"role": "staff", "givers": ["booking"]},
            {"role": "night", "givers": ["operator"]},
        ]
        told = (await put("alice", roles=["staff"]))["user"]["roles"]
        assert told == [{"role": "staff", "givers": ["booking", "operator"]}]
        await put("alice", display_name="Alice B")
        await server.store.write(lambda tx: tx.take_role("alice", "staff", "booking"))
        assert (await server.chat.users(["alice"]))[0] == User("alice", "Alice B", "en", ("staff",))
        assert not (await put("alice", roles=["staff"]))["changed"]
        assert (await put("alice", roles=[]))["user"]["roles"] == []


async def test_a_new_name_gives_nobody_a_role_of_another(tmp_path: Path) -> None:
    """Else a plugin's role would stay for ever, once an operator had changed anything."""
    async with running(tmp_path) as server:
        await server.store.write(lambda tx: tx.give_role("alice", "staff", "booking"))
        alice = (await server.chat.users(["alice"]))[0]
        await server.chat.put_user(User("alice", "Alice B", "de", alice.roles))
        await server.administration.put_user("alice", language="en")
        await server.store.write(lambda tx: tx.take_role("alice", "staff", "booking"))
        assert (await server.chat.users(["alice"]))[0].roles == ()


async def test_the_program_around_says_what_an_account_is(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        await server.store.write(lambda tx: tx.give_role("alice", "staff", "booking"))
        await server.chat.put_user(User("alice", "Alice", "en", ("vip",)))
        assert (await server.administration.user("alice"))["roles"] == [
            {"role": "vip", "givers": ["operator"]}
        ]


async def test_a_role_of_before_is_whosoevers_and_taken_by_any(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        await server.store.write(lambda tx: tx.give_role("alice", "staff", ""))
        assert await server.store.write(lambda tx: tx.take_role("alice", "staff", "booking"))
        assert (await server.chat.users(["alice"]))[0].roles == ()


# -- plugins ------------------------------------------------------------------------------------------------------------------


async def transact(kit: PluginKit[Any], fn: Any) -> Any:
    return await kit.plugin.context.transaction(fn)


async def test_a_plugin_gives_and_takes_in_its_own_name() -> None:
    async with PluginKit(made_with(lambda context: None)) as kit:
        await kit.user("ann", roles=["vip"])

        def work(tx: Transaction) -> tuple[bool, ...]:
            return (
                tx.give_role("ann", "staff"),
                tx.give_role("ann", "staff"),
                tx.take_role("ann", "vip"),
                tx.is_active("ann"),
                tx.is_active("nobody"),
            )

        assert await transact(kit, work) == (True, False, False, True, False)
        person = await kit.store.read(lambda reader: reader.person("ann"))
        assert person is not None
        assert dict(person.givers) == {"vip": ("operator",), "staff": ("bench",)}
        assert await transact(kit, lambda tx: tx.take_role("ann", "staff"))
        for wrong in ("two words", "", "x" * 65, "a\nb"):
            with pytest.raises(PluginError, match="role"):
                await transact(kit, lambda tx, role=wrong: tx.give_role("ann", role))
        assert (
            await refusal_of(transact(kit, lambda tx: tx.give_role("nobody", "x"))) is RefusalCode.NOT_FOUND
        )


async def test_disabled_wins_over_whatever_a_configuration_lists() -> None:
    async with PluginKit(made_with(lambda context: None)) as kit:
        await kit.user("ann")
        await kit.store.write(lambda tx: tx.disable_user("ann"))
        assert not await transact(kit, lambda tx: tx.give_role("ann", "staff") or tx.is_active("ann"))
        assert await kit.plugin.context.user("ann") == User("ann", "Ann")
        await kit.store.write(lambda tx: tx.enable_user("ann"))
        assert await transact(kit, lambda tx: tx.give_role("ann", "staff") and tx.is_active("ann"))


async def test_a_plugin_makes_no_person_a_bot_and_no_bot_a_person() -> None:
    async with PluginKit(made_with(lambda context: None)) as kit:
        await kit.user("ann")
        await transact(kit, lambda tx: tx.ensure_user(User("ann", "Ann", kind="bot")))
        await transact(kit, lambda tx: tx.ensure_user(User("bot", "The bot", "en", ("bot",))))
        kinds = {user.user_id: user.kind for user in await kit.store.read(lambda r: r.users(["ann", "bot"]))}
        assert kinds == {"ann": "person", "bot": "bot"}


async def test_an_account_that_somebody_logged_in_with_is_no_bots(tmp_path: Path) -> None:
    """Not even with the role: one line at the start, and nothing has changed."""
    async with PluginKit(made_with(lambda context: None)) as kit:
        await kit.user("helper", roles=["bot"])
        await kit.store.write(lambda tx: tx.bind_token("helper\na", "helper", "phone", 1, 2))
        with pytest.raises(PluginError, match="'helper' is a person's, who has logged in") as told:
            await kit.plugin.context.ensure_bot("helper", "Renamed")
        with pytest.raises(PluginError, match="'helper' is a person's, who has logged in"):
            await kit.plugin.context.check_bot("helper", "Renamed")
        await kit.plugin.context.check_bot("free", "Free")
        assert await kit.plugin.context.user("free") is None, "asking makes nobody"
        assert "\n" not in str(told.value)
        assert await kit.plugin.context.user("helper") == User("helper", "Helper", "en", ("bot",))


async def test_a_bot_of_before_whose_token_somebody_used_is_a_bot_again() -> None:
    async with PluginKit(made_with(lambda context: None)) as kit:
        await kit.user("helper")
        await kit.store.write(lambda tx: tx.give_role("helper", "bot", ""))
        await kit.store.write(lambda tx: tx.bind_token("helper\na", "helper", "phone", 1, 2))
        assert (await kit.plugin.context.ensure_bot("helper", "Helper")).kind == "bot"


async def test_a_disabled_person_who_becomes_a_bot_is_one_that_works() -> None:
    """No operator could enable it any more: a bot is its plugin's."""
    async with PluginKit(made_with(lambda context: None)) as kit:
        await kit.user("helper", roles=["bot"])
        await kit.user("ann", roles=["bot"])
        await kit.store.write(lambda tx: tx.disable_user("helper") and tx.disable_user("ann"))
        assert (await kit.plugin.context.ensure_bot("helper", "Helper")).kind == "bot"
        states = await kit.store.write(lambda tx: [tx.is_active(name) for name in ("helper", "ann")])
        assert states == [True, False]
        helper = await kit.store.read(lambda reader: reader.person("helper"))
        assert helper is not None
        assert helper.disabled_at is None
