"""Lengths of time as people type them: `90s`, `15m`, `12h`, `30d`, `2w`."""

from __future__ import annotations

import re
from typing import Any

import click

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_PATTERN = re.compile(r"(\d{1,9})([smhdw])")
#: Ten years: more is a slip of the finger.
MAX_S = 3653 * 86_400


class Duration(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4
    """An option's value in whole seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        matched = _PATTERN.fullmatch(str(value).strip().lower())
        if matched is None:
            self.fail(f"{value!r}: a number and a unit, such as 90s, 15m, 12h, 30d or 2w", param, ctx)
        seconds = int(matched[1]) * _UNITS[matched[2]]
        if not 0 < seconds <= MAX_S:
            self.fail(f"{value!r}: above 0 and at most ten years", param, ctx)
        return seconds
