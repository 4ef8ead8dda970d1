"""What a request says: the part of its params that tells it from others."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

_NO_DEFAULT: Final = object()


def said_of(params: Any) -> list[Any]:
    """The params without the key, up to the last that is not its default: one that is added later leaves what was said before
    as it was."""
    kind: Any = type(params)
    names, defaults = _fields(kind)
    said = [getattr(params, name) for name in names]
    while said and said[-1] == defaults[len(said) - 1]:
        said.pop()
    return (
        [value for name, value in zip(names, said, strict=False) if name != "key"] if "key" in names else said
    )


@cache
def _fields(kind: Any) -> tuple[tuple[str, ...], tuple[Any, ...]]:
    """The names of the params, in their order, and the default of each."""
    names, ends = kind.__struct_fields__, kind.__struct_defaults__
    return names, (*(_NO_DEFAULT,) * (len(names) - len(ends)), *ends)
