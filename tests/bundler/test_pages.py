"""The pages' bundler, on a page of few lines: names that hold a hash, parts on demand, and a worker that knows all parts."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from clients.bundler.npm import ToolMissing, installed
from clients.bundler.pages import ADDRESS, BOOKING, ROOT, Pages, SourceFault

SOURCES = {
    "main.js": 'import { words } from "./words.js"; addEventListener("click", () => import("./later.js")); '
    "document.title = words;",
    "words.js": "export const words = ['你好'];",
    "later.js": 'import { words } from "./words.js"; document.body.append(words, "later");',
    "style/index.css": '@import "./base.css";',
    "style/base.css": "body { color: red }",
    "offline/worker.js": "self.parts = BUILT_PARTS; self.version = BUILT_VERSION;",
    "page.html": '<!doctype html>{{head}}<link rel="icon" href="{{asset icon.svg}}">{{icons}}',
    "manifest.json": '{"icons": [{"src": "{{asset icon.svg}}"}]}',
    "icons.svg": "<svg>\n  <symbol id='phone'/>\n</svg>",
    "assets/icon.svg": "<svg/>",
}


@pytest.fixture
def pages(tmp_path: Path) -> Pages:
    try:
        installed(ROOT / "clients" / "bundler")
    except ToolMissing as missing:
        pytest.skip(str(missing))
    for name, text in SOURCES.items():
        path = tmp_path / "src" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return Pages(tmp_path)


def parts(pages: Pages) -> dict[str, str]:
    """What is made, by name without its hash; parts without a name of their own under `chunk`."""
    listed = json.loads((pages.built / "parts.json").read_text("utf-8"))["parts"]
    return {re.sub(r"\.\w{8}\.", ".", name): name for name in listed}


def test_a_page_names_each_part_by_its_hash_and_leaves_the_rest_for_later(pages: Pages):
    assert pages.build()
    made = parts(pages)
    assert set(made) == {"main.js", "chunk.js", "later.js", "style.css", "icon.svg"}
    page = (pages.built / "page.html").read_text("utf-8")
    for name in ("main.js", "chunk.js", "style.css", "icon.svg"):
        assert ADDRESS + made[name] in page
    assert made["later.js"] not in page
    assert "<svg><symbol id='phone'/></svg>" in page
    assert "你好" in (pages.built / made["chunk.js"]).read_text("utf-8")
    assert "color:red" in (pages.built / made["style.css"]).read_text("utf-8")
    assert ADDRESS + made["icon.svg"] in (pages.built / "manifest.json").read_text("utf-8")


def test_screens_with_a_sheet_of_their_own_have_a_document_that_names_what_they_need(pages: Pages):
    main = SOURCES["main.js"] + 'addEventListener("keydown", () => import("./staff/screens.js"));'
    of_staff = {"style/staff.css": "p { color: blue }", "staff/screens.js": "document.body.append('staff');"}
    for name, text in {"main.js": main, **of_staff}.items():
        (pages.source / name).parent.mkdir(exist_ok=True)
        (pages.source / name).write_text(text, encoding="utf-8")
    pages.build()
    made = parts(pages)
    page, staff = ((pages.built / name).read_text("utf-8") for name in ("page.html", "staff.html"))

    def early(document: str) -> set[str]:
        return {
            name for name in made if f'<link rel="modulepreload" href="{ADDRESS}{made[name]}">' in document
        }

    assert (early(page), early(staff)) == ({"chunk.js"}, {"chunk.js", "screens.js"})
    sheet = f'<link rel="stylesheet" href="{ADDRESS}{made["staff.css"]}">'
    assert (sheet in page, sheet in staff) == (False, True)


def test_a_worker_is_told_all_parts_and_another_version_after_each_change(pages: Pages):
    pages.build()
    worker = (pages.built / "sw.js").read_text("utf-8")
    assert all(ADDRESS + name in worker for name in parts(pages).values())
    (pages.source / "page.html").write_text(SOURCES["page.html"] + "<p>new", encoding="utf-8")
    pages.build()
    assert (pages.built / "sw.js").read_text("utf-8") != worker


def test_a_change_gives_that_part_another_name_and_no_change_makes_nothing(pages: Pages):
    pages.build()
    before = parts(pages)
    assert not pages.build()
    (pages.source / "style" / "base.css").write_text("body { color: green }", encoding="utf-8")
    assert pages.build()
    after = parts(pages)
    assert {name for name in before if before[name] != after[name]} == {"style.css"}
    assert not (pages.built / before["style.css"]).exists()


def test_a_fault_in_the_sources_leaves_what_was_made(pages: Pages):
    pages.build()
    (pages.source / "words.js").write_text("export const other = 1;", encoding="utf-8")
    with pytest.raises(SourceFault):
        pages.build()
    assert (pages.built / "page.html").exists()
    assert not pages.current()
    assert [path.name for path in pages.folder.iterdir() if path.name.startswith(".")] == []


def test_what_is_vendored_is_what_its_list_says():
    vendor = BOOKING.folder / "vendor"
    hashes = {
        name: value
        for one in json.loads((vendor / "vendored.json").read_text("utf-8"))
        for name, value in one["sha256"].items()
    }
    assert {name: hashlib.sha256((vendor / name).read_bytes()).hexdigest() for name in hashes} == hashes
    ours = {"vendored.json", "standalone.module.d.ts"}
    assert {path.name for path in vendor.iterdir()} - ours == set(hashes)
