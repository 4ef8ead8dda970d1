"""At the counter: a guest's browser shows a code, asks its guest, and goes on as an older account, once and for all copies."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from imserver import Server
from imserver.chat import joins
from imserver.chat.browsers import MAX_BROWSERS, secret_of
from imserver.chat.joins import MAX_JOINS_AN_HOUR, is_code, new_code
from imserver.check.consistency import check_file
from imserver.errors import PluginError, Refusal, RefusalCode
from imserver.model import User
from imserver.plugin_api import Context, Migration, Transaction
from imserver.testing import ManualClock
from imserver_protocol.errors import CloseCode
from tests.accounts.copies import restored
from tests.accounts.tokens import ended, turned_away
from tests.limits.raw import Raw
from tests.net.web.browser import GUESTS, KEY, Browser, signed_in
from tests.net.web.codes import code
from tests.net.web.counter import ABOUT, accept, ask, people, shown_by
from tests.seeing.web import seen
from tests.store.support import refusal_of


class Things:
    """A plugin that keeps things of people."""

    name = "things"
    config_type = dict
    migrations = (
        Migration(1, "CREATE TABLE things_kept (what TEXT NOT NULL PRIMARY KEY, user_id TEXT NOT NULL)"),
    )

    def __init__(self, *, breaks: bool = False) -> None:
        self._breaks = breaks
        self.context: Context

    async def start(self, context: Context) -> None:
        self.context = context
        context.carry_over(self._carry_over)

    async def stop(self) -> None:
        pass

    def _carry_over(self, tx: Transaction, guest_id: str, account_id: str) -> None:
        tx.execute("UPDATE things_kept SET user_id = ? WHERE user_id = ?", [account_id, guest_id])
        if self._breaks:
            raise PluginError("it cannot be carried")

    async def keep(self, what: str, user_id: str) -> None:
        await self.context.transaction(
            lambda tx: tx.execute("INSERT INTO things_kept VALUES (?, ?)", [what, user_id])
        )

    async def rows(self) -> Mapping[str, str]:
        rows = await self.context.read("SELECT what, user_id FROM things_kept")
        return dict(rows)


async def state_of(browser: Browser) -> dict[str, Any]:
    answer = await browser.ask("GET", "/api/joins", page=False)
    assert answer.status == 200, answer
    told: dict[str, Any] = answer.json
    return told


async def acts(server: Server) -> list[str]:
    return [row.act for row in await server.store.read(lambda reader: reader.audit_after(0, 50))]


# -- the way through --------------------------------------------------------------------------------------------------------


async def test_a_guests_phone_goes_on_as_the_older_account(tmp_path: Path) -> None:
    things = Things()
    async with seen(tmp_path, http=GUESTS, plugins=[things]) as server:
        await people(server)
        old = await signed_in(server, "ann")
        assert (await old.session()).json["roles"] == []
        new = Browser(server)
        guest = await new.guest(shop="garden")
        await things.keep("a chair", guest["user_id"])
        assert await state_of(new) == {"state": "none"}
        shown = await shown_by(new)
        assert is_code(shown)
        assert (await state_of(new))["state"] == "shown"
        assert code(await accept(new, shown)) == (409, "CONFLICT"), "nobody has asked"
        await ask(server, shown)
        asked = await state_of(new)
        assert (asked["state"], asked["code"], asked["about"]) == ("asked", shown, ABOUT)
        told = await accept(new, shown, key=KEY)
        assert (told.status, told.json["user_id"], told.json["guest"]) == (200, "ann", False)
        assert (await new.session()).json["user_id"] == "ann"
        assert await things.rows() == {"a chair": "ann"}
        joined = (await old.session()).json["joined"]
        assert [each["label"] for each in joined] == ["Chrome on Android"], "the first phone is told"
        assert await turned_away(server, guest["token"], guest["device_id"])
        assert (await acts(server))[-3:] == ["guest.made", "join.asked", "guest.joined"]
        await old.post("devices/revoke", {"id": told.json["device_id"]})
        assert code(await new.session()) == (401, "SIGNED_OUT"), "it is a browser like any other"


async def test_an_open_page_of_the_guest_is_ended(tmp_path: Path) -> None:
    async with seen(tmp_path, http=GUESTS) as server:
        await people(server)
        new = Browser(server)
        guest = await new.guest()
        async with await Raw.open(server) as raw:
            raw.hello(guest["token"], guest["device_id"])
            await raw.welcome()
            shown = await shown_by(new)
            await ask(server, shown)
            assert (await accept(new, shown)).status == 200
            assert (await ended(raw))[0] == CloseCode.REVOKED


async def test_staff_are_told_as_such_and_a_crowd_is_not(tmp_path: Path) -> None:
    async with seen(tmp_path, http=GUESTS) as server:
        await people(server)
        li = await signed_in(server, "li")
        assert (await li.session()).json["roles"] == ["staff"]
        await server.store.write(lambda tx: tx.put_user(User("g", "G", "en", ("guest", "crowded"))))
        assert (await (await signed_in(server, "g")).session()).json["roles"] == []


# -- codes ------------------------------------------------------------------------------------------------------------------


def test_no_wrong_digit_and_no_two_that_changed_places_make_another_code() -> None:
    for start in range(0, 100_000, 997):
        shown = new_code(partial(start.to_bytes, byteorder="big"))
        assert shown.startswith(f"{start:05d}")
        assert is_code(shown)
        for place in range(6):
            others = {shown[:place] + digit + shown[place + 1 :] for digit in "0123456789"} - {shown}
            assert not any(map(is_code, others))
        swapped = {shown[:at] + shown[at + 1] + shown[at] + shown[at + 2 :] for at in range(5)} - {shown}
        assert not any(map(is_code, swapped))


@pytest.mark.parametrize("text", ["", "12345", "1234567", "12345６", "-12345", "12345a"])
def test_what_is_no_code(text: str) -> None:
    assert not is_code(text)


async def test_a_browser_shows_one_code_at_a_time(tmp_path: Path) -> None:
    async with seen(tmp_path, http=GUESTS) as server:
        new, other = Browser(server), Browser(server)
        await new.guest()
        await other.guest()
        first = await shown_by(new, shop="garden")
        assert await shown_by(new, shop="garden") == first
        assert await shown_by(other) != first
        river = await shown_by(new, shop="river")
        assert river != first
        await people(server)
        assert await refusal_of(ask(server, first)) is RefusalCode.NOT_FOUND
        assert (await ask(server, river)).shop == "river"
        assert await shown_by(new, shop="garden") == river, "what is asked is answered first"


async def test_so_many_codes_in_an_hour_and_all_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock()
    async with seen(tmp_path, http=GUESTS, clock=clock) as server:
        new = Browser(server)
        await new.guest()
        for number in range(MAX_JOINS_AN_HOUR):
            await shown_by(new, shop=str(number))
        assert code(await new.post("joins", {"shop": "more"})) == (429, "RATE_LIMITED")
        clock.advance(3601)
        await shown_by(new)
        monkeypatch.setattr(joins, "MAX_STANDING", 1)
        other = Browser(server)
        await other.guest()
        assert code(await other.post("joins")) == (503, "OVERLOADED")
        clock.advance(300)
        code_of_other = await shown_by(other)
        assert (await other.post("joins/refuse", {"code": code_of_other})).status == 200
        await shown_by(new)  # of those that ended before their time none takes room


@pytest.mark.parametrize(("seconds", "stands"), [(299, True), (300, False), (-200, True), (-86_400, False)])
async def test_after_five_minutes_it_is_over_also_by_a_clock_that_was_put_back(
    tmp_path: Path, seconds: int, stands: bool
) -> None:
    clock = ManualClock()
    async with seen(tmp_path, http=GUESTS, clock=clock) as server:
        await people(server)
        early, late = Browser(server), Browser(server)
        for browser in (early, late):
            await browser.guest()
        asked, unasked = await shown_by(early), await shown_by(late)
        await ask(server, asked)
        clock.jump_to(clock.now_ms() + 1000 * seconds)
        assert ((await state_of(early))["state"], (await state_of(late))["state"]) == (
            ("asked", "shown") if stands else ("none", "none")
        )
        assert (await accept(early, asked)).status == (200 if stands else 410)
        if stands:
            await ask(server, unasked)
        else:
            assert await refusal_of(ask(server, unasked)) is RefusalCode.NOT_FOUND
            assert await shown_by(late) != unasked


# -- yes and no ---------------------------------------------------------------------------------------------------------------


async def test_an_answer_that_was_lost_is_asked_for_again_with_the_key(tmp_path: Path) -> None:
    things = Things()
    async with seen(tmp_path, http=GUESTS, plugins=[things]) as server:
        await people(server)
        new = Browser(server)
        guest = await new.guest()
        await things.keep("a chair", guest["user_id"])
        shown = await shown_by(new)
        await ask(server, shown)
        before = dict(new.cookies)
        once = await accept(new, shown, key=KEY)
        after, new.cookies = dict(new.cookies), dict(before)  # the answer was lost, and the cookie with it
        again = await accept(new, shown, key=KEY)
        assert (once.json["device_id"], new.cookies) == (again.json["device_id"], after)
        assert (await accept(new, shown, key=KEY)).json["device_id"] == once.json["device_id"], (
            "the body alone"
        )
        new.cookies = dict(before)
        assert code(await accept(new, shown, key="f" * 32)) == (410, "GONE"), "whoever has the guest's cookie"
        assert len(await signed_devices(server)) == 1
        assert await things.rows() == {"a chair": "ann"}


async def signed_devices(server: Server, user_id: str = "ann") -> list[str]:
    told = await server.administration.browsers.browsers(user_id)
    return [each["device_id"] for each in told["browsers"]]


async def test_two_taps_at_once_are_one(tmp_path: Path) -> None:
    async with seen(tmp_path, http=GUESTS) as server:
        await people(server)
        new = Browser(server)
        await new.guest()
        shown = await shown_by(new)
        await ask(server, shown)
        answers = await asyncio.gather(*(accept(new, shown, key=KEY) for _ in range(9)))
        assert {answer.status for answer in answers} == {200}
        assert len({answer.json["device_id"] for answer in answers}) == 1
        assert len(await signed_devices(server)) == 1


async def test_of_two_guests_who_go_on_as_each_other_one_does(tmp_path: Path) -> None:
    """Both say yes at once: nobody ends without an account to go on as."""
    async with seen(tmp_path, http=GUESTS) as server:
        await people(server)
        first, second = Browser(server), Browser(server)
        names = [(await first.guest())["user_id"], (await second.guest())["user_id"]]
        codes = [await shown_by(first), await shown_by(second)]
        for shown, account in zip(codes, reversed(names), strict=True):
            await ask(server, shown, account)
        answers = await asyncio.gather(accept(first, codes[0]), accept(second, codes[1]))
        assert sorted(answer.status for answer in answers) == [200, 403]
        (told,) = (answer.json["user_id"] for answer in answers if answer.status == 200)
        for browser in (first, second):
            assert (await browser.session()).json["user_id"] == told


async def test_who_goes_behind_a_yes_has_said_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line is cut between the record and the plugins: what is on record is done, though nobody asks again."""
    things = Things()
    async with seen(tmp_path, http=GUESTS, plugins=[things]) as server:
        await people(server)
        new = Browser(server)
        await things.keep("a chair", (await new.guest())["user_id"])
        shown = await shown_by(new)
        await ask(server, shown)
        begun, go, put = asyncio.Event(), asyncio.Event(), server.store.put_on_record

        async def slowly(*args: Any) -> Any:
            told = await put(*args)
            begun.set()
            await go.wait()
            return told

        monkeypatch.setattr(server.store, "put_on_record", slowly)
        (secret,) = filter(None, map(secret_of, new.cookies.values()))
        waits = asyncio.ensure_future(server.joins.accept([secret], shown, key=bytes.fromhex(KEY), label=""))
        await begun.wait()
        waits.cancel()
        await asyncio.wait([waits])
        go.set()
        async with asyncio.timeout(5):
            while await things.rows() != {"a chair": "ann"}:  # noqa: ASYNC110  nobody sets an event
                await asyncio.sleep(0.01)
        assert (await accept(new, shown, key=KEY)).json["user_id"] == "ann"
        assert len(await signed_devices(server)) == 1


async def test_a_tap_that_looked_before_the_other_one_was_done_is_the_same_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with seen(tmp_path, http=GUESTS) as server:
        await people(server)
        new = Browser(server)
        await new.guest()
        shown = await shown_by(new)
        await ask(server, shown)
        before, looked = dict(new.cookies), server.joins._who
        found = await looked(secret_of(next(iter(before.values()))) or b"")
        first = await accept(new, shown, key=KEY)
        late = iter([found])

        async def of_then(secret: bytes) -> Any:
            return next(late, None) or await looked(secret)

        monkeypatch.setattr(server.joins, "_who", of_then)
        new.cookies = before
        again = await accept(new, shown, key=KEY)
        assert (again.status, again.json["device_id"]) == (200, first.json["device_id"])


async def test_no_ends_it_and_another_browser_says_nothing_to_it(tmp_path: Path) -> None:
    async with seen(tmp_path, http=GUESTS) as server:
        await people(server)
        new, other = Browser(server), Browser(server)
        await new.guest()
        await other.guest()
        shown = await shown_by(new)
        await ask(server, shown)
        assert code(await accept(other, shown)) == (410, "GONE")
        assert code(await other.post("joins/refuse", {"code": shown})) == (410, "GONE")
        assert (await new.post("joins/refuse", {"code": shown})).status == 200
        assert code(await accept(new, shown)) == (410, "GONE")
        assert await state_of(new) == {"state": "none"}
        assert "join.refused" in await acts(server)
        assert await signed_devices(server) == []


async def test_a_code_leads_to_one_account_and_is_used_once(tmp_path: Path) -> None:
    async with seen(tmp_path, http=GUESTS) as server:
        await people(server)
        await server.administration.put_user("bob")
        new = Browser(server)
        await new.guest()
        shown = await shown_by(new)
        await ask(server, shown)
        await ask(server, shown)
        assert (await acts(server)).count("join.asked") == 1
        assert await refusal_of(ask(server, shown, "bob")) is RefusalCode.CONFLICT
        assert (await accept(new, shown)).status == 200
        for account in ("ann", "bob"):
            assert await refusal_of(ask(server, shown, account)) is RefusalCode.NOT_FOUND
        assert await signed_devices(server, "bob") == []


# -- who may be joined --------------------------------------------------------------------------------------------------------


async def test_who_has_an_account_shows_no_code_and_nobody_neither(tmp_path: Path) -> None:
    async with seen(tmp_path, http=GUESTS) as server:
        await people(server)
        for name in ("ann", "li"):
            assert code(await (await signed_in(server, name)).post("joins")) == (403, "FORBIDDEN")
        assert code(await Browser(server).post("joins")) == (401, "SIGNED_OUT")
        for shop in ("x" * 101, "a\nshop"):
            assert code(await Browser(server).post("joins", {"shop": shop})) == (400, "INVALID")
        promoted = Browser(server)
        guest = await promoted.guest()
        await server.administration.put_user(guest["user_id"], roles=["guest", "staff"])
        assert code(await promoted.post("joins")) == (403, "FORBIDDEN")


@pytest.mark.parametrize("account", ["staff", "bot", "disabled", "nobody", "itself"])
async def test_nobody_goes_on_as(tmp_path: Path, account: str) -> None:
    async with seen(tmp_path, http=GUESTS) as server:
        await people(server)
        new = Browser(server)
        guest = await new.guest()
        await server.administration.put_user("gone")
        await server.administration.disable("gone")

        def bot(tx: Any) -> None:
            tx.put_user(User("robot", "Robot"))
            tx.make_bot("robot")

        await server.store.write(bot)
        names = {"staff": "li", "bot": "robot", "disabled": "gone", "itself": guest["user_id"]}
        shown = await shown_by(new)
        with pytest.raises(Refusal) as refused:
            await ask(server, shown, names.get(account, "nobody"))
        assert (refused.value.code, refused.value.detail) == (RefusalCode.FORBIDDEN, "account")
        assert (await state_of(new))["state"] == "shown", "the right one can still be named"


@pytest.mark.parametrize("who", ["the guest", "the account"])
async def test_who_was_disabled_since_the_question(tmp_path: Path, who: str) -> None:
    async with seen(tmp_path, http=GUESTS) as server:
        await people(server)
        new = Browser(server)
        guest = await new.guest()
        shown = await shown_by(new)
        await ask(server, shown)
        await server.administration.disable(guest["user_id"] if who == "the guest" else "ann")
        assert code(await accept(new, shown)) == (403, "FORBIDDEN")
        assert await signed_devices(server) == []
        assert "guest.joined" not in await acts(server)


async def test_an_account_with_too_many_browsers(tmp_path: Path) -> None:
    async with seen(tmp_path, http=GUESTS) as server:
        await people(server)

        def fill(tx: Any) -> None:
            for number in range(MAX_BROWSERS):
                tx.put_browser(number.to_bytes(32, "big"), "ann", f"web-{number}", "Firefox")

        await server.store.write(fill)
        new = Browser(server)
        guest = await new.guest()
        shown = await shown_by(new)
        await ask(server, shown)
        assert code(await accept(new, shown)) == (409, "CONFLICT")
        assert (await new.session()).json["user_id"] == guest["user_id"]


async def test_what_a_plugin_cannot_carry_is_not_on_record(tmp_path: Path) -> None:
    things = Things(breaks=True)
    async with seen(tmp_path, http=GUESTS, plugins=[things]) as server:
        await people(server)
        new = Browser(server)
        guest = await new.guest()
        await things.keep("a chair", guest["user_id"])
        shown = await shown_by(new)
        await ask(server, shown)
        assert (await accept(new, shown)).status == 500
        assert (await new.session()).json["user_id"] == guest["user_id"]
        assert await things.rows() == {"a chair": guest["user_id"]}
        assert not await asyncio.to_thread((tmp_path / "chat.ledger").exists)


# -- older copies -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("knows", ["both", "the guest", "nobody"])
async def test_it_holds_whatever_copy_comes_back(tmp_path: Path, knows: str) -> None:
    """The new phone is signed in, the guest has ended, and what the copy knows of the guest is carried over; once."""
    copy = tmp_path / "copies" / "early.db"
    copy.parent.mkdir()
    things = Things()
    async with seen(tmp_path, http=GUESTS, plugins=[things]) as server:
        new = Browser(server)
        if knows == "both":
            await people(server)
        if knows == "nobody":
            await server.backup(copy)
        guest = await new.guest()
        await things.keep("a chair", guest["user_id"])
        as_guest = dict(new.cookies)
        shown = await shown_by(new)
        if knows != "nobody":
            await server.backup(copy)
        await people(server)
        await ask(server, shown)
        told = (await accept(new, shown)).json
    await restored(tmp_path, copy)  # opened without the plugin: it waits
    for _ in range(2):
        again = Things()
        async with seen(tmp_path, http=GUESTS, plugins=[again]) as server:
            page = Browser(server, host=new.host)
            page.cookies = dict(new.cookies)
            assert (await page.session()).json["user_id"] == "ann"
            assert (await page.session()).json["device_id"] == told["device_id"]
            page.cookies = as_guest
            assert code(await page.session()) == (401, "SIGNED_OUT")
            assert await turned_away(server, guest["token"], guest["device_id"])
            assert await again.rows() == ({} if knows == "nobody" else {"a chair": "ann"})
            assert (await server.administration.user(guest["user_id"]))["state"] == "disabled"
            assert "guest.joined" in await acts(server)
            await server.administration.put_user("li", roles=["staff"])
            assert await refusal_of(ask(server, shown)) is RefusalCode.NOT_FOUND
    assert (await check_file(tmp_path / "chat.db", {})).findings == []


async def test_a_phone_that_was_signed_out_since_stays_out(tmp_path: Path) -> None:
    copy = tmp_path / "copies" / "early.db"
    copy.parent.mkdir()
    async with seen(tmp_path, http=GUESTS) as server:
        await people(server)
        new = Browser(server)
        await new.guest()
        shown = await shown_by(new)
        await server.backup(copy)
        await ask(server, shown)
        told = (await accept(new, shown)).json
        cookies = dict(new.cookies)
        await server.administration.browsers.sign_out("ann", told["device_id"])
    await restored(tmp_path, copy)
    async with seen(tmp_path, http=GUESTS) as server:
        page = Browser(server, host=new.host)
        page.cookies = cookies
        assert code(await page.session()) == (401, "SIGNED_OUT")


async def test_what_is_kept_of_it_is_exported_and_erased(tmp_path: Path) -> None:
    async with seen(tmp_path, http=GUESTS) as server:
        await people(server)
        new = Browser(server)
        guest = await new.guest()
        await ask(server, await shown_by(new, shop="garden"))
        for name in (guest["user_id"], "ann"):
            (kept,) = (await server.export(name))["browsers"]["joins"]
            assert (kept["shop"], kept["used_by"]) == ("garden", None)
        await server.erase("ann")
        assert await state_of(new) == {"state": "none"}
