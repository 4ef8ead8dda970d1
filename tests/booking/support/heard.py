"""What the reader makes of a text in a shop of a chain, at a moment: for tests of words, without a dialogue."""

from __future__ import annotations

from functools import cache

from imserver.plugins.booking.schedule.chain_file import load_chain
from imserver.plugins.booking.schedule.hours import wall_of, zone_of
from imserver.plugins.booking.schedule.shops import Chain, Shop
from imserver.plugins.booking.understanding.acts import Reading, Scene
from imserver.plugins.booking.understanding.lexicon import Lexicon
from imserver.plugins.booking.understanding.reader import understand


@cache
def demo() -> Lexicon:
    return Lexicon(load_chain("demo"))


def hear(
    text: str, now_ms: int, shop: Shop | None = None, chain: Chain | None = None, step: str = ""
) -> Reading:
    """Read in the time of the shop, or of the chain's first."""
    lexicon = demo() if chain is None else Lexicon(chain)
    here = shop or lexicon.chain.stores[0]
    scene = Scene(wall_of(now_ms, zone_of(here)), here.zone, shop.id if shop else "", step)
    return understand(text, scene, lexicon)
