"""What a later version says: values and frames with more behind every array by position (SPEC, "What may grow").

Which arrays those are follows from the shapes of methods, pushes, signals and frames. Fixed pairs and lists of equal things
stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

import msgspec.inspect as shapes

from imserver_protocol.limits import MAX_TAIL_FIELDS
from imserver_protocol.wire import frames
from imserver_protocol.wire.frames import HEADER_FIELDS, FrameType
from tests.support.methods import METHODS, PUSHES, SIGNALS

#: Two fields and a map that nobody knows.
BEHIND: tuple[Any, ...] = (7, "later", {"x-later": (1, {"x": None})})
#: What a map has whose keys are named by the SPEC.
UNKNOWN_KEYS: dict[str, Any] = {"x-later": (1, {}), "max_of_later": "much"}

PARAMS: dict[str, Any] = {method.name: method.params for method in METHODS}
RESULTS: dict[str, Any] = {method.name: method.result for method in METHODS}
TOLD: dict[tuple[int, str], Any] = {
    **{(FrameType.PUSH, push.kind): push.fields for push in PUSHES},
    **{(FrameType.SIGNAL, signal.kind): signal.told for signal in SIGNALS},
}
SAID: dict[tuple[int, str], Any] = {(FrameType.SIGNAL, signal.kind): signal.said for signal in SIGNALS}
_FRAMES: dict[int, Any] = {
    kind: getattr(frames, kind.name.title())
    for kind in FrameType
    if kind not in (FrameType.PUSH, FrameType.SIGNAL)
}
#: Fields of structs that are not on the wire.
_OURS = {("Hello", "ack")}


def grown(value: Any, shape: Any) -> Any:
    """The value of this shape as a later version says it. What does not fit the shape stays as it is."""
    return _grown(value, shapes.type_info(shape))


def _grown(value: Any, kind: shapes.Type) -> Any:
    match kind:
        case shapes.StructType():
            fields = [field for field in kind.fields if (kind.cls.__name__, field.name) not in _OURS]
            needed = sum(field.required for field in fields)
            if not isinstance(value, list | tuple) or len(value) < needed:
                return value
            said = [_grown(one, field.type) for one, field in zip(value, fields, strict=False)]
            left_out = [_on_the_wire(field.default) for field in fields[len(value) :]]
            return (*said, *left_out, *value[len(fields) :], *BEHIND)
        case shapes.VarTupleType() | shapes.ListType():
            return tuple(_grown(one, kind.item_type) for one in value) if _is_array(value) else value
        case shapes.UnionType():
            inner = [one for one in kind.types if not isinstance(one, shapes.NoneType)]
            return value if value is None else _grown(value, inner[0])
        case _:
            return value


def _on_the_wire(default: Any) -> Any:
    return default.value if isinstance(default, Enum) else default


def _is_array(value: Any) -> bool:
    return isinstance(value, list | tuple)


def grown_frame(frame: Any, *, by: str, method_of: Callable[[int], str | None] = lambda seq: None) -> Any:
    """The frame as a later peer says it: the frame itself, and whatever in it stands by position.

    `by` is `client` or `server`; `method_of` tells which method a request asked.
    """
    header, fields = tuple(frame[:HEADER_FIELDS]), tuple(frame[HEADER_FIELDS:])
    kind = frame[0]
    match kind:
        case FrameType.PUSH | FrameType.SIGNAL if fields:
            shape = (TOLD if by == "server" else SAID).get((kind, fields[0]))
            rest = grown(fields[1:], shape) if shape is not None else (*fields[1:], *BEHIND)
            return (*header, fields[0], *rest)[: HEADER_FIELDS + MAX_TAIL_FIELDS]
        case FrameType.REQUEST if len(fields) > 1 and fields[0] in PARAMS:
            fields = (fields[0], grown(fields[1], PARAMS[fields[0]]), *fields[2:])
        case FrameType.REPLY if len(fields) > 1 and (method := method_of(fields[0]) or "") in RESULTS:
            fields = (fields[0], grown(fields[1], RESULTS[method]), *fields[2:])
        case FrameType.WELCOME:
            fields = tuple(one | UNKNOWN_KEYS if isinstance(one, dict) else one for one in fields)
    shape = _FRAMES.get(kind)
    if shape is None:
        return (*header, *fields)
    info = shapes.type_info(shape)
    assert isinstance(info, shapes.StructType)
    known = len([field for field in info.fields if (shape.__name__, field.name) not in _OURS])
    if len(fields) < known:
        return (*header, *fields)  # a fault: growth does not mend it
    return (*header, *fields, *BEHIND)[: HEADER_FIELDS + MAX_TAIL_FIELDS]


def arrays_by_position(shape: Any) -> int:
    """How many kinds of them a shape has, itself included: a test that grows none proves nothing."""
    return _count(shapes.type_info(shape))


def _count(kind: shapes.Type) -> int:
    match kind:
        case shapes.StructType():
            return 1 + sum(_count(field.type) for field in kind.fields)
        case shapes.VarTupleType() | shapes.ListType():
            return _count(kind.item_type)
        case shapes.UnionType():
            return sum(_count(one) for one in kind.types)
        case _:
            return 0
