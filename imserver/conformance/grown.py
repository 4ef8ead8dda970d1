"""What a later version of the server would say (SPEC, section 5.1): more at the ends of arrays, unknown keys in maps."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from imserver.trace.known import METHODS_BY_NAME, PUSHES_BY_KIND, SIGNALS_TOLD
from imserver_protocol.limits import MAX_TAIL_FIELDS
from imserver_protocol.wire.frames import FrameType

#: Of every type that a value may have.
LATER: Final = (7, "later", b"later", [1, [2]], {"later": None}, -1.5, True)


def grow_payload(type_: int, fields: tuple[Any, ...], method: str) -> tuple[Any, ...]:
    """The fields of a REPLY, REFUSAL or PUSH, with more behind them and in them. `method`: what an answer answers."""
    if type_ == FrameType.REPLY and method in METHODS_BY_NAME:
        fields = (fields[0], _grown(METHODS_BY_NAME[method].result, fields[1]))
    elif type_ == FrameType.PUSH and fields[0] in PUSHES_BY_KIND:
        fields = (fields[0], *_grown(PUSHES_BY_KIND[fields[0]], fields[1:]))
    return grow_tail(fields)


def grow_signal(fields: tuple[Any, ...]) -> tuple[Any, ...]:
    return (fields[0], *_grown(SIGNALS_TOLD[fields[0]], fields[1:]))


def grow_tail(fields: tuple[Any, ...]) -> tuple[Any, ...]:
    """More fields, within what a frame may have."""
    return (*fields, *LATER)[:MAX_TAIL_FIELDS] if len(fields) < MAX_TAIL_FIELDS else fields


def _grown(shape: Any, value: Any) -> Any:
    return _by_type(msgspec.inspect.type_info(shape), value)


def _by_type(kind: Any, value: Any) -> Any:
    if isinstance(kind, msgspec.inspect.UnionType):
        kinds = [one for one in kind.types if not isinstance(one, msgspec.inspect.NoneType)]
        return value if value is None or len(kinds) != 1 else _by_type(kinds[0], value)
    if isinstance(kind, msgspec.inspect.StructType):
        told = [_by_type(known.type, item) for known, item in zip(kind.fields, value, strict=False)]
        # What is left out and nil are the same: a later server says nil for what stands before its own.
        return [*told, *[None] * (len(kind.fields) - len(told)), *LATER[:3]]
    if isinstance(kind, msgspec.inspect.VarTupleType):
        return [_by_type(kind.item_type, item) for item in value]
    return value
