"""How far version 1 knows each array by position, written from protocol/SPEC.md alone, like the second reader: `known` cuts a
frame of a later version to what a reader of this one gets. It imports nothing of ours."""

from __future__ import annotations

from typing import Any

#: One value, whatever it is. A list of shapes is an array by position, a tuple of one shape a list of equal things.
VALUE = None
THREE = [VALUE] * 3
ITEM = [VALUE] * 8
SYNC_ROW = [*[VALUE] * 10, (THREE,), *[VALUE] * 4]
LIST_ROW = [*[VALUE] * 5, ITEM, *[VALUE] * 6]
RESULTS: dict[str, Any] = {
    "post": THREE,
    "abandon": [VALUE],
    "history": [(ITEM,), *[VALUE] * 4],
    "sync": [(SYNC_ROW,), *[VALUE] * 4],
    "cursor": [VALUE] * 2,
    "conversations": [(LIST_ROW,), VALUE],
    "create": THREE,
    "edit": THREE,
    "members": ([VALUE] * 2,),
    "users": ([VALUE] * 4,),
    "renew": [VALUE],
    "check": [([VALUE, VALUE, SYNC_ROW],)],
    "changes": [([VALUE] * 4,), VALUE, VALUE],
    "react": THREE,
    "reacted_by": [([VALUE] * 2,), VALUE],
    **dict.fromkeys(("add", "remove", "leave"), [VALUE] * 2),
}
PARAMS = {"post": 3, "abandon": 2, "history": 4, "sync": 2, "cursor": 3, "conversations": 2, "create": 4}
PARAMS |= {"add": 4, "remove": 3, "leave": 2, "edit": 5, "members": 3, "users": 1, "renew": 1}
PARAMS |= {"check": 1, "changes": 3, "react": 4, "reacted_by": 5}
KNOWN = ([VALUE] * 4,)
#: Fields behind the header; of pushes and signals, those behind the kind, by who says it.
FIELDS = {0: 6, 1: 11, 2: 0, 3: 1, 4: 1, 5: 3, 16: 2, 17: 2, 18: 5}
KINDS = {("server", "message"): 6, ("server", "cursor"): 4, ("server", "lagging"): 0}
KINDS |= {("server", "item"): 3, ("server", "about"): 3, ("server", "settings"): 3, ("server", "account"): 2}
KINDS |= {("server", "typing"): 2, ("client", "typing"): 1}
LIMITS = "max_frame_bytes max_content_bytes max_string_bytes max_array_items max_map_items max_requests"
LIMITS += " max_request_bytes max_page_items window_frames window_bytes"


def cut(value: Any, shape: Any) -> Any:
    """The value without what this version does not know; a nil at the end is the same as nothing."""
    if shape is VALUE or type(value) is not list:
        return value
    if isinstance(shape, tuple):
        return [cut(one, shape[0]) for one in value]
    said = [cut(one, part) for one, part in zip(value, shape, strict=False)]
    while said and said[-1] is None:
        del said[-1]
    return said


def known(frame: list[Any], by: str, method: str = "") -> list[Any]:
    """What the frame says to a reader of version 1. `method`: the one that a REPLY answers."""
    kind, fields = frame[0], frame[3:]
    fields = fields[: 1 + KINDS[by, fields[0]] if kind in (6, 19) else FIELDS[kind]]
    if kind == 1:
        fields[9] = {name: limit for name, limit in fields[9].items() if name in LIMITS.split()}
    if kind == 19 and fields[0] == "item":
        fields[3] = cut(fields[3], (THREE,))
    if kind == 16:
        fields[1] = fields[1][: PARAMS[fields[0]]]
        if fields[0] == "check":
            fields[1] = cut(fields[1], [KNOWN])
    if kind == 17:
        fields[1] = cut(fields[1], RESULTS[method])
    return [*frame[:3], *fields]
