"""The page's files over HTTP: parts for a year, documents asked for anew, and words where a part or the pages are not there."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest

from imserver.plugin_api import Context
from imserver.plugins.booking.page_files import PAGES, STAFF_PAGES, PageFiles
from imserver.testing import PluginKit

BODIES = {
    "page.html": b"<!doctype html><title>page</title>" + b"<p>again</p>" * 40,
    "staff.html": b"<!doctype html><title>staff</title>" + b"<p>again</p>" * 40,
    "sw.js": b"self.version = 1;" * 40,
    "manifest.json": b'{"name": "page"}' + b" " * 200,
    "main.AB12CD34.js": b"console.log('main');" * 40,
    "icon.12345678.png": bytes(range(256)),
}


class Pages:
    """A plugin that has nothing but its pages."""

    name = "booking"
    config_type = dict
    migrations = ()

    def __init__(self, folder: Path) -> None:
        self._files = PageFiles(folder)

    async def start(self, context: Context) -> None:
        self._files.offer(context)

    async def stop(self) -> None:
        pass


@pytest.fixture
def built(tmp_path: Path) -> Path:
    for name, body in BODIES.items():
        (tmp_path / name).write_bytes(body)
    parts = [name for name in BODIES if name.count(".") == 2]
    (tmp_path / "parts.json").write_text(json.dumps({"parts": parts}))
    return tmp_path


async def test_a_part_is_kept_for_a_year_and_a_document_is_asked_for_anew(built: Path):
    async with PluginKit(lambda: Pages(built)) as kit:
        part = await kit.http("GET", "/x/booking/pages/main.AB12CD34.js")
        assert (part.status, part.body) == (200, BODIES["main.AB12CD34.js"])
        assert part.content_type == "text/javascript; charset=utf-8"
        assert part.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert "content-encoding" not in part.headers
        for document, paths in (("page.html", PAGES), ("staff.html", STAFF_PAGES)):
            for path in paths:
                page = await kit.http("GET", re.sub(r"\{\w+\}", "garden", path) + "?ref=window")
                assert (page.status, page.headers["cache-control"]) == (200, "no-cache")
                assert page.body == BODIES[document], path
        worker = await kit.http("GET", "/sw.js")
        assert (worker.body, worker.headers["cache-control"]) == (BODIES["sw.js"], "no-cache")
        manifest = await kit.http("GET", "/manifest.webmanifest")
        assert manifest.content_type == "application/manifest+json"


async def test_an_address_that_is_none_has_words_for_people_and_json_for_programs(built: Path):
    async with PluginKit(lambda: Pages(built)) as kit:
        for path in ("/nosuch", "/s/garden/nosuch"):
            page = await kit.http("GET", path, headers={"accept": "text/html,*/*"})
            assert (page.status, page.content_type) == (404, "text/html; charset=utf-8")
            assert isinstance(page.body, bytes)
            assert b"There is no such page" in page.body
            assert (await kit.http("GET", path)).content_type == "application/json"
        part = await kit.http("GET", "/x/booking/nosuch", headers={"accept": "text/html"})
        assert (part.status, part.content_type) == (404, "application/json")


@pytest.mark.parametrize(
    ("accept", "packed"),
    [("gzip, deflate, br", True), ("br;q=1, *;q=0.1", True), ("gzip;q=0, br", False), ("", False)],
)
async def test_text_comes_compressed_to_who_takes_it(built: Path, accept: str, packed: bool):
    async with PluginKit(lambda: Pages(built)) as kit:
        part = await kit.http("GET", "/x/booking/pages/main.AB12CD34.js", headers={"accept-encoding": accept})
        assert part.headers["vary"] == "accept-encoding"
        assert (part.headers.get("content-encoding") == "gzip") is packed
        body = part.body if isinstance(part.body, bytes) else part.body.encode()
        assert (gzip.decompress(body) if packed else body) == BODIES["main.AB12CD34.js"]
        picture = await kit.http(
            "GET", "/x/booking/pages/icon.12345678.png", headers={"accept-encoding": accept}
        )
        assert (picture.body, "content-encoding" in picture.headers) == (BODIES["icon.12345678.png"], False)


async def test_who_has_the_page_is_told_that_it_is_the_same_and_after_a_change_gets_the_new_one(built: Path):
    async with PluginKit(lambda: Pages(built)) as kit:
        known = (await kit.http("GET", "/")).headers["etag"]
        same = await kit.http("GET", "/s/garden", headers={"if-none-match": known})
        assert (same.status, same.body) == (304, b"")
        # What it says replaces what the browser has: it is a document's answer, too.
        assert same.document
    (built / "page.html").write_bytes(b"<!doctype html>another")
    async with PluginKit(lambda: Pages(built)) as kit:
        other = await kit.http("GET", "/", headers={"if-none-match": known})
        assert (other.status, other.body) == (200, b"<!doctype html>another")


async def test_a_part_of_another_version_is_gone_with_words(built: Path):
    async with PluginKit(lambda: Pages(built)) as kit:
        for name in ("main.ZZ99ZZ99.js", "page.html", "parts.json", "%2e%2e%2fplugin.py"):
            gone = await kit.http("GET", f"/x/booking/pages/{name}")
            assert gone.status == 404
            assert json.loads(gone.body)["code"] == "GONE"


async def test_where_the_pages_were_not_made_their_addresses_say_how(tmp_path: Path):
    async with PluginKit(lambda: Pages(tmp_path)) as kit:
        answer = await kit.http("GET", "/")
        assert answer.status == 503
        assert "make pages" in str(answer.body)
        assert "pages_not_made" in kit.log.events("warning")
