"""Tickets: the places of posts in their session's order. A module of its own, for no Struct stands in one that is compiled."""

from __future__ import annotations

import msgspec


class Ticket(msgspec.Struct, frozen=True, gc=False):
    """A post's place: `rank` says where it stands among the posts of its session, `arrival` when it was (last) offered.

    They differ for a key that held its conversation and is offered again: it keeps the rank of its first arrival.
    """

    rank: int
    arrival: int
