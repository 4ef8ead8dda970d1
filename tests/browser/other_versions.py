"""The server of another day, for an open page: ours with a newer page in it, or without a method that it did not have yet.

A tree of links to our packages holds what differs as files of its own; a server runs it as its next life
(`ServerProcess.packages`).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from clients.bundler.pages import BOOKING, ROOT, Pages

#: What the page's main button says, and what it says in the newer one.
NOW, NEWER = "Book an eye exam", "Book your eye exam"
PAGES = BOOKING.folder.relative_to(ROOT)
#: Where the method is named by which a page asks for one's own, and what no page of today asks for.
ASKED = Path("imserver/plugins/booking/schedule/asked.py")
MINE, EARLIER = '"x-booking.mine", MineParams', '"x-booking.own", MineParams'


def with_newer_page(folder: Path) -> Path:
    """A server whose page was made of other sources than ours. Returns where its packages are."""
    sources = folder / PAGES
    shutil.copytree(BOOKING.source, sources / "src")
    (sources / "vendor").symlink_to(BOOKING.folder / "vendor")
    (folder / "clients").symlink_to(ROOT / "clients")
    changed = 0
    for words in sources.rglob("*.js"):
        text = words.read_text("utf-8")
        if NOW in text:
            words.write_text(text.replace(NOW, NEWER), encoding="utf-8")
            changed += 1
    assert changed, f"nobody says {NOW!r}"
    Pages(sources).build()
    _link(folder / "imserver", ROOT / "imserver", {PAGES.relative_to("imserver")})
    return folder


def without_mine(folder: Path, *, compiled: Path) -> Path:
    """A server whose pages asked for one's own by another method. Returns where its packages are. `compiled`: another tree,
    whose server has compiled all that the two have in common."""
    cache = compiled / "pycache"
    cache.mkdir(exist_ok=True)
    (folder / "pycache").symlink_to(cache)
    text = (ROOT / ASKED).read_text("utf-8")
    assert text.count(MINE) == 1
    (folder / ASKED).parent.mkdir(parents=True)
    (folder / ASKED).write_text(text.replace(MINE, EARLIER), encoding="utf-8")
    _link(folder / "imserver", ROOT / "imserver", {ASKED.relative_to("imserver")})
    return folder


def _link(folder: Path, ours: Path, own: set[Path]) -> None:
    """Make `folder` the same as `ours`, but for what it has of its own, by paths below it."""
    folder.mkdir(parents=True, exist_ok=True)
    inside: Mapping[str, set[Path]] = {
        name: {Path(*path.parts[1:]) for path in own if path.parts[0] == name} for name in os.listdir(ours)
    }
    for name, deeper in inside.items():
        if name == "__pycache__" or Path() in deeper:
            continue
        if deeper:
            _link(folder / name, ours / name, deeper)
        else:
            (folder / name).symlink_to(ours / name)
