"""HTTP under /x/PLUGIN/: the right route or the right refusal, bounds before the handler, and its faults stay in the log."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imserver.errors import StartError
from imserver.plugin_api import Context, HttpRequest, HttpResponse
from imserver.plugin_host import HostLimits
from imserver.plugin_host.web import MAX_QUERY_FIELDS, MAX_TARGET_CHARS, Answer, Web
from imserver.testing import LogBook, PluginKit
from tests.limits.raw import new_key
from tests.plugins.shop import BUY, BuyParams, Shop

LIMITS = HostLimits(http_deadline_s=0.05, http_body_deadline_s=0.05, max_http_requests=2)


@pytest.fixture
async def kit():
    async with PluginKit(Shop, limits=LIMITS) as kit:
        await kit.user("ann")
        yield kit


async def nothing() -> AsyncIterator[bytes]:
    for chunk in list[bytes]():
        yield chunk


# -- the right route ------------------------------------------------------------------------------------------------------


async def test_a_page_is_made_of_the_plugins_rows(kit: PluginKit[Shop]) -> None:
    await kit.call(BUY, "ann", BuyParams(new_key(), "2026-03-02", 7))
    answer = await kit.http("GET", "/x/shop/day/2026-03-02", user_id="ann", visitor="a phone")
    assert json.loads(answer.body) == {"date": "2026-03-02", "sold": [7], "seen": "1", "by": "ann"}
    assert (answer.status, answer.content_type) == (200, "application/json")
    assert answer.headers["cache-control"] == "max-age=1"
    assert answer.headers["content-length"] == str(len(answer.body))
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_visitors_session_is_handed_in_and_kept(kit: PluginKit[Shop]) -> None:
    async def seen(visitor: str) -> str:
        answer = await kit.http("GET", "/x/shop/day/mon", visitor=visitor)
        return str(json.loads(answer.body)["seen"])

    assert [await seen("one"), await seen("one"), await seen("two"), await seen("one")] == [
        "1",
        "2",
        "1",
        "3",
    ]


async def test_what_is_said_literally_goes_before_a_param(kit: PluginKit[Shop]) -> None:
    answer = await kit.http("GET", "/x/shop/day/today?b=2&a=1&a=3&c=&d=%E9%A2%84")
    assert answer.body == "a=1&b=2&c=&d=预 []".encode()
    assert (await kit.http("GET", "/x/shop/")).body == b"<h1>Shop</h1>"


async def test_an_encoded_slash_is_part_of_a_param(kit: PluginKit[Shop]) -> None:
    answer = await kit.http("GET", "/x/shop/day/a%2Fb%20%E7%9C%BC")
    assert json.loads(answer.body)["date"] == "a/b 眼"


async def test_of_headers_it_sees_those_that_name_nobody(kit: PluginKit[Shop]) -> None:
    given = {
        "Cookie": "secret",
        "Authorization": "secret",
        "Accept-Language": "zh",
        "X-Forwarded-For": "1.2.3.4",
    }
    answer = await kit.http("GET", "/x/shop/day/today", headers=given)
    assert answer.body == b" ['accept-language']"


async def test_a_visitors_key_stands_for_an_address_and_does_not_name_it(kit: PluginKit[Shop]) -> None:
    async def key(address: str) -> str:
        return repr((await kit.http("GET", "/x/shop/visitor", address=address)).body)

    keys = [await key(one) for one in ("192.0.2.1", "192.0.2.1", "192.0.2.2")]
    assert keys[0] == keys[1] != keys[2]
    assert "192.0" not in keys[0]
    assert await key("2001:db8::1") == await key("2001:db8::2") != await key("2001:db8:0:1::1")
    async with PluginKit(Shop, seed=2) as other:
        answer = await other.http("GET", "/x/shop/visitor", address="192.0.2.1")
        assert repr(answer.body) != keys[0], "another server's is another"


async def test_head_is_get_without_the_body(kit: PluginKit[Shop]) -> None:
    answer = await kit.http("HEAD", "/x/shop/")
    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "13")
    missing = await kit.http("HEAD", "/x/shop/none")
    assert (missing.status, missing.body) == (404, b"")
    assert (await kit.http("HEAD", "/x/shop/wait")).status == 405


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/x/shop", 404),
        ("GET", "/x/shop/day", 404),
        ("GET", "/x/shop/day/", 404),
        ("GET", "/x/shop/day/mon/", 404),
        ("GET", "/x/shop/day/..", 404),
        ("GET", "/x/shop/day/%2e%2e", 404),
        ("GET", "/x/other/day/mon", 404),
        ("GET", "/y/shop/", 404),
        ("GET", "", 404),
        ("GET", "/x//", 404),
        ("GET", "/X/shop/", 404),
        ("GET", "/x/shop/day/%zz", 400),
        ("GET", "/x/shop/day/%", 400),
        ("GET", "/x/shop/day/%ff", 400),
        ("GET", "/x/shop/day/%00", 400),
        ("GET", "/x/shop/day/a%0d%0ab", 400),
        ("GET", "/x/shop/?a=%ff", 400),
        ("GET", "/x/shop/?" + "a&" * (MAX_QUERY_FIELDS + 1), 400),
        ("GET", "/x/shop/day/" + "a" * MAX_TARGET_CHARS, 414),
        ("DELETE", "/x/shop/day/mon", 405),
        ("OPTIONS", "/x/shop/", 405),
        ("get", "/x/shop/", 405),
    ],
)
async def test_what_no_route_means(kit: PluginKit[Shop], method: str, target: str, status: int) -> None:
    answer = await kit.http(method, target)
    assert answer.status == status
    assert "error" in json.loads(answer.body)


async def test_a_wrong_method_is_told_the_right_ones(kit: PluginKit[Shop]) -> None:
    answer = await kit.http("DELETE", "/x/shop/day/mon")
    assert answer.headers["allow"] == "GET, HEAD, POST"
    assert (await kit.http("GET", "/x/shop/wait")).headers["allow"] == "PUT"
    posted = await kit.http("POST", "/x/shop/day/today", body=b"12")
    assert (posted.status, posted.body) == (201, b"2"), "`today` has no POST of its own"


# -- bounds ---------------------------------------------------------------------------------------------------------------


async def test_a_body_has_its_bound_told_or_not(kit: PluginKit[Shop]) -> None:
    most = LIMITS.max_http_body_bytes
    assert (await kit.http("POST", "/x/shop/day/mon", body=b"x" * most)).body == str(most).encode()
    assert (await kit.http("POST", "/x/shop/day/mon", body=b"x" * (most + 1))).status == 413
    for told, status in ((str(most), 201), (str(most + 1), 413), ("9" * 5000, 413), ("-1", 400), ("²", 400)):
        answer = await kit.http("POST", "/x/shop/day/mon", headers={"Content-Length": told})
        assert answer.status == status, told


async def test_no_more_of_a_body_is_read_than_fits(kit: PluginKit[Shop]) -> None:
    read = 0

    async def long() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(1000):
            read += 1024
            yield b"x" * 1024

    answer = await kit.host.web.answer("POST", "/x/shop/day/mon", {}, long())
    assert (answer.status, read) == (413, LIMITS.max_http_body_bytes + 1024)
    for target, status in (("/x/shop/none", 404), ("/x/shop/wait", 405)):
        read = 0
        assert (await kit.host.web.answer("POST", target, {}, long())).status == status
        assert read == 0


async def test_a_body_that_does_not_come_is_not_waited_for(kit: PluginKit[Shop]) -> None:
    async def never() -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b""

    assert (await kit.host.web.answer("POST", "/x/shop/day/mon", {}, never())).status == 408


async def test_a_handler_has_its_deadline_and_so_many_run_at_once(kit: PluginKit[Shop]) -> None:
    both = [asyncio.ensure_future(kit.http("PUT", "/x/shop/wait")) for _ in range(2)]
    await asyncio.sleep(0)
    third = await kit.http("PUT", "/x/shop/wait")
    assert (third.status, third.headers["retry-after"]) == (503, "1")
    late = [answer.status for answer in await asyncio.gather(*both)]
    assert late == [503, 503]
    assert kit.log.events("error") == ["http_handler_late"] * 2
    kit.plugin.slow.set()
    done = await kit.http("PUT", "/x/shop/wait")
    assert (done.status, done.body) == (204, b"")
    assert "content-type" not in done.headers
    assert "content-length" not in done.headers


# -- faults ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body", [b"boom", b"cookie", b"split", b"fat", b"accents", b"early", b"late", b"none"]
)
async def test_a_fault_is_told_by_an_id_that_finds_it_in_the_log(kit: PluginKit[Shop], body: bytes) -> None:
    answer = await kit.http("POST", "/x/shop/day/ann", body=body)
    assert answer.status == 500
    ((_, event, fields),) = kit.log.lines
    assert event == "http_handler_failed"
    assert fields["error_id"] in str(answer.body)
    assert (fields["plugin"], fields["path"]) == ("shop", "/x/shop/day/{date}"), "no name of a person"
    assert "fault" not in str(answer.body)
    assert "set-cookie" not in answer.headers


async def test_a_refusal_is_a_status(kit: PluginKit[Shop]) -> None:
    answer = await kit.http("POST", "/x/shop/day/mon", body=b"busy")
    assert (answer.status, answer.headers["retry-after"]) == (503, "2")
    assert json.loads(answer.body) == {"error": "later", "code": "OVERLOADED"}
    assert kit.log.lines == []


# -- registering ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "text"),
    [
        ("HEAD", "/a", "one of DELETE, GET"),
        ("GET", "a", "begins with /"),
        ("GET", "/a//b", "neither"),
        ("GET", "/a/..", "neither"),
        ("GET", "/a b", "neither"),
        ("GET", "/{A}", "neither"),
        ("GET", "/a{b}", "neither"),
        ("GET", "/{a}/{a}", "one name"),
        ("GET", "/day/{other}", "already"),
    ],
)
async def test_a_route_that_cannot_work_stops_the_plugin(method: str, path: str, text: str) -> None:
    async def page(request: HttpRequest) -> HttpResponse: ...  # type: ignore[empty-body]

    def route(context: Context) -> None:
        context.route(method, path, page)

    with pytest.raises(StartError, match=text):
        async with PluginKit(Shop(route)):
            pass


async def test_so_many_routes_and_gone_with_the_plugin(kit: PluginKit[Shop]) -> None:
    async def page(request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    web = kit.host.web
    undo = [web.add("more", "GET", f"/{number}", page, None) for number in range(LIMITS.max_routes)]
    with pytest.raises(Exception, match="64 routes"):
        web.add("more", "GET", "/x", page, None)
    for one in undo:
        one()
    web.add("more", "GET", "/x", page, None)()
    await kit.host.stop()
    assert web._routes == {}
    assert (await kit.http("GET", "/x/shop/")).status == 404


# -- whatever comes -------------------------------------------------------------------------------------------------------

_parts = st.lists(
    st.sampled_from(
        ["x", "shop", "day", "today", "a b", "é", "", "..", "%41", "%2F", "%zz", "?", "a=1&b", "%00"]
    ),
    max_size=6,
)


@given(
    method=st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "TRACE", "", "\n"]),
    target=st.one_of(_parts.map(lambda parts: "/" + "/".join(parts)), st.text(max_size=40)),
)
def test_whatever_is_asked_there_is_an_answer(method: str, target: str) -> None:
    async def echo(request: HttpRequest) -> HttpResponse:
        assert request.path.startswith("/x/shop/")
        assert all(value and value not in ("..", ".") for value in request.params.values())
        return HttpResponse(body="".join(request.params.values()))

    async def ask() -> Answer:
        web = Web(bytes, HostLimits())
        log: Any = LogBook()
        for path in ("/", "/day", "/day/{a}", "/{b}/today", "/{a}/{b}/{c}"):
            web.add("shop", "GET", path, echo, log)
        answer = await web.answer(method, target, {}, nothing())
        assert log.lines == []
        return answer

    answer = asyncio.run(ask())
    assert answer.status in {200, 400, 404, 405, 414}
    for name, value in answer.headers:
        assert (name + value).isascii()
        assert (name + value).isprintable()
