"""A chain as the text of a chain file: the way back from plain maps and lists to TOML."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")
#: Characters that JSON leaves as they are, and TOML does not.
_DELETE = "\x7f"
#: A longer list stands over several lines.
_LINE = 110


def as_toml(tree: Mapping[str, Any]) -> str:
    """The whole file. Reading it gives the same maps and lists."""
    return "\n".join(_table(tree, ())).strip("\n") + "\n"


def _table(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    """A table's own lines first, then the tables within it: behind a header all lines are that table's."""
    inner: list[tuple[str, Any]] = []
    for name, value in table.items():
        if _is_inline(value):
            yield f"{_key(name)} = {_value(value)}"
        else:
            inner.append((name, value))
    for name, value in inner:
        header = ".".join(map(_key, (*path, name)))
        for one in value if isinstance(value, list) else (value,):
            yield ""
            yield f"[[{header}]]" if isinstance(value, list) else f"[{header}]"
            yield from _table(one, (*path, name))


def _is_inline(value: Any) -> bool:
    if isinstance(value, Mapping):
        return 0 < len(value) <= 2 and all(isinstance(one, str) for one in value.values())
    if isinstance(value, list):
        return all(_is_inline(one) if isinstance(one, Mapping) else True for one in value)
    return True


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(name)} = {_value(one)}" for name, one in value.items()) + " }"
    if isinstance(value, Sequence):
        return _list([_value(one) for one in value])
    return str(value)


def _list(items: list[str]) -> str:
    line = f"[{', '.join(items)}]"
    return line if len(line) <= _LINE else "[\n" + "".join(f"    {item},\n" for item in items) + "]"


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else quoted(name)


def quoted(text: str) -> str:
    """A text as TOML writes it. Escapes of JSON are escapes of TOML, too."""
    return json.dumps(text, ensure_ascii=False).replace(_DELETE, "\\u007f")
