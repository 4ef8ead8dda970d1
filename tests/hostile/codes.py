"""Ends of attacks: the attacker's close codes and refusals, compared with the row of the table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from enum import IntEnum

from imserver_protocol.errors import CloseCode, RefusalCode
from tests.limits.raw import PING, PONG, Ended, Raw

#: No other PING of an attack has this nonce.
NONCE = 4711


class Calm(IntEnum):
    """What is no code of the wire."""

    CUT_OFF = -1  #: the socket ends without a word: nobody is there, or no word could be said (TLS)
    GOES_ON = 0  #: the server rightly does nothing against it: the attacker is answered, and stays


Code = CloseCode | RefusalCode | Calm
CUT_OFF, GOES_ON = Calm


class Heard(Counter[int]):
    """How often an attacker was told what, and a note for the table."""

    def __init__(self, codes: Iterable[int] | dict[int, int] = (), note: str = "") -> None:
        super().__init__(codes)
        self.note = note

    def __str__(self) -> str:
        counts = " ".join(f"{count} x {named(code)}" for code, count in sorted((+self).items()))
        return f"{counts}; {self.note}" if self.note else counts


def named(code: int) -> str:
    """As the table prints it."""
    for kind in (Calm, CloseCode, RefusalCode):
        if code in kind._value2member_map_:
            return kind(code).name.lower().replace("_", " ") if kind is Calm else kind(code).name
    return f"{code} (no code)"


def require(heard: Heard, codes: Sequence[Code], may: Sequence[Code] = ()) -> None:
    """Everything of `codes` was heard, and nothing else, but perhaps something of `may`."""
    got = set(+heard)
    missing, strange = set(codes) - got, got - set(codes) - set(may)
    assert codes, "the row does not say how the attack ends"
    assert not missing, f"never heard {', '.join(map(named, missing))}: {heard}"
    assert not strange, f"heard {', '.join(map(named, strange))}: {heard}"


async def fate(raw: Raw) -> int:
    """The code of GOODBYE, CUT_OFF, or GOES_ON if a PING is answered. What stands in front is read."""
    raw.send(PING, 0, raw.received, NONCE)
    try:
        while raw.end is None:
            frame = await raw.frame()
            if frame[0] == PONG and frame[3] == NONCE:
                return GOES_ON
    except (Ended, ConnectionError):
        return CUT_OFF
    return (await raw.goodbye()).code
