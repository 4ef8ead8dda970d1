"""Refusals in words: what stands in the way of a message, and until when. Pure functions; the rows make them safe to print."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imserver_client import RefusalCode, Refused

from .render import Page, clock_text

_UNITS = ("bytes", "KB", "MB", "GB", "TB")


def reason(refused: Refused, page: Page, who: str = "") -> str:
    """Why the server says no. `who`: the other one of a direct conversation, by name."""
    if refused.code == RefusalCode.FORBIDDEN and refused.detail in ("peer", "request"):
        who = who or "this user"
        if refused.detail == "peer":
            return f"{who} does not take messages from you"
        return f"{who} has your first message; write more when there is an answer"
    if refused.code == RefusalCode.FORBIDDEN and refused.detail == "blocked":
        return f"you blocked {who or 'this user'}; /unblock takes it back"
    return quota(refused.detail, page) or refused.text


def quota(detail: Any, page: Page) -> str:
    """What is used of an allowance, what is left, and when it comes back; "" if this detail is of something else."""
    if not isinstance(detail, Mapping):
        return ""
    limit, left, back_at = (_number(detail.get(name)) for name in ("limit", "left", "back_at"))
    whose = {"bytes_per_day": "today's", "bytes_in_all": "your"}.get(str(detail.get("quota")))
    if whose is None or limit is None:
        return ""
    told = f"{whose} {size(limit)} are used"
    if left:
        told = f"of {whose} {size(limit)} only {size(left)} are left"
    if back_at is not None:
        return f"{told}; again at {clock_text(back_at, page)}"
    return f"{told}; the operator of the server can give more"


def size(count: int) -> str:
    """256 MB: rounded down, so that nobody is promised more than there is."""
    unit = 0
    while count >= 1024 and unit < len(_UNITS) - 1:
        count, unit = count // 1024, unit + 1
    return f"{count} {_UNITS[unit]}"


def _number(value: Any) -> int | None:
    return value if type(value) is int and value >= 0 else None
