"""The words of a chain, compiled once: shops, services, age bands, first visits, lenses."""

from __future__ import annotations

from imserver.plugins.booking.schedule.shops import Chain

from .ear import Ear


class Lexicon:
    """What the reader knows of a chain."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.ear = Ear(chain)
