"""A message with the red flag that is in it, looked for before anything else; in steps, since a text may be long."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

from .dialogue.incoming import Incoming
from .understanding.alarms import STEP_CHARS, RedFlags, strongest


def is_long(message: Incoming) -> bool:
    """Whether it takes several steps."""
    return len(message.text) > STEP_CHARS


def at_once(message: Incoming, red_flags: RedFlags) -> Incoming:
    """The message as it is to be heard."""
    seen = message
    for seen in _steps(message, red_flags):  # noqa: B007 - the last one is wanted
        pass
    return seen


async def in_steps(message: Incoming, red_flags: RedFlags) -> Incoming:
    """The same of a long one, which delays no other event."""
    seen = message
    for seen in _steps(message, red_flags):  # noqa: B007
        await asyncio.sleep(0)
    return seen


def _steps(message: Incoming, red_flags: RedFlags) -> Iterator[Incoming]:
    """The message with what was found so far."""
    for flag in red_flags.look(message.text):
        if flag is not None:
            message = replace(message, flag=strongest((message.flag, flag)))
        yield message
        if flag is not None and flag.urgent:
            return
