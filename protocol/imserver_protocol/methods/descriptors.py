"""Descriptors: the name of a method, push or signal with the shapes of what it says.

A shape says which fields there are, in which order, and what each may be. Extra trailing ones are ignored, as everywhere on
the wire, and so a shape grows at its end (SPEC, "What may grow"): in results the fields with a default are ends that a server
leaves out, or says nil for, where it has nothing to say. Bounds in results, pushes and signals protect a client's memory;
params have none, for the server judges them itself: its refusal names the wrong one.
"""

from __future__ import annotations

from typing import Annotated, Generic, TypeVar

from msgspec import Meta, Struct


class Shape(Struct, array_like=True, frozen=True, gc=False):
    """Fields by position."""


P = TypeVar("P", bound=Shape)
R = TypeVar("R")


class Method(Struct, Generic[P, R], frozen=True):
    """A request and its result."""

    name: str
    params: type[P]
    result: type[R]


class Push(Struct, Generic[P], frozen=True):
    """A payload frame that the server starts: its kind and the fields behind it."""

    kind: str
    fields: type[P]


class Signal(Struct, Generic[P, R], frozen=True):
    """An ephemeral frame: its kind, and the fields behind it from a client (`said`) and from the server (`told`)."""

    kind: str
    said: type[P]
    told: type[R]


#: A position, a revision, a number of items, or a time in UTC milliseconds.
Number = Annotated[int, Meta(ge=0)]
#: The position of a message that exists.
Position = Annotated[int, Meta(ge=1)]
#: An id of a user or conversation.
Name = Annotated[str, Meta(max_length=1024)]
#: A word of the protocol: kept for each conversation, so it is short.
Word = Annotated[str, Meta(max_length=64)]
#: A place in a list, opaque to clients.
Token = Annotated[str, Meta(max_length=4096)]
#: An idempotency key as the server tells it.
Key = Annotated[bytes, Meta(max_length=64)]
