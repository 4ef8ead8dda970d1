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
#: `unread` in a row of `conversations` is exact below this number, and this number says "more".
MORE_UNREAD: Final = 100
#: So many of the newest messages are looked at for it: among older ones, one's own are unread as well.
UNREAD_MESSAGES: Final = 200
#: Most user ids in one `users` request: half a frame has room for their names.
MAX_USERS_ASKED: Final = 100
#: Most conversations in one `check` request: their places fill half a frame.
MAX_CHECKED: Final = 100
#: State that is no message, in msgpack's shortest form: one value; what an item shows (for everybody, for one user); and a map
#: of a conversation, of a user's settings there, or of an account.
MAX_VALUE_BYTES: Final = 512
MAX_ITEM_STATE_BYTES: Final = 1024
MAX_STATE_BYTES: Final = 2048
#: Containers in containers that a value may be made of: in a row of a reply it lies deep enough.
MAX_VALUE_NESTING: Final = 8
#: Most items whose state changes in one step, and so in one push.
MAX_ITEMS_A_CHANGE: Final = 16
#: Rows of a page of `changes`.
MAX_CHANGES_PAGE: Final = 200
#: In larger conversations a push tells that the state of items has changed, and not to what.
MAX_STATE_AUDIENCE: Final = 50
#: Questions of one session of which it hears when they have another answer: more than a screen shows at once.
MAX_QUESTIONS: Final = 16
#: What such a question may say: it is remembered, and pushed again and again.
MAX_QUESTION_BYTES: Final = 1024
