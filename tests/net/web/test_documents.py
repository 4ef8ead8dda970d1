"""Pages of plugins at addresses of the site: one owner each, the headers of documents, and nothing of the server's hidden."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from imserver.config import HttpConfig
from imserver.errors import ConfigError, StartError
from imserver.feature_api import Feature, Route
from imserver.features import FEATURES
from imserver.http_requests import Asked, Page
from imserver.plugin_api import Context, HttpRequest, HttpResponse
from tests.seeing.web import Answered, ask, seen


class Shop:
    """A plugin with pages."""

    config_type = dict
    migrations = ()

    def __init__(self, *pages: str, name: str = "shop") -> None:
        self.name = name
        self._pages = pages or ("/", "/s/{shop}", "/sw.js")

    async def start(self, context: Context) -> None:
        for path in self._pages:
            context.page(path, self._page)

    async def stop(self) -> None:
        pass

    async def _page(self, request: HttpRequest) -> HttpResponse:
        body = f"{request.path} {dict(request.params)} {request.headers.get('accept-encoding')}"
        headers = {"cache-control": "no-cache", "content-encoding": "gzip", "service-worker-allowed": "/"}
        return HttpResponse(
            body=body,
            content_type="text/html; charset=utf-8",
            headers=headers,
            document=request.path != "/s/text",
        )


def directives(answer: Answered) -> dict[str, str]:
    parts = (part.strip().partition(" ") for part in answer.headers["content-security-policy"].split(";"))
    return {name: value for name, _, value in parts}


async def test_a_page_answers_at_its_address_with_the_headers_of_documents(tmp_path: Path) -> None:
    async with seen(tmp_path, plugins=[Shop()]) as server:
        port = server.http_port
        host = f"localhost:{port}"
        page = await ask(port, "GET", "/s/garden?ref=window", "Accept-Encoding: gzip", host=host)
        assert (page.status, page.body) == (200, b"/s/garden {'shop': 'garden'} gzip")
        assert page.headers["content-encoding"] == "gzip"
        assert page.headers["service-worker-allowed"] == "/"
        policy = directives(page)
        assert policy == {
            "default-src": "'none'",
            "script-src": "'self'",
            "style-src": "'self'",
            "img-src": "'self' blob: data:",
            "media-src": "'self' blob:",
            "connect-src": f"'self' ws://{host}",
            "worker-src": "'self'",
            "manifest-src": "'self'",
            "base-uri": "'none'",
            "form-action": "'self'",
            "frame-ancestors": "'none'",
        }
        assert (page.headers["x-frame-options"], page.headers["referrer-policy"]) == ("DENY", "no-referrer")
        assert page.headers["cross-origin-opener-policy"] == "same-origin"
        head = await ask(port, "HEAD", "/", host=host)
        assert (head.status, head.body) == (200, b"")
        # What says of itself that it is none may load nothing.
        text = await ask(port, "GET", "/s/text", host=host)
        assert directives(text) == {"default-src": "'none'", "frame-ancestors": "'none'"}


@pytest.mark.parametrize(
    ("target", "status"),
    [("/s", 404), ("/s/", 404), ("/s/a/b", 404), ("/s/..", 404), ("/s/%zz", 400), ("//", 404), ("/S/a", 404)],
)
async def test_what_is_no_page_is_said(tmp_path: Path, target: str, status: int) -> None:
    async with seen(tmp_path, plugins=[Shop()]) as server:
        assert (await ask(server.http_port, "GET", target)).status == status
        assert (await ask(server.http_port, "POST", "/s/a")).status == 405
        assert (await ask(server.http_port, "GET", "/healthz")).json == {"alive": True}


async def test_a_page_behind_a_proxy_speaks_to_its_socket_by_tls_and_is_shown_by_the_listed(
    tmp_path: Path,
) -> None:
    ancestors = ["https://shop.example", "https://map.example:8443"]
    http = HttpConfig(port=0, public_url="https://chat.example.org", frame_ancestors=ancestors)
    async with seen(tmp_path, http=http, plugins=[Shop()]) as server:
        page = await ask(server.http_port, "GET", "/", host="chat.example.org")
        assert directives(page)["connect-src"] == "'self' wss://chat.example.org"
        assert directives(page)["frame-ancestors"] == " ".join(ancestors)
        assert "x-frame-options" not in page.headers
        other = await ask(server.http_port, "GET", "/healthz", host="chat.example.org")
        assert other.headers["x-frame-options"] == "DENY"


async def test_a_page_has_one_owner_and_hides_nobody(tmp_path: Path) -> None:
    async def files(services: object, asked: Asked) -> Page:
        return Page(200, [], b"")

    feature = Feature("pictures", routes=[Route("/pictures/", files)])
    refused: list[tuple[list[Shop], Callable[[str], bool]]] = [
        ([Shop("/a"), Shop("/a", name="other")], lambda text: "the plugin 'shop' has it" in text),
        ([Shop("/api/session")], lambda text: "begins with a word" in text),
        ([Shop("/x/other/a")], lambda text: "begins with a word" in text),
        ([Shop("/{any}")], lambda text: "begins with a word" in text),
        ([Shop("/healthz")], lambda text: "begins with a word" in text),
        ([Shop("/pictures/a")], lambda text: "feature 'pictures'" in text),
        ([Shop(*(f"/{number}" for number in range(33)))], lambda text: "more than 32" in text),
    ]
    for place, (plugins, told) in enumerate(refused):
        folder = tmp_path / str(place)
        folder.mkdir()
        with pytest.raises(StartError) as error:
            async with seen(folder, plugins=plugins, features=[*FEATURES, feature]):
                pass
        assert told(str(error.value)), str(error.value)


@pytest.mark.parametrize(
    "origin", ["null", "https://a.example/", "a.example", "https://*.example", "ftp://a"]
)
def test_only_an_origin_may_be_listed(tmp_path: Path, origin: str) -> None:
    from imserver.config import load_config

    path = tmp_path / "imserver.toml"
    path.write_text(f'[http]\nframe_ancestors = ["https://a.example", "{origin}"]\n')
    with pytest.raises(ConfigError, match=r"http\.frame_ancestors\[1\]"):
        load_config(path, {})
