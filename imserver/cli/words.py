"""Times, sizes and numbers as commands say them. Pure functions, nothing but the standard library."""

from __future__ import annotations

from datetime import UTC, datetime


def moment(ms: int, form: str = "%Y-%m-%d %H:%M") -> str:
    """`2026-11-29 14:02`, in UTC; a damaged number as what it is."""
    try:
        return datetime.fromtimestamp(ms / 1000, UTC).strftime(form)
    except (ValueError, OverflowError, OSError):
        return f"{ms} ms"


def day(ms: int) -> str:
    """`2026-11-29`, in UTC."""
    return moment(ms, "%Y-%m-%d")


def count_words(number: int, what: str) -> str:
    """`1 message`, `12,345 messages`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def time_in_words(seconds: float) -> str:
    """`42 s`, `5 min`, `3 h 20 min`, `12 d 4 h`."""
    whole = int(seconds)
    if whole < 120:
        return f"{whole} s"
    minutes, hours, days = whole // 60, whole // 3600, whole // 86_400
    if minutes < 120:
        return f"{minutes} min"
    if hours < 48:
        return f"{hours} h {minutes % 60} min"
    return f"{days} d {hours % 24} h"


def size_in_words(size: int) -> str:
    """`0 B`, `512 KiB`, `1.4 GiB`."""
    value = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1000 or unit == "GiB":
            break
        value /= 1024
    return f"{value:.0f} {unit}" if value >= 10 or unit == "B" else f"{value:.1f} {unit}"
