"""Bounds of contents and pages, unless a server is configured otherwise (SPEC, "Limits", "Methods")."""

from __future__ import annotations

from typing import Final

#: A message is text and references, never a file.
MAX_CONTENT_BYTES: Final = 32 * 1024
#: Items of a page of `history` and rows of `sync`: half a frame rarely holds more.
MAX_PAGE_ITEMS: Final = 200
#: Items or rows of a page whose asker names no number: some screens full.
PAGE_ITEMS: Final = 50
#: Members in one reply of `members`; while pages are full, the client asks for those after the last one.
MAX_MEMBERS_PAGE: Final = 200
#: Most user ids in one `users` request: half a frame has room for their names.
MAX_USERS_ASKED: Final = 100
#: Most conversations in one `check` request: their places fill half a frame.
MAX_CHECKED: Final = 100
