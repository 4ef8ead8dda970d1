"""The chains that the halves of the corpus speak of, as chain files."""

from __future__ import annotations

import re
from pathlib import Path

from tests.booking.support.chains import DEMO

from .corpus import Half, shop_words

#: The sealed half knows one open shop with free times from 9 to 21, holidays too.
_EVERY_DAY = "".join(
    f'{day} = ["09:00-21:00"]\n' for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
)
_HOURS = re.compile(r"\[stores\.hours\]\n(?:\w+ = .*\n)+\n\[stores\.exceptions\]\n(?:\".*\n)*")
_SHOP = """
[[stores]]
id = "shop-{number}"
bot = "store-shop-{number}"
names = {{ zh = "{word}", en = "{word}" }}
words = ["{word}"]
zone = "Asia/Shanghai"
address = {{ zh = "{number} 号", en = "{number}" }}
[stores.hours]
mon = ["09:00-21:00"]
[[stores.resources]]
id = "shop-{number}-person"
kind = "person"
names = {{ zh = "{number}", en = "{number}" }}
skills = ["counter"]
"""


def chain_file(half: Half, folder: Path, *, shops: bool = False) -> str:
    """The chain of a half, written to a file; `shops`: with those that its texts name beside the demo chain's."""
    if half == "open":
        return "demo"
    text = _HOURS.sub(f"[stores.hours]\n{_EVERY_DAY}\n", DEMO.read_text("utf-8"))
    if shops:
        text += "".join(
            _SHOP.format(number=number, word=word) for number, word in enumerate(shop_words(half))
        )
    file = folder / f"{half}.toml"
    file.write_text(text, "utf-8")
    return str(file)
