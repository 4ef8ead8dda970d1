"""What a request says: the part of its params that tells it from others."""

from __future__ import annotations

from typing import Any


def said_of(params: Any) -> list[Any]:
    """The params without the key, up to the last that is not its default: one that is added later leaves what was said before
    as it was."""
    kind = type(params)
    names, ends = kind.__struct_fields__, kind.__struct_defaults__
    values = [(name, getattr(params, name)) for name in names]
    defaults = dict(zip(reversed(names), reversed(ends), strict=False))
    while values and values[-1][0] in defaults and values[-1][1] == defaults[values[-1][0]]:
        values.pop()
    return [value for name, value in values if name != "key"]
