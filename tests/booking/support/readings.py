"""What the reader makes of a text."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from imserver.plugins.booking.schedule.chain_file import load_chain
from imserver.plugins.booking.understanding.acts import Reading, Scene, Shown, Weight
from imserver.plugins.booking.understanding.lexicon import Lexicon
from imserver.plugins.booking.understanding.reader import understand

LEXICON = Lexicon(load_chain("demo"))


NOW = datetime.fromisoformat("2026-11-18T10:00")  # a Wednesday


FRIDAY, SATURDAY = date(2026, 11, 20), date(2026, 11, 21)


CARD = Shown(FRIDAY, datetime.fromisoformat("2026-11-20T15:00"), asks_yes=True)


def read(text: str, step: str = "", **scene: Any) -> Reading:
    shown = CARD if step == "confirm" else Shown()
    return understand(text, Scene(NOW, "Asia/Shanghai", "garden", step, shown=shown, **scene), LEXICON)


def said(reading: Reading) -> set[str]:
    """The acts in short: `begin book`, `give age 8`, `yes`."""
    return {
        " ".join(filter(None, (act.kind, act.what, "" if act.value is None else str(act.value))))
        for act in reading.acts
    }


def weights(reading: Reading) -> set[Weight]:
    return {one.weight for one in reading.rest}
