"""A server with one feature more, which tests ask things of."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from imserver import Server
from imserver.errors import Refusal, RefusalCode
from imserver.features import FEATURES
from imserver.model import User
from tests.features.trial import Trial
from tests.support.servers import config

AB = "direct/alice/bob"
INVALID, UNKNOWN_METHOD, FORBIDDEN, NOT_FOUND, KEY_REUSED = 600, 601, 602, 603, 604
OVERLOADED, INTERNAL = 703, 704


@asynccontextmanager
async def house(folder: Path, trial: Trial, **more: Any) -> AsyncIterator[Server]:
    """The server, with alice, bob, cy and eve."""
    async with Server(config(folder), features=(*FEATURES, trial.feature()), **more) as server:
        for name in ("alice", "bob", "cy", "eve"):
            await server.chat.put_user(User(name, name.title()))
        yield server


async def code_of(awaited: Any) -> RefusalCode:
    """Of the refusal that it must end with."""
    with pytest.raises(Refusal) as refused:
        await awaited
    return refused.value.code
