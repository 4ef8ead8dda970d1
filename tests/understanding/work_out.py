"""Work out which strings the patterns that ship need, and write them into the plugin: `python -m tests.understanding.work_out`.

A pattern is known there by what it is made of, so a line is right for ever, and one that is missing costs the start of a
server some time and nothing else.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from importlib import resources
from pathlib import Path

from imserver.plugins.booking.dates import needs
from imserver.plugins.booking.messages.shop_texts import ShopTexts
from imserver.plugins.booking.schedule.chain_file import load_chain
from imserver.plugins.booking.understanding.acts import Scene
from imserver.plugins.booking.understanding.alarms import shipped_flags
from imserver.plugins.booking.understanding.reader import understand
from tests.understanding.corpus import utterances

TABLE = Path(str(resources.files("imserver.plugins.booking") / "words" / "needed.tsv"))
NOW = datetime(2026, 11, 18, 10)  # noqa: DTZ001 - wall time
#: What a pattern may need and no line of the table can hold; it is worked out at the start.
_SEPARATORS = frozenset("\t\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")


def asked_for() -> dict[str, tuple[needs.Grams, ...]]:
    """What the alternatives need of all patterns that a server asks about when it starts and reads the open half, by the
    patterns' keys."""
    texts = ShopTexts.of(load_chain("demo"))
    for step in ("", "name", "confirm", "slot"):
        for one in utterances("open"):
            shipped_flags().find(one.text)
            understand(one.text, Scene(NOW, "Asia/Shanghai", "garden", step=step), texts.lexicon)
    return {needs.key_of(*one): needs.work_out(*one) for one in needs.known()}


def written(asked: dict[str, tuple[needs.Grams, ...]]) -> str:
    """The table: a line for each pattern, its key and the strings."""
    lines = {key: _line(alternatives) for key, alternatives in asked.items() if _can_be_held(alternatives)}
    return "".join(f"{key}\t{lines[key]}\n" for key in sorted(lines))


def _can_be_held(alternatives: tuple[needs.Grams, ...]) -> bool:
    return all(_SEPARATORS.isdisjoint(gram) for grams in alternatives for gram in grams)


def _line(alternatives: tuple[needs.Grams, ...]) -> str:
    """Nothing stands for what is not known."""
    each = ("" if grams == needs.ALWAYS else "\t".join(sorted(grams)) for grams in alternatives)
    return needs.BETWEEN.join(each)


def main(arguments: Sequence[str] = ()) -> int:
    """Write the table."""
    TABLE.write_text(written(asked_for()), encoding="utf-8")
    print(f"{TABLE}: {TABLE.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
