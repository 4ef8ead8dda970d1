"""A text read alone, for tables of what is said: its acts on one line, and what its words about time come to on another."""

from datetime import date, datetime

from imserver.plugins.booking.dates.text import Sheet
from imserver.plugins.booking.understanding.acts import Act, Hours, Scene, Shown, When
from imserver.plugins.booking.understanding.masks import mask
from imserver.plugins.booking.understanding.times import Times, read_times

WEDNESDAY = datetime.fromisoformat("2026-11-18T10:00")
ZONE = "Asia/Shanghai"
NOTHING = Shown()
CARD = Shown(date(2026, 11, 20), datetime.fromisoformat("2026-11-20T15:00"), asks_yes=True)
"""The card above a text: Friday, 20 November, at 15:00."""


def hear(text: str, shown: Shown = NOTHING, now: datetime = WEDNESDAY) -> Times:
    sheet = Sheet(text)
    mask(sheet)
    return read_times(sheet, Scene(now=now, zone=ZONE, shown=shown, day_said=shown.day))


def acts(text: str, shown: Shown = NOTHING, now: datetime = WEDNESDAY) -> str:
    """`refuse day 11-20, give day 11-21`, in the order of the acts."""
    return ", ".join(map(_act, hear(text, shown, now).acts))


def when(text: str, shown: Shown = NOTHING, now: datetime = WEDNESDAY) -> str:
    """`11-21 15:00`, `15:00..17:00` of a window, `?reason`; "" if the text has no words about time."""
    return _when(hear(text, shown, now).when)


def _act(act: Act) -> str:
    return f"{act.kind} {act.what} {_value(act.value)}"


def _value(value: object) -> str:
    if isinstance(value, Hours):
        return value.part or f"{_clock(value.begin)}-{_clock(value.end)}"
    if isinstance(value, tuple):
        return "+".join(map(_value, value))
    return f"{value:%m-%d}" if isinstance(value, date) else str(value)[:5]


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _when(found: When | None) -> str:
    if found is None:
        return ""
    said = [f"{moment:%m-%d %H:%M}" for moment in found.candidates]
    if found.window:
        begin, end = found.window
        said = [f"{begin:%m-%d %H:%M}..{end:%H:%M}", *([f"wish {found.wish:%H:%M}"] if found.wish else [])]
    said += ["first free"] if found.either_will_do else []
    return " ".join([*said, *([f"?{found.reason}"] if found.reason else [])])
