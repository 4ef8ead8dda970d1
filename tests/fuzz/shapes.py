"""Right values of the wire's shapes, made from the descriptors: a method that is new is fuzzed, too."""

from __future__ import annotations

from typing import Any

import msgspec.inspect as shapes

from tests.support.methods import METHODS, PUSHES, SIGNALS

#: What a server tells a client.
TOLD: tuple[Any, ...] = (
    *(method.result for method in METHODS),
    *(push.fields for push in PUSHES),
    *(signal.told for signal in SIGNALS),
)


def right(shape: Any) -> Any:
    """A value of this shape, as the codec reads it; the same at every call."""
    return _right(shapes.type_info(shape))


def _right(kind: shapes.Type) -> Any:
    match kind:
        case shapes.StructType():
            return tuple(_right(field.type) for field in kind.fields)
        case shapes.VarTupleType() | shapes.ListType():
            return (_right(kind.item_type),)
        case shapes.UnionType():
            return _right(next(one for one in kind.types if not isinstance(one, shapes.NoneType)))
        case shapes.IntType():
            return 1
        case shapes.StrType():
            return "c"
        case shapes.BytesType():
            return b"\x80"
        case shapes.BoolType():
            return False
        case shapes.DictType():
            return {}
        case shapes.EnumType():
            return next(iter(kind.cls)).value
    raise AssertionError(f"no shape has a {kind} yet: say here what is right")
