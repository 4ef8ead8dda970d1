"""HTTP at addresses of features, over real sockets: what is answered, and that nobody hides what somebody else answers."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from imserver.config import HttpConfig
from imserver.errors import StartError
from imserver.feature_api import Asked, Feature, Page, Refusal, RefusalCode, Route, Services, said
from imserver.feature_host import web
from imserver.http_requests import MAX_BODY_BYTES, MAX_OF_AN_ADDRESS
from imserver.model import User
from imserver.testing import LogBook
from tests.limits.raw import eventually
from tests.seeing.web import EVERY_ANSWER, Answered, ask, seen

TEXT = [("content-type", "text/plain"), ("Cache-Control", "max-age=9")]


class Hall:
    """A feature that says who is there, keeps what it is told, and does everything wrong that one can."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.waiting = 0
        self.feature = Feature(
            "hall",
            routes=(
                Route("/hall", self.people),
                Route("/hall/notes/", self.noted, methods=("GET", "POST")),
                Route("/hall/wait", self.wait),
                Route("/hall/broken", self.broken),
                Route("/hall/nothing", self.nothing),
                Route("/hall/split", self.split),
                Route("/hall/refused", self.refused),
            ),
        )

    async def people(self, services: Services, asked: Asked) -> Page:
        rows = await services.read(
            lambda reader: reader.execute("SELECT user_id FROM people ORDER BY user_id")
        )
        return said(200, {"people": [name for (name,) in rows], "from": asked.address})

    async def noted(self, services: Services, asked: Asked) -> Page:
        return Page(200, TEXT, f"{asked.method} {asked.target} {(await asked.read()).decode()}".encode())

    async def wait(self, services: Services, asked: Asked) -> Page:
        self.waiting += 1
        await self.go.wait()
        return Page(204, [], b"")

    async def broken(self, services: Services, asked: Asked) -> Page:
        raise RuntimeError("the lamp is stolen")

    async def nothing(self, services: Services, asked: Asked) -> Page:
        return None  # type: ignore[return-value]

    async def split(self, services: Services, asked: Asked) -> Page:
        return Page(200, [("x-hall", "a\r\nset-cookie: b")], b"")

    async def refused(self, services: Services, asked: Asked) -> Page:
        raise Refusal(RefusalCode.RATE_LIMITED, "not so often", retry_after_ms=1500)


def other(path: str, name: str = "other", **options: Any) -> Feature:
    return Feature(name, routes=(Route(path, Hall().broken, **options),))


def lines(log: LogBook, wanted: str) -> list[dict[str, Any]]:
    return [fields for _, event, fields in log.lines if event == wanted]


@pytest.fixture
def hall() -> Hall:
    return Hall()


# -- what is answered -----------------------------------------------------------------------------------------------------


async def test_a_feature_answers_from_its_snapshot_as_everything_is_answered(
    tmp_path: Path, hall: Hall
) -> None:
    async with seen(tmp_path, features=[hall.feature]) as server:
        await server.chat.put_user(User("ann", "Ann"))
        port = server.http_port
        answer = await ask(port, "GET", "/hall?all", "X-Forwarded-For: 203.0.113.9")
        assert (answer.status, answer.json) == (200, {"people": ["ann"], "from": "127.0.0.1"})
        assert {name: answer.headers[name] for name in EVERY_ANSWER} == EVERY_ANSWER
        head = await ask(port, "HEAD", "/hall")
        assert (head.status, head.body, int(head.headers["content-length"])) == (200, b"", len(answer.body))
        assert (await ask(port, "GET", "/hall", host="evil.example")).status == 421
        assert (await ask(port, "GET", "/hall/")).status == 404


async def test_all_below_a_prefix_is_its_own_and_other_methods_are_not(tmp_path: Path, hall: Hall) -> None:
    async with seen(tmp_path, features=[hall.feature]) as server:
        port = server.http_port
        said = await ask(port, "POST", "/hall/notes/a%2Fb?c", body=b"hello")
        assert (said.status, said.body) == (200, b"POST /hall/notes/a%2Fb?c hello")
        assert (said.headers["content-type"], said.headers["cache-control"]) == ("text/plain", "max-age=9")
        for method, target, allow in (
            ("POST", "/hall", "GET, HEAD"),
            ("DELETE", "/hall/notes/a", "GET, HEAD, POST"),
        ):
            refused = await ask(port, method, target)
            assert (refused.status, refused.headers["allow"]) == (405, allow)


async def test_the_client_behind_our_proxy_is_told(tmp_path: Path, hall: Hall) -> None:
    http = HttpConfig(port=0, proxies=["127.0.0.1"])
    async with seen(tmp_path, http=http, features=[hall.feature]) as server:
        answer = await ask(server.http_port, "GET", "/hall", "X-Forwarded-For: 203.0.113.9")
        assert answer.json["from"] == "203.0.113.9"


# -- what goes wrong ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["/hall/broken", "/hall/nothing", "/hall/split"])
async def test_what_a_handler_raises_is_in_the_log_alone(tmp_path: Path, hall: Hall, target: str) -> None:
    log = LogBook()
    async with seen(tmp_path, features=[hall.feature], log=log) as server:
        answer = await ask(server.http_port, "GET", target)
        assert (answer.status, b"lamp" in answer.body, "set-cookie" in answer.headers) == (500, False, False)
        [line] = lines(log, "http_handler_failed")
        assert (line["feature"], line["path"]) == ("hall", target)
        assert line["error_id"] in answer.json["error"]
        assert (await ask(server.http_port, "GET", "/hall")).status == 200


async def test_a_refusal_is_answered_with_its_words(tmp_path: Path, hall: Hall) -> None:
    async with seen(tmp_path, features=[hall.feature]) as server:
        answer = await ask(server.http_port, "GET", "/hall/refused")
        assert (answer.status, answer.headers["retry-after"]) == (429, "2")
        assert answer.json == {"error": "not so often", "code": "RATE_LIMITED"}


async def test_a_handler_has_its_time_and_a_body_its_size(
    tmp_path: Path, hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "HANDLER_DEADLINE_S", 0.05)
    log = LogBook()
    async with seen(tmp_path, features=[hall.feature], log=log) as server:
        late = await ask(server.http_port, "GET", "/hall/wait")
        assert (late.status, late.headers["retry-after"]) == (503, "1")
        assert [line["feature"] for line in lines(log, "http_handler_late")] == ["hall"]
        long = f"Content-Length: {MAX_BODY_BYTES + 1}"
        assert (await ask(server.http_port, "POST", "/hall/notes/", long)).status == 413


async def test_a_crowd_at_one_feature_is_to_come_again_and_the_end_waits_for_nobody_new(
    tmp_path: Path, hall: Hall
) -> None:
    async with seen(tmp_path, features=[hall.feature]) as server:
        port = server.http_port
        crowd = [asyncio.ensure_future(ask(port, "GET", "/hall/wait")) for _ in range(MAX_OF_AN_ADDRESS)]
        await eventually(lambda: hall.waiting == MAX_OF_AN_ADDRESS)
        assert (await ask(port, "GET", "/hall")).status == 429
        assert (await ask(port, "GET", "/healthz")).status == 200
        hall.go.set()
        answers: list[Answered] = await asyncio.gather(*crowd)
        assert {one.status for one in answers} == {204}
        assert (await ask(port, "GET", "/hall")).status == 200
        server.posting.draining = True
        assert (await ask(port, "GET", "/hall")).json == {"error": "the server is going down"}


# -- whose an address is --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "hidden"),
    [
        ("/socket", "/socket"),
        ("/healthz", "/healthz"),
        ("/readyz", "/readyz"),
        ("/metrics", "/metrics"),
        ("/x/hall", "/x/"),
        ("/x/", "/x/"),
        ("/", "/"),
    ],
)
@pytest.mark.parametrize("metrics", [False, True])
async def test_no_feature_hides_what_the_server_answers(
    tmp_path: Path, path: str, hidden: str, metrics: bool
) -> None:
    http = HttpConfig(port=0, metrics=metrics)
    with pytest.raises(StartError) as raised:
        async with seen(tmp_path, http=http, features=[other(path)]):
            pass
    assert f"{path!r} of feature 'other' would hide" in str(raised.value)
    assert str(raised.value).endswith("of the server")
    assert path == "/" or f"hide {hidden!r}" in str(raised.value)


@pytest.mark.parametrize("path", ["/hall", "/hall/", "/hall/notes/", "/hall/notes/a"])
async def test_no_feature_hides_what_another_answers_whoever_comes_first(
    tmp_path: Path, hall: Hall, path: str
) -> None:
    for features in ([hall.feature, other(path)], [other(path), hall.feature]):
        with pytest.raises(StartError, match="would hide") as raised:
            async with seen(tmp_path, features=features):
                pass
        assert set(re.findall(r"of feature '(\w+)'", str(raised.value))) == {"hall", "other"}
    async with seen(tmp_path, features=[hall.feature, other("/hallway/")]):
        pass  # beside it there is room


@pytest.mark.parametrize(
    "path", ["", "hall", "//", "/a//b", "/a b", "/a?b", "/a%2Fb", "/..", "/../a", "/a/./", "/ä"]
)
async def test_a_path_that_nobody_could_ask_for_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(ValueError, match="feature 'other': route"):
        async with seen(tmp_path, http=None, features=[other(path)]):
            pass


@pytest.mark.parametrize("methods", [(), ("HEAD",), ("get",), ("GET", "TRACE")])
async def test_a_method_that_no_route_has_is_refused(tmp_path: Path, methods: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="methods are of DELETE, GET, PATCH, POST, PUT"):
        async with seen(tmp_path, http=None, features=[other("/a", methods=methods)]):
            pass
