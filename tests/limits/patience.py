"""Posts that are offered until they are taken."""

from __future__ import annotations

from typing import Any

import msgpack

from tests.limits.raw import Answer, Raw, said

INVALID, UNKNOWN_METHOD, FORBIDDEN, NOT_FOUND, KEY_REUSED = 600, 601, 602, 603, 604


TOO_LARGE, EPOCH_CHANGED, RATE_LIMITED, HELD = 606, 608, 700, 701


HERE, THEIRS = "direct/alice/eve", "direct/ann/ben"


KEY = b"k" * 16


def content(value: Any) -> bytes:
    data: bytes = msgpack.packb(value)
    return data


#: method, parameters, code.
REFUSED: list[tuple[str, tuple[Any, ...], int]] = [
    ("frobnicate", (), UNKNOWN_METHOD),
    ("", (), UNKNOWN_METHOD),
    ("POST", (HERE, KEY, said("x")), UNKNOWN_METHOD),
    ("x" * 2000, (), UNKNOWN_METHOD),
    # what is not of the right kind
    ("post", (), INVALID),
    ("post", (HERE, KEY), INVALID),
    ("post", (HERE, KEY, None), INVALID),
    ("post", (HERE, "k" * 16, said("x")), INVALID),
    ("post", (HERE, KEY, "gaR0eXBlpHRleHQ="), INVALID),
    ("post", (7, KEY, said("x")), INVALID),
    ("post", (HERE, b"short", said("x")), INVALID),
    ("post", (HERE, b"k" * 17, said("x")), INVALID),
    ("post", (HERE, KEY, b""), INVALID),
    ("post", (HERE, KEY, b"\xc1"), INVALID),
    ("post", (HERE, KEY, content([])), INVALID),
    ("post", (HERE, KEY, content({})), INVALID),
    ("post", (HERE, KEY, content({"type": 7})), INVALID),
    ("post", (HERE, KEY, content({"type": ""})), INVALID),
    ("post", (HERE, KEY, content({"type": "text"})), INVALID),
    ("post", (HERE, KEY, content({"type": "text", "text": b"x"})), INVALID),
    ("post", (HERE, KEY, content({"type": "system", "event": "added"})), INVALID),
    ("post", (HERE, KEY, content({"type": "text", "text": "x", "n": 2**60})), INVALID),
    ("post", (HERE, KEY, content({"type": "text", "text": "x", "n": float("nan")})), INVALID),
    ("post", (HERE, KEY, said("x") + b"\xc0"), INVALID),
    ("history", (HERE, 1, 2), INVALID),
    ("history", (HERE, None, None, 0), INVALID),
    ("history", (HERE, "1"), INVALID),
    ("sync", (None, 0), INVALID),
    ("sync", (None, True), INVALID),
    ("sync", ("rubbish",), EPOCH_CHANGED),
    ("conversations", ("rubbish",), EPOCH_CHANGED),
    ("conversations", (None, -1), INVALID),
    ("cursor", (THEIRS, -1), NOT_FOUND),
    ("cursor", ("", 1), NOT_FOUND),
    ("create", (KEY, "direct", "t", ["ann"]), INVALID),
    ("create", (KEY, "party", "t", []), INVALID),
    ("create", (KEY, "group", "t" * 201, []), INVALID),
    ("create", (KEY, "group", "t", ["nobody"]), NOT_FOUND),
    ("create", (b"", "group", "t", []), INVALID),
    ("users", (["x"] * 101,), TOO_LARGE),
    ("check", ([["c", "", 0, 0]] * 101,), TOO_LARGE),
    ("check", (), INVALID),
    ("check", ([["c", "", 0]],), INVALID),
    ("check", ([["c", "", -1, 0]],), INVALID),
    ("check", ([["c", "", 0, -1]],), INVALID),
    ("check", ([["c", None, 0, 0]],), INVALID),
    ("renew", (b"token",), INVALID),
    # what is too long
    ("post", (HERE, KEY, said("x" * 32_768)), TOO_LARGE),
    # what belongs to others, and what does not exist, look the same
    ("post", (THEIRS, KEY, said("x")), NOT_FOUND),
    ("post", ("direct/eve/nobody", KEY, said("x")), NOT_FOUND),
    ("post", ("direct/eve/eve", KEY, said("x")), NOT_FOUND),
    ("post", ("direct/eve/alice", KEY, said("x")), NOT_FOUND),  # not the canonical order
    ("post", ("group/" + "0" * 32, KEY, said("x")), NOT_FOUND),
    ("post", ("", KEY, said("x")), NOT_FOUND),
    ("post", ("x" * 5000, KEY, said("x")), NOT_FOUND),
    ("history", (THEIRS,), NOT_FOUND),
    ("history", ("direct/ann/nobody",), NOT_FOUND),
    ("cursor", (THEIRS, 1), NOT_FOUND),
    ("members", (THEIRS,), NOT_FOUND),
    ("members", ("group/unheard-of",), NOT_FOUND),
    ("add", (THEIRS, KEY, "eve"), NOT_FOUND),
    ("remove", (THEIRS, KEY, "ann"), NOT_FOUND),
    ("leave", (THEIRS, KEY), NOT_FOUND),
    ("edit", (THEIRS, KEY, 1, None, said("x")), NOT_FOUND),
]


async def patiently(raw: Raw, method: str, *params: Any, but: int = 0) -> Answer:
    """Ask again for as long as it is refused RATE_LIMITED: each attempt is a round trip, so this does not spin for free."""
    for _ in range(100_000):
        answer = await raw.ask(method, *params)
        if answer.code != RATE_LIMITED or answer.code == but:
            return answer
    raise AssertionError("rate limited for ever")
