"""What a trace shows of values, and what it never shows.

Numbers, ids and lengths are always shown. Texts, maps and lists are what people said and who they are: only their lengths are
shown, unless contents are asked for. Tokens are never shown, wherever they stand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import msgspec.inspect

from imserver_protocol.errors import MalformedFrame
from imserver_protocol.wire.codec import decode_content

#: With these a stranger could be the user, or continue the session.
SECRETS = frozenset({"token", "resume_token", "authorization", "password", "secret"})
#: Sealed by the server and long: nobody learns anything from them.
OPAQUE = frozenset({"place", "since", "next_since"})
#: Texts that name, and say nothing.
NAMES = frozenset(
    {"conversation_id", "device_id", "kind", "reason", "role", "sender_id", "store_epoch", "team", "user_id"}
)
#: What the server's log calls it.
_AS_LOGGED = {"session_id": "session"}
#: A JSON Web Token anywhere in a text.
_TOKEN = re.compile(r"eyJ[\w-]{5,}(\.[\w-]*){0,2}")
_PLAIN = re.compile(r"[\w./:@+~-]+")
HIDDEN = "(hidden)"
#: Characters of a session's id: the same as in the server's log.
SESSION_CHARS = 8
KEY_BYTES = 16
#: Longest text and longest dump of a value that is shown.
MAX_NAME_CHARS = 80
MAX_SHOWN_CHARS = 2000
#: Features that are named; more are counted.
MAX_FEATURES = 32

#: Names of an array's values by position.
Names = Sequence[str]


def fields(
    names: Names, values: Sequence[Any], *, contents: bool, shapes: Mapping[str, Names] | None = None
) -> str:
    """`name=value` for each value by position; what stands behind the known ones is counted."""
    told = [
        f"{_AS_LOGGED.get(name, name)}={value(name, given, contents=contents, inner=(shapes or {}).get(name))}"
        for name, given in zip(names, values, strict=False)
    ]
    if len(values) > len(names):
        told.append(f"+{len(values) - len(names)} more")
    return " ".join(told)


def value(name: str, given: Any, *, contents: bool, inner: Names | None = None) -> str:
    """A value that stands under a name. `inner`: names of the values in each of its arrays."""
    if name in SECRETS:
        return HIDDEN
    if given is None:
        return "nil"
    if isinstance(given, bool):
        return "yes" if given else "no"
    if isinstance(given, int | float):
        return str(given)
    if name == "session_id":
        return word(given[:SESSION_CHARS]) if isinstance(given, str) else HIDDEN
    if name == "resume":  # [session_id, resume_token]
        named = isinstance(given, tuple) and given and isinstance(given[0], str)
        return word(given[0][:SESSION_CHARS]) if named else HIDDEN
    if name == "key" and isinstance(given, bytes) and len(given) == KEY_BYTES:
        return given.hex()
    if isinstance(given, str) and name in NAMES:
        return word(given)
    if name == "features" and len(given) <= MAX_FEATURES and all(isinstance(item, str) for item in given):
        return f"[{', '.join(map(word, given))}]"
    if contents and name not in OPAQUE:
        return _dump(name, given, inner)
    return length(given)


def word(text: str) -> str:
    """A name: bare if it can be, else quoted; cut if it is long."""
    text = _TOKEN.sub(HIDDEN, text)
    if len(text) > MAX_NAME_CHARS:
        text = text[:MAX_NAME_CHARS] + "…"
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def length(given: Any) -> str:
    """What a hidden value is, and how much of it."""
    if isinstance(given, str):
        return f"({len(given)} chars)" if given else '""'
    if isinstance(given, bytes):
        return f"({len(given)} B)"
    if isinstance(given, Mapping):
        return f"{{{len(given)}}}"
    if all(type(item) is int for item in given) and 0 < len(given) <= 4:
        return "[" + ", ".join(map(str, given)) + "]"
    return f"[{len(given)}]"


def _dump(name: str, given: Any, inner: Names | None) -> str:
    text = json.dumps(_open(name, given, inner), ensure_ascii=False)
    return text if len(text) <= MAX_SHOWN_CHARS else f"{text[:MAX_SHOWN_CHARS]}… ({len(text)} chars)"


def _open(name: str, given: Any, inner: Names | None) -> Any:
    """The value for a dump, without secrets; bytes are a length, but for a content, which is decoded."""
    if name in SECRETS:
        return HIDDEN
    if name in OPAQUE and given is not None:
        return length(given)
    if isinstance(given, str):
        return _TOKEN.sub(HIDDEN, given)
    if isinstance(given, bytes):
        if name == "key" and len(given) == KEY_BYTES:
            return given.hex()
        if name != "content":
            return length(given)
        try:
            given = decode_content(given)
        except MalformedFrame as fault:
            return f"{length(given)}: {fault}"
    if isinstance(given, Mapping):
        return {_TOKEN.sub(HIDDEN, key): _open(key, item, None) for key, item in given.items()}
    if isinstance(given, tuple):
        if inner is not None and all(isinstance(item, tuple) for item in given):
            return [
                {key: _open(key, item, None) for key, item in zip(inner, row, strict=False)} for row in given
            ]
        return [_open("", item, None) for item in given]
    return given


@cache
def names_of(shape: Any) -> tuple[Names, Mapping[str, Names]]:
    """The names of a shape's fields, and of the values in those of them that are lists of shapes."""
    told = msgspec.inspect.type_info(shape)
    if not isinstance(told, msgspec.inspect.StructType):
        return (), {}
    inner = {field.name: rows for field in told.fields if (rows := _rows(field.type)) is not None}
    return tuple(field.name for field in told.fields), inner


def row_names_of(shape: Any) -> Names | None:
    """The names in each row of a result that is a list of shapes."""
    return _rows(msgspec.inspect.type_info(shape))


def _rows(told: Any) -> Names | None:
    if isinstance(told, msgspec.inspect.UnionType):
        return next((rows for one in told.types if (rows := _rows(one)) is not None), None)
    item = getattr(told, "item_type", None)
    if isinstance(item, msgspec.inspect.UnionType):
        item = next((one for one in item.types if isinstance(one, msgspec.inspect.StructType)), None)
    return (
        tuple(field.name for field in item.fields) if isinstance(item, msgspec.inspect.StructType) else None
    )
