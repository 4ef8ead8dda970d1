"""Reading a tree of plain values as structs, with every fault in words: where it stands, what stands there, what is wanted.

`read` never gives up at the first fault. A field that is wrong is replaced by a stand-in of its type, so that the rest can be
judged too; what is said of a stand-in afterwards is nobody's fault, and `apart` leaves it out.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import Meta, Struct

S = TypeVar("S", bound=Struct)

#: From the root to the field: names of fields, ids of the elements of lists, or their places.
Path = tuple[str, ...]

#: A value is shown up to so many characters.
_SHOWN = 40


class Fault(NamedTuple):
    """`str` is the whole line: `stores.garden.hours.mon: 09:00-1400: a span looks like 09:00-14:00`."""

    path: Path
    text: str

    def __str__(self) -> str:
        return f"{spelled(self.path)}: {self.text}" if self.path else self.text


def spelled(path: Path) -> str:
    """A path as people read it: `stores.garden.hours.mon`, `services[2].minutes`."""
    return "".join(part if part.startswith("[") else f".{part}" for part in path).removeprefix(".")


def element(index: int, value: object) -> str:
    """How an element of a list is called: by its id, or by its place from 1."""
    name = value.get("id") if isinstance(value, Mapping) else getattr(value, "id", None)
    return name if isinstance(name, str) and name else f"[{index + 1}]"


def close(name: str, names: Iterable[str]) -> str:
    """`; did you mean exam?` if one of the names is near; "" otherwise."""
    found = get_close_matches(name, list(names), n=1)
    return f"; did you mean {found[0]}?" if found else ""


#: Of a value of some type: how it is spelled, if what is meant is clear; "" otherwise.
Meant = Callable[[str], str]


def read(
    tree: Any, kind: type[S], words: Mapping[Any, str], meant: Mapping[Any, Meant]
) -> tuple[S, list[Fault]]:
    """`tree` as a `kind`, and all faults of its shape. `words` says what is wanted of the types that it names, and `meant` what
    somebody probably meant there."""
    reader = _Reader(words, meant)
    value: S = reader.struct(tree, kind, ())
    return value, reader.faults


def apart(faults: Iterable[Fault], from_those: Sequence[Fault]) -> list[Fault]:
    """The faults that do not speak of what was replaced by a stand-in."""
    return [
        fault
        for fault in faults
        if not any(
            fault.path[: len(other.path)] == other.path or other.path[: len(fault.path)] == fault.path
            for other in from_those
        )
    ]


class _Reader:
    def __init__(self, words: Mapping[Any, str], meant: Mapping[Any, Meant]) -> None:
        self._words = words
        self._meant = meant
        self.faults: list[Fault] = []

    def struct(self, value: Any, kind: type[Any], path: Path) -> Any:
        if not isinstance(value, dict):
            self._fault(path, value, self._wanted(kind))
            return _stand_in(kind)
        fields = {field.name: field for field in msgspec.structs.fields(kind)}
        for name in value:
            if name not in fields:
                meant = close(name, fields) or f" (there are: {', '.join(fields)})"
                self.faults.append(Fault((*path, name), f"there is no such field{meant}"))
        read: dict[str, Any] = {}
        for name, field in fields.items():
            if name in value:
                read[name] = self._value(value[name], field.type, (*path, name))
            elif field.required:
                self.faults.append(Fault((*path, name), f"is missing; {self._wanted(field.type)}"))
                read[name] = _stand_in(field.type)
        return kind(**read)

    def _value(self, value: Any, kind: Any, path: Path) -> Any:
        origin, arguments = get_origin(kind), get_args(kind)
        if isinstance(kind, type) and issubclass(kind, Struct):
            return self.struct(value, kind, path)
        if origin in (Union, types.UnionType):
            return self._value(value, next(one for one in arguments if one is not type(None)), path)
        if origin is tuple:
            return self._list(value, arguments[0], path)
        if origin is dict:
            return self._map(value, arguments, path)
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError:
            self._fault(path, value, f"{self._wanted(kind)}{self._instead(value, kind)}")
            return _stand_in(kind)

    def _instead(self, value: Any, kind: Any) -> str:
        """What was probably meant by a value."""
        if not isinstance(value, str):
            return ""
        spelled_so = self._meant[kind](value) if kind in self._meant else ""
        if spelled_so:
            return f"; did you mean {spelled_so}?"
        try:
            msgspec.convert(value, kind, strict=False)
        except msgspec.ValidationError:
            return ""
        return ", without quotes"

    def _list(self, value: Any, kind: Any, path: Path) -> tuple[Any, ...]:
        if not isinstance(value, list):
            example = f': ["{value}"]' if isinstance(value, str) and len(value) <= _SHOWN else ""
            self._fault(path, value, f"a list is wanted here, in brackets{example}")
            return ()
        plain = not (isinstance(kind, type) and issubclass(kind, Struct))
        read = []
        for index, one in enumerate(value):
            found = len(self.faults)
            made = self._value(one, kind, path if plain else (*path, element(index, one)))
            if (
                not plain or len(self.faults) == found
            ):  # a plain one has no place that a later fault could name
                read.append(made)
        return tuple(read)

    def _map(self, value: Any, arguments: tuple[Any, ...], path: Path) -> dict[str, Any]:
        if not isinstance(value, dict):
            self._fault(path, value, _FIELDS)
            return {}
        read = {}
        for name, one in value.items():
            try:
                msgspec.convert(name, arguments[0])
            except msgspec.ValidationError:
                self._fault((*path, name), name, self._wanted(arguments[0]))
                continue
            read[name] = self._value(one, arguments[1], (*path, name))
        return read

    def _fault(self, path: Path, value: Any, wanted: str) -> None:
        shown = value if isinstance(value, str) else _as_written(value)
        self.faults.append(Fault(path, f"{shown[:_SHOWN]}{'…' * (len(shown) > _SHOWN)}: {wanted}"))

    def _wanted(self, kind: Any) -> str:
        """What is wanted of a type, in words."""
        if kind in self._words:
            return self._words[kind]
        origin, arguments = get_origin(kind), get_args(kind)
        if origin is Annotated:
            bounds = next((one for one in arguments[1:] if isinstance(one, Meta)), None)
            least, most = (bounds.ge, bounds.le) if bounds is not None else (None, None)
            if least is not None and most is not None:
                return f"a whole number from {least:g} to {most:g} is wanted"
            if get_origin(arguments[0]) is tuple and bounds is not None and bounds.min_length:
                return f"a list of at least {bounds.min_length} is wanted, in brackets"
            return self._wanted(arguments[0])
        if origin is Literal:
            return f"one of {', '.join(_as_written(one) for one in arguments)} is wanted"
        if origin in (Union, types.UnionType):
            return self._wanted(arguments[0])
        if origin is tuple:
            return "a list is wanted here, in brackets"
        if isinstance(kind, type) and issubclass(kind, Struct):
            return _wanted_fields(kind)
        if origin is dict:
            return _FIELDS
        return _PLAIN.get(kind, "something else is wanted")


_FIELDS = "fields are wanted here, `name = value`"


def _wanted_fields(kind: type[Struct]) -> str:
    """A struct of nothing but texts is shown whole: `{ zh = "…", en = "…" }`."""
    fields = msgspec.structs.fields(kind)
    if not all(field.type is str and field.required for field in fields):
        return _FIELDS
    shown = ", ".join(f'{field.name} = "…"' for field in fields)
    return f"fields are wanted here, {{ {shown} }}"


_PLAIN: Mapping[Any, str] = {
    str: "a text in quotes is wanted",
    int: "a whole number is wanted",
    bool: "true or false is wanted",
}


def _as_written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


def _stand_in(kind: Any) -> Any:
    """A value of a type, whatever it says."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        bounds = next((one for one in arguments[1:] if isinstance(one, Meta)), None)
        return bounds.ge if bounds is not None and bounds.ge is not None else _stand_in(arguments[0])
    if origin is Literal:
        return arguments[0]
    if origin in (Union, types.UnionType):
        return None
    if origin in (tuple, dict):
        return origin()
    if isinstance(kind, type) and issubclass(kind, Struct):
        return kind(
            **{field.name: _stand_in(field.type) for field in msgspec.structs.fields(kind) if field.required}
        )
    return {str: "", int: 0, bool: False}[kind]
