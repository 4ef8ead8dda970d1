"""A scenario: what is played with one client, the sections of protocol/SPEC.md that it judges, and what it needs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from imserver_protocol.limits import Limits

from .play import ALL_FEATURES, Play

Script = Callable[[Play], Awaitable[None]]
#: A scenario is over by then, whatever the client does; longer where the judge is more patient than usual.
LONGEST_S: Final = 40.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """`needs`: parts that the driver must not lack. `kills`: the driver is killed, so it has one of its own. `slow`: waits for
    the long times of the protocol."""

    name: str
    about: str
    sections: tuple[str, ...]
    script: Script = field(repr=False)
    needs: frozenset[str] = frozenset()
    kills: bool = False
    slow: bool = False
    limits: Limits = field(default=Limits(), repr=False)
    features: tuple[str, ...] = ALL_FEATURES
    tokens: tuple[str, ...] = ("TOKEN",)


def scenario(
    *sections: str,
    needs: str = "",
    kills: bool = False,
    slow: bool = False,
    limits: Limits | None = None,
    features: tuple[str, ...] = ALL_FEATURES,
    tokens: tuple[str, ...] = ("TOKEN",),
) -> Callable[[Script], Scenario]:
    """Makes a scenario of a function: its name from module and function, what it is about from the docstring."""

    def make(script: Script) -> Scenario:
        noun = script.__module__.rpartition(".")[2]
        return Scenario(
            f"{noun}/{script.__name__.replace('_', '-')}",
            (script.__doc__ or "").strip().partition("\n")[0],
            sections,
            script,
            frozenset(needs.split()) | (frozenset({"kill"}) if kills else frozenset()),
            kills,
            slow,
            limits or Limits(),
            features,
            tokens,
        )

    return make
