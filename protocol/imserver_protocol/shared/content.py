"""Rules for the map in a message's content (SPEC, "Content"): the same for users, plugins, and clients before they send."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def content_fault(content: Mapping[str, Any]) -> tuple[str, str] | None:
    """The first fault of what somebody wants to say: its place (`content.type`) and a line for people. None: there is none."""
    kind = content.get("type")
    if not isinstance(kind, str) or not kind:
        return "content.type", "a map with `type`, a string"
    if kind == "system":
        return "content.type", "`system` is the server's own type"
    if kind == "text" and not isinstance(content.get("text"), str):
        return "content.text", "`text` is a string"
    return None
