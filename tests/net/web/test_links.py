"""Another phone, and staff: links that sign one browser in, once; browsers that are listed, named and signed out for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from imserver import Server
from imserver.chat.browsers import MAX_BROWSERS, MAX_LINKS_AN_HOUR
from imserver.check.consistency import check_file
from imserver.config import HttpConfig
from imserver.testing import ManualClock
from imserver_protocol.errors import CloseCode
from tests.accounts.copies import restored
from tests.accounts.tokens import ended, turned_away
from tests.limits.raw import Raw
from tests.net.web.browser import GUESTS, KEY, Browser, signed_in
from tests.net.web.codes import code
from tests.seeing.web import ask, seen

IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Version/17.5 Mobile/15E148 Safari/604.1"


async def redeem(browser: Browser, secret: str, **more: Any) -> Any:
    return await browser.post("links/redeem", {"secret": secret, **more})


# -- another phone --------------------------------------------------------------------------------------------------------


async def test_another_phone_is_signed_in_and_the_first_one_told(tmp_path: Path) -> None:
    async with seen(tmp_path, http=GUESTS) as server:
        first, second = Browser(server), Browser(server, agent=IPHONE)
        guest = await first.guest()
        secret = await first.link()
        told = await redeem(second, secret)
        assert told.status == 200
        assert told.json["user_id"] == guest["user_id"]
        assert told.json["device_id"] != guest["device_id"]
        joined = (await first.session()).json["joined"]
        assert [(each["id"], each["label"]) for each in joined] == [
            (told.json["device_id"], "Safari on iPhone")
        ]
        assert (await first.session()).json["joined"] == [], "once"
        assert (await second.session()).json["joined"] == []
        devices = await first.devices()
        assert {each["label"]: each["this"] for each in devices} == {
            "Chrome on Android": True,
            "Safari on iPhone": False,
        }
        acts = [row.act for row in await server.store.read(lambda reader: reader.audit_after(0, 9))]
        assert acts == ["guest.made", "link.made", "link.redeemed"]


async def test_a_link_leads_to_the_address_that_people_know(tmp_path: Path) -> None:
    http = HttpConfig(port=0, guests=True, public_url="https://chat.example.org/")
    async with seen(tmp_path, http=http) as server:
        inside = Browser(server)  # the shop's own machine, which no phone reaches by this name
        await inside.guest()
        assert (await inside.post("links")).json["address"].startswith("https://chat.example.org/link#")


async def test_a_browser_that_nobody_has_used_for_400_days_is_not_listed(tmp_path: Path) -> None:
    clock = ManualClock()
    async with seen(tmp_path, http=GUESTS, clock=clock) as server:
        first, second = Browser(server), Browser(server, agent=IPHONE)
        await first.guest()
        assert (await redeem(second, await first.link())).status == 200
        clock.advance(300 * 86_400)
        await first.session()
        clock.advance(101 * 86_400)
        assert [each["label"] for each in await first.devices()] == ["Chrome on Android"]
        assert (await redeem(second, await first.link())).status == 200
        assert len(await first.devices()) == 2, "an old one that is used stays when another comes"


async def test_a_link_is_good_once_however_many_tap_at_once(tmp_path: Path) -> None:
    async with seen(tmp_path, http=GUESTS) as server:
        first = Browser(server)
        await first.guest()
        secret = await first.link()
        others = [Browser(server) for _ in range(9)]
        answers = await asyncio.gather(*(redeem(each, secret) for each in others))
        assert sorted(answer.status for answer in answers) == [200] + [410] * 8
        assert len(await first.devices()) == 2
        assert code(await redeem(Browser(server), secret)) == (410, "GONE")


async def test_a_preview_that_fetches_it_changes_nothing(tmp_path: Path) -> None:
    async with seen(tmp_path, http=GUESTS) as server:
        first = Browser(server)
        await first.guest()
        secret = await first.link()
        for method, path in (
            ("GET", "/link"),
            ("HEAD", "/link"),
            ("GET", f"/link?{secret}"),
            ("GET", "/api/links/redeem"),
        ):
            assert (await ask(server.http_port, method, path, host=first.host)).status in (404, 405)
        assert (await redeem(Browser(server), secret)).status == 200


async def test_a_lost_answer_is_asked_for_again_with_the_key(tmp_path: Path) -> None:
    clock = ManualClock()
    async with seen(tmp_path, http=GUESTS, clock=clock) as server:
        first, lost, second = Browser(server), Browser(server), Browser(server)
        await first.guest()
        secret = await first.link()
        clock.advance(300)
        once = await redeem(lost, secret, key=KEY)
        clock.advance(599)  # from its use on: what a link is good for is over
        again = await redeem(second, secret, key=KEY)
        assert (once.status, again.status) == (200, 200)
        assert once.json["device_id"] == again.json["device_id"]
        assert lost.cookies == second.cookies
        assert code(await redeem(Browser(server), secret, key="f" * 32)) == (410, "GONE")
        clock.advance(1)
        assert code(await redeem(Browser(server), secret, key=KEY)) == (410, "GONE")


@pytest.mark.parametrize(("seconds", "status"), [(599, 200), (600, 410), (-200, 200), (-86_400, 410)])
async def test_after_ten_minutes_it_is_void_also_by_a_clock_that_was_put_back(
    tmp_path: Path, seconds: int, status: int
) -> None:
    clock = ManualClock()
    async with seen(tmp_path, http=GUESTS, clock=clock) as server:
        first = Browser(server)
        guest = await first.guest()
        secret = await first.link()
        clock.jump_to(clock.now_ms() + 1000 * seconds)
        assert (await redeem(Browser(server), secret)).status == status
        clock.advance(1)
        await first.link()
        listed = await server.administration.browsers.links(guest["user_id"])
        assert len(listed["links"]) == 2, "an operator sees what became of it, behind the next one, too"


@pytest.mark.parametrize("secret", ["", "x", "A" * 43, "A" * 44, "é"])
async def test_what_is_no_link_is_said(tmp_path: Path, secret: str) -> None:
    async with seen(tmp_path, http=GUESTS) as server:
        assert code(await redeem(Browser(server), secret)) == (410, "GONE")


async def test_who_is_signed_in_with_that_account_stays_and_the_link_is_still_good(tmp_path: Path) -> None:
    async with seen(tmp_path, http=GUESTS) as server:
        first = Browser(server)
        guest = await first.guest()
        secret = await first.link()
        told = (await redeem(first, secret)).json
        assert told["device_id"] == guest["device_id"]
        assert (await first.session()).status == 200
        assert (await redeem(Browser(server), secret)).status == 200


async def test_a_guest_is_asked_before_the_browser_leaves_what_he_booked(tmp_path: Path) -> None:
    async with seen(tmp_path, http=GUESTS) as server:
        await server.administration.put_user("li", display_name="Li Hua")
        browser = Browser(server)
        guest = await browser.guest()
        secret = (await server.administration.browsers.make_link("li"))["secret"]
        asked = await redeem(browser, secret)
        assert code(asked) == (409, "CONFLICT")
        assert guest["name"] in asked.json["error"]
        assert (await browser.session()).json["user_id"] == guest["user_id"]
        told = await redeem(browser, secret, leave=True)
        assert (told.status, told.json["user_id"]) == (200, "li")
        assert (await browser.session()).json["user_id"] == "li"
        left = await server.administration.browsers.browsers(guest["user_id"])
        assert left["browsers"] == [], "nobody else is left with the guest's cookie"
        assert await turned_away(server, guest["token"], guest["device_id"])


async def test_a_disabled_account_and_a_bot_take_no_link(tmp_path: Path) -> None:
    async with seen(tmp_path, http=GUESTS) as server:
        first = Browser(server)
        guest = await first.guest()
        secret = await first.link()
        await server.administration.disable(guest["user_id"])
        assert code(await redeem(Browser(server), secret)) == (403, "FORBIDDEN")
        await server.administration.enable(guest["user_id"])
        assert (await redeem(Browser(server), secret)).status == 200


async def test_links_and_browsers_have_a_bound(tmp_path: Path) -> None:
    async with seen(tmp_path, http=GUESTS) as server:
        first = Browser(server)
        await first.guest()
        secrets = [await first.link() for _ in range(MAX_LINKS_AN_HOUR)]
        late = await first.post("links")
        assert code(late) == (429, "RATE_LIMITED")
        user_id = (await first.session()).json["user_id"]

        def crowd(tx: Any) -> None:
            for number in range(MAX_BROWSERS - 1):
                tx.put_browser(number.to_bytes(32), user_id, f"web-{number}", "Old phone")

        await server.store.write(crowd)
        full = await redeem(Browser(server), secrets[0])
        assert code(full) == (409, "CONFLICT")
        await first.post("devices/revoke", {"id": "web-3"})
        assert (await redeem(Browser(server), secrets[0])).status == 200


async def test_one_account_cannot_fill_the_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imserver.chat.browsers.MAX_SIGN_OUTS_A_DAY", 2)
    clock = ManualClock()
    async with seen(tmp_path, http=GUESTS, clock=clock) as server:
        first = Browser(server)
        await first.guest()
        others = [(await redeem(Browser(server), await first.link())).json["device_id"] for _ in range(3)]
        answers = [await first.post("devices/revoke", {"id": other}) for other in others]
        assert [answer.status for answer in answers] == [200, 200, 429]
        assert len(await first.devices()) == 2
        await server.administration.put_user("li")
        secret = (await server.administration.browsers.make_link("li"))["secret"]
        assert (await redeem(first, secret, leave=True)).status == 429, (
            "to leave it for another is such an end, too"
        )
        clock.advance(86_400)
        assert (await first.post("devices/revoke", {"id": others[2]})).status == 200


async def test_one_account_cannot_fill_the_audit_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imserver.chat.browsers.MAX_NAMES_A_DAY", 2)
    async with seen(tmp_path, http=GUESTS) as server:
        browser = Browser(server)
        device_id = (await browser.guest())["device_id"]
        answers = [await browser.post("devices/name", {"id": device_id, "label": f"{n}"}) for n in range(3)]
        assert [answer.status for answer in answers] == [200, 200, 429]
        assert int(answers[2].headers["retry-after"]) > 0
        assert [each["label"] for each in await browser.devices()] == ["1"]


# -- browsers -----------------------------------------------------------------------------------------------------------------


async def test_a_browser_is_named_and_only_ones_own(tmp_path: Path) -> None:
    async with seen(tmp_path, http=GUESTS) as server:
        mine, theirs = Browser(server), Browser(server)
        device_id = (await mine.guest())["device_id"]
        other = (await theirs.guest())["device_id"]
        assert (await mine.post("devices/name", {"id": device_id, "label": "妈妈的手机 📱"})).status == 200
        assert [each["label"] for each in await mine.devices()] == ["妈妈的手机 📱"]
        for label in ("", " ", "a" * 61, "a\nb", "a\u202eb"):
            assert code(await mine.post("devices/name", {"id": device_id, "label": label})) == (
                400,
                "INVALID",
            )
        for path in ("devices/name", "devices/revoke"):
            body = {"id": other, "label": "x"}
            assert code(await mine.post(path, body)) == (404, "NOT_FOUND")
            assert code(await mine.post(path, {**body, "id": "\x00"})) == (404, "NOT_FOUND")
            assert code(await mine.post(path, {"label": "x"})) == (400, "INVALID")
        assert (await theirs.session()).status == 200


async def test_a_stolen_phone_is_signed_out_within_a_second(tmp_path: Path) -> None:
    """Its socket is cut, its cookie and its token are good for nothing, and a token made in that moment neither."""
    async with seen(tmp_path, http=GUESTS) as server:
        mine, stolen = Browser(server), Browser(server)
        await mine.guest()
        told = (await redeem(stolen, await mine.link())).json
        async with await Raw.open(server) as raw:
            raw.hello(told["token"], told["device_id"])
            await raw.welcome()
            assert (await mine.post("devices/revoke", {"id": told["device_id"]})).status == 200
            async with asyncio.timeout(1):
                assert (await ended(raw))[0] == CloseCode.REVOKED
        assert code(await stolen.session()) == (401, "SIGNED_OUT")
        late = server.accounts.make_token(told["user_id"], ttl_s=600, device_id=told["device_id"])
        assert await turned_away(server, late, told["device_id"])
        assert (await mine.session()).status == 200


ENDS: dict[str, Callable[[Server, Browser, dict[str, Any]], Awaitable[Any]]] = {
    "by himself": lambda server, browser, told: browser.ask("DELETE", "/api/session"),
    "by an operator": lambda server, browser, told: server.administration.browsers.sign_out(
        "li", told["device_id"]
    ),
    "with its device": lambda server, browser, told: server.administration.revoke(
        "li", device_id=told["device_id"]
    ),
    "with all of them": lambda server, browser, told: server.administration.revoke("li", everything=True),
}


@pytest.mark.parametrize("end", ENDS)
async def test_who_was_signed_out_stays_out_whatever_copy_comes_back(tmp_path: Path, end: str) -> None:
    copy = tmp_path / "copies" / "early.db"
    copy.parent.mkdir()
    async with seen(tmp_path) as server:
        await server.administration.put_user("li")
        browser = await signed_in(server, "li")
        told = (await browser.session()).json
        cookies = dict(browser.cookies)
        await server.backup(copy)
        await ENDS[end](server, browser, told)
        browser.cookies = cookies
        assert code(await browser.session()) == (401, "SIGNED_OUT")
    await restored(tmp_path, copy)
    async with seen(tmp_path) as server:
        again = Browser(server, host=browser.host)
        again.cookies = cookies
        assert code(await again.session()) == (401, "SIGNED_OUT")
        assert await turned_away(server, told["token"], told["device_id"])
        late = server.accounts.make_token("li", ttl_s=600, device_id=told["device_id"])
        assert await turned_away(server, late, told["device_id"]) or end.startswith("with ")
    assert (await check_file(tmp_path / "chat.db", {})).findings == []


async def test_all_of_them_go_though_the_clock_was_put_back(tmp_path: Path) -> None:
    clock = ManualClock()
    async with seen(tmp_path, clock=clock) as server:
        await server.administration.put_user("li")
        browser = await signed_in(server, "li")
        clock.jump_to(clock.now_ms() - 86_400_000)
        await server.administration.revoke("li", everything=True)
        assert code(await browser.session()) == (401, "SIGNED_OUT")


async def test_a_link_of_an_older_copy_is_void(tmp_path: Path) -> None:
    copy = tmp_path / "copies" / "early.db"
    copy.parent.mkdir()
    async with seen(tmp_path) as server:
        await server.administration.put_user("li")
        secret = (await server.administration.browsers.make_link("li"))["secret"]
        await server.backup(copy)
        assert (await redeem(Browser(server), secret)).status == 200
    await restored(tmp_path, copy)
    async with seen(tmp_path) as server:
        assert code(await redeem(Browser(server), secret)) == (410, "GONE")


async def test_who_came_after_the_copy_is_a_new_guest_behind_it(tmp_path: Path) -> None:
    copy = tmp_path / "copies" / "early.db"
    copy.parent.mkdir()
    async with seen(tmp_path, http=GUESTS) as server:
        await server.backup(copy)
        browser = Browser(server)
        guest = await browser.guest()
    await restored(tmp_path, copy)
    async with seen(tmp_path, http=GUESTS) as server:
        again = Browser(server, host=browser.host)
        again.cookies = browser.cookies
        assert code(await again.session()) == (401, "SIGNED_OUT")
        assert (await again.guest())["user_id"] != guest["user_id"]


# -- what is kept of a person -------------------------------------------------------------------------------------------------


async def test_a_person_gets_what_is_kept_and_erasing_removes_it(tmp_path: Path) -> None:
    async with seen(tmp_path, http=GUESTS) as server:
        first = Browser(server)
        guest = await first.guest(shop="garden", ref="window")
        told = (await redeem(Browser(server), await first.link())).json
        user_id = guest["user_id"]
        kept = (await server.export(user_id))["browsers"]
        assert {each["device_id"] for each in kept["browsers"]} == {guest["device_id"], told["device_id"]}
        assert kept["links"][0]["used_by"] == told["device_id"]
        assert (kept["guest"]["shop"], kept["guest"]["ref"]) == ("garden", "window")
        other = Browser(server)
        await other.guest()
        await server.erase(user_id)
        assert "browsers" not in await server.export(user_id)
        assert code(await first.session()) == (401, "SIGNED_OUT")
        assert (await other.session()).status == 200
