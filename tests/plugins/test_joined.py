"""A guest goes on as another account: each plugin carries over what it keeps, once, in order, before anybody is answered."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from imserver import Server
from imserver.errors import PluginError, Refusal, RefusalCode, StoreFailed
from imserver.plugin_api import Context, Kind, Migration, Role, ShownCode, SignInLink, Transaction
from imserver.store.sqlite.store import SqliteStore
from imserver.testing import PluginKit
from tests.accounts.copies import restored
from tests.net.web.browser import GUESTS, KEY, Browser
from tests.net.web.counter import accept, ask, people, shown_by
from tests.seeing.web import seen

ABOUT = {"name": "A**"}


class Ledger:
    """Keeps what people said, and in which order it heard of what is on record."""

    config_type = dict

    def __init__(self, name: str = "ledger") -> None:
        self.name = name
        self.heard: list[tuple[str, ...]] = []
        self.migrations = (
            Migration(
                1, f"CREATE TABLE {name}_said (no INTEGER PRIMARY KEY, who TEXT NOT NULL, what TEXT NOT NULL)"
            ),
        )
        self.context: Context

    async def start(self, context: Context) -> None:
        self.context = context
        await context.ensure_bot(f"{self.name}-bot", "Bot")
        context.carry_over(self._carry_over)
        context.on_record("taken_back", self._taken_back)

    async def stop(self) -> None:
        pass

    def _carry_over(self, tx: Transaction, guest_id: str, account_id: str) -> None:
        self.heard.append(("carried", guest_id, account_id))
        tx.execute(f"UPDATE {self.name}_said SET who = ? WHERE who = ?", [account_id, guest_id])
        tx.ensure_conversation("of", Kind.GROUP, {account_id: Role.MEMBER}, title="for whoever it is now")

    def _taken_back(self, tx: Transaction, body: Mapping[str, Any]) -> None:
        self.heard.append(("taken back", body["user"]))
        tx.execute(f"DELETE FROM {self.name}_said WHERE who = ?", [body["user"]])

    async def say(self, who: str, what: str) -> None:
        sql = f"INSERT INTO {self.name}_said (who, what) VALUES (?, ?)"
        await self.context.transaction(lambda tx: tx.execute(sql, [who, what]))

    async def rows(self) -> list[tuple[Any, ...]]:
        return await self.context.read(f"SELECT who, what FROM {self.name}_said ORDER BY no")


async def asked(kit: PluginKit[Ledger], code: str, account_id: str = "ann", about: Any = ABOUT) -> ShownCode:
    return await kit.plugin.context.transaction(
        lambda tx: tx.ask_guest(code, account_id, asked_by="li", about=about)
    )


async def people_of(kit: PluginKit[Ledger]) -> None:
    await kit.user("ann")
    await kit.user("li", roles=("staff",))
    await kit.user("new", "Guest 4821", roles=("guest",))


async def test_a_plugin_finds_the_phone_asks_it_and_carries_over() -> None:
    async with PluginKit(Ledger) as kit:
        await people_of(kit)
        await kit.plugin.say("new", "hello")
        code = await kit.show_code("new", "garden")
        shown = await kit.plugin.context.transaction(lambda tx: tx.shown_code(code))
        assert shown is not None
        assert (shown.guest.display_name, shown.shop, shown.account_id) == ("Guest 4821", "garden", None)
        assert shown.expires_at == kit.clock.now_ms() + 300_000
        with pytest.raises(Refusal) as early:
            await kit.accept(code)
        assert early.value.code is RefusalCode.CONFLICT
        assert (await asked(kit, code)).account_id == "ann"
        await kit.accept(code)
        assert await kit.plugin.rows() == [("ann", "hello")]
        assert kit.plugin.heard[-1] == ("carried", "new", "ann")
        assert await kit.plugin.context.transaction(lambda tx: tx.is_active("new")) is False
        assert await kit.plugin.context.transaction(lambda tx: tx.shown_code(code)) is None
        acts = {(row.source, row.act) for row in await kit.audit()}
        assert {("ledger", "join.asked"), ("server", "guest.joined")} <= acts


@pytest.mark.parametrize("text", ["", "12345", "000000", "１２３４５６", "'; --"])
async def test_nobody_shows_it(text: str) -> None:
    async with PluginKit(Ledger) as kit:
        await people_of(kit)
        assert await kit.plugin.context.transaction(lambda tx: tx.shown_code(text)) is None
        with pytest.raises(Refusal) as refused:
            await asked(kit, text)
        assert refused.value.code is RefusalCode.NOT_FOUND


@pytest.mark.parametrize(
    ("account", "about", "told"),
    [
        ("li", ABOUT, "FORBIDDEN"),
        ("new", ABOUT, "FORBIDDEN"),
        ("nobody", ABOUT, "FORBIDDEN"),
        ("ledger-bot", ABOUT, "FORBIDDEN"),
        ("ann", {"name": "a" * 2048}, "INVALID"),
        ("ann", {"name": object()}, "about"),
    ],
)
async def test_what_cannot_be_asked(account: str, about: Any, told: str) -> None:
    async with PluginKit(Ledger) as kit:
        await people_of(kit)
        code = await kit.show_code("new")
        with pytest.raises((Refusal, PluginError)) as refused:
            await asked(kit, code, account, about)
        assert told in (refused.value.code.name if isinstance(refused.value, Refusal) else str(refused.value))
        assert (await asked(kit, code)).account_id == "ann", "and the right one can still be"


def _make_link(user_id: str, tx: Transaction) -> SignInLink:
    return tx.make_link(user_id, asked_by="li")


async def test_a_plugin_makes_links_for_its_own_staff_alone() -> None:
    async with PluginKit(Ledger) as kit:
        await people_of(kit)
        context = kit.plugin.context
        for name in ("ann", "new", "li", "nobody", "ledger-bot"):
            with pytest.raises(Refusal) as refused:
                await context.transaction(partial(_make_link, name))
            assert refused.value.code is RefusalCode.FORBIDDEN, "li is in no group of its bot yet"

        def group(tx: Transaction) -> None:
            tx.ensure_conversation("staff", Kind.GROUP, {"li": Role.MEMBER})

        await context.transaction(group)
        made = [await context.transaction(lambda tx: tx.make_link("li", asked_by="li")) for _ in range(2)]
        assert made[0].path.startswith("/link#")
        assert made[0].path != made[1].path
        assert made[0].expires_at == kit.clock.now_ms() + 600_000


async def test_a_record_of_the_servers_own_is_no_plugins() -> None:
    async with PluginKit(Ledger) as kit:
        with pytest.raises(PluginError, match="carry_over"):
            kit.plugin.context.on_record(":joined", lambda tx, body: None)


async def test_two_plugins_both_hear_of_it(tmp_path: Path) -> None:
    both = [Ledger("one"), Ledger("two")]
    async with seen(tmp_path, http=GUESTS, plugins=both) as server:
        await people(server)
        new = Browser(server)
        guest = (await new.guest())["user_id"]
        for plugin in both:
            await plugin.say(guest, plugin.name)
        await joined(server, new)
        assert [await plugin.rows() for plugin in both] == [[("ann", "one")], [("ann", "two")]]


async def joined(server: Server, new: Browser) -> None:
    shown = await shown_by(new)
    await ask(server, shown)
    assert (await accept(new, shown)).status == 200


async def test_behind_a_restore_it_stands_in_order_among_what_is_on_record(tmp_path: Path) -> None:
    """What was taken back before the join was the guest's; behind it, it is the account's, with what was carried over."""
    copy = tmp_path / "copies" / "early.db"
    copy.parent.mkdir()
    plugin = Ledger()
    async with seen(tmp_path, http=GUESTS, plugins=[plugin]) as server:
        await people(server)
        new = Browser(server)
        guest = (await new.guest())["user_id"]
        await plugin.say(guest, "yes")
        await server.backup(copy)
        await joined(server, new)
        await plugin.context.put_on_record("taken_back", {"user": "ann"})
        assert await plugin.rows() == []
    await restored(tmp_path, copy)
    again = Ledger()
    async with seen(tmp_path, http=GUESTS, plugins=[again]):
        assert again.heard == [("carried", guest, "ann"), ("taken back", "ann")]
        assert await again.rows() == [], "what was taken back does not come back with the guest"


async def test_what_was_on_record_when_the_server_died_is_done_at_its_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = Ledger()
    async with seen(tmp_path, http=GUESTS, plugins=[plugin]) as server:
        await people(server)
        new = Browser(server)
        guest = (await new.guest())["user_id"]
        await plugin.say(guest, "hello")
        shown = await shown_by(new)
        await ask(server, shown)

        async def dies(self: SqliteStore) -> None:
            raise StoreFailed("the machine is gone")

        with monkeypatch.context() as patched:
            patched.setattr(SqliteStore, "_apply", dies)
            assert (await accept(new, shown, key=KEY)).status == 500
        assert await plugin.rows() == [(guest, "hello")], "on record, and not done"
    again = Ledger()
    async with seen(tmp_path, http=GUESTS, plugins=[again]) as server:
        assert await again.rows() == [("ann", "hello")]
        page = Browser(server, host=new.host)
        page.cookies = new.cookies
        told = await accept(page, shown, key=KEY)
        assert (told.status, told.json["user_id"]) == (200, "ann"), "the page asks again"
        assert (await page.session()).json["user_id"] == "ann"
        assert again.heard == [("carried", guest, "ann")]
