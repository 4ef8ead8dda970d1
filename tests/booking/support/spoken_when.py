"""What the date grammar makes of a text."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from imserver.plugins.booking.understanding.when import read_when

WEDNESDAY = datetime.fromisoformat("2026-11-18T10:00")
TODAY = WEDNESDAY.date()
TOMORROW = TODAY + timedelta(days=1)


def answer(text: str, now: datetime = WEDNESDAY) -> str:
    """Month-day and times, or the reason for asking with the day and the part of it that were understood."""
    reading = read_when(text, now, "Asia/Shanghai")
    known = [f"{reading.day:%m-%d}" if reading.day else "", reading.part or ""]
    return written(*reading.candidates) or " ".join([str(reading.reason), *filter(None, known)])


def listed(words: str) -> list[str]:
    """Words in a row, which is easier to read than a list of quoted ones."""
    return words.split()


def said(frame: str, words: str) -> list[str]:
    """The sentence with each of the words; `_` in a word is a blank."""
    return [frame.format(word.replace("_", " ")) for word in listed(words)]


def written(*moments: datetime) -> str:
    """Candidates as `answer` writes them."""
    return " | ".join(f"{moment:%Y-%m-%d %H:%M}".removeprefix("2026-") for moment in moments)


def at(day: date, hour: int, minute: int = 0) -> str:
    return written(datetime.combine(day, time(hour, minute)))
