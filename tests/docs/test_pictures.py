"""Pictures of the page: each one that is shown exists, and each one that exists is shown."""

from __future__ import annotations

import re

from .console import DOCS

PAGES = [*DOCS.glob("*.md"), DOCS.parent / "README.md"]


def test_pictures_that_are_shown_are_there_and_the_others_are_not():
    shown = {
        (page.parent / source).resolve()
        for page in PAGES
        for source in re.findall(r'<img src="([^"]+)"', page.read_text("utf-8"))
    }
    assert shown == {picture.resolve() for picture in (DOCS / "pictures").iterdir()}
