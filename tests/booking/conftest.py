"""What a server works out once in its life, these tests work out once in a process, and not for each of a thousand shops."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from imserver.plugins.booking.messages import shop_texts
from imserver.plugins.booking.schedule.shops import Chain
from imserver.plugins.booking.understanding.lexicon import Lexicon
from imserver.plugins.booking.understanding.reader import prepare
from tests.booking.support.shop import Shop
from tests.booking.support.staff import ChainFile

#: Of the chains that came last; most tests open the demo chain.
KEPT = 8


@pytest.fixture(scope="package", autouse=True)
def one_reader_for_a_chain() -> Iterator[None]:
    """The words of a chain are compiled and read with once: they follow from the chain alone, and nothing changes them. It took
    half the time of opening a shop."""
    made: deque[Lexicon] = deque(maxlen=KEPT)

    def of(chain: Chain) -> Lexicon:
        known = next((one for one in made if one.chain == chain), None)
        if known is None:
            known = Lexicon(chain)
            prepare(known)
            made.append(known)
        return known

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(shop_texts, "Lexicon", of)
        patched.setattr(shop_texts, "prepare", lambda lexicon: None)
        yield


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    """The demo chain, opened."""
    async with Shop() as shop:
        yield shop


@pytest.fixture
def file(tmp_path: Path) -> ChainFile:
    """The demo chain in a file that a test changes."""
    return ChainFile(tmp_path)
