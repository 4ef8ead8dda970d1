"""Who a browser is signed in as: cookie and token, guests by their first act, and requests that no page of ours has sent."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest

from imserver.config import HttpConfig
from imserver.errors import RefusalCode
from imserver.plugin_api import Context, HttpRequest, HttpResponse
from imserver.testing import LogBook, ManualClock
from imserver_client import connect
from tests.net.web.browser import GUESTS, KEY, Browser, signed_in
from tests.net.web.codes import code
from tests.seeing.web import ask, seen

WRITES = [
    ("POST", "/api/session"),
    ("DELETE", "/api/session"),
    ("POST", "/api/devices/revoke"),
    ("POST", "/api/devices/name"),
    ("POST", "/api/links"),
    ("POST", "/api/links/redeem"),
]


# -- cookie and token -----------------------------------------------------------------------------------------------------


async def test_a_guest_is_made_once_and_known_again(tmp_path: Path) -> None:
    async with seen(tmp_path, http=GUESTS) as server:
        browser = Browser(server)
        assert code(await browser.session()) == (401, "SIGNED_OUT")
        assert browser.set == "", "nothing was sent, so nothing is taken away"
        guest = await browser.guest(language="zh-CN", shop="garden", ref="window")
        assert guest["guest"] is True
        assert guest["name"].startswith("访客 ")
        assert guest["language"] == "zh-CN"
        again = (await browser.session()).json
        assert {name: again[name] for name in ("user_id", "device_id", "name")} == {
            name: guest[name] for name in ("user_id", "device_id", "name")
        }
        assert (await browser.guest(language="en"))["user_id"] == guest["user_id"]
        async with connect(
            f"imserver://127.0.0.1:{server.port}", token=again["token"], device_id=guest["device_id"]
        ) as client:
            assert client.user_id == guest["user_id"]
        person = (await server.administration.user(guest["user_id"]))["roles"]
        assert person == [{"role": "guest", "givers": ["server"]}]
        rows = await server.store.read(lambda reader: reader.audit_after(0, 9))
        assert [(row.source, row.act) for row in rows] == [("server", "guest.made")]


async def test_the_cookie_is_not_for_scripts_nor_for_other_sites(tmp_path: Path) -> None:
    async with seen(tmp_path, http=GUESTS) as server:
        browser = Browser(server)
        await browser.guest()
        port = server.http_port
        pair, *attributes = browser.set.split("; ")
        assert pair.startswith(f"im-{port}=")
        assert attributes == ["Max-Age=34560000", "Path=/", "HttpOnly", "SameSite=Lax"]
        await browser.session()
        assert browser.set.split("; ")[0] == pair, "renewed, and the same"
        secret = pair.partition("=")[2]
        stored = await asyncio.to_thread((tmp_path / "chat.db-wal").read_bytes)
        raw = base64.urlsafe_b64decode(secret + "=")
        assert raw not in stored
        assert secret.encode() not in stored


async def test_over_https_only_this_very_host_can_set_it(tmp_path: Path) -> None:
    http = HttpConfig(port=0, guests=True, public_url="https://chat.example.org")
    async with seen(tmp_path, http=http) as server:
        browser = Browser(server, host="chat.example.org", scheme="https")
        await browser.guest()
        assert browser.set.startswith("__Host-im=")
        assert browser.set.endswith("; Path=/; HttpOnly; SameSite=Lax; Secure")


async def test_it_ends_when_it_was_not_used_for_400_days(tmp_path: Path) -> None:
    clock = ManualClock()
    async with seen(tmp_path, http=GUESTS, clock=clock) as server:
        often, seldom = Browser(server), Browser(server)
        await often.guest()
        await seldom.guest()
        clock.advance(300 * 86_400)
        assert (await often.session()).status == 200
        clock.advance(101 * 86_400)
        assert (await often.session()).status == 200
        assert code(await seldom.session()) == (401, "SIGNED_OUT")
        assert seldom.cookies == {}
        clock.jump_to(clock.now_ms() - 700 * 86_400_000)
        assert (await often.session()).status == 200, "a clock that was put back signs nobody out"


@pytest.mark.parametrize(
    "value",
    ["", "x", "A" * 43, "A" * 42 + "B", "A" * 44, "é" * 3, "a;b", '"' + "A" * 43 + '"', "A" * 3000],
)
async def test_what_is_no_secret_of_ours_is_nobody_and_goes(tmp_path: Path, value: str) -> None:
    async with seen(tmp_path, http=GUESTS) as server:
        browser = Browser(server)
        browser.cookies = {f"im-{server.http_port}": value}
        assert code(await browser.session()) == (401, "SIGNED_OUT")
        assert browser.cookies == {}


async def test_a_cookie_of_another_server_is_nobody_here(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    async with seen(tmp_path / "one", http=GUESTS) as one, seen(tmp_path / "two", http=GUESTS) as two:
        here, there = Browser(one), Browser(two)
        mine = await here.guest()
        there.cookies = dict(here.cookies)  # a browser sends cookies of one host to all its ports
        assert code(await there.session()) == (401, "SIGNED_OUT")
        assert there.cookies == here.cookies, "the other server's is not taken away"
        await there.guest()
        here.cookies |= there.cookies
        assert (await here.session()).json["user_id"] == mine["user_id"]


async def test_of_two_cookies_of_a_name_the_good_one_counts(tmp_path: Path) -> None:
    async with seen(tmp_path, http=GUESTS) as server:
        browser = Browser(server)
        guest = await browser.guest()
        [(name, value)] = browser.cookies.items()
        for both in (
            f"{name}=planted; {name}={value}",
            f"{name}={value}; {name}=planted",
            f" {name}={value} ;;",
        ):
            answer = await ask(
                server.http_port,
                "POST",
                "/api/session",
                f"Cookie: {both}",
                f"Origin: {browser.origin}",
                "Content-Type: application/json",
                host=browser.host,
            )
            assert answer.json["user_id"] == guest["user_id"]


@pytest.mark.parametrize("planted", ["{number}", "{number:A>43}"], ids=["short", "as ours look"])
@pytest.mark.parametrize("behind", [False, True])
async def test_whatever_others_of_this_host_have_set_the_good_one_is_found(
    tmp_path: Path, planted: str, behind: bool
) -> None:
    """Cookies know no ports: what runs on another one may set many of a name, for parts of the site, which are sent first."""
    async with seen(tmp_path, http=GUESTS, plugins=[Who()]) as server:
        browser = Browser(server)
        await browser.ask("GET", "/x/who/me")
        guest = await browser.guest()
        others = {
            name: [f"{name}={planted.format(number=number)}" for number in range(30)]
            for name in browser.cookies
        }
        ours = [f"{name}={value}" for name, value in browser.cookies.items()]
        for name, pair in zip(browser.cookies, ours, strict=True):
            sent = "; ".join([pair, *others[name]] if behind else [*others[name], pair])
            other = next(one for one in ours if one != pair)
            for cookies in (f"{sent}; {other}", f"{other}; {sent}"):
                answer = await ask(
                    server.http_port, "GET", "/x/who/me", f"Cookie: {cookies}", host=browser.host
                )
                assert answer.json == {"user": guest["user_id"], "visits": 2}


async def test_a_cookie_of_eight_kilobytes_gets_an_answer(tmp_path: Path) -> None:
    async with seen(tmp_path, http=GUESTS) as server:
        browser = Browser(server)
        guest = await browser.guest()
        browser.cookies["tracker"] = "x" * 3800
        assert (await browser.session()).json["user_id"] == guest["user_id"]
        browser.cookies["tracker"] = "x" * 8192
        assert (await browser.session()).status == 400


# -- guests ---------------------------------------------------------------------------------------------------------------


async def test_two_hundred_requests_of_one_page_make_one_guest(tmp_path: Path) -> None:
    http = HttpConfig(port=0, guests=True, guests_per_address=2)
    async with seen(tmp_path, http=http) as server:
        browsers = [Browser(server) for _ in range(200)]
        answers = await asyncio.gather(
            *(each.post("session", {"guest": {"language": "en"}, "key": KEY}) for each in browsers)
        )
        assert {answer.status for answer in answers} == {200}
        assert len({answer.json["user_id"] for answer in answers}) == 1
        assert len({tuple(each.cookies.items()) for each in browsers}) == 1
        assert len((await server.administration.users())["users"]) == 1
        other = await Browser(server).guest()
        assert await roles(server, other["user_id"]) == ["guest"], "it counted as one"


async def roles(server: Any, user_id: str) -> list[str]:
    return [each["role"] for each in (await server.administration.user(user_id))["roles"]]


async def test_a_key_is_good_for_ten_minutes(tmp_path: Path) -> None:
    clock = ManualClock()
    async with seen(tmp_path, http=GUESTS, clock=clock) as server:
        wish = {"guest": {}, "key": KEY}
        used = Browser(server)
        first = (await used.post("session", wish)).json["user_id"]
        clock.advance(599)
        assert (await Browser(server).post("session", wish)).json["user_id"] == first
        clock.advance(2)
        assert code(await Browser(server).post("session", wish)) == (410, "GONE")
        clock.advance(3600)
        await used.session()
        assert code(await Browser(server).post("session", wish)) == (410, "GONE"), (
            "however lately it was seen"
        )
        clock.jump_to(clock.now_ms() - 86_400_000)
        assert code(await Browser(server).post("session", wish)) == (410, "GONE")


async def test_above_the_soft_limit_guests_are_crowded_at_that_shop_and_nobody_is_refused(
    tmp_path: Path,
) -> None:
    clock = ManualClock()
    http = HttpConfig(port=0, guests=True, guests_per_address=2)
    async with seen(tmp_path, http=http, clock=clock) as server:

        async def came(shop: str) -> list[str]:
            return await roles(server, (await Browser(server).guest(shop=shop))["user_id"])

        assert [await came("garden") for _ in range(3)] == [["guest"], ["guest"], ["guest", "crowded"]]
        assert await came("harbour") == ["guest"]
        # Naming ever other shops does not help.
        assert [await came(str(number)) for number in range(8)][-1] == ["guest", "crowded"]
        clock.advance(86_400)
        assert await came("garden") == ["guest"]


async def test_a_flood_is_told_when_to_come_back(tmp_path: Path) -> None:
    clock = ManualClock()
    http = HttpConfig(port=0, guests=True, guests_per_hour=8)
    async with seen(tmp_path, http=http, clock=clock) as server:
        answers = [await Browser(server).post("session", {"guest": {}}) for _ in range(3)]
        assert [answer.status for answer in answers] == [200, 200, 429]
        assert code(answers[2]) == (429, "RATE_LIMITED")
        assert 1700 <= int(answers[2].headers["retry-after"]) <= 1801
        assert "set-cookie" not in answers[2].headers
        clock.advance(1801)
        assert (await Browser(server).post("session", {"guest": {}})).status == 200


async def test_where_no_guests_are_wanted_none_are_made(tmp_path: Path) -> None:
    async with seen(tmp_path) as server:
        assert code(await Browser(server).post("session", {"guest": {}})) == (403, "FORBIDDEN")
        assert (await server.administration.users())["users"] == []


@pytest.mark.parametrize(
    "body",
    [
        {"guest": {"language": "../x"}},
        {"guest": {"language": ""}},
        {"guest": {"shop": "a" * 65}},
        {"guest": {"ref": "a\nb"}},
        {"guest": {"shop": 5}},
        {"guest": {}, "key": "00"},
        {"guest": {}, "key": "x" * 32},
        {"guest": []},
        [],
        "x",
    ],
)
async def test_a_wish_that_cannot_be_is_said(tmp_path: Path, body: Any) -> None:
    async with seen(tmp_path, http=GUESTS) as server:
        assert code(await Browser(server).post("session", body)) == (400, "INVALID")
        assert (await server.administration.users())["users"] == []


@pytest.mark.parametrize(
    "body",
    [b"[" * 4000, b'{"x":' + b"[" * 2000 + b"]" * 2000 + b"}", b'{"guest": "\xff"}', b"\xef\xbb\xbf{}"],
)
async def test_a_body_that_cannot_be_read_is_no_fault_of_ours(tmp_path: Path, body: bytes) -> None:
    log = LogBook()
    async with seen(tmp_path, http=GUESTS, log=log) as server:
        browser = Browser(server)
        headers = [f"Origin: {browser.origin}", "Content-Type: application/json"]
        answer = await ask(server.http_port, "POST", "/api/session", *headers, host=browser.host, body=body)
        assert code(answer) == (400, "INVALID")
        assert log.events("error") == [], "nobody fills the log"


async def test_a_page_of_tomorrow_may_say_more(tmp_path: Path) -> None:
    async with seen(tmp_path, http=GUESTS) as server:
        body = {"guest": {"language": "en", "mood": "good"}, "theme": "dark"}
        assert (await Browser(server).post("session", body)).status == 200


async def test_a_key_is_over_when_its_browser_is_signed_out(tmp_path: Path) -> None:
    """Whoever has a page's key, or its cookie, is not let in by it behind a sign-out: not as that guest, nor as another."""
    async with seen(tmp_path, http=GUESTS) as server:
        page, wish = Browser(server), {"guest": {"shop": "garden"}, "key": KEY}
        first = (await page.post("session", wish)).json
        stolen = dict(page.cookies)
        await page.ask("DELETE", "/api/session")
        for again in (page, Browser(server)):
            answer = await again.post("session", wish)
            assert code(answer) == (410, "GONE")
            assert "load it again" in answer.json["error"]
            assert again.cookies == {}
        page.cookies = stolen
        assert code(await page.session()) == (401, "SIGNED_OUT")
        other = await page.post("session", {"guest": {}, "key": KEY[::-1]})
        assert other.json["user_id"] != first["user_id"]


# -- whose request it is ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "path"), WRITES)
@pytest.mark.parametrize(
    "headers",
    [
        [],
        ["Origin: null"],
        ["Origin: https://evil.example"],
        ["Origin: http://localhost:1"],
        ["Origin: http://localhost.evil.example"],
        ["Origin: {own}", "Sec-Fetch-Site: cross-site"],
        ["Origin: {own}", "Sec-Fetch-Site: same-site"],
        ["Origin: {own}", "Sec-Fetch-Site: none"],
    ],
)
async def test_no_page_of_others_does_anything_here(
    tmp_path: Path, method: str, path: str, headers: list[str]
) -> None:
    async with seen(tmp_path, http=HttpConfig(port=0, guests=True, origins=["null"])) as server:
        browser = Browser(server)
        await browser.guest()
        [(name, value)] = browser.cookies.items()
        sent = [header.format(own=browser.origin) for header in headers]
        answer = await ask(
            server.http_port,
            method,
            path,
            *sent,
            f"Cookie: {name}={value}",
            "Content-Type: application/json",
            host=browser.host,
            body=b'{"id": "x", "label": "y", "secret": "z"}',
        )
        assert code(answer) == (403, "FORBIDDEN")
        assert "set-cookie" not in answer.headers
        assert len(await browser.devices()) == 1


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonx"])
async def test_a_form_cannot_ask(tmp_path: Path, kind: str) -> None:
    async with seen(tmp_path, http=GUESTS) as server:
        browser = Browser(server)
        headers = [f"Origin: {browser.origin}", *([f"Content-Type: {kind}"] if kind else [])]
        answer = await ask(server.http_port, "POST", "/api/session", *headers, host=browser.host, body=b"{}")
        assert answer.status == 415
        long = await browser.post("session", {"key": "x" * 5000})
        assert long.status == 413
        assert (await browser.ask("GET", "/api/session")).status == 405
        assert (await browser.ask("PUT", "/api/devices", {})).status == 405


async def test_a_crowd_that_is_slow_to_send_keeps_nobody_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imserver.net.web.api.MAX_AT_ONCE", 1)
    async with seen(tmp_path, http=GUESTS) as server:
        browser = Browser(server)
        head = (
            f"POST /api/session HTTP/1.1\r\nHost: {browser.host}\r\nOrigin: {browser.origin}\r\n"
            "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{"
        ).encode()
        slow = [await asyncio.open_connection("127.0.0.1", server.http_port) for _ in range(3)]
        for _, writer in slow:
            writer.write(head)
        assert (await browser.post("session", {"guest": {}})).status == 200
        for _, writer in slow:
            writer.close()


async def test_more_requests_at_once_than_there_is_room_for_are_to_come_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imserver.net.web.api.MAX_AT_ONCE", 1)
    async with seen(tmp_path, http=GUESTS) as server:
        browsers = [Browser(server) for _ in range(20)]
        answers = await asyncio.gather(*(each.post("session", {"guest": {}}) for each in browsers))
        assert {answer.status for answer in answers} == {200, 503}
        late = next(answer for answer in answers if answer.status == 503)
        assert (code(late), late.headers["retry-after"]) == ((503, "OVERLOADED"), "1")


# -- ends -----------------------------------------------------------------------------------------------------------------


async def test_signing_out_ends_cookie_token_and_session(tmp_path: Path) -> None:
    async with seen(tmp_path, http=GUESTS) as server:
        browser = Browser(server)
        guest = await browser.guest()
        stolen = dict(browser.cookies)
        answer = await browser.ask("DELETE", "/api/session")
        assert (answer.status, answer.json, browser.cookies) == (200, {}, {})
        browser.cookies = stolen
        assert code(await browser.session()) == (401, "SIGNED_OUT")
        assert (await browser.ask("DELETE", "/api/session")).status == 200
        with pytest.raises(Exception, match=r"(?i)token|auth"):
            async with connect(
                f"imserver://127.0.0.1:{server.port}",
                token=guest["token"],
                device_id=guest["device_id"],
                timeout=5.0,
            ):
                pass


async def test_a_disabled_account_is_told_and_makes_no_guest_of_itself(tmp_path: Path) -> None:
    async with seen(tmp_path, http=GUESTS) as server:
        browser = Browser(server)
        guest = await browser.guest()
        await server.administration.disable(guest["user_id"])
        for answer in (
            await browser.session(),
            await browser.post("session", {"guest": {}}),
            await browser.post("links"),
            await browser.ask("GET", "/api/devices"),
        ):
            assert code(answer) == (403, "FORBIDDEN")
            assert "disabled" in answer.json["error"]
        await server.administration.enable(guest["user_id"])
        assert (await browser.session()).json["user_id"] == guest["user_id"]


async def test_a_full_store_says_so_and_makes_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from imserver.errors import Refusal

    async with seen(tmp_path, http=GUESTS) as server:
        write = server.store.write

        async def full(work: Any) -> Any:
            raise Refusal(RefusalCode.STORE_FULL, "the disk is full", retry_after_ms=5000)

        monkeypatch.setattr(server.store, "write", full)
        browser = Browser(server)
        answer = await browser.post("session", {"guest": {}, "key": KEY})
        assert code(answer) == (503, "STORE_FULL")
        assert browser.cookies == {}
        monkeypatch.setattr(server.store, "write", write)
        assert (await browser.post("session", {"guest": {}, "key": KEY})).status == 200


# -- for plugins ----------------------------------------------------------------------------------------------------------


class Who:
    """A plugin that says who asks, and counts visits."""

    name = "who"
    config_type = dict
    migrations = ()

    async def start(self, context: Context) -> None:
        context.route("GET", "/me", self._me)
        context.page("/me", self._me)

    async def stop(self) -> None:
        pass

    async def _me(self, request: HttpRequest) -> HttpResponse:
        count = int(request.session.get("visits", "0")) + 1
        session = {"visits": str(count)} if "forget" not in request.query else {}
        return HttpResponse.json({"user": request.user_id, "visits": count}, session=session)


@pytest.mark.parametrize("path", ["/x/who/me", "/me"])
async def test_a_plugin_knows_who_asks_and_what_it_kept(tmp_path: Path, path: str) -> None:
    async with seen(tmp_path, http=GUESTS, plugins=[Who()]) as server:
        browser = Browser(server)
        assert (await browser.ask("GET", path)).json == {"user": None, "visits": 1}
        assert (await browser.ask("GET", path)).json == {"user": None, "visits": 2}
        guest = await browser.guest()
        assert (await browser.ask("GET", path)).json == {"user": guest["user_id"], "visits": 3}
        [kept] = [name for name in browser.cookies if "who" in name]
        value = browser.cookies[kept]
        for planted in ("x", value[:-4] + "AAAA", "A" * 100, "é"):
            browser.cookies[kept] = planted
            assert (await browser.ask("GET", path)).json["visits"] == 1
        browser.cookies[kept] = value
        await browser.ask("GET", f"{path}?forget")
        assert kept not in browser.cookies
        await server.administration.disable(guest["user_id"])
        assert (await browser.ask("GET", path)).json["user"] is None


async def test_a_browser_of_an_account_is_no_guest(tmp_path: Path) -> None:
    async with seen(tmp_path) as server:
        await server.administration.put_user("li", display_name="Li Hua", roles=["staff"])
        browser = await signed_in(server, "li")
        told = (await browser.session()).json
        assert (told["user_id"], told["name"], told["guest"]) == ("li", "Li Hua", False)
