"""A session and a queue of posts, as the chat sees them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from imserver.chat.holds import Holds
from imserver.chat.posting import Posting
from imserver.chat.quotas import Quotas
from imserver.chat.transaction import Posted
from imserver.chat.units import Unit
from imserver.config import LimitsConfig
from imserver.content import encode_content
from imserver.errors import Refusal, RefusalCode
from imserver.testing import ManualClock


class Queue:
    """The store's place: keeps what is submitted."""

    def __init__(self) -> None:
        self.units: list[Unit] = []

    def submit(self, unit: Unit) -> None:
        self.units.append(unit)


class Session:
    user_id = "ann"
    ended = False

    def __init__(self) -> None:
        self.holds = Holds()
        self.used = Quotas(Queue(), ManualClock(), LimitsConfig()).of(self.user_id)  # type: ignore[arg-type]
        self.refused: dict[int, Exception] = {}
        self.answered = asyncio.Event()

    def push_all(self, tails: Sequence[Any]) -> None: ...

    def posts_done(self, answers: Iterable[tuple[int, Posted]]) -> None: ...

    def post_refused(self, request_seq: int, refusal: Exception) -> None:
        self.refused[request_seq] = refusal
        if len(self.refused) == 2:
            self.answered.set()

    def codes(self) -> list[RefusalCode]:
        return [refusal.code for refusal in self.refused.values() if isinstance(refusal, Refusal)]


SAID = encode_content({"type": "text", "text": "x"})


def messages(**limits: Any) -> tuple[Posting, Queue]:
    queue = Queue()
    return Posting(queue, ManualClock(), LimitsConfig(**limits)), queue  # type: ignore[arg-type]
